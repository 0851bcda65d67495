//! Which instances of another stage an input means, by their labels and by those of the instance that reads.

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Place};
use crate::graph::{InstanceId, Source};
use crate::pipeline::expand::maker::Maker;
use crate::pipeline::expand::stage::Stage;
use crate::pipeline::reference::Which;
use crate::pipeline::suggest;

impl<'a> Maker<'a, '_> {
    pub(super) fn stage_source(
        &mut self,
        text: &str,
        stage: &str,
        which: &Which,
        output: &str,
        place: &Place,
    ) -> Option<Source> {
        let prefix = self.prefix();
        let full = if prefix.is_empty() { Cow::Borrowed(stage) } else { Cow::Owned(format!("{prefix}{stage}")) };
        let Some((first, producer)) = self.index.get(&*full).copied() else {
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
        if producer.axes.count() == 0 {
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
        let prefix = self.prefix();
        // Nothing is made of its own results.
        let others = self.index.keys().filter(|name| **name != *reader);
        let own = others.filter_map(|name| name.strip_prefix(prefix));
        self.faults.push(match suggest::nearest(stage, own) {
            Some(near) => fault.hint(format!("did you mean `{}`?", text.replacen(stage, near, 1))),
            None if !prefix.is_empty() && self.index.contains_key(stage) => {
                fault.hint("a file that is included `as` a namespace sees the stages of that namespace alone")
            }
            None => fault.hint("inputs are written `stage.output` or `file:path`"),
        });
    }

    /// What stands before the names of the reader's namespace.
    fn prefix(&self) -> &'a str {
        &self.around.space(self.stage.definition).prefix
    }

    /// The name of a stage as the reader's file has it.
    fn own_name<'s>(&self, stage: &'s Stage<'_>) -> &'s str {
        let name = &stage.definition.name;
        self.around.space(self.stage.definition).own(name).unwrap_or(name)
    }

    /// The label that the reader has on an axis of that name.
    fn own(&self, axis: &str) -> Option<&str> {
        let mut axes = self.stage.axes.iter().zip(self.positions);
        axes.find(|(own, _)| own.name == axis).map(|(own, position)| own.label(*position))
    }

    /// The position of the one instance with the reader's own labels and the given ones.
    fn one(&mut self, producer: &Stage<'_>, given: &[(String, String)], place: &Place) -> Option<usize> {
        let stage = self.own_name(producer);
        for (axis, label) in given {
            let Some(found) = producer.axes.iter().find(|known| known.name == axis) else {
                let fault = Diagnostic::new(format!("stage `{stage}` has no axis `{axis}`")).at(place);
                let axes: Vec<&str> = producer.axes.iter().map(|axis| axis.name).collect();
                self.faults.push(match suggest::hint(axis, axes.iter().copied()) {
                    Some(hint) => fault.hint(hint),
                    None => fault.hint("it has no axes at all"),
                });
                return None;
            };
            if found.position(label).is_none() {
                self.no_label(stage, axis, label, place);
                return None;
            }
        }
        let mut wanted = Vec::new();
        for axis in producer.axes.iter() {
            let by_hand = given.iter().find(|(name, _)| name == axis.name).map(|(_, label)| label.as_str());
            let Some(label) = by_hand.or_else(|| self.own(axis.name)) else {
                let axis = axis.name;
                let message = format!("stage `{stage}` has an instance for each `{axis}`; which one is meant?");
                let hint = format!("`{stage}[{axis}=LABEL].…` names one, `{stage}[*].…` gathers all");
                self.faults.push(Diagnostic::new(message).at(place).hint(hint));
                return None;
            };
            match axis.position(label) {
                Some(position) => wanted.push(position),
                None => {
                    let label = label.to_owned();
                    self.no_label(stage, axis.name, &label, place);
                    return None;
                }
            }
        }
        Some(producer.axes.instance(&wanted))
    }

    fn no_label(&mut self, stage: &str, axis: &str, label: &str, place: &Place) {
        let message = format!("stage `{stage}` has no instance with `{axis}={label}`");
        self.faults
            .push(Diagnostic::new(message).at(place).hint(format!("give both stages the same values of `{axis}`")));
    }

    /// Labels and positions of all instances that agree with the reader's own labels.
    fn all(&mut self, producer: &Stage<'_>, place: &Place) -> Option<Vec<(String, usize)>> {
        let stage = self.own_name(producer);
        let own: Vec<Option<&str>> = producer.axes.iter().map(|axis| self.own(axis.name)).collect();
        if own.iter().all(Option::is_some) {
            let message = format!("stage `{stage}` has no axis to gather over here");
            self.faults.push(Diagnostic::new(message).at(place).hint("leave `[*]` out"));
            return None;
        }
        let mut given = Vec::new();
        for (axis, label) in producer.axes.iter().zip(&own) {
            let position = label.map(|label| axis.position(label));
            if position == Some(None) {
                let message = format!("no instance of stage `{stage}` has the labels of this one");
                self.faults.push(Diagnostic::new(message).at(place));
                return None;
            }
            given.push(position.flatten());
        }
        // A member is known by its labels on the axes that the reader lacks, in the order of their names.
        let mut lacking: Vec<_> = producer.axes.iter().enumerate().filter(|(at, _)| own[*at].is_none()).collect();
        lacking.sort_by_key(|(_, axis)| axis.name);
        let label = |instance: usize| {
            let positions = producer.axes.positions(instance);
            let labels = lacking.iter().map(|(at, axis)| format!("{}={}", axis.name, axis.label(positions[*at])));
            labels.collect::<Vec<_>>().join(",")
        };
        Some(producer.axes.matching(&given).into_iter().map(|instance| (label(instance), instance)).collect())
    }
}
