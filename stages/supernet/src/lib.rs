//! The modular supernet and the requirement-aware module assembler (paper §3.2 and §3.3).
//!
//! A [`Supernet`] is a network with gates, an assembler that turns requirements into gate logits, and the encoding of
//! requirements. Training and evaluation are other crates; this one knows neither losses of a task nor tables.

mod assembler;
mod error;
pub mod gating;
mod requirement;
mod supernet;

pub use assembler::{AssemblerConfig, build_assembler};
pub use error::SupernetError;
pub use requirement::{Encoding, Requirement};
pub use supernet::{Assembled, Supernet};

#[cfg(test)]
mod tests;
