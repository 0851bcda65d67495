//! `nnf push` and `nnf pull`.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use nnf::digest::Key;
use nnf::graph::InstanceId;
use nnf::plan::Status;
use nnf::store::{TransferStats, public_url};
use serde_json::json;

use crate::cli::common::{Common, StagesCommand, split};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::render;

/// Results that a command is to move, and stages that have none.
struct Asked {
    keys: BTreeSet<Key>,
    without: Vec<String>,
}

pub(crate) fn push(command: &StagesCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, stages) = split(&command.words);
    refuse_offline(common)?;
    // What there is to send lies here; the remote tier is not asked what is fresh.
    let context = Context::open(&pipeline, &Common { offline: true, ..common.clone() })?;
    let far = context.far()?;
    let targets = targets(&context, stages)?;
    // Whoever reads a result computes its key from the results that went into it.
    let asked = results(&context, &targets, |needed, _| needed)?;
    let bar = bar();
    let moved = far.remote().push(&asked.keys, &mut |moved| show(&bar, moved, asked.keys.len()));
    bar.finish_and_clear();
    let moved = moved?;
    far.remote().publish_head(&context.loaded.name)?;
    far.finish()?;
    sum_up("sent", "nnf run", &context, &asked, &moved, common)
}

pub(crate) fn pull(command: &StagesCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, stages) = split(&command.words);
    refuse_offline(common)?;
    let context = Context::open(&pipeline, common)?;
    context.far_url()?;
    let targets = targets(&context, stages)?;
    let asked = results(&context, &targets, |_, target| target)?;
    let bar = bar();
    let moved = context.store.remote().pull(&asked.keys, &|moved| show(&bar, moved, asked.keys.len()));
    bar.finish_and_clear();
    let moved = moved?;
    context.store.finish()?;
    sum_up("fetched", "nnf run", &context, &asked, &moved, common)
}

pub(crate) fn refuse_offline(common: &Common) -> Result<(), Failure> {
    if common.offline {
        return Err(Failure::wrong_with_hint("this command needs the remote tier", "leave `--offline` out"));
    }
    Ok(())
}

fn targets(context: &Context, stages: &[String]) -> Result<Vec<InstanceId>, Failure> {
    let named = context.instances(stages)?;
    Ok(if named.is_empty() { context.loaded.graph.ids().collect() } else { named })
}

/// The keys of results as the pipeline stands. `take` is told whether an instance is needed, and whether it was asked for.
fn results(context: &Context, targets: &[InstanceId], take: fn(bool, bool) -> bool) -> Result<Asked, Failure> {
    let graph = &context.loaded.graph;
    let needed = graph.needed_for(targets);
    let plan = context.key_context().plan(graph, &needed, &|_| false, &Default::default());
    let plan = plan.map_err(Failure::from)?;
    let targets: BTreeSet<InstanceId> = targets.iter().copied().collect();
    let mut asked = Asked { keys: BTreeSet::new(), without: Vec::new() };
    for id in graph.ids().filter(|id| take(needed[id.index()], targets.contains(id))) {
        match &plan[id.index()] {
            Some(Status::Fresh(known)) => drop(asked.keys.insert(known.key)),
            _ => asked.without.push(graph.get(id).name.clone()),
        }
    }
    Ok(asked)
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner())
}

fn show(bar: &ProgressBar, moved: &TransferStats, of: usize) {
    let done = moved.results + moved.there + moved.lost;
    bar.set_message(format!("{done} of {of} results, {} files, {}", moved.files, DecimalBytes(moved.bytes)));
    bar.tick();
}

fn sum_up(
    what: &str,
    makes: &str,
    context: &Context,
    asked: &Asked,
    moved: &TransferStats,
    common: &Common,
) -> Result<(), Failure> {
    if common.json {
        let line = json!({
            "moved": moved.results, "there": moved.there, "adopted": moved.adopted, "lost": moved.lost, "files": moved.files,
            "bytes": moved.bytes, "without_result": asked.without,
        });
        render::json(&line);
    } else {
        let url = public_url(context.far_url()?);
        let results = counted(moved.results, "result");
        let files = counted(moved.files, "file");
        let mut there = if moved.there > 0 { format!("; {} there already", moved.there) } else { String::new() };
        if moved.adopted > 0 {
            there += &format!(", of which {} replaced another here", moved.adopted);
        }
        render::out(&format!("{what} {results}: {files}, {}{there} ({url})", DecimalBytes(moved.bytes)));
    }
    if moved.lost == 0 && asked.without.is_empty() {
        return Ok(());
    }
    if moved.lost > 0 {
        let lost = counted(moved.lost, "result");
        render::note(&format!("content of {lost} is missing in both tiers; `{makes}` makes it again"));
    }
    if !asked.without.is_empty() {
        let names = asked.without.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = asked.without.len().saturating_sub(12);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        render::note(&format!("no result as the pipeline stands: {names}{more}"));
    }
    Err(Failure::Stage)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What a run without the remote tier leaves to be sent.
pub(crate) fn tell_what_is_left(context: &Context) {
    let Some(url) = &context.url else { return };
    let keys: BTreeSet<Key> = context.store.pipelines().heads(&context.loaded.name).into_values().collect();
    let left = context.store.remote().not_sent(url, &keys);
    if left > 0 {
        let results = counted(left, "result");
        render::note(&format!(
            "offline: {results} not known to be in {}; `nnf push` sends what is missing",
            public_url(url)
        ));
    }
}
