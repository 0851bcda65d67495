//! Importance by hand, budgets, and what a pruned network computes.

use nnf_net::{ChannelGroups, Counts, Macs, Model, Network, Node, Op, Precision, Random, Run, Weights, forward};
use tch::{Kind, Tensor};

use super::golden::{narrow_mobilenet, narrow_resnet, narrow_vit};
use super::toy;
use crate::budget::{Budget, Target};
use crate::{Ranking, Scope, heads, importance, slices};

fn node(name: &str, op: Op, input: &str) -> Node {
    Node { name: name.into(), op, inputs: if input.is_empty() { Vec::new() } else { vec![input.into()] } }
}

fn conv(out: i64, kernel: i64) -> Op {
    Op::Conv2d { out, kernel, stride: 1, padding: 0, groups: 1, bias: true }
}

/// conv → norm → relu → conv → pool → fully connected.
fn tiny() -> (Network, Weights) {
    let nodes = vec![
        node("input", Op::Input { shape: vec![1, 3, 3] }, ""),
        node("one", conv(2, 2), "input"),
        node("norm", Op::BatchNorm { eps: 1e-5, momentum: 0.1 }, "one"),
        node("relu", Op::Relu, "norm"),
        node("two", conv(3, 1), "relu"),
        node("pool", Op::GlobalAveragePool, "two"),
        node("fc", Op::Linear { out: 2, bias: true }, "pool"),
    ];
    let network = Network::new("tiny", nodes, &["fc".to_owned()]).unwrap();
    let mut weights = Weights::init(&network, 1);
    let mut put =
        |name: &str, values: &[f32], shape: &[i64]| weights.insert(name, Tensor::from_slice(values).view(shape));
    put("one.weight", &[1.0, 0.0, -1.0, 0.0, 2.0, 1.0, 0.0, 2.0], &[2, 1, 2, 2]);
    put("one.bias", &[9.0, 9.0], &[2]);
    put("norm.weight", &[3.0, 1.0], &[2]);
    put("two.weight", &[1.0, 2.0, 0.0, -1.0, 2.0, 0.0], &[3, 2, 1, 1]);
    put("fc.weight", &[1.0, 0.0, 2.0, 2.0, 1.0, 0.0], &[2, 3]);
    (network, weights)
}

#[test]
fn importance_is_what_a_hand_computes() {
    let (network, weights) = tiny();
    let groups = ChannelGroups::of(&network);
    let group = |name: &str| &groups.groups()[groups.of_node(network.position(name).unwrap())];
    // Rows of `one`: 2 and 9; factors of `norm`: 9 and 1; columns of `two`: 1+0+4 and 4+1+0. Biases do not count.
    let found = importance(&network, &weights, group("one")).unwrap().unwrap();
    let (first, second) = ((2.0 + 9.0 + 5.0) / 3.0, (9.0 + 1.0 + 5.0) / 3.0);
    let mean = (first + second) / 2.0;
    assert!((found[0] - first / mean).abs() < 1e-12 && (found[1] - second / mean).abs() < 1e-12, "{found:?}");
    // Rows of `two`: 5, 1, 4; columns of `fc`: 5, 1, 4.
    let found = importance(&network, &weights, group("two")).unwrap().unwrap();
    let expected = [5.0, 1.0, 4.0].map(|value| value * 3.0 / 10.0);
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    assert_eq!(slices(&network, group("one")).len(), 3);
    let ranking = Ranking::of(&network, &weights, Scope::All).unwrap();
    // The most important channel of each group never goes, so three of five can.
    assert_eq!(ranking.removable(), 3);
    let keep = |removed| ranking.keep(removed).into_iter().flatten().collect::<Vec<Vec<i64>>>();
    assert_eq!(keep(0), Vec::<Vec<i64>>::new());
    assert_eq!(keep(1), [vec![0, 2]]);
    assert_eq!(keep(2), [vec![0], vec![0, 2]]);
    assert_eq!(keep(3), [vec![0], vec![0]]);
    assert_eq!(Ranking::of(&network, &weights, Scope::Gated).unwrap().removable(), 0, "nothing is gated");
}

