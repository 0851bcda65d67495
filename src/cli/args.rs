//! The commands, each with its arguments, which stand beside what it does.

use clap::{Parser, Subcommand};

use crate::cli::audit::AuditCommand;
use crate::cli::common::{Common, PipelineCommand, StagesCommand};
use crate::cli::describe::DescribeCommand;
use crate::cli::gc::GcCommand;
use crate::cli::get::GetCommand;
use crate::cli::log::LogCommand;
use crate::cli::pin::{PinCommand, PinsCommand, UnpinCommand};
use crate::cli::plan::PlanCommand;
use crate::cli::report::ReportCommand;
use crate::cli::run::RunCommand;
use crate::cli::verify::VerifyCommand;
use crate::cli::why::WhyCommand;

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
  3    the store failed, or standard output could not be written
  130  interrupted (once: what runs is stopped cleanly; twice: it is killed; a third time: results stay unsent)";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run what is not fresh
    Run(RunCommand),
    /// Show what would run, and why
    Plan(PlanCommand),
    /// Explain why a stage would run, or what differs from its last record
    Why(WhyCommand),
    /// Show the expanded stages, with their inputs and outputs
    Show(StagesCommand),
    /// Copy an output to a file or folder of your own
    Get(GetCommand),
    /// Send a pipeline's results to the remote tier
    Push(StagesCommand),
    /// Bring a pipeline's results from the remote tier
    Pull(StagesCommand),
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
