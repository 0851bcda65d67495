//! Shared parameters and shared gates: in files, counted, grouped, folded.
use nnf_net::*;
use tch::{Device, Kind};

use crate::support::{difference, trained_like};

fn node(name: &str, op: Op, inputs: &[&str], shares: Option<&str>) -> Node {
    let inputs = inputs.iter().map(|input| (*input).to_owned()).collect();
    Node { shares: shares.map(str::to_owned), ..Node::new(name, op, inputs) }
}

/// One head over an image and the half of it: convolutions shared, norms each their own, or one.
fn head(one_norm: bool) -> Network {
    let conv = |out| Op::Conv2d { out, kernel: 3, stride: 1, padding: 1.into(), groups: 1, bias: false };
    let norm = Op::BatchNorm { eps: 1e-3, momentum: 0.01 };
    let nodes = vec![
        node("input", Op::Input { shape: vec![4, 8, 8] }, &[], None),
        node("low", Op::MaxPool { kernel: 2, stride: 2, padding: 0.into() }, &["input"], None),
        node("conv", conv(6), &["input"], None),
        node("norm", norm.clone(), &["conv"], None),
        node("act", Op::Silu, &["norm"], None),
        node("gate", Op::GATE, &["act"], None),
        node("out", conv(4), &["gate"], None),
        node("low.conv", conv(6), &["low"], Some("conv")),
        node("low.norm", norm, &["low.conv"], one_norm.then_some("norm")),
        node("low.act", Op::Silu, &["low.norm"], None),
        node("low.gate", Op::GATE, &["low.act"], Some("gate")),
        node("low.out", conv(4), &["low.gate"], Some("out")),
        node("up", Op::Resize { height: 8, width: 8 }, &["low.out"], None),
        node("fused", Op::WeightedFusion { eps: 1e-4 }, &["out", "up"], None),
    ];
    Network::new("head", nodes, &["fused".to_owned()]).unwrap()
}

#[test]
fn what_is_shared_is_counted_once_and_computed_each_time() {
    let counts = Counts::of(&head(false));
    assert_eq!(counts.parameters, 2 * 6 * 4 * 9 + 2 * 12 + 2);
    assert_eq!(counts.macs, Macs(2 * 6 * 4 * 9 * (64 + 16)));
    assert_eq!(Counts::of(&head(true)).parameters, 2 * 6 * 4 * 9 + 12 + 2);
    let layers = head(false).gate_layers();
    assert_eq!(layers, [GateLayer { name: "gate".into(), width: 6 }]);
}

#[test]
fn what_is_shared_is_one_group() {
    let network = head(false);
    let groups = ChannelGroups::of(&network);
    let id = |name: &str| network.position(name).unwrap();
    let group = &groups.groups()[groups.of_node(id("conv"))];
    assert_eq!(group.producers, [id("conv"), id("low.conv")]);
    assert_eq!(group.consumers, [id("out"), id("low.out")]);
    assert_eq!(groups.of_node(id("low.gate")), groups.of_node(id("gate")));
}

#[test]
fn norms_that_differ_part_what_they_are_folded_into() {
    for (one_norm, layers) in [(false, ["conv", "low.conv", "out"].as_slice()), (true, &["conv", "out"])] {
        let network = head(one_norm);
        let weights = trained_like(&network, 1).to(Kind::Double, Device::Cpu);
        let gates = GateVector(vec![vec![true, false, true, true, false, true]]);
        let (subnet, own) = slice(&network, &weights, &gates).unwrap();
        let (folded, fused) = fold_batch_norms(&subnet, &own).unwrap();
        fused.check(&folded).unwrap();
        assert_eq!(folded, fold_network(&subnet).unwrap());
        let names: Vec<String> = folded.parameters().into_iter().map(|parameter| parameter.name).collect();
        let matrices: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".weight")).collect();
        let expected: Vec<&str> = [layers, &["fused"]].concat();
        assert_eq!(matrices.len(), expected.len(), "{names:?}");
        assert!(expected.iter().all(|layer| matrices.contains(layer)), "{names:?}");
        let batch = Random::of(2, &[]).normal_tensor(&[2, 4, 8, 8], 1.0);
        let run = |gates| Run { gates, precision: Precision::Float64, training: false };
        let gated = forward(&network, &weights, &batch, &run(Gates::Fixed(&gates)), &[]).unwrap();
        let found = forward(&folded, &fused, &batch, &run(Gates::Open), &[]).unwrap();
        assert!(difference(&found[0], &gated[0]) < 1e-10);
    }
}

#[test]
fn what_cannot_be_shared_is_told() {
    let why = |op: Op, shares: &str| {
        let nodes = vec![
            node("input", Op::Input { shape: vec![4] }, &[], None),
            node("first", Op::Linear { out: 4, bias: true }, &["input"], None),
            node("second", Op::Linear { out: 4, bias: true }, &["first"], Some("first")),
            node("act", Op::Relu, &["second"], None),
            node("gate", Op::GATE, &["act"], None),
            node("last", op, &["gate"], Some(shares)),
        ];
        let error = Network::new("n", nodes, &["last".to_owned()]).unwrap_err().to_string();
        error.strip_prefix("node `last`: it shares with ").unwrap().to_owned()
    };
    let linear = |out| Op::Linear { out, bias: true };
    assert_eq!(why(linear(4), "last"), "`last`, which is no node before it");
    assert_eq!(why(linear(4), "second"), "`second`, which shares with another itself: name that one");
    assert_eq!(why(linear(3), "first"), "`first`, whose parameters are others");
    assert_eq!(why(Op::Linear { out: 4, bias: false }, "first"), "`first`, whose parameters are others");
    assert_eq!(why(Op::Relu, "act"), "`act`, but has no parameters");
    assert_eq!(why(Op::Gate { block: 2 }, "gate"), "`gate`, which has other gates");
}

/// A file from before nodes could share is read, and written to the same bytes.
#[test]
fn files_without_sharing_keep_their_bytes() {
    let text = r#"{
  "format": "nnf.network",
  "version": 1,
  "name": "old",
  "nodes": [
    {
      "name": "input",
      "op": {
        "kind": "input",
        "shape": [
          1,
          4,
          4
        ]
      },
      "inputs": []
    },
    {
      "name": "conv",
      "op": {
        "kind": "conv2d",
        "out": 2,
        "kernel": 3,
        "stride": 1,
        "padding": 1,
        "groups": 1,
        "bias": false
      },
      "inputs": [
        "input"
      ]
    },
    {
      "name": "gate",
      "op": {
        "kind": "gate"
      },
      "inputs": [
        "conv"
      ]
    }
  ],
  "outputs": [
    "gate"
  ]
}
"#;
    assert_eq!(Network::from_json(text).unwrap().to_json(), text);
    for network in [head(true), head(false)] {
        assert_eq!(Network::from_json(&network.to_json()).unwrap(), network);
    }
}
