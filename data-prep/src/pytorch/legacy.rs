//! The form before torch 1.6, and of `_use_new_zipfile_serialization=False`: five pickles (a magic number, a version, the
//! machine, what was saved, the keys of its storages), then each storage as its length and its numbers.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use crate::pytorch::classes::bytes_of;
use crate::pytorch::pickle::{self, PickleError, Unknown};
use crate::pytorch::reader::Bytes;
use crate::pytorch::safetensors_file::Plan;
use crate::pytorch::stored::Place;
use crate::pytorch::value::{Id, Value, Values};

/// 0x1950a86a20f9469cfc6c, the lowest byte first.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;

#[derive(Debug, thiserror::Error)]
pub(crate) enum LegacyError {
    #[error("it is neither a zip archive nor a pickle that `torch.save` wrote ({0}); a checkpoint is one of both")]
    NoCheckpoint(String),
    #[error("it is a checkpoint of version {0}, and only {VERSION} is known")]
    Version(String),
    #[error(
        "its numbers are big-endian: load it with torch on a machine of that kind and save it as safetensors there"
    )]
    BigEndian,
    #[error(transparent)]
    Pickle(#[from] PickleError),
    #[error("its list of storages is {0}: it is damaged; bring it again")]
    Keys(String),
    #[error("its list of storages names `{0}`, of which its pickle says nothing: it is damaged; bring it again")]
    UnknownKey(String),
    #[error("storage `{key}` has {found} numbers where its pickle says {expected}: it is damaged; bring it again")]
    Length { key: Rc<str>, found: u64, expected: u64 },
    #[error("it ends within storage `{key}`, {missing} bytes are missing: it is cut short; bring it again")]
    Short { key: Rc<str>, missing: u64 },
    #[error("tensor `{tensor}` is of storage `{key}`, which is not in the file: it is damaged; bring it again")]
    NoStorage { tensor: String, key: Rc<str> },
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// An open file, and its storages: place and count of numbers.
pub(crate) struct Legacy {
    storages: BTreeMap<Rc<str>, (Place, u64)>,
}

impl Legacy {
    pub(crate) fn open(path: Arc<PathBuf>, values: &mut Values, unknown: Unknown) -> Result<(Self, Id), LegacyError> {
        let file = fs_err::File::open(path.as_path())?;
        let length = file.metadata()?.len();
        let mut reader = BufReader::new(file);
        let mut bytes = Bytes::new(&mut reader);
        magic(&mut bytes)?;
        let version = pickle::read(&mut bytes, values, Unknown::Refuse)?;
        if values.int(version) != Some(VERSION) {
            return Err(LegacyError::Version(values.describe(version)));
        }
        let machine = pickle::read(&mut bytes, values, Unknown::Refuse)?;
        let little = |(key, _): &&(Id, Id)| values.text(*key).is_some_and(|key| &**key == "little_endian");
        if values.dict(machine).unwrap_or_default().iter().find(little).is_some_and(|(_, v)| *v == Values::FALSE) {
            return Err(LegacyError::BigEndian);
        }
        let root = pickle::read(&mut bytes, values, unknown)?;
        let keys = pickle::read(&mut bytes, values, Unknown::Refuse)?;
        let at = bytes.at();
        let storages = storages(&mut reader, values, keys, path, at, length)?;
        Ok((Legacy { storages }, root))
    }

    pub(crate) fn locate(&mut self, plan: &Plan<'_>) -> Result<BTreeMap<Rc<str>, Place>, LegacyError> {
        let mut places = BTreeMap::new();
        for (name, tensor) in plan {
            let storage = &tensor.storage;
            let Some((place, found)) = self.storages.get(&storage.key) else {
                return Err(LegacyError::NoStorage { tensor: (*name).to_owned(), key: Rc::clone(&storage.key) });
            };
            // A part of a storage lies within it; a whole one is all of it.
            let expected = storage.begin.saturating_add(storage.count);
            let bytes = expected.saturating_mul(storage.dtype.map_or(1, bytes_of));
            if expected > *found || bytes > place.length {
                return Err(LegacyError::Length { key: Rc::clone(&storage.key), found: *found, expected });
            }
            places.insert(Rc::clone(&storage.key), place.clone());
        }
        Ok(places)
    }
}

/// The first pickle: whether it is a checkpoint at all.
fn magic(bytes: &mut Bytes<&mut BufReader<fs_err::File>>) -> Result<(), LegacyError> {
    let mut values = Values::new();
    match pickle::read(bytes, &mut values, Unknown::Skip) {
        Ok(id) if matches!(values.get(id), Value::Long(bytes) if **bytes == MAGIC) => Ok(()),
        Ok(id) => Err(LegacyError::NoCheckpoint(format!("it begins with {}", values.describe(id)))),
        Err(error) => Err(LegacyError::NoCheckpoint(error.to_string())),
    }
}

/// Walks over all storages, which lie behind the pickles in the order of their keys.
fn storages(
    reader: &mut BufReader<fs_err::File>,
    values: &Values,
    keys: Id,
    path: Arc<PathBuf>,
    mut at: u64,
    length: u64,
) -> Result<BTreeMap<Rc<str>, (Place, u64)>, LegacyError> {
    let Value::List(keys) = values.get(keys) else { return Err(LegacyError::Keys(values.describe(keys))) };
    let widths = widths(values);
    let mut storages = BTreeMap::new();
    for id in keys {
        let key = values.text(*id).ok_or_else(|| LegacyError::Keys(format!("one with {}", values.describe(*id))))?;
        let width = *widths.get(key).ok_or_else(|| LegacyError::UnknownKey(key.to_string()))?;
        reader.seek(SeekFrom::Start(at))?;
        let mut count = [0; 8];
        let short = |missing: u64| LegacyError::Short { key: Rc::clone(key), missing };
        reader.read_exact(&mut count).map_err(|_| short((at + 8).saturating_sub(length)))?;
        let count = u64::from_le_bytes(count);
        let end = count.checked_mul(width).and_then(|bytes| bytes.checked_add(at + 8)).unwrap_or(u64::MAX);
        if end > length {
            return Err(short(end - length));
        }
        let place = Place { path: Arc::clone(&path), at: at + 8, length: count * width };
        if storages.insert(Rc::clone(key), (place, count)).is_some() {
            return Err(LegacyError::Keys(format!("one that has `{key}` twice")));
        }
        at = end;
    }
    Ok(storages)
}

/// Bytes of a number of each storage that the pickle speaks of.
fn widths(values: &Values) -> BTreeMap<Rc<str>, u64> {
    let storage = |value: &Value| match value {
        Value::Storage(storage) => Some((Rc::clone(&storage.key), storage.dtype.map_or(1, bytes_of))),
        _ => None,
    };
    values.iter().filter_map(storage).collect()
}
