//! Logs of stages: their ends for people, and a form of bounded size for the store.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Longest log that the store keeps whole.
const MAX_LOG: u64 = 1 << 20;
/// Longest log that a run's folder keeps whole, and that is shown whole.
const MAX_LIVE: u64 = 64 << 20;
/// How much of a log's end is looked at for its last lines.
const END: u64 = 16 << 10;

/// Most letters of a line.
const LETTERS: usize = 400;

/// The last lines of a log; of a line that was written over again and again (a progress bar) the last state, and of a long
/// one its end.
#[must_use]
pub fn tail(path: &Path, lines: usize) -> Vec<String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = fs_err::File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(END)))?;
        let mut bytes = Vec::new();
        file.take(END).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| end(line)).collect()
}

fn end(line: &str) -> String {
    let state = line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
    let more = state.chars().count().saturating_sub(LETTERS);
    if more == 0 { state.to_owned() } else { format!("…{}", state.chars().skip(more).collect::<String>()) }
}

/// A log as the store keeps it: whole, or its two ends with a note between them. None if it is empty.
///
/// # Errors
/// When the log cannot be read.
pub fn capped(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    // Most stages write none.
    if fs_err::metadata(path)?.len() == 0 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    copy_ends(path, MAX_LOG, &mut bytes)?;
    Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
}

/// Writes out a log of a run's folder: whole, or its two ends with a note between them.
///
/// # Errors
/// When the log cannot be read, or the copy not be written.
pub fn copy(path: &Path, to: &mut dyn Write) -> std::io::Result<()> {
    copy_ends(path, MAX_LIVE, to)
}

fn copy_ends(path: &Path, most: u64, to: &mut dyn Write) -> std::io::Result<()> {
    let mut file = fs_err::File::open(path)?;
    let size = file.metadata()?.len();
    if size <= most {
        return std::io::copy(&mut file.take(most), to).map(drop);
    }
    let half = most / 2;
    std::io::copy(&mut (&mut file).take(half), to)?;
    write!(to, "\n[… {} bytes of the log are left out here …]\n", size - 2 * half)?;
    file.seek(SeekFrom::Start(size - half))?;
    std::io::copy(&mut file.take(half), to).map(drop)
}

/// Gives the room of a growing log's middle back to the disk, where that can be done. What is shown of it stays.
#[derive(Debug, Default)]
pub(crate) struct Trim {
    /// End of what was given back.
    to: u64,
}

impl Trim {
    pub(crate) fn look(&mut self, log: &File) {
        let size = log.metadata().map_or(0, |meta| meta.len());
        let (from, to) = (self.to.max(MAX_LIVE / 2), size.saturating_sub(MAX_LIVE / 2));
        if to > from + MAX_LIVE / 4 {
            self.to = to;
            #[cfg(target_os = "linux")]
            {
                use rustix::fs::{FallocateFlags, fallocate};
                let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                if let Err(error) = fallocate(log, hole, from, to - from) {
                    tracing::debug!("a long log keeps its middle: {error}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_long_log_is_capped_in_the_middle() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(capped(file.path()).unwrap(), None);
        let text = format!("first\n{}last\n", "x\n".repeat(2 << 20));
        fs_err::write(file.path(), &text).unwrap();
        let kept = capped(file.path()).unwrap().unwrap();
        assert!((kept.len() as u64) < MAX_LOG + 200);
        let kept = String::from_utf8(kept).unwrap();
        assert!(
            kept.starts_with("first\n") && kept.ends_with("last\n") && kept.contains("bytes of the log are left out")
        );
        assert_eq!(tail(file.path(), 2), ["x", "last"]);
        fs_err::write(file.path(), format!("{}out of memory\n{}\rdone\r\n", "x".repeat(900), "9 %\r".repeat(900)))
            .unwrap();
        let lines = tail(file.path(), 2);
        assert!(lines[0].starts_with("…xxx") && lines[0].ends_with("xout of memory"), "{lines:?}");
        assert_eq!((lines[0].chars().count(), lines[1].as_str()), (401, "done"));
    }
}
