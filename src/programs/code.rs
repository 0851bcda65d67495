//! The files of a program's code: those that the pipeline lists, and all in the folders that it lists.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::programs::resolver::ProgramError;

/// What there is at a place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    File,
    /// One that leads nowhere, or into a folder that was entered already; another counts as what it leads to.
    Link,
}

/// All that the code consists of, in an order of its own: what it is, where it lies, and its name below what is listed.
/// Folders are entered once, and Python's own copies, which come and go, are left out, as is what git keeps.
pub(crate) fn files(code: &[PathBuf]) -> io::Result<Vec<(Found, PathBuf, PathBuf)>> {
    let (mut found, mut entered) = (Vec::new(), BTreeSet::new());
    for path in code {
        add(path, Path::new(path.file_name().unwrap_or_default()), &mut entered, &mut found)?;
    }
    Ok(found)
}

fn add(
    path: &Path,
    name: &Path,
    entered: &mut BTreeSet<PathBuf>,
    found: &mut Vec<(Found, PathBuf, PathBuf)>,
) -> io::Result<()> {
    let is_link = fs_err::symlink_metadata(path)?.is_symlink();
    // A link may lead nowhere.
    let meta = fs_err::metadata(path).ok();
    if meta.as_ref().is_some_and(|meta| meta.is_file()) {
        found.push((Found::File, path.to_owned(), name.to_owned()));
        return Ok(());
    }
    if name.ends_with("__pycache__") || name.ends_with(".git") {
        return Ok(());
    }
    if meta.is_some_and(|meta| meta.is_dir()) && entered.insert(fs_err::canonicalize(path)?) {
        let mut names = fs_err::read_dir(path)?.map(|e| e.map(|e| e.file_name())).collect::<Result<Vec<_>, _>>()?;
        names.sort();
        return names.iter().try_for_each(|inner| add(&path.join(inner), &name.join(inner), entered, found));
    }
    if is_link {
        found.push((Found::Link, path.to_owned(), name.to_owned()));
    }
    Ok(())
}

/// Digest of the code: what its files hold, and where they lie in the folders that are listed.
pub(super) fn code_digest(code: &[PathBuf]) -> Result<Option<Digest>, ProgramError> {
    let failed = |error: io::Error| ProgramError { message: error.to_string(), hint: None };
    if code.is_empty() {
        return Ok(None);
    }
    let mut hasher = blake3::Hasher::new();
    for (what, path, name) in files(code).map_err(failed)? {
        let (what, content) = match what {
            Found::File => ("file", fs_err::read(&path).map_err(failed)?),
            Found::Link => ("link", fs_err::read_link(&path).map_err(failed)?.into_os_string().into_encoded_bytes()),
        };
        for part in [what.as_bytes(), name.as_os_str().as_encoded_bytes(), &content] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    Ok(Some(hasher.finalize().into()))
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
        write(".git/HEAD", "ref");
        assert_eq!(digest(), before);
        assert!(code_digest(&[root.path().join("none")]).is_err());
    }
}
