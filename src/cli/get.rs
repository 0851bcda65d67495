//! `nnf get`.

use std::path::{Path, PathBuf};

use clap::Args;
use nnf::digest::Key;
use nnf::graph::InstanceId;
use nnf::pipeline::instance_and_output;
use nnf::plan::Status;
use nnf::record::{Artifact, Form, Produced};
use nnf::shell;
use nnf::store::StoreError;

use crate::cli::common::{Common, named, split};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::run::make_again;
use crate::cli::{render, target};

#[derive(Debug, Args)]
pub(crate) struct GetCommand {
    /// The pipeline (a .yaml file; default pipeline.yaml), then STAGE.OUTPUT
    #[arg(value_name = "PIPELINE|STAGE.OUTPUT", required = true)]
    words: Vec<String>,
    /// Where to put it; a small text goes to standard output if this is left out
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Longest content that goes to a terminal unasked.
const SHORT: u64 = 1 << 20;

pub(crate) fn run(command: &GetCommand, common: &Common) -> Result<(), Failure> {
    let (pipeline, words) = split(&command.words);
    let [word] = words else {
        return Err(Failure::wrong_with_hint(
            "`nnf get` needs one STAGE.OUTPUT",
            "`nnf get PIPELINE STAGE.OUTPUT -o PATH`",
        ));
    };
    let no_output = || Failure::wrong_with_hint(format!("`{word}` names no output"), "write it as STAGE.OUTPUT");
    instance_and_output(word, &|_| false).ok_or_else(no_output)?;
    let mut context = Context::open(&pipeline, common)?;
    let graph = &context.loaded.graph;
    let (stage, output) = instance_and_output(word, &|path| graph.has_namespace(path)).ok_or_else(no_output)?;
    if let Some(to) = &command.output {
        target::outside_of(&context.store, to)?;
    }
    let named = named(&pipeline);
    let id = context.instance(stage)?;
    let instance = context.loaded.graph.get(id);
    if output == "record" {
        let key = key(&context, id, &named)?;
        let text = context.key_context().record_text(&key)?.ok_or_else(|| not_there(&named, stage))?;
        return deliver_text(text.as_bytes(), command.output.as_deref());
    }
    if !instance.outputs.contains_key(output) {
        let names: Vec<&str> = instance.outputs.keys().map(String::as_str).collect();
        return Err(Failure::wrong_with_hint(
            format!("stage `{stage}` has no output `{output}`"),
            format!("it has: {}", names.join(", ")),
        ));
    }
    let to = command.output.as_deref();
    let deliver_now = |context: &Context| {
        let artifact = artifact(context, id, output, &named)?;
        deliver(context, &artifact, (&named, word), to)
    };
    match deliver_now(&context) {
        Err(Undelivered::Lost(error)) => {
            render::note(&format!("{error}; `{}` runs again", context.loaded.graph.get(id).name));
            make_again(&mut context, &pipeline, id, common)?;
            deliver_now(&context).map_err(Failure::from)
        }
        delivered => delivered.map_err(Failure::from),
    }
}

/// Why something was not delivered.
enum Undelivered {
    /// Its content is missing or damaged.
    Lost(StoreError),
    Other(Failure),
}

impl From<StoreError> for Undelivered {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing(_) | StoreError::Damaged { .. } => Undelivered::Lost(error),
            error => Undelivered::Other(error.into()),
        }
    }
}

impl From<Failure> for Undelivered {
    fn from(failure: Failure) -> Self {
        Undelivered::Other(failure)
    }
}

impl From<Undelivered> for Failure {
    fn from(undelivered: Undelivered) -> Self {
        match undelivered {
            Undelivered::Lost(error) => Failure::Store(error.to_string()),
            Undelivered::Other(failure) => failure,
        }
    }
}

/// An output of an instance as the pipeline stands.
fn artifact(context: &Context, id: InstanceId, output: &str, named: &str) -> Result<Artifact, Failure> {
    let stage = &context.loaded.graph.get(id).name;
    let known = context.store.records().look_up(&key(context, id, named)?)?.ok_or_else(|| not_there(named, stage))?;
    match known.outputs.get(output) {
        Some(Produced::Artifact(artifact)) => Ok(artifact.clone()),
        _ => Err(Failure::wrong(format!("stage `{stage}` left its optional output `{output}` out"))),
    }
}

fn deliver(
    context: &Context,
    artifact: &Artifact,
    (named, word): (&str, &str),
    to: Option<&Path>,
) -> Result<(), Undelivered> {
    match to {
        Some(to) => {
            check_target(to)?;
            copy_out(context, artifact, to)
        }
        None if artifact.form == Form::Folder || artifact.size > SHORT => Err(Failure::wrong_with_hint(
            format!("`{word}` is a folder or long; it needs a place to go"),
            format!("`nnf get {named}{} -o PATH`", shell::word(word)),
        )
        .into()),
        None => Ok(deliver_text(&context.store.content().read(artifact)?, None)?),
    }
}

/// Copies content to a place: whole or not at all.
fn copy_out(context: &Context, artifact: &Artifact, to: &Path) -> Result<(), Undelivered> {
    // Which file was tried on the way says nothing to whoever named this one.
    let cannot = |error: std::io::Error| render::cannot_write(to, &std::io::Error::from(error.kind()));
    let aside = tempfile::Builder::new().prefix(".get-").tempdir_in(render::folder_of(to)).map_err(cannot)?;
    let copy = aside.path().join("copy");
    context.store.content().copy_out(artifact, &copy)?;
    Ok(fs_err::rename(&copy, to).map_err(cannot)?)
}

fn check_target(to: &Path) -> Result<(), Failure> {
    if to.symlink_metadata().is_ok() {
        return Err(Failure::wrong_with_hint(
            format!("`{}` is there already", to.display()),
            "name another path, or remove it",
        ));
    }
    let folder = render::folder_of(to);
    if !folder.is_dir() {
        let message = format!("`{}` cannot be written: there is no folder `{}`", to.display(), folder.display());
        return Err(Failure::wrong_with_hint(message, "make it, or name another path"));
    }
    Ok(())
}

/// The key of an instance as the pipeline stands; its own must be fresh.
fn key(context: &Context, id: InstanceId, named: &str) -> Result<Key, Failure> {
    let graph = &context.loaded.graph;
    let plan = context.key_context().plan(graph, &graph.needed_for(&[id]), &|_| false, &Default::default());
    match plan.map_err(Failure::from)?.remove(id.index()) {
        Some(Status::Fresh(known)) => Ok(known.key),
        _ => Err(not_there(named, &graph.get(id).name)),
    }
}

fn not_there(named: &str, stage: &str) -> Failure {
    Failure::wrong_with_hint(
        format!("there is no result of `{stage}` as the pipeline stands"),
        format!("`nnf run {named}{}` makes it", shell::word(stage)),
    )
}

fn deliver_text(bytes: &[u8], to: Option<&Path>) -> Result<(), Failure> {
    let Some(to) = to else {
        render::bytes(bytes, false);
        return Ok(());
    };
    check_target(to)?;
    fs_err::write(to, bytes).map_err(|error| render::cannot_write(to, &error))
}
