//! Finds programs on this machine and has them describe themselves.
//!
//! It does not know the environment: where programs lie is said to it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::programs::ask::ask;
use crate::programs::memory::{recall, remember, stamps};
use crate::programs::{Listed, Offered, ProgramError, ProgramResolver};

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
        let memory = self.memory.as_ref().map(|folder| {
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

impl Describer {
    /// A path with a slash begins at the root; a bare name is looked for beside the engine, then in `PATH`.
    fn locate(&self, listed: &Listed) -> Result<PathBuf, ProgramError> {
        let word = listed.words.first().map(String::as_str).unwrap_or_default();
        find_program(word, &listed.root, self.beside.as_deref(), &self.path).ok_or_else(|| ProgramError {
            message: format!("there is no program `{word}`"),
            hint: Some(match (&listed.place, word.contains('/')) {
                (None, _) => "it comes with nnf: build the whole workspace, or run `make install`".into(),
                (Some(_), true) => format!("relative paths begin at the root, {}", listed.root.display()),
                (Some(_), false) => "it is neither beside nnf nor in PATH".into(),
            }),
        })
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

/// Digest of the files that a program is made of: what they hold, and where they lie in the folders that are listed.
fn code_digest(code: &[PathBuf]) -> Result<Option<Digest>, ProgramError> {
    if code.is_empty() {
        return Ok(None);
    }
    let mut walk = Walk::default();
    for path in code {
        let name = Path::new(path.file_name().unwrap_or_default());
        walk.add(path, name).map_err(|e| ProgramError { message: e.to_string(), hint: None })?;
    }
    Ok(Some(walk.hasher.finalize().into()))
}

/// A walk over files of code.
#[derive(Default)]
struct Walk {
    hasher: blake3::Hasher,
    /// Folders that were entered: links may lead into them again.
    entered: BTreeSet<PathBuf>,
}

impl Walk {
    /// Adds a file, or a folder with all that is in it, under a name.
    fn add(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let is_link = fs_err::symlink_metadata(path)?.is_symlink();
        // A link may lead nowhere.
        let meta = fs_err::metadata(path).ok();
        if meta.as_ref().is_some_and(|meta| meta.is_file()) {
            self.say("file", name, &fs_err::read(path)?);
            return Ok(());
        }
        // Python's own copies come and go.
        if name.ends_with("__pycache__") {
            return Ok(());
        }
        if meta.is_some_and(|meta| meta.is_dir()) && self.entered.insert(fs_err::canonicalize(path)?) {
            let mut names = fs_err::read_dir(path)?.map(|e| e.map(|e| e.file_name())).collect::<Result<Vec<_>, _>>()?;
            names.sort();
            return names.iter().try_for_each(|inner| self.add(&path.join(inner), &name.join(inner)));
        }
        if is_link {
            self.say("link", name, fs_err::read_link(path)?.as_os_str().as_encoded_bytes());
        }
        Ok(())
    }

    fn say(&mut self, what: &str, name: &Path, content: &[u8]) {
        for part in [what.as_bytes(), name.as_os_str().as_encoded_bytes(), content] {
            self.hasher.update(&(part.len() as u64).to_le_bytes());
            self.hasher.update(part);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn code_counts_with_its_place_and_without_what_python_leaves() {
        let root = tempfile::tempdir().unwrap();
        let code = root.path().join("code");
        let write = |name: &str, text: &str| {
            fs_err::create_dir_all(code.join(name).parent().unwrap()).unwrap();
            fs_err::write(code.join(name), text).unwrap();
        };
        let link = |target: &str, name: &str| fs_err::os::unix::fs::symlink(target, code.join(name)).unwrap();
        let digest = || code_digest(std::slice::from_ref(&code)).unwrap().unwrap();
        write("a/x.py", "one");
        write("b/y.py", "two");
        let mut known = BTreeSet::from([digest().to_string()]);
        let changes: [(&str, &dyn Fn()); 8] = [
            ("other content", &|| write("a/x.py", "1")),
            ("another folder", &|| fs_err::rename(code.join("a/x.py"), code.join("b/x.py")).unwrap()),
            ("another name", &|| fs_err::rename(code.join("b/x.py"), code.join("b/z.py")).unwrap()),
            ("a link around", &|| link("..", "b/around")),
            ("a link to itself", &|| link("self", "self")),
            ("a link to nothing", &|| link("nothing", "nowhere")),
            ("a link to a folder elsewhere", &|| {
                fs_err::create_dir(root.path().join("elsewhere")).unwrap();
                fs_err::write(root.path().join("elsewhere/x.py"), "one").unwrap();
                link("../elsewhere", "elsewhere");
            }),
            ("content elsewhere", &|| fs_err::write(root.path().join("elsewhere/x.py"), "two").unwrap()),
        ];
        for (what, change) in changes {
            change();
            assert!(known.insert(digest().to_string()), "{what}");
        }
        let before = digest();
        write("a/__pycache__/x.pyc", "bytecode");
        assert_eq!(digest(), before);
        assert!(code_digest(&[root.path().join("none")]).is_err());
    }
}
