//! Finds programs on this machine and has them describe themselves.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::processes::culprit;
use crate::programs::ask::ask;
use crate::programs::code::code_digest;
use crate::programs::listed::Listed;
use crate::programs::memory::{recall, remember, stamps};
use crate::programs::offered::Offered;
use crate::programs::resolver::{ProgramError, ProgramResolver};

/// Finds programs and asks them; remembers their answers in a folder.
#[derive(Clone, Debug)]
pub struct Describer {
    /// The folder of the running engine, where its companions lie.
    pub beside: Option<PathBuf>,
    /// The search path, as in `PATH`.
    pub path: OsString,
    /// Where answers are remembered; none to ask every time.
    pub memory: Option<PathBuf>,
}

impl ProgramResolver for Describer {
    fn describe(&self, listed: &Listed) -> Result<Offered, ProgramError> {
        let program = self.locate(listed)?;
        let mut argv = listed.words.clone();
        argv[0] = program.to_str().map(str::to_owned).ok_or_else(|| ProgramError {
            message: format!("the path {} is not UTF-8", program.display()),
            hint: None,
        })?;
        let code = code_digest(&listed.code)?;
        let stamps = stamps(&program, listed)?;
        // What is behind a script, an interpreter or a wrapper cannot be seen; it is asked each time.
        let memory = self.memory.as_ref().filter(|_| can_be_seen_whole(&argv, &listed.code)).map(|folder| {
            let name = Digest::of(format!("{argv:?}{:?}", listed.root).as_bytes());
            folder.join(format!("{name}.json"))
        });
        if let Some(known) = memory.as_deref().and_then(|file| recall(file, &stamps, code)) {
            return Ok(Offered { argv, program: known, code, files: listed.code.clone() });
        }
        let program = ask(&argv, &listed.root, &self.path)?;
        if let Some(file) = memory {
            remember(&file, &stamps, code, &program);
        }
        Ok(Offered { argv, program, code, files: listed.code.clone() })
    }
}

/// Whether the answer of a program rests on nothing but what can be looked at: one binary, or the files that the pipeline
/// lists as its code.
pub(crate) fn can_be_seen_whole(argv: &[String], code: &[PathBuf]) -> bool {
    !code.is_empty() || matches!(argv, [program] if is_binary(Path::new(program)))
}

/// Whether a file is a program by itself, as linkers make them.
fn is_binary(program: &Path) -> bool {
    let mut head = [0; 4];
    let read = fs_err::File::open(program).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    read.is_ok() && (head == *b"\x7fELF" || matches!(u32::from_le_bytes(head), 0xfeed_facf | 0xbeba_feca))
}

impl Describer {
    /// A path with a slash begins at the root; a bare name is looked for beside the engine, then in `PATH`.
    fn locate(&self, listed: &Listed) -> Result<PathBuf, ProgramError> {
        let word = listed.words.first().map(String::as_str).unwrap_or_default();
        find_program(word, &listed.root, self.beside.as_deref(), &self.path).ok_or_else(|| ProgramError {
            message: match culprit::of_file(&listed.root.join(word)) {
                Some(why) if word.contains('/') && listed.root.join(word).symlink_metadata().is_ok() => {
                    format!("`{word}` is no program: {why}")
                }
                _ => format!("there is no program `{word}`"),
            },
            hint: Some(match (&listed.place, word.contains('/')) {
                (None, _) => "it comes with nnf: build the whole workspace, or run `make install`".into(),
                (Some(_), true) => format!("relative paths begin at the root, {}", listed.root.display()),
                (Some(_), false) => "it is neither beside nnf nor in PATH".into(),
            }),
        })
    }
}

/// Whether a word names a program that the system can start, as far as its file shows.
pub(crate) fn can_start(word: &str, root: &Path, path: &OsString) -> bool {
    find_program(word, root, None, path).is_some_and(|program| culprit::of_file(&program).is_none())
}

/// Why there is no executable that a word names.
#[must_use]
pub fn not_found(word: &str, root: &Path, path: &OsString) -> String {
    if word.contains('/') {
        let why = culprit::of_file(&root.join(word)).unwrap_or_else(|| "it cannot be executed".into());
        return format!("`{word}` is no program: {why}");
    }
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    let there = folders.map(|folder| folder.join(word)).find(|path| path.is_file());
    match there.as_ref().and_then(|path| Some((path, culprit::of_file(path)?))) {
        Some((path, why)) => format!("there is no program `{word}` in PATH, but a file {}: {why}", path.display()),
        None => format!("there is no program `{word}` in PATH"),
    }
}

/// The executable that a word names: by its path if it has a slash, else beside the engine, else in the search path.
#[must_use]
pub fn find_program(word: &str, root: &Path, beside: Option<&Path>, path: &OsString) -> Option<PathBuf> {
    if word.is_empty() {
        return None;
    }
    if word.contains('/') {
        let path = root.join(word);
        return is_executable(&path).then_some(path);
    }
    let folders = beside.map(Path::to_owned).into_iter().chain(std::env::split_paths(path));
    folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(word)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs_err::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
