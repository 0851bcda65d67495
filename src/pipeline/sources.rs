//! The files of a pipeline: its own, and those that it includes. The one place that reads them.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place, Source};
use crate::pipeline::definition::Definition;
use crate::pipeline::files::AllowedRoots;
use crate::pipeline::include::{self, Include};
use crate::pipeline::keys::{self, Role};
use crate::pipeline::names::Names;
use crate::pipeline::reading::Faults;
use crate::pipeline::root;
use crate::pipeline::space::{Inner, Space};
use crate::pipeline::stage::StageDefinition;
use crate::yaml::{self, Node};

/// Most files that are read for a pipeline; one counts each time that it is included.
const MOST_FILES: usize = 1000;
/// Deepest inclusion.
const DEEPEST: usize = 32;
/// Most bytes of all these files together.
const MOST_BYTES: usize = 64 << 20;

/// A pipeline as it is written, with all that its files bring.
#[derive(Debug)]
pub(crate) struct Pipeline {
    /// What its own file says. Parameters, programs and stages are not here, but below.
    pub(crate) own: Definition,
    /// Namespaces; the first is the pipeline's own, and each stands behind the one that it lies in.
    pub(crate) spaces: Vec<Space>,
    /// The stages of all files.
    pub(crate) stages: Vec<StageDefinition>,
    /// The files, the pipeline's own first, each once.
    pub(crate) sources: Vec<SourceFile>,
    /// Absolute paths of included files, and where each is named.
    pub(crate) included: Vec<(PathBuf, Include)>,
    /// Whether all files could be read.
    pub(crate) is_whole: bool,
}

/// A file of a pipeline.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Its path from the folder of the pipeline's own file, or an absolute one; empty for the pipeline's own.
    pub(crate) below: PathBuf,
    pub(crate) text: Arc<Source>,
}

/// Reads the files of a pipeline.
///
/// # Errors
/// When the pipeline's own file cannot be read as YAML. All other faults are added to `faults`.
pub(crate) fn read(path: &Path, faults: &mut Faults) -> Result<Pipeline, Vec<Diagnostic>> {
    let text = yaml::text(path)?;
    let tree = yaml::parse(Arc::clone(&text))?;
    let own = keys::read(tree, Role::Pipeline, faults);
    let mut reader = Reader {
        folder: path.parent().unwrap_or(Path::new("")),
        roots: if own.include.is_empty() { None } else { root::fixed(&own, path) },
        bytes: text.text.len(),
        names: Names::new(!own.include.is_empty()),
        open: vec![(real(path), path.to_owned())],
        known: HashMap::new(),
        times: 0,
        taken: BTreeSet::new(),
        pipeline: Pipeline {
            own: Definition::default(),
            spaces: vec![Space::default()],
            stages: Vec::new(),
            sources: vec![SourceFile { below: PathBuf::new(), text }],
            included: Vec::new(),
            is_whole: true,
        },
        faults,
    };
    let own = reader.file(own, Path::new(""), 0);
    let Reader { mut pipeline, names, .. } = reader;
    names.check_spaces(&pipeline.spaces, faults);
    if pipeline.stages.is_empty() && pipeline.is_whole {
        faults.extend(own.no_stage.clone().map(|fault| match own.include.is_empty() {
            true => fault,
            false => fault.hint("the files that it includes bring none"),
        }));
    }
    pipeline.own = own;
    Ok(pipeline)
}