#[test]
fn a_budget_of_macs_is_met_and_just_so() {
    let (network, weights) = narrow_resnet();
    let predictor = toy::predictor(&network);
    let target = Target { network: &network, predictor: &predictor, timing: predictor.conditions.timing, margin: 0.0 };
    let whole = Counts::of(&network).macs.0;
    for scope in [Scope::Gated, Scope::All] {
        let ranking = Ranking::of(&network, &weights, scope).unwrap();
        let macs = |removed| Counts::of(&ranking.pruned_network(&network, removed).unwrap()).macs.0;
        let budget = target.budgets(&[], &[], &[0.6]).unwrap()[0];
        let fit = target.fit(&ranking, scope, budget).unwrap();
        let most = (whole as f64 * 0.6) as u64;
        assert!(fit.fits && macs(fit.removed) <= most && macs(fit.removed - 1) > most, "{scope:?} {fit:?}");
        let nothing = target.fit(&ranking, scope, Budget::Macs(Macs(1))).unwrap();
        assert_eq!((nothing.removed, nothing.fits), (ranking.removable(), false));
        let least = ranking.pruned_network(&network, ranking.removable()).unwrap();
        let narrow = |id: usize| matches!(least.nodes()[id].op, Op::Conv2d { .. }) && least.shape_of(id)[0] == 1;
        assert!((0..least.nodes().len()).any(narrow), "a layer keeps one channel");
        assert!(!least.nodes().iter().any(|node| matches!(node.op, Op::Constant { .. })), "no layer is left empty");
        assert_eq!(target.fit(&ranking, scope, Budget::Macs(Macs(whole))).unwrap().removed, 0);
    }
}

#[test]
fn a_budget_of_predicted_latency_is_met_and_just_so() {
    let (network, weights) = narrow_resnet();
    let predictor = toy::predictor(&network);
    let target = Target { network: &network, predictor: &predictor, timing: predictor.conditions.timing, margin: 0.0 };
    let ranking = Ranking::of(&network, &weights, Scope::Gated).unwrap();
    // 72 gated channels: the whole takes 172 µs, half of that is 86 µs, which 100 µs without any channel do not allow.
    let budgets = target.budgets(&[0.15], &[0.5], &[]).unwrap();
    let fit = target.fit(&ranking, Scope::Gated, budgets[0]).unwrap();
    assert_eq!((fit.removed, fit.fits), (22, true));
    assert_eq!(target.predicted(&ranking, fit.removed).unwrap().0, 150.0);
    let fit = target.fit(&ranking, Scope::Gated, budgets[1]).unwrap();
    assert_eq!((fit.removed, fit.fits), (64, false));
    assert!(target.budgets(&[], &[], &[]).is_err());
    // A tenth left free: 135 µs.
    let careful = Target { margin: 0.1, ..target };
    assert_eq!(careful.fit(&ranking, Scope::Gated, budgets[0]).unwrap().removed, 37);
}

#[test]
fn a_latency_that_falls_unevenly_hides_no_larger_network() {
    let (network, weights) = narrow_resnet();
    let mut predictor = toy::predictor(&network);
    // Blocks of channels that are just filled are slow here, so half of the channels take longer than more of them.
    for (name, factor) in predictor.features.iter().zip(&mut predictor.coefficients) {
        if name.contains("-block.") {
            *factor = -1e-3;
        }
    }
    let timing = predictor.conditions.timing;
    let target = Target { network: &network, predictor: &predictor, timing, margin: 0.0 };
    let ranking = Ranking::of(&network, &weights, Scope::Gated).unwrap();
    let latencies: Vec<f64> =
        (0..=ranking.removable()).map(|removed| target.predicted(&ranking, removed).unwrap().0).collect();
    assert!(latencies.windows(2).any(|two| two[1] > two[0]), "{latencies:?}");
    let most = latencies.iter().sum::<f64>() / latencies.len() as f64;
    let first = latencies.iter().position(|latency| *latency <= most);
    let fit = target.fit(&ranking, Scope::Gated, Budget::Latency(nnf_device::Micros(most))).unwrap();
    assert_eq!(first, Some(fit.removed), "{latencies:?}");
}

