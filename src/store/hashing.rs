//! Digests of files: large ones on all cores, while the next part is read.
//!
//! Files are read, not mapped: memory stays bounded, and a file that is cut short meanwhile is an error or another
//! digest, not the end of the process.

use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::sync_channel;

use crate::digest::Digest;

/// From this size on a file is hashed on all cores.
const LARGE: u64 = 1 << 20;
/// Bytes that are read at a time, and how many such parts there are: one is read while one is hashed.
const PART: usize = 4 << 20;
const PARTS: usize = 3;

/// Digest of a file's content.
pub(crate) fn hash_file(path: &Path) -> io::Result<Digest> {
    hash_file_telling(path, &|_| {})
}

/// Digest of a file's content; says how many bytes were hashed each time some were.
pub(crate) fn hash_file_telling(path: &Path, step: &dyn Fn(usize)) -> io::Result<Digest> {
    let mut file = fs_err::File::open(path)?;
    let size = file.metadata()?.len();
    let mut hasher = blake3::Hasher::new();
    if size >= LARGE {
        hash_on_all_cores(&mut file, &mut hasher, step)?;
    } else {
        hasher.update_reader(file)?;
        step(usize::try_from(hasher.count()).unwrap_or(usize::MAX));
    }
    Ok(hasher.finalize().into())
}

fn hash_on_all_cores(file: &mut fs_err::File, hasher: &mut blake3::Hasher, step: &dyn Fn(usize)) -> io::Result<()> {
    let (give, take) = sync_channel::<(Vec<u8>, usize)>(PARTS);
    let (give_back, take_back) = sync_channel::<Vec<u8>>(PARTS);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || -> io::Result<()> {
            for made in 0.. {
                let mut part = if made < PARTS { vec![0; PART] } else { take_back.recv().unwrap_or_default() };
                let length = fill(file, &mut part)?;
                if length == 0 || give.send((part, length)).is_err() {
                    break;
                }
            }
            Ok(())
        });
        for (part, length) in take {
            hasher.update_rayon(&part[..length]);
            step(length);
            // The reader has ended if it does not take it.
            let _ = give_back.send(part);
        }
        reader.join().unwrap_or_else(|_| Err(io::Error::other("the reader of a file failed")))
    })
}

/// Reads until the part is full or the file ends.
fn fill(file: &mut fs_err::File, part: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < part.len() {
        match file.read(&mut part[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn parts_make_the_digest_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let large = usize::try_from(LARGE).unwrap();
        for length in [0, 1, large - 1, large, PART - 1, PART, PART + 1, PARTS * PART + 7, 5 * PART] {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
            fs_err::write(&path, &bytes).unwrap();
            assert_eq!(hash_file(&path).unwrap(), Digest::of(&bytes), "{length} bytes");
        }
    }
}
