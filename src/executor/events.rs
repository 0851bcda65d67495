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

    /// The events that were appended since. More may wait when it returns a full share.
    pub(crate) fn read(&mut self) -> Vec<Event> {
        let mut found = Vec::new();
        loop {
            let bytes = self.chunk();
            if bytes.is_empty() {
                return found;
            }
            let whole_share = bytes.len() as u64 == CHUNK;
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
            if !whole_share {
                return found;
            }
        }
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
            prop_assert_eq!(tail.read().pop(), Some(Event::Note { text: "last".into() }));
        }
    }

    #[test]
    fn lines_in_pieces_and_garbage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut tail = Tail::new(&path);
        assert!(tail.read().is_empty());
        let mut file = fs_err::File::create(&path).unwrap();
        let note = |text: &str| Event::Note { text: text.into() };
        file.write_all(b"{\"event\":\"note\",\"te").unwrap();
        assert!(tail.read().is_empty());
        file.write_all(b"xt\":\"one\"}\n\xff\xfe\n{\"event\":\"dance\"}\nnull\n").unwrap();
        assert_eq!(tail.read(), [note("one")]);
        file.write_all(&vec![b'x'; MAX_LINE + 10]).unwrap();
        file.write_all(b"\n{\"event\":\"note\",\"text\":\"two\"}\n").unwrap();
        assert_eq!(tail.read(), [note("two")]);
        assert!(tail.read().is_empty());
    }
}