/// Weights with which the channels of a group that are not kept are zero wherever the group goes.
fn zeroed(network: &Network, weights: &Weights, keep: &[Option<Vec<i64>>]) -> Weights {
    let zeroed = weights.copied();
    for (group, kept) in ChannelGroups::of(network).groups().iter().zip(keep) {
        let Some(kept) = kept else { continue };
        let mask: Vec<f64> = (0..group.width).map(|c| f64::from(u8::from(kept.contains(&c)))).collect();
        for norm in group.members.iter().map(|id| &network.nodes()[*id]) {
            if matches!(norm.op, Op::BatchNorm { .. }) {
                for part in ["weight", "bias"] {
                    let mut tensor = zeroed.get(&format!("{}.{part}", norm.name)).unwrap().shallow_clone();
                    let _ = tensor.g_mul_(&Tensor::from_slice(&mask));
                }
            }
        }
    }
    zeroed
}

#[test]
fn a_pruned_network_computes_what_remains() {
    let run = Run { precision: Precision::Float64, ..Run::default() };
    for (network, weights) in [narrow_resnet(), narrow_mobilenet()] {
        let weights = weights.to(Kind::Double, tch::Device::Cpu);
        let input = network.input_shape();
        let batch = Random::of(3, &[]).normal_tensor(&[2, input[0], input[1], input[2]], 1.0);
        for scope in [Scope::Gated, Scope::All] {
            let ranking = Ranking::of(&network, &weights, scope).unwrap();
            for removed in [10, ranking.removable()] {
                let zeroed = zeroed(&network, &weights, &ranking.keep(removed));
                let expected = forward(&network, &zeroed, &batch, &run, &[]).unwrap();
                let model = Model { network: network.clone(), weights: weights.copied() };
                let pruned = ranking.pruned(&model, removed).unwrap();
                assert!(pruned.network.gate_layers().is_empty());
                assert_eq!(pruned.network, ranking.pruned_network(&network, removed).unwrap());
                let found = forward(&pruned.network, &pruned.weights, &batch, &run, &[]).unwrap();
                let apart = f64::try_from((&found[0] - &expected[0]).abs().max() / expected[0].abs().max()).unwrap();
                assert!(apart < 1e-10, "{} {scope:?} {removed}: {apart:e}", network.name());
            }
        }
    }
}

#[test]
fn of_attention_whole_heads_go() {
    let (network, weights) = narrow_vit();
    let ranking = Ranking::of(&network, &weights, Scope::All).unwrap();
    // One of two heads of each block, 7 of 8 channels of the tokens, 11 of 12 of each block's FFN.
    assert_eq!(ranking.removable(), 2 + 7 + 2 * 11);
    for removed in 0..=ranking.removable() {
        ranking.pruned_network(&network, removed).unwrap();
    }
    let least = ranking.pruned_network(&network, ranking.removable()).unwrap();
    let width = |name: &str| least.channels_of(least.position(name).unwrap());
    assert_eq!(width("encoder.layers.encoder_layer_1.self_attention.q"), 4);
    assert_eq!((width("conv_proj"), width("encoder.layers.encoder_layer_0.mlp.0")), (1, 1));
}

#[test]
fn a_task_takes_its_pair_of_the_unified_answers() {
    let (network, weights) = tiny();
    let model = heads::unified(&Model { network, weights }, 3, 5).unwrap();
    let batch = Random::of(3, &[]).normal_tensor(&[4, 1, 3, 3], 1.0);
    let scores =
        |model: &Model| forward(&model.network, &model.weights, &batch, &Run::default(), &[]).unwrap().remove(0);
    let all = scores(&model);
    assert_eq!(all.size(), [4, 6]);
    for task in 0..3_usize {
        let own = scores(&heads::of_task(&model, task, 3).unwrap());
        assert!(own.equal(&all.narrow(1, 2 * task as i64, 2)), "task {task}");
    }
    assert!(heads::of_task(&model, 0, 4).unwrap_err().to_string().contains("6 answers"));
}
