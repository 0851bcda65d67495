//! Places that a person names for what a command writes.

use std::path::Path;

use nnf::store::Store;

use crate::cli::{Failure, render};

/// A place in the store is nobody's to write to: what nnf does not know of there is damage, or is removed.
pub(crate) fn outside_of(store: &Store, to: &Path) -> Result<(), Failure> {
    if to == Path::new("-") || !store.holds(render::folder_of(to)) {
        return Ok(());
    }
    Err(Failure::wrong_with_hint(
        format!("`{}` lies in the store, which nnf keeps in order by itself", to.display()),
        format!("name a place outside of {}", store.root().display()),
    ))
}
