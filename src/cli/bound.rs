//! The bound on the local store's size: where it comes from, and what is said when something had to go.

use nnf::store::{Bound, Bounded, Store};
use serde_json::json;

use crate::cli::amounts::{Size, bytes, counted, size};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::render;

/// The bound: as asked for, else as `NNF_MAX_SIZE` says, else half of the disk.
pub(crate) fn bound_of(asked: Option<Size>, store: &Store) -> Result<Option<u64>, Failure> {
    if let Some(Size(bytes)) = asked {
        return Ok(bytes);
    }
    match std::env::var_os("NNF_MAX_SIZE").filter(|text| !text.is_empty()) {
        Some(text) => match size(&text.to_string_lossy()) {
            Ok(Size(bytes)) => Ok(bytes),
            Err(why) => Err(Failure::wrong_with_hint("the variable NNF_MAX_SIZE is no size", why)),
        },
        None => Ok(store.maintenance().half_of_disk()),
    }
}

/// Keeps the store within a bound after a run. That it could not is no fault of the run.
pub(crate) fn keep_within(most: Option<u64>, context: &Context, run: &str, json: bool) {
    let Some(most) = most else { return };
    match context.store.maintenance().bound(&Bound { bytes: most, run: Some(run), dry_run: false }) {
        Ok(Some(bounded)) => tell(&bounded, false, json, &mut |line| render::note(line)),
        Ok(None) => {}
        Err(error) => tracing::warn!("the store may have grown beyond its bound: {error}"),
    }
}

/// Says what had to go.
pub(crate) fn tell(bounded: &Bounded, dry_run: bool, json: bool, say: &mut dyn FnMut(&str)) {
    if json {
        let mut line = json!(bounded);
        if let Some(fields) = line.as_object_mut() {
            fields.insert("event".into(), "bounded".into());
            fields.insert("dry_run".into(), dry_run.into());
        }
        render::json(&line);
        return;
    }
    let verb = if dry_run { "would remove" } else { "removed" };
    let within = format!("to keep the store within {}", bytes(bounded.bound));
    if bounded.dropped.count > 0 {
        let results = counted(bounded.dropped.count, "result", "results");
        say(&format!(
            "{verb} {results} ({}) not used for the longest time, {within}; needed again, they are run again",
            bytes(bounded.dropped.bytes)
        ));
    }
    if bounded.moved_out.count > 0 {
        let results = counted(bounded.moved_out.count, "result", "results");
        say(&format!(
            "{verb} the content of {results} ({}) here, {within}; the remote store has it",
            bytes(bounded.moved_out.bytes)
        ));
    }
    if bounded.unneeded > 0 {
        say(&format!("{verb} {} that no result needs, {within}", bytes(bounded.unneeded)));
    }
    if let Some(needed) = bounded.too_small_for {
        say(&format!(
            "the bound of {} is too small: pins and the last run need {}, which stays; `--max-size` or NNF_MAX_SIZE sets another",
            bytes(bounded.bound),
            bytes(needed)
        ));
    }
}
