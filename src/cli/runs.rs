//! `nnf runs`.

use nnf::reporter::duration;

use crate::cli::common::{Common, PIPELINE, PipelineCommand};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::render;

pub(crate) fn run(command: &PipelineCommand, common: &Common) -> Result<(), Failure> {
    let pipeline = command.pipeline.clone().unwrap_or_else(|| PIPELINE.into());
    let context = Context::open(&pipeline, common)?;
    let runs = context.store.runs().list()?;
    let own: Vec<_> = runs.iter().filter(|run| run.pipeline == context.loaded.name).collect();
    if own.is_empty() && !common.json {
        render::out("no runs yet");
    }
    for run in own {
        if common.json {
            render::json(&serde_json::to_string(run).unwrap_or_default());
            continue;
        }
        let seconds = run.seconds.map_or_else(|| "-".to_owned(), duration);
        render::out(&format!(
            "{}  {:<11}  {seconds:>12}  {} ran, {} fresh, {} failed",
            run.id, run.state, run.ran, run.fresh, run.failed
        ));
    }
    Ok(())
}
