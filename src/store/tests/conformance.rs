//! What every remote tier must do.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::azurite::Azurite;
use super::strict::Strict;
use crate::store::{ObjectRemote, Remote, RemoteOptions, StoreError};
use nnf_test_s3::S3;

struct Suite<'a> {
    remote: &'a dyn Remote,
    folder: tempfile::TempDir,
}

impl<'a> Suite<'a> {
    fn new(remote: &'a dyn Remote) -> Self {
        Suite { remote, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let (_, path) = tempfile::NamedTempFile::new_in(&self.folder).unwrap().keep().unwrap();
        fs_err::write(&path, bytes).unwrap();
        path
    }

    fn put(&self, name: &str, bytes: &[u8]) -> bool {
        self.remote.put_if_absent(name, &self.file(bytes)).unwrap()
    }

    fn get(&self, name: &str) -> Option<Vec<u8>> {
        let to = self.folder.path().join("got");
        let found = self.remote.get(name, &to).unwrap();
        found.then(|| fs_err::read(to).unwrap())
    }

    /// Every tier is held to this.
    fn run(&self) {
        self.what_is_not_there();
        self.the_first_one_stands();
        self.lists_know_folders();
        self.deleting_makes_room();
        self.large_objects();
        self.one_of_many_writers_wins();
        self.what_may_be_lost_is_replaced();
        self.names_of_all_kinds();
        self.many_small_objects_at_once();
        self.objects_have_sizes_and_times();
    }

    fn what_is_not_there(&self) {
        assert_eq!(self.get("test/none"), None);
        assert!(!self.remote.exists("test/none").unwrap());
        assert_eq!(self.remote.list("test").unwrap(), [""; 0]);
        self.remote.delete("test/none").unwrap();
    }

    fn the_first_one_stands(&self) {
        assert!(self.put("test/one", b"first\0\xff"));
        assert!(!self.put("test/one", b"second"));
        assert_eq!(self.get("test/one").unwrap(), b"first\0\xff");
        assert!(self.remote.exists("test/one").unwrap());
        assert!(self.put("test/empty", b""));
        assert_eq!(self.get("test/empty").unwrap(), b"");
    }

    fn lists_know_folders(&self) {
        for name in ["test/list/b.json", "test/list/a/deep", "test/list2/c", "test/list/c"] {
            assert!(self.put(name, name.as_bytes()));
        }
        assert_eq!(self.remote.list("test/list").unwrap(), ["test/list/a/deep", "test/list/b.json", "test/list/c"]);
        assert_eq!(self.get("test/list/a/deep").unwrap(), b"test/list/a/deep");
        assert!(!self.remote.exists("test/list").unwrap(), "a folder is no object");
    }

    fn deleting_makes_room(&self) {
        assert!(self.put("test/again", b"1"));
        self.remote.delete("test/again").unwrap();
        self.remote.delete("test/again").unwrap();
        assert_eq!(self.get("test/again"), None);
        assert!(self.put("test/again", b"2"));
        assert_eq!(self.get("test/again").unwrap(), b"2");
    }

    /// Larger than one part of an upload, and no multiple of it.
    fn large_objects(&self) {
        let bytes: Vec<u8> = (0..(17_u32 << 20) + 3).map(|i| (i % 251) as u8).collect();
        assert!(self.put("test/large", &bytes));
        assert!(!self.put("test/large", &bytes));
        assert!(self.get("test/large").unwrap() == bytes);
    }

    fn what_may_be_lost_is_replaced(&self) {
        for text in ["one", "two, longer", "3"] {
            self.remote.replace("test/beat", text.as_bytes()).unwrap();
            assert_eq!(self.get("test/beat").unwrap(), text.as_bytes());
        }
        assert!(!self.remote.create("test/beat", b"no").unwrap());
        assert!(self.remote.create("test/few", b"bytes").unwrap());
        assert_eq!(self.get("test/few").unwrap(), b"bytes");
    }

    fn names_of_all_kinds(&self) {
        let names = ["test/names/a.b_c-d", "test/names/Pipe-line.v1.jsonl", "test/names/1", "test/names/1.beat"];
        for name in names {
            assert!(self.put(name, name.as_bytes()), "{name}");
        }
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        assert_eq!(self.remote.list("test/names").unwrap(), sorted);
        for name in names {
            assert_eq!(self.get(name).unwrap(), name.as_bytes());
            self.remote.delete(name).unwrap();
        }
        assert_eq!(self.remote.list("test/names").unwrap(), [""; 0]);
    }

    fn many_small_objects_at_once(&self) {
        let (remote, names) = (self.remote, (0..200).map(|i| format!("test/many/{}/{i}", i % 7)).collect::<Vec<_>>());
        std::thread::scope(|scope| {
            for part in names.chunks(25) {
                scope.spawn(move || part.iter().for_each(|n| assert!(remote.create(n, n.as_bytes()).unwrap())));
            }
        });
        assert_eq!(remote.list("test/many").unwrap().len(), names.len());
        let read = |name: &String| {
            let mut bytes = Vec::new();
            remote.read(name, &mut bytes).unwrap().then_some(bytes)
        };
        assert!(names.iter().all(|name| read(name).unwrap() == name.as_bytes()));
    }

    fn objects_have_sizes_and_times(&self) {
        let look = || self.remote.objects("test/look").unwrap();
        assert!(self.put("test/look/a", b"12345") && self.put("test/look/deep/b", b""));
        let before = look();
        let told: Vec<_> = before.iter().map(|object| (object.name.as_str(), object.size)).collect();
        assert_eq!(told, [("test/look/a", 5), ("test/look/deep/b", 0)]);
        // Services round times to seconds, and what is refused changes nothing.
        std::thread::sleep(Duration::from_millis(1100));
        assert!(!self.put("test/look/a", b"other"));
        assert_eq!(look(), before);
        self.remote.replace("test/look/a", b"1").unwrap();
        let after = look();
        assert!(after[0].modified > before[0].modified && after[0].size == 1, "{after:?} {before:?}");
        assert_eq!(after[1], before[1]);
        let apart = |a: SystemTime, b: SystemTime| a.duration_since(b).or_else(|_| b.duration_since(a)).unwrap();
        assert!(apart(after[0].modified, SystemTime::now()) < Duration::from_secs(86_400), "seconds since 1970");
    }

    fn one_of_many_writers_wins(&self) {
        let files: Vec<PathBuf> = (0..8_u8).map(|i| self.file(&[i; 1000])).collect();
        let remote = self.remote;
        let won: Vec<bool> = std::thread::scope(|scope| {
            let put = |file| move || remote.put_if_absent("test/race", file).unwrap();
            let writers: Vec<_> = files.iter().map(|file| scope.spawn(put(file.as_path()))).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        let winner = won.iter().position(|won| *won).unwrap();
        assert_eq!(self.get("test/race").unwrap(), fs_err::read(&files[winner]).unwrap());
    }
}

fn open(url: &str) -> Result<ObjectRemote, StoreError> {
    open_with(url, BTreeMap::new())
}

/// A store that is soon given up.
fn open_with(url: &str, settings: BTreeMap<String, String>) -> Result<ObjectRemote, StoreError> {
    ObjectRemote::open(&RemoteOptions {
        silence: Duration::from_secs(20),
        retries: 2,
        ..RemoteOptions::new(url, settings)
    })
}

#[test]
fn memory_conforms() {
    for url in ["memory:///", "memory:///a/prefix"] {
        Suite::new(&open(url).unwrap()).run();
    }
}

#[test]
fn a_folder_conforms_and_survives_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/far%20away/store", folder.path().display());
    Suite::new(&open(&url).unwrap()).run();
    let again = open(&url).unwrap();
    assert_eq!(Suite::new(&again).get("test/one").unwrap(), b"first\0\xff");
    assert!(folder.path().join("far away/store/test/one").is_file(), "under its own name");
}

#[test]
fn s3_conforms() {
    let server = S3::start();
    Suite::new(&open_with(&server.url("a/prefix"), server.settings()).unwrap()).run();
    let again = open_with(&server.url("a/prefix"), server.settings()).unwrap();
    assert_eq!(Suite::new(&again).get("test/one").unwrap(), b"first\0\xff");
    assert!(server.file("a/prefix/test/one").is_file(), "under its own name");
    Suite::new(&open_with(&server.url(""), server.settings()).unwrap()).run();
}

#[test]
fn azure_conforms() {
    match Azurite::start() {
        Ok(server) => {
            Suite::new(&open_with(&server.url("a/prefix"), server.settings()).unwrap()).run();
            Suite::new(&open_with(&server.url(""), server.settings()).unwrap()).run();
        }
        Err(why) => {
            let said = writeln!(std::io::stderr(), "skipped: {why}");
            assert!(said.is_ok() && std::env::var_os("NNF_AZURITE").is_none(), "NNF_AZURITE is set, but {why}");
        }
    }
}

#[test]
fn the_strict_double_conforms() {
    Suite::new(&Strict::default()).run();
}

#[test]
fn urls_that_cannot_be_used_say_why_and_keep_secrets() {
    for url in ["no url", "ftp://user:pa55word@example.org/x", "s3://key:pa55word@", "file://host/x"] {
        let Err(error) = open(url) else { panic!("{url}") };
        let text = format!("{error} {error:?}");
        assert!(matches!(error, StoreError::BadRemote { .. }) && !text.contains("pa55word"), "{text}");
    }
}
