//! `nnf audit`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use nnf::graph::InstanceId;
use nnf::reporter::duration;
use nnf::run::{Audit, AuditError, AuditOptions, Audited, OutputDifference, Verdict};
use serde_json::json;

use crate::cli::common::{Common, Places, named, split};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::{render, signals, target};

#[derive(Debug, Args)]
pub(crate) struct AuditCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then stages; all that do not measure if none is named
    #[arg(value_name = "PIPELINE|STAGE")]
    words: Vec<String>,
    /// Keep both versions of outputs that differ in this folder, which must not be there yet
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    #[command(flatten)]
    places: Places,
}

pub(crate) fn run(command: &AuditCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, stages) = split(&command.words);
    let context = Context::open(&pipeline, common)?;
    let chosen = chosen(&context, stages, common)?;
    if let Some(keep) = command.keep.as_ref().filter(|keep| keep.symlink_metadata().is_ok()) {
        let hint = "name another folder, or remove it";
        return Err(Failure::wrong_with_hint(format!("`{}` is there already", keep.display()), hint));
    }
    if let Some(keep) = &command.keep {
        target::outside_of(&context.store, keep)?;
    }
    let options = AuditOptions { environment: context.environment.clone(), keep: command.keep.clone() };
    let executor = context.executor(&command.places);
    let audit = Audit::new(&context.loaded, &context.store, &executor, options);
    signals::listen(audit.interrupter(), executor.pauser())?;
    let (mut same, mut differ, mut failed) = (0, 0, 0);
    let whole = audit.go(&chosen, &mut |audited| {
        match audited.verdict {
            Verdict::Same { .. } => same += 1,
            Verdict::Differs { .. } => differ += 1,
            Verdict::Failed { .. } => failed += 1,
        }
        tell(&audited, common.json);
    });
    let whole = whole.map_err(|error| refused(error, &named(&pipeline)))?;
    if common.json {
        render::json(&json!({ "same": same, "differ": differ, "failed": failed, "interrupted": !whole }));
    } else {
        let stopped = if whole { "" } else { "interrupted: " };
        render::out(&format!("{stopped}{same} the same, {differ} different, {failed} failed; the store is as it was"));
        if let Some(keep) = command.keep.as_ref().filter(|keep| keep.is_dir()) {
            render::out(&format!("both versions of what differs: {}", keep.display()));
        }
    }
    match (whole, differ + failed) {
        (false, _) => Err(Failure::Interrupted),
        (true, 0) => Ok(()),
        (true, _) => Err(Failure::Stage),
    }
}

/// The stages that words name; else all but those that measure, which never give the same numbers twice.
fn chosen(context: &Context, words: &[String], common: &Common) -> Result<BTreeSet<InstanceId>, Failure> {
    if !words.is_empty() {
        return Ok(context.instances(words)?.into_iter().collect());
    }
    let graph = &context.loaded.graph;
    let (measure, others): (Vec<_>, Vec<_>) = graph.ids().partition(|id| graph.get(*id).measures);
    for id in measure {
        let name = &graph.get(id).name;
        if common.json {
            render::json(&json!({ "stage": name, "verdict": "skipped", "why": "it measures" }));
        } else {
            render::out(&format!("skipped    {name}: it measures; name it to audit it all the same"));
        }
    }
    Ok(others.into_iter().collect())
}

fn refused(error: AuditError, named: &str) -> Failure {
    match error {
        AuditError::NotFresh(_) => {
            let run = format!("nnf run {named}");
            Failure::wrong_with_hint(error.to_string(), format!("`{}` makes it; then audit it", run.trim_end()))
        }
        AuditError::Plan(error) => error.into(),
        AuditError::Store(error) => error.into(),
    }
}

fn tell(audited: &Audited, json: bool) {
    if json {
        render::json(&json!(audited));
        return;
    }
    let (stage, took) = (&audited.stage, duration(audited.seconds));
    match &audited.verdict {
        Verdict::Same { .. } => render::out(&format!("same       {stage}  {took}")),
        Verdict::Differs { outputs, surroundings } => {
            render::out(&format!("different  {stage}  {took}"));
            outputs.iter().for_each(|output| render::out(&format!("  {}", first(output))));
            surroundings.iter().for_each(|text| render::out(&format!("  not the same as when it was stored: {text}")));
        }
        Verdict::Failed { error, log_end } => {
            render::out(&format!("failed     {stage}  {took}: {error}"));
            log_end.iter().for_each(|line| render::out(&format!("    {line}")));
        }
    }
}

fn first(difference: &OutputDifference) -> String {
    let file = difference.first.path.as_ref().map_or(String::new(), |path| format!(", first in `{path}`"));
    let byte = difference.first.offset.map_or(String::new(), |offset| format!(" from byte {offset} on"));
    format!("output `{}`{file}{byte}: {}", difference.output, difference.first.what)
}
