//! Code fingerprints of stage kinds, made when a stage program is built.
//!
//! A fingerprint covers everything of a crate that can change what it computes: the tokens of its own code and of
//! every workspace crate below it, the locked versions and features of the outside packages that those reach, and
//! the version of libtorch. Comments, documentation and test code are left out, so editing them makes no result stale.

mod build;
mod graph;
mod tokens;

pub use build::{libtorch_version, write_fingerprints};
pub use graph::{Graph, Package};
pub use tokens::digest_crate;

/// Why fingerprints could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintError {
    /// A file could not be read or written; the message names it.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A source file is not Rust.
    #[error("{file}: {error}")]
    Syntax {
        /// The file.
        file: std::path::PathBuf,
        /// What is wrong with it.
        error: syn::Error,
    },
    /// A module's file is nowhere to be found.
    #[error("{file}: no file for `mod {module}`")]
    NoModule {
        /// The file that declares it.
        file: std::path::PathBuf,
        /// Its name.
        module: String,
    },
    /// `cargo metadata` failed or said something unexpected.
    #[error("cargo metadata: {0}")]
    Metadata(String),
}
