//! Documents of the store that were damaged at random: read or refused, and no path leads out of its folder.

use crate::digest::{Digest, Key};
use crate::record::{Artifact, Form};
use crate::store::local::{lines, records, tree};
use crate::store::{Store, StoreOptions};

#[path = "../../../tests/support/mutate.rs"]
mod mutate;

use mutate::Random;

fn rounds() -> usize {
    std::env::var("NNF_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

fn store(folder: &std::path::Path) -> Store {
    Store::open(&StoreOptions { local: folder.join("artifacts"), remote: None }).unwrap()
}

/// A damaged record is refused, whatever was damaged: it has a checksum.
#[test]
fn damaged_records_count_as_none() {
    let key = Key::of_document(b"{}");
    let text = format!(
        r#"{{"version":1,"key":"{key}","document":"{{}}","outputs":{{"x":{{"artifact":{{"digest":"{0}","form":"file",
        "size":5,"media":"text/plain"}}}},"y":"absent"}},"metrics":{{"loss":0.25}},"started":"2026-01-01T00:00:00Z",
        "seconds":1.5,"attempts":1,"machine":{{"cpu":"x","cores":1,"memory_gib":1,"platform":"p"}},"nonce":"n",
        "checksum":""}}"#,
        Digest::of(b"x")
    );
    let bytes = records::to_bytes(&serde_json::from_str(&text).unwrap());
    let read = records::parse(&bytes, &key).unwrap();
    let mut random = Random(4);
    for _ in 0..rounds() * 10 {
        let damaged = random.damage(&bytes);
        if let Some(found) = records::parse(&damaged, &key) {
            // What is left are spaces around the document.
            assert_eq!(found, read, "{}", String::from_utf8_lossy(&damaged));
        }
        let _ = records::is_newer(&damaged);
    }
}

#[test]
fn damaged_lines_are_skipped() {
    let mut text = Vec::new();
    for word in ["one", "two", "three"] {
        lines::push_line(&mut text, &word);
    }
    let mut random = Random(5);
    for _ in 0..rounds() * 10 {
        for line in lines::checked_lines(&random.damage(&text)) {
            let word: String = serde_json::from_slice(line).unwrap();
            assert!(["one", "two", "three"].contains(&word.as_str()), "{word}");
        }
    }
}

/// Trees have no checksum but their name, so one that a stranger made must do no harm.
#[test]
fn damaged_trees_stay_in_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let made = folder.path().join("made");
    fs_err::create_dir_all(made.join("a/b")).unwrap();
    fs_err::create_dir(made.join("empty")).unwrap();
    fs_err::write(made.join("a/b/one"), "one").unwrap();
    fs_err::write(made.join("two"), "two").unwrap();
    fs_err::os::unix::fs::symlink("b/one", made.join("a/link")).unwrap();
    fs_err::os::unix::fs::symlink("..", made.join("a/b/up")).unwrap();
    let whole = store.content().ingest(&made, "inode/directory").unwrap();
    let seed = fs_err::read(store.tiers.blobs.path(&whole.digest)).unwrap();
    let (mut random, mut read) = (Random(6), 0);
    for round in 0..rounds() * 2 {
        let damaged = random.damage(&seed);
        let digest = store.tiers.blobs.put_bytes(&damaged).unwrap();
        let artifact = Artifact { digest, form: Form::Folder, size: 0, media: String::new() };
        read += usize::from(tree::read(&store.tiers.blobs, &digest).is_ok());
        let around = folder.path().join(format!("around{round}"));
        fs_err::create_dir(&around).unwrap();
        for (name, done) in [
            ("copy", store.content().copy_out(&artifact, &around.join("copy"))),
            ("link", store.content().materialize(&artifact, &around.join("link")).map(drop)),
        ] {
            let names: Vec<_> = fs_err::read_dir(&around).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert!(names.iter().all(|n| n == "copy" || n == "link"), "{name}: {names:?}");
            let _ = done;
        }
        assert_contained(&around, &around);
        fs_err::remove_dir_all(&around).unwrap();
    }
    assert!(read > 0, "some damage does no harm");
    let mut left: Vec<_> = fs_err::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["artifacts"]);
}

#[test]
fn trees_that_lead_out_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let one = store.tiers.blobs.put_bytes(b"one").unwrap();
    let file = format!(r#"{{"file":{{"digest":"{one}","size":3}}}}"#);
    let link = |target: &str| format!(r#"{{"link":{{"target":"{target}"}}}}"#);
    let read = |path: &str, entry: &str| {
        let text = format!(r#"{{"version":1,"entries":{{"a":"folder","{path}":{entry}}}}}"#);
        tree::read(&store.tiers.blobs, &store.tiers.blobs.put_bytes(text.as_bytes()).unwrap())
    };
    for path in ["../x", "a/../../x", "/x", "", "a//x", "a/", "./x", "a/..", "..", "a/./x", "a/.", "b/x", "a/b/x"] {
        assert!(read(path, &file).is_err(), "{path}");
    }
    assert!(read("a/./x", &link("../../x")).is_err(), "a point is no folder");
    for parent in [file.clone(), link("a")] {
        let below = format!(r#"{parent},"b/x":{file}"#);
        assert!(read("b", &below).is_err(), "{below}");
    }
    for target in ["/etc/passwd", "..", "../x", "a/../../x", "a/../x"] {
        assert!(read("x", &link(target)).is_err(), "{target}");
    }
    assert!(read("a/x", &file).is_ok() && read("a/x", &link("../b")).is_ok());
}

/// No link leads out of the folder.
fn assert_contained(folder: &std::path::Path, root: &std::path::Path) {
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs_err::symlink_metadata(&path).unwrap();
        if meta.is_symlink() {
            let inside = path.canonicalize().is_ok_and(|real| real.starts_with(root.canonicalize().unwrap()));
            assert!(inside || !path.exists(), "{} leads out", path.display());
        } else if meta.is_dir() {
            assert_contained(&path, root);
        }
    }
}

/// A process that nobody knows of still has the file open: what it writes later is found when the content is read.
#[test]
fn content_that_somebody_still_writes_to_is_found() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let path = folder.path().join("output");
    let mut open = fs_err::File::create(&path).unwrap();
    open.write_all(b"half").unwrap();
    let artifact = store.content().ingest(&path, "text/plain").unwrap();
    assert_eq!(store.content().read(&artifact).unwrap(), b"half");
    // Longer than one tick of a coarse clock.
    std::thread::sleep(std::time::Duration::from_millis(30));
    open.write_all(b"more").unwrap();
    assert!(matches!(store.content().read(&artifact), Err(crate::store::StoreError::Damaged { .. })));
}

#[test]
fn a_tree_of_a_million_levels_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for text in ["[".repeat(1 << 20), format!("{{\"version\":1,\"entries\":{}", "{\"a\":".repeat(1 << 20))] {
        let digest = store.tiers.blobs.put_bytes(text.as_bytes()).unwrap();
        assert!(tree::read(&store.tiers.blobs, &digest).is_err());
    }
}
