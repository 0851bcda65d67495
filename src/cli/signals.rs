//! The signals by which a person, or the system, stops what runs: for good, or for a while.
//!
//! Stages lead sessions of their own, so no signal that ends or stops this program reaches them by itself.

use nnf::executor::Pauser;
use nnf::run::Interrupter;
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU,
    SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
};

use crate::cli::failure::Failure;
use crate::cli::render;

/// Those that are heeded however this program was started.
const ALWAYS: [i32; 2] = [SIGINT, SIGTERM];
/// Those that end a program by default. What is left out cannot be caught, or says that this program is broken.
const ENDING: [i32; 13] =
    [SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGXCPU, SIGXFSZ, SIGSYS, SIGTRAP, SIGABRT];
/// Ctrl-Z, and the terminal's own when a program in the background uses it.
const STOPPING: [i32; 3] = [SIGTSTP, SIGTTIN, SIGTTOU];
/// Numbers that Linux has besides (a stack fault, a power failure, real-time signals), all of which end a program.
#[cfg(target_os = "linux")]
const FURTHER: [std::ops::RangeInclusive<i32>; 3] = [16..=16, 30..=30, FIRST..=64];
/// The first real-time signal that is not the C library's own.
#[cfg(target_os = "linux")]
const FIRST: i32 = if cfg!(target_env = "musl") { 35 } else { 34 };
#[cfg(not(target_os = "linux"))]
const FURTHER: [std::ops::RangeInclusive<i32>; 0] = [];

/// From now on signals that would end this program interrupt the run, and those that would stop it stop the stages too.
pub(crate) fn listen(interrupter: Interrupter, pauser: Pauser) -> Result<(), Failure> {
    let ignored = ignored();
    let others = ENDING.into_iter().chain(STOPPING).chain(FURTHER.into_iter().flatten());
    let heeded = ALWAYS.into_iter().chain(others.filter(|signal| ignored >> (signal - 1) & 1 == 0));
    let mut signals = signal_hook::iterator::Signals::new(heeded)
        .map_err(|error| Failure::Store(format!("cannot listen for signals: {error}")))?;
    std::thread::spawn(move || {
        let mut count = 0;
        for signal in signals.forever() {
            if STOPPING.contains(&signal) {
                stop(&pauser);
                continue;
            }
            count += 1;
            // Nothing runs any more then; what goes on is sending results, which `nnf push` can do later.
            if count > 2 {
                std::process::exit(i32::from(Failure::Interrupted.exit_code()));
            }
            interrupter.interrupt();
        }
    });
    Ok(())
}

/// Stops all stages and this program, until somebody lets it go on.
fn stop(pauser: &Pauser) {
    let stopped = pauser.stop_while(|| {
        render::clear_view();
        signal_hook::low_level::emulate_default_handler(SIGTSTP)
    });
    if let Err(error) = stopped {
        tracing::warn!("nnf cannot be stopped for a while: {error}");
    }
}

/// The signals that `nohup`, a shell that starts this program in the background, or another wants ignored, as a mask; all
/// but those that are always heeded, where that is not known.
fn ignored() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(u64::MAX)
}
