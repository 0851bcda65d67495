//! The zip archive that torch has written since 1.6: `NAME/data.pkl`, and `NAME/data/KEY` for each storage.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use flate2::Crc;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::pytorch::pickle::{self, PickleError, Unknown};
use crate::pytorch::reader::Bytes;
use crate::pytorch::safetensors_file::Plan;
use crate::pytorch::stored::Place;
use crate::pytorch::tensor::Storage;
use crate::pytorch::value::{Id, Values};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("it is a zip archive that is cut short or damaged ({0}): bring it again")]
    Zip(#[from] ZipError),
    #[error("it is a zip archive, but no checkpoint: it has no `data.pkl` in a folder")]
    NoPickle,
    #[error("it is a zip archive with several checkpoints ({0} and {1}): unpack the one that is meant")]
    Several(String, String),
    #[error("it is a zip archive in which two entries have one name: it is damaged; bring it again")]
    Duplicates,
    #[error(
        "it is TorchScript, which is a program: save the weights of the model that it was made of, or of \
         `torch.jit.load(path).state_dict()`"
    )]
    TorchScript,
    #[error(
        "its numbers are big-endian: load it with torch on a machine of that kind and save it as safetensors there"
    )]
    BigEndian,
    #[error(transparent)]
    Pickle(#[from] PickleError),
    #[error(
        "tensor `{tensor}` is of storage `{key}`, but there is no `{entry}` in the archive: it is damaged; bring it again"
    )]
    NoStorage { tensor: String, key: Rc<str>, entry: String },
    #[error(
        "`{entry}` has {found} bytes where its pickle says {expected}: they do not belong together, or it is damaged; bring it \
         again"
    )]
    Length { entry: String, found: u64, expected: u64 },
    #[error("`{0}` is damaged (its checksum is wrong): bring it again")]
    Checksum(String),
    #[error("`{entry}` is {what}, which cannot be read here: pack the archive without compression")]
    Packed { entry: String, what: String },
    #[error("`{0}` unpacks to more than its tensors need: it is damaged")]
    Bomb(String),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// An open archive.
pub(crate) struct Archive {
    path: Arc<PathBuf>,
    zip: ZipArchive<BufReader<fs_err::File>>,
    folder: String,
}

impl Archive {
    pub(crate) fn open(path: Arc<PathBuf>, values: &mut Values, unknown: Unknown) -> Result<(Self, Id), ArchiveError> {
        let mut file = fs_err::File::open(path.as_path())?;
        let told = entries_told(&mut file)?;
        let zip = ZipArchive::new(BufReader::new(file))?;
        if told.is_some_and(|count| usize::from(count) != zip.len()) {
            return Err(ArchiveError::Duplicates);
        }
        let folder = folder(&zip)?;
        let mut archive = Archive { path, zip, folder };
        if archive.has("constants.pkl") {
            return Err(ArchiveError::TorchScript);
        }
        if archive.small("byteorder")?.is_some_and(|order| order.trim_ascii() == b"big") {
            return Err(ArchiveError::BigEndian);
        }
        let entry = archive.zip.by_name(&format!("{}/data.pkl", archive.folder))?;
        let root = pickle::read(&mut Bytes::new(BufReader::new(entry)), values, unknown)?;
        Ok((archive, root))
    }

    fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{}/{name}", self.folder)).is_some()
    }

    fn small(&mut self, name: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        if !self.has(name) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.zip.by_name(&format!("{}/{name}", self.folder))?.take(64).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    pub(crate) fn locate(
        &mut self,
        plan: &Plan<'_>,
        scratch: &Path,
        limit: u64,
    ) -> Result<BTreeMap<Rc<str>, Place>, ArchiveError> {
        let mut places: BTreeMap<Rc<str>, Place> = BTreeMap::new();
        let mut unpacked = 0_u64;
        for (name, tensor) in plan {
            let storage = &tensor.storage;
            let entry = format!("{}/data/{}", self.folder, storage.key);
            if !places.contains_key(&storage.key) {
                if self.zip.index_for_name(&entry).is_none() {
                    return Err(ArchiveError::NoStorage {
                        tensor: (*name).to_owned(),
                        key: Rc::clone(&storage.key),
                        entry,
                    });
                }
                let to = scratch.join(format!("storage-{}", places.len()));
                let place = self.place(&entry, storage, to, limit.saturating_sub(unpacked))?;
                unpacked += if place.path == self.path { 0 } else { place.length };
                places.insert(Rc::clone(&storage.key), place);
            }
            let found = places.get(&storage.key).map_or(0, |place| place.length);
            let expected = storage.bytes().unwrap_or(u64::MAX);
            if found != expected || storage.begin != 0 {
                return Err(ArchiveError::Length { entry, found, expected });
            }
        }
        Ok(places)
    }

    /// Where a storage lies; what is compressed is unpacked first.
    fn place(&mut self, entry: &str, storage: &Storage, to: PathBuf, limit: u64) -> Result<Place, ArchiveError> {
        let mut packed = self.zip.by_name(entry)?;
        let (length, expected) = (packed.size(), storage.bytes().unwrap_or(u64::MAX));
        if length != expected {
            return Err(ArchiveError::Length { entry: entry.to_owned(), found: length, expected });
        }
        match packed.compression() {
            CompressionMethod::Stored => {
                let (at, crc) = (packed.data_start().unwrap_or(u64::MAX), packed.crc32());
                drop(packed);
                self.check(entry, at, length, crc)?;
                Ok(Place { path: Arc::clone(&self.path), at, length })
            }
            CompressionMethod::Deflated => {
                let mut file = fs_err::File::create(&to)?;
                let most = length.min(limit);
                let copied =
                    std::io::copy(&mut packed.by_ref().take(most.saturating_add(1)), &mut file).map_err(|error| {
                        if error.kind() == std::io::ErrorKind::StorageFull {
                            ArchiveError::Io(error)
                        } else {
                            ArchiveError::Checksum(entry.to_owned())
                        }
                    })?;
                file.flush()?;
                if copied > most {
                    return Err(ArchiveError::Bomb(entry.to_owned()));
                }
                Ok(Place { path: Arc::new(to), at: 0, length: copied })
            }
            other => Err(ArchiveError::Packed { entry: entry.to_owned(), what: format!("packed by {other}") }),
        }
    }

    /// Reads a storage once and compares its checksum; torch can be told to write none, which is 0.
    fn check(&self, entry: &str, at: u64, length: u64, expected: u32) -> Result<(), ArchiveError> {
        let mut file = fs_err::File::open(self.path.as_path())?;
        file.seek(SeekFrom::Start(at))?;
        let (mut reader, mut crc, mut seen) = (file.take(length), Crc::new(), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            crc.update(&buffer[..count]);
            seen += count as u64;
        }
        if seen != length || (expected != 0 && crc.sum() != expected) {
            return Err(ArchiveError::Checksum(entry.to_owned()));
        }
        Ok(())
    }
}

/// The folder of the one `data.pkl`.
fn folder(zip: &ZipArchive<BufReader<fs_err::File>>) -> Result<String, ArchiveError> {
    let folders = zip.file_names().filter_map(|name| name.strip_suffix("/data.pkl"));
    let mut folders: Vec<&str> = folders.filter(|folder| !folder.contains('/')).collect();
    folders.sort_unstable();
    match folders.as_slice() {
        [] => Err(ArchiveError::NoPickle),
        [only] => Ok((*only).to_owned()),
        [one, other, ..] => Err(ArchiveError::Several(format!("`{one}`"), format!("`{other}`"))),
    }
}

/// How many entries the archive says it has, where it ends without a comment and has less than 65,535. The library keeps
/// the last of two entries of one name and says nothing.
fn entries_told(file: &mut fs_err::File) -> Result<Option<u16>, ArchiveError> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut end = [0; 22];
    if length >= 22 {
        file.seek(SeekFrom::End(-22))?;
        file.read_exact(&mut end)?;
    }
    file.rewind()?;
    let told = u16::from_le_bytes([end[10], end[11]]);
    Ok((end.starts_with(b"PK\x05\x06") && told != u16::MAX).then_some(told))
}
