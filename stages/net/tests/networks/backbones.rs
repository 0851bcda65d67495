//! What each backbone promises, and the catalogue that they stand in.
use nnf_net::*;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use crate::support::{changes, difference, one_thread, small, trained_like};

#[test]
fn every_offered_setting_changes_a_preset_that_has_it() {
    let fault = |preset: &str, settings| build(preset, &changes(settings)).unwrap_err().to_string();
    let wide = build("mobilenet-numvqa", &changes(json!({ "last_channels": 64, "classes": 7 }))).unwrap();
    assert_eq!(wide.shape_of(wide.outputs()[0]), [7]);
    assert_eq!(wide.shape_of(wide.position("features.12.0").unwrap()), [64, 4, 4]);
    assert!(
        fault("vit-numvqa", json!({ "layout": [1] })).starts_with("`layout`: the preset has no such setting; it has")
    );
    assert!(fault("vit-numvqa", json!({ "input": [1, 56] })).starts_with("`input`: "));
    assert!(fault("vit-numvqa", json!({ "patch": 9 })).contains("does not divide an image of 56×56"));
    assert!(fault("vit-numvqa", json!({ "heads": 7 })).contains("128 channels do not divide into 7 heads"));
    assert!(fault("mobilenet-numvqa", json!({ "strides": [1] })).contains("[7, 7, 7, 1] items"));
    assert!(fault("resnet-huge", json!({})).contains("no preset `resnet-huge`; there are resnet18,"));
    // Each setting that is offered is known to a preset.
    for parameter in offers().remove(0).kind.parameters.into_iter().filter(|p| p.name != "preset") {
        let has = presets().into_iter().any(|preset| {
            let answer = build(preset, &changes(json!({ parameter.name.clone(): null })));
            !answer.is_err_and(|fault| fault.to_string().contains("no such setting"))
        });
        assert!(has, "{}", parameter.name);
    }
}

#[test]
fn small_presets_have_the_size_that_they_are_for() {
    for (preset, modules) in [("mobilenet-numvqa", 4464), ("vit-numvqa", 2560)] {
        let network = build(preset, &Changes::default()).unwrap();
        let macs = Counts::of(&network).macs.0;
        assert!((20_000_000..100_000_000).contains(&macs), "{preset}: {macs}");
        assert!(network.gated_share() > 0.5, "{preset}: {}", network.gated_share());
        assert_eq!((network.input_shape(), network.modules()), ([1, 56, 56].as_slice(), modules));
    }
    let vit = build("vit-numvqa", &Changes::default()).unwrap();
    assert_eq!(vit.shape_of(vit.position("tokens").unwrap()), [64, 128]);
}

/// Presets with every gate that their builders have, and how little is left of their MACs.
const ALL_GATES: [&str; 11] = [
    "resnet18",
    "resnet50",
    "resnet-numvqa",
    "resnet-tiny",
    "mobilenet-v2",
    "mobilenet-numvqa",
    "vit-b-16",
    "vit-numvqa",
    "efficientnet-b0",
    "efficientnet-lite0",
    "efficientnet-lite4",
];

fn with_all_gates(preset: &str) -> serde_json::Value {
    match preset.split('-').next() {
        Some("vit") => json!({ "gate_heads": true }),
        Some("mobilenet") => json!({ "gate_stem": true, "gate_last": true }),
        Some("efficientnet") => json!({}),
        _ => json!({ "gate_streams": true }),
    }
}

/// One module of each layer that has to keep one, and nothing else.
fn nothing_kept(network: &Network) -> GateVector {
    let layers = network.gate_layers().into_iter().zip(network.essential_layers());
    GateVector(layers.map(|(layer, essential)| (0..layer.width).map(|at| essential && at == 0).collect()).collect())
}

#[test]
fn with_all_gates_next_to_nothing_is_left() {
    for preset in ALL_GATES {
        let network = build(preset, &changes(with_all_gates(preset))).unwrap();
        let left = Counts::of(&slice_network(&network, &nothing_kept(&network)).unwrap()).macs.0;
        let share = left as f64 / Counts::of(&network).macs.0 as f64;
        assert!(share <= 0.04, "{preset}: {share}");
    }
}

