//! What is fresh, what must run, and what cannot be known yet: a fold over the graph in topological order.
//!
//! It reads the store and runs nothing. The run loop asks the same questions, one instance at a time, as inputs land.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::digest::{Digest, Key};
use crate::executor::{Executor, ExecutorError, Request};
use crate::graph::{Graph, Instance, InstanceId, Piece, Source, Work};
use crate::key::{Contents, KeyDocument, KeyInput};
use crate::programs::{can_start, find_program};
use crate::record::Form;
use crate::store::{FileInput, RecordSummary, Store, StoreError};
use crate::why::{Reason, differences};

/// State of an instance before a run.
#[derive(Clone, Debug)]
pub enum Status {
    /// A record exists under its key.
    Fresh(RecordSummary),
    /// All inputs are known, and it must run.
    Stale {
        /// Its key.
        key: Key,
        /// Why.
        reason: Reason,
        /// What went into its key.
        document: Box<KeyDocument>,
    },
    /// An input is not known yet.
    Pending,
    /// The machine that it measures is not known yet: a run asks for it.
    Unasked,
}

/// Why an instance cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[error("stage `{instance}`: {source}")]
pub struct PlanError {
    /// Its name.
    pub instance: String,
    /// What went wrong.
    pub source: KeyError,
}

/// Why the key of an instance cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file or the store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever would run it does not know on which machine.
    #[error("the machine to measure is not known: {0}")]
    Machine(#[from] ExecutorError),
    /// The machine on which it would run has not been asked what it is.
    #[error("the machine to measure is not known yet; `nnf run` asks for it")]
    Unasked,
}

/// An instance with everything that its key rests on.
#[derive(Clone, Debug)]
pub struct ComputedKey {
    /// The key document.
    pub document: KeyDocument,
    /// The key.
    pub key: Key,
    /// What the files looked like that it reads in place; to be looked at again when it ends.
    pub files: Vec<FileInput>,
}

/// What is known of the producers of an instance.
type Known<'a> = dyn Fn(InstanceId) -> Option<RecordSummary> + 'a;
/// Looks at a file or folder that lies outside the store.
type Look<'a> = dyn Fn(&Path) -> Result<FileInput, StoreError> + 'a;

/// What the key of an instance rests on besides the instance.
pub struct KeyContext<'a> {
    /// The store.
    pub store: &'a Store,
    /// The pipeline's root.
    pub root: &'a Path,
    /// Where stages run: what measures is keyed by the machine there.
    pub executor: &'a dyn Executor,
    /// The search path for programs.
    pub path: &'a OsString,
    /// Programs found in the search path: thousands of stages ask for the same few.
    found: Mutex<BTreeMap<String, PathBuf>>,
    /// The files in the project that programs from elsewhere lead to, if they do.
    led: Mutex<BTreeMap<PathBuf, Option<PathBuf>>>,
}

impl<'a> KeyContext<'a> {
    /// The context of one command of the engine.
    #[must_use]
    pub fn new(store: &'a Store, root: &'a Path, executor: &'a dyn Executor, path: &'a OsString) -> Self {
        KeyContext { store, root, executor, path, found: Mutex::default(), led: Mutex::default() }
    }

