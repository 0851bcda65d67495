//! What a program said about itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nnf_contract::{Kind, Program};

use crate::digest::Digest;

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
