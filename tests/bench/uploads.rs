//! Measures how fast a thousand small files reach an S3 store, beside what `object_store` alone reaches with as many
//! requests at a time: `make bench`.
//!
//! Server and clients share this process and machine, so figures compare with each other only. Both ways are taken in
//! turn, and medians are printed.

#![expect(clippy::unwrap_used, reason = "a measurement, which ends where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt};
use nnf::digest::Key;
use nnf::machine::this_machine;
use nnf::record::{Produced, Record};
use nnf::store::{RemoteOptions, Store, StoreOptions, UPLOADS};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};

use nnf_test_s3::S3;

const FILES: usize = 1_000;
const BYTES: usize = 1_024;
const ROUNDS: usize = 7;

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = S3::start();
    let (mut alone, mut store) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let times = (alone_takes(&server, round), store_takes(&server, round));
        // The first round warms up.
        if round > 0 {
            alone.push(times.0);
            store.push(times.1);
        }
    }
    let rate = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        FILES as f64 / times[times.len() / 2]
    };
    let (alone, store) = (rate(&mut alone), rate(&mut store));
    say(&format!("{FILES} files of {BYTES} bytes, {UPLOADS} requests at a time, medians of {ROUNDS}"));
    say(&format!("object_store alone   {alone:7.0} files/s"));
    say(&format!("nnf push             {store:7.0} files/s"));
    say(&format!("ratio                {:7.2}", store / alone));
}

fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Files of one round, each unlike all others.
fn content(round: usize, at: usize) -> Vec<u8> {
    let mut bytes = vec![b'.'; BYTES];
    let name = format!("{round} {at}");
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}

/// Seconds that the library needs.
fn alone_takes(server: &S3, round: usize) -> f64 {
    let mut builder = AmazonS3Builder::new().with_url(server.url(""));
    for (name, value) in server.settings() {
        builder = builder.with_config(name.to_lowercase().parse().unwrap(), value);
    }
    let store: AmazonS3 = builder.build().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let began = Instant::now();
    let puts = futures_util::stream::iter(0..FILES).map(|at| {
        let name = object_store::path::Path::from(format!("alone-{round}/blobs/v1/{:02x}/{at}", at % 256));
        let (store, payload) = (&store, PutPayload::from(content(round, at)));
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        async move { store.put_opts(&name, payload, options).await }
    });
    let done = runtime.block_on(puts.buffer_unordered(UPLOADS).try_collect::<Vec<_>>());
    assert_eq!(done.unwrap().len(), FILES);
    began.elapsed().as_secs_f64()
}

/// Seconds that the store needs to send one result with as many files, and its record.
fn store_takes(server: &S3, round: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let open = |remote| Store::open(&StoreOptions { local: folder.path().join("artifacts"), remote }).unwrap();
    let key = make(&open(None), folder.path(), round);
    let far = open(Some(RemoteOptions::new(server.url(&format!("store-{round}")), server.settings())));
    let began = Instant::now();
    let moved = far.remote().push(&BTreeSet::from([key]), &mut |_| {}).unwrap();
    // The list of the folder is one more.
    assert_eq!((moved.results, moved.files), (1, FILES + 1));
    assert!(server.file(&format!("store-{round}/records/v1")).is_dir());
    began.elapsed().as_secs_f64()
}

/// A result with many files in the local store.
fn make(store: &Store, scratch: &Path, round: usize) -> Key {
    let output = scratch.join("output");
    fs_err::create_dir(&output).unwrap();
    for at in 0..FILES {
        fs_err::write(output.join(at.to_string()), content(round, at)).unwrap();
    }
    let artifact = store.content().ingest(&output, "inode/directory").unwrap();
    let document = format!("{{\"round\":{round}}}");
    let record = Record {
        version: 1,
        key: Key::of_document(document.as_bytes()),
        document,
        outputs: BTreeMap::from([("output".to_owned(), Produced::Artifact(artifact))]),
        metrics: BTreeMap::new(),
        started: jiff::Timestamp::UNIX_EPOCH,
        seconds: 0.0,
        attempts: 1,
        machine: this_machine(),
        environment: BTreeMap::new(),
        log: None,
        nonce: "uploads".into(),
        supersedes: None,
        replaces: Vec::new(),
        checksum: String::new(),
    };
    store.records().commit(&record).unwrap();
    store.finish().unwrap();
    record.key
}
