//! A run as its folder tells of it afterwards, or while it goes on.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::digest::Key;
use crate::store::working::live;
use crate::store::working::runs::RunSummary;

/// A run that somebody wants to read about.
#[derive(Debug)]
pub struct PastRun {
    /// What it was, and how it ended.
    pub summary: RunSummary,
    /// Whether it goes on now.
    pub goes_on: bool,
    folder: PathBuf,
}

impl PastRun {
    pub(crate) fn new(root: &Path, summary: RunSummary) -> Self {
        let folder = root.join("runs/v1").join(&summary.id);
        let goes_on = live::since(&folder).is_some();
        PastRun { summary, goes_on, folder }
    }

    /// The pipeline as it was understood; none if the run ended before it was written.
    #[must_use]
    pub fn pipeline(&self) -> Option<Vec<u8>> {
        fs_err::read(self.folder.join("pipeline.json")).ok()
    }

    /// What happened, one JSON object a line; none if nothing did.
    #[must_use]
    pub fn events(&self) -> Option<BufReader<fs_err::File>> {
        fs_err::File::open(self.folder.join("events.jsonl")).ok().map(BufReader::new)
    }

    /// The results that the run used or made, by their stages, in the order in which they were there.
    #[must_use]
    pub fn results(&self) -> Vec<(Key, String)> {
        live::uses(&self.folder)
    }

    /// The logs of a stage, by attempt; also those in which nothing is.
    #[must_use]
    pub fn logs(&self, stage: &str) -> BTreeMap<u32, PathBuf> {
        let logs = fs_err::read_dir(self.folder.join("logs")).into_iter().flatten().flatten();
        logs.filter_map(|entry| {
            let file = entry.file_name().to_string_lossy().into_owned();
            let number = file.strip_prefix(stage)?.strip_prefix('.')?.strip_suffix(".log")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect()
    }

    /// The log of an attempt of a stage; none if it wrote nothing.
    #[must_use]
    pub fn log(&self, stage: &str, attempt: u32) -> Option<PathBuf> {
        // Names hold no slashes; one that does was not written by an engine.
        if stage.contains('/') {
            return None;
        }
        let path = self.folder.join("logs").join(format!("{stage}.{attempt}.log"));
        fs_err::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() > 0).then_some(path)
    }
}
