//! Makes the fingerprints of the kinds, lets the program find libtorch without environment variables, and tunes its memory.

use std::env;
use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    nnf_fingerprint::write_fingerprints(&[
        "nnf-net",
        "nnf-evaluation",
        "nnf-export",
        "nnf-device",
        "nnf-numvqa",
        "nnf-numvqa-pretraining",
        "nnf-training",
        "nnf-baselines",
        "nnf-search",
        "nnf-report",
    ])?;
    let mut out = std::io::stdout();
    let origin = if env::var("CARGO_CFG_TARGET_OS")? == "macos" { "@loader_path" } else { "$ORIGIN" };
    // Where `make install` puts libtorch comes first, then where it lay when the program was built.
    writeln!(out, "cargo::rustc-link-arg-bins=-Wl,-rpath,{origin}/../lib/nn-factory")?;
    if let Ok(built_against) = env::var("DEP_TCH_LIBTORCH_LIB") {
        writeln!(out, "cargo::rustc-link-arg-bins=-Wl,-rpath,{built_against}")?;
    }
    writeln!(out, "cargo::rustc-env=NNF_LIBTORCH_VERSION={}", nnf_fingerprint::libtorch_version()?)?;
    keep_freed_memory()?;
    writeln!(out, "cargo::rerun-if-changed=build.rs")?;
    Ok(())
}

/// Compiles what tells glibc to keep freed memory. Nothing calls it, so its object is named to the linker.
fn keep_freed_memory() -> Result<(), Box<dyn Error>> {
    let objects = cc::Build::new().file("src/allocator.c").warnings_into_errors(true).compile_intermediates();
    let mut out = std::io::stdout();
    for object in objects {
        writeln!(out, "cargo::rustc-link-arg-bins={}", object.display())?;
    }
    writeln!(out, "cargo::rerun-if-changed=src/allocator.c")?;
    Ok(())
}
