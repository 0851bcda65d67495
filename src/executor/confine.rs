//! Keeps this process, and all that it starts, from files that it was not given: Landlock, where the system has it.
//!
//! It does not know stages; whoever calls it lists what may be reached. Nothing that was given up can be had back.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a confined process may reach; each path with all that lies below it. Paths that are not there allow nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// What it may read and execute.
    pub read: BTreeSet<PathBuf>,
    /// Folders whose names it may list, without what the files hold.
    pub list: BTreeSet<PathBuf>,
    /// What it may write too.
    pub write: BTreeSet<PathBuf>,
}

/// Why a process could not be confined.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The system has no means.
    #[error("this system cannot keep a stage from files: {0}; it takes Linux 5.19 or newer with Landlock")]
    Unsupported(String),
    /// It has, and yet it refused.
    #[error("the system refused to keep a stage from files: {0}")]
    Refused(String),
}

/// Whether this system can confine a process.
///
/// # Errors
/// [`ConfineError::Unsupported`] says why it cannot.
pub fn can_confine() -> Result<(), ConfineError> {
    system::can_confine()
}

/// Confines this thread and what it becomes or starts from now on.
///
/// # Errors
/// When the system cannot, or refuses. Then the caller must not go on.
pub fn confine(bounds: &Bounds) -> Result<(), ConfineError> {
    system::confine(bounds)
}

#[cfg(target_os = "linux")]
mod system {
    use landlock::{
        ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
        RulesetError, RulesetStatus, path_beneath_rules,
    };

    use super::{Bounds, ConfineError};

    /// Reading, executing, writing, making, removing and moving are a hard requirement. Older kernels cannot govern
    /// truncation by path, which lets nobody read anything, so it is taken where it is to be had.
    fn rules() -> Result<RulesetCreated, RulesetError> {
        Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V2))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::Truncate)?
            .create()
    }

    pub(super) fn can_confine() -> Result<(), ConfineError> {
        rules().map(drop).map_err(|error| ConfineError::Unsupported(error.to_string()))
    }

    pub(super) fn confine(bounds: &Bounds) -> Result<(), ConfineError> {
        let refused = |error: RulesetError| ConfineError::Refused(error.to_string());
        let rules = rules().map_err(|error| ConfineError::Unsupported(error.to_string()))?;
        let all = AccessFs::from_all(ABI::V3);
        let status = rules
            .add_rules(path_beneath_rules(&bounds.read, AccessFs::from_read(ABI::V3)))
            .and_then(|rules| rules.add_rules(path_beneath_rules(&bounds.list, AccessFs::ReadDir)))
            .and_then(|rules| rules.add_rules(path_beneath_rules(&bounds.write, all)))
            .and_then(RulesetCreated::restrict_self)
            .map_err(refused)?;
        match status.ruleset {
            RulesetStatus::NotEnforced => Err(ConfineError::Refused("no rule is in force".into())),
            _ => Ok(()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Bounds, ConfineError};

    pub(super) fn can_confine() -> Result<(), ConfineError> {
        Err(ConfineError::Unsupported(format!("there is no Landlock on {}", std::env::consts::OS)))
    }

    pub(super) fn confine(_: &Bounds) -> Result<(), ConfineError> {
        can_confine()
    }
}
