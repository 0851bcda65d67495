//! What a strict stage may reach: what it declares and its own folders. What it may reach of the system besides, and how
//! it is kept to that, is the executor's.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nnf_contract::TaskInput;

use crate::executor::Bounds;
use crate::graph::{ByName, Source, Strict};
use crate::store::{AttemptFolder, Checkpoint, FileInput, StoreError};

use super::attempts::{Attempts, Failure};

impl Attempts<'_> {
    pub(super) fn bounds(
        &self,
        strict: &Strict,
        argv: &[OsString],
        folder: &AttemptFolder,
        inputs: &BTreeMap<String, TaskInput>,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Bounds, Failure> {
        let mut bounds = Bounds::default();
        bounds.read.extend(strict.tools.iter().cloned());
        bounds.read.extend(argv.first().map(PathBuf::from));
        bounds.read.insert(folder.path().join("task.json"));
        bounds.read.insert(folder.inputs());
        for path in self.instance.code.values().chain(in_place(&self.instance.inputs, inputs)) {
            self.may_read(path, &mut bounds)?;
        }
        bounds.write.extend([folder.outputs(), folder.scratch(), folder.path().join("events.jsonl")]);
        bounds.write.extend(checkpoint.map(Checkpoint::data));
        Ok(bounds)
    }

    /// A file, or a folder without what keys leave out of it: the store, and what git keeps.
    fn may_read(&self, path: &Path, bounds: &mut Bounds) -> Result<(), Failure> {
        let doing = StoreError::io("look at what a stage may read");
        let real = fs_err::canonicalize(path).map_err(&doing)?;
        let files = self.computed.files.iter().filter(|file| file.path == path);
        let of_git = files.flat_map(FileInput::left_out).map(Path::to_owned);
        let left_out: Vec<PathBuf> = of_git.chain([self.context.key_context.store.root().to_owned()]).collect();
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

/// The inputs that are read where they lie, not handed out.
fn in_place<'a>(
    sources: &'a ByName<Source>,
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
