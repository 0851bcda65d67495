//! Stage programs: what they offer, asked once and remembered.
//!
//! It does not know pipelines beyond the list of their programs, and it runs a program only to have it describe itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nnf_contract::{CONTRACT_VERSION, Kind, Program};
use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Place};
use crate::digest::Digest;

/// Programs that a pipeline has when it lists none.
pub const DEFAULT_PROGRAMS: [&str; 2] = ["nnf-data-prep", "nnf-stages"];
/// Longest time that a program may take to describe itself.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest description.
const MAX_DESCRIPTION: u64 = 16 << 20;

/// A program as a pipeline lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Its name in the pipeline.
    pub name: String,
    /// Its command, the program first.
    pub words: Vec<String>,
    /// Files that it is made of, absolute; part of the fingerprint of its kinds.
    pub code: Vec<PathBuf>,
    /// The folder that relative paths begin at.
    pub root: PathBuf,
    /// Where it is listed; none for the ones that come with the engine.
    #[serde(skip)]
    pub place: Option<Place>,
}

impl Listed {
    /// A program that comes with the engine.
    #[must_use]
    pub fn shipped(name: &str, root: &Path) -> Self {
        Listed { name: name.into(), words: vec![name.into()], code: Vec::new(), root: root.into(), place: None }
    }

    /// A program of the pipeline, its command still to be filled in.
    #[must_use]
    pub fn named(name: &str, root: &Path, place: &Place) -> Self {
        Listed { name: name.into(), words: Vec::new(), code: Vec::new(), root: root.into(), place: Some(place.clone()) }
    }
}

/// A program that has described itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    /// Its command, the program by its absolute path.
    pub argv: Vec<String>,
    /// What it said.
    pub program: Program,
    /// Digest of the files under `code`, if it lists any.
    pub code: Option<Digest>,
    /// These files, absolute.
    pub files: Vec<PathBuf>,
}

impl Offered {
    /// The fingerprint of one of its kinds: what the program says, and the code that the pipeline lists.
    #[must_use]
    pub fn fingerprint(&self, kind: &Kind) -> String {
        match &self.code {
            Some(code) => format!("{}+{}", kind.fingerprint, code.short()),
            None => kind.fingerprint.clone(),
        }
    }

    /// Changes with anything of the answer.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let code = self.code.map(|code| code.to_string());
        Digest::of(&serde_json::to_vec(&(&self.argv, &self.program, code)).unwrap_or_default())
    }

    /// Versions of the program and its libraries, for records.
    #[must_use]
    pub fn versions(&self) -> BTreeMap<String, String> {
        let mut versions = self.program.libraries.clone();
        versions.insert(self.program.program.clone(), self.program.version.clone());
        versions
    }
}

/// Why a program could not describe itself.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProgramError {
    /// Lower-case fragment: what is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Answers for programs. The real one is [`Describer`]; tests have tables.
pub trait ProgramResolver {
    /// Finds a program and has it describe itself.
    ///
    /// # Errors
    /// When it is not found, or its answer is not a description.
    fn describe(&self, listed: &Listed) -> Result<Offered, ProgramError>;
}

/// All kinds that the programs of a pipeline offer.
#[derive(Debug, Default)]
pub struct Catalogue {
    programs: Vec<(String, Offered)>,
    failed: bool,
}

impl Catalogue {
    /// Asks all programs, and adds what is wrong to `faults`.
    pub fn ask(listed: &[Listed], resolver: &dyn ProgramResolver, faults: &mut Vec<Diagnostic>) -> Self {
        let mut catalogue = Catalogue::default();
        for program in listed {
            let at = |fault: Diagnostic| match &program.place {
                Some(place) => fault.at(place),
                None => fault,
            };
            match resolver.describe(program) {
                Ok(offered) => {
                    for kind in &offered.program.kinds {
                        if let Some((owner, _)) = catalogue.offering(&kind.name) {
                            let message = format!(
                                "programs `{owner}` and `{}` both offer the kind `{}`",
                                program.name, kind.name
                            );
                            faults.push(at(Diagnostic::new(message).hint("leave one of them out of `programs`")));
                        }
                    }
                    catalogue.programs.push((program.name.clone(), offered));
                }
                Err(error) => {
                    catalogue.failed = true;
                    let fault = at(Diagnostic::new(format!("program `{}`: {}", program.name, error.message)));
                    faults.push(match error.hint {
                        Some(hint) => fault.hint(hint),
                        None => fault,
                    });
                }
            }
        }
        catalogue
    }

    /// What was asked, and a digest of each answer, so that it can be found out whether all would answer the same.
    #[must_use]
    pub fn asked<'a>(&self, listed: &'a [Listed]) -> Vec<(&'a Listed, Digest)> {
        listed.iter().zip(&self.programs).map(|(listed, (_, offered))| (listed, offered.digest())).collect()
    }

    fn offering(&self, kind: &str) -> Option<(&str, &Kind)> {
        self.programs.iter().find_map(|(name, offered)| {
            offered.program.kinds.iter().find(|k| k.name == kind).map(|kind| (name.as_str(), kind))
        })
    }

    /// Whether all programs have answered, so that an unknown kind is known to be one.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.failed
    }

    /// The kind of that name, and the program that offers it.
    #[must_use]
    pub fn find(&self, kind: &str) -> Option<(&Offered, &Kind)> {
        self.programs
            .iter()
            .find_map(|(_, offered)| offered.program.kinds.iter().find(|k| k.name == kind).map(|kind| (offered, kind)))
    }

    /// The names of all kinds.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.programs.iter().flat_map(|(_, offered)| offered.program.kinds.iter().map(|kind| kind.name.as_str()))
    }

    /// All programs with their names in the pipeline.
    #[must_use]
    pub fn programs(&self) -> &[(String, Offered)] {
        &self.programs
    }
}

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

