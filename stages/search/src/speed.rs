//! How long a search, an extraction and saving take on ResNet-50; run by hand:
//! `cargo test --locked --workspace --lib speed -- --ignored --nocapture`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that prints")]

use std::time::Instant;

use nnf_device::DeviceError;
use nnf_evaluation::Subnet;
use nnf_net::GateVector;

use crate::candidates::{candidate, candidates, limits};
use crate::fit::fit;
use crate::toy::{predictor, supernet};

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
        // Its figures mean nothing, but it has as many features as a real one.
        let predictor = predictor(&supernet, |_| 1e-3);
        let estimator = predictor.estimator(&supernet.model.network).unwrap();
        let limits = limits(100, 0.01);
        let bits = [true; 16];
        let requirements: Vec<nnf_supernet::Requirement> =
            limits.iter().map(|limit| nnf_supernet::Requirement { bits: bits.to_vec(), limit: *limit }).collect();
        let (assembling, _) = timed(9, || supernet.assemble(&requirements).unwrap());
        let (searching, found) = timed(9, || candidates(&supernet, &estimator, &bits, &limits).unwrap());
        println!("{preset}: assembling {assembling:.1} ms, search {searching:.1} ms, {} subnets", found.made.len());
        let open = GateVector::open(&supernet.model.network.gate_layers());
        let near = |wanted: f64| {
            let limit = |at: &usize| found.candidates[*at].limit;
            let nearer = |a: &usize, b: &usize| (limit(a) - wanted).abs().total_cmp(&(limit(b) - wanted).abs());
            let at = (0..found.made.len()).min_by(nearer).unwrap();
            (format!("{:.1} %", found.candidates[at].limit * 100.0), &found.made[at].gates)
        };
        for (name, gates) in [near(0.05), near(0.5), ("all modules".to_owned(), &open)] {
            let (extracting, subnet) = timed(5, || Subnet::of(&supernet, gates).unwrap());
            let (saving, ()) = timed(5, || subnet.model.save(&folder.path().join("subnet")).unwrap());
            println!(
                "  {name}: extract {extracting:.1} ms, save {saving:.1} ms, {} parameters",
                subnet.counts.parameters
            );
        }
        let (essential, logits) = (supernet.model.network.essential_layers(), &found.made[0].logits);
        for (start, share) in [(0.05, 0.95), (0.05, 0.9), (0.2, 0.9)] {
            let (name, gates) = near(start);
            let whole = candidate(&estimator, gates, start).unwrap().latency.0;
            let used = |gates: &GateVector| -> Result<f64, DeviceError> {
                Ok(candidate(&estimator, gates, start)?.latency.0 / (whole * share))
            };
            let (fitting, fitted) = timed(5, || fit(gates, logits, &essential, &used).unwrap());
            let kept = fitted.map(|fitted| fitted.kept());
            println!(
                "  {name}, made to fit {share} of its latency: {fitting:.1} ms, {kept:?} of {} kept",
                gates.kept()
            );
        }
    }
}
