//! Kind `network.load_weights`: a model from a network and a safetensors file of anybody's weights.
//!
//! Names are matched as they are, after the pipeline's renaming: those of the builders are those of torchvision, so its
//! weights fit without any.

use std::path::Path;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use serde::Deserialize;
use tch::Kind as Number;

use crate::error::NetError;
use crate::graph::Network;
use crate::model::Model;
use crate::weights::{Weights, floating};

#[derive(Debug, Deserialize)]
struct Parameters {
    rename: Vec<Rename>,
    missing: String,
    seed: u64,
}

/// Names that begin with `from` begin with `to` instead.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Rename {
    pub(crate) from: String,
    pub(crate) to: String,
}

pub(crate) fn offer() -> Offer {
    let rename = ParameterType::Record {
        fields: vec![
            Parameter::string("from", "how a name in the file begins"),
            Parameter::string("to", "what stands there instead"),
        ],
    };
    let kind = Kind::new("network.load_weights", "A model from a network and a safetensors file of weights")
        .inputs([
            Input::new("network", "application/json", "the network"),
            Input::new("weights", "application/vnd.safetensors", "its weights, by name"),
        ])
        .outputs([
            Output::new("model", "inode/directory", "the network with the weights"),
            Output::new("summary", "text/markdown", "which parameters were found, which were not, what was not used"),
        ])
        .parameters([
            Parameter::list(
                "rename",
                rename,
                "renaming of what is in the file, by beginnings of names; the first counts",
            )
            .default(serde_json::json!([])),
            Parameter::choice(
                "missing",
                &["refuse", "initialise"],
                "what becomes of parameters that the file does not have in the right shape, such as another classifier",
            )
            .default("refuse"),
            Parameter::int("seed", 0, i64::MAX, "seed of what is initialised").default(1),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let network = Network::load(stage.input("network")?).map_err(StageError::failed)?;
    let path = stage.input("weights")?;
    let found = Weights::load(path).map_err(StageError::failed)?;
    let loaded =
        load(network, found, &p.rename, p.seed).map_err(|e| StageError::failed(format!("{}: {e}", path.display())))?;
    if p.missing == "refuse" && !loaded.missing.is_empty() {
        return Err(StageError::failed(refusal(path, &loaded.missing)));
    }
    stage.note(format!(
        "{} parameters found, {} initialised, {} in the file not used",
        loaded.found.len(),
        loaded.missing.len(),
        loaded.unused.len()
    ));
    fs_err::write(stage.output("summary")?, loaded.summary()).map_err(StageError::failed)?;
    loaded.model.save(stage.output("model")?).map_err(StageError::failed)
}

fn refusal(path: &Path, missing: &[(String, String)]) -> String {
    let some: Vec<String> = missing.iter().take(5).map(|(name, why)| format!("`{name}` ({why})")).collect();
    let more =
        if missing.len() > some.len() { format!(" and {} more", missing.len() - some.len()) } else { String::new() };
    format!(
        "{} does not fit the network: {}{more}; rename with `rename`, or let them be initialised with `missing: initialise`",
        path.display(),
        some.join(", ")
    )
}

/// A model, and how its weights came about.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) model: Model,
    pub(crate) found: Vec<String>,
    /// Parameters that were initialised, and why.
    pub(crate) missing: Vec<(String, String)>,
    /// Names in the file that nothing needs.
    pub(crate) unused: Vec<String>,
}

impl Loaded {
    fn summary(&self) -> String {
        let mut text = format!("{} parameters were found in the file.\n", self.found.len());
        let mut list = |title: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                text.push_str(&format!("\n{title}:\n\n"));
                lines.iter().for_each(|line| text.push_str(&format!("- {line}\n")));
            }
        };
        list("Initialised", self.missing.iter().map(|(name, why)| format!("`{name}`: {why}")).collect());
        list("In the file, but not in the network", self.unused.iter().map(|name| format!("`{name}`")).collect());
        text
    }
}

