//! Inputs of one instance: which there are, and where each comes from.

use std::collections::BTreeMap;

use nnf_contract::{Kind, ParameterType};

use crate::diagnostic::Diagnostic;
use crate::graph::{ByName, Source};
use crate::pipeline::expand::maker::Maker;
use crate::pipeline::interpolate::what;
use crate::pipeline::reading::{bad_label, is_label};
use crate::pipeline::reference::{self, Reference};
use crate::pipeline::space::is_path;
use crate::pipeline::suggest;
use crate::yaml::{Entry, Value};

impl Maker<'_, '_> {
    pub(super) fn inputs(&mut self) -> ByName<Source> {
        let definition = self.stage.definition;
        let mut inputs = BTreeMap::new();
        for entry in &definition.inputs {
            let declared = match self.stage.offered {
                Some((_, kind)) => match kind.inputs.iter().find(|input| input.name == entry.key) {
                    Some(input) => Some(input),
                    None => {
                        self.unknown_input(entry, kind);
                        continue;
                    }
                },
                None => None,
            };
            if !is_label(&entry.key) {
                // It becomes the name of a file that the stage reads.
                self.faults.push(bad_label("input name", &entry.key, &entry.place));
            }
            let Some(source) = self.source(entry) else { continue };
            if matches!(source, Source::Many(_)) && declared.is_some_and(|input| !input.many) {
                let message =
                    format!("input `{}` of stage `{}` takes one file, not a list", entry.key, definition.name);
                self.faults.push(Diagnostic::new(message).at(&entry.value.place));
            }
            inputs.insert(entry.key.clone(), source);
        }
        let Some((_, kind)) = self.stage.offered else { return inputs.into() };
        for input in kind.inputs.iter().filter(|input| !input.optional) {
            if !definition.inputs.iter().any(|entry| entry.key == input.name) {
                let message = format!("stage `{}` lacks input `{}`: {}", definition.name, input.name, input.doc);
                let hint = format!("add `{}: STAGE.OUTPUT` under `in`", input.name);
                self.faults.push(Diagnostic::new(message).at(&definition.place).hint(hint));
            }
        }
        inputs.into()
    }

    fn unknown_input(&mut self, entry: &Entry, kind: &Kind) {
        let fault = Diagnostic::new(format!("kind `{}` has no input `{}`", kind.name, entry.key)).at(&entry.place);
        let known: Vec<&str> = kind.inputs.iter().map(|input| input.name.as_str()).collect();
        let as_parameter =
            kind.parameters.iter().any(|p| p.name == entry.key && !matches!(p.kind, ParameterType::Bool));
        self.faults.push(if as_parameter {
            fault.hint(format!("`{}` is a parameter: write it under `with`", entry.key))
        } else {
            match suggest::hint(&entry.key, known.iter().copied()) {
                Some(hint) => fault.hint(hint),
                None => fault,
            }
        });
    }

    /// The source of one input: a text, or a map from label to text for a fan-in over different stages.
    fn source(&mut self, entry: &Entry) -> Option<Source> {
        if let Value::Map(members) = &entry.value.value {
            let mut many = BTreeMap::new();
            for member in members {
                if !is_label(&member.key) {
                    self.faults.push(bad_label("label", &member.key, &member.place));
                }
                if !matches!(member.value.value, Value::Text(_)) {
                    let message =
                        format!("member `{}` is text, but here stands {}", member.key, member.value.value.what());
                    self.faults.push(Diagnostic::new(message).at(&member.value.place));
                } else if let Some(source) = self.source(member) {
                    many.insert(member.key.clone(), source);
                }
            }
            return Some(Source::Many(many));
        }
        let place = &entry.value.place;
        let value = self.scope.resolve(&entry.value, self.faults);
        let Some(text) = value.as_str() else {
            let message = format!("input `{}` is text, but here stands {}", entry.key, what(&value));
            self.faults
                .push(Diagnostic::new(message).at(place).hint("for example `train.weights` or `file:data/x.csv`"));
            return None;
        };
        let (spaces, from) = (self.around.spaces, self.stage.definition.space);
        match reference::parse(text, &|path| is_path(spaces, from, path)) {
            Err(message) => {
                self.faults.push(Diagnostic::new(message).at(place));
                None
            }
            Ok(Reference::File(written)) => match self.around.roots.resolve(&written, place) {
                Ok(path) => Some(Source::File { path, written }),
                Err(fault) => {
                    self.faults.push(*fault);
                    None
                }
            },
            Ok(Reference::Stage { stage, which, output }) => self.stage_source(text, &stage, &which, &output, place),
        }
    }
}
