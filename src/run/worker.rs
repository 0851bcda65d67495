//! The work of one instance from its key to its record. It runs on a thread of its own and only sends messages.
//!
//! It does not know the graph, the budget, or what else runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nnf_contract::{CONTRACT_VERSION, Event, Labelled, Machine, Task, TaskInput};

use crate::executor::{Ended, Executor, Job, Share, Stop, Watcher, capped, tail};
use crate::graph::{Instance, InstanceId, Piece, Source, Work};
use crate::machine::this_machine;
use crate::plan::{Looked, Surroundings};
use crate::record::{Artifact, Produced, Record};
use crate::store::{AttemptFolder, Checkpoint, HandedOut, Known, RunFolder, Store, StoreError};

/// What a worker tells the loop.
pub(crate) enum Message {
    /// The stage said something.
    Said(InstanceId, Event),
    /// It waits for something.
    Waiting(InstanceId, String),
    /// An attempt failed and another follows.
    Retrying(InstanceId, u32, String),
    /// It is over.
    Over(InstanceId, Outcome),
    /// A person wants the run to stop.
    Interrupt,
}

/// How the work of an instance ended.
pub(crate) enum Outcome {
    /// There is a record.
    Done { known: Known, seconds: f64, adopted: bool },
    /// It failed for good.
    Failed { error: String, seconds: f64, log_end: Vec<String>, store: bool },
    /// It was stopped.
    Stopped,
    /// Content of these inputs has to be made again first.
    Missing { producers: Vec<InstanceId>, what: String },
}

/// All that a worker needs.
pub(crate) struct Assignment<'a> {
    pub(crate) id: InstanceId,
    pub(crate) instance: &'a Instance,
    pub(crate) looked: Looked,
    /// What the producers left.
    pub(crate) producers: BTreeMap<InstanceId, Known>,
    pub(crate) share: Share,
    /// Whether a record under the key is to be ignored.
    pub(crate) again: bool,
    pub(crate) context: &'a Context<'a>,
    pub(crate) messages: Sender<Message>,
}

/// What all workers of a run share.
pub(crate) struct Context<'a> {
    pub(crate) store: &'a Store,
    pub(crate) around: &'a Surroundings<'a>,
    pub(crate) executor: &'a dyn Executor,
    pub(crate) run: &'a RunFolder,
    pub(crate) stop: &'a Stop,
    pub(crate) machine: &'a Machine,
    /// The engine's own environment, of which stages get what they are promised.
    pub(crate) environment: &'a BTreeMap<OsString, OsString>,
    /// The lock that measuring stages of this machine take.
    pub(crate) measure_lock: &'a Path,
    pub(crate) resume: bool,
}

/// Why an attempt ended without a record.
enum Failure {
    /// Another attempt may do better.
    Stage(String),
    /// Another attempt would fail the same way.
    Final(String),
    Store(StoreError),
    Missing(Vec<InstanceId>, String),
    Stopped,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unfit { .. } | StoreError::Altered(_) => Failure::Stage(error.to_string()),
            error => Failure::Store(error),
        }
    }
}

