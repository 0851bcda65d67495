//! The index of records: which keys have one, and what its outputs are, in one file.
//!
//! It is a cache of the records and nothing more: a line that is damaged or cut short is skipped, and a record that it
//! lacks, or whose file does not look as it did, is read from its own file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Key;
use crate::record::{Produced, Record};
use crate::store::local::lines::{appender, checked_lines, push_line};
use crate::store::local::stamps::Stamp;
use crate::store::local::writing::write_atomically;

/// What the index knows of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSummary {
    /// The key.
    pub key: Key,
    /// Outputs by name.
    pub outputs: BTreeMap<String, Produced>,
    /// Seconds that the work took, in whole milliseconds, for estimates.
    pub milliseconds: u64,
}

impl From<&Record> for RecordSummary {
    fn from(record: &Record) -> Self {
        let milliseconds = (record.seconds.max(0.0) * 1000.0).round() as u64;
        RecordSummary { key: record.key, outputs: record.outputs.clone(), milliseconds }
    }
}

/// A line of the index.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    key: Key,
    outputs: Cow<'a, BTreeMap<String, Produced>>,
    milliseconds: u64,
    /// What the record's file looks like. Lines of older programs do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look: Option<Stamp>,
}

#[derive(Debug)]
pub(crate) struct Index {
    file: PathBuf,
    /// Read when it is asked for first.
    known: Option<HashMap<Key, (RecordSummary, Option<Stamp>)>>,
    writer: Option<File>,
    lines: usize,
}

impl Index {
    pub(crate) fn new(file: PathBuf) -> Self {
        Index { file, known: None, writer: None, lines: 0 }
    }

    fn known(&mut self) -> &mut HashMap<Key, (RecordSummary, Option<Stamp>)> {
        self.known.get_or_insert_with(|| {
            let text = fs_err::read(&self.file).unwrap_or_default();
            let lines = checked_lines(&text).inspect(|_| self.lines += 1);
            let lines = lines.filter_map(|line| serde_json::from_slice::<Line<'_>>(line).ok());
            let entry = |Line { key, outputs, milliseconds, look }: Line<'_>| {
                (key, (RecordSummary { key, outputs: outputs.into_owned(), milliseconds }, look))
            };
            lines.map(entry).collect()
        })
    }

    /// What is known of a record, and what its file looked like then.
    pub(crate) fn get(&mut self, key: &Key) -> Option<(RecordSummary, Option<Stamp>)> {
        self.known().get(key).cloned()
    }

    /// Notes a record whose file looks like this.
    pub(crate) fn add(&mut self, record: &Record, look: Option<Stamp>) {
        let entry = (RecordSummary::from(record), look);
        if self.known().get(&record.key) == Some(&entry) {
            return;
        }
        let mut line = Vec::new();
        push(&mut line, &entry.0, look);
        if let Err(error) = self.append(&line) {
            tracing::debug!("the index was not written: {error}");
        }
        self.lines += 1;
        self.known().insert(record.key, entry);
    }

    /// Writes the file anew when most of it is outdated. A line that another program adds meanwhile is lost, which costs
    /// time.
    pub(crate) fn tidy(&mut self) {
        let Some(known) = self.known.as_ref().filter(|known| self.lines > 2 * known.len() + 1000) else { return };
        let mut text = Vec::new();
        known.values().for_each(|(known, look)| push(&mut text, known, *look));
        self.lines = known.len();
        self.writer = None;
        if let Err(error) = write_atomically(&self.file, &text) {
            tracing::debug!("the index was not written anew: {error}");
        }
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(appender(&self.file)?),
        };
        writer.write_all(line)
    }
}

/// Adds what is known of a record whose file looks like this.
pub(crate) fn push(text: &mut Vec<u8>, known: &RecordSummary, look: Option<Stamp>) {
    let RecordSummary { key, outputs, milliseconds } = known;
    push_line(text, &Line { key: *key, outputs: Cow::Borrowed(outputs), milliseconds: *milliseconds, look });
}
