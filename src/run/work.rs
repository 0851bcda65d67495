//! What a worker is given to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use crate::executor::{ExecutorError, Request};
use crate::graph::{Instance, InstanceId};

use super::attempts::{Attempts, Context};
use super::message::Message;

/// A piece of work.
pub(super) enum Work<'a> {
    /// A stage.
    Stage(Box<Attempts<'a>>),
    /// To ask which machine a stage is to measure.
    Question(Question<'a>),
}

/// Which machine is an instance to measure?
pub(super) struct Question<'a> {
    pub(super) id: InstanceId,
    pub(super) instance: &'a Instance,
    pub(super) context: &'a Context<'a>,
    pub(super) messages: Sender<Message>,
}

impl Work<'_> {
    /// Does it and tells the loop; by then its thread counts as `idle`.
    pub(super) fn run(self, idle: &AtomicUsize) {
        match self {
            Work::Stage(attempts) => attempts.run(idle),
            Work::Question(Question { id, instance, context, messages }) => {
                let ask = || context.executor.ask_machine(&Request::from(instance), context.stop);
                let lost = |_| Err(ExecutorError::Lost { why: "a defect of nnf".into() });
                // Without an answer, the loop would wait for it for ever.
                let answer = catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(lost);
                idle.fetch_add(1, Ordering::SeqCst);
                let _ = messages.send(Message::Answered(id, answer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, OnceLock};

    use nnf_contract::Task;

    use crate::executor::{Ended, ExecutorError, Scripted};
    use crate::pipeline::{LoadRequest, load};
    use crate::programs::Describer;
    use crate::run::{Interrupter, Reporter, Run, RunEvent, RunOptions, Summary};
    use crate::store::{Store, StoreOptions};

    struct Errors(Vec<String>);

    impl Reporter for Errors {
        fn event(&mut self, event: &RunEvent) {
            if let RunEvent::Failed { error, .. } = event {
                self.0.push(error.clone());
            }
        }
    }

    type Stopper = Arc<OnceLock<Mutex<Interrupter>>>;

    /// Runs two stages that measure, and one that reads what they left, where the machine has to be asked.
    fn run(
        answers: impl Fn(&str, &Stopper) -> Result<(), ExecutorError> + Send + Sync + 'static,
    ) -> (Summary, Vec<String>, usize) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("pipeline.yaml");
        let text = "programs: { mine: { run: [sh, kinds.sh], code: [kinds.sh] } }
stages:
  a: { use: mine.a }
  b: { use: mine.a, env: { WHICH: b } }
  c: { run: ['true', '{in.a}', '{in.b}', '{out.x}'], in: { a: a.x, b: b.x }, out: { x: } }
";
        fs_err::write(&path, text).unwrap();
        let kind = r#"{"name":"mine.a","summary":"s","fingerprint":"1","measures":true,"outputs":[{"name":"x","media":"text/plain","doc":"d"}]}"#;
        let said = format!(r#"echo '{{"contract":1,"program":"mine","version":"1","kinds":[{kind}]}}'"#);
        fs_err::write(root.path().join("kinds.sh"), said).unwrap();
        let describer = Describer { beside: None, path: std::env::var_os("PATH").unwrap(), memory: None };
        let loaded = load(&LoadRequest { path: &path, overrides: &[], programs: &describer, memory: None }).unwrap();
        let store = Store::open(&StoreOptions { local: root.path().join("artifacts"), remote: None }).unwrap();
        let (asked, stopper) = (Arc::new(AtomicUsize::new(0)), Stopper::default());
        let (count, stops) = (Arc::clone(&asked), Arc::clone(&stopper));
        let executor = Scripted::new(2, |command| {
            let last = command.argv.last().unwrap();
            let to = match serde_json::from_slice::<Task>(&fs_err::read(last).unwrap_or_default()) {
                Ok(task) => task.outputs["x"].clone(),
                Err(_) => last.into(),
            };
            fs_err::write(to, "made").unwrap();
            Ok(Ended::Exit { code: 0 })
        });
        let executor = executor.with_unknown_machine(move |stage| {
            count.fetch_add(1, Ordering::SeqCst);
            answers(stage, &stops)
        });
        let options = RunOptions {
            targets: Vec::new(),
            forced: Default::default(),
            keep_going: true,
            resume: true,
            environment: std::env::vars_os().collect(),
            remote: None,
        };
        let run = Run::new(&loaded, &store, &executor, options);
        assert!(stopper.set(Mutex::new(run.interrupter())).is_ok());
        let mut errors = Errors(Vec::new());
        let summary = run.go(&mut errors).unwrap();
        (summary, errors.0, asked.load(Ordering::SeqCst))
    }

    #[test]
    fn who_measures_a_machine_that_is_not_known_has_it_asked_first() {
        let (summary, _, asked) = run(|_, _| Ok(()));
        assert_eq!((summary.ran.len(), summary.failed.len()), (3, 0));
        assert!((1..=2).contains(&asked));
    }

    #[test]
    fn a_machine_that_cannot_be_asked_fails_those_that_measure_it() {
        let broken = || ExecutorError::Service { service: "Slurm".into(), why: "there is no such partition".into() };
        let (summary, errors, asked) = run(move |_, _| Err(broken()));
        assert_eq!((summary.ran.len(), summary.failed.len(), summary.not_started, asked), (0, 2, vec!["c".into()], 2));
        assert!(errors[0].contains("there is no such partition"), "{errors:?}");
    }

    #[test]
    fn a_run_can_be_stopped_while_a_machine_is_asked() {
        let (summary, errors, _) = run(|_, stopper| {
            stopper.get().unwrap().lock().unwrap().interrupt();
            // As long as it takes the loop to hear of it.
            std::thread::sleep(std::time::Duration::from_millis(50));
            Err(ExecutorError::Lost { why: "it was to stop".into() })
        });
        assert!(summary.interrupted && summary.ran.is_empty() && errors.is_empty(), "{errors:?}");
        assert_eq!(summary.not_started.len(), 3);
    }
}
