//! What happened in a run, stage by stage, folded from its events.
//!
//! Events of newer programs that it does not know are passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read};

use crate::digest::Key;
use crate::run::RunEvent;
use crate::why::Reason;

/// Longest line that is read, and the most sentences that are kept of one stage.
const MAX_LINE: u64 = 4 << 20;
const MOST_NOTES: usize = 50;

/// What happened to one stage.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) key: Option<Key>,
    /// Why it ran, if it was started.
    pub(super) reason: Option<Reason>,
    pub(super) because: String,
    /// What it waited for last.
    pub(super) waited: Option<String>,
    /// Attempts that failed before the last one, and how.
    pub(super) retries: Vec<(u32, String)>,
    pub(super) notes: Vec<String>,
    /// Sentences that are not kept.
    pub(super) more_notes: usize,
    pub(super) metrics: BTreeMap<String, f64>,
    pub(super) end: Option<End>,
}

/// How an attempt at a stage ended for good.
#[derive(Debug)]
pub(super) enum End {
    Finished { seconds: f64, adopted: bool },
    Failed { error: String, seconds: f64, log_end: Vec<String> },
    Stopped,
}

/// All that happened.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Instances that were needed.
    pub(super) total: Option<usize>,
    pub(super) stages: BTreeMap<String, Told>,
    /// What concerns the run as a whole.
    pub(super) notes: Vec<String>,
    /// Instances that were not started, once the run has ended.
    pub(super) not_started: BTreeSet<String>,
    /// Whether the end was written.
    pub(super) ended: bool,
}

impl History {
    /// Reads events, one JSON object a line.
    pub(super) fn read(events: &mut dyn BufRead) -> Self {
        let mut history = History::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut *events).take(MAX_LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return history,
                Ok(_) => history.extend(serde_json::from_slice(&line).ok()),
            }
        }
    }

    fn extend(&mut self, event: Option<RunEvent>) {
        let Some(event) = event else { return };
        match event {
            RunEvent::Began { total, .. } => self.total = Some(total),
            RunEvent::Fresh { stage, key } => self.of(stage).key = Some(key),
            RunEvent::Started { stage, key, reason, because, attempt, .. } => {
                let told = self.of(stage);
                (told.key, told.reason, told.because, told.end) = (Some(key), Some(reason), because, None);
                told.waited = None;
                // A stage that is begun anew counts its attempts anew.
                told.retries.retain(|(failed, _)| *failed < attempt);
            }
            RunEvent::Waiting { stage, what } => self.of(stage).waited = Some(what),
            RunEvent::Waited { stage } | RunEvent::Progress { stage, .. } => self.of(stage).waited = None,
            RunEvent::Metrics { stage, values, .. } => {
                let told = self.of(stage);
                told.waited = None;
                told.metrics.extend(values);
            }
            RunEvent::Note { stage, text } if stage.is_empty() => {
                self.notes.extend(Some(text).filter(|_| self.notes.len() < MOST_NOTES))
            }
            RunEvent::Note { stage, text } => self.of(stage).note(text),
            RunEvent::Retrying { stage, attempt, error, .. } => self.of(stage).retries.push((attempt, error)),
            RunEvent::Finished { stage, key, seconds, adopted } => {
                let told = self.of(stage);
                (told.key, told.end) = (Some(key), Some(End::Finished { seconds, adopted }));
                // Another run did the work.
                told.reason = told.reason.take().filter(|_| !adopted);
            }
            RunEvent::Failed { stage, key, error, seconds, log_end, .. } => {
                let told = self.of(stage);
                (told.key, told.end) = (key.or(told.key), Some(End::Failed { error, seconds, log_end }));
            }
            RunEvent::Stopped { stage } => self.of(stage).end = Some(End::Stopped),
            RunEvent::Ended(summary) => {
                self.not_started = summary.not_started.into_iter().collect();
                self.ended = true;
            }
        }
    }

    fn of(&mut self, stage: String) -> &mut Told {
        self.stages.entry(stage).or_default()
    }
}

impl Told {
    fn note(&mut self, text: String) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(text);
        } else {
            self.more_notes += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_folded_and_what_is_damaged_or_unknown_is_passed_over() {
        let key = Key::of_document(b"k");
        let text = format!(
            "{{\"event\":\"began\",\"run\":\"r\",\"pipeline\":\"p\",\"total\":3}}\n\
             {{\"event\":\"started\",\"stage\":\"a\",\"key\":\"{key}\",\"reason\":{{\"changed\":[{{\"area\":\"code\",\"name\":\"words\",\"old\":1,\"new\":2}}]}},\"because\":\"command changed\",\"attempt\":1}}\n\
             {{\"event\":\"from the future\",\"stage\":\"a\"}}\nnot JSON\n\
             {{\"event\":\"retrying\",\"stage\":\"a\",\"attempt\":1,\"error\":\"exit status 1\"}}\n\
             {{\"event\":\"failed\",\"stage\":\"a\",\"error\":\"exit status 2\",\"seconds\":1.5,\"log_end\":[\"x\"],\"store\":false}}\n\
             {{\"event\":\"ended\",\"fresh\":1,\"ran\":[],\"failed\":[\"a\"],\"not_started\":[\"b\"],\"interrupted\":false,\"store_failed\":false,\"seconds\":2.0,\"results\":\"\",\"run\":\"r\"}}\n\
             {{\"event\":\"note\",\"sta"
        );
        let history = History::read(&mut text.as_bytes());
        let told = &history.stages["a"];
        assert_eq!((history.total, history.ended, history.not_started.len()), (Some(3), true, 1));
        assert_eq!((told.key, told.because.as_str(), told.retries.len()), (Some(key), "command changed", 1));
        assert!(matches!(&told.end, Some(End::Failed { error, .. }) if error == "exit status 2"));
        assert!(matches!(&told.reason, Some(Reason::Changed(all)) if all.len() == 1));
    }

    #[test]
    fn what_is_over_is_not_told_of_what_came_after() {
        let key = Key::of_document(b"k");
        let started = |attempt: u32| {
            format!(
                "{{\"event\":\"started\",\"stage\":\"a\",\"key\":\"{key}\",\"reason\":\"forced\",\"because\":\"forced\",\"attempt\":{attempt}}}\n"
            )
        };
        let waiting = "{\"event\":\"waiting\",\"stage\":\"a\",\"what\":\"the machine\"}\n";
        let progress = "{\"event\":\"progress\",\"stage\":\"a\",\"done\":1,\"total\":2,\"unit\":\"steps\"}\n";
        let retrying = "{\"event\":\"retrying\",\"stage\":\"a\",\"attempt\":1,\"error\":\"exit status 1\"}\n";
        let adopted =
            format!("{{\"event\":\"finished\",\"stage\":\"a\",\"key\":\"{key}\",\"seconds\":0.0,\"adopted\":true}}\n");
        let told =
            |events: &[&str]| History::read(&mut events.concat().as_bytes()).stages.remove("a").unwrap_or_default();
        let (first, second) = (started(1), started(2));
        assert_eq!(told(&[&first, waiting]).waited.as_deref(), Some("the machine"));
        assert_eq!(told(&[&first, waiting, progress]).waited, None, "it has begun to work");
        assert_eq!(told(&[&first, retrying, &second]).retries.len(), 1);
        assert_eq!(told(&[&first, retrying, &second, &first]).retries.len(), 0, "it was begun anew");
        assert!(told(&[&first]).reason.is_some() && told(&[&first, &adopted]).reason.is_none(), "another run did it");
    }
}
