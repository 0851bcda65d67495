//! Whether the programs of kinds still are what they were when the run began.
//!
//! Their fingerprints were asked before that, so what another program makes must not be recorded under them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::graph::{Graph, Instance, Work};
use crate::programs::{ask, can_be_seen_whole, code};

use super::cause::Cause;

/// What a file looks like: path, inode, length, and when its content and anything else of it was changed.
type Seen = (PathBuf, u64, u64, (i64, i64), (i64, i64));
type Look = Vec<Seen>;

/// What the programs of kinds, and their code, looked like when the run began.
pub(crate) struct Programs<'a> {
    root: &'a Path,
    seen: BTreeMap<(&'a [String], &'a [PathBuf]), Look>,
}

impl<'a> Programs<'a> {
    pub(super) fn new(graph: &'a Graph, root: &'a Path) -> Self {
        let mut seen = BTreeMap::new();
        for (program, files) in graph.instances().iter().filter_map(made_of) {
            seen.entry((program, files)).or_insert_with(|| look(root, program, files));
        }
        Programs { root, seen }
    }

    /// The program of an instance must be the one that told the fingerprint under which its results are recorded.
    pub(super) fn are_unchanged(&self, instance: &Instance) -> Result<(), Cause> {
        let Some((program, files)) = made_of(instance) else { return Ok(()) };
        if self.seen.get(&(program, files)) == Some(&look(self.root, program, files)) {
            return Ok(());
        }
        Err(Cause::ProgramChanged { program: program.join(" ") })
    }

    /// Nor may it tell another fingerprint by now, where more than its files decides about that.
    pub(super) fn still_tells(&self, instance: &Instance, path: &OsString) -> Result<(), Cause> {
        let Work::Kind { program, kind, fingerprint, files, .. } = &instance.work else { return Ok(()) };
        if can_be_seen_whole(program, files) {
            return Ok(());
        }
        let (program, kind) = (program.as_slice(), kind.as_str());
        let told = ask(program, self.root, path)
            .map_err(|error| Cause::NotAsked { program: program.join(" "), why: error.to_string() })?;
        let told = told.kinds.iter().find(|told| told.name == kind).map(|told| &told.fingerprint);
        if told == Some(fingerprint) {
            return Ok(());
        }
        Err(Cause::OtherFingerprint { program: program.join(" "), kind: kind.to_owned() })
    }
}

/// The command of a kind's program, and its files of code.
fn made_of(instance: &Instance) -> Option<(&[String], &[PathBuf])> {
    match &instance.work {
        Work::Kind { program, files, .. } => Some((program.as_slice(), files.as_slice())),
        Work::Argv { .. } => None,
    }
}

/// What cannot be looked at is left out: that it is gone, or back, is a difference too.
fn look(root: &Path, program: &[String], code: &[PathBuf]) -> Look {
    // A word may name a script. One that names a folder says where to work, not what the program is made of.
    let words = program.iter().map(|word| root.join(word)).filter(|path| path.is_file());
    let files = code::files(code).unwrap_or_default().into_iter().map(|(_, path, _)| path);
    words.chain(files).filter_map(look_at).collect()
}

fn look_at(path: PathBuf) -> Option<Seen> {
    // A link that leads nowhere looks like itself.
    let meta = fs_err::metadata(&path).or_else(|_| fs_err::symlink_metadata(&path)).ok()?;
    let (modified, changed) = ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
    Some((path, meta.ino(), meta.len(), modified, changed))
}
