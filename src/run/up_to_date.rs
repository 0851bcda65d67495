//! Runs in which nothing is to be done, told by the note of an earlier run.
//!
//! What the note rests on is in `store::up_to_date`. A run that is told so looks like any other to reporters, and leaves a
//! folder like any other.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use nnf_contract::Machine;

use crate::executor::Request;
use crate::pipeline::Recalled;
use crate::store::{Circumstances, FileInput, RunFolder, RunSummary, Store, StoreError};

use super::event::{Reporter, RunEvent, Summary};
use super::state::State;
use super::states::Stage;

/// Carries out a run of a whole pipeline if an earlier one left a note that there is nothing to do, and it still holds.
///
/// # Errors
/// When the store cannot be written.
pub fn up_to_date(
    store: &Store,
    recalled: &Recalled,
    (path, remote): (&OsStr, Option<String>),
    machine: &dyn Fn() -> Machine,
    reporter: &mut dyn Reporter,
) -> Result<Option<Summary>, StoreError> {
    let began = Instant::now();
    let machine = recalled.measures.then(machine);
    let identity = &recalled.identity;
    let circumstances = Circumstances { version: identity.version, path: path.as_bytes().to_vec(), remote, machine };
    // Nothing is removed from the store until the keys are this run's too.
    let hold = store.runs().hold()?;
    let Some(note) = store.pipelines().up_to_date(&identity.slot, &circumstances) else { return Ok(None) };
    tracing::debug!("run {} left nothing to do, and nothing has changed since", note.run);
    let run = store.runs().begin(&note.pipeline)?;
    if !run.share("pipeline.json", &note.run) {
        tracing::debug!("run {} is gone", note.run);
    }
    if !run.share("keys", &note.run) {
        note.stages.iter().try_for_each(|(stage, key)| run.uses(key, stage))?;
    }
    drop(hold);
    store.maintenance().clear_leftovers()?;
    let total = note.stages.len();
    let mut tell = |event: RunEvent| {
        if !matches!(event, RunEvent::Fresh { .. }) {
            let line = serde_json::to_string(&event).unwrap_or_default();
            run.append_event(&line)?;
        }
        reporter.event(&event);
        Ok::<(), StoreError>(())
    };
    tell(RunEvent::Began { run: run.id.clone(), pipeline: note.pipeline.clone(), total })?;
    for (stage, key) in note.stages {
        tell(RunEvent::Fresh { stage, key })?;
    }
    let results = store.pipelines().latest(&note.pipeline).display().to_string();
    let seconds = began.elapsed().as_secs_f64();
    let summary = Summary { fresh: total, seconds, results, run: run.id.clone(), ..Summary::default() };
    tell(RunEvent::Ended(summary.clone()))?;
    end(&run, &note.pipeline, &summary)?;
    Ok(Some(summary))
}

fn end(run: &RunFolder, pipeline: &str, summary: &Summary) -> Result<(), StoreError> {
    let seconds = jiff::SignedDuration::try_from_secs_f64(summary.seconds).unwrap_or_default();
    run.end(&RunSummary {
        id: run.id.clone(),
        pipeline: pipeline.to_owned(),
        started: jiff::Timestamp::now() - seconds,
        seconds: Some(summary.seconds),
        state: "done".into(),
        fresh: summary.fresh,
        ran: 0,
        failed: 0,
    })
}

impl State<'_> {
    /// Remembers what files looked like. One that was seen in two states leaves no note.
    pub(super) fn note_files(&mut self, files: &[FileInput]) {
        for file in files {
            match self.files.get(&file.path) {
                Some(before) if before.is_unchanged(file) => {}
                Some(_) => self.identity = None,
                None => drop(self.files.insert(file.path.clone(), file.clone())),
            }
        }
    }

    /// The machine that is measured, if any is; none if it is not known, not this one, or more than one.
    fn measured(&self) -> Option<Option<Machine>> {
        let mut found = None;
        for instance in self.graph.instances().iter().filter(|instance| instance.measures) {
            let request = Request::from(instance);
            if !self.context.executor.is_here(&request) {
                return None;
            }
            let machine = self.context.executor.machine(&request).ok()??;
            if *found.get_or_insert_with(|| machine.clone()) != machine {
                return None;
            }
        }
        Some(found)
    }

    /// Notes that nothing is left to do, if that is so for the whole pipeline.
    pub(super) fn note_up_to_date(&self) {
        let Some(identity) = self.identity else { return };
        let key_context = self.context.key_context;
        let well = !self.summary.store_failed && !self.summary.interrupted && self.summary.failed.is_empty();
        // A program may come to stand before another of its name in a folder of the project.
        let own = |folder: &Path| !folder.is_absolute() || folder.starts_with(key_context.root);
        if !well || std::env::split_paths(key_context.path).any(|folder| own(&folder)) {
            return;
        }
        let key = |id: crate::graph::InstanceId| match self.states.get(id) {
            Stage::Done(known) => Some((self.stage_name(id), known.key)),
            _ => None,
        };
        let Some(stages) = self.graph.ids().map(key).collect::<Option<Vec<_>>>() else { return };
        let Some(machine) = self.measured() else { return };
        let circumstances = Circumstances {
            version: identity.version,
            path: key_context.path.as_bytes().to_vec(),
            remote: self.options.remote.clone(),
            machine,
        };
        let (store, run) = (self.context.store, &self.context.run.id);
        store.pipelines().note_up_to_date(&identity.slot, circumstances, self.name, stages, &self.files, run);
    }
}
