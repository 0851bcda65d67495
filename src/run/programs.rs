//! Whether the programs of kinds still are what they were when the run began.
//!
//! Their fingerprints were asked before that, so what another program makes must not be recorded under them. It does not
//! know what fingerprints are made from.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::graph::{Graph, Instance, Work};

use super::worker::{Assignment, Failure};

/// What files look like: path, inode, length, and when content and anything else of each was changed.
type Look = Vec<(PathBuf, u64, u64, (i64, i64), (i64, i64))>;

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
}

impl Assignment<'_> {
    /// The program must be the one that told the fingerprint under which its results are recorded.
    pub(super) fn same_program(&self) -> Result<(), Failure> {
        let Some((program, files)) = made_of(self.instance) else { return Ok(()) };
        let programs = self.context.programs;
        if programs.seen.get(&(program, files)) == Some(&look(programs.root, program, files)) {
            return Ok(());
        }
        Err(Failure::Final(format!(
            "its program was changed while the run went on, so nothing was recorded; run again (`{}`)",
            program.join(" ")
        )))
    }
}

/// The command of a kind's program, and its files of code.
fn made_of(instance: &Instance) -> Option<(&[String], &[PathBuf])> {
    match &instance.work {
        Work::Kind { program, files, .. } => Some((program.as_slice(), files.as_slice())),
        Work::Argv { .. } => None,
    }
}

fn look(root: &Path, program: &[String], files: &[PathBuf]) -> Look {
    let (mut found, mut entered) = (Look::new(), BTreeSet::new());
    // A word may name a script. One that names a folder says where to work, not what the program is made of.
    for path in program.iter().map(|word| root.join(word)).filter(|path| path.is_file()) {
        look_at(&path, &mut entered, &mut found);
    }
    files.iter().for_each(|path| look_at(path, &mut entered, &mut found));
    found
}

/// What cannot be looked at is left out: that it is gone, or back, is a difference too. Links may lead into folders that
/// were entered already.
fn look_at(path: &Path, entered: &mut BTreeSet<(u64, u64)>, found: &mut Look) {
    let Ok(meta) = fs_err::metadata(path) else { return };
    if !meta.is_dir() {
        let (modified, changed) = ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
        found.push((path.to_owned(), meta.ino(), meta.len(), modified, changed));
        return;
    }
    // Python's own copies come and go.
    if path.ends_with("__pycache__") || !entered.insert((meta.dev(), meta.ino())) {
        return;
    }
    let entries = fs_err::read_dir(path).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().for_each(|path| look_at(path, entered, found));
}