#[test]
fn a_residual_stream_obeys_one_layer() {
    let network = build("resnet18", &changes(json!({ "gate_streams": true }))).unwrap();
    let (layers, nodes) = (network.gate_layers(), network.gate_nodes());
    let of =
        |name: &str| layers.iter().position(|layer| layer.name == name).map(|at| (layers[at].width, nodes[at].len()));
    // The stem's stream is that of the first part.
    assert_eq!((of("gate"), of("layer1.0.gate")), (Some((64, 3)), None));
    assert_eq!((of("layer2.0.gate"), of("layer4.0.gate")), (Some((128, 2)), Some((512, 2))));
    assert_eq!(layers.len(), 8 + 4);
    let text = network.to_json();
    assert_eq!(Network::from_json(&text).unwrap(), network);
    assert!(text.contains(r#""shares": "layer2.0.gate""#));
    assert!(!build("resnet18", &Changes::default()).unwrap().to_json().contains("shares"));
}

#[test]
fn expansion_and_depthwise_convolution_go_together() {
    let network = small("mobilenet-v2");
    let groups = ChannelGroups::of(&network);
    let of = |name: &str| groups.of_node(network.position(name).unwrap());
    assert_eq!(of("features.2.conv.0.0"), of("features.2.gate"));
    assert_eq!(of("features.2.conv.1.0"), of("features.2.gate"));
    assert_ne!(of("features.2.conv.2"), of("features.2.gate"));
    assert_eq!(of("features.1.conv.0.0"), of("features.0.0"), "the first block's channels are the stem's");
    assert!(network.position("features.1.gate").is_none());
    assert_eq!(of("features.3.add"), of("features.2.conv.2"));
}

#[test]
fn heads_and_embedding_of_a_transformer_are_groups() {
    let network = small("vit-b-16");
    let groups = ChannelGroups::of(&network);
    let id = |name: &str| network.position(name).unwrap();
    let of = |name: &str| groups.of_node(id(name));
    let layer = |part: &str| format!("encoder.layers.encoder_layer_0.{part}");
    let heads = &groups.groups()[of(&layer("self_attention"))];
    assert_eq!((heads.width, heads.block, heads.removable), (48, 12, true));
    assert_eq!(heads.producers, ["q", "k", "v"].map(|part| id(&layer(&format!("self_attention.{part}")))));
    assert_eq!(heads.consumers, [id(&layer("self_attention.out_proj"))]);
    let embedding = &groups.groups()[of("conv_proj")];
    for name in ["class_token", "encoder.pos_embedding", "encoder.ln", "pool", &layer("ln_1"), &layer("add_2")] {
        assert!(embedding.members.contains(&id(name)), "{name}");
    }
    assert!(embedding.producers.contains(&id(&layer("mlp.3"))) && embedding.consumers.contains(&id("heads.head")));
    assert_eq!((embedding.block, embedding.removable), (1, true));
    let hidden = &groups.groups()[of(&layer("gate"))];
    assert_eq!((hidden.width, hidden.producers.len(), hidden.consumers.len()), (96, 1, 1));

    // Two of four heads and half of the embedding go, and the network still runs.
    let mut keep = vec![None; groups.groups().len()];
    keep[of(&layer("self_attention"))] = Some((0..12).chain(36..48).collect());
    keep[of("conv_proj")] = Some((0..24).collect());
    let weights = trained_like(&network, 1);
    let (less, own) = remove_channels(&network, Some(&weights), &keep).unwrap();
    assert_eq!(less.nodes()[less.position(&layer("self_attention")).unwrap()].op, Op::Attention { heads: 2 });
    let batch = Tensor::ones([1, 3, 64, 64], (Kind::Float, Device::Cpu));
    assert_eq!(forward(&less, &own.unwrap(), &batch, &Run::default(), &[]).unwrap()[0].size(), [1, 1000]);
    keep[of(&layer("self_attention"))] = Some((0..13).collect());
    assert!(remove_channels(&network, None, &keep).unwrap_err().to_string().contains("whole heads of 12"));
}

#[test]
fn removing_a_head_is_shutting_its_output() {
    let network = small("vit-b-16");
    let groups = ChannelGroups::of(&network);
    let name = "encoder.layers.encoder_layer_1.self_attention";
    let weights = trained_like(&network, 4).to(Kind::Double, Device::Cpu);
    let mut keep = vec![None; groups.groups().len()];
    keep[groups.of_node(network.position(name).unwrap())] = Some((12..48).collect::<Vec<i64>>());
    let (less, own) = remove_channels(&network, Some(&weights), &keep).unwrap();
    let mut shut = weights.copied();
    let projection = weights.get(&format!("{name}.out_proj.weight")).unwrap().copy();
    let _ = projection.narrow(1, 0, 12).zero_();
    shut.insert(format!("{name}.out_proj.weight"), projection);
    let batch = Random::of(1, &[]).normal_tensor(&[2, 3, 64, 64], 1.0);
    let run = Run { precision: Precision::Float64, ..Run::default() };
    let found = forward(&less, &own.unwrap(), &batch, &run, &[]).unwrap();
    let expected = forward(&network, &shut, &batch, &run, &[]).unwrap();
    assert!(difference(&found[0], &expected[0]) < 1e-10);
}

#[test]
fn an_ffn_that_keeps_nothing_leaves_its_bias() {
    let network = small("vit-b-16");
    let weights = trained_like(&network, 2);
    let none = GateVector(network.gate_layers().iter().map(|layer| vec![false; layer.width]).collect());
    let (subnet, own) = slice(&network, &weights, &none).unwrap();
    for layer in 0..2 {
        let name = format!("encoder.layers.encoder_layer_{layer}.mlp.3");
        let node = &subnet.nodes()[subnet.position(&name).unwrap()];
        assert_eq!(node.op, Op::Constant { shape: vec![17, 48] });
        assert!(own.get(&format!("{name}.value")).unwrap().equal(weights.get(&format!("{name}.bias")).unwrap()));
    }
    assert_eq!(subnet.nodes().iter().filter(|node| node.op == Op::Gelu).count(), 0);
}

#[test]
fn attention_is_counted_with_its_two_products() {
    let network = small("vit-b-16");
    let id = |name: &str| network.position(&format!("encoder.layers.encoder_layer_0.{name}")).unwrap();
    assert_eq!(network.macs_of(id("self_attention")), Macs(2 * 17 * 17 * 48));
    assert_eq!(network.macs_of(id("mlp.0")), Macs(17 * 48 * 96));
    assert_eq!(network.macs_of(id("ln_1")), Macs(0));
}

#[test]
fn gates_that_cannot_be_sliced_are_told() {
    let why = |middle: &[(&str, Op)]| {
        let mut nodes = vec![Node::new("input", Op::Input { shape: vec![6, 4] }, Vec::new())];
        for (name, op) in middle.iter().cloned().chain([("out", Op::Linear { out: 2, bias: false })]) {
            let inputs =
                vec![nodes.last().unwrap().name.clone(); if matches!(op, Op::Attention { .. }) { 3 } else { 1 }];
            nodes.push(Node::new(name, op, inputs));
        }
        let network = Network::new("n", nodes, &["out".to_owned()]).unwrap();
        slice_network(&network, &GateVector(vec![vec![true, false, true, false]])).map_err(|fault| fault.to_string())
    };
    let linear = || ("linear", Op::Linear { out: 4, bias: true });
    let gate = || ("gate", Op::GATE);
    assert!(why(&[linear(), ("gelu", Op::Gelu), gate(), ("relu", Op::Relu)]).is_ok());
    let norm = ("norm", Op::LayerNorm { eps: 1e-6 });
    assert!(why(&[linear(), norm, gate()]).unwrap_err().contains("`norm` looks at all channels"));
    let mixed = ("mixed", Op::Attention { heads: 2 });
    assert!(why(&[linear(), mixed, gate()]).unwrap_err().contains("`mixed` looks at all channels"));
    let position = ("position", Op::PositionEmbedding);
    assert!(
        why(&[linear(), gate(), position.clone()]).unwrap_err().contains("`position` makes something of the zeros")
    );
    assert!(why(&[linear(), position, gate()]).is_ok());
}

#[test]
fn all_number_formats_run_and_learn() {
    one_thread();
    for preset in ["mobilenet-numvqa", "vit-numvqa"] {
        let network = small(preset);
        let batch = Random::of(1, &[]).normal_tensor(&[&[2], network.input_shape()].concat(), 1.0);
        for precision in [Precision::Float64, Precision::Float32, Precision::BFloat16] {
            let kind = if precision == Precision::Float64 { Kind::Double } else { Kind::Float };
            let weights = Weights::init(&network, 1).to(kind, Device::Cpu);
            let mut learnt = Weights::default();
            for (name, tensor) in weights.iter() {
                learnt.insert(name, tensor.set_requires_grad(!name.contains("running")));
            }
            let run = Run { precision, training: true, ..Run::default() };
            let scores = forward(&network, &learnt, &batch, &run, &[]).unwrap().remove(0);
            assert_eq!((scores.kind(), scores.size()), (precision.kind(), vec![2, 2]));
            scores.square().sum(kind).backward();
            for parameter in network.parameters().iter().filter(|parameter| parameter.role != Role::Buffer) {
                let gradient = learnt.get(&parameter.name).unwrap().grad();
                let finite = gradient.defined() && gradient.isfinite().all().int64_value(&[]) == 1;
                assert!(finite, "{preset} {precision:?} {}", parameter.name);
            }
        }
    }
}

#[test]
fn attention_in_training_is_the_same_function() {
    one_thread();
    for preset in ["vit-b-16", "vit-numvqa"] {
        let network = small(preset);
        let weights = trained_like(&network, 1).to(Kind::Double, Device::Cpu);
        let batch = Random::of(1, &[]).normal_tensor(&[&[3], network.input_shape()].concat(), 1.0);
        let scores_and_derivative = |training| {
            let batch = batch.to_kind(Kind::Double).set_requires_grad(true);
            let run = Run { precision: Precision::Float64, training, ..Run::default() };
            let scores = forward(&network, &weights, &batch, &run, &[]).unwrap().remove(0);
            scores.square().sum(Kind::Double).backward();
            [scores.detach(), batch.grad()]
        };
        let [used, trained] = [false, true].map(scores_and_derivative);
        for (used, trained) in used.iter().zip(&trained) {
            assert!(used.abs().max().double_value(&[]) > 1e-3, "{preset}");
            assert!(difference(used, trained) < 1e-10, "{preset}");
        }
    }
}

#[test]
fn weights_begin_as_is_customary() {
    let network = build("vit-b-16", &changes(json!({ "depth": 1 }))).unwrap();
    let weights = Weights::init(&network, 1);
    let spread = |name: &str| f64::try_from(weights.get(name).unwrap().std(false)).unwrap();
    let near = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.05;
    let layer = "encoder.layers.encoder_layer_0";
    // Truncation at two deviations takes away an eighth of the spread.
    assert!(near(spread("encoder.pos_embedding.embedding"), 0.88 * 0.02));
    assert!(near(spread("conv_proj.weight"), 0.88 / f64::from(3 * 16 * 16).sqrt()));
    assert!(near(spread(&format!("{layer}.mlp.0.weight")), (2.0 / f64::from(768 + 3072)).sqrt()));
    assert_eq!(spread(&format!("{layer}.mlp.0.bias")), 0.0);
    assert!(
        Weights::init(&network, 1).get("class_token.token").unwrap().equal(weights.get("class_token.token").unwrap())
    );
    assert!(
        !Weights::init(&network, 2).get("class_token.token").unwrap().equal(weights.get("class_token.token").unwrap())
    );
}
