//! Names that several files of a pipeline may both want.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, Place};
use crate::pipeline::definition::Definition;
use crate::pipeline::reading::Faults;
use crate::pipeline::space::Space;

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum What {
    Parameter,
    Program,
    Stage,
}

/// Names by namespace, and where each stands.
pub(crate) struct Names {
    of: HashMap<(usize, What, String), Place>,
    /// Whether there are several files. In one, no name stands twice.
    matter: bool,
}

impl Names {
    pub(crate) fn new(matter: bool) -> Self {
        Names { of: HashMap::new(), matter }
    }

    /// Takes the names of a file for a namespace. What has a name that another file took is left out.
    pub(crate) fn claim(&mut self, space: usize, file: &mut Definition, faults: &mut Faults) {
        if !self.matter {
            return;
        }
        file.params.retain(|entry| self.is_first(space, What::Parameter, &entry.key, &entry.place, faults));
        if let Some(programs) = &mut file.programs {
            programs.retain(|entry| self.is_first(space, What::Program, &entry.key, &entry.place, faults));
        }
        file.stages.retain(|stage| self.is_first(space, What::Stage, &stage.name, &stage.place, faults));
    }

    fn is_first(&mut self, space: usize, what: What, name: &str, place: &Place, faults: &mut Faults) -> bool {
        let Some(first) = self.of.get(&(space, what, name.to_owned())) else {
            self.of.insert((space, what, name.to_owned()), place.clone());
            return true;
        };
        let fault = Diagnostic::new(format!("{} `{name}` stands in two files", what.word())).at(place);
        faults.push(
            fault
                .related(first, "it stands here first")
                .hint("name one of them otherwise, or include one file under a namespace: `{ file: FILE, as: NAME }`"),
        );
        false
    }

    /// Sees to it that `dev.x` means one thing: no parameter or stage is called like a namespace beside it.
    pub(crate) fn check_spaces(&self, spaces: &[Space], faults: &mut Faults) {
        for (at, space) in spaces.iter().enumerate() {
            for inner in &space.inner {
                for what in [What::Parameter, What::Stage] {
                    let Some(other) = self.of.get(&(at, what, inner.name.clone())) else { continue };
                    let (name, word) = (&inner.name, what.word());
                    let fault = Diagnostic::new(format!("`{name}` is the name of a namespace and of a {word}"));
                    faults.push(fault.at(&inner.place).related(other, format!("the {word}")));
                }
            }
        }
    }
}

impl What {
    fn word(self) -> &'static str {
        match self {
            What::Parameter => "parameter",
            What::Program => "program",
            What::Stage => "stage",
        }
    }
}
