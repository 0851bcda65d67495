//! The end of a run: results are shown, the remote tier is waited for, and the run is summed up.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::{Published, RunFolder, RunSummary, StoreError};

use super::event::{RunEvent, Summary};
use super::state::State;
use super::states::Stage;

impl State<'_> {
    /// Publishes what is there, waits for the remote tier, and sums up.
    pub(super) fn end(mut self) -> Summary {
        for id in self.graph.ids() {
            match self.states.get(id) {
                Stage::Done(_) => self.summary.fresh += usize::from(!self.ran.contains(&id)),
                Stage::Idle | Stage::Failed => {}
                _ => self.summary.not_started.push(self.stage_name(id)),
            }
        }
        // Results are kept and sent even where no links to them can be made.
        let linked = self.shown.take().unwrap_or_else(|| self.show());
        let store = self.context.store;
        let sent = match self.unsent.take() {
            Some(error) => Err(error),
            None => store.finish().and_then(|adopted| {
                if adopted > 0 {
                    // A run that failed does not go on with them; the next one does.
                    self.identity = None;
                }
                store.remote().publish_head(self.name)
            }),
        };
        self.summary.store_failed |= linked.is_err() || sent.is_err();
        for aside in linked.iter().flat_map(|published| &published.put_aside) {
            let text = format!("what lay in the place of links to results was put into {}", aside.display());
            self.tell(RunEvent::Note { stage: String::new(), text });
        }
        match (linked, sent) {
            (Ok(published), Ok(())) => self.summary.results = published.folder.display().to_string(),
            (linked, sent) => {
                for error in linked.err().into_iter().chain(sent.err()) {
                    self.tell(RunEvent::Note { stage: String::new(), text: error.to_string() });
                }
            }
        }
        self.note_up_to_date();
        self.summary.seconds = self.began.elapsed().as_secs_f64();
        self.write_summary(self.context.run);
        let summary = self.summary.clone();
        self.tell(RunEvent::Ended(summary.clone()));
        summary
    }

    /// Links what is done, and notes it as the last of its kind.
    pub(super) fn show(&self) -> Result<Published, StoreError> {
        let mut outputs = BTreeMap::new();
        let mut untouched = BTreeSet::new();
        for id in self.graph.ids() {
            match self.states.get(id) {
                Stage::Done(known) => drop(outputs.insert(self.stage_name(id), known.clone())),
                Stage::Idle => drop(untouched.insert(self.stage_name(id))),
                _ => outputs.extend(self.kept.get(&id).map(|known| (self.stage_name(id), known.clone()))),
            }
        }
        let heads = outputs.iter().map(|(name, known)| (name.as_str(), known.key));
        let store = self.context.store;
        store
            .pipelines()
            .set_heads(self.name, heads)
            .and_then(|()| store.pipelines().publish(self.name, &outputs, &untouched))
    }

    pub(super) fn write_summary(&self, run: &RunFolder) {
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
