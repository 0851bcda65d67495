//! `nnf describe` and `nnf schema`.

use std::path::{Path, PathBuf};

use clap::Args;
use nnf::pipeline::schema::schema as make_schema;
use nnf::pipeline::{catalogue, expects};
use nnf::programs::Catalogue;
use nnf_contract::Kind;

use crate::cli::common::{Common, PIPELINE, PipelineCommand, split};
use crate::cli::context::describer;
use crate::cli::failure::Failure;
use crate::cli::render;

#[derive(Debug, Args)]
pub(crate) struct DescribeCommand {
    /// The pipeline (default pipeline.yaml, else the programs that come with nnf), then kinds
    #[arg(value_name = "PIPELINE|KIND")]
    words: Vec<String>,
}

/// The programs of the pipeline, or the ones that come with nnf where there is none.
fn programs(pipeline: Option<&Path>, common: &Common) -> Result<Catalogue, Failure> {
    Ok(catalogue(pipeline, &common.set, &describer())?)
}

pub(crate) fn run(command: &DescribeCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, words) = split(&command.words);
    let given = words.len() < command.words.len();
    let catalogue = programs((given || pipeline.is_file()).then_some(pipeline.as_path()), common)?;
    for word in words {
        if catalogue.find(word).is_none() {
            let near = nnf::pipeline::nearest(word, catalogue.kinds());
            let hint =
                near.map_or("`nnf describe` lists all kinds".to_owned(), |near| format!("did you mean `{near}`?"));
            return Err(Failure::wrong_with_hint(format!("no program offers the kind `{word}`"), hint));
        }
    }
    let asked = |kind: &&Kind| words.is_empty() || words.contains(&kind.name);
    for (kind, program) in kinds(&catalogue).into_iter().filter(|(kind, _)| asked(kind)) {
        let of = program.map(|program| format!(" (of `{program}`)")).unwrap_or_default();
        if common.json {
            render::json(&serde_json::to_string(kind).unwrap_or_default());
        } else if words.is_empty() {
            render::out(&format!("{:<24} {}{of}", kind.name, kind.summary));
        } else {
            whole(kind, &of);
        }
    }
    Ok(())
}

/// All kinds, each once; with its program, where those of two namespaces offer others of one name.
fn kinds(catalogue: &Catalogue) -> Vec<(&Kind, Option<&str>)> {
    let mut found: Vec<(&Kind, &str)> = Vec::new();
    for (program, offered) in catalogue.programs() {
        for kind in &offered.program.kinds {
            if found.iter().all(|(known, _)| *known != kind) {
                found.push((kind, program));
            }
        }
    }
    let is_one = |kind: &Kind| found.iter().filter(|(known, _)| known.name == kind.name).count() == 1;
    found.iter().map(|(kind, program)| (*kind, (!is_one(kind)).then_some(*program))).collect()
}

fn whole(kind: &Kind, of: &str) {
    render::out(&format!("{}: {}{of}", kind.name, kind.summary));
    if kind.measures {
        render::out(
            "  measures this machine: its results are served to machines of the same make only, and it runs alone",
        );
    }
    if kind.resumes {
        render::out("  resumes from checkpoints");
    }
    for input in &kind.inputs {
        let optional = if input.optional { ", optional" } else { "" };
        let many = if input.many { ", takes a list" } else { "" };
        render::out(&format!("  in   {} ({}{optional}{many}): {}", input.name, input.media, input.doc));
    }
    for parameter in &kind.parameters {
        let default = match &parameter.default {
            Some(value) => format!(", default {value}"),
            None if parameter.optional => ", optional".into(),
            None => ", required".into(),
        };
        let keyed = if parameter.keyed { "" } else { ", not keyed" };
        render::out(&format!("  with {} ({}{default}{keyed}): {}", parameter.name, expects(parameter), parameter.doc));
    }
    for output in &kind.outputs {
        let optional = if output.optional { ", optional" } else { "" };
        render::out(&format!("  out  {} ({}{optional}): {}", output.name, output.media, output.doc));
    }
}

pub(crate) fn schema(command: &PipelineCommand, common: &Common) -> Result<(), Failure> {
    let default = PathBuf::from(PIPELINE);
    let pipeline = command.pipeline.clone().or_else(|| default.is_file().then_some(default));
    let catalogue = programs(pipeline.as_deref(), common)?;
    let kinds: Vec<&Kind> = catalogue.programs().iter().flat_map(|(_, offered)| &offered.program.kinds).collect();
    render::json(&serde_json::to_string_pretty(&make_schema(&kinds)).unwrap_or_default());
    Ok(())
}
