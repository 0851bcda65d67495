//! The command line: the only part that touches the terminal, the environment and the user's folders.

mod amounts;
mod args;
mod audit;
mod bound;
mod common;
mod context;
mod describe;
mod failure;
mod gc;
mod get;
mod log;
mod moving;
mod node;
mod pin;
mod plan;
mod programs;
mod render;
mod report;
mod run;
mod runs;
mod sandbox;
mod show;
mod signals;
mod stdout;
mod store_args;
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
    match words.next() {
        Some(word) if word == sandbox::WORD => return sandbox::main(words),
        Some(word) if word == node::WORD => return node::main(words),
        _ => {}
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => return end(tell(&told)),
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("NNF_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| render::Stderr)
        .with_ansi(render::colours(&std::io::stderr()))
        .without_time()
        .with_target(false)
        .init();
    end(dispatch(&arguments))
}

/// Says what is left to say, and with which code to end.
fn end(result: Result<(), Failure>) -> ExitCode {
    // That what was asked for could not be shown matters only where it is there.
    let (result, shown) = (result, stdout::finish());
    let failures = [result, shown].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    for failure in &failures {
        match failure {
            Failure::Wrong(faults) => render::faults(faults),
            Failure::Store(message) => render::faults(&[Diagnostic::new(message.clone())]),
            Failure::Stage | Failure::Interrupted => {}
        }
    }
    failures.first().map_or(ExitCode::SUCCESS, |failure| ExitCode::from(failure.exit_code()))
}

/// Help and the version, on standard output; or what is wrong with the arguments.
fn tell(told: &clap::Error) -> Result<(), Failure> {
    if told.use_stderr() {
        told.exit();
    }
    let text = told.render();
    let text = if render::colours(&std::io::stdout()) { text.ansi().to_string() } else { text.to_string() };
    render::bytes(text.as_bytes(), true);
    Ok(())
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
            clap_complete::generate(*shell, &mut Arguments::command(), "nnf", &mut stdout::Stdout);
            Ok(())
        }
    }
}
