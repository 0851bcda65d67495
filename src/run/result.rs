//! What an attempt leaves: that its inputs stayed as they were, its outputs, its record.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use nnf_contract::{Event, Machine};

use crate::executor::capped;
use crate::graph::Work;
use crate::record::{Artifact, Produced, Record};
use crate::store::{AttemptFolder, FileInput, Rescued, StoreError};

use super::attempt::Given;
use super::attempts::{Again, Attempts, Failure};
use super::cause::Cause;
use super::message::Message;

/// The media type of a folder, and that of an output of which none was declared.
const FOLDER: &str = "inode/directory";
const UNDECLARED: &str = "application/octet-stream";

impl Attempts<'_> {
    /// Nothing that the result rests on may have changed while the stage ran. What it took away of a person's files is put
    /// back.
    pub(super) fn look_again(
        &self,
        (files, given): (&[FileInput], &Given),
        folder: &AttemptFolder,
        checkpoint: Option<&Path>,
        machine: &Machine,
    ) -> Result<(), Failure> {
        let in_place = self.look_at_files(files, folder, checkpoint);
        let handed = match given {
            Given::Here(all) => {
                // All of it is looked at, and mended, whatever was found before.
                let mut handed = Ok(());
                for one in all {
                    handed = handed.and(self.context.key_context.store.content().check_materialized(one));
                }
                handed
            }
            Given::Before => self.inputs_are_whole(),
        };
        in_place?;
        handed?;
        self.context.programs.are_unchanged(self.instance)?;
        if self.computed.document.machine.as_ref().is_some_and(|keyed| keyed != machine) {
            return Err(Cause::MachineChanged.into());
        }
        Ok(())
    }

    /// The files that it read in place.
    fn look_at_files(
        &self,
        files: &[FileInput],
        folder: &AttemptFolder,
        checkpoint: Option<&Path>,
    ) -> Result<(), Failure> {
        let changed = |before: &&FileInput| {
            let now = self.context.key_context.store.content().of_file(&before.path);
            !now.is_ok_and(|now| before.is_unchanged(&now))
        };
        let changed: Vec<&FileInput> = files.iter().filter(changed).collect();
        let Some(first) = changed.first() else {
            folder.all_is_there();
            return Ok(());
        };
        let rescued = folder.rescue(&self.instance.name, &changed, checkpoint);
        Err(Cause::InputChanged { text: self.in_words(first, &rescued) }.into())
    }

    /// What was done to a file that was read in place, and what became of it.
    fn in_words(&self, input: &FileInput, rescued: &Rescued) -> String {
        let short = |path: &Path| {
            let path = path.strip_prefix(self.context.key_context.root).unwrap_or(path);
            format!("`{}`", path.display())
        };
        let name = short(&input.path);
        let what = match rescued.put_back.as_slice() {
            [] => None,
            [one] if *one == input.path => Some(format!("its input {name}")),
            [one] => Some(format!("{} of its input {name}", short(one))),
            [one, others @ ..] => Some(format!("{} and {} more of what it reads", short(one), others.len())),
        };
        let mut text = match what {
            None => format!("its input {name} was changed while it ran, so nothing was recorded; run again"),
            Some(what) => format!(
                "{what} was gone when it ended and was put back from what it left, so nothing was recorded; let it copy \
                 what it reads, not move it"
            ),
        };
        if let Some(kept) = &rescued.kept {
            text += &format!(
                ". What it left may be the only copy of something, and is kept in {}; look through it, and remove it \
                 yourself",
                short(kept)
            );
        }
        text
    }

    /// Takes the outputs into the store: all that are declared, and nothing else.
    pub(super) fn outputs(&self, folder: &AttemptFolder) -> Result<BTreeMap<String, Produced>, Failure> {
        for name in folder.left().map_err(Failure::from)? {
            if !self.instance.outputs.contains_key(&name) {
                return Err(Cause::Undeclared { name }.into());
            }
        }
        let mut outputs = BTreeMap::new();
        for (name, spec) in &self.instance.outputs {
            let path = folder.outputs().join(name);
            let produced = match fs_err::symlink_metadata(&path) {
                Ok(meta) => Produced::Artifact({
                    self.is_declared(name, &spec.media, &meta)?;
                    self.context.store.content().ingest(&path, &spec.media)?
                }),
                Err(_) if spec.optional => Produced::Absent,
                Err(_) => return Err(Cause::NotWritten { output: name.clone() }.into()),
            };
            outputs.insert(name.clone(), produced);
        }
        Ok(outputs)
    }

    /// Whether an output is what it was declared to be: a folder, or a file. No declaration says neither.
    fn is_declared(&self, name: &str, media: &str, meta: &std::fs::Metadata) -> Result<(), Failure> {
        let declared = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match declared.as_str() {
            FOLDER if meta.is_file() => Err(Cause::File { output: name.to_owned() }.into()),
            FOLDER | UNDECLARED => Ok(()),
            _ if meta.is_dir() => Err(Cause::Folder { output: name.to_owned(), media: media.to_owned() }.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn record(
        &self,
        outputs: BTreeMap<String, Produced>,
        metrics: BTreeMap<String, f64>,
        (started, seconds): (Timestamp, f64),
        attempts: u32,
        machine: Machine,
    ) -> Result<Record, Failure> {
        let log_file = self.context.run.log(&self.instance.name, attempts);
        let log: Option<Artifact> = match capped(&log_file).map_err(StoreError::io("read a log"))? {
            Some(bytes) => Some(self.context.store.content().ingest_bytes(&bytes, "text/plain")?),
            None => None,
        };
        let mut environment: BTreeMap<String, String> = match &self.instance.work {
            Work::Kind { versions, .. } => versions.clone(),
            Work::Argv { .. } => BTreeMap::new(),
        };
        environment.insert("threads".into(), self.reservation.share.cores.to_string());
        if self.instance.strict.is_some() {
            environment.insert("strict".into(), "true".into());
        }
        if let Some(program) = self.context.key_context.program(self.instance)
            && let Ok(digest) = self.context.store.content().digest(&program)
        {
            environment.insert("program".into(), format!("{} {digest}", program.display()));
        }
        let nonce = format!("{}-{}", self.context.run.id, self.instance.name);
        Ok(Record {
            version: 1,
            key: self.computed.key,
            document: self.computed.document.canonical(),
            outputs,
            metrics,
            started,
            seconds,
            attempts,
            machine,
            environment,
            log,
            nonce,
            supersedes: None,
            replaces: Vec::new(),
            checksum: String::new(),
        })
    }

    /// The first record wins, unless this one was asked for in its place; one whose content is gone or damaged is replaced,
    /// also where this run made it before.
    pub(super) fn commit(&self, mut record: Record) -> Result<Record, Failure> {
        let store = self.context.store;
        if self.again == Again::Forced
            && let Some(before) = store.records().get(&record.key)?
        {
            let text = replaced(&before, &record);
            record.supersede(&before, true);
            store.records().replace(&record)?;
            let _ = self.messages.send(Message::Said(self.id, Event::Note { text }));
            return Ok(record);
        }
        let standing = store.records().commit(&record)?;
        if standing.nonce == record.nonce && standing.outputs == record.outputs {
            return Ok(standing);
        }
        if standing.outputs.values().all(|produced| self.is_whole(produced)) {
            return Ok(standing);
        }
        record.supersede(&standing, false);
        store.records().replace(&record)?;
        Ok(record)
    }

    /// Whether the content of an output is there, and right.
    pub(super) fn is_whole(&self, produced: &Produced) -> bool {
        match produced {
            Produced::Artifact(artifact) => self.context.store.content().check(artifact).is_ok(),
            Produced::Absent => true,
        }
    }
}

/// That a result takes the place of another, and what is not the same.
fn replaced(before: &Record, now: &Record) -> String {
    let made = before.started.strftime("%Y-%m-%d %H:%M:%S UTC");
    let content = |produced: Option<&Produced>| match produced {
        Some(Produced::Artifact(artifact)) => artifact.digest.short(),
        _ => "absent".into(),
    };
    let other = now.outputs.iter().filter(|(name, produced)| before.outputs.get(*name) != Some(*produced));
    let told = other.map(|(name, produced)| {
        format!("`{name}` ({} → {})", content(before.outputs.get(name)), content(Some(produced)))
    });
    let told: Vec<String> = told.collect();
    match told.as_slice() {
        [] => format!("its result of {made} is replaced; its content is the same"),
        told => format!("its result of {made} is replaced; other content: {}", told.join(", ")),
    }
}