/// A path, links resolved; as it is where nothing is.
fn real(path: &Path) -> PathBuf {
    fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

struct Reader<'a> {
    /// The folder of the pipeline's own file, as the person named it.
    folder: &'a Path,
    /// Where files may lie, if that is known by now.
    roots: Option<AllowedRoots>,
    bytes: usize,
    names: Names,
    /// The files from the pipeline's own to the one at hand: links resolved, and as they are shown.
    open: Vec<(PathBuf, PathBuf)>,
    /// Trees of files that were read, and bytes of their texts, by path with links resolved.
    known: HashMap<PathBuf, (Arc<Node>, usize)>,
    times: usize,
    /// Files that a namespace has already.
    taken: BTreeSet<(usize, PathBuf)>,
    pipeline: Pipeline,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    /// Takes over what a file says into a namespace, and before it what the files say that it includes. `folder` is
    /// where it lies, from the folder of the pipeline's own file.
    fn file(&mut self, mut file: Definition, folder: &Path, space: usize) -> Definition {
        let mut listed: Vec<(PathBuf, Place)> = Vec::new();
        for node in &file.include {
            let Some(include) = include::read(node, self.faults) else { continue };
            let (below, place) = (folder.join(&include.file), include.place.clone());
            let path = real(&self.folder.join(&below));
            let again = listed.iter().find(|(before, _)| include.name.is_none() && *before == path);
            if let Some((_, first)) = again {
                let fault = Diagnostic::new(format!("`{}` is included twice", include.file)).at(&place);
                self.faults.push(fault.related(first, "it is included here first"));
                continue;
            }
            if include.name.is_none() {
                listed.push((path.clone(), place));
            }
            self.include(include, below, path, space);
        }
        self.names.claim(space, &mut file, self.faults);
        let into = &mut self.pipeline.spaces[space];
        into.params.append(&mut file.params);
        if let Some(programs) = file.programs.take() {
            into.programs.get_or_insert_default().extend(programs);
        }
        for mut stage in file.stages.drain(..) {
            stage.name.insert_str(0, &into.prefix);
            stage.space = space;
            self.pipeline.stages.push(stage);
        }
        file
    }

    /// Takes over a file that another one includes: `below` is its path from the folder of the pipeline's own file,
    /// `path` the same with links resolved.
    fn include(&mut self, include: Include, below: PathBuf, path: PathBuf, space: usize) {
        let shown = self.folder.join(&below);
        if self.times > MOST_FILES {
            return; // which is said already
        }
        if let Some(fault) = self.refusal(&include, &path, &shown) {
            self.faults.push(fault);
            self.pipeline.is_whole = false;
            return;
        }
        // Also of one that is taken already: the way that each names may come to lead elsewhere.
        let absolute = std::path::absolute(&shown).unwrap_or_else(|_| shown.clone());
        self.pipeline.included.push((absolute, include.clone()));
        // Several files may include one that they share.
        if include.name.is_none() && !self.taken.insert((space, path.clone())) {
            return;
        }
        let Some(tree) = self.tree(&include, &below, &path, &shown) else {
            self.pipeline.is_whole = false;
            return;
        };
        let file = keys::read(Node::clone(&tree), Role::Included, self.faults);
        let space = match &include.name {
            Some((name, place)) => self.namespace(space, name, place),
            None => Some(space),
        };
        let Some(space) = space else { return };
        self.open.push((path, shown));
        self.file(file, below.parent().unwrap_or(Path::new("")), space);
        self.open.pop();
    }

    /// Why a file may not be included, if so.
    fn refusal(&mut self, include: &Include, path: &Path, shown: &Path) -> Option<Diagnostic> {
        let Include { file, place, .. } = include;
        if let Some(first) = self.open.iter().position(|(open, _)| open == path) {
            let chain = self.open[first..].iter().map(|(_, shown)| shown.as_path()).chain([shown]);
            let chain: Vec<String> = chain.map(|shown| format!("`{}`", shown.display())).collect();
            let fault =
                Diagnostic::new(format!("files include each other in a circle: {}", chain.join(" → "))).at(place);
            return Some(fault.hint("put what both need into a file of its own, and include that"));
        }
        if let Some(roots) = self.roots.as_ref().filter(|roots| path.is_absolute() && !roots.holds(path)) {
            return Some(roots.outside(file, path, place));
        }
        self.times += 1;
        let message = if self.times > MOST_FILES {
            format!("a pipeline includes {MOST_FILES} files at most")
        } else if self.open.len() > DEEPEST {
            format!("files include each other more than {DEEPEST} deep")
        } else {
            return None;
        };
        Some(Diagnostic::new(message).at(place))
    }

    /// The tree of an included file.
    fn tree(&mut self, include: &Include, below: &Path, path: &Path, shown: &Path) -> Option<Arc<Node>> {
        if !self.known.contains_key(path) && !self.read(include, below, path, shown) {
            return None;
        }
        let (tree, bytes) = self.known.get(path)?;
        self.bytes += bytes;
        if self.bytes > MOST_BYTES {
            let message =
                format!("with `{}` the files of the pipeline have more than {} MiB", include.file, MOST_BYTES >> 20);
            self.faults.push(Diagnostic::new(message).at(&include.place));
            return None;
        }
        Some(Arc::clone(tree))
    }

    /// Reads an included file; whether it could be.
    fn read(&mut self, include: &Include, below: &Path, path: &Path, shown: &Path) -> bool {
        let read = || {
            let text = yaml::text(shown).map_err(|faults| explain(faults, include, shown))?;
            let tree = yaml::parse(Arc::clone(&text)).map_err(|faults| explain(faults, include, shown))?;
            Ok((text, tree))
        };
        match read() {
            Ok((text, tree)) => {
                self.known.insert(path.to_owned(), (Arc::new(tree), text.text.len()));
                self.pipeline.sources.push(SourceFile { below: below.to_owned(), text });
                true
            }
            Err(faults) => {
                self.faults.extend::<Faults>(faults);
                false
            }
        }
    }

    /// A new namespace within another. None if there is one of that name.
    fn namespace(&mut self, outer: usize, name: &str, place: &Place) -> Option<usize> {
        if let Some(first) = self.pipeline.spaces[outer].inner(name) {
            let fault = Diagnostic::new(format!("two files are included as `{name}`")).at(place);
            self.faults.push(fault.related(&first.place, "the first one"));
            return None;
        }
        let space = self.pipeline.spaces.len();
        let prefix = format!("{}{name}.", self.pipeline.spaces[outer].prefix);
        self.pipeline.spaces[outer].inner.push(Inner { name: name.to_owned(), space, place: place.clone() });
        self.pipeline.spaces.push(Space { prefix, ..Space::default() });
        Some(space)
    }
}

/// Faults of a file's text, as those of a file that is included. What has no place of its own is told at the entry.
fn explain(faults: Vec<Diagnostic>, include: &Include, shown: &Path) -> Vec<Diagnostic> {
    let explain = |mut fault: Diagnostic| match &fault.place {
        Some(_) if fault.related.is_some() => fault,
        Some(_) => fault.related(&include.place, "the file is included here"),
        None => {
            if !shown.exists() {
                fault.hints = vec!["the path is relative to the file that includes it".into()];
            } else if fault.hints.iter().any(|hint| hint.contains("`stages:`")) {
                fault.hints = vec![format!("it may have {}", keys::shared())];
            }
            fault.at(&include.place)
        }
    };
    faults.into_iter().map(explain).collect()
}
