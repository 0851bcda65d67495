//! What runs that were killed have left: what still goes on is kept for whoever does the same work, the rest is removed.

use crate::executor::{Executor, Handle, Recovered};
use crate::store::{AttemptNote, Cleared, Remains, Store, StoreError};

/// Clears what killed runs have left, before anything runs: attempts that still go on stay.
pub(super) fn at_the_beginning(store: &Store, executor: &dyn Executor) -> Result<Cleared, StoreError> {
    store.maintenance().recover_leftovers(&|note, wanted| recover(executor, note, wanted))
}

/// The same when all is done: of work that has a result by now, nobody waits for another one.
pub(super) fn at_the_end(store: &Store, executor: &dyn Executor) -> Result<Cleared, StoreError> {
    let is_done = |note: &AttemptNote| {
        note.key.is_none_or(|key| store.records().look_up(&key).is_ok_and(|known| known.is_some()))
    };
    store.maintenance().recover_leftovers(&|note, wanted| recover(executor, note, wanted && !is_done(note)))
}

fn recover(executor: &dyn Executor, note: &AttemptNote, wanted: bool) -> Remains {
    let handle = Handle { executor: note.executor.clone(), id: note.id.clone() };
    let gone = match executor.recover(&handle) {
        Ok(Recovered::Alive) if wanted => return Remains::Stay,
        Ok(Recovered::Alive) => executor.abandon(&handle),
        Ok(Recovered::Gone) => Ok(()),
        Err(error) => Err(error),
    };
    match gone {
        Ok(()) => Remains::Gone,
        Err(error) => {
            tracing::warn!("what became of a stage that a killed run left cannot be found out: {error}");
            Remains::Stay
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use crate::executor::{Ended, ExecutorError, Scripted};
    use crate::pipeline::{LoadRequest, Loaded, load};
    use crate::programs::Describer;
    use crate::run::{Reporter, Run, RunEvent, RunOptions, Summary};
    use crate::store::{Store, StoreOptions};

    const WELL: Ended = Ended::Exit { code: 0 };

    /// Keeps the notes that are told, and the metrics.
    #[derive(Default)]
    struct Notes(Vec<String>);

    impl Reporter for Notes {
        fn event(&mut self, event: &RunEvent) {
            match event {
                RunEvent::Note { text, .. } => self.0.push(text.clone()),
                RunEvent::Metrics { values, .. } => self.0.push(format!("{values:?}")),
                _ => {}
            }
        }
    }

    /// A project in which a run was killed as its stage `a` ran; `b` reads its result.
    struct Killed {
        folder: tempfile::TempDir,
        loaded: Loaded,
        /// The folder of the attempt.
        attempt: PathBuf,
    }

    fn copy(from: &Path, to: &Path) {
        fs_err::create_dir_all(to).unwrap();
        for entry in fs_err::read_dir(from).unwrap().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => copy(&entry.path(), &to.join(entry.file_name())),
                false => drop(fs_err::copy(entry.path(), to.join(entry.file_name())).unwrap()),
            }
        }
    }

    impl Killed {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("pipeline.yaml");
            fs_err::write(folder.path().join("read.txt"), "read in place").unwrap();
            let text = "stages:
  a: { run: ['true', '{in.f}', '{out.x}'], in: { f: 'file:read.txt' }, out: { x: } }
  b: { run: ['true', '{in.x}', '{out.y}'], in: { x: a.x }, out: { y: } }
";
            fs_err::write(&path, text).unwrap();
            let describer = Describer { beside: None, path: std::env::var_os("PATH").unwrap(), memory: None };
            let request = LoadRequest { path: &path, overrides: &[], programs: &describer, memory: None };
            let loaded = load(&request).unwrap();
            let attempt = folder.path().join("artifacts/attempts/r-dead/0");
            let killed = Killed { folder, loaded, attempt };
            // What lies there as the run is killed is copied; nobody has its lock.
            let to = killed.attempt.clone();
            killed.run(Scripted::new(2, move |command| {
                fs_err::write(&command.log, "its log\n").unwrap();
                copy(&command.attempt, &to);
                fs_err::write(to.with_file_name("owner"), "").unwrap();
                Ok(Ended::Exit { code: 1 })
            }));
            killed
        }

        fn run(&self, executor: Scripted) -> (Summary, Vec<String>, Vec<String>) {
            self.run_forced(executor, "")
        }

        fn run_forced(&self, executor: Scripted, forced: &str) -> (Summary, Vec<String>, Vec<String>) {
            let graph = &self.loaded.graph;
            let local = self.folder.path().join("artifacts");
            let store = Store::open(&StoreOptions { local, remote: None }).unwrap();
            let options = RunOptions {
                targets: Vec::new(),
                forced: graph.ids().filter(|id| graph.get(*id).name == forced).collect(),
                keep_going: false,
                resume: true,
                environment: std::env::vars_os().collect(),
                remote: None,
            };
            let mut notes = Notes::default();
            let summary = Run::new(&self.loaded, &store, &executor, options).go(&mut notes).unwrap();
            (summary, notes.0, executor.abandoned())
        }

        /// An executor that writes outputs, and counts how often it began something.
        fn fresh(&self) -> (Scripted, Arc<AtomicUsize>) {
            let count = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&count);
            let executor = Scripted::new(2, move |command| {
                counted.fetch_add(1, Ordering::SeqCst);
                let made = fs_err::write(&command.argv[2], "made anew");
                made.map(|()| WELL).map_err(|_| ExecutorError::Empty)
            });
            (executor, count)
        }

        fn shown(&self, name: &str) -> String {
            fs_err::read_to_string(self.folder.path().join("artifacts/latest/pipeline").join(name)).unwrap()
        }
    }

    #[test]
    fn what_still_goes_on_is_gone_on_with() {
        let killed = Killed::new();
        let (executor, begun) = killed.fresh();
        let attempt = killed.attempt.clone();
        let executor = executor.with_left(move |handle| {
            assert_eq!((handle.executor.as_str(), handle.id.as_str()), ("scripted", "a"));
            fs_err::write(attempt.join("out/x"), "made by the first run").unwrap();
            let said = "{\"event\":\"metrics\",\"step\":1,\"values\":{\"loss\":0.5}}\n";
            fs_err::write(attempt.join("events.jsonl"), said).unwrap();
            Some(WELL)
        });
        let (summary, notes, abandoned) = killed.run(executor);
        assert_eq!((summary.ran.len(), begun.load(Ordering::SeqCst)), (2, 1), "{:?}", summary.failed);
        assert!(notes[0].contains("begun by a run that was killed") && notes[1].contains("loss"), "{notes:?}");
        assert!(abandoned.is_empty());
        assert_eq!((killed.shown("a/x"), killed.shown("b/y")), ("made by the first run".into(), "made anew".into()));
        assert!(!killed.attempt.parent().unwrap().exists(), "nothing is left of it");
        let run = killed.folder.path().join("artifacts/runs/v1").join(&summary.run);
        assert_eq!(fs_err::read_to_string(run.join("logs/a.1.log")).unwrap(), "its log\n");
    }

    #[test]
    fn what_is_gone_is_begun_anew() {
        let killed = Killed::new();
        let (executor, begun) = killed.fresh();
        let (summary, ..) = killed.run(executor.with_left(|_| None));
        assert_eq!((summary.ran.len(), begun.load(Ordering::SeqCst)), (2, 2));
        assert_eq!(killed.shown("a/x"), "made anew");
        assert!(!killed.attempt.parent().unwrap().exists());
    }

    #[test]
    fn what_is_forced_is_made_now_and_not_taken_from_before() {
        let killed = Killed::new();
        let (executor, begun) = killed.fresh();
        let (summary, _, abandoned) = killed.run_forced(executor.with_left(|_| Some(WELL)), "a");
        assert_eq!((summary.ran.len(), begun.load(Ordering::SeqCst)), (2, 2), "{:?}", summary.failed);
        assert_eq!((killed.shown("a/x"), abandoned), ("made anew".into(), vec!["a".to_owned()]));
        assert!(!killed.attempt.parent().unwrap().exists());
    }

    #[test]
    fn how_it_ended_meanwhile_is_how_it_ended() {
        let killed = Killed::new();
        let (executor, begun) = killed.fresh();
        let (summary, ..) = killed.run(executor.with_left(|_| Some(Ended::Exit { code: 7 })));
        assert_eq!((summary.failed, begun.load(Ordering::SeqCst)), (vec!["a".to_owned()], 0));
        assert!(!killed.attempt.exists());
    }

    #[test]
    fn what_it_read_was_changed_meanwhile() {
        let killed = Killed::new();
        let (read, attempt) = (killed.folder.path().join("read.txt"), killed.attempt.clone());
        // Other bytes for a while; then the same ones, and so the same key.
        fs_err::write(&read, "other").unwrap();
        fs_err::write(&read, "read in place").unwrap();
        let (executor, _) = killed.fresh();
        let (summary, ..) = killed.run(executor.with_left(move |_| {
            fs_err::write(attempt.join("out/x"), "made of other bytes").unwrap();
            Some(WELL)
        }));
        assert_eq!(summary.failed, ["a"]);
        let (executor, _) = killed.fresh();
        assert_eq!(killed.run(executor).0.ran.len(), 2);
        assert_eq!(killed.shown("a/x"), "made anew");
    }

    #[test]
    fn what_nobody_waits_for_is_left_alone_until_its_work_is_done() {
        let killed = Killed::new();
        let note = fs_err::read_to_string(killed.attempt.join("process")).unwrap();
        // Another pipeline's.
        let other = killed.attempt.with_file_name("1");
        copy(&killed.attempt, &other);
        let key = crate::digest::Key::of_document(b"another").to_string();
        let start = note.find("\"key\":\"").unwrap() + 7;
        let changed = format!("{}{key}{}", &note[..start], &note[start + key.len()..]);
        fs_err::write(other.join("process"), changed.replace("\"id\":\"a\"", "\"id\":\"z\"")).unwrap();
        // The same work once more.
        let twice = killed.attempt.with_file_name("2");
        copy(&killed.attempt, &twice);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let folder = killed.attempt.parent().unwrap().to_owned();
        let (executor, begun) = killed.fresh();
        let (summary, _, abandoned) = killed.run(executor.with_left(move |handle| {
            seen.lock().unwrap().push(handle.id.clone());
            for attempt in ["0", "2"].map(|name| folder.join(name)).iter().filter(|attempt| attempt.exists()) {
                fs_err::write(attempt.join("out/x"), "made by the first run").unwrap();
            }
            Some(WELL)
        }));
        assert_eq!((summary.ran.len(), begun.load(Ordering::SeqCst)), (2, 1));
        assert_eq!(abandoned, ["a"], "its work has been done");
        assert!(other.exists() && !twice.exists() && !killed.attempt.exists());
        assert!(asked.lock().unwrap().contains(&"z".to_owned()));
    }
}
