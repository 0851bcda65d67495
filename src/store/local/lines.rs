//! Files of lines that are appended to: each line has a checksum, so one that is damaged or cut short is skipped.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

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
pub(crate) fn appender(path: &Path) -> io::Result<File> {
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
