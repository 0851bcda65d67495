//! A run: one loop that owns all state. Workers do the work on threads of their own and only send messages.
//!
//! It does not know the terminal; what happens goes to a reporter.

mod event;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use nnf_contract::{Event, Machine};

use crate::digest::Key;
use crate::executor::{Budget, Executor, Share, Stop};
use crate::graph::{CpuNeed, Graph, InstanceId};
use crate::pipeline::Loaded;
use crate::plan::{Looked, Surroundings};
use crate::store::{Known, RunFolder, RunSummary, Store, StoreError};
use crate::why::Reason;

pub use event::{Ran, Reporter, RunEvent, Summary};
use worker::{Assignment, Context, Message, Outcome};

/// How to run.
pub struct RunOptions {
    /// Names of stages or instances; all if empty. What they need is run too.
    pub targets: Vec<InstanceId>,
    /// Instances that run even if they are fresh.
    pub forced: BTreeSet<InstanceId>,
    /// Cores for all stages together.
    pub cores: u32,
    /// Bytes of memory for all stages together.
    pub memory: u64,
    /// Go on with what does not depend on a stage that failed.
    pub keep_going: bool,
    /// Heed checkpoints.
    pub resume: bool,
    /// The engine's environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// The lock that measuring stages of this machine take.
    pub measure_lock: PathBuf,
}

/// Lets another thread stop a run.
#[derive(Clone)]
pub struct Interrupter(Sender<Message>);

impl Interrupter {
    /// The first call stops the run cleanly, the second one kills what runs.
    pub fn interrupt(&self) {
        // A run that is over has nothing to interrupt.
        let _ = self.0.send(Message::Interrupt);
    }
}

/// A run that is about to begin.
pub struct Run<'a> {
    loaded: &'a Loaded,
    store: &'a Store,
    executor: &'a dyn Executor,
    options: RunOptions,
    send: Sender<Message>,
    receive: Receiver<Message>,
}

impl<'a> Run<'a> {
    /// Prepares a run.
    #[must_use]
    pub fn new(loaded: &'a Loaded, store: &'a Store, executor: &'a dyn Executor, options: RunOptions) -> Self {
        let (send, receive) = channel();
        Run { loaded, store, executor, options, send, receive }
    }

    /// What stops it from another thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.send.clone())
    }

    /// Runs everything that is needed and not fresh.
    ///
    /// # Errors
    /// When the store fails before anything has begun. Later failures are in the summary.
    pub fn go(self, machine: &Machine, reporter: &mut dyn Reporter) -> Result<Summary, StoreError> {
        self.store.clear_leftovers()?;
        let folder = self.store.new_run(&self.loaded.name)?;
        folder.write("pipeline.json", &serde_json::to_vec_pretty(&self.loaded.resolved).unwrap_or_default())?;
        let path = self.options.environment.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
        let around = Surroundings { store: self.store, root: &self.loaded.root, machine, path: &path };
        let stop = Stop::default();
        let context = Context {
            store: self.store,
            around: &around,
            executor: self.executor,
            run: &folder,
            stop: &stop,
            machine,
            environment: &self.options.environment,
            measure_lock: &self.options.measure_lock,
            resume: self.options.resume,
        };
        let gpus = u32::try_from(machine.gpus.len()).unwrap_or(0);
        let mut state = State::new(self.loaded, &self.options, &context, gpus, reporter);
        std::thread::scope(|scope| {
            state.begin();
            loop {
                state.settle();
                for work in state.start(&self.send) {
                    scope.spawn(move || work.run());
                }
                if state.running == 0 {
                    break;
                }
                match self.receive.recv() {
                    Ok(message) => state.take(message),
                    Err(_) => break,
                }
            }
        });
        Ok(state.end())
    }
}

/// Where an instance stands.
enum Stage {
    /// Not needed for the targets.
    Idle,
    /// Waits for so many producers.
    Waiting(usize),
    /// Its producers are done; its key is to be computed.
    Ready,
    /// It must run, as soon as there is room.
    Queued(Box<Looked>, Reason),
    /// It runs.
    Running(Share, Key, String),
    /// The same work runs as another instance.
    Twin(Key),
    Done(Known),
    Failed,
}

struct State<'a> {
    graph: &'a Graph,
    name: &'a str,
    options: &'a RunOptions,
    context: &'a Context<'a>,
    reporter: &'a mut dyn Reporter,
    stages: Vec<Stage>,
    /// Instances whose record is to be made again, forced or because content is gone.
    again: BTreeMap<InstanceId, Reason>,
    /// Keys that run now, and who runs them.
    working: BTreeMap<Key, InstanceId>,
    ready: BTreeSet<InstanceId>,
    queued: BTreeSet<InstanceId>,
    budget: Budget,
    running: usize,
    heads: BTreeMap<String, Key>,
    summary: Summary,
    /// No new stage is started any more.
    closing: bool,
    began: Instant,
}

