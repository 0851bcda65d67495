//! Namespaces: the pipeline's own, and one for each file that is included `as` something.

use crate::diagnostic::Place;
use crate::yaml::Entry;

/// A namespace: what the files say that share its names.
#[derive(Debug, Default)]
pub(crate) struct Space {
    /// What stands before its names where the whole pipeline is meant: nothing, or `dev.`.
    pub(crate) prefix: String,
    pub(crate) params: Vec<Entry>,
    pub(crate) programs: Option<Vec<Entry>>,
    /// Namespaces within it.
    pub(crate) inner: Vec<Inner>,
}

/// A namespace within another.
#[derive(Debug)]
pub(crate) struct Inner {
    /// How the outer one calls it.
    pub(crate) name: String,
    /// Its position among all, behind that of the outer one.
    pub(crate) space: usize,
    /// Where it gets its name.
    pub(crate) place: Place,
}

impl Space {
    /// A name of the whole pipeline as this namespace calls it, if it can.
    pub(crate) fn own<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(self.prefix.as_str())
    }

    pub(crate) fn inner(&self, name: &str) -> Option<&Inner> {
        self.inner.iter().find(|inner| inner.name == name)
    }
}

/// Whether a path such as `dev.net` leads from one of the namespaces into another.
pub(crate) fn is_path(spaces: &[Space], from: usize, path: &str) -> bool {
    let step = |at: usize, name| spaces.get(at)?.inner(name).map(|inner| inner.space);
    path.split('.').try_fold(from, step).is_some()
}
