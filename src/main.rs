//! The `nnf` command.

use std::process::ExitCode;

mod cli;

/// Reading and checking a large pipeline is much small memory; the system's allocator takes a fifth of that time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
