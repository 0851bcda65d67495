//! Starts a process in a session of its own, so that no terminal is its to read, to stop it or to be lost by.
//!
//! It begins as a shell would have it, whatever this process was started with: every signal does what it does by default
//! and none is blocked, standard input is empty, and no other file is open. What limits a whole tree of processes (nice,
//! `ulimit`, umask, the score by which memory is taken back) is passed on as it is.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{LazyLock, OnceLock};

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::SigSet;
use rustix::process::Pid;

/// The flag for a new session, which the library has no name for.
const NEW_SESSION: i32 = if cfg!(target_vendor = "apple") { 0x400 } else { 0x80 };

/// Starts a program, the first word by its path. Its id is that of its session and of its process group.
pub(crate) fn spawn(
    argv: &[OsString],
    env: &BTreeMap<OsString, OsString>,
    folder: &Path,
    log: &File,
) -> io::Result<Pid> {
    let words = argv.iter().map(|word| text(word)).collect::<io::Result<Vec<_>>>()?;
    let variables = env
        .iter()
        .map(|(name, value)| text(&[name.as_os_str(), value.as_os_str()].join(OsStr::new("="))))
        .collect::<io::Result<Vec<_>>>()?;
    let program = words.first().ok_or(io::ErrorKind::InvalidInput)?;
    let nothing = nothing()?;
    let mut files = PosixSpawnFileActions::init()?;
    for (from, to) in [(nothing.as_raw_fd(), 0), (log.as_raw_fd(), 1), (log.as_raw_fd(), 2)] {
        files.add_dup2(from, to)?;
    }
    for descriptor in INHERITED.iter() {
        files.add_close(*descriptor)?;
    }
    let mut attributes = PosixSpawnAttr::init()?;
    let flags = PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
    attributes.set_flags(flags | PosixSpawnFlags::from_bits_retain(NEW_SESSION))?;
    attributes.set_sigdefault(&SigSet::all())?;
    attributes.set_sigmask(&SigSet::empty())?;
    let id = in_folder(folder, || Ok(posix_spawn(program.as_c_str(), &files, &attributes, &words, &variables)?))?;
    Pid::from_raw(id.as_raw()).ok_or(io::ErrorKind::InvalidData.into())
}

/// What all of them have as standard input: nothing, which is opened once.
fn nothing() -> io::Result<&'static File> {
    static NOTHING: OnceLock<File> = OnceLock::new();
    match NOTHING.get() {
        Some(nothing) => Ok(nothing),
        None => File::open("/dev/null").map(|nothing| NOTHING.get_or_init(|| nothing)),
    }
}

fn text(word: &OsStr) -> io::Result<CString> {
    CString::new(word.as_bytes()).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a word holds a zero byte"))
}

/// Files that this process was started with and that any program it starts would have too. Its own are not passed on.
static INHERITED: LazyLock<Vec<RawFd>> = LazyLock::new(|| {
    let open = fs_err::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let open = open.filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok());
    open.filter(|descriptor| *descriptor > 2 && is_passed_on(*descriptor)).collect()
});

fn is_passed_on(descriptor: RawFd) -> bool {
    let close_on_exec = 0o2_000_000;
    let info = fs_err::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u64::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & close_on_exec == 0)
}

/// Does something with the folder as the working folder of this thread.
#[cfg(target_os = "linux")]
fn in_folder<T>(folder: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    use nix::sched::{CloneFlags, unshare};

    thread_local! {
        /// Whether the thread has a working folder of its own. Containers may forbid it.
        static OWN: bool = unshare(CloneFlags::CLONE_FS).is_ok();
    }
    if OWN.with(|own| *own) { between(folder, work) } else { one_by_one(folder, work) }
}

#[cfg(not(target_os = "linux"))]
fn in_folder<T>(folder: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    one_by_one(folder, work)
}

/// For a moment it is the working folder of the whole process, which itself uses absolute paths while stages run.
fn one_by_one<T>(folder: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    between(folder, work)
}

fn between<T>(folder: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    // The folder that this process was started in may be gone, or not be its to enter again.
    let before = File::open(".");
    rustix::process::chdir(folder)?;
    let done = work();
    if let Ok(before) = before {
        let _ = rustix::process::fchdir(before);
    }
    done
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_folder_is_entered_and_left_with_and_without_one_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().canonicalize().unwrap();
        let before = std::env::current_dir().unwrap();
        let look = || std::env::current_dir();
        assert_eq!(in_folder(&inside, look).unwrap(), inside);
        assert_eq!(std::env::current_dir().unwrap(), before);
        assert_eq!(std::thread::spawn(std::env::current_dir).join().unwrap().unwrap(), before);
        // A thread of its own, so that the working folder of other tests stays.
        let alone = std::thread::spawn(move || in_folder(&inside.clone(), || one_by_one(&inside, look)));
        assert_eq!(alone.join().unwrap().unwrap(), folder.path().canonicalize().unwrap());
        assert!(in_folder(Path::new("/no/such/folder"), look).is_err());
        assert_eq!(std::env::current_dir().unwrap(), before);
    }
}
