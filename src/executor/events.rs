//! Follows the file to which a stage appends events.
//!
//! Whatever a stage does to that file is read as well as can be, and what cannot be read is told, not dropped in silence:
//! a line that is cut short waits for its rest, or for the stage's end; a file that is written anew, cut or replaced is
//! read from its beginning.

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use nnf_contract::Event;
use rustix::fs::{Mode, OFlags, open};

use crate::executor::lines::Lines;

/// Bytes read at a time, so that a stage that floods its events costs little memory.
const CHUNK: u64 = 4 << 20;
/// How much of what was read last is compared with what stands there now.
const COMPARED: usize = 256;

/// Reads what was appended since the last time.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    file: Option<File>,
    at: u64,
    /// The end of what was read of this file.
    last: Vec<u8>,
    /// What the file looked like when it was compared last.
    look: Option<(u64, i64, i64)>,
    lines: Lines,
    /// What stands at the path in place of a file, if that was told.
    strange: bool,
}

impl Tail {
    pub(crate) fn new(path: &Path) -> Self {
        Tail {
            path: path.to_owned(),
            file: None,
            at: 0,
            last: Vec::new(),
            look: None,
            lines: Lines::default(),
            strange: false,
        }
    }

    /// The next events that were appended, and whether more may wait: one call reads a share of bounded size, so that
    /// whoever watches a stage that floods its events can do other things between two of them.
    pub(crate) fn read(&mut self) -> (Vec<Event>, bool) {
        let mut found = Vec::new();
        if self.is_rewritten() {
            self.begin(&mut found);
        }
        // What was written into a file before another took its place is read first.
        let mut bytes = self.chunk();
        if bytes.is_empty() && self.is_replaced(&mut found) {
            self.begin(&mut found);
            bytes = self.chunk();
        }
        self.lines.extend(&bytes, &mut found);
        (found, bytes.len() as u64 == CHUNK)
    }

    /// The last line, though it has no end, and what there is to say about all that was no event. For when the stage has
    /// ended, and all else was read.
    pub(crate) fn finish(&mut self) -> Vec<Event> {
        let mut found = Vec::new();
        self.lines.finish(&mut found);
        found
    }

    /// Begins at the beginning of the file.
    fn begin(&mut self, found: &mut Vec<Event>) {
        self.lines.end_of_file(found);
        (self.at, self.look) = (0, None);
        self.last.clear();
    }

    /// Takes the file at the path, if it is another one than that at hand.
    fn is_replaced(&mut self, found: &mut Vec<Event>) -> bool {
        // A stage that has not begun its file has said nothing.
        let Ok(meta) = fs_err::symlink_metadata(&self.path) else { return false };
        if !meta.is_file() {
            if !std::mem::replace(&mut self.strange, true) {
                let text = format!("nothing that it says is heard: its events file is {}", kind(&meta));
                found.push(Event::Note { text });
            }
            return false;
        }
        let same = self.file.as_ref().and_then(|file| file.metadata().ok());
        if same.is_some_and(|same| (same.dev(), same.ino()) == (meta.dev(), meta.ino())) {
            return false;
        }
        // A pipe that took its place between the two looks is not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = open(&self.path, flags, Mode::empty()) else { return false };
        self.file = Some(File::from(file));
        true
    }

    /// Whether what was read of the file stands there no more.
    fn is_rewritten(&mut self) -> bool {
        let Some(file) = &self.file else { return false };
        let Ok(meta) = file.metadata() else { return false };
        let look = Some((meta.len(), meta.mtime(), meta.mtime_nsec()));
        if std::mem::replace(&mut self.look, look) == look {
            return false;
        }
        let mut there = vec![0; self.last.len()];
        let read = file.read_exact_at(&mut there, self.at.saturating_sub(self.last.len() as u64));
        meta.len() < self.at || read.is_err() || there != self.last
    }

    fn chunk(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(file) = &mut self.file {
            // That nothing can be read is as if nothing had been written.
            let _ = file.seek(SeekFrom::Start(self.at)).and_then(|_| file.take(CHUNK).read_to_end(&mut bytes));
        }
        self.at += bytes.len() as u64;
        let kept = COMPARED.saturating_sub(bytes.len()).min(self.last.len());
        self.last.drain(..self.last.len() - kept);
        self.last.extend_from_slice(&bytes[bytes.len().saturating_sub(COMPARED)..]);
        bytes
    }
}

