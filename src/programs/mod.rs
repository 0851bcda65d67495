//! Stage programs: what they offer, asked once and remembered.

mod ask;
mod catalogue;
pub(crate) mod code;
mod describer;
mod memory;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nnf_contract::{Kind, Program};
use serde::{Deserialize, Serialize};

use crate::diagnostic::Place;
use crate::digest::Digest;

pub(crate) use ask::ask;
pub use catalogue::Catalogue;
pub(crate) use describer::can_be_seen_whole;
pub use describer::{Describer, find_program, not_found};

/// Programs that a pipeline has when it lists none.
pub const DEFAULT_PROGRAMS: [&str; 2] = ["nnf-data-prep", "nnf-stages"];

/// A program as a pipeline lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Its name in the pipeline.
    pub name: String,
    /// Its command, the program first.
    pub words: Vec<String>,
    /// Files that it is made of, absolute; part of the fingerprint of its kinds.
    pub code: Vec<PathBuf>,
    /// The folder that relative paths begin at.
    pub root: PathBuf,
    /// Where it is listed; none for the ones that come with the engine.
    #[serde(skip)]
    pub place: Option<Place>,
}

impl Listed {
    /// A program that comes with the engine.
    #[must_use]
    pub fn shipped(name: &str, root: &Path) -> Self {
        Listed { name: name.into(), words: vec![name.into()], code: Vec::new(), root: root.into(), place: None }
    }

    /// A program of the pipeline, its command still to be filled in.
    #[must_use]
    pub fn named(name: &str, root: &Path, place: &Place) -> Self {
        Listed { name: name.into(), words: Vec::new(), code: Vec::new(), root: root.into(), place: Some(place.clone()) }
    }
}

/// A program that has described itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    /// Its command, the program by its absolute path.
    pub argv: Vec<String>,
    /// What it said.
    pub program: Program,
    /// Digest of the files under `code`, if it lists any.
    pub code: Option<Digest>,
    /// These files, absolute.
    pub files: Vec<PathBuf>,
}

impl Offered {
    /// The fingerprint of one of its kinds: what the program says, and the code that the pipeline lists.
    #[must_use]
    pub fn fingerprint(&self, kind: &Kind) -> String {
        match &self.code {
            Some(code) => format!("{}+{code}", kind.fingerprint),
            None => kind.fingerprint.clone(),
        }
    }

    /// Changes with anything of the answer.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let code = self.code.map(|code| code.to_string());
        Digest::of(&serde_json::to_vec(&(&self.argv, &self.program, code)).unwrap_or_default())
    }

    /// Versions of the program and its libraries, for records.
    #[must_use]
    pub fn versions(&self) -> BTreeMap<String, String> {
        let mut versions = self.program.libraries.clone();
        versions.insert(self.program.program.clone(), self.program.version.clone());
        versions
    }
}

/// The answers of all programs, which are asked at once: to start one may take a while.
pub(crate) fn ask_all<'a>(
    listed: impl IntoIterator<Item = &'a Listed>,
    resolver: &dyn ProgramResolver,
) -> Vec<Result<Offered, ProgramError>> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = listed.into_iter().map(|listed| scope.spawn(|| resolver.describe(listed))).collect();
        let failed = || ProgramError { message: "nnf itself failed to ask it".into(), hint: None };
        asked.into_iter().map(|asked| asked.join().unwrap_or_else(|_| Err(failed()))).collect()
    })
}

/// Why a program could not describe itself.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProgramError {
    /// Lower-case fragment: what is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Answers for programs. The real one is [`Describer`]; tests have tables.
pub trait ProgramResolver: Sync {
    /// Finds a program and has it describe itself.
    ///
    /// # Errors
    /// When it is not found, or its answer is not a description.
    fn describe(&self, listed: &Listed) -> Result<Offered, ProgramError>;
}
