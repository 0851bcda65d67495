//! Why a program does not start, in words that name what is wrong and what to do. What the system says is a number that
//! stands for many causes, so it is found out by looking.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::os_error::words;
use crate::shell::word;

/// Longest word that a command or a variable may be: 32 pages, on Linux.
const LONGEST_WORD: usize = 32 * 4096;
/// How much of a program is looked at.
const HEAD: u64 = 512;

/// Why a command line could not be started, after the system refused it.
pub(crate) fn of_start(argv: &[OsString], folder: &Path, error: &io::Error) -> String {
    let program = folder.join(argv.first().map(PathBuf::from).unwrap_or_default());
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    let seen = match code {
        Some(Errno::TOOBIG) => Some(too_big(argv)),
        Some(Errno::TXTBSY) => Some("its file is open for writing; let whoever writes it end first".to_owned()),
        Some(Errno::AGAIN | Errno::NOMEM) => {
            Some(format!("the system has no room for another process: {}", words(error)))
        }
        _ if !folder.is_dir() => Some(format!("its working folder {} is not there", folder.display())),
        _ => of_file(&program).or_else(|| (code == Some(Errno::NOEXEC)).then(|| no_binary(&program))),
    };
    seen.unwrap_or_else(|| words(error))
}

/// What keeps a file from being a program; none if nothing is seen.
pub(crate) fn of_file(program: &Path) -> Option<String> {
    let meta = match fs_err::metadata(program) {
        Ok(meta) => meta,
        Err(_) if program.is_symlink() => {
            let to = fs_err::read_link(program).unwrap_or_default();
            return Some(format!("it is a link to `{}`, which is not there", to.display()));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some("there is no such file".into()),
        Err(error) => return Some(words(&error)),
    };
    if meta.is_dir() {
        return Some("it is a folder".into());
    }
    if !meta.is_file() {
        return Some("it is no file".into());
    }
    if meta.permissions().mode() & 0o111 == 0 {
        // As one would write it: `./prog` in a folder is that folder's `prog`.
        let path: PathBuf = program.components().collect();
        return Some(format!("it may not be executed; `chmod +x {}` allows it", word(&path.to_string_lossy())));
    }
    let noexec = rustix::fs::statvfs(program).is_ok_and(|system| system.f_flag.bits() & NOEXEC != 0);
    if noexec {
        return Some("it lies on a file system from which nothing may be executed (`noexec`)".into());
    }
    let head = head(program);
    if meta.len() == 0 {
        return Some("its file is empty".into());
    }
    interpreter(&head)
}

/// The flag of a file system that is mounted so.
const NOEXEC: u64 = 8;

/// What is wrong with the interpreter that a script names.
fn interpreter(head: &[u8]) -> Option<String> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let first = line.trim_ascii_start().split(|byte| matches!(byte, b' ' | b'\t')).next()?;
    let path = |word: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(word));
    if line.ends_with(b"\r") {
        return Some(
            "its first line ends as lines do on Windows (CR LF), so the system looks for an interpreter of another name; \
             save it with LF alone (`sed -i 's/\\r$//'`)"
                .into(),
        );
    }
    if first.is_empty() {
        return Some("its first line, `#!`, names no interpreter".into());
    }
    // A relative one begins at the folder that the program is started in.
    let interpreter = Some(path(first)).filter(|path| path.is_absolute())?;
    let why = of_file(&interpreter)?;
    Some(format!("its first line names the interpreter `{}`: {why}", interpreter.display()))
}

/// What a file is that is neither a script nor a program of this machine.
fn no_binary(program: &Path) -> String {
    let head = head(program);
    if head.starts_with(b"\x7fELF") || head.starts_with(&[0xcf, 0xfa, 0xed, 0xfe]) || head.starts_with(b"MZ") {
        return "it was built for another kind of machine or system".into();
    }
    "it is a script that does not say who reads it: begin it with a line such as `#!/bin/sh`, or name the interpreter \
     before it"
        .into()
}

fn head(program: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    // One that may be executed and not read shows nothing.
    let _ = fs_err::File::open(program).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    head
}

fn too_big(argv: &[OsString]) -> String {
    let longest = argv.iter().enumerate().max_by_key(|(_, word)| word.len());
    match longest {
        Some((at, word)) if word.len() >= LONGEST_WORD => format!(
            "word {} of its command has {} bytes, and the system passes on words of {} at most; let it read a file",
            at + 1,
            word.len(),
            LONGEST_WORD - 1
        ),
        _ => format!(
            "its command has {} words of {} bytes together, and with its variables that is more than the system passes \
             on; let it read a file",
            argv.len(),
            argv.iter().map(|word| word.len()).sum::<usize>()
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, text: &[u8], mode: u32| {
            let path = folder.path().join(name);
            fs_err::write(&path, text).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let cases: [(&str, &[u8], u32, &str); 6] = [
            ("closed", b"#!/bin/sh\n", 0o644, "it may not be executed; `chmod +x "),
            ("windows", b"#!/bin/sh\r\necho\r\n", 0o755, "its first line ends as lines do on Windows (CR LF)"),
            (
                "none",
                b"#!/no/such/python3 -u\n",
                0o755,
                "its first line names the interpreter `/no/such/python3`: there is no such file",
            ),
            ("folder", b"#!/etc\n", 0o755, "its first line names the interpreter `/etc`: it is a folder"),
            ("bare", b"#! \n", 0o755, "its first line, `#!`, names no interpreter"),
            ("empty", b"", 0o755, "its file is empty"),
        ];
        for (name, text, mode, expected) in cases {
            let found = of_file(&make(name, text, mode)).unwrap();
            assert!(found.starts_with(expected), "{name}: {found}");
        }
        assert_eq!(of_file(folder.path()), Some("it is a folder".into()));
        assert_eq!(of_file(&folder.path().join("nothing")), Some("there is no such file".into()));
        let link = folder.path().join("link");
        fs_err::os::unix::fs::symlink("nothing", &link).unwrap();
        assert_eq!(of_file(&link), Some("it is a link to `nothing`, which is not there".into()));
        assert_eq!(of_file(&make("well", b"#!/bin/sh\n", 0o755)), None);
        let refused = io::Error::from(Errno::NOEXEC);
        let of = |path: PathBuf| of_start(&[path.into()], folder.path(), &refused);
        assert!(of(make("script", b"echo hi\n", 0o755)).starts_with("it is a script that does not say who reads it"));
        assert_eq!(
            of(make("alien", b"\x7fELF\x02\x01\x01\0", 0o755)),
            "it was built for another kind of machine or system"
        );
        let long = [OsString::from("/bin/true"), OsString::from("x".repeat(140_000))];
        let told = of_start(&long, folder.path(), &io::Error::from(Errno::TOOBIG));
        assert!(told.starts_with("word 2 of its command has 140000 bytes, "), "{told}");
        let told = of_start(&["/bin/true".into()], Path::new("/no/such"), &io::Error::from(Errno::NOENT));
        assert_eq!(told, "its working folder /no/such is not there");
    }
}
