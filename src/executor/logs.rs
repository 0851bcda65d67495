//! Logs of stages: their ends for people, and a form of bounded size for the store.
//!
//! It does not know what is in them; bytes that are not UTF-8 are shown as such.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Longest log that the store keeps whole.
const MAX_LOG: u64 = 1 << 20;
/// How much of a log's end is looked at for its last lines.
const END: u64 = 16 << 10;

/// The last lines of a log.
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
    all[all.len().saturating_sub(lines)..].iter().map(|line| line.chars().take(400).collect()).collect()
}

/// A log as the store keeps it: whole, or its two ends with a note between them. None if it is empty.
///
/// # Errors
/// When the log cannot be read.
pub fn capped(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let mut file = fs_err::File::open(path)?;
    let size = file.metadata()?.len();
    if size == 0 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    if size <= MAX_LOG {
        file.take(MAX_LOG).read_to_end(&mut bytes)?;
        return Ok(Some(bytes));
    }
    let half = MAX_LOG / 2;
    (&mut file).take(half).read_to_end(&mut bytes)?;
    let note = format!("\n[… {} bytes of the log are left out here …]\n", size - 2 * half);
    bytes.extend_from_slice(note.as_bytes());
    file.seek(SeekFrom::Start(size - half))?;
    file.take(half).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
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
    }
}
