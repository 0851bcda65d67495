//! What the arguments of several commands share.

use std::path::{Path, PathBuf};

use clap::Args;
use nnf::graph::ExecutorName;
use nnf::shell;

/// Options that all commands share.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// Set a parameter of the pipeline; VALUE is a word, or YAML that begins with a bracket, a brace or a quote
    #[arg(long = "set", value_name = "params.NAME=VALUE", global = true)]
    pub(crate) set: Vec<String>,
    /// Remote tier behind the local store: s3://, gs://, az://, file:// or memory://
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) store: Option<String>,
    /// Use only what is local: the remote tier is not asked, and nothing is sent to it
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// Write events or results as JSON lines
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Of a command that is about a pipeline, or some of its stages.
#[derive(Debug, Args)]
pub(crate) struct StagesCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then stages; all stages if none is named
    #[arg(value_name = "PIPELINE|STAGE")]
    pub(crate) words: Vec<String>,
}

/// Of a command that is about a pipeline.
#[derive(Debug, Args)]
pub(crate) struct PipelineCommand {
    /// The pipeline (default pipeline.yaml)
    pub(crate) pipeline: Option<PathBuf>,
}

/// The pipeline where none is named.
pub(crate) const PIPELINE: &str = "pipeline.yaml";

/// Parts words into a pipeline file and the rest: a first word that looks like a file is one.
pub(crate) fn split(words: &[String]) -> (PathBuf, &[String]) {
    match words.split_first() {
        Some((first, rest)) if is_pipeline(first) => (PathBuf::from(first), rest),
        _ => (PathBuf::from(PIPELINE), words),
    }
}

/// The pipeline as a hint's command has to name it: with a space behind it, or nothing where the default will do.
pub(crate) fn named(pipeline: &Path) -> String {
    match unless_usual(pipeline) {
        Some(pipeline) => format!("{} ", shell::word(&pipeline)),
        None => String::new(),
    }
}

/// The pipeline as a word of a command, if it has to be named.
pub(crate) fn unless_usual(pipeline: &Path) -> Option<String> {
    let shown = pipeline.display().to_string();
    // What begins with a dash would be an option.
    let shown = if shown.starts_with('-') { format!("./{shown}") } else { shown };
    (pipeline != Path::new(PIPELINE)).then_some(shown)
}

fn is_pipeline(word: &str) -> bool {
    word.ends_with(".yaml") || word.ends_with(".yml") || word.contains('/') || Path::new(word).is_file()
}

/// Where stages run, and how many at a time.
#[derive(Clone, Debug, Args)]
pub(crate) struct Places {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Cores that all stages together may use, default all; of Slurm, jobs in the queue, default 100
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) jobs: Option<u32>,
}

/// Where stages run.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Place {
    /// Where stages run that do not say so themselves: local or slurm
    #[arg(long, value_name = "NAME", value_parser = executor)]
    pub(crate) executor: Option<ExecutorName>,
}

/// The name of an executor.
fn executor(name: &str) -> Result<ExecutorName, String> {
    ExecutorName::of(name).ok_or_else(|| "stages run by `local` or `slurm`".into())
}