    /// Computes the key of an instance whose producers are all `known`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn compute_key(&self, instance: &Instance, known: &Known<'_>) -> Result<Option<ComputedKey>, KeyError> {
        self.key_of(instance, known, &|path| self.store.content().of_file(path))
    }

    fn key_of(&self, instance: &Instance, known: &Known<'_>, look: &Look<'_>) -> Result<Option<ComputedKey>, KeyError> {
        let mut files = Vec::new();
        let mut inputs = BTreeMap::new();
        for (name, source) in &instance.inputs {
            match self.input(source, (known, look), &mut files).map_err(|error| error.of_input(name))? {
                Some(input) => inputs.insert(name.clone(), input),
                None => return Ok(None),
            };
        }
        let mut code = BTreeMap::new();
        for (name, path) in &instance.code {
            let file = look(path)?;
            code.insert(name.clone(), file.digest);
            files.push(file);
        }
        let program = match self.program(instance).and_then(|program| self.own(&program)) {
            Some(path) => {
                let file = look(&path)?;
                let digest = file.digest;
                files.push(file);
                Some(digest)
            }
            None => None,
        };
        let machine = match instance.measures {
            true => Some(self.executor.machine(&Request::from(instance))?.ok_or(KeyError::Unasked)?),
            false => None,
        };
        let document = KeyDocument::new(instance, Contents { inputs, code, program, machine });
        Ok(Some(ComputedKey { key: document.key(), document, files }))
    }

    fn input(
        &self,
        source: &Source,
        (known, look): (&Known<'_>, &Look<'_>),
        files: &mut Vec<FileInput>,
    ) -> Result<Option<KeyInput>, StoreError> {
        match source {
            Source::Output { from, output } => {
                Ok(known(*from).and_then(|known| known.outputs.get(output).map(KeyInput::from)))
            }
            Source::Record { from } => {
                let Some(known) = known(*from) else { return Ok(None) };
                let Some(text) = self.record_text(&known.key)? else { return Ok(None) };
                Ok(Some(KeyInput::Content { digest: Digest::of(text.as_bytes()), form: Form::File }))
            }
            Source::File { path, .. } => {
                let file = look(path)?;
                let input = KeyInput::Content { digest: file.digest, form: file.form };
                files.push(file);
                Ok(Some(input))
            }
            Source::Many(members) => {
                let mut many = BTreeMap::new();
                for (label, member) in members {
                    match self.input(member, (known, look), files)? {
                        Some(input) => many.insert(label.clone(), input),
                        None => return Ok(None),
                    };
                }
                Ok(Some(KeyInput::Many(many)))
            }
        }
    }

    /// A record as a stage reads it: the document, as one JSON object.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn record_text(&self, key: &Key) -> Result<Option<String>, StoreError> {
        let record = self.store.records().get(key)?;
        Ok(record.map(|record| format!("{}\n", serde_json::to_string_pretty(&record).unwrap_or_default())))
    }

    /// The instances whose program is not there or cannot start, and the word that names it. One that lies in the project
    /// may be made by a stage that runs before.
    #[must_use]
    pub fn without_program<'g>(&self, graph: &'g Graph, needed: &[bool]) -> Vec<(InstanceId, &'g str)> {
        let own = |folder: &Path| !folder.is_absolute() || folder.starts_with(self.root);
        let path_is_own = std::env::split_paths(self.path).any(|folder| own(&folder));
        let mut startable: HashMap<&str, bool> = HashMap::new();
        let mut without = Vec::new();
        for id in graph.ids().filter(|id| needed[id.index()]) {
            let instance = graph.get(id);
            let Work::Argv { words } = &instance.work else { continue };
            let Some([Piece::Text(word)]) = words.first().map(Vec::as_slice) else { continue };
            let may_be_made = match word.contains('/') {
                true => own(Path::new(word)) && !graph.producers(id).is_empty(),
                false => path_is_own,
            };
            if !may_be_made && !*startable.entry(word).or_insert_with(|| can_start(word, self.root, self.path)) {
                without.push((id, word.as_str()));
            }
        }
        without
    }

    /// The program of a command line, if it is found.
    #[must_use]
    pub fn program(&self, instance: &Instance) -> Option<PathBuf> {
        let Work::Argv { words } = &instance.work else { return None };
        let [Piece::Text(word)] = words.first()?.as_slice() else { return None };
        // A program of the project may be made or removed by a stage, so it is looked for each time.
        if word.contains('/') {
            return find_program(word, self.root, None, self.path);
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = found.get(word) {
            return Some(program.clone());
        }
        let program = find_program(word, self.root, None, self.path)?;
        found.insert(word.clone(), program.clone());
        Some(program)
    }

    /// The file in the project that a program is, behind links and `..` too; none for one from elsewhere.
    fn own(&self, program: &Path) -> Option<PathBuf> {
        let detour = program.components().any(|part| part == Component::ParentDir);
        if program.starts_with(self.root) && !detour {
            return Some(program.to_owned());
        }
        let real = |path: &Path| fs_err::canonicalize(path).ok();
        let lead = || Some(self.root.join(real(program)?.strip_prefix(real(self.root)?).ok()?));
        let mut led = self.led.lock().unwrap_or_else(PoisonError::into_inner);
        led.entry(program.to_owned()).or_insert_with(lead).clone()
    }

    /// Why an instance with this document must run: it is compared with its own last record.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn reason(&self, last: Option<&Key>, document: &KeyDocument) -> Result<Reason, StoreError> {
        let Some(last) = last else { return Ok(Reason::NoRecord) };
        let Some(record) = self.store.records().get(last)? else { return Ok(Reason::NoRecord) };
        let Ok(old) = serde_json::from_str::<KeyDocument>(&record.document) else { return Ok(Reason::NoRecord) };
        let found = differences(&old, document);
        Ok(if found.is_empty() { Reason::NoRecord } else { Reason::Changed(found) })
    }

    /// The states of all instances that are `needed`.
    ///
    /// # Errors
    /// When a file or the store cannot be read.
    pub fn plan(
        &self,
        graph: &Graph,
        needed: &[bool],
        forced: &dyn Fn(InstanceId) -> bool,
        last: &BTreeMap<String, Key>,
    ) -> Result<Vec<Option<Status>>, PlanError> {
        // Many instances may read one file; a plan is of one moment, so it is looked at once.
        let seen = RefCell::new(HashMap::new());
        let look = |path: &Path| {
            if let Some(file) = seen.borrow().get(path) {
                return Ok(FileInput::clone(file));
            }
            let file = self.store.content().of_file(path)?;
            seen.borrow_mut().insert(path.to_owned(), file.clone());
            Ok(file)
        };
        let mut states: Vec<Option<Status>> = Vec::with_capacity(graph.instances().len());
        for id in graph.ids() {
            let instance = graph.get(id);
            if !needed[id.index()] {
                states.push(None);
                continue;
            }
            let known = |from: InstanceId| match states.get(from.index()) {
                Some(Some(Status::Fresh(known))) => Some(known.clone()),
                _ => None,
            };
            let state = self.state(instance, (&known, &look), forced(id), last.get(&instance.name));
            let state = state.map_err(|source| PlanError { instance: instance.name.clone(), source })?;
            states.push(Some(state));
        }
        Ok(states)
    }

    fn state(
        &self,
        instance: &Instance,
        (known, look): (&Known<'_>, &Look<'_>),
        forced: bool,
        last: Option<&Key>,
    ) -> Result<Status, KeyError> {
        let computed = match self.key_of(instance, known, look) {
            Ok(Some(computed)) => computed,
            Ok(None) => return Ok(Status::Pending),
            Err(KeyError::Unasked) => return Ok(Status::Unasked),
            Err(error) => return Err(error),
        };
        let key = computed.key;
        let reason = match forced {
            true => Reason::Forced,
            false => match self.store.records().look_up(&key)? {
                Some(known) => return Ok(Status::Fresh(known)),
                None => self.reason(last, &computed.document)?,
            },
        };
        Ok(Status::Stale { key, reason, document: Box::new(computed.document) })
    }
}
