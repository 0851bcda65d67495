//! Records on disk. Writing one is the commit of a stage.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Key};
use crate::record::Record;
use crate::store::StoreError;
use crate::store::local::tree::is_name;
use crate::store::local::writing::{in_folder, temporary_in, write_atomically};

/// Version of record documents.
pub(crate) const RECORD_VERSION: u32 = 1;

/// The folder of records, below the store's.
pub(crate) const FOLDER: &str = "records/v1";

pub(crate) fn path(root: &Path, key: &Key) -> PathBuf {
    root.join(FOLDER).join(below(key))
}

/// Its path below that folder.
pub(crate) fn below(key: &Key) -> String {
    let hex = key.to_string();
    format!("{}/{}.json", &hex[..2], &hex[2..])
}

/// The record under a key. A damaged one counts as none.
pub(crate) fn read(root: &Path, key: &Key) -> Result<Option<Record>, StoreError> {
    match fs_err::read(path(root, key)) {
        Ok(bytes) => Ok(parse(&bytes, key)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read a record")(error)),
    }
}

/// Checks a record's checksum and that it belongs to the key.
pub(crate) fn parse(bytes: &[u8], key: &Key) -> Option<Record> {
    let record: Record = match serde_json::from_slice(bytes) {
        Ok(record) => record,
        Err(error) => {
            tracing::warn!("the record {} is damaged and counts as missing: {error}", key.short());
            return None;
        }
    };
    let whole = record.version <= RECORD_VERSION
        // Records of the first versions have a checksum of what they say.
        && (is_sealed(bytes, &record.checksum) || record.checksum == checksum(&record))
        && record.key == *key
        && Key::of_document(record.document.as_bytes()) == *key;
    if !whole {
        tracing::warn!("the record {} does not match its checksum and counts as missing", key.short());
    }
    // Outputs are linked and handed out under their names.
    if whole && !record.outputs.keys().all(|name| is_name(name)) {
        tracing::warn!("the record {} has an output whose name is none, and counts as missing", key.short());
        return None;
    }
    whole.then_some(record)
}

/// Whether a document was written by a newer version of this program, and is whole as far as this one can tell.
pub(crate) fn is_newer(bytes: &[u8]) -> bool {
    let document: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    document["version"].as_u64().is_some_and(|version| version > u64::from(RECORD_VERSION))
}

/// Digest of the record with an empty checksum, as it was taken of older records.
fn checksum(record: &Record) -> String {
    let bare = Record { checksum: String::new(), ..record.clone() };
    let value = serde_json::to_value(&bare).unwrap_or_default();
    let mut text = String::new();
    crate::key::write_canonical(&value, &mut text);
    Digest::of(text.as_bytes()).to_string()
}

/// A record with its checksum, as it is written.
pub(crate) fn to_bytes(record: &Record) -> Vec<u8> {
    seal(record).1
}

/// How a record ends before its checksum is known.
const UNSEALED: &[u8] = b"\"checksum\": \"\"\n}";

/// A record with its checksum, and its text. The checksum is that of the text without it: the reader of JSON may miss a
/// number of many digits by the last bit, so a checksum of what was read would now and then be wrong.
fn seal(record: &Record) -> (Record, Vec<u8>) {
    let mut settled = Record { checksum: String::new(), ..record.clone() };
    settled.seconds = settle(settled.seconds);
    settled.metrics.values_mut().for_each(|value| *value = settle(*value));
    let mut text = serde_json::to_vec_pretty(&settled).unwrap_or_default();
    settled.checksum = Digest::of(&text).to_string();
    text.truncate(text.len().saturating_sub(UNSEALED.len()));
    text.extend_from_slice(sealing(&settled.checksum).as_bytes());
    (settled, text)
}

/// A number as it is read again. Most settle after some readings, so that the copies of other stores have the same text.
fn settle(mut number: f64) -> f64 {
    for _ in 0..8 {
        let text = serde_json::to_vec(&number).unwrap_or_default();
        match serde_json::from_slice::<f64>(&text) {
            Ok(again) if again != number => number = again,
            _ => break,
        }
    }
    number
}

/// How a record ends whose checksum is known.
fn sealing(checksum: &str) -> String {
    format!("\"checksum\": \"{checksum}\"\n}}")
}

/// Whether a record's text has this checksum.
fn is_sealed(text: &[u8], checksum: &str) -> bool {
    let body = text.strip_suffix(sealing(checksum).as_bytes());
    body.is_some_and(|body| Digest::of(&[body, UNSEALED].concat()).to_string() == checksum)
}

/// Writes a record unless there is one; returns the one that stands.
pub(crate) fn commit(root: &Path, record: &Record) -> Result<Record, StoreError> {
    let doing = StoreError::io("write a record");
    let to = path(root, &record.key);
    let folder = to.parent().unwrap_or(root);
    let (sealed, text) = seal(record);
    let mut temporary = in_folder(folder, || temporary_in(folder, ".record-")).map_err(&doing)?;
    temporary.write_all(&text).map_err(&doing)?;
    // It fails where the name exists, so the first one wins, whole.
    match temporary.persist_noclobber(&to) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => match read(root, &record.key)? {
            Some(standing) => return Ok(standing),
            None => replace(root, record)?,
        },
        Err(error) => return Err(doing(error.error)),
    }
    Ok(sealed)
}

