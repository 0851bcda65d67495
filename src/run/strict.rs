//! What a strict stage may reach: what it declares, its own folders, the system's, and nothing else.
//!
//! It does not know how a process is kept to that; the command line's `__confine` does it before it becomes the stage.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nnf_contract::TaskInput;

use crate::executor::{Bounds, can_confine};
use crate::graph::{Source, Strict};
use crate::store::{AttemptFolder, Checkpoint, StoreError};

use super::worker::{Assignment, Failure};

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

impl Assignment<'_> {
    /// The command line that first gives up everything but what the stage may reach, and then becomes the stage.
    pub(super) fn confined(
        &self,
        strict: &Strict,
        argv: Vec<OsString>,
        folder: &AttemptFolder,
        inputs: &BTreeMap<String, TaskInput>,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Vec<OsString>, Failure> {
        can_confine().map_err(|error| Failure::Final(error.to_string()))?;
        let bounds = self.bounds(strict, &argv, folder, inputs, checkpoint)?;
        let file = folder.path().join("bounds.json");
        let text = serde_json::to_vec(&bounds)
            .map_err(|error| Failure::Final(format!("its folders cannot be written down: {error}")))?;
        let doing = StoreError::io("write what a stage may reach");
        fs_err::write(&file, text).map_err(&doing)?;
        // It may write to this file, but not make others beside it.
        fs_err::File::create(folder.path().join("events.jsonl")).map_err(&doing)?;
        Ok(self.context.confiner.iter().cloned().chain([file.into_os_string()]).chain(argv).collect())
    }

    fn bounds(
        &self,
        strict: &Strict,
        argv: &[OsString],
        folder: &AttemptFolder,
        inputs: &BTreeMap<String, TaskInput>,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Bounds, Failure> {
        let read = system_folders(self.context.around.root).map_err(Failure::Final)?;
        let mut bounds = Bounds { read, ..Bounds::default() };
        bounds.read.extend(strict.tools.iter().cloned());
        bounds.read.extend(argv.first().map(PathBuf::from));
        bounds.read.insert(folder.path().join("task.json"));
        bounds.read.insert(folder.inputs());
        for path in self.instance.code.values().chain(in_place(&self.instance.inputs, inputs)) {
            self.may_read(path, &mut bounds)?;
        }
        bounds.write.extend(DEVICES.map(PathBuf::from));
        if !self.reservation.share.gpus.is_empty() {
            bounds.write.extend(gpu_devices());
        }
        bounds.write.extend([folder.outputs(), folder.scratch(), folder.path().join("events.jsonl")]);
        bounds.write.extend(checkpoint.map(Checkpoint::data));
        Ok(bounds)
    }

    /// A file, or a folder without what keys leave out of it: the store, and what git keeps.
    fn may_read(&self, path: &Path, bounds: &mut Bounds) -> Result<(), Failure> {
        let doing = StoreError::io("look at what a stage may read");
        let real = fs_err::canonicalize(path).map_err(&doing)?;
        let left_out = [self.context.around.store.root().to_owned(), real.join(".git")];
        let mut waiting = vec![real];
        while let Some(path) = waiting.pop() {
            if left_out.contains(&path) {
                continue;
            }
            if !path.is_dir() || !left_out.iter().any(|out| out.starts_with(&path) && out.exists()) {
                bounds.read.insert(path);
                continue;
            }
            for entry in fs_err::read_dir(&path).map_err(&doing)? {
                let entry = entry.map_err(&doing)?;
                // A link leads to something that stands here itself, or that is not an input.
                if !entry.file_type().map_err(&doing)?.is_symlink() {
                    waiting.push(entry.path());
                }
            }
            bounds.list.insert(path);
        }
        Ok(())
    }
}

/// The system's folders, none of which may hold the project: it would lie open to every stage.
fn system_folders(root: &Path) -> Result<BTreeSet<PathBuf>, String> {
    match SYSTEM.iter().find(|system| root.starts_with(system)) {
        Some(system) => {
            Err(format!("it cannot be strict: {} lies in {system}, which every stage may read", root.display()))
        }
        None => Ok(SYSTEM.iter().map(PathBuf::from).collect()),
    }
}

/// The inputs that are read where they lie, not handed out.
fn in_place<'a>(
    sources: &'a BTreeMap<String, Source>,
    inputs: &BTreeMap<String, TaskInput>,
) -> impl Iterator<Item = &'a PathBuf> {
    let given: BTreeSet<&String> = inputs.keys().collect();
    let mut found = Vec::new();
    let mut waiting: Vec<&Source> = sources.iter().filter(|(name, _)| given.contains(name)).map(|(_, s)| s).collect();
    while let Some(source) = waiting.pop() {
        match source {
            Source::File { path, .. } => found.push(path),
            Source::Many(members) => waiting.extend(members.values()),
            Source::Output { .. } | Source::Record { .. } => {}
        }
    }
    found.into_iter()
}

fn gpu_devices() -> Vec<PathBuf> {
    let entries = fs_err::read_dir("/dev").into_iter().flatten().flatten();
    let named = |name: &str| GPU_DEVICES.iter().any(|begin| name.starts_with(begin));
    entries.filter(|entry| named(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_within_the_system_cannot_be_strict() {
        assert!(system_folders(Path::new("/home/me/project")).is_ok_and(|found| found.contains(Path::new("/usr"))));
        assert!(system_folders(Path::new("/usrlocal")).is_ok());
        for root in ["/opt/project", "/usr", "/etc/a/b"] {
            let error = system_folders(Path::new(root)).err().unwrap_or_default();
            assert!(error.starts_with(&format!("it cannot be strict: {root} lies in /")), "{error}");
        }
    }
}
