//! Which instances of another stage an input means, by their labels and by those of the instance that reads.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{InstanceId, Source};
use crate::pipeline::axes::Cell;
use crate::pipeline::expand::maker::Maker;
use crate::pipeline::expand::stage::Stage;
use crate::pipeline::reference::Which;
use crate::pipeline::suggest;

impl Maker<'_, '_> {
    pub(super) fn stage_source(
        &mut self,
        text: &str,
        stage: &str,
        which: &Which,
        output: &str,
        place: &Place,
    ) -> Option<Source> {
        let Some((first, producer)) = self.index.get(stage).copied() else {
            self.no_stage(text, stage, place);
            return None;
        };
        if let Some(outputs) = &producer.outputs
            && output != "record"
            && !outputs.contains_key(output)
        {
            let fault = Diagnostic::new(format!("stage `{stage}` has no output `{output}`")).at(place);
            let known = outputs.keys().map(String::as_str).chain(["record"]).collect::<Vec<_>>();
            self.faults.push(match suggest::hint(output, known.iter().copied()) {
                Some(hint) => fault.hint(hint),
                None => fault,
            });
            return None;
        }
        if producer.cells.is_empty() {
            return None; // its axes are faulty, which is said already
        }
        let at = |position: usize| -> Source {
            let from = InstanceId(u32::try_from(first + position).unwrap_or(u32::MAX));
            if output == "record" {
                Source::Record { from }
            } else {
                Source::Output { from, output: output.to_owned() }
            }
        };
        match which {
            Which::One(given) => self.one(producer, given, place).map(at),
            Which::All => self
                .all(producer, place)
                .map(|found| Source::Many(found.into_iter().map(|(label, position)| (label, at(position))).collect())),
        }
    }

    fn no_stage(&mut self, text: &str, stage: &str, place: &Place) {
        let reader = &self.stage.definition.name;
        let fault = Diagnostic::new(format!("stage `{reader}` needs `{text}`, which nothing produces")).at(place);
        self.faults.push(match suggest::nearest(stage, self.index.keys().copied()) {
            Some(near) => fault.hint(format!("did you mean `{}`?", text.replacen(stage, near, 1))),
            None => fault.hint("inputs are written `stage.output` or `file:path`"),
        });
    }

    /// The position of the one instance with the reader's own labels and the given ones.
    fn one(&mut self, producer: &Stage<'_>, given: &[(String, String)], place: &Place) -> Option<usize> {
        let stage = &producer.definition.name;
        let axes: Vec<&str> = producer.definition.each.iter().map(|entry| entry.key.as_str()).collect();
        for (axis, label) in given {
            if !axes.contains(&axis.as_str()) {
                let fault = Diagnostic::new(format!("stage `{stage}` has no axis `{axis}`")).at(place);
                self.faults.push(match suggest::hint(axis, axes.iter().copied()) {
                    Some(hint) => fault.hint(hint),
                    None => fault.hint("it has no axes at all"),
                });
                return None;
            }
            if !producer.cells.iter().any(|cell| cell.labels.get(axis) == Some(label)) {
                self.no_label(stage, axis, label, place);
                return None;
            }
        }
        let mut wanted = BTreeMap::new();
        for axis in axes {
            let by_hand = given.iter().find(|(name, _)| name == axis).map(|(_, label)| label);
            let Some(label) = by_hand.or_else(|| self.cell.labels.get(axis)) else {
                let message = format!("stage `{stage}` has an instance for each `{axis}`; which one is meant?");
                let hint = format!("`{stage}[{axis}=LABEL].…` names one, `{stage}[*].…` gathers all");
                self.faults.push(Diagnostic::new(message).at(place).hint(hint));
                return None;
            };
            wanted.insert(axis.to_owned(), label.clone());
        }
        let found = producer.cells.iter().position(|cell| cell.labels == wanted);
        if found.is_none() {
            let missing =
                wanted.iter().find(|(a, l)| !producer.cells.iter().any(|cell| cell.labels.get(*a) == Some(l)));
            if let Some((axis, label)) = missing {
                self.no_label(stage, axis, label, place);
            }
        }
        found
    }

    fn no_label(&mut self, stage: &str, axis: &str, label: &str, place: &Place) {
        let message = format!("stage `{stage}` has no instance with `{axis}={label}`");
        self.faults
            .push(Diagnostic::new(message).at(place).hint(format!("give both stages the same values of `{axis}`")));
    }

    /// Labels and positions of all instances that agree with the reader's own labels.
    fn all(&mut self, producer: &Stage<'_>, place: &Place) -> Option<Vec<(String, usize)>> {
        let own = &self.cell.labels;
        let agrees =
            |cell: &&(usize, &Cell)| cell.1.labels.iter().all(|(axis, label)| own.get(axis).is_none_or(|o| o == label));
        let cells: Vec<(usize, &Cell)> = producer.cells.iter().enumerate().collect();
        let label = |cell: &Cell| {
            let lacking = cell.labels.iter().filter(|(axis, _)| !own.contains_key(*axis));
            lacking.map(|(axis, label)| format!("{axis}={label}")).collect::<Vec<_>>().join(",")
        };
        let found: Vec<(String, usize)> = cells.iter().filter(agrees).map(|(i, cell)| (label(cell), *i)).collect();
        let stage = &producer.definition.name;
        if found.is_empty() {
            self.faults
                .push(Diagnostic::new(format!("no instance of stage `{stage}` has the labels of this one")).at(place));
            return None;
        }
        if found.len() == 1 && found[0].0.is_empty() {
            let message = format!("stage `{stage}` has no axis to gather over here");
            self.faults.push(Diagnostic::new(message).at(place).hint("leave `[*]` out"));
            return None;
        }
        Some(found)
    }
}
