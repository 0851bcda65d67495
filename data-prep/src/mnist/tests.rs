//! Faults of files and places, and the real MNIST where it is. They do not look at what digits are used for.
#![expect(clippy::unwrap_used, reason = "tests")]
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::idx::{IdxError, images, labels};
use super::source::first_that_works;
use super::*;

fn idx_images(count: u32) -> Vec<u8> {
    let mut bytes = [0x0803_u32, count, 28, 28].iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    bytes.extend((0..count * 784).map(|i| (i % 251) as u8));
    bytes
}

fn idx_labels(count: u32) -> Vec<u8> {
    let mut bytes = [0x0801_u32, count].iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    bytes.extend((0..count).map(|i| (i % 10) as u8));
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn faults_of_idx_files() {
    assert_eq!(images(&idx_images(2), 28).unwrap().len(), 2 * 784);
    assert_eq!(images(&idx_images(2)[..1000], 28), Err(IdxError::Short(1000, 16 + 2 * 784)));
    assert_eq!(images(&[], 28), Err(IdxError::Short(0, 4)));
    assert_eq!(images(&[idx_images(1), vec![0]].concat(), 28), Err(IdxError::Long(1)));
    assert_eq!(images(&idx_labels(2), 28), Err(IdxError::Magic { found: 0x0801, expected: 0x0803 }));
    assert_eq!(images(&idx_images(1), 32), Err(IdxError::Size(28, 28, 32)));
    let mut wrong = idx_labels(3);
    wrong[9] = 10;
    assert_eq!(labels(&wrong, 9), Err(IdxError::Label(1, 10, 9)));
    let mut huge = idx_images(0);
    huge[4..8].copy_from_slice(&[0xff; 4]);
    assert!(matches!(images(&huge, 28), Err(IdxError::Short(..))));
}

/// Four small files in the way of MNIST's, and their hashes.
fn small() -> ([Vec<u8>; 4], [String; 4]) {
    let files = [idx_images(20), idx_labels(20), idx_images(10), idx_labels(10)];
    let hashes = [hash(&files[0]), hash(&files[1]), hash(&files[2]), hash(&files[3])];
    (files, hashes)
}

fn write(folder: &Path, files: &[Vec<u8>; 4], packed: bool) {
    for ((name, _), bytes) in FILES.iter().zip(files) {
        let (name, bytes) =
            if packed { (format!("{name}.gz"), gzip(bytes)) } else { ((*name).to_owned(), bytes.clone()) };
        fs_err::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn the_first_place_that_works_is_used_and_all_reasons_are_told() {
    let (files, hashes) = small();
    let names = FILES.map(|(name, _)| name);
    let [empty, cut, good] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let mut shorter = files.clone();
    shorter[2].pop();
    write(cut.path(), &shorter, true);
    write(good.path(), &files, false);
    let places = [&empty, &cut, &good].map(|folder| folder.path().display().to_string());
    let (found, from) = first_that_works(&places, &names, &hashes).unwrap();
    assert_eq!((&found, &from), (&files, &places[2]));
    let error = first_that_works(&places[..2], &names, &hashes).unwrap_err().to_string();
    assert!(
        error.contains("train-images-idx3-ubyte.gz") && error.contains("`t10k-images-idx3-ubyte` has SHA-256"),
        "{error}"
    );
    assert!(first_that_works(&[], &names, &hashes).unwrap_err().to_string().contains("names no place"));
}

#[test]
fn of_four_packed_files_the_one_that_is_cut_is_named() {
    let (files, hashes) = small();
    let names = FILES.map(|(name, _)| name);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec();
    let cut = gzip(&files[3]);
    for (bytes, why) in [
        (cut[..cut.len() - 9].to_vec(), "it is cut short or damaged"),
        (pointer, "run `git lfs pull`"),
        (Vec::new(), "it is empty"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &files, true);
        fs_err::write(folder.path().join("t10k-labels-idx1-ubyte.gz"), bytes).unwrap();
        let place = folder.path().display().to_string();
        let error = first_that_works(&[place], &names, &hashes).unwrap_err().to_string();
        assert!(error.contains("`t10k-labels-idx1-ubyte.gz`: ") && error.contains(why), "{error}");
    }
}

#[test]
fn packed_files_come_over_http() {
    let (files, hashes) = small();
    let names = FILES.map(|(name, _)| name);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/mnist/", listener.local_addr().unwrap());
    let served = files.clone();
    std::thread::spawn(move || {
        for (stream, file) in listener.incoming().zip(served) {
            let mut stream = stream.unwrap();
            let mut request = [0; 2048];
            let length = stream.read(&mut request).unwrap();
            assert!(String::from_utf8_lossy(&request[..length]).starts_with("GET /mnist/"));
            let body = gzip(&file);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    });
    let (found, _) = first_that_works(&[address], &names, &hashes).unwrap();
    assert_eq!(found, files);
}

#[test]
fn digits_round_trip_and_damage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("digits");
    let digits = drawn::draw(12, 5, 3);
    digits.save(&path).unwrap();
    assert_eq!(Digits::load(&path).unwrap(), digits);
    let bytes = fs_err::read(&path).unwrap();
    fs_err::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(Digits::load(&path).unwrap_err().to_string().contains("no safetensors file"));
}

/// The real files, where they are.
#[test]
#[expect(clippy::print_stderr, reason = "a person who reads the test results should know that it was skipped")]
fn the_real_mnist_if_it_is_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/mnist");
    if !folder.is_dir() {
        eprintln!("skipped: no MNIST in {}", folder.display());
        return;
    }
    let names = FILES.map(|(name, _)| name);
    let hashes = FILES.map(|(_, hash)| hash.to_owned());
    let (files, _) = first_that_works(&[folder.display().to_string()], &names, &hashes).unwrap();
    let labels = labels(&files[1], 9).unwrap();
    let counts: Vec<usize> = (0..10).map(|digit| labels.iter().filter(|label| **label == digit).count()).collect();
    assert_eq!(counts, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    assert_eq!(images(&files[2], 28).unwrap().len(), 10_000 * 784);
}
