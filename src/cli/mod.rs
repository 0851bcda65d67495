//! The command line: the only part that touches the terminal, the environment and the user's folders.

mod amounts;
mod args;
mod audit;
mod bound;
mod common;
mod confine;
mod context;
mod describe;
mod failure;
mod gc;
mod get;
mod keeper;
mod log;
mod moving;
mod pin;
mod plan;
mod render;
mod report;
mod run;
mod runs;
mod show;
mod signals;
mod target;
mod verify;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use nnf::diagnostic::Diagnostic;

use args::{Arguments, Command};
use failure::Failure;

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == confine::WORD) {
        return confine::main(words);
    }
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("NNF_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .without_time()
        .with_target(false)
        .init();
    let result = dispatch(&arguments);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match &failure {
                Failure::Wrong(faults) => render::faults(faults),
                Failure::Store(message) => render::faults(&[Diagnostic::new(message.clone())]),
                Failure::Stage | Failure::Interrupted => {}
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(arguments: &Arguments) -> Result<(), Failure> {
    let common = &arguments.common;
    match &arguments.command {
        Command::Run(command) => run::run(command, common),
        Command::Plan(command) => plan::run(command, common),
        Command::Why(command) => why::run(command, common),
        Command::Show(command) => show::run(command, common),
        Command::Get(command) => get::run(command, common),
        Command::Push(command) => moving::push(command, common),
        Command::Pull(command) => moving::pull(command, common),
        Command::Log(command) => log::run(command, common),
        Command::Runs(command) => runs::run(command, common),
        Command::Report(command) => report::run(command, common),
        Command::Verify(command) => verify::run(command, common),
        Command::Gc(command) => gc::run(command, common),
        Command::Pin(command) => pin::pin(command, common),
        Command::Unpin(command) => pin::unpin(command, common),
        Command::Pins(command) => pin::pins(command, common),
        Command::Audit(command) => audit::run(command, common),
        Command::Describe(command) => describe::run(command, common),
        Command::Schema(command) => describe::schema(command, common),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Arguments::command(), "nnf", &mut std::io::stdout());
            Ok(())
        }
    }
}