impl Assignment<'_> {
    /// Does the work and tells the loop how it ended.
    pub(crate) fn run(mut self) {
        let began = Instant::now();
        let outcome = self.outcome(began);
        let _ = self.messages.send(Message::Over(self.id, outcome));
    }

    fn outcome(&mut self, began: Instant) -> Outcome {
        let failed = |error: String, log_end, store| Outcome::Failed {
            error,
            seconds: began.elapsed().as_secs_f64(),
            log_end,
            store,
        };
        let _lock = match self.lock() {
            Ok(Ok(lock)) => lock,
            Ok(Err(known)) => return Outcome::Done { known, seconds: 0.0, adopted: true },
            Err(Failure::Stopped) => return Outcome::Stopped,
            Err(Failure::Store(error)) => return failed(error.to_string(), Vec::new(), true),
            Err(_) => return failed("its lock could not be taken".into(), Vec::new(), true),
        };
        let _alone = match self.measure_alone() {
            Ok(lock) => lock,
            Err(Failure::Stopped) => return Outcome::Stopped,
            Err(_) => return failed("the lock for measuring could not be taken".into(), Vec::new(), true),
        };
        let attempts = self.instance.retries.saturating_add(1);
        for attempt in 1..=attempts {
            let failure = match self.attempt(attempt) {
                Ok((record, seconds)) => return Outcome::Done { known: Known::from(&record), seconds, adopted: false },
                Err(failure) => failure,
            };
            match failure {
                Failure::Stage(error) if attempt < attempts && !self.context.stop.asked() => {
                    let _ = self.messages.send(Message::Retrying(self.id, attempt, error));
                }
                Failure::Stage(error) | Failure::Final(error) => {
                    let log = self.context.run.log(&self.instance.name, attempt);
                    return failed(error, tail(&log, 8), false);
                }
                Failure::Store(error) => return failed(error.to_string(), Vec::new(), true),
                Failure::Missing(producers, what) => return Outcome::Missing { producers, what },
                Failure::Stopped => return Outcome::Stopped,
            }
        }
        failed("it was never attempted".into(), Vec::new(), false)
    }

    /// Takes the lock of the key, or the record that another run wrote meanwhile.
    fn lock(&self) -> Result<Result<crate::store::KeyLock, Known>, Failure> {
        let key = &self.looked.key;
        let mut said = false;
        loop {
            if let Some(lock) = self.context.store.try_lock(key)? {
                let found = if self.again { None } else { self.context.store.look_up(key)? };
                return Ok(found.map_or(Ok(lock), Err));
            }
            if self.context.stop.asked() {
                return Err(Failure::Stopped);
            }
            if !std::mem::replace(&mut said, true) {
                let what = "another run, which does the same work".to_owned();
                let _ = self.messages.send(Message::Waiting(self.id, what));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A stage that measures waits until no other run of this machine measures.
    fn measure_alone(&self) -> Result<Option<std::fs::File>, Failure> {
        if !self.instance.measures {
            return Ok(None);
        }
        let open = fs_err::File::options().create(true).truncate(false).write(true).open(self.context.measure_lock);
        let file = open.map_err(StoreError::io("lock the machine for measuring"))?.into_file();
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(StoreError::io("lock the machine for measuring")(error).into());
                }
                Err(std::fs::TryLockError::WouldBlock) if self.context.stop.asked() => return Err(Failure::Stopped),
                Err(std::fs::TryLockError::WouldBlock) => {}
            }
            if !std::mem::replace(&mut said, true) {
                let what = "another run, which measures this machine".to_owned();
                let _ = self.messages.send(Message::Waiting(self.id, what));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn attempt(&self, attempt: u32) -> Result<(Record, f64), Failure> {
        let store = self.context.store;
        let folder = store.attempt()?;
        let checkpoint = if self.instance.resumes { Some(store.checkpoint(&self.looked.key)?) } else { None };
        if let Some(checkpoint) = checkpoint.as_ref().filter(|_| !self.context.resume && attempt == 1) {
            checkpoint.clear()?;
        }
        let (inputs, handed_out) = self.hand_out(&folder)?;
        let log = self.context.run.create_log(&self.instance.name, attempt)?;
        let job = self.job(&folder, &inputs, checkpoint.as_ref(), log)?;
        let started = Timestamp::now();
        let began = Instant::now();
        let mut watcher = Listener { work: self, folder: &folder, metrics: BTreeMap::new() };
        let ended = self.context.executor.execute(job, self.context.stop, &mut watcher).map_err(Failure::Final)?;
        let metrics = watcher.metrics;
        let seconds = began.elapsed().as_secs_f64();
        if ended != Ended::Success {
            if let Some(checkpoint) = &checkpoint {
                checkpoint.add_seconds(seconds)?;
            }
            return Err(match ended {
                Ended::Stopped => Failure::Stopped,
                Ended::TimedOut => {
                    let limit = self.instance.timeout.unwrap_or_default().as_secs_f64();
                    Failure::Stage(format!("it took longer than its timeout of {limit} s and was ended"))
                }
                Ended::Failure(how) => Failure::Stage(how),
                Ended::Success => Failure::Final("it ended well and yet did not".into()),
            });
        }
        self.look_again(&handed_out)?;
        let outputs = self.outputs(&folder)?;
        let total = seconds + checkpoint.as_ref().map_or(0.0, Checkpoint::seconds);
        let record = self.record(outputs, metrics, (started, total), attempt)?;
        let standing = self.commit(record)?;
        if let Some(checkpoint) = checkpoint {
            checkpoint.remove()?;
        }
        Ok((standing, total))
    }

    /// Puts all inputs where the stage can read them.
    fn hand_out(&self, folder: &AttemptFolder) -> Result<(BTreeMap<String, TaskInput>, Vec<HandedOut>), Failure> {
        let mut inputs = BTreeMap::new();
        let mut handed_out = Vec::new();
        for (name, source) in &self.instance.inputs {
            let to = folder.inputs().join(name);
            let input = match source {
                Source::Many(members) => {
                    fs_err::create_dir(&to).map_err(StoreError::io("hand out content"))?;
                    let mut list = Vec::new();
                    for (label, member) in members {
                        if let Some(path) = self.hand_out_one(member, &to.join(label), &mut handed_out)? {
                            list.push(Labelled { label: label.clone(), path });
                        }
                    }
                    Some(TaskInput::Many(list))
                }
                source => self.hand_out_one(source, &to, &mut handed_out)?.map(TaskInput::One),
            };
            inputs.extend(input.map(|input| (name.clone(), input)));
        }
        Ok((inputs, handed_out))
    }

    fn hand_out_one(
        &self,
        source: &Source,
        to: &Path,
        handed_out: &mut Vec<HandedOut>,
    ) -> Result<Option<PathBuf>, Failure> {
        match source {
            Source::File { path, .. } => Ok(Some(path.clone())),
            Source::Record { from } => {
                let known = self.producers.get(from);
                let text = known.map(|known| self.context.around.record_text(&known.key)).transpose()?.flatten();
                let text = text.ok_or_else(|| Failure::Missing(vec![*from], "its record is gone".into()))?;
                let to = to.with_extension("json");
                fs_err::write(&to, text).map_err(StoreError::io("hand out a record"))?;
                Ok(Some(to))
            }
            Source::Output { from, output } => {
                let produced = self.producers.get(from).and_then(|known| known.outputs.get(output));
                match produced {
                    Some(Produced::Artifact(artifact)) => match self.context.store.hand_out(artifact, to) {
                        Ok(handed) => {
                            handed_out.push(handed);
                            Ok(Some(to.to_owned()))
                        }
                        Err(error @ (StoreError::Missing(_) | StoreError::Damaged { .. })) => {
                            Err(Failure::Missing(vec![*from], format!("its output `{output}`: {error}")))
                        }
                        Err(error) => Err(error.into()),
                    },
                    _ => Ok(None),
                }
            }
            Source::Many(_) => Ok(None),
        }
    }

    fn job(
        &self,
        folder: &AttemptFolder,
        inputs: &BTreeMap<String, TaskInput>,
        checkpoint: Option<&Checkpoint>,
        log: std::fs::File,
    ) -> Result<Job, Failure> {
        let events = folder.path().join("events.jsonl");
        let cancel = checkpoint.map(|_| folder.path().join("cancel"));
        let outputs: BTreeMap<String, PathBuf> =
            self.instance.outputs.keys().map(|name| (name.clone(), folder.outputs().join(name))).collect();
        let argv = match &self.instance.work {
            Work::Kind { program, kind, .. } => {
                let task = Task {
                    version: CONTRACT_VERSION,
                    kind: kind.clone(),
                    with: self.instance.with.clone(),
                    inputs: inputs.clone(),
                    outputs,
                    events: events.clone(),
                    scratch: folder.scratch(),
                    checkpoint: checkpoint.map(Checkpoint::data),
                    cancel: cancel.clone(),
                    cpus: self.share.cores,
                    memory: (self.share.memory > 0).then_some(self.share.memory),
                    gpus: self.share.gpus.clone(),
                    machine: self.instance.measures.then(|| self.context.machine.clone()),
                };
                let file = folder.path().join("task.json");
                let text = serde_json::to_vec_pretty(&task).unwrap_or_default();
                fs_err::write(&file, text).map_err(StoreError::io("write a task"))?;
                let words = program.iter().map(OsString::from).chain(["run".into(), kind.into(), "--task".into()]);
                words.chain([file.into_os_string()]).collect()
            }
            Work::Argv { words } => self.words(words, inputs, &outputs)?,
        };
        let env = self.environment(folder, checkpoint, &events);
        let folder = self.context.around.root.to_owned();
        Ok(Job { argv, env, folder, log, events, cancel, timeout: self.instance.timeout })
    }

    fn words(
        &self,
        words: &[Vec<Piece>],
        inputs: &BTreeMap<String, TaskInput>,
        outputs: &BTreeMap<String, PathBuf>,
    ) -> Result<Vec<OsString>, Failure> {
        let mut argv: Vec<OsString> = Vec::new();
        for word in words {
            if let [Piece::In(name)] = word.as_slice()
                && let Some(TaskInput::Many(list)) = inputs.get(name)
            {
                argv.extend(list.iter().map(|member| member.path.clone().into_os_string()));
                continue;
            }
            let mut text = OsString::new();
            for piece in word {
                match piece {
                    Piece::Text(part) => text.push(part),
                    Piece::In(name) => match inputs.get(name) {
                        Some(TaskInput::One(path)) => text.push(path),
                        _ => {
                            return Err(Failure::Final(format!(
                                "its input `{name}` is absent, but its command names it"
                            )));
                        }
                    },
                    Piece::Out(name) => text.push(outputs.get(name).map_or(Path::new(""), PathBuf::as_path)),
                    Piece::With(name) => match &self.instance.with[name] {
                        serde_json::Value::String(value) => text.push(value),
                        value => text.push(value.to_string()),
                    },
                }
            }
            argv.push(text);
        }
        let program = self.context.around.program(self.instance).ok_or_else(|| {
            let word = argv.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
            Failure::Final(format!("there is no program `{word}` in PATH"))
        })?;
        if let Some(first) = argv.first_mut() {
            *first = program.into_os_string();
        }
        Ok(argv)
    }

    /// The clean environment that every stage starts with.
    fn environment(
        &self,
        folder: &AttemptFolder,
        checkpoint: Option<&Checkpoint>,
        events: &Path,
    ) -> BTreeMap<OsString, OsString> {
        let mut env: BTreeMap<OsString, OsString> = BTreeMap::new();
        let mut set = |name: &str, value: OsString| {
            env.insert(name.into(), value);
        };
        let scratch = folder.scratch();
        set("PATH", self.context.around.path.clone());
        set("LANG", "C.UTF-8".into());
        set("HOME", scratch.clone().into());
        set("TMPDIR", scratch.clone().into());
        set("NNF_SCRATCH", scratch.into());
        set("NNF_EVENTS", events.into());
        set("NNF_CPUS", self.share.cores.to_string().into());
        for threads in
            ["OMP_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
        {
            set(threads, self.share.cores.to_string().into());
        }
        if let Some(checkpoint) = checkpoint {
            set("NNF_CHECKPOINT", checkpoint.data().into());
        }
        let gpus: Vec<String> = self.share.gpus.iter().map(u32::to_string).collect();
        set("CUDA_VISIBLE_DEVICES", gpus.join(",").into());
        for name in &self.instance.pass {
            if let Some(value) = self.context.environment.get(std::ffi::OsStr::new(name)) {
                set(name, value.clone());
            }
        }
        for (name, value) in &self.instance.env {
            set(name, value.into());
        }
        env
    }

    /// Nothing that the result rests on may have changed while the stage ran.
    fn look_again(&self, handed_out: &[HandedOut]) -> Result<(), Failure> {
        for handed in handed_out {
            self.context.store.check_handed_out(handed)?;
        }
        for before in &self.looked.files {
            let now = self.context.store.file(&before.path);
            if !now.is_ok_and(|now| before.is_unchanged(&now)) {
                let path = before.path.strip_prefix(self.context.around.root).unwrap_or(&before.path);
                return Err(Failure::Final(format!(
                    "its input `{}` was changed while it ran, so nothing was recorded; run again",
                    path.display()
                )));
            }
        }
        if self.instance.measures && this_machine() != *self.context.machine {
            return Err(Failure::Final("the machine changed while it was measured, so nothing was recorded".into()));
        }
        Ok(())
    }

    /// Takes the outputs into the store: all that are declared, and nothing else.
    fn outputs(&self, folder: &AttemptFolder) -> Result<BTreeMap<String, Produced>, Failure> {
        let doing = StoreError::io("look at the outputs");
        for entry in fs_err::read_dir(folder.outputs()).map_err(&doing)? {
            let name = entry.map_err(&doing)?.file_name().to_string_lossy().into_owned();
            if !self.instance.outputs.contains_key(&name) {
                return Err(Failure::Final(format!(
                    "it wrote `{name}` into its output folder, which it does not declare under `out`"
                )));
            }
        }
        let mut outputs = BTreeMap::new();
        for (name, spec) in &self.instance.outputs {
            let path = folder.outputs().join(name);
            let produced = match fs_err::symlink_metadata(&path) {
                Ok(_) => Produced::Artifact(self.context.store.ingest(&path, &spec.media)?),
                Err(_) if spec.optional => Produced::Absent,
                Err(_) => return Err(Failure::Stage(format!("it ended well but did not write its output `{name}`"))),
            };
            outputs.insert(name.clone(), produced);
        }
        Ok(outputs)
    }

    fn record(
        &self,
        outputs: BTreeMap<String, Produced>,
        metrics: BTreeMap<String, f64>,
        (started, seconds): (Timestamp, f64),
        attempts: u32,
    ) -> Result<Record, Failure> {
        let log_file = self.context.run.log(&self.instance.name, attempts);
        let log: Option<Artifact> = match capped(&log_file).map_err(StoreError::io("read a log"))? {
            Some(bytes) => Some(self.context.store.ingest_bytes(&bytes, "text/plain")?),
            None => None,
        };
        let mut environment: BTreeMap<String, String> = match &self.instance.work {
            Work::Kind { versions, .. } => versions.clone(),
            Work::Argv { .. } => BTreeMap::new(),
        };
        environment.insert("threads".into(), self.share.cores.to_string());
        if let Some(program) = self.context.around.program(self.instance)
            && let Ok(file) = self.context.store.file(&program)
        {
            environment.insert("program".into(), format!("{} {}", program.display(), file.digest));
        }
        let nonce = format!("{}-{}", self.context.run.id, self.instance.name);
        Ok(Record {
            version: 1,
            key: self.looked.key,
            document: self.looked.document.canonical(),
            outputs,
            metrics,
            started,
            seconds,
            attempts,
            machine: self.context.machine.clone(),
            environment,
            log,
            nonce,
            supersedes: None,
            checksum: String::new(),
        })
    }

    /// The first record wins; one whose content is gone or damaged is replaced.
    fn commit(&self, mut record: Record) -> Result<Record, Failure> {
        let store = self.context.store;
        let standing = store.commit(&record)?;
        if standing.nonce == record.nonce {
            return Ok(standing);
        }
        let whole = standing.outputs.values().all(|produced| match produced {
            Produced::Artifact(artifact) => store.check(artifact).is_ok(),
            Produced::Absent => true,
        });
        if whole {
            return Ok(standing);
        }
        record.supersedes = Some(standing.nonce);
        store.replace(&record)?;
        Ok(record)
    }
}

/// Passes on what a stage says, and keeps the last of its metrics.
struct Listener<'a> {
    work: &'a Assignment<'a>,
    folder: &'a AttemptFolder,
    metrics: BTreeMap<String, f64>,
}

impl Watcher for Listener<'_> {
    fn began(&mut self, id: u32) {
        if let Err(error) = self.folder.note_process(id) {
            tracing::warn!("{error}");
        }
    }

    fn said(&mut self, event: Event) {
        if let Event::Metrics { values, .. } = &event {
            // A stage that makes up names without end is cut off.
            for (name, value) in values {
                if self.metrics.len() < 10_000 || self.metrics.contains_key(name) {
                    self.metrics.insert(name.clone(), *value);
                }
            }
        }
        let _ = self.work.messages.send(Message::Said(self.work.id, event));
    }
}
