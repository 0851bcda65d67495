//! `nnf gc`.

use std::time::Duration;

use clap::Args;
use nnf::store::{Amount, Bound, CollectOptions, Collected};
use serde_json::json;

use crate::cli::amounts::{Size, bytes, counted, size, time};
use crate::cli::args::Common;
use crate::cli::bound;
use crate::cli::keeper::Place;
use crate::cli::{Failure, render};

/// Ages that nobody needs to choose: what is that old was given up.
const CHECKPOINT_AGE: Duration = Duration::from_secs(30 * 86_400);
const QUARANTINE_AGE: Duration = Duration::from_secs(30 * 86_400);

#[derive(Debug, Args)]
pub(crate) struct GcCommand {
    #[command(flatten)]
    place: Place,
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Keep what the last N runs of each pipeline used
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
    keep_runs: u32,
    /// Keep what was made or used since then: 90s, 30min, 12h, 7d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = time)]
    grace: Duration,
    /// Then remove results, the least recently used first, until the store is smaller than this
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<Size>,
}

pub(crate) fn run(command: &GcCommand, common: &Common) -> Result<(), Failure> {
    let store = command.place.open(common)?;
    let done = store.collect(&CollectOptions {
        keep_runs: command.keep_runs as usize,
        grace: command.grace,
        checkpoint_age: CHECKPOINT_AGE,
        quarantine_age: QUARANTINE_AGE,
        dry_run: command.dry_run,
    })?;
    if common.json {
        let mut line = json!(done);
        if let Some(fields) = line.as_object_mut() {
            fields.insert("dry_run".into(), command.dry_run.into());
        }
        render::out(&line.to_string());
    } else {
        said(&done, command.dry_run).iter().for_each(|line| render::out(line));
    }
    let Some(Size(Some(most))) = command.max_size else { return Ok(()) };
    let newest = store.runs()?.first().map(|run| run.id.clone());
    let bounded = store.bound(&Bound { bytes: most, run: newest.as_deref(), dry_run: command.dry_run })?;
    if let Some(bounded) = &bounded {
        bound::tell(bounded, command.dry_run, common.json, &mut |line| render::out(line));
    }
    Ok(())
}

fn said(done: &Collected, dry_run: bool) -> Vec<String> {
    let parts: Vec<String> = [
        (done.results, "result", "results"),
        (done.content, "file of content", "files of content"),
        (done.runs, "run's folder", "runs' folders"),
        (done.checkpoints, "checkpoint", "checkpoints"),
        (done.quarantined, "damaged file", "damaged files"),
        (done.leftovers, "leftover", "leftovers"),
    ]
    .iter()
    .filter(|(amount, ..)| amount.count > 0)
    .map(|(amount, one, several)| part(*amount, one, several))
    .collect();
    let verb = if dry_run { "would remove" } else { "removed" };
    let first = match parts.as_slice() {
        [] => "nothing to remove".to_owned(),
        parts => format!("{verb} {}: {} in all", parts.join(", "), bytes(done.bytes())),
    };
    let kept = bytes(done.kept_content.bytes + done.kept_results.bytes);
    let live = match done.live_runs {
        0 => String::new(),
        count => format!("; {} on meanwhile", counted(count as u64, "run goes", "runs go")),
    };
    vec![first, format!("kept {} in {}{live}", kept, counted(done.kept_results.count, "result", "results"))]
}

fn part(amount: Amount, one: &str, several: &str) -> String {
    format!("{} ({})", counted(amount.count, one, several), bytes(amount.bytes))
}
