//! What workers say, and what becomes of their instances and of those that wait for them.
//!
//! It does not look anything up in the store.

use nnf_contract::Event;

use crate::digest::Key;
use crate::executor::ExecutorError;
use crate::graph::InstanceId;
use crate::store::RecordSummary;
use crate::why::Reason;

use super::cause::{Cause, Fault};
use super::event::{Ran, RunEvent};
use super::message::{Message, Outcome};
use super::state::State;
use super::states::Stage;

impl State<'_> {
    pub(super) fn hear(&mut self, message: Message) {
        match message {
            Message::Said(id, event) => {
                let stage = self.stage_name(id);
                self.tell(match event {
                    Event::Progress { done, total, unit } => RunEvent::Progress { stage, done, total, unit },
                    Event::Metrics { step, values } => RunEvent::Metrics { stage, step, values },
                    Event::Note { text } => RunEvent::Note { stage, text },
                });
            }
            Message::Answered(id, answer) => self.answered(id, answer),
            Message::Waiting(id, what) => self.tell(RunEvent::Waiting { stage: self.stage_name(id), what }),
            Message::Retrying(id, attempt, cause) => {
                let error = cause.to_string();
                self.tell(RunEvent::Retrying { stage: self.stage_name(id), attempt, error, cause: Some(cause) });
            }
            Message::Waited(id) => self.tell(RunEvent::Waited { stage: self.stage_name(id) }),
            // Others may have what it computed with.
            Message::Storing => {}
            Message::Over(id, outcome, _room) => self.over(id, outcome),
            Message::Interrupt => {
                self.context.stop.more();
                self.summary.interrupted = true;
                self.closing = true;
            }
        }
    }

    /// Somebody was asked which machine an instance is to measure.
    fn answered(&mut self, id: InstanceId, answer: Result<(), ExecutorError>) {
        match answer {
            Ok(()) => drop(self.states.set(id, Stage::Ready)),
            Err(_) if self.context.stop.asked() => drop(self.states.set(id, Stage::Stopped)),
            Err(error) => self.fail(id, None, Cause::Executor(error)),
        }
    }

    pub(super) fn over(&mut self, id: InstanceId, outcome: Outcome) {
        let Stage::Running(key, because) = self.states.get(id) else { return };
        let (key, because) = (*key, because.clone());
        self.unchecked = true;
        let started = self.started.remove(&id).unwrap_or(0);
        let stage = self.stage_name(id);
        match outcome {
            Outcome::Done { known, seconds, adopted } => {
                let again = self.again.remove(&id);
                self.results += 1;
                self.made.insert(key, self.results);
                if let Err(error) = self.context.run.uses(&key, &stage) {
                    tracing::warn!("{error}");
                }
                self.tell(RunEvent::Finished { stage: stage.clone(), key, seconds, adopted });
                if !adopted {
                    self.ran.insert(id);
                    self.summary.ran.push(Ran { stage, seconds, because });
                }
                // What was forced or missing has been made for all that are the same work.
                for twin in self.states.twins(&key) {
                    self.again.remove(&twin);
                }
                self.done(id, known);
                self.wake_twins(key);
                if let Some(reason) = again {
                    self.tell_others(id, key, reason == Reason::Forced);
                }
                if self.outdated.remove(&id) {
                    self.look_again(id);
                }
            }
            Outcome::Failed { cause, seconds, log_end } => {
                let fault = cause.fault();
                self.fail_after(id, Some(key), cause, (seconds, log_end));
                if fault == Fault::Stage {
                    self.fail_twins(id, key);
                }
                self.wake_twins(key);
            }
            Outcome::Stopped => {
                self.tell(RunEvent::Stopped { stage });
                self.states.set(id, Stage::Stopped);
            }
            Outcome::Missing { producers, what } => {
                let gone: Vec<InstanceId> =
                    producers.into_iter().filter(|from| !self.was_made_since(*from, started)).collect();
                self.make_again_for(id, &gone, &what);
                self.wake_twins(key);
            }
        }
    }

    /// Whether the result of a producer was made after a reader of it was started. What that reader missed is there by
    /// now, though its word of it comes late; it looks again before the work is done a second time.
    fn was_made_since(&self, producer: InstanceId, started: u64) -> bool {
        let key = self.known(producer).map(|known| known.key);
        key.and_then(|key| self.made.get(&key)).is_some_and(|made| *made > started)
    }

    /// Instances that are the same work as one that has just failed, and would be run in the same way, failed with it.
    fn fail_twins(&mut self, id: InstanceId, key: Key) {
        if self.closing {
            return;
        }
        let failed = self.graph.get(id);
        for twin in self.states.twins(&key) {
            if self.graph.get(twin).runs_like(failed) {
                self.fail(twin, Some(key), Cause::Twin { stage: failed.name.clone() });
            }
        }
    }

    /// Instances with the same key as one that has just ended are looked at again.
    pub(super) fn wake_twins(&mut self, key: Key) {
        for id in self.states.twins(&key) {
            self.states.set(id, Stage::Ready);
        }
    }

    /// Takes an instance out of the queue, with those that wait for its result.
    pub(super) fn take_from_queue(&mut self, id: InstanceId) {
        let Stage::Queued(computed, _) = self.states.get(id) else { return };
        let key = computed.key;
        self.states.set(id, Stage::Ready);
        self.wake_twins(key);
    }

    pub(super) fn done(&mut self, id: InstanceId, known: RecordSummary) {
        self.tell_readers(id, &known);
        self.states.set(id, Stage::Done(known));
        for reader in self.graph.readers(id) {
            self.states.count_down(reader);
        }
    }

    /// An instance fails without having run.
    pub(super) fn fail(&mut self, id: InstanceId, key: Option<Key>, cause: Cause) {
        self.fail_after(id, key, cause, (0.0, Vec::new()));
    }

    fn fail_after(&mut self, id: InstanceId, key: Option<Key>, cause: Cause, (seconds, log_end): (f64, Vec<String>)) {
        let stage = self.stage_name(id);
        let (store, error) = (cause.fault() == Fault::Store, cause.to_string());
        self.summary.failed.push(stage.clone());
        self.summary.store_failed |= store;
        let queued = match self.states.set(id, Stage::Failed) {
            Stage::Queued(computed, _) => Some(computed.key),
            _ => None,
        };
        self.tell(RunEvent::Failed { stage, key, error, cause: Some(cause), seconds, log_end, store });
        self.closing |= !self.options.keep_going || store;
        // The same work may yet be done elsewhere, with other needs.
        if let Some(key) = queued {
            self.wake_twins(key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::{Sender, channel};

    use jiff::Timestamp;

    use super::super::attempts::{Attempts, Context};
    use super::super::event::Reporter;
    use super::super::programs::Programs;
    use super::super::state::RunOptions;
    use super::*;
    use crate::executor::{Scripted, Stop};
    use crate::pipeline::{LoadRequest, load};
    use crate::plan::KeyContext;
    use crate::programs::Describer;
    use crate::record::Produced;
    use crate::store::{Store, StoreOptions};

    /// Names of the stages that were started.
    struct Started(Vec<String>);

    impl Reporter for Started {
        fn event(&mut self, event: &RunEvent) {
            if let RunEvent::Started { stage, .. } = event {
                self.0.push(stage.clone());
            }
        }
    }

    /// `p` and `q` are the same work and had a result whose content is gone. `x` and `y` are started at the same time and
    /// miss it, each from its own producer; `y` tells so only when `p` has made it again.
    #[test]
    fn what_was_made_since_a_reader_began_is_not_made_again_for_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("pipeline.yaml");
        let make = "run: [sh, -c, 'echo made > {out.x}'], out: { x: }";
        let read = |from: &str| format!("run: [cp, '{{in.x}}', '{{out.y}}'], in: {{ x: {from}.x }}, out: {{ y: }}");
        let (one, two) = (read("p"), read("q"));
        let text =
            format!("stages: {{ p: {{ {make} }}, q: {{ {make} }}, x: {{ {one} }}, y: {{ {two}, env: {{ A: b }} }} }}");
        fs_err::write(&path, text).unwrap();
        let describer = Describer { beside: None, path: std::env::var_os("PATH").unwrap(), memory: None };
        let loaded = load(&LoadRequest { path: &path, overrides: &[], programs: &describer, memory: None }).unwrap();
        let store = Store::open(&StoreOptions { local: root.path().join("artifacts"), remote: None }).unwrap();
        let environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let options = RunOptions {
            targets: Vec::new(),
            forced: Default::default(),
            keep_going: true,
            resume: true,
            environment,
            remote: None,
        };
        let programs = Programs::new(&loaded.graph, &loaded.root);
        let nobody = Scripted::new(8, |_| Err(ExecutorError::Empty));
        let search = options.environment[std::ffi::OsStr::new("PATH")].clone();
        let key_context = KeyContext::new(&store, &loaded.root, &nobody, &search);
        let (folder, stop) = (store.runs().begin(&loaded.name).unwrap(), Stop::default());
        let context = Context {
            store: &store,
            key_context: &key_context,
            programs: &programs,
            executor: &nobody,
            run: &folder,
            stop: &stop,
            environment: &options.environment,
            resume: true,
        };
        let (send, receive) = channel();
        let mut started = Started(Vec::new());
        let mut state = State::new(&loaded, &options, &context, &mut started);
        let id = |name: &str| loaded.graph.ids().find(|id| loaded.graph.get(*id).name == name).unwrap();
        // The result as `p` commits it.
        let first = next(&mut state, &send).remove(0);
        context.run.create_log("p", 1).unwrap();
        let artifact = store.content().ingest_bytes(b"made\n", "").unwrap();
        let outputs = [("x".to_owned(), Produced::Artifact(artifact))].into();
        let record = first
            .record(outputs, BTreeMap::new(), (Timestamp::now(), 0.0), 1, crate::machine::this_machine())
            .ok()
            .unwrap();
        store.records().commit(&record).unwrap();
        let done = || Outcome::Done { known: RecordSummary::from(&record), seconds: 0.0, adopted: false };
        state.hear(Message::Over(first.id, done(), None));
        next(&mut state, &send);
        let missing = |from: &str| Outcome::Missing { producers: vec![id(from)], what: "its content is gone".into() };
        state.hear(Message::Over(id("x"), missing("p"), None));
        next(&mut state, &send);
        state.hear(Message::Over(id("p"), done(), None));
        state.hear(Message::Over(id("y"), missing("q"), None));
        next(&mut state, &send);
        // What is gone once more is made once more, unless another run has done so by then.
        state.hear(Message::Over(id("y"), missing("q"), None));
        next(&mut state, &send).remove(0).run(&AtomicUsize::new(0));
        assert!(matches!(receive.try_recv(), Ok(Message::Over(_, Outcome::Done { adopted: true, .. }, _))));
        drop(state);
        assert_eq!(started.0, ["p", "x", "y", "p", "x", "y", "q"]);
    }

    fn next<'a>(state: &mut State<'a>, send: &Sender<Message>) -> Vec<Attempts<'a>> {
        state.resolve_ready();
        state.start_queued(send)
    }
}