/// A remembered answer, valid while the program's files look the same.
#[derive(Serialize, Deserialize)]
struct Remembered {
    version: u32,
    stamps: Vec<Stamp>,
    program: Program,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    size: u64,
    modified: Option<jiff::Timestamp>,
    /// Who puts a program in another's place may give it that one's length and time, but not these.
    inode: u64,
    changed: (i64, i64),
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
        if let Some(known) = memory.as_deref().and_then(|file| recall(file, &stamps)) {
            return Ok(Offered { argv, program: known, code, files: listed.code.clone() });
        }
        let program = ask(&argv, &listed.root, &self.path)?;
        if let Some(file) = memory {
            remember(&file, &stamps, &program);
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

fn code_digest(code: &[PathBuf]) -> Result<Option<Digest>, ProgramError> {
    if code.is_empty() {
        return Ok(None);
    }
    let mut hasher = blake3::Hasher::new();
    for path in code {
        add_code(path, &mut hasher).map_err(|e| ProgramError { message: e.to_string(), hint: None })?;
    }
    Ok(Some(hasher.finalize().into()))
}

fn add_code(path: &Path, hasher: &mut blake3::Hasher) -> std::io::Result<()> {
    if path.is_dir() {
        let mut entries = fs_err::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| add_code(entry, hasher));
    }
    let content = fs_err::read(path)?;
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    for part in [name, content.as_slice()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Ok(())
}

/// What the program's files look like: the program, and words and code that are files.
fn stamps(program: &Path, listed: &Listed) -> Result<Vec<Stamp>, ProgramError> {
    let words = listed.words.iter().skip(1).map(|word| listed.root.join(word)).filter(|path| path.is_file());
    let files = std::iter::once(program.to_owned()).chain(words).chain(listed.code.iter().cloned());
    files
        .map(|path| {
            let meta = fs_err::metadata(&path).map_err(|e| ProgramError { message: e.to_string(), hint: None })?;
            let modified = meta.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
            let changed = (meta.ctime(), meta.ctime_nsec());
            Ok(Stamp { path, size: meta.len(), modified, inode: meta.ino(), changed })
        })
        .collect()
}

fn recall(file: &Path, stamps: &[Stamp]) -> Option<Program> {
    let remembered: Remembered = serde_json::from_slice(&fs_err::read(file).ok()?).ok()?;
    (remembered.version == CONTRACT_VERSION && remembered.stamps == stamps).then_some(remembered.program)
}

fn remember(file: &Path, stamps: &[Stamp], program: &Program) {
    // A file that was changed just now may be changed again within the same tick of its clock.
    let settled = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(2);
    let young =
        |stamp: &Stamp| stamp.modified.is_none_or(|time| time > settled) || stamp.changed.0 >= settled.as_second();
    if stamps.iter().any(young) {
        return;
    }
    let document = Remembered { version: CONTRACT_VERSION, stamps: stamps.to_vec(), program: program.clone() };
    let written = serde_json::to_vec(&document).map_err(std::io::Error::other).and_then(|text| {
        let folder = file.parent().unwrap_or(Path::new("."));
        fs_err::create_dir_all(folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut temporary, &text)?;
        temporary.persist(file).map_err(|e| e.error).map(|_| ())
    });
    if let Err(error) = written {
        tracing::debug!("the description was not remembered: {error}");
    }
}

/// Runs `PROGRAM describe` in a clean environment.
fn ask(argv: &[String], root: &Path, path: &OsString) -> Result<Program, ProgramError> {
    let fail = |message: String| ProgramError { message, hint: None };
    let mut child = Command::new(&argv[0])
        .args(&argv[1..])
        .arg("describe")
        .current_dir(root)
        .env_clear()
        .env("PATH", path)
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| fail(format!("`{}` does not start: {e}", argv[0])))?;
    let output = child.stdout.take().map(collect);
    let complaint = child.stderr.take().map(collect);
    let deadline = Instant::now() + DESCRIBE_TIMEOUT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(fail(format!("`describe` did not end within {} s", DESCRIBE_TIMEOUT.as_secs())));
            }
            Err(e) => return Err(fail(e.to_string())),
        }
    };
    let text = |reader: Option<std::thread::JoinHandle<Vec<u8>>>| {
        reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
    };
    let (output, complaint) = (text(output), text(complaint));
    if !status.success() {
        let complaint = String::from_utf8_lossy(&complaint);
        let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        return Err(fail(format!("`describe` failed ({status}): {last}")));
    }
    let hint = "a stage program answers `describe` with a JSON document; any other command is a stage with `run`";
    let fail = |e| ProgramError { message: format!("`describe` printed no description: {e}"), hint: Some(hint.into()) };
    check(serde_json::from_slice(&output).map_err(fail)?)
}

fn collect(stream: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
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
