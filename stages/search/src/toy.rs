//! An untrained supernet, and a predictor for it, for tests.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_device::{Conditions, Predictor, Timing};
use nnf_net::{Model, Weights, resnet::Config};
use nnf_supernet::{AssemblerConfig, Encoding, Supernet, build_assembler};

/// A supernet of a preset; its assembler opens nearly all modules, so that pruning to the limit decides.
pub(crate) fn supernet(preset: &str) -> Supernet {
    let network = Config::preset(preset).unwrap().build().unwrap();
    let encoding = Encoding { task_bits: 16, limit_dims: 20 };
    let sizes = AssemblerConfig { encoder: vec![64, 128, 256, 256], gater: 128, experts: 1, open: 3.0 };
    let (assembler, weights) = build_assembler(&network.gate_layers(), encoding, &sizes, 1).unwrap();
    let model = Model { weights: Weights::init(&network, 1), network };
    Supernet { model, assembler: Model { network: assembler, weights }, encoding }
}

/// A predictor of 1 µs, and of what each feature costs.
pub(crate) fn predictor(supernet: &Supernet, cost: impl Fn(&str) -> f64) -> Predictor {
    let network = &supernet.model.network;
    let coefficients = Predictor::feature_names(network).iter().map(|name| cost(name)).collect();
    let conditions = Conditions::new("d", 1, Timing { warm_up: 1, runs: 1, rounds: 1 });
    Predictor::new(conditions, network, coefficients, (1.0, 0.0))
}