/// Takes what fits from `given`; the rest is initialised.
///
/// # Errors
/// When two names of the file become the same, or a parameter's numbers are no floating ones.
pub(crate) fn load(network: Network, given: Weights, rename: &[Rename], seed: u64) -> Result<Loaded, NetError> {
    let mut renamed = Weights::default();
    for (name, tensor) in given.iter() {
        let rule =
            rename.iter().find_map(|rule| name.strip_prefix(&rule.from).map(|rest| format!("{}{rest}", rule.to)));
        let new = rule.unwrap_or_else(|| name.to_owned());
        if renamed.get(&new).is_ok() {
            return Err(NetError::Weights { name: new, why: "two names of the file become this one".into() });
        }
        renamed.insert(new, tensor.shallow_clone());
    }
    let mut weights = Weights::init(&network, seed);
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for parameter in network.parameters() {
        match renamed.get(&parameter.name) {
            // Whole numbers are quantised weights, whose scale is elsewhere; as they stand they mean something else.
            Ok(tensor) if !floating(tensor.kind()) => {
                let why = format!(
                    "its numbers are of type {:?}; weights are floating numbers (float16, bfloat16, float32 or float64): \
                     multiply quantised ones by their scale first",
                    tensor.kind()
                );
                return Err(NetError::Weights { name: parameter.name, why });
            }
            Ok(tensor) if fits(&tensor.size(), &parameter.shape) => {
                let tensor = tensor.to_kind(Number::Float).reshape(parameter.shape.as_slice());
                weights.insert(parameter.name.clone(), tensor);
                found.push(parameter.name);
            }
            Ok(tensor) => {
                missing.push((parameter.name, format!("{:?} where {:?} is needed", tensor.size(), parameter.shape)));
            }
            Err(_) => missing.push((parameter.name, "not in the file".into())),
        }
    }
    let known = |name: &str| found.iter().any(|own| own == name) || missing.iter().any(|(own, _)| own == name);
    let unused = renamed.iter().map(|(name, _)| name.to_owned()).filter(|name| !known(name)).collect();
    Ok(Loaded { model: Model { network, weights }, found, missing, unused })
}

/// Whether a tensor is what is needed, but for axes of 1 at the end: a 1×1 convolution on a mean of all places is a fully
/// connected layer.
fn fits(found: &[i64], needed: &[i64]) -> bool {
    found.starts_with(needed) && found[needed.len()..].iter().all(|size| *size == 1)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::resnet::Config;
    use tch::{Device, Tensor};

    #[test]
    fn what_fits_is_taken_and_the_rest_is_told() {
        let network = Config::preset("resnet-tiny").unwrap().build().unwrap();
        let other = Weights::init(&network, 5);
        let mut given = Weights::default();
        for (name, tensor) in other.iter().filter(|(name, _)| *name != "bn1.bias") {
            given.insert(format!("backbone.{name}"), tensor.to_kind(Number::Double));
        }
        given.insert("backbone.fc.weight", Tensor::zeros([10, 128], (Number::Float, Device::Cpu)));
        given.insert("backbone.bn1.num_batches_tracked", Tensor::from_slice(&[3_i64]));
        let rename = [Rename { from: "backbone.".into(), to: String::new() }];
        let loaded = load(network.clone(), given, &rename, 1).unwrap();
        loaded.model.weights.check(&network).unwrap();
        let missing: Vec<&str> = loaded.missing.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(missing, ["bn1.bias", "fc.weight"]);
        assert_eq!(loaded.missing[1].1, "[10, 128] where [2, 128] is needed");
        assert_eq!(loaded.unused, ["bn1.num_batches_tracked"]);
        let weight = |weights: &Weights| weights.get("conv1.weight").unwrap().shallow_clone();
        assert!(weight(&loaded.model.weights).equal(&weight(&other)));
        assert_eq!(weight(&loaded.model.weights).kind(), Number::Float);
        let text = refusal(Path::new("w.safetensors"), &loaded.missing);
        assert!(text.contains("`bn1.bias` (not in the file), `fc.weight` ([10, 128] where"), "{text}");
        assert!(loaded.summary().contains("- `bn1.num_batches_tracked`"));
    }

    #[test]
    fn a_convolution_of_one_pixel_serves_a_fully_connected_layer() {
        let network = Config::preset("resnet-tiny").unwrap().build().unwrap();
        let mut given = Weights::init(&network, 5);
        let weight = given.get("fc.weight").unwrap().copy();
        given.insert("fc.weight", weight.unsqueeze(-1).unsqueeze(-1));
        let loaded = load(network, given, &[], 1).unwrap();
        assert!(loaded.missing.is_empty() && loaded.model.weights.get("fc.weight").unwrap().equal(&weight));
        assert!(fits(&[2, 3], &[2, 3]) && !fits(&[2, 3], &[2, 3, 1]) && !fits(&[2, 3, 2], &[2, 3]));
    }

    #[test]
    fn weights_of_whole_numbers_are_refused() {
        let network = Config::preset("resnet-tiny").unwrap().build().unwrap();
        for kind in [Number::Int8, Number::Uint8, Number::Bool, Number::ComplexFloat] {
            let mut given = Weights::default();
            given.insert("fc.bias", Tensor::ones([2], (kind, Device::Cpu)));
            let error = load(network.clone(), given, &[], 1).unwrap_err().to_string();
            let begin = format!("parameter `fc.bias`: its numbers are of type {kind:?}; weights are floating numbers");
            assert!(error.starts_with(&begin), "{error}");
        }
    }

    #[test]
    fn names_that_become_one_are_refused() {
        let network = Config::preset("resnet-tiny").unwrap().build().unwrap();
        let mut given = Weights::default();
        for name in ["a.fc.bias", "fc.bias"] {
            given.insert(name, Tensor::zeros([2], (Number::Float, Device::Cpu)));
        }
        let rename = [Rename { from: "a.".into(), to: String::new() }];
        assert!(load(network, given, &rename, 1).unwrap_err().to_string().contains("two names"));
    }
}
