//! Networks and weights that tests share.

use nnf_net::*;
use serde_json::json;
use tch::Tensor;

/// Tests run beside each other, and libtorch's threads wait for each other actively.
pub(crate) fn one_thread() {
    tch::set_num_threads(1);
}

/// Weights as a training would leave them: no bias, norm or running statistic is the neutral one.
pub(crate) fn trained_like(network: &Network, seed: u64) -> Weights {
    one_thread();
    let mut weights = Weights::init(network, seed);
    for parameter in network.parameters().into_iter().filter(|parameter| parameter.role != Role::Weight) {
        let mut random = Random::named(seed ^ 5, &parameter.name);
        let around_one = ["weight", "running_var"].iter().any(|part| parameter.name.ends_with(part));
        let tensor = match around_one {
            true => random.uniform_tensor(&parameter.shape, 0.4) + 1.0,
            false => random.normal_tensor(&parameter.shape, 0.3),
        };
        weights.insert(parameter.name, tensor);
    }
    weights
}

pub(crate) fn changes(settings: serde_json::Value) -> Changes {
    Changes(settings.as_object().cloned().unwrap_or_default())
}

/// The same graph with smaller pictures, or less deep, so that float64 takes a second.
pub(crate) fn small(preset: &str) -> Network {
    let settings = match preset {
        "resnet18" | "resnet50" | "mobilenet-v2" | "efficientnet-b0" | "efficientnet-lite0" => {
            json!({ "input": [3, 32, 32] })
        }
        "resnet-numvqa" | "mobilenet-numvqa" => json!({ "input": [1, 28, 28] }),
        // Those are the same but for their sizes.
        preset if preset.starts_with("efficientnet-lite") => {
            json!({ "input": [3, 32, 32], "layout": [1, 1, 1, 1, 1, 1, 1] })
        }
        "vit-b-16" => json!({ "input": [3, 64, 64], "depth": 2, "dim": 48, "heads": 4, "ffn": 96 }),
        "vit-numvqa" => json!({ "depth": 2 }),
        _ => json!({}),
    };
    build(preset, &changes(settings)).unwrap()
}

pub(crate) fn difference(a: &Tensor, b: &Tensor) -> f64 {
    f64::try_from((a - b).abs().max() / b.abs().max()).unwrap()
}
