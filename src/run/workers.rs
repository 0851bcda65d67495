//! The threads on which workers do their work. One that is done takes the next piece of work.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use super::work::Work;

/// Threads of one run. They end when this is dropped.
pub(super) struct Workers<'scope, 'env, 'a> {
    scope: &'scope Scope<'scope, 'env>,
    give: Sender<Work<'a>>,
    take: Arc<Mutex<Receiver<Work<'a>>>>,
    idle: Arc<AtomicUsize>,
}

impl<'scope, 'a: 'scope> Workers<'scope, '_, 'a> {
    pub(super) fn new<'env>(scope: &'scope Scope<'scope, 'env>) -> Workers<'scope, 'env, 'a> {
        let (give, take) = channel();
        Workers { scope, give, take: Arc::new(Mutex::new(take)), idle: Arc::default() }
    }

    /// Lets a thread do the work: one that waits, else a new one.
    pub(super) fn give(&self, work: Work<'a>) {
        let waits = self.idle.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |idle| idle.checked_sub(1)).is_ok();
        if !waits {
            let (take, idle) = (Arc::clone(&self.take), Arc::clone(&self.idle));
            self.scope.spawn(move || {
                loop {
                    let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(work) = next else { return };
                    work.run(&idle);
                }
            });
        }
        // The threads hold the other end until this one is dropped.
        let _ = self.give.send(work);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use crate::executor::Scripted;
    use crate::pipeline::{LoadRequest, load};
    use crate::programs::Describer;
    use crate::run::{Run, RunEvent, RunOptions};
    use crate::store::{Store, StoreOptions};

    #[test]
    fn a_defect_of_the_engine_fails_the_stage_and_ends_the_run() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("pipeline.yaml");
        let text = "stages: { a: { run: [cp, '{in.x}', '{out.x}'], in: { x: 'file:pipeline.yaml' }, out: { x: } }, \
                    b: { run: [cp, '{in.x}', '{out.x}'], in: { x: a.x }, out: { x: } } }";
        fs_err::write(&path, text).unwrap();
        let describer = Describer { beside: None, path: std::env::var_os("PATH").unwrap(), memory: None };
        let request = LoadRequest { path: &path, overrides: &[], programs: &describer, memory: None };
        let loaded = load(&request).unwrap();
        let store = Store::open(&StoreOptions { local: root.path().join("artifacts"), remote: None }).unwrap();
        let environment = std::env::vars_os().collect();
        let options = RunOptions {
            targets: Vec::new(),
            forced: Default::default(),
            keep_going: true,
            resume: true,
            environment,
            remote: None,
        };
        let mut said = Vec::new();
        struct Keep<'a>(&'a mut Vec<String>);
        impl crate::run::Reporter for Keep<'_> {
            fn event(&mut self, event: &RunEvent) {
                if let RunEvent::Failed { error, .. } = event {
                    self.0.push(error.clone());
                }
            }
        }
        let broken = Scripted::new(2, |_| panic!("one and one was {}", 3));
        let run = Run::new(&loaded, &store, &broken, options);
        let summary = run.go(&mut Keep(&mut said)).unwrap();
        assert_eq!((summary.failed, summary.not_started), (vec!["a".to_owned()], vec!["b".to_owned()]));
        assert!(said.len() == 1 && said[0].ends_with("a defect of nnf: one and one was 3"), "{said:?}");
    }
}
