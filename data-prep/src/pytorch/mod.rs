//! Kind `weights.from_pytorch`: the tensors of a PyTorch checkpoint as a safetensors file, without running any code of it.
//!
//! A checkpoint is a pickle, which is a program that may call any function of Python. Ours knows what the dictionaries of
//! weights need and nothing else: names of functions are looked up in a list, and no function is ever called.

mod archive;
mod checkpoint;
mod classes;
mod entry;
mod legacy;
mod pickle;
mod reader;
mod safetensors_file;
mod stored;
mod summary;
mod tensor;
mod value;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use serde::Deserialize;

use checkpoint::Checkpoint;
use pickle::Unknown;

#[derive(Debug, Deserialize)]
struct Parameters {
    entry: Vec<String>,
    strip: String,
    unknown: String,
    most_gib: u64,
}

/// The kind.
pub(crate) fn offer() -> Offer {
    let kind = Kind::new("weights.from_pytorch", "A PyTorch checkpoint as safetensors, without running any code of it")
        .inputs([Input::new(
            "checkpoint",
            "application/octet-stream",
            "a file that `torch.save` wrote: a zip archive (torch 1.6 and later) or the pickle before it",
        )])
        .outputs([
            Output::new("weights", "application/vnd.safetensors", "its tensors by name, laid out contiguously"),
            Output::new("summary", "text/markdown", "the tensors, and what was left out"),
        ])
        .parameters([
            Parameter::list(
                "entry",
                ParameterType::String,
                "where the weights lie in the file: names of entries, the outermost first, such as `[state_dict]`; empty \
                 where the file is nothing but weights",
            )
            .default(serde_json::json!([])),
            Parameter::string(
                "strip",
                "beginning of names that is taken off, such as `module.`; names without it stay as they are",
            )
            .default(""),
            Parameter::choice(
                "unknown",
                &["refuse", "skip"],
                "what values of other classes do, such as the options of a training: stop the stage, or be left out",
            )
            .default("refuse"),
            Parameter::int("most_gib", 1, 4096, "most that the tensors may take, all together")
                .unit("GiB")
                .default(16)
                .unkeyed(),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let path = stage.input("checkpoint")?;
    let unknown = if p.unknown == "skip" { Unknown::Skip } else { Unknown::Refuse };
    let fault = |why: String| StageError::failed(format!("{}: {why}", path.display()));
    let (mut checkpoint, contents) = Checkpoint::open(path, unknown).map_err(|e| fault(e.to_string()))?;
    let chosen =
        entry::choose(&contents.values, contents.root, &p.entry, &p.strip).map_err(|e| fault(e.to_string()))?;
    let limit = p.most_gib.saturating_mul(1 << 30);
    let plan = safetensors_file::plan(&chosen.tensors, limit).map_err(|e| fault(e.to_string()))?;
    let places = checkpoint.locate(&plan, stage.scratch(), limit).map_err(|e| fault(e.to_string()))?;
    let progress = |done: usize| stage.progress(done as u64, plan.len() as u64, "tensors");
    safetensors_file::write(&plan, &places, stage.output("weights")?, progress).map_err(|e| fault(e.to_string()))?;
    stage.note(summary::sentence(&chosen));
    if let Some(advice) = summary::advice(&chosen) {
        stage.note(advice);
    }
    fs_err::write(stage.output("summary")?, summary::text(&chosen)).map_err(StageError::failed)
}

#[cfg(test)]
mod tests;