impl<'a> State<'a> {
    fn new(
        loaded: &'a Loaded,
        options: &'a RunOptions,
        context: &'a Context<'a>,
        gpus: u32,
        reporter: &'a mut dyn Reporter,
    ) -> Self {
        let graph = &loaded.graph;
        let all: Vec<InstanceId> = graph.ids().collect();
        let targets = if options.targets.is_empty() { &all } else { &options.targets };
        let needed = graph.needed_for(targets);
        let mut ready = BTreeSet::new();
        let stages = graph
            .ids()
            .map(|id| match graph.producers(id).len() {
                _ if !needed[id.index()] => Stage::Idle,
                0 => {
                    ready.insert(id);
                    Stage::Ready
                }
                count => Stage::Waiting(count),
            })
            .collect();
        State {
            graph,
            name: &loaded.name,
            options,
            context,
            reporter,
            stages,
            again: options.forced.iter().map(|id| (*id, Reason::Forced)).collect(),
            working: BTreeMap::new(),
            ready,
            queued: BTreeSet::new(),
            budget: Budget::new(options.cores, options.memory, gpus),
            running: 0,
            heads: context.store.heads(&loaded.name),
            summary: Summary { run: context.run.id.clone(), ..Summary::default() },
            closing: false,
            began: Instant::now(),
        }
    }

    fn tell(&mut self, event: RunEvent) {
        // Freshness is in the plan already; thousands of lines about it would tell nothing.
        if !matches!(event, RunEvent::Fresh { .. } | RunEvent::Progress { .. }) {
            let line = serde_json::to_string(&event).unwrap_or_default();
            if let Err(error) = self.context.run.append("events.jsonl", &line) {
                tracing::warn!("{error}");
            }
        }
        self.reporter.event(&event);
    }

    fn stage_name(&self, id: InstanceId) -> String {
        self.graph.get(id).name.clone()
    }

    fn begin(&mut self) {
        let total = self.stages.iter().filter(|stage| !matches!(stage, Stage::Idle)).count();
        let (run, pipeline) = (self.context.run.id.clone(), self.name.to_owned());
        self.tell(RunEvent::Began { run, pipeline, total });
    }

    fn known(&self, id: InstanceId) -> Option<Known> {
        match &self.stages[id.index()] {
            Stage::Done(known) => Some(known.clone()),
            _ => None,
        }
    }

    /// Looks at all instances whose producers are done: they are fresh, or join the queue.
    fn settle(&mut self) {
        while let Some(id) = self.ready.pop_first() {
            if self.closing {
                continue;
            }
            // Content of a producer may have been found damaged since it was done; then it runs again first.
            let unfinished = self.unfinished(id);
            if unfinished > 0 {
                self.stages[id.index()] = Stage::Waiting(unfinished);
                continue;
            }
            let instance = self.graph.get(id);
            let looked = self.context.around.look(instance, &|from| self.known(from));
            let looked = match looked {
                Ok(Some(looked)) => looked,
                Ok(None) => {
                    self.look_for_records(id);
                    continue;
                }
                Err(error) => {
                    let store = !matches!(error, StoreError::Unfit { .. });
                    self.fail(id, None, error.to_string(), 0.0, Vec::new(), store);
                    continue;
                }
            };
            if let Err(error) = self.sort_in(id, looked) {
                self.fail(id, None, error.to_string(), 0.0, Vec::new(), true);
            }
        }
    }

    /// How many producers of an instance are not done.
    fn unfinished(&self, id: InstanceId) -> usize {
        let producers = self.graph.producers(id).into_iter();
        producers.filter(|from| !matches!(self.stages[from.index()], Stage::Done(_))).count()
    }

    /// An instance reads a record that was there a moment ago: it was damaged, so its stage runs again.
    fn look_for_records(&mut self, id: InstanceId) {
        let gone = |from: &InstanceId| {
            self.known(*from).is_some_and(|known| matches!(self.context.store.record(&known.key), Ok(None)))
        };
        let producers: Vec<InstanceId> = self.graph.producers(id).into_iter().filter(gone).collect();
        if producers.is_empty() {
            self.fail(id, None, "an input that it needs was not produced".into(), 0.0, Vec::new(), false);
        } else {
            self.make_again(id, &producers, "its record is damaged");
        }
    }

