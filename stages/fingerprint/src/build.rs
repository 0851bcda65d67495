//! The build-script side: which crates, what to watch, and the source file that a stage program includes.

use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::{FingerprintError, Graph, Package, digest_crate};

/// The crate of documents computes nothing, so a change to it changes no result.
const LEFT_OUT: [&str; 1] = ["nnf-contract"];

/// Writes `$OUT_DIR/fingerprints.rs`, which defines `fn fingerprint(package: &str) -> &'static str`, for the given
/// packages of the workspace. To be called by the build script of a stage program.
///
/// # Errors
/// When code cannot be read, or cargo does not answer.
pub fn write_fingerprints(packages: &[&str]) -> Result<(), FingerprintError> {
    let variable = |name: &str| env::var_os(name).unwrap_or_default();
    let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let graph = Graph::read(&variable("CARGO"), &folder, &variable("TARGET").to_string_lossy())?;
    let mut arms = String::new();
    let mut watched = Vec::new();
    for name in packages {
        let closure = graph.closure(name, &LEFT_OUT)?;
        let own = closure.iter().filter(|package| package.source.is_none());
        watched.extend(own.map(|package| package.folder.clone()));
        let fingerprint = fingerprint(&closure)?;
        let _ = writeln!(arms, "        {name:?} => \"{fingerprint}\",");
    }
    let text = format!(
        "/// Fingerprint of the code that a package of the workspace is built from.\n\
         fn fingerprint(package: &str) -> &'static str {{\n    match package {{\n{arms}        _ => \"\",\n    }}\n}}\n"
    );
    fs_err::write(Path::new(&variable("OUT_DIR")).join("fingerprints.rs"), text)?;
    watch(watched)
}

fn fingerprint(closure: &[&Package]) -> Result<String, FingerprintError> {
    let mut hasher = blake3::Hasher::new_derive_key("nnf code fingerprint v1");
    for package in closure {
        // The version of a workspace package is a matter of releases; its code is what counts.
        let code = match &package.source {
            None => digest_crate(&package.folder)?.to_string(),
            Some(source) => format!("{} {source}", package.version),
        };
        let features = package.features.join(",");
        hasher.update(format!("{} [{features}] {code}\n", package.name).as_bytes());
        if package.name == "torch-sys" {
            hasher.update(format!("libtorch {}\n", libtorch_version()?).as_bytes());
        }
    }
    Ok(hasher.finalize().to_hex().as_str()[..32].to_owned())
}

/// The version of the libtorch that `torch-sys` was built against, from its header.
///
/// # Errors
/// When the package whose build script asks does not depend on `torch-sys` directly, or the header names no version.
pub fn libtorch_version() -> Result<String, FingerprintError> {
    let Some(library) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        return Err(FingerprintError::Metadata("a program built on torch-sys must depend on it directly".into()));
    };
    let include = library.parent().unwrap_or(&library).join("include");
    let header = fs_err::read_to_string(include.join("torch/headeronly/version.h"))
        .or_else(|_| fs_err::read_to_string(include.join("torch/csrc/api/include/torch/version.h")))?;
    let number = |name: &str| {
        let define = format!("#define TORCH_VERSION_{name} ");
        header.lines().find_map(|line| line.strip_prefix(&define)).map(|n| n.trim().to_owned())
    };
    match (number("MAJOR"), number("MINOR"), number("PATCH")) {
        (Some(major), Some(minor), Some(patch)) => Ok(format!("{major}.{minor}.{patch}")),
        _ => Err(FingerprintError::Metadata(format!("no version in the headers under {}", include.display()))),
    }
}

fn watch(mut folders: Vec<PathBuf>) -> Result<(), FingerprintError> {
    folders.sort();
    folders.dedup();
    let mut out = std::io::stdout();
    for folder in folders {
        for part in ["src", "build.rs", "Cargo.toml"].map(|part| folder.join(part)) {
            if part.exists() {
                writeln!(out, "cargo::rerun-if-changed={}", part.display())?;
            }
        }
        for above in folder.ancestors().map(|above| above.join("Cargo.lock")).filter(|lock| lock.is_file()) {
            writeln!(out, "cargo::rerun-if-changed={}", above.display())?;
        }
    }
    Ok(())
}
