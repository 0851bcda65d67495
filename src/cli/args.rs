//! The arguments.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::cli::amounts::{Size, size};
use crate::cli::audit::AuditCommand;
use crate::cli::gc::GcCommand;
use crate::cli::pin::{PinCommand, PinsCommand, UnpinCommand};
use crate::cli::report::ReportCommand;
use crate::cli::verify::VerifyCommand;

/// Runs an experiment from one YAML file, stores every step's result under the hash of what went into it, and reruns
/// only what a change made stale.
#[derive(Debug, Parser)]
#[command(name = "nnf", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    a stage failed; verify found faults; audit found differences
  2    the pipeline or the arguments are wrong
  3    the store failed
  130  interrupted (once: what runs is stopped cleanly; twice: it is killed; a third time: results stay unsent)";

/// Options that all commands share.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// Set a parameter of the pipeline; VALUE is YAML
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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run what is not fresh
    Run(RunCommand),
    /// Show what would run, and why
    Plan(PlanCommand),
    /// Explain why a stage would run, or what differs from its last record
    Why(StageCommand),
    /// Show the expanded stages, with their inputs and outputs
    Show(PlanCommand),
    /// Copy an output to a file or folder of your own
    Get(GetCommand),
    /// Send a pipeline's results to the remote tier
    Push(PlanCommand),
    /// Bring a pipeline's results from the remote tier
    Pull(PlanCommand),
    /// Print the log of a stage
    Log(LogCommand),
    /// List runs
    Runs(PipelineCommand),
    /// Write a page (HTML, one file) that shows a run: its stages, times, reasons and outputs
    Report(ReportCommand),
    /// Check every record and all content of the store
    Verify(VerifyCommand),
    /// Remove from the store what nothing needs any more
    Gc(GcCommand),
    /// Keep the present results for good, under a name
    Pin(PinCommand),
    /// Let go of what a pin keeps
    Unpin(UnpinCommand),
    /// List pins
    Pins(PinsCommand),
    /// Run stages again aside, and compare their bytes with the stored ones
    Audit(AuditCommand),
    /// Describe the kinds of stage that the pipeline's programs offer
    Describe(DescribeCommand),
    /// Print a JSON Schema of pipelines, for editors
    Schema(PipelineCommand),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then stages; all stages if none is named
    #[arg(value_name = "PIPELINE|STAGE")]
    pub(crate) words: Vec<String>,
    /// Cores that all stages together may use; default all
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) jobs: Option<u32>,
    /// When a stage fails, go on with what does not depend on it
    #[arg(long, short)]
    pub(crate) keep_going: bool,
    /// Run a stage even if it is fresh
    #[arg(long, value_name = "STAGE")]
    pub(crate) force: Vec<String>,
    /// Ignore checkpoints
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// Largest size of the local store, such as 20GiB, or none; default $NNF_MAX_SIZE, else half of the disk
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_size: Option<Size>,
}

#[derive(Debug, Args)]
pub(crate) struct PlanCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then stages; all stages if none is named
    #[arg(value_name = "PIPELINE|STAGE")]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PipelineCommand {
    /// The pipeline (default pipeline.yaml)
    pub(crate) pipeline: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DescribeCommand {
    /// The pipeline (default pipeline.yaml, else the programs that come with nnf), then kinds
    #[arg(value_name = "PIPELINE|KIND")]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StageCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then the stage
    #[arg(value_name = "PIPELINE|STAGE", required = true)]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GetCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then STAGE.OUTPUT
    #[arg(value_name = "PIPELINE|STAGE.OUTPUT", required = true)]
    pub(crate) words: Vec<String>,
    /// Where to put it; a small text goes to standard output if this is left out
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LogCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then the stage
    #[arg(value_name = "PIPELINE|STAGE", required = true)]
    pub(crate) words: Vec<String>,
    /// The attempt; default the last one
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,
    /// The run, as `nnf runs` names it; default the last one that ran the stage
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
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
    if pipeline == Path::new(PIPELINE) { String::new() } else { format!("{} ", pipeline.display()) }
}

fn is_pipeline(word: &str) -> bool {
    word.ends_with(".yaml") || word.ends_with(".yml") || word.contains('/') || Path::new(word).is_file()
}
