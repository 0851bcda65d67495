//! What an attempt gets: its inputs, its task or command, its environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nnf_contract::{CONTRACT_VERSION, Labelled, Task, TaskInput};

use crate::executor::Command;
use crate::graph::{Piece, Source, Work};
use crate::programs::not_found;
use crate::record::Produced;
use crate::store::{AttemptFolder, Checkpoint, Materialized, StoreError};

use super::attempts::{Attempts, Failure};
use super::cause::Cause;
use super::words::Fillings;

impl Attempts<'_> {
    /// Puts all inputs where the stage can read them.
    pub(super) fn materialize(
        &self,
        folder: &AttemptFolder,
    ) -> Result<(BTreeMap<String, TaskInput>, Vec<Materialized>), Failure> {
        let mut inputs = BTreeMap::new();
        let mut materialized = Vec::new();
        for (name, source) in &self.instance.inputs {
            let to = folder.inputs().join(name);
            let input = match source {
                Source::Many(members) => {
                    fs_err::create_dir(&to).map_err(StoreError::io("hand out content"))?;
                    let mut list = Vec::new();
                    for (label, member) in members {
                        if let Some(path) = self.hand_out_one(member, &to.join(label), &mut materialized)? {
                            list.push(Labelled { label: label.clone(), path });
                        }
                    }
                    Some(TaskInput::Many(list))
                }
                source => self.hand_out_one(source, &to, &mut materialized)?.map(TaskInput::One),
            };
            inputs.extend(input.map(|input| (name.clone(), input)));
        }
        Ok((inputs, materialized))
    }

    fn hand_out_one(
        &self,
        source: &Source,
        to: &Path,
        materialized: &mut Vec<Materialized>,
    ) -> Result<Option<PathBuf>, Failure> {
        match source {
            Source::File { path, .. } => Ok(Some(path.clone())),
            Source::Record { from } => {
                let known = self.producers.get(from);
                let text = known.map(|known| self.context.key_context.record_text(&known.key)).transpose()?.flatten();
                let text = text.ok_or_else(|| Failure::Missing(vec![*from], "its record is gone".into()))?;
                // In a folder that no input is named like: with its ending it may have the name of another one.
                let doing = StoreError::io("hand out a record");
                let folder = to.with_file_name(".records");
                fs_err::create_dir_all(&folder).map_err(&doing)?;
                let to = folder.join(to.file_name().unwrap_or_default()).with_added_extension("json");
                fs_err::write(&to, text).map_err(&doing)?;
                Ok(Some(to))
            }
            Source::Output { from, output } => {
                let produced = self.producers.get(from).and_then(|known| known.outputs.get(output));
                match produced {
                    Some(Produced::Artifact(artifact)) => {
                        match self.context.key_context.store.content().materialize(artifact, to) {
                            Ok(handed) => {
                                materialized.push(handed);
                                Ok(Some(to.to_owned()))
                            }
                            Err(error @ (StoreError::Missing(_) | StoreError::Damaged { .. })) => {
                                Err(Failure::Missing(vec![*from], format!("its output `{output}`: {error}")))
                            }
                            Err(error) => Err(error.into()),
                        }
                    }
                    _ => Ok(None),
                }
            }
            Source::Many(_) => Ok(None),
        }
    }

    pub(super) fn command(
        &self,
        folder: &AttemptFolder,
        inputs: &BTreeMap<String, TaskInput>,
        checkpoint: Option<&Checkpoint>,
        log: PathBuf,
    ) -> Result<Command, Failure> {
        let events = folder.events();
        let cancel = checkpoint.map(|_| folder.path().join("cancel"));
        let outputs: BTreeMap<String, PathBuf> =
            self.instance.outputs.keys().map(|name| (name.clone(), folder.outputs().join(name))).collect();
        let argv = match &self.instance.work {
            Work::Kind { program, kind, .. } => {
                let task = Task {
                    version: CONTRACT_VERSION,
                    kind: kind.clone(),
                    with: self.instance.with.clone(),
                    inputs: inputs.clone(),
                    outputs,
                    events: events.clone(),
                    scratch: folder.scratch(),
                    checkpoint: checkpoint.map(Checkpoint::data),
                    cancel: cancel.clone(),
                    cpus: self.reservation.share.cores,
                    memory: (self.reservation.share.memory > 0).then_some(self.reservation.share.memory),
                    gpus: self.reservation.share.gpus.clone(),
                    machine: self.computed.document.machine.clone(),
                };
                let file = folder.path().join("task.json");
                let text = serde_json::to_vec_pretty(&task)
                    .map_err(|error| Cause::Unready { text: format!("its task cannot be written down: {error}") })?;
                fs_err::write(&file, text).map_err(StoreError::io("write a task"))?;
                let words = program.iter().map(OsString::from).chain(["run".into(), kind.into(), "--task".into()]);
                words.chain([file.into_os_string()]).collect()
            }
            Work::Argv { words } => self.words(words, inputs, &outputs)?,
        };
        let bounds = self.instance.strict.as_ref().map(|strict| self.bounds(strict, &argv, folder, inputs, checkpoint));
        let env = self.environment(folder, checkpoint, &events);
        Ok(Command {
            name: self.instance.name.clone(),
            argv,
            attempt: folder.path().to_owned(),
            env,
            secret: self.instance.pass.iter().cloned().collect(),
            folder: self.context.key_context.root.to_owned(),
            log,
            events,
            cancel,
            scratch: folder.scratch(),
            timeout: self.instance.timeout,
            needs: self.instance.needs,
            bounds: bounds.transpose()?,
        })
    }

    fn words(
        &self,
        words: &[Vec<Piece>],
        inputs: &BTreeMap<String, TaskInput>,
        outputs: &BTreeMap<String, PathBuf>,
    ) -> Result<Vec<OsString>, Failure> {
        let mut argv = Fillings { with: &self.instance.with, inputs, outputs }.argv(words)?;
        // A program that is an input or a parameter is known only now, and is not looked for.
        if !matches!(words.first().map(Vec::as_slice), Some([Piece::Text(_)])) {
            return Ok(argv);
        }
        let program = self.context.key_context.program(self.instance).ok_or_else(|| {
            let word = argv.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
            Cause::Unready { text: not_found(&word, self.context.key_context.root, self.context.key_context.path) }
        })?;
        if let Some(first) = argv.first_mut() {
            *first = program.into_os_string();
        }
        Ok(argv)
    }

    /// The clean environment that every stage starts with.
    fn environment(
        &self,
        folder: &AttemptFolder,
        checkpoint: Option<&Checkpoint>,
        events: &Path,
    ) -> BTreeMap<OsString, OsString> {
        let mut env: BTreeMap<OsString, OsString> = BTreeMap::new();
        let mut set = |name: &str, value: OsString| {
            env.insert(name.into(), value);
        };
        let scratch = folder.scratch();
        set("PATH", self.context.key_context.path.clone());
        set("LANG", "C.UTF-8".into());
        set("HOME", scratch.clone().into());
        set("TMPDIR", scratch.clone().into());
        set("NNF_SCRATCH", scratch.into());
        set("NNF_EVENTS", events.into());
        set("NNF_CPUS", self.reservation.share.cores.to_string().into());
        // An import would otherwise write beside the code, which is an input that must stay as it is.
        set("PYTHONDONTWRITEBYTECODE", "1".into());
        for threads in
            ["OMP_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
        {
            set(threads, self.reservation.share.cores.to_string().into());
        }
        if let Some(checkpoint) = checkpoint {
            set("NNF_CHECKPOINT", checkpoint.data().into());
        }
        for name in &self.instance.pass {
            if let Some(value) = self.context.environment.get(std::ffi::OsStr::new(name)) {
                set(name, value.clone());
            }
        }
        for (name, value) in &self.instance.env {
            set(name, value.into());
        }
        env
    }
}
