//! Tells the crate which libtorch it is built on, for what is recorded of a measurement.

use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    writeln!(out, "cargo::rustc-env=NNF_LIBTORCH_VERSION={}", nnf_fingerprint::libtorch_version()?)?;
    writeln!(out, "cargo::rerun-if-changed=build.rs")?;
    Ok(())
}
