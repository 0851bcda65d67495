//! Kind `network.export_onnx`: networks with their weights as ONNX files.

use std::path::{Path, PathBuf};

use nnf_contract::{Input, Kind, Offer, Output, Stage, StageError};
use nnf_net::Model;

use crate::error::ExportError;
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
    let folder = stage.output("onnx")?;
    fs_err::create_dir_all(folder).map_err(StageError::failed)?;
    let models = models(stage.input("models")?).map_err(StageError::failed)?;
    for (done, (name, path)) in models.iter().enumerate() {
        stage.go_on()?;
        export(path, &folder.join(name).with_added_extension("onnx")).map_err(StageError::failed)?;
        stage.progress(done as u64 + 1, models.len() as u64, "models");
    }
    Ok(())
}

fn export(folder: &Path, file: &Path) -> Result<(), ExportError> {
    let bytes = onnx(&Model::load(folder)?)
        .map_err(|source| ExportError::Model { folder: folder.display().to_string(), source: Box::new(source) })?;
    Ok(fs_err::write(file, bytes)?)
}

/// Names and folders of models, sorted: the folder itself, or those in it.
fn models(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, ExportError> {
    if folder.join(NETWORK).exists() {
        return Ok(vec![("model".into(), folder.to_owned())]);
    }
    let mut models = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.path().join(NETWORK).exists() {
            models.push((entry.file_name().into(), entry.path()));
        }
    }
    models.sort();
    if models.is_empty() { Err(ExportError::NoModels(folder.display().to_string())) } else { Ok(models) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use nnf_net::{Changes, Weights, build};

    use super::*;

    #[test]
    fn a_model_and_a_folder_of_models_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let network = build("resnet-tiny", &Changes::default()).unwrap();
        let model = Model { weights: Weights::init(&network, 1), network };
        let fault = models(folder.path()).unwrap_err().to_string();
        assert!(fault.contains("holds no models: give the `model` of a stage"), "{fault}");
        for name in ["b-0.5", "a 1"] {
            model.save(&folder.path().join(name)).unwrap();
        }
        fs_err::write(folder.path().join("notes"), "none").unwrap();
        let names = |path: &Path| models(path).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(folder.path()), [Path::new("a 1"), Path::new("b-0.5")]);
        assert_eq!(names(&folder.path().join("b-0.5")), [Path::new("model")]);
        let file = folder.path().join("out.onnx");
        export(&folder.path().join("a 1"), &file).unwrap();
        assert_eq!(fs_err::read(&file).unwrap(), onnx(&model).unwrap());
        fs_err::remove_file(folder.path().join("b-0.5/weights.safetensors")).unwrap();
        let fault = export(&folder.path().join("b-0.5"), &file).unwrap_err().to_string();
        assert!(fault.contains("b-0.5/weights.safetensors") && fault.contains("No such file"), "{fault}");
    }
}
