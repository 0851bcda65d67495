//! All kinds that the programs of a pipeline offer.

use std::collections::BTreeMap;

use nnf_contract::Kind;

use crate::diagnostic::Diagnostic;
use crate::digest::Digest;
use crate::programs::listed::Listed;
use crate::programs::offered::Offered;
use crate::programs::resolver::{ProgramError, ProgramResolver, ask_all};

/// All kinds that the programs of a pipeline offer.
#[derive(Debug, Default)]
pub struct Catalogue {
    programs: Vec<(String, Offered)>,
    failed: bool,
}

impl Catalogue {
    /// Asks the programs of several lists, all at once and each of them once, and adds what is wrong to `faults`.
    pub(crate) fn ask(
        lists: &[Vec<Listed>],
        resolver: &dyn ProgramResolver,
        faults: &mut Vec<Diagnostic>,
    ) -> Vec<Self> {
        let mut asked: Vec<&Listed> = Vec::new();
        let mut positions = BTreeMap::new();
        for listed in lists.iter().flatten() {
            positions.entry((&listed.words, &listed.code)).or_insert_with(|| {
                asked.push(listed);
                asked.len() - 1
            });
        }
        let answers = ask_all(asked, resolver);
        let answer = |listed: &Listed| &answers[positions[&(&listed.words, &listed.code)]];
        lists.iter().map(|list| Self::of(list.iter().map(|listed| (listed, answer(listed))), faults)).collect()
    }

    fn of<'a>(
        answers: impl Iterator<Item = (&'a Listed, &'a Result<Offered, ProgramError>)>,
        faults: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut catalogue = Catalogue::default();
        for (program, answer) in answers {
            let at = |fault: Diagnostic| match &program.place {
                Some(place) => fault.at(place),
                None => fault,
            };
            match answer {
                Ok(offered) => {
                    for kind in &offered.program.kinds {
                        if let Some((owner, _)) = catalogue.offering(&kind.name) {
                            let message = format!(
                                "programs `{owner}` and `{}` both offer the kind `{}`",
                                program.name, kind.name
                            );
                            faults.push(at(Diagnostic::new(message).hint("leave one of them out of `programs`")));
                        }
                    }
                    catalogue.programs.push((program.name.clone(), offered.clone()));
                }
                Err(error) => {
                    catalogue.failed = true;
                    let fault = at(Diagnostic::new(format!("program `{}`: {}", program.name, error.message)));
                    faults.push(match &error.hint {
                        Some(hint) => fault.hint(hint.as_str()),
                        None => fault,
                    });
                }
            }
        }
        catalogue
    }

    /// With the programs of another one that it lacks.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        for (name, offered) in other.programs {
            let same = |known: &Offered| known.argv == offered.argv && known.files == offered.files;
            if !self.programs.iter().any(|(_, known)| same(known)) {
                self.programs.push((name, offered));
            }
        }
        self
    }

    /// What was asked, and a digest of each answer, so that it can be found out whether all would answer the same.
    #[must_use]
    pub fn asked<'a>(&self, listed: &'a [Listed]) -> Vec<(&'a Listed, Digest)> {
        listed.iter().zip(&self.programs).map(|(listed, (_, offered))| (listed, offered.digest())).collect()
    }

    fn offering(&self, kind: &str) -> Option<(&str, &Kind)> {
        self.programs.iter().find_map(|(name, offered)| {
            offered.program.kinds.iter().find(|k| k.name == kind).map(|kind| (name.as_str(), kind))
        })
    }

    /// Whether all programs have answered, so that an unknown kind is known to be one.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.failed
    }

    /// The kind of that name, and the program that offers it.
    #[must_use]
    pub fn find(&self, kind: &str) -> Option<(&Offered, &Kind)> {
        self.programs
            .iter()
            .find_map(|(_, offered)| offered.program.kinds.iter().find(|k| k.name == kind).map(|kind| (offered, kind)))
    }

    /// The names of all kinds.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.programs.iter().flat_map(|(_, offered)| offered.program.kinds.iter().map(|kind| kind.name.as_str()))
    }

    /// All programs with their names in the pipeline.
    #[must_use]
    pub fn programs(&self) -> &[(String, Offered)] {
        &self.programs
    }
}
