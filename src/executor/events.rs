//! Follows the file to which a stage appends events.
//!
//! It does not know what is done with them. A line that is cut short waits for its rest; one that is no event is skipped.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use nnf_contract::Event;

/// Longest line. A longer one is skipped.
const MAX_LINE: usize = 1 << 20;
/// Bytes read at a time, so that a stage that floods its events costs little memory.
const CHUNK: u64 = 4 << 20;

/// Reads what was appended since the last time.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    at: u64,
    rest: Vec<u8>,
    /// The line at hand is too long; its remainder is skipped.
    skipping: bool,
}

impl Tail {
    pub(crate) fn new(path: &Path) -> Self {
        Tail { path: path.to_owned(), at: 0, rest: Vec::new(), skipping: false }
    }

    /// The next events that were appended, and whether more may wait: one call reads a share of bounded size, so that
    /// whoever watches a stage that floods its events can do other things between two of them.
    pub(crate) fn read(&mut self) -> (Vec<Event>, bool) {
        let mut found = Vec::new();
        let bytes = self.chunk();
        let more = bytes.len() as u64 == CHUNK;
        for byte in bytes {
            match byte {
                b'\n' => {
                    if !std::mem::take(&mut self.skipping) {
                        found.extend(serde_json::from_slice::<Event>(&self.rest));
                    }
                    self.rest.clear();
                }
                _ if self.skipping => {}
                _ if self.rest.len() >= MAX_LINE => {
                    self.skipping = true;
                    self.rest.clear();
                }
                byte => self.rest.push(byte),
            }
        }
        (found, more)
    }

    fn chunk(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut read = || -> std::io::Result<()> {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.at))?;
            file.take(CHUNK).read_to_end(&mut bytes).map(|_| ())
        };
        // A stage that has not begun its file has said nothing.
        let _ = read();
        self.at += bytes.len() as u64;
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::io::Write;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_lose_what_follows(pieces in vec(vec(any::<u8>(), 0..300), 0..6)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("events");
            let mut tail = Tail::new(&path);
            let mut file = fs_err::File::create(&path).unwrap();
            for piece in pieces {
                file.write_all(&piece).unwrap();
                let _ = tail.read();
            }
            file.write_all(b"\n{\"event\":\"note\",\"text\":\"last\"}\n").unwrap();
            prop_assert_eq!(tail.read().0.pop(), Some(Event::Note { text: "last".into() }));
        }
    }

    #[test]
    fn lines_in_pieces_and_garbage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut tail = Tail::new(&path);
        assert_eq!(tail.read(), (Vec::new(), false));
        let mut file = fs_err::File::create(&path).unwrap();
        let note = |text: &str| Event::Note { text: text.into() };
        file.write_all(b"{\"event\":\"note\",\"te").unwrap();
        assert_eq!(tail.read(), (Vec::new(), false));
        file.write_all(b"xt\":\"one\"}\n\xff\xfe\n{\"event\":\"dance\"}\nnull\n").unwrap();
        assert_eq!(tail.read(), (vec![note("one")], false));
        file.write_all(&vec![b'x'; MAX_LINE + 10]).unwrap();
        file.write_all(b"\n{\"event\":\"note\",\"text\":\"two\"}\n").unwrap();
        assert_eq!(tail.read(), (vec![note("two")], false));
        assert_eq!(tail.read(), (Vec::new(), false));
    }
    #[test]
    fn a_flood_comes_in_shares() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let line = b"{\"event\":\"note\",\"text\":\"x\"}\n";
        let lines = 2 * usize::try_from(CHUNK).unwrap() / line.len();
        fs_err::write(&path, line.repeat(lines)).unwrap();
        let mut tail = Tail::new(&path);
        let (first, more) = tail.read();
        assert!(more && first.len() <= lines / 2 + 1, "{}", first.len());
        let (second, _) = tail.read();
        assert!(first.len() + second.len() + tail.read().0.len() == lines);
    }
}
