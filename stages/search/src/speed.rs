//! How long a search, an extraction and saving take on ResNet-50; run by hand:
//! `cargo test --workspace -p nnf-search speed -- --ignored --nocapture`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that prints")]

use std::time::Instant;

use nnf_device::{Budget, Conditions, Micros, Predictor, Timing};
use nnf_evaluation::Subnet;
use nnf_net::{GateVector, Model, Weights, resnet::Config};
use nnf_supernet::{AssemblerConfig, Encoding, Supernet, build_assembler};

use crate::candidates::{candidates, limits};
use crate::scenario::Search;

fn supernet(preset: &str) -> Supernet {
    let network = Config::preset(preset).unwrap().build().unwrap();
    let encoding = Encoding { task_bits: 16, limit_dims: 20 };
    // Open enough that pruning to the limit decides, so that every limit gives another subnet.
    let sizes = AssemblerConfig { encoder: vec![64, 128, 256, 256], gater: 128, experts: 1, open: 3.0 };
    let (assembler, weights) = build_assembler(&network.gate_layers(), encoding, &sizes, 1).unwrap();
    let model = Model { weights: Weights::init(&network, 1), network };
    Supernet { model, assembler: Model { network: assembler, weights }, encoding }
}

/// A predictor whose figures mean nothing: as many features as the real one has.
fn predictor(supernet: &Supernet) -> Predictor {
    let features = Predictor::feature_names(&supernet.model.network);
    let timing = Timing { warm_up: 1, runs: 1, rounds: 1 };
    let conditions = Conditions {
        device: "d".into(),
        cpu: "c".into(),
        platform: "p".into(),
        threads: 1,
        runtime: "libtorch".into(),
        governor: "unknown".into(),
        precision: "float32".into(),
        batch: 1,
        timing,
        reference: None,
    };
    Predictor {
        format: "nnf.predictor".into(),
        version: 1,
        conditions,
        layers: supernet.model.network.gate_layers(),
        coefficients: vec![1e-3; features.len()],
        features,
        intercept: 1.0,
        floor: 0.0,
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn timed<T>(times: usize, mut f: impl FnMut() -> T) -> (f64, T) {
    let mut all = Vec::new();
    loop {
        let begin = Instant::now();
        let value = f();
        all.push(begin.elapsed().as_secs_f64() * 1e3);
        if all.len() == times {
            return (median(all), value);
        }
    }
}

#[test]
#[ignore = "a benchmark"]
fn speed() {
    let folder = tempfile::tempdir().unwrap();
    tch::set_num_threads(1);
    for preset in ["resnet-numvqa", "resnet50"] {
        let supernet = supernet(preset);
        let predictor = predictor(&supernet);
        let estimator = predictor.estimator(&supernet.model.network);
        let limits = limits(100, 0.01);
        let bits = [true; 16];
        let requirements: Vec<nnf_supernet::Requirement> =
            limits.iter().map(|limit| nnf_supernet::Requirement { bits: bits.to_vec(), limit: *limit }).collect();
        let (assembling, _) = timed(9, || supernet.assemble(&requirements).unwrap());
        let (searching, found) = timed(9, || candidates(&supernet, &estimator, &bits, &limits).unwrap());
        println!("{preset}: assembling {assembling:.1} ms, search {searching:.1} ms, {} subnets", found.gates.len());
        let least = found.candidates.iter().map(|one| one.latency.0).fold(f64::INFINITY, f64::min);
        for share in [0.98, 0.9] {
            let budget = Budget { latency: Some(Micros(least * share)), memory: None };
            let mut offered = Search::new(&supernet, &estimator, &bits, &limits).unwrap();
            let (fitting, choice) = timed(5, || offered.choose(&budget, 0.0, true).unwrap());
            println!("  fitting into {share} of the least latency: {fitting:.1} ms, {choice:?}");
        }
        let open = GateVector::open(&supernet.model.network.gate_layers());
        let near = |wanted: f64| {
            let limit = |at: &usize| found.candidates[*at].limit;
            let nearer = |a: &usize, b: &usize| (limit(a) - wanted).abs().total_cmp(&(limit(b) - wanted).abs());
            let at = (0..found.gates.len()).min_by(nearer).unwrap();
            (format!("{:.1} %", found.candidates[at].limit * 100.0), &found.gates[at])
        };
        for (name, gates) in [near(0.05), near(0.5), ("all modules".to_owned(), &open)] {
            let (extracting, subnet) = timed(5, || Subnet::of(&supernet, gates).unwrap());
            let (saving, ()) = timed(5, || subnet.model.save(&folder.path().join("subnet")).unwrap());
            println!(
                "  {name}: extract {extracting:.1} ms, save {saving:.1} ms, {} parameters",
                subnet.counts.parameters
            );
        }
    }
}
