//! Kind `network.export_onnx`: networks with their weights as ONNX files.
//!
//! It does not know what the networks are for.

use std::path::{Path, PathBuf};

use nnf_contract::{Input, Kind, Offer, Output, Stage, StageError};

use crate::error::NetError;
use crate::model::Model;
use crate::onnx::onnx;

/// The file that makes a folder a model's.
const NETWORK: &str = "network.json";

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("network.export_onnx", "Networks with their weights as ONNX files, for runtimes on devices")
        .inputs([Input::new("models", "inode/directory", "a model's folder, or a folder of such, as a sweep makes it")])
        .outputs([Output::new(
            "onnx",
            "inode/directory",
            "`model.onnx`, or a file for each model of the folder, named as that is",
        )]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let models = models(stage.input("models")?).map_err(StageError::failed)?;
    let folder = stage.output("onnx")?;
    fs_err::create_dir_all(folder).map_err(StageError::failed)?;
    for (done, (name, path)) in models.iter().enumerate() {
        stage.go_on()?;
        let bytes = Model::load(path).and_then(|model| onnx(&model)).map_err(StageError::failed)?;
        fs_err::write(folder.join(format!("{name}.onnx")), bytes).map_err(StageError::failed)?;
        stage.progress(done as u64 + 1, models.len() as u64, "models");
    }
    Ok(())
}

/// Names and folders of models: the folder itself, or those in it.
fn models(folder: &Path) -> Result<Vec<(String, PathBuf)>, NetError> {
    if folder.join(NETWORK).exists() {
        return Ok(vec![("model".into(), folder.to_owned())]);
    }
    let mut models = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        if let Some(name) = name.filter(|_| path.join(NETWORK).exists()) {
            models.push((name, path));
        }
    }
    if models.is_empty() {
        let why = format!("it has no `{NETWORK}`, and no folder in it has: it holds no models");
        return Err(NetError::unfit(folder, why));
    }
    models.sort();
    Ok(models)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::{Changes, Weights, build};

    #[test]
    fn a_model_and_a_folder_of_models_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let network = build("resnet-tiny", &Changes::default()).unwrap();
        let model = Model { weights: Weights::init(&network, 1), network };
        let fault = models(folder.path()).unwrap_err().to_string();
        assert!(fault.contains("it holds no models"), "{fault}");
        for name in ["b-2", "a 1"] {
            model.save(&folder.path().join(name)).unwrap();
        }
        fs_err::write(folder.path().join("notes"), "none").unwrap();
        let names = |path: &Path| models(path).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(folder.path()), ["a 1", "b-2"]);
        assert_eq!(names(&folder.path().join("b-2")), ["model"]);
    }
}
