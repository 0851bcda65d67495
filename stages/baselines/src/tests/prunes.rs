//! Importance by hand, budgets, and what a pruned network computes.

use nnf_device::{Micros, Predictor};
use nnf_net::{
    ChannelGroups, Counts, Macs, Model, Network, Node, Op, Precision, Random, Run, Weights, fold_network, forward,
};
use tch::{Kind, Tensor};

use super::golden::{narrow_mobilenet, narrow_resnet, narrow_vit};
use super::toy;
use crate::budget::{Budget, Fit, Target};
use crate::{Ranking, Scope, heads, importance, slices};

fn node(name: &str, op: Op, input: &str) -> Node {
    Node::new(name, op, if input.is_empty() { Vec::new() } else { vec![input.into()] })
}

fn conv(out: i64, kernel: i64) -> Op {
    Op::Conv2d { out, kernel, stride: 1, padding: 0.into(), groups: 1, bias: true }
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

/// This machine as the predictor's device, with nothing left free.
fn target<'a>(network: &'a Network, predictor: &'a Predictor) -> Target<'a> {
    let timing = predictor.conditions.timing;
    Target { network, predictor, testbed: toy::testbed(predictor).unwrap(), timing, margin: 0.0 }
}

fn of_macs(most: u64) -> Budget {
    Budget { macs: Some(Macs(most)), ..Budget::default() }
}

fn of_latency(most: f64) -> Budget {
    let device = nnf_device::Budget { latency: Some(Micros(most)), memory: None };
    Budget { device, ..Budget::default() }
}

#[test]
fn a_budget_of_macs_is_met_and_just_so() {
    let (network, weights) = narrow_resnet();
    let predictor = toy::predictor(&network);
    let target = target(&network, &predictor);
    let whole = Counts::of(&network).macs.0;
    for scope in [Scope::Gated, Scope::All] {
        let ranking = Ranking::of(&network, &weights, scope).unwrap();
        let macs = |removed| Counts::of(&ranking.pruned_network(&network, removed).unwrap()).macs.0;
        let most = (whole as f64 * 0.6) as u64;
        let fit = target.fit(&ranking, scope, &of_macs(most)).unwrap();
        assert!(fit.fits && macs(fit.removed) <= most && macs(fit.removed - 1) > most, "{scope:?} {fit:?}");
        let nothing = target.fit(&ranking, scope, &of_macs(1)).unwrap();
        assert_eq!((nothing.removed, nothing.fits), (ranking.removable(), false));
        let least = ranking.pruned_network(&network, ranking.removable()).unwrap();
        let narrow = |id: usize| matches!(least.nodes()[id].op, Op::Conv2d { .. }) && least.shape_of(id)[0] == 1;
        assert!((0..least.nodes().len()).any(narrow), "a layer keeps one channel");
        assert!(!least.nodes().iter().any(|node| matches!(node.op, Op::Constant { .. })), "no layer is left empty");
        assert_eq!(target.fit(&ranking, scope, &of_macs(whole)).unwrap().removed, 0);
    }
}

#[test]
fn a_budget_of_predicted_latency_is_met_and_just_so() {
    let (network, weights) = narrow_resnet();
    let predictor = toy::predictor(&network);
    let target = target(&network, &predictor);
    let ranking = Ranking::of(&network, &weights, Scope::Gated).unwrap();
    // 72 gated channels: the whole takes 172 µs, half of that is 86 µs, which 100 µs without any channel do not allow.
    assert_eq!(predictor.estimator(&network).unwrap().whole().unwrap(), Micros(172.0));
    let fit = target.fit(&ranking, Scope::Gated, &of_latency(150.0)).unwrap();
    assert_eq!((fit.removed, fit.fits), (22, true));
    assert_eq!(target.predicted(&ranking, fit.removed).unwrap().0, 150.0);
    let fit = target.fit(&ranking, Scope::Gated, &of_latency(86.0)).unwrap();
    assert_eq!((fit.removed, fit.fits), (64, false));
    // A tenth left free: 135 µs. Of 110 µs none can be, since the least network takes 108 µs.
    let careful = Target { margin: 0.1, ..target };
    assert_eq!(careful.fit(&ranking, Scope::Gated, &of_latency(150.0)).unwrap().removed, 37);
    assert_eq!(careful.fit(&ranking, Scope::Gated, &of_latency(110.0)).unwrap(), Fit { removed: 62, fits: true });
}

#[test]
fn a_budget_of_memory_is_met_and_just_so() {
    let (network, weights) = narrow_resnet();
    let predictor = toy::predictor(&network);
    let target = target(&network, &predictor);
    let memory = |network: &Network| Counts::of(&fold_network(network).unwrap()).memory();
    let most = nnf_net::Bytes(memory(&network).0 * 7 / 10);
    for scope in [Scope::Gated, Scope::All] {
        let ranking = Ranking::of(&network, &weights, scope).unwrap();
        let left = |removed| memory(&ranking.pruned_network(&network, removed).unwrap());
        let on_device = |latency| nnf_device::Budget { latency, memory: Some(most) };
        let fit = target.fit(&ranking, scope, &Budget { device: on_device(None), macs: None }).unwrap();
        assert!(fit.fits && left(fit.removed) <= most && left(fit.removed - 1) > most, "{scope:?} {fit:?}");
        let loose = Budget { device: on_device(Some(Micros(1e9))), macs: None };
        assert_eq!(target.fit(&ranking, scope, &loose).unwrap(), fit, "a latency that all have changes nothing");
    }
}

#[test]
fn without_the_restriction_latency_is_measured_and_only_on_the_device() {
    let (network, weights) = narrow_resnet();
    let predictor = toy::predictor(&network);
    let here = target(&network, &predictor);
    let ranking = Ranking::of(&network, &weights, Scope::All).unwrap();
    let fit = |most| here.fit(&ranking, Scope::All, &of_latency(most)).unwrap();
    assert_eq!(fit(1e9), Fit { removed: 0, fits: true }, "a quarter of an hour is enough");
    assert_eq!(fit(1e-3), Fit { removed: ranking.removable(), fits: false }, "a nanosecond is not");
    let mut foreign = predictor.clone();
    foreign.conditions.cpu = "another".into();
    let elsewhere = Target { testbed: toy::testbed(&foreign).unwrap(), ..here };
    let error = elsewhere.fit(&ranking, Scope::All, &of_latency(1e9)).unwrap_err().to_string();
    assert!(error.contains("not the predictor's device"), "{error}");
    assert!(elsewhere.fit(&ranking, Scope::All, &of_macs(1)).is_ok(), "nothing is measured for these");
    foreign.conditions.threads = 2;
    let error = toy::testbed(&foreign).unwrap_err().to_string();
    assert!(error.contains("2 threads"), "{error}");
}

#[test]
fn weights_that_are_not_finite_have_no_importance() {
    let (network, mut weights) = tiny();
    weights.insert("two.weight", Tensor::from_slice(&[1.0_f32, f32::NAN, 0.0, -1.0, 2.0, 0.0]).view([3, 2, 1, 1]));
    let error = Ranking::of(&network, &weights, Scope::All).unwrap_err().to_string();
    assert!(error.contains("not finite"), "{error}");
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
    let target = target(&network, &predictor);
    let ranking = Ranking::of(&network, &weights, Scope::Gated).unwrap();
    let latencies: Vec<f64> =
        (0..=ranking.removable()).map(|removed| target.predicted(&ranking, removed).unwrap().0).collect();
    assert!(latencies.windows(2).any(|two| two[1] > two[0]), "{latencies:?}");
    let most = latencies.iter().sum::<f64>() / latencies.len() as f64;
    let first = latencies.iter().position(|latency| *latency <= most);
    let fit = target.fit(&ranking, Scope::Gated, &of_latency(most)).unwrap();
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
    let model = heads::unified(&Model { network, weights }, (2, 3), 5).unwrap();
    let batch = Random::of(3, &[]).normal_tensor(&[4, 1, 3, 3], 1.0);
    let scores =
        |model: &Model| forward(&model.network, &model.weights, &batch, &Run::default(), &[]).unwrap().remove(0);
    let all = scores(&model);
    assert_eq!(all.size(), [4, 6]);
    for task in 0..3_usize {
        let own = scores(&heads::of_task(&model, task, (2, 3)).unwrap());
        assert!(own.equal(&all.narrow(1, 2 * task as i64, 2)), "task {task}");
    }
    assert!(heads::of_task(&model, 0, (2, 4)).unwrap_err().to_string().contains("6 answers"));
}
