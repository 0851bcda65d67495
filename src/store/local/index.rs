//! The index of records: which keys have one, and what its outputs are, in one file.
//!
//! It is a cache of the records and nothing more: a line that is damaged or cut short is skipped, and a record that it
//! lacks, or whose file does not look as it did, is read from its own file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Key;
use crate::record::{Produced, Record};
use crate::store::local::stamps::Stamp;

/// What the index knows of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The key.
    pub key: Key,
    /// Outputs by name.
    pub outputs: BTreeMap<String, Produced>,
    /// Seconds that the work took, in whole milliseconds, for estimates.
    pub milliseconds: u64,
}

impl From<&Record> for Known {
    fn from(record: &Record) -> Self {
        let milliseconds = (record.seconds.max(0.0) * 1000.0).round() as u64;
        Known { key: record.key, outputs: record.outputs.clone(), milliseconds }
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
    known: Option<HashMap<Key, (Known, Option<Stamp>)>>,
    writer: Option<File>,
    lines: usize,
}

impl Index {
    pub(crate) fn new(file: PathBuf) -> Self {
        Index { file, known: None, writer: None, lines: 0 }
    }

    fn known(&mut self) -> &mut HashMap<Key, (Known, Option<Stamp>)> {
        self.known.get_or_insert_with(|| {
            let text = fs_err::read(&self.file).unwrap_or_default();
            let lines = checked_lines(&text).inspect(|_| self.lines += 1);
            let lines = lines.filter_map(|line| serde_json::from_slice::<Line<'_>>(line).ok());
            let entry = |Line { key, outputs, milliseconds, look }: Line<'_>| {
                (key, (Known { key, outputs: outputs.into_owned(), milliseconds }, look))
            };
            lines.map(entry).collect()
        })
    }

    /// What is known of a record, and what its file looked like then.
    pub(crate) fn get(&mut self, key: &Key) -> Option<(Known, Option<Stamp>)> {
        self.known().get(key).cloned()
    }

    /// Notes a record whose file looks like this.
    pub(crate) fn add(&mut self, record: &Record, look: Option<Stamp>) {
        let entry = (Known::from(record), look);
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
        if let Err(error) = super::writing::write_atomically(&self.file, &text) {
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
pub(crate) fn push(text: &mut Vec<u8>, known: &Known, look: Option<Stamp>) {
    let Known { key, outputs, milliseconds } = known;
    push_line(text, &Line { key: *key, outputs: Cow::Borrowed(outputs), milliseconds: *milliseconds, look });
}

/// Adds a line with a checksum: sixteen hexadecimal digits, a space, JSON.
pub(crate) fn push_line(text: &mut Vec<u8>, document: &impl Serialize) {
    if let Ok(json) = serde_json::to_vec(document) {
        text.extend_from_slice(checksum(&json).as_bytes());
        text.push(b' ');
        text.extend_from_slice(&json);
        text.push(b'\n');
    }
}

/// The documents of all lines whose checksum is right.
pub(crate) fn checked_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let (sum, json) = (line.get(..16)?, line.get(17..)?);
        (checksum(json).as_bytes() == sum).then_some(json)
    })
}

fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().as_str()[..16].to_owned()
}

/// Appends in one write, so that lines of several programs do not mix.
pub(crate) fn append(file: &Path, text: &[u8]) -> io::Result<()> {
    appender(file)?.write_all(text)
}

/// A file to append lines to.
fn appender(path: &Path) -> io::Result<File> {
    let mut file = fs_err::File::options().create(true).append(true).open(path)?.into_file();
    // A line that was cut short by a crash must not swallow the next one.
    if file.metadata()?.len() > 0 && !ends_with_newline(path)? {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn ends_with_newline(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let file = fs_err::File::open(path)?;
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.file().read_exact_at(&mut last, length - 1)?;
    }
    Ok(last == [b'\n'])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_torn_line_is_skipped_and_swallows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lines");
        let line = |text: &str| {
            let mut bytes = Vec::new();
            push_line(&mut bytes, &text);
            bytes
        };
        append(&file, &line("one")).unwrap();
        let torn = line("two");
        append(&file, &torn[..torn.len() / 2]).unwrap();
        append(&file, &line("three")).unwrap();
        let mut text = fs_err::read(&file).unwrap();
        text.extend_from_slice(b"0123456789abcdef {}\n\xff\n");
        let found: Vec<String> = checked_lines(&text).map(|json| serde_json::from_slice(json).unwrap()).collect();
        assert_eq!(found, ["one", "three"]);
    }
}
