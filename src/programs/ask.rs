//! Runs `PROGRAM describe`, and checks what it prints.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nnf_contract::{CONTRACT_VERSION, Program};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::processes::culprit;
use crate::programs::resolver::ProgramError;

/// Longest time that a program may take to describe itself.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest description.
const MAX_DESCRIPTION: u64 = 16 << 20;

/// Runs `PROGRAM describe` in a clean environment.
pub(crate) fn ask(argv: &[String], root: &Path, path: &OsString) -> Result<Program, ProgramError> {
    let fail = |message: String| ProgramError { message, hint: None };
    let mut child = Command::new(&argv[0])
        .args(&argv[1..])
        .arg("describe")
        .current_dir(root)
        .env_clear()
        .env("PATH", path)
        .env("LANG", "C.UTF-8")
        // Else Python leaves folders among the files of `code`.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| {
            let words: Vec<OsString> = argv.iter().map(OsString::from).collect();
            fail(format!("`{}` does not start: {}", argv[0], culprit::of_start(&words, root, &e)))
        })?;
    let output = child.stdout.take().map(collect);
    let complaint = child.stderr.take().map(collect);
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let status = wait(&mut child);
    // What it left running would keep its output open, and has no business beyond it.
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let status = status?;
    let text = |reader: Option<JoinHandle<Vec<u8>>>| reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    let (output, complaint) = (text(output), text(complaint));
    if output.len() as u64 == MAX_DESCRIPTION {
        return Err(fail(format!("`describe` printed more than {} MiB", MAX_DESCRIPTION >> 20)));
    }
    if !status.success() {
        let complaint = String::from_utf8_lossy(&complaint);
        let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        return Err(fail(format!("`describe` failed ({status}): {last}")));
    }
    let hint = "a stage program answers `describe` with a JSON document; any other command is a stage with `run`";
    let fail = |e| ProgramError { message: format!("`describe` printed no description: {e}"), hint: Some(hint.into()) };
    check(serde_json::from_slice(&output).map_err(fail)?)
}

/// Waits until a program has ended, and ends it if that takes too long.
fn wait(child: &mut Child) -> Result<ExitStatus, ProgramError> {
    let fail = |message: String| ProgramError { message, hint: None };
    let deadline = Instant::now() + DESCRIBE_TIMEOUT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(fail(format!("`describe` did not end within {} s", DESCRIBE_TIMEOUT.as_secs())));
            }
            Err(e) => return Err(fail(e.to_string())),
        }
    }
}

fn collect(stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.take(MAX_DESCRIPTION).read_to_end(&mut bytes);
        bytes
    })
}

fn check(program: Program) -> Result<Program, ProgramError> {
    if program.contract > CONTRACT_VERSION {
        return Err(ProgramError {
            message: format!("it speaks version {} of the contract, nnf speaks {CONTRACT_VERSION}", program.contract),
            hint: Some("update nnf, or use an older program".into()),
        });
    }
    let mut names: Vec<&str> = program.kinds.iter().map(|kind| kind.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ProgramError { message: format!("it offers the kind `{}` twice", twice[0]), hint: None });
    }
    if let Some(kind) = program.kinds.iter().find(|kind| kind.fingerprint.is_empty()) {
        return Err(ProgramError {
            message: format!("its kind `{}` has no fingerprint, so a change of its code would go unnoticed", kind.name),
            hint: Some("let `describe` print a hash or version of the code as `fingerprint`".into()),
        });
    }
    Ok(program)
}
