//! The parts of a command's words, and what placeholders in them may name.

use serde_json::{Map, Value as Json};

use crate::graph::{ByName, OutputSpec, Piece, Source};

/// What placeholders may name.
pub(crate) struct Known<'a> {
    pub(crate) inputs: &'a ByName<Source>,
    /// Names of all inputs that the stage has, the faulty ones among them.
    pub(crate) input_names: &'a [&'a str],
    pub(crate) outputs: Option<&'a ByName<OutputSpec>>,
    pub(crate) with: &'a Map<String, Json>,
}

/// A part of a word whose placeholders are known to name something.
#[derive(Debug)]
pub(super) enum Item {
    /// Text of the file.
    Literal(String),
    /// A value, and the reference that it was put in by.
    Value {
        /// The reference, such as `params.x`.
        path: String,
        /// The value, written out.
        text: String,
    },
    /// What is known when the command runs.
    Place(Piece),
}