/// Writes a record in place of the one that is there.
pub(crate) fn replace(root: &Path, record: &Record) -> Result<(), StoreError> {
    let doing = StoreError::io("write a record");
    let to = path(root, &record.key);
    fs_err::create_dir_all(to.parent().unwrap_or(root)).map_err(&doing)?;
    write_atomically(&to, &to_bytes(record)).map_err(doing)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::record::Produced;
    use std::collections::BTreeMap;

    fn record(numbers: impl IntoIterator<Item = f64>) -> Record {
        let metrics = numbers.into_iter().enumerate().map(|(i, number)| (format!("m{i}"), number));
        Record {
            version: 1,
            key: Key::of_document(b"{}"),
            document: "{}".into(),
            outputs: BTreeMap::new(),
            metrics: metrics.collect(),
            started: jiff::Timestamp::UNIX_EPOCH,
            seconds: 0.1 + 0.2,
            attempts: 1,
            machine: crate::machine::this_machine(),
            environment: [("note".to_owned(), "\"checksum\": \"\"".to_owned())].into(),
            log: None,
            nonce: "one".into(),
            supersedes: None,
            replaces: Vec::new(),
            checksum: String::new(),
        }
    }

    #[test]
    fn numbers_of_all_lengths_leave_a_record_whole() {
        let numbers =
            (1..2000_u32).map(|i| f64::from(i).sqrt() / 7.0 * 10_f64.powi(i32::try_from(i % 40).unwrap() - 20));
        let record = record(numbers);
        let bytes = to_bytes(&record);
        let read = parse(&bytes, &record.key).unwrap();
        assert_eq!(read.nonce, "one");
        let old = Record { checksum: checksum(&record), ..record.clone() };
        let old = serde_json::to_vec_pretty(&old).unwrap();
        assert!(parse(&old, &record.key).is_none(), "some of the numbers are read as their neighbours");
    }

    #[test]
    fn older_records_are_read_and_damaged_ones_are_not() {
        let record = record([0.5]);
        let old = Record { seconds: 1.0, ..record };
        let old = Record { checksum: checksum(&old), ..old };
        let old_bytes = serde_json::to_vec_pretty(&old).unwrap();
        assert_eq!(parse(&old_bytes, &old.key), Some(old.clone()));
        for bytes in [old_bytes, to_bytes(&old)] {
            let text = String::from_utf8(bytes).unwrap();
            for (from, to) in [("\"attempts\": 1", "\"attempts\": 2"), ("0.5", "0.6"), ("one", "two")] {
                assert!(text.contains(from));
                assert_eq!(parse(text.replacen(from, to, 1).as_bytes(), &old.key), None, "{from}");
            }
            assert_eq!(parse(&text.as_bytes()[..text.len() - 3], &old.key), None);
        }
    }

    #[test]
    fn a_record_whose_outputs_would_lie_elsewhere_counts_as_missing() {
        for (name, good) in [
            ("x", true),
            ("a.b-c_d", true),
            ("..x", true),
            ("", false),
            (".", false),
            ("..", false),
            ("../x", false),
            ("/x", false),
            ("a/b", false),
            ("a/", false),
        ] {
            let record = Record { outputs: [(name.to_owned(), Produced::Absent)].into(), ..record([0.5]) };
            assert_eq!(parse(&to_bytes(&record), &record.key).is_some(), good, "{name}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        /// Whatever numbers a stage reports, its record can be read again.
        #[test]
        fn a_record_matches_its_checksum_when_it_is_read(seconds in 0.0..1e6_f64, loss: f64, share in 0.0..1.0_f64) {
            let text = format!(
                r#"{{"version":1,"key":"{}","document":"{{}}","outputs":{{}},"started":"2024-05-01T00:00:00Z","seconds":0.0,
                "attempts":1,"machine":{},"nonce":"n","checksum":""}}"#,
                Key::of_document(b"{}"),
                serde_json::to_string(&crate::machine::this_machine()).unwrap(),
            );
            let mut record: Record = serde_json::from_str(&text).unwrap();
            record.seconds = seconds;
            record.metrics.insert("share".into(), share);
            if loss.is_finite() {
                record.metrics.insert("loss".into(), loss);
            }
            proptest::prop_assert!(parse(&to_bytes(&record), &record.key).is_some());
        }
    }
}
