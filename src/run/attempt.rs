//! One attempt of a stage: it is begun, or one that a killed run left is gone on with, and what it left becomes a record.

use std::collections::BTreeMap;

use nnf_contract::Event;

use crate::executor::{Ended, Execution, ExecutorError, Handle, Recovered};
use crate::graph::Source;
use crate::record::{Produced, Record};
use crate::store::{AttemptFolder, AttemptNote, Checkpoint, FileInput, Materialized, StoreError};

use super::attempts::{Again, Attempts, Failure};
use super::cause::{Cause, Fault};
use super::listener::Listener;
use super::message::Message;

/// An attempt whose command has ended.
struct Worked {
    folder: AttemptFolder,
    /// What it read in place, as that was before it began.
    files: Vec<FileInput>,
    given: Given,
    execution: Execution,
    metrics: BTreeMap<String, f64>,
}

/// The content that it was given.
pub(super) enum Given {
    /// By this run.
    Here(Vec<Materialized>),
    /// By a run that was killed.
    Before,
}

impl Attempts<'_> {
    /// Makes an attempt; after the `last` one nothing more is computed.
    pub(super) fn attempt(&self, attempt: u32, last: bool) -> Result<(Record, f64), Failure> {
        self.context.programs.are_unchanged(self.instance)?;
        let checkpoint = match self.instance.resumes {
            true => Some(self.context.store.runs().checkpoint(&self.computed.key)?),
            false => None,
        };
        let left = if attempt == 1 { self.go_on()? } else { None };
        let worked = match left {
            Some(worked) => worked,
            None => self.begin(attempt, checkpoint.as_ref())?,
        };
        self.conclude(worked, checkpoint, attempt, last)
    }

    /// Goes on with the attempt of a killed run, if there is one that still goes on or has ended meanwhile.
    fn go_on(&self) -> Result<Option<Worked>, Failure> {
        let Some((folder, note)) = self.context.store.runs().left_attempt(&self.computed.key)? else { return Ok(None) };
        let AttemptNote { executor: name, id, log, .. } = note;
        let (handle, executor) = (Handle { executor: name, id }, self.context.executor);
        let unknown = |folder: AttemptFolder, error: ExecutorError| {
            folder.leave();
            Failure::from(Cause::Executor(error))
        };
        match executor.recover(&handle) {
            Ok(Recovered::Alive) => {}
            Ok(Recovered::Gone) => return Ok(None),
            Err(error) => return Err(unknown(folder, error)),
        }
        // What is forced is made now, and not taken from before; and it may have begun with a checkpoint that is not to be
        // heeded.
        if self.again == Again::Forced || (self.instance.resumes && !self.context.resume) {
            return executor.abandon(&handle).map(|()| None).map_err(|error| unknown(folder, error));
        }
        let (run, earlier) = (self.context.run, self.context.store.root().join(&log));
        let shared = run.share_log(&self.instance.name, 1, &earlier)?;
        let text = "it was begun by a run that was killed; this one goes on with it".into();
        let _ = self.messages.send(Message::Said(self.id, Event::Note { text }));
        let mut listener = Listener::new(self, &folder, log);
        let events = folder.events();
        let ended = executor.resume(&handle, &events, &self.reservation, self.context.stop, &mut listener);
        let metrics = listener.into_metrics();
        if !shared {
            run.copy_log(&self.instance.name, 1, &earlier)?;
        }
        let execution = ended.map_err(Cause::Executor)?;
        let files = folder.guarded_files();
        Ok(Some(Worked { folder, files, given: Given::Before, execution, metrics }))
    }

    /// Begins an attempt, and waits for the end of its command.
    fn begin(&self, attempt: u32, checkpoint: Option<&Checkpoint>) -> Result<Worked, Failure> {
        let folder = self.context.store.runs().attempt()?;
        if let Some(checkpoint) = checkpoint.filter(|_| !self.context.resume && attempt == 1) {
            checkpoint.clear()?;
        }
        if let Some(checkpoint) = checkpoint {
            checkpoint.note_needs(self.producers.values().map(|known| &known.key))?;
        }
        let (inputs, materialized) = self.materialize(&folder)?;
        self.context.run.create_log(&self.instance.name, attempt)?;
        let log = self.context.run.log(&self.instance.name, attempt);
        let noted = log.strip_prefix(self.context.store.root()).unwrap_or(&log).to_string_lossy().into_owned();
        let command = self.command(&folder, &inputs, checkpoint, log)?;
        let aside = checkpoint.map(Checkpoint::data);
        folder.guard(&self.instance.name, &self.computed.files, aside.as_deref())?;
        let mut listener = Listener::new(self, &folder, noted);
        let ended = self.context.executor.execute(&command, &self.reservation, self.context.stop, &mut listener);
        let execution = ended.map_err(Cause::Executor)?;
        let metrics = listener.into_metrics();
        Ok(Worked { folder, files: self.computed.files.clone(), given: Given::Here(materialized), execution, metrics })
    }

    /// Makes a record of what an attempt left, if it did well.
    fn conclude(
        &self,
        worked: Worked,
        checkpoint: Option<Checkpoint>,
        attempt: u32,
        last: bool,
    ) -> Result<(Record, f64), Failure> {
        let Worked { folder, files, given, execution, metrics } = worked;
        let Execution { ended, began: started, seconds, machine } = execution;
        let aside = checkpoint.as_ref().map(Checkpoint::data);
        let failure = match ended {
            ended if ended.well() => None,
            Ended::Stopped => Some(Failure::Stopped),
            ended => Some(Failure::Because(Cause::Command(ended))),
        };
        if failure.is_none() && last {
            self.reservation.computed();
            let _ = self.messages.send(Message::Storing);
        }
        let same = self.look_again((&files, &given), &folder, aside.as_deref(), &machine);
        if let Some(checkpoint) = &checkpoint {
            if failure.is_some() {
                checkpoint.add_seconds(seconds)?;
            }
            // It may rest on content that is not the key's.
            if matches!(&same, Err(Failure::Because(cause)) if cause.fault() == Fault::Surroundings) {
                checkpoint.clear()?;
            }
        }
        match failure {
            Some(Failure::Stopped) => {
                if let Err(Failure::Because(cause)) = same {
                    let text = cause.to_string();
                    let _ = self.messages.send(Message::Said(self.id, Event::Note { text }));
                }
                return Err(Failure::Stopped);
            }
            // That its input was altered explains more than how it ended.
            Some(failure) => return Err(same.err().unwrap_or(failure)),
            None => same.and_then(|()| {
                Ok(self.context.programs.still_tells(self.instance, self.context.key_context.path)?)
            })?,
        }
        let outputs = self.outputs(&folder)?;
        let total = seconds + checkpoint.as_ref().map_or(0.0, Checkpoint::seconds);
        let record = self.record(outputs, metrics, (started, total), attempt, machine)?;
        let standing = self.commit(record)?;
        if let Some(checkpoint) = checkpoint {
            checkpoint.remove()?;
        }
        Ok((standing, total))
    }

    /// Whether the content that a killed run handed out is as it was then: it was whole, or it would not have been given.
    pub(super) fn inputs_are_whole(&self) -> Result<(), StoreError> {
        let mut sources: Vec<(&String, &Source)> = self.instance.inputs.iter().collect();
        while let Some((name, source)) = sources.pop() {
            match source {
                Source::Many(members) => sources.extend(members.values().map(|member| (name, member))),
                Source::Output { from, output } => {
                    let produced = self.producers.get(from).and_then(|known| known.outputs.get(output));
                    let Some(Produced::Artifact(artifact)) = produced else { continue };
                    match self.context.key_context.store.content().check(artifact) {
                        Err(StoreError::Damaged { .. }) => return Err(StoreError::AlteredBySome(name.clone())),
                        // What is gone was not changed.
                        Err(StoreError::Missing(_)) | Ok(()) => {}
                        Err(error) => return Err(error),
                    }
                }
                Source::File { .. } | Source::Record { .. } => {}
            }
        }
        Ok(())
    }
}