    fn sort_in(&mut self, id: InstanceId, looked: Looked) -> Result<(), StoreError> {
        let key = looked.key;
        if self.working.contains_key(&key) {
            self.stages[id.index()] = Stage::Twin(key);
            return Ok(());
        }
        let reason = match self.again.get(&id) {
            Some(reason) => reason.clone(),
            None => match self.context.store.look_up(&key)? {
                Some(known) => {
                    self.context.store.share(&key)?;
                    self.summary.fresh += 1;
                    self.tell(RunEvent::Fresh { stage: self.stage_name(id), key });
                    self.done(id, known);
                    return Ok(());
                }
                None => {
                    let last = self.heads.get(&self.graph.get(id).name);
                    self.context.around.reason(last, &looked.document)?
                }
            },
        };
        self.working.insert(key, id);
        self.stages[id.index()] = Stage::Queued(Box::new(looked), reason);
        self.queued.insert(id);
        Ok(())
    }

    /// Starts what there is room for.
    fn start(&mut self, messages: &Sender<Message>) -> Vec<Assignment<'a>> {
        let mut works = Vec::new();
        let mut blocked = false;
        for id in self.queued.clone() {
            if self.closing {
                break;
            }
            let instance = self.graph.get(id);
            if let Some(why) = self.budget.refusal(&instance.needs) {
                self.queued.remove(&id);
                self.fail(id, None, why, 0.0, Vec::new(), false);
                continue;
            }
            // A stage that wants the whole machine would starve if smaller ones always went first.
            let alone = instance.measures;
            if blocked && !alone && instance.needs.cpus != CpuNeed::All {
                continue;
            }
            let Some(share) = self.budget.take(&instance.needs, alone) else {
                blocked |= alone || instance.needs.cpus == CpuNeed::All;
                continue;
            };
            self.queued.remove(&id);
            works.extend(self.start_one(id, share, messages));
            self.running += 1;
        }
        works
    }

    fn start_one(&mut self, id: InstanceId, share: Share, messages: &Sender<Message>) -> Option<Assignment<'a>> {
        let before = std::mem::replace(&mut self.stages[id.index()], Stage::Ready);
        let Stage::Queued(looked, reason) = before else { return None };
        let instance = self.graph.get(id);
        let because = reason.cause();
        let expected = self.heads.get(&instance.name).and_then(|key| self.context.store.look_up(key).ok().flatten());
        self.tell(RunEvent::Started {
            stage: instance.name.clone(),
            key: looked.key,
            reason,
            because: because.clone(),
            attempt: 1,
            expected_milliseconds: expected.map(|known| known.milliseconds),
        });
        self.stages[id.index()] = Stage::Running(share.clone(), looked.key, because);
        let producers = self.graph.producers(id).into_iter();
        Some(Assignment {
            id,
            instance,
            looked: *looked,
            producers: producers.filter_map(|from| self.known(from).map(|known| (from, known))).collect(),
            share,
            again: self.again.contains_key(&id),
            context: self.context,
            messages: messages.clone(),
        })
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Said(id, event) => {
                let stage = self.stage_name(id);
                self.tell(match event {
                    Event::Progress { done, total, unit } => RunEvent::Progress { stage, done, total, unit },
                    Event::Metrics { step, values } => RunEvent::Metrics { stage, step, values },
                    Event::Note { text } => RunEvent::Note { stage, text },
                });
            }
            Message::Waiting(id, what) => self.tell(RunEvent::Waiting { stage: self.stage_name(id), what }),
            Message::Retrying(id, attempt, error) => {
                self.tell(RunEvent::Retrying { stage: self.stage_name(id), attempt, error });
            }
            Message::Over(id, outcome) => self.over(id, outcome),
            Message::Interrupt => {
                let stop = self.context.stop;
                if stop.asked() {
                    stop.kill()
                } else {
                    stop.ask()
                }
                self.summary.interrupted = true;
                self.closing = true;
            }
        }
    }

    fn over(&mut self, id: InstanceId, outcome: Outcome) {
        let before = std::mem::replace(&mut self.stages[id.index()], Stage::Ready);
        let Stage::Running(share, key, because) = before else { return };
        self.budget.give_back(&share);
        self.running -= 1;
        self.working.remove(&key);
        let stage = self.stage_name(id);
        match outcome {
            Outcome::Done { known, seconds, adopted } => {
                self.again.remove(&id);
                self.tell(RunEvent::Finished { stage: stage.clone(), key, seconds, adopted });
                if adopted {
                    self.summary.fresh += 1;
                } else {
                    self.summary.ran.push(Ran { stage, seconds, because });
                }
                self.wake_twins(key);
                self.done(id, known);
            }
            Outcome::Failed { error, seconds, log_end, store } => {
                self.fail(id, Some(key), error, seconds, log_end, store);
                self.wake_twins(key);
            }
            Outcome::Stopped => {
                self.tell(RunEvent::Stopped { stage });
                self.stages[id.index()] = Stage::Waiting(0);
            }
            Outcome::Missing { producers, what } => {
                self.make_again(id, &producers, &what);
                self.wake_twins(key);
            }
        }
    }

    /// Instances with the same key as one that has just ended are looked at again.
    fn wake_twins(&mut self, key: Key) {
        for id in self.graph.ids() {
            if matches!(self.stages[id.index()], Stage::Twin(twin) if twin == key) {
                self.stages[id.index()] = Stage::Ready;
                self.ready.insert(id);
            }
        }
    }

    /// Content of a producer is gone: it runs again, and then the instance that needs it, and others in the queue that
    /// read it, because their keys may rest on content that comes out otherwise this time.
    fn make_again(&mut self, id: InstanceId, producers: &[InstanceId], what: &str) {
        for producer in producers {
            if self.again.contains_key(producer) && !matches!(self.stages[producer.index()], Stage::Done(_)) {
                continue;
            }
            let text = format!("{what}; `{}` runs again", self.stage_name(*producer));
            self.tell(RunEvent::Note { stage: self.stage_name(*producer), text });
            self.again.insert(*producer, Reason::Missing("its stored content is missing or damaged".into()));
            self.stages[producer.index()] = Stage::Ready;
            self.ready.insert(*producer);
            for reader in self.graph.readers(*producer) {
                self.look_at_again(reader);
            }
        }
        self.stages[id.index()] = Stage::Ready;
        self.ready.insert(id);
    }

    /// Takes an instance out of the queue, with those that wait for its result.
    fn look_at_again(&mut self, id: InstanceId) {
        let Stage::Queued(looked, _) = &self.stages[id.index()] else { return };
        let key = looked.key;
        self.working.remove(&key);
        self.queued.remove(&id);
        self.stages[id.index()] = Stage::Ready;
        self.ready.insert(id);
        self.wake_twins(key);
    }

    fn done(&mut self, id: InstanceId, known: Known) {
        self.stages[id.index()] = Stage::Done(known);
        for reader in self.graph.readers(id) {
            if let Stage::Waiting(count) = &mut self.stages[reader.index()] {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.stages[reader.index()] = Stage::Ready;
                    self.ready.insert(reader);
                }
            }
        }
    }

    fn fail(
        &mut self,
        id: InstanceId,
        key: Option<Key>,
        error: String,
        seconds: f64,
        log_end: Vec<String>,
        store: bool,
    ) {
        let stage = self.stage_name(id);
        if let Stage::Queued(looked, _) = &self.stages[id.index()] {
            self.working.remove(&looked.key);
        }
        self.summary.failed.push(stage.clone());
        self.summary.store_failed |= store;
        self.stages[id.index()] = Stage::Failed;
        self.tell(RunEvent::Failed { stage, key, error, seconds, log_end, store });
        self.closing |= !self.options.keep_going || store;
    }

    /// Publishes what is there, waits for the remote tier, and sums up.
    fn end(mut self) -> Summary {
        let mut outputs = BTreeMap::new();
        for id in self.graph.ids() {
            match &self.stages[id.index()] {
                Stage::Done(known) => {
                    outputs.insert(self.stage_name(id), known.clone());
                }
                Stage::Idle | Stage::Failed => {}
                _ => {
                    let name = self.stage_name(id);
                    self.summary.not_started.push(name);
                }
            }
        }
        let heads = outputs.iter().map(|(name, known)| (name.as_str(), known.key));
        let store = self.context.store;
        let results = store.set_heads(self.name, heads).and_then(|()| store.publish(self.name, &outputs));
        match results.and_then(|path| store.finish().map(|()| path)) {
            Ok(path) => self.summary.results = path.display().to_string(),
            Err(error) => {
                self.summary.store_failed = true;
                self.tell(RunEvent::Note { stage: String::new(), text: error.to_string() });
            }
        }
        self.summary.seconds = self.began.elapsed().as_secs_f64();
        self.write_summary(self.context.run);
        let summary = self.summary.clone();
        self.tell(RunEvent::Ended(summary.clone()));
        summary
    }

    fn write_summary(&self, run: &RunFolder) {
        let summary = &self.summary;
        let state = match (summary.interrupted, summary.failed.is_empty() && !summary.store_failed) {
            (true, _) => "interrupted",
            (false, true) => "done",
            (false, false) => "failed",
        };
        let seconds = jiff::SignedDuration::try_from_secs_f64(summary.seconds).unwrap_or_default();
        let document = RunSummary {
            id: run.id.clone(),
            pipeline: self.name.to_owned(),
            started: jiff::Timestamp::now() - seconds,
            seconds: Some(summary.seconds),
            state: state.to_owned(),
            fresh: summary.fresh,
            ran: summary.ran.len(),
            failed: summary.failed.len(),
        };
        if let Err(error) = run.end(&document) {
            tracing::warn!("{error}");
        }
    }
}
