//! A person's own photos: `images.import` packs them with their attributes, `images.tasks` asks about them.

mod import;
mod split;
mod tasks;

/// The kinds.
pub(crate) fn offers() -> [nnf_contract::Offer; 2] {
    [import::offer(), tasks::offer()]
}
