//! A stage with its axes and what is known of its outputs, before any instance of it is made.

use nnf_contract::Kind;

use crate::diagnostic::Diagnostic;
use crate::graph::{ByName, OutputSpec};
use crate::pipeline::axes::Axes;
use crate::pipeline::expand::around::Around;
use crate::pipeline::reading::Faults;
use crate::pipeline::stage::StageDefinition;
use crate::pipeline::{settings, suggest};
use crate::programs::Offered;
use crate::yaml::Entry;

/// A stage with its axes and what is known of its outputs.
pub(super) struct Stage<'a> {
    pub(super) definition: &'a StageDefinition,
    pub(super) axes: Axes<'a>,
    /// The kind, for a stage with `use`.
    pub(super) offered: Option<(&'a Offered, &'a Kind)>,
    /// Outputs by name; none if they cannot be known because of another fault.
    pub(super) outputs: Option<ByName<OutputSpec>>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(definition: &'a StageDefinition, around: &Around<'a>, faults: &mut Faults) -> Self {
        let (scope, catalogue) = (around.scope(definition), around.catalogue(definition));
        let axes = Axes::read(definition, scope, faults);
        let mut stage = Stage { definition, axes, offered: None, outputs: None };
        if let Some(node) = &definition.kind {
            let name = scope.written(node, faults).unwrap_or_default();
            stage.offered = catalogue.find(&name);
            if stage.offered.is_none() && catalogue.is_whole() {
                let known: Vec<&str> = catalogue.kinds().collect();
                let fault = Diagnostic::new(format!("no program offers the kind `{name}`")).at(&node.place);
                faults.push(match suggest::hint(&name, known.iter().copied()) {
                    Some(hint) => fault.hint(hint),
                    None => fault,
                });
            }
            let outputs = |kind: &Kind| {
                let spec = |o: &nnf_contract::Output| OutputSpec { media: o.media.clone(), optional: o.optional };
                kind.outputs.iter().map(|output| (output.name.clone(), spec(output))).collect()
            };
            stage.outputs = stage.offered.map(|(_, kind)| outputs(kind));
            if let Some((place, _)) = &definition.outputs {
                let fault = Diagnostic::new("`out` is for stages with `run`; a kind declares its own outputs");
                faults.push(fault.at(place));
            }
        } else if definition.run.is_some() {
            let entries = definition.outputs.as_ref().map_or(&[] as &[Entry], |(_, entries)| entries);
            stage.outputs = Some(settings::outputs(entries, faults));
        }
        stage
    }
}