fn kind(meta: &Metadata) -> &'static str {
    match meta.file_type() {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_symlink() => "a link",
        _ => "no file",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::executor::lines::MAX_LINE;
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
        let shares = std::iter::from_fn(|| Some(tail.read()).filter(|(found, more)| *more || !found.is_empty()));
        assert_eq!(shares.flat_map(|(found, _)| found).collect::<Vec<_>>(), [note("two")]);
        file.write_all(b"{\"event\":\"note\",\"text\":\"last\"}").unwrap();
        assert_eq!(tail.read(), (Vec::new(), false));
        let told =
            note("4 lines of its events are none and were left out; the first, line 2: expected value at column 1");
        assert_eq!(tail.finish(), [note("last"), told]);
    }

    /// All that a tail hears while a file becomes this and that.
    fn heard(changes: &[&dyn Fn(&Path)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut tail = Tail::new(&path);
        let mut events = Vec::new();
        for change in changes {
            change(&path);
            events.extend(tail.read().0);
            events.extend(tail.read().0);
        }
        events.extend(tail.finish());
        let text = |event| match event {
            Event::Note { text } => text,
            event => format!("{event:?}"),
        };
        events.into_iter().map(text).collect()
    }

    fn line(text: &str) -> String {
        format!("{{\"event\":\"note\",\"text\":\"{text}\"}}\n")
    }

    #[test]
    fn a_file_that_is_written_anew_cut_or_replaced_is_read_from_its_beginning() {
        let write = |text: String| move |path: &Path| fs_err::write(path, &text).unwrap();
        // One that is written anew for each event, as `>` does.
        assert_eq!(
            heard(&[&write(line("one")), &write(line("two")), &write(line("longer"))]),
            ["one", "two", "longer"]
        );
        let replace = |text: String| {
            move |path: &Path| {
                let aside = path.with_extension("new");
                fs_err::write(&aside, &text).unwrap();
                fs_err::rename(&aside, path).unwrap();
            }
        };
        assert_eq!(heard(&[&write(line("one")), &replace(line("two"))]), ["one", "two"]);
        let rotate = |path: &Path| {
            let mut file = fs_err::OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(line("before").as_bytes()).unwrap();
            fs_err::rename(path, path.with_extension("1")).unwrap();
            fs_err::write(path, line("after")).unwrap();
        };
        assert_eq!(heard(&[&write(line("one")), &rotate]), ["one", "before", "after"]);
        let cut = |path: &Path| fs_err::write(path, "").unwrap();
        assert_eq!(heard(&[&write(line("one")), &cut, &write(line("two"))]), ["one", "two"]);
        let remove = |path: &Path| fs_err::remove_file(path).unwrap();
        assert_eq!(heard(&[&write(line("one")), &remove, &write(line("two"))]), ["one", "two"]);
        let touch = |path: &Path| fs_err::write(path, fs_err::read(path).unwrap()).unwrap();
        assert_eq!(heard(&[&write(line("one")), &touch, &touch]), ["one"]);
    }

    #[test]
    fn what_is_no_file_is_told() {
        let told = |what: &str| [format!("nothing that it says is heard: its events file is {what}")];
        let folder = |path: &Path| fs_err::create_dir(path).unwrap();
        assert_eq!(heard(&[&folder, &|_| {}]), told("a folder"));
        let link = |path: &Path| fs_err::os::unix::fs::symlink("/dev/zero", path).unwrap();
        assert_eq!(heard(&[&link]), told("a link"));
        let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        assert_eq!(heard(&[&socket]), told("no file"));
    }

    #[test]
    fn what_other_systems_write_is_read() {
        let write = |text: String| move |path: &Path| fs_err::write(path, &text).unwrap();
        let text = format!("\u{feff}{}", line("one").replace('\n', "\r\n"));
        assert_eq!(heard(&[&write(format!("{text}\r\n\n{}", line("two")))]), ["one", "two"]);
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
