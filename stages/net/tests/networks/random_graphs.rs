//! What slicing, folding and removing promise, on random small graphs.
//!
//! A gate stands wherever `slice` accepts one. Whatever is accepted must be exact.
use std::collections::{BTreeMap, BTreeSet};

use nnf_net::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use crate::growing::{gates_of, grown, plans};
use crate::support::{changes, difference, small, trained_like};

fn run_all(network: &Network, weights: &Weights, batch: &Tensor, gates: Gates, precision: Precision) -> Tensor {
    let run = Run { gates, precision, training: false };
    tch::no_grad(|| forward(network, weights, batch, &run, &[]).unwrap().remove(0)).to_kind(Kind::Double)
}

/// Slices and folds, and compares both with the gated network.
fn exact(network: &Network, seed: u64) -> Result<(), TestCaseError> {
    let mut random = Random::of(seed, &[]);
    let batch = random.normal_tensor(&[&[2], network.input_shape()].concat(), 1.0).to_kind(Kind::Double);
    let gates = gates_of(network, &mut random);
    let wide = trained_like(network, seed).to(Kind::Double, Device::Cpu);
    let truth = run_all(network, &wide, &batch, Gates::Fixed(&gates), Precision::Float64);
    for (precision, kind) in [(Precision::Float64, Kind::Double), (Precision::Float32, Kind::Float)] {
        let weights = wide.to(kind, Device::Cpu);
        let gated = run_all(network, &weights, &batch, Gates::Fixed(&gates), precision);
        // A layer norm of nearly equal numbers makes rounding large: no bound is below what float32 itself is off.
        let bound = if kind == Kind::Double { 1e-10 } else { 1e-5_f64.max(8.0 * difference(&gated, &truth)) };
        let (subnet, own) = slice(network, &weights, &gates).unwrap();
        prop_assert!(subnet.gate_layers().is_empty());
        prop_assert_eq!(&subnet, &slice_network(network, &gates).unwrap());
        let folded = fold_batch_norms(&subnet, &own).unwrap();
        let whole = fold_batch_norms(network, &weights).unwrap();
        for (what, network, weights, gates) in [
            ("sliced", &subnet, &own, Gates::Open),
            ("sliced and folded", &folded.0, &folded.1, Gates::Open),
            ("folded", &whole.0, &whole.1, Gates::Fixed(&gates)),
        ] {
            let apart = difference(&run_all(network, weights, &batch, gates, precision), &gated);
            prop_assert!(apart <= bound, "{what} {kind:?}: {apart:e} above {bound:e}\n{}", network.to_json());
        }
    }
    Ok(())
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 200, failure_persistence: None, max_global_rejects: 200, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn slicing_and_folding_are_exact(plan in plans(), seed in any::<u64>()) {
        let network = grown(&plan);
        prop_assume!(!network.gate_layers().is_empty());
        exact(&network, seed)?;
    }

    #[test]
    fn what_is_left_of_removed_channels_runs(plan in plans(), seed in any::<u64>()) {
        let gated = grown(&plan);
        let network = slice_network(&gated, &GateVector::open(&gated.gate_layers())).unwrap();
        let mut random = Random::of(seed, &[]);
        let groups = ChannelGroups::of(&network);
        let keep = |group: &ChannelGroup| {
            let blocks = (0..group.width / group.block).filter(|_| random.unit() < 0.6);
            let kept: Vec<i64> = blocks.flat_map(|b| b * group.block..(b + 1) * group.block).collect();
            group.removable.then_some(kept)
        };
        let keep: Vec<Option<Vec<i64>>> = groups.groups().iter().map(keep).collect();
        let weights = trained_like(&network, seed);
        let (less, own) = remove_channels(&network, Some(&weights), &keep).unwrap();
        own.as_ref().unwrap().check(&less).unwrap();
        prop_assert_eq!(&less, &remove_channels(&network, None, &keep).unwrap().0);
        let batch = random.normal_tensor(&[&[2], network.input_shape()].concat(), 1.0);
        let found = forward(&less, &own.unwrap(), &batch, &Run::default(), &[]).unwrap();
        prop_assert_eq!(found[0].size(), vec![2, 3]);
        prop_assert!(Counts::of(&less).macs <= Counts::of(&network).macs);
    }
}

/// Names of all ops, as the reader of files tells them.
fn all_ops() -> Vec<String> {
    let error = serde_json::from_str::<Op>(r#"{"kind": "?"}"#).unwrap_err().to_string();
    let (_, expected) = error.split_once("expected one of ").unwrap();
    let ops = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<String>>();
    assert!(ops.len() > 20 && ops.contains(&"conv2d".to_owned()), "{error}");
    ops
}

#[test]
fn random_graphs_meet_every_op_beside_gates() {
    let mut runner = TestRunner::deterministic();
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..300 {
        let network = grown(&plans().new_tree(&mut runner).unwrap().current());
        let nodes = network.nodes();
        let mut found: BTreeSet<String> = BTreeSet::new();
        for (id, node) in nodes.iter().enumerate() {
            let op = serde_json::to_value(&node.op).unwrap();
            let kind = op["kind"].as_str().unwrap().to_owned();
            let depthwise = node.op.is_depthwise(network.in_channels(id)).then(|| "depthwise".to_owned());
            let uneven = op.get("padding").filter(|padding| padding.is_array()).map(|_| format!("{kind}, uneven"));
            let shared = node.shares.is_some().then(|| format!("{kind}, shared"));
            let block = (network.block_of(id) > 1).then(|| "gate of a head".to_owned());
            found.extend([Some(kind), depthwise, uneven, shared, block].into_iter().flatten());
        }
        if network.gate_layers().len() > 1 {
            found.into_iter().for_each(|kind| *met.entry(kind).or_default() += 1);
        }
    }
    let special = ["depthwise", "conv2d, uneven", "max_pool, uneven", "gate of a head"];
    let shared = ["conv2d, shared", "linear, shared", "batch_norm, shared", "gate, shared"];
    for op in all_ops().into_iter().chain(special.into_iter().chain(shared).map(str::to_owned)) {
        assert!(met.get(&op).is_some_and(|count| *count >= 5), "{op}: {met:?}");
    }
}

#[test]
fn slicing_small_networks_of_each_backbone_is_exact() {
    for preset in presets() {
        exact(&small(preset), 1).unwrap_or_else(|fault| panic!("{preset}: {fault}"));
    }
    let streams = build("resnet-tiny", &changes(json!({ "gate_streams": true, "layout": [2, 2, 1] }))).unwrap();
    let all = json!({ "gate_stem": true, "gate_last": true, "input": [3, 32, 32], "border": "same" });
    let mobile = build("mobilenet-v2", &changes(all)).unwrap();
    let heads = build("vit-numvqa", &changes(json!({ "depth": 2, "gate_heads": true }))).unwrap();
    for (seed, network) in (0..9).flat_map(|seed| [(seed, &streams), (seed, &mobile), (seed, &heads)]) {
        exact(network, seed).unwrap_or_else(|fault| panic!("{}: {fault}", network.name()));
    }
}
