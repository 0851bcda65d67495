//! Digests of files: parts of large ones on all cores, each read by the core that hashes it.
//!
//! Files are read, not mapped: memory stays bounded, and a file that is cut short meanwhile is an error, not the end of
//! the process. It is also quicker, as a part is still in the core's cache when it is hashed.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};

use crate::digest::Digest;

/// From this size on a file is hashed on all cores.
const LARGE: u64 = 1 << 20;
/// Bytes that a core reads at a time: a whole subtree of the digest, that is, 2^n chunks of 1,024 bytes.
const PART: u64 = 1 << 19;

/// Digest of a file's content.
pub(crate) fn hash_file(path: &Path) -> io::Result<Digest> {
    hash_file_telling(path, &|_| {})
}

/// Digest of a file's content; says how many bytes were hashed each time some were.
pub(crate) fn hash_file_telling(path: &Path, step: &(dyn Fn(usize) + Sync)) -> io::Result<Digest> {
    let file = fs_err::File::open(path)?.into_file();
    let size = file.metadata()?.len();
    let hash = if size >= LARGE {
        hash_on_all_cores(&file, size, step)
    } else {
        let mut hasher = blake3::Hasher::new();
        let hashed = hasher.update_reader(&file).map(|hasher| hasher.finalize());
        step(usize::try_from(hasher.count()).unwrap_or(usize::MAX));
        hashed
    };
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    hash.map(Digest::from).map_err(named)
}

fn hash_on_all_cores(file: &File, size: u64, step: &(dyn Fn(usize) + Sync)) -> io::Result<blake3::Hash> {
    let left = left_subtree_len(size);
    let (left, right) = rayon::join(|| subtree(file, 0, left, step), || subtree(file, left, size - left, step));
    Ok(merge_subtrees_root(&left?, &right?, Mode::Hash))
}

/// The value of a subtree of the digest, over `length` bytes from `start` on.
fn subtree(file: &File, start: u64, length: u64, step: &(dyn Fn(usize) + Sync)) -> io::Result<ChainingValue> {
    if length > PART {
        let left = left_subtree_len(length);
        let (left, right) =
            rayon::join(|| subtree(file, start, left, step), || subtree(file, start + left, length - left, step));
        return Ok(merge_subtrees_non_root(&left?, &right?, Mode::Hash));
    }
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BUFFER.with_borrow_mut(|buffer| {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        buffer.resize(buffer.len().max(length), 0);
        let part = &mut buffer[..length];
        file.read_exact_at(part, start)?;
        let value = blake3::Hasher::new().set_input_offset(start).update(part).finalize_non_root();
        step(length);
        Ok(value)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn parts_make_the_digest_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let (large, part) = (usize::try_from(LARGE).unwrap(), usize::try_from(PART).unwrap());
        let lengths =
            [0, 1, 1024, 1025, large - 1, large, large + 1, 3 * part, 3 * part + 1, 7 * part + 1023, 8 * part];
        for length in lengths {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
            fs_err::write(&path, &bytes).unwrap();
            let told = AtomicUsize::new(0);
            let tell = |more| {
                told.fetch_add(more, Ordering::SeqCst);
            };
            let digest = hash_file_telling(&path, &tell).unwrap();
            assert_eq!(digest, Digest::of(&bytes), "{length} bytes");
            assert_eq!(told.into_inner(), length);
        }
    }

    #[test]
    fn a_file_that_is_cut_short_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(3 * LARGE).unwrap();
        let error = hash_on_all_cores(&file, 3 * LARGE + 1, &|_| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
