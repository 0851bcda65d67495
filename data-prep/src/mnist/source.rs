//! Where the files of MNIST are looked for: folders and mirrors, in order.
//!
//! It checks that they are the right bytes.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use nnf_contract::StageError;
use sha2::{Digest, Sha256};

use nnf_contract::unusable;

/// Longest file, packed or unpacked: the largest of MNIST has 47 MB.
const MAX_BYTES: u64 = 256 << 20;

/// The unpacked bytes of four files from the first place that has them all, and the place.
pub(crate) fn first_that_works(
    places: &[String],
    names: &[&str; 4],
    sha256: &[String; 4],
) -> Result<([Vec<u8>; 4], String), StageError> {
    if places.is_empty() {
        return Err(StageError::failed(
            "`from` names no place to read MNIST from: give folders or addresses, such as `--set params.mnist_from=[/data/mnist]`",
        ));
    }
    let mut reasons = Vec::new();
    for place in places {
        match all(place, names, sha256) {
            Ok(files) => return Ok((files, place.clone())),
            Err(reason) => reasons.push(format!("{place}: {reason}")),
        }
    }
    Err(StageError::failed(format!("no place has the files of MNIST; {}", reasons.join("; "))))
}

fn all(place: &str, names: &[&str; 4], sha256: &[String; 4]) -> Result<[Vec<u8>; 4], String> {
    let mut files: [Vec<u8>; 4] = Default::default();
    for (file, (name, expected)) in files.iter_mut().zip(names.iter().zip(sha256)) {
        let bytes = one(place, name)?;
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if found != expected.to_ascii_lowercase() {
            return Err(format!(
                "`{name}` has SHA-256 {found}, not {expected}: it is cut short, damaged, or another file"
            ));
        }
        *file = bytes;
    }
    Ok(files)
}

/// One file, packed or not.
fn one(place: &str, name: &str) -> Result<Vec<u8>, String> {
    let remote = place.starts_with("http://") || place.starts_with("https://");
    let mut reason = String::new();
    for file in [format!("{name}.gz"), name.to_owned()] {
        let bytes = if remote {
            download(&format!("{}/{file}", place.trim_end_matches('/')))
        } else {
            read(&Path::new(place).join(&file))
        };
        match bytes.and_then(|bytes| unpack(bytes).map_err(|why| format!("`{file}`: {why}"))) {
            Ok(bytes) => return Ok(bytes),
            // The packed file's reason tells more, unless it is just not there and the other one is.
            Err(why) if reason.is_empty() || (is_absent(&reason) && !is_absent(&why)) => reason = why,
            Err(_) => {}
        }
    }
    Err(reason)
}

fn is_absent(reason: &str) -> bool {
    reason.contains("No such file") || reason.contains("404")
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = fs_err::File::open(path).map_err(|e| e.to_string())?;
    bounded(file).map_err(|e| format!("{}: {e}", path.display()))
}

fn download(url: &str) -> Result<Vec<u8>, String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(300))).build().into();
    let response = agent.get(url).call().map_err(|e| format!("{url}: {e}"))?;
    bounded(response.into_body().into_reader()).map_err(|e| format!("{url}: {e}"))
}

fn unpack(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if let Some(why) = unusable(&bytes) {
        return Err(why.to_owned());
    }
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    bounded(MultiGzDecoder::new(bytes.as_slice()))
        .map_err(|e| format!("it is cut short or damaged, and cannot be unpacked ({e}): bring it again"))
}

fn bounded(reader: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is longer than {MAX_BYTES} bytes"));
    }
    Ok(bytes)
}
