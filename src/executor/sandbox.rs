//! Keeps this process, and all that it starts, from files that it was not given: Landlock, where the system has it.
//!
//! Whoever calls it lists what may be reached; the system's own folders are added here, since they are the machine's, not
//! the stage's. Nothing that was given up can be had back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Programs, libraries and settings of the system: every strict stage may read them.
const SYSTEM: [&str; 17] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/run/current-system",
    "/run/systemd/resolve",
    "/var/lib/ca-certificates",
    "/proc",
    "/sys",
    "/dev/pts",
];

/// Devices that hold nothing, and memory that processes of one program share.
const DEVICES: [&str; 7] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/shm"];

/// How names of devices of graphics processors begin.
const GPU_DEVICES: [&str; 4] = ["nvidia", "dri", "kfd", "dxg"];

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
pub enum SandboxError {
    /// The system has no means.
    #[error("this system cannot keep a stage from files: {0}; it takes Linux 5.19 or newer with Landlock")]
    Unsupported(String),
    /// The project lies where every stage may read.
    #[error("it cannot be strict: {} lies in {system}, which every stage may read", .folder.display())]
    Within {
        /// The project.
        folder: PathBuf,
        /// A folder of the system.
        system: &'static str,
    },
    /// It has, and yet it refused.
    #[error("the system refused to keep a stage from files: {0}")]
    Refused(String),
}

impl Bounds {
    /// These bounds with what every stage in a folder may reach of the system, and with its devices if it has any GPU.
    ///
    /// # Errors
    /// When the folder lies in one of the system's: it would lie open to every stage.
    pub(crate) fn with_system(mut self, folder: &Path, gpus: bool) -> Result<Self, SandboxError> {
        if let Some(system) = SYSTEM.iter().find(|system| folder.starts_with(system)) {
            return Err(SandboxError::Within { folder: folder.to_owned(), system });
        }
        self.read.extend(SYSTEM.map(PathBuf::from));
        self.write.extend(DEVICES.map(PathBuf::from));
        if gpus {
            self.write.extend(gpu_devices());
        }
        Ok(self)
    }
}

fn gpu_devices() -> Vec<PathBuf> {
    let entries = fs_err::read_dir("/dev").into_iter().flatten().flatten();
    let named = |name: &str| GPU_DEVICES.iter().any(|begin| name.starts_with(begin));
    entries.filter(|entry| named(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
}

/// Whether this system can confine a process.
///
/// # Errors
/// [`SandboxError::Unsupported`] says why it cannot.
pub fn can_sandbox() -> Result<(), SandboxError> {
    system::can_sandbox()
}

/// Confines this thread and what it becomes or starts from now on.
///
/// # Errors
/// When the system cannot, or refuses. Then the caller must not go on.
pub fn enter_sandbox(bounds: &Bounds) -> Result<(), SandboxError> {
    system::enter(bounds)
}

#[cfg(target_os = "linux")]
mod system {
    use landlock::{
        ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr,
        RulesetError, RulesetStatus, path_beneath_rules,
    };

    use super::{Bounds, SandboxError};

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

    pub(super) fn can_sandbox() -> Result<(), SandboxError> {
        rules().map(drop).map_err(|error| SandboxError::Unsupported(error.to_string()))
    }

    pub(super) fn enter(bounds: &Bounds) -> Result<(), SandboxError> {
        let refused = |error: RulesetError| SandboxError::Refused(error.to_string());
        let rules = rules().map_err(|error| SandboxError::Unsupported(error.to_string()))?;
        let all = AccessFs::from_all(ABI::V3);
        let status = rules
            .add_rules(path_beneath_rules(&bounds.read, AccessFs::from_read(ABI::V3)))
            .and_then(|rules| rules.add_rules(path_beneath_rules(&bounds.list, AccessFs::ReadDir)))
            .and_then(|rules| rules.add_rules(path_beneath_rules(&bounds.write, all)))
            .and_then(RulesetCreated::restrict_self)
            .map_err(refused)?;
        match status.ruleset {
            RulesetStatus::NotEnforced => Err(SandboxError::Refused("no rule is in force".into())),
            _ => Ok(()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Bounds, SandboxError};

    pub(super) fn can_sandbox() -> Result<(), SandboxError> {
        Err(SandboxError::Unsupported(format!("there is no Landlock on {}", std::env::consts::OS)))
    }

    pub(super) fn enter(_: &Bounds) -> Result<(), SandboxError> {
        can_sandbox()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_within_the_system_cannot_be_strict() {
        let with = |root: &str| Bounds::default().with_system(Path::new(root), false);
        assert!(with("/home/me/project").is_ok_and(|bounds| bounds.read.contains(Path::new("/usr"))));
        assert!(with("/usrlocal").is_ok());
        for root in ["/opt/project", "/usr", "/etc/a/b"] {
            let error = with(root).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(&format!("it cannot be strict: {root} lies in /")), "{error}");
        }
    }
}
