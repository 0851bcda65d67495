//! A fault in what a person wrote: what is wrong, where, and what to do.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// Bytes of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// First byte.
    pub start: usize,
    /// One past the last byte; at least `start`.
    pub end: usize,
}

impl Place {
    /// The place of what stands in no file.
    #[must_use]
    pub fn nowhere() -> Self {
        static NOWHERE: LazyLock<Arc<Source>> = LazyLock::new(Arc::default);
        Place { source: Arc::clone(&NOWHERE), start: 0, end: 0 }
    }
}

/// A text that places refer to: a pipeline file, or the text of an option such as `--set`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// How people know it: a path as the user gave it, or `--set`.
    pub name: PathBuf,
    /// The whole text.
    pub text: String,
}

/// A fault, with its place and up to two hints kept as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Lower-case fragment: what is wrong.
    pub message: String,
    /// Further lines that belong to it, such as the end of a log.
    pub details: Vec<String>,
    /// Where, if it has a place.
    pub place: Option<Place>,
    /// A further place with a remark, such as where a key stood first.
    pub related: Option<Box<(Place, String)>>,
    /// What to do.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// A fault without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Diagnostic { message: message.into(), details: Vec::new(), place: None, related: None, hints: Vec::new() }
    }

    /// With a further line.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// At a place.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// With a further place.
    #[must_use]
    pub fn related(mut self, place: &Place, remark: impl Into<String>) -> Self {
        self.related = Some(Box::new((place.clone(), remark.into())));
        self
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}
