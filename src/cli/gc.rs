//! `nnf gc`.

use std::time::Duration;

use clap::Args;
use nnf::store::{Amount, Bound, CollectOptions, CollectRemote, Collected};
use serde_json::json;

use crate::cli::amounts::{Size, bytes, counted, size, time};
use crate::cli::bound;
use crate::cli::common::Common;
use crate::cli::context::no_remote;
use crate::cli::failure::Failure;
use crate::cli::moving::refuse_offline;
use crate::cli::render;
use crate::cli::store_args::StoreArgs;

/// Ages that serve unless others are asked for, and such that nobody needs to choose: what is that old was given up.
const GRACE: Duration = Duration::from_secs(7 * 86_400);
const FAR_GRACE: Duration = Duration::from_secs(30 * 86_400);
const CHECKPOINT_AGE: Duration = Duration::from_secs(30 * 86_400);
const QUARANTINE_AGE: Duration = Duration::from_secs(30 * 86_400);

#[derive(Debug, Args)]
pub(crate) struct GcCommand {
    #[command(flatten)]
    place: StoreArgs,
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Keep what the last N runs of each pipeline used
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
    keep_runs: u32,
    /// Keep what was made or used since then: 90s, 30min, 12h, 7d; default 7d, with --remote 30d
    #[arg(long, value_name = "TIME", value_parser = time)]
    grace: Option<Duration>,
    /// Remove from the remote store instead: what this store and the remote store's own lists do not need
    #[arg(long, conflicts_with = "max_size")]
    remote: bool,
    /// Then remove results, the least recently used first, until the store is smaller than this
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<Size>,
}

pub(crate) fn run(command: &GcCommand, common: &Common) -> Result<(), Failure> {
    if command.remote {
        return far(command, common);
    }
    let store = command.place.open(common)?;
    let done = store.maintenance().collect(&CollectOptions {
        keep_runs: command.keep_runs as usize,
        grace: command.grace.unwrap_or(GRACE),
        checkpoint_age: CHECKPOINT_AGE,
        quarantine_age: QUARANTINE_AGE,
        dry_run: command.dry_run,
    })?;
    if common.json {
        let mut line = json!(done);
        if let Some(fields) = line.as_object_mut() {
            fields.insert("dry_run".into(), command.dry_run.into());
        }
        render::json(&line);
    } else {
        said(&done, command.dry_run).iter().for_each(|line| render::out(line));
    }
    let Some(Size(Some(most))) = command.max_size else { return Ok(()) };
    let newest = store.runs().list()?.first().map(|run| run.id.clone());
    let bounded =
        store.maintenance().bound(&Bound { bytes: most, run: newest.as_deref(), dry_run: command.dry_run })?;
    if let Some(bounded) = &bounded {
        bound::tell(bounded, command.dry_run, common.json, &mut |line| render::out(line));
    }
    Ok(())
}

/// Collects in the remote store.
fn far(command: &GcCommand, common: &Common) -> Result<(), Failure> {
    refuse_offline(common)?;
    let store = command.place.open(common)?;
    let dry_run = command.dry_run;
    let grace = command.grace.unwrap_or(FAR_GRACE);
    let done =
        store.maintenance().collect_remote(&CollectRemote { keep_runs: command.keep_runs as usize, grace, dry_run })?;
    let Some(done) = done else { return Err(no_remote()) };
    if common.json {
        let mut line = json!(done);
        if let Some(fields) = line.as_object_mut() {
            fields.insert("dry_run".into(), dry_run.into());
        }
        render::json(&line);
        return Ok(());
    }
    let parts = [
        (done.results, "result", "results"),
        (done.content, "file of content", "files of content"),
        (done.leases, "object of leases", "objects of leases"),
    ];
    let all = parts.iter().map(|(amount, ..)| amount.bytes).sum();
    render::out(&first_line(&parts, all, dry_run, " from the remote store"));
    let kept = bytes(done.kept_content.bytes + done.kept_results.bytes);
    render::out(&format!("kept {kept} there in {}", counted(done.kept_results.count, "result", "results")));
    if done.results.count > 0 {
        let (go, run) = if dry_run { ("would go", "would be run") } else { ("went", "are run") };
        render::note(&format!(
            "what other machines made longer ago, ran or pinned {go} too, unless it is among the last results of a \
             pipeline; needed again, such results {run} again or sent again by `nnf push` from where they still lie"
        ));
    }
    Ok(())
}

fn said(done: &Collected, dry_run: bool) -> Vec<String> {
    let parts = [
        (done.results, "result", "results"),
        (done.content, "file of content", "files of content"),
        (done.runs, "run's folder", "runs' folders"),
        (done.checkpoints, "checkpoint", "checkpoints"),
        (done.quarantined, "damaged file", "damaged files"),
        (done.leftovers, "leftover", "leftovers"),
    ];
    let first = first_line(&parts, done.bytes(), dry_run, "");
    let kept = bytes(done.kept_content.bytes + done.kept_results.bytes);
    let live = match done.live_runs {
        0 => String::new(),
        count => format!("; {} on meanwhile", counted(count as u64, "run goes", "runs go")),
    };
    vec![first, format!("kept {} in {}{live}", kept, counted(done.kept_results.count, "result", "results"))]
}

fn first_line(parts: &[(Amount, &str, &str)], all: u64, dry_run: bool, whence: &str) -> String {
    let parts = parts.iter().filter(|(amount, ..)| amount.count > 0);
    let parts: Vec<String> = parts.map(|(amount, one, several)| part(*amount, one, several)).collect();
    let verb = if dry_run { "would remove" } else { "removed" };
    match parts.as_slice() {
        [] => format!("nothing to remove{whence}"),
        parts => format!("{verb} {}{whence}: {} in all", parts.join(", "), bytes(all)),
    }
}

fn part(amount: Amount, one: &str, several: &str) -> String {
    format!("{} ({})", counted(amount.count, one, several), bytes(amount.bytes))
}
