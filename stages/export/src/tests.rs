//! What is exported computes what the network does. Operations are computed here as ONNX's reference tells, with tch;
//! `tests/peer/onnx_runtime.py` asks ONNX Runtime.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../net/tests/networks/growing.rs"]
mod growing;

use std::collections::BTreeMap;

use nnf_net::{Changes, GateVector, Model, Network, Node, Op, Precision, Random, Run, Weights, build, forward};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use prost::Message;
use tch::{Device, Kind, Tensor};

use crate::onnx;
use crate::proto::{AttributeProto, FLOAT, ModelProto, NodeProto, TensorProto};

fn constant(tensor: &TensorProto) -> Tensor {
    let flat = match tensor.data_type == FLOAT {
        true => Tensor::from_slice(
            &tensor.raw_data.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect::<Vec<_>>(),
        ),
        false => Tensor::from_slice(
            &tensor.raw_data.chunks(8).map(|eight| i64::from_le_bytes(eight.try_into().unwrap())).collect::<Vec<_>>(),
        ),
    };
    flat.view(tensor.dims.as_slice())
}

/// One operation; panics at one that no export makes.
fn computed(node: &NodeProto, inputs: &[&Tensor]) -> Tensor {
    // Of the kind that ONNX numbers so.
    let attribute = |name: &str, kind: i32| -> &AttributeProto {
        node.attribute.iter().find(|attribute| attribute.name == name && attribute.r#type == kind).unwrap()
    };
    let float = |name: &str| f64::from(attribute(name, 1).f.unwrap());
    let int = |name: &str| attribute(name, 2).i.unwrap();
    let ints = |name: &str| attribute(name, 7).ints.clone();
    let longs = |tensor: &Tensor| Vec::<i64>::try_from(tensor).unwrap();
    let x = inputs[0];
    match node.op_type.as_str() {
        "Conv" => {
            let (step, pad) = (ints("strides"), ints("pads"));
            let x = x.pad([pad[1], pad[3], pad[0], pad[2]], "constant", 0.0);
            x.conv2d(inputs[1], inputs.get(2).copied(), &step[..], [0, 0], [1, 1], int("group"))
        }
        "Gemm" => {
            assert_eq!(int("transB"), 1);
            x.linear(inputs[1], inputs.get(2).copied())
        }
        "MatMul" => x.matmul(inputs[1]),
        "BatchNormalization" => {
            let [weight, bias, mean, variance] = [1, 2, 3, 4].map(|at| Some(inputs[at]));
            x.batch_norm(weight, bias, mean, variance, false, 0.0, float("epsilon"), false)
        }
        "LayerNormalization" => {
            assert_eq!(int("axis"), -1);
            x.layer_norm(inputs[1].size(), Some(inputs[1]), Some(inputs[2]), float("epsilon"), false)
        }
        "Relu" => x.relu(),
        "Clip" => x.clamp_tensor(Some(inputs[1]), Some(inputs[2])),
        "MaxPool" => {
            let (kernel, step, pad) = (ints("kernel_shape"), ints("strides"), ints("pads"));
            let x = x.pad([pad[1], pad[3], pad[0], pad[2]], "constant", f64::NEG_INFINITY);
            x.max_pool2d(&kernel[..], &step[..], [0, 0], [1, 1], false)
        }
        "ReduceMean" => x.mean_dim(&ints("axes")[..], int("keepdims") == 1, Kind::Float),
        "Reshape" => {
            // Where the shape has a 0, the size stays.
            let kept =
                longs(inputs[1]).into_iter().zip(0..).map(|(size, at)| if size == 0 { x.size()[at] } else { size });
            x.reshape(kept.collect::<Vec<_>>().as_slice())
        }
        "Transpose" => x.permute(ints("perm").as_slice()),
        "Expand" => x.expand(longs(inputs[1]).as_slice(), true),
        "Shape" => Tensor::from_slice(&x.size()[int("start") as usize..int("end") as usize]),
        "Concat" => Tensor::cat(inputs, int("axis")),
        "Gather" if inputs[1].dim() == 0 => x.select(int("axis"), inputs[1].int64_value(&[])),
        "Gather" => x.index_select(int("axis"), inputs[1]),
        "Softmax" => x.softmax(int("axis"), Kind::Float),
        "Resize" => {
            let string = |name: &str| String::from_utf8(attribute(name, 3).s.clone().unwrap()).unwrap();
            assert_eq!((string("mode"), string("nearest_mode")), ("nearest".into(), "floor".into()));
            assert_eq!(string("coordinate_transformation_mode"), "asymmetric");
            let factors: Vec<i64> =
                Vec::<f64>::try_from(inputs[2]).unwrap().iter().map(|factor| *factor as i64).collect();
            assert_eq!(factors[..2], [1, 1]);
            let repeat = |x: &Tensor, axis: i64| x.repeat_interleave_self_int(factors[axis as usize], axis, None);
            repeat(&repeat(x, 2), 3)
        }
        "Sigmoid" => x.sigmoid(),
        "Erf" => x.erf(),
        "Add" => x + inputs[1],
        "Mul" => x * inputs[1],
        "Div" => x / inputs[1],
        "Sum" => inputs[1..].iter().fold(x.shallow_clone(), |sum, other| sum + *other),
        "Identity" => x.shallow_clone(),
        other => panic!("{other}"),
    }
}

/// The outputs of a file for a batch, by name.
fn ran(bytes: &[u8], batch: &Tensor) -> Vec<(String, Tensor)> {
    let file = ModelProto::decode(bytes).unwrap();
    assert_eq!((file.ir_version, file.opset_import[0].version), (8, 17));
    let graph = file.graph.unwrap();
    let mut values: BTreeMap<String, Tensor> = BTreeMap::new();
    for tensor in &graph.initializer {
        assert!(values.insert(tensor.name.clone(), constant(tensor)).is_none(), "{} twice", tensor.name);
    }
    values.insert(graph.input[0].name.clone(), batch.shallow_clone());
    // An input that is left out has no name.
    values.insert(String::new(), Tensor::new());
    for node in &graph.node {
        let inputs: Vec<&Tensor> = node.input.iter().map(|name| &values[name]).collect();
        let value = computed(node, &inputs);
        assert!(values.insert(node.output[0].clone(), value).is_none(), "{} twice", node.name);
    }
    let outputs = graph.output.iter().map(|output| {
        let tensor = output.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
        let told: Vec<i64> =
            tensor.shape.as_ref().unwrap().dim[1..].iter().map(|axis| axis.dim_value.unwrap()).collect();
        let value = values[&output.name].shallow_clone();
        assert_eq!(value.size()[0], batch.size()[0]);
        assert_eq!(value.size()[1..], told);
        (output.name.clone(), value)
    });
    outputs.collect()
}

/// Weights of which none is what it is at the start.
fn noisy(network: Network, seed: u64) -> Model {
    let mut weights = Weights::init(&network, seed);
    for parameter in network.parameters() {
        let noise = Random::named(seed, &parameter.name).uniform_tensor(&parameter.shape, 0.2);
        let changed = weights.get(&parameter.name).unwrap() + noise;
        weights.insert(parameter.name, changed);
    }
    Model { network, weights }
}

/// A batch, and what a network makes of it.
fn example(model: &Model) -> (Tensor, Vec<Tensor>) {
    let batch = Random::of(4, &[]).normal_tensor(&[&[3], model.network.input_shape()].concat(), 1.0);
    let answers = forward(&model.network, &model.weights, &batch, &Run::default(), &[]).unwrap();
    (batch, answers)
}

fn compare(model: &Model) {
    let network = &model.network;
    let (batch, own) = example(model);
    let exported = ran(&onnx(model).unwrap(), &batch);
    assert_eq!(own.len(), exported.len());
    for ((own, id), (name, exported)) in own.iter().zip(network.outputs()).zip(&exported) {
        assert_eq!(*name, network.nodes()[*id].name);
        let wrong = (own - exported).abs().max().double_value(&[]) / own.abs().max().double_value(&[]);
        assert!(wrong < 1e-5, "{} {name}: {wrong}", network.name());
    }
}

/// How far a file is off, and what float32 itself is off, as shares of the greatest answer.
fn apart(model: &Model) -> (f64, f64) {
    let (batch, own) = example(model);
    let exported = ran(&onnx(model).unwrap(), &batch);
    let wide = model.weights.to(Kind::Double, Device::Cpu);
    let run = Run { precision: Precision::Float64, ..Run::default() };
    let truth = forward(&model.network, &wide, &batch, &run, &[]).unwrap().remove(0);
    let off = |found: &Tensor| (found - &truth).abs().max().double_value(&[]) / truth.abs().max().double_value(&[]);
    (off(&exported[0].1), off(&own[0]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_graphs_and_their_subnets_compute_the_same_from_onnx(plan in growing::plans(), seed in any::<u64>()) {
        tch::set_num_threads(1);
        let whole = noisy(growing::grown(&plan), seed);
        let gates = growing::gates_of(&whole.network, &mut Random::of(seed, &[]));
        let mixes = |model: &Model| model.network.nodes().iter().any(|node| node.op == Op::Mixture);
        for model in [whole.deployed(&gates).unwrap(), whole] {
            if mixes(&model) {
                prop_assert!(onnx(&model).unwrap_err().to_string().contains("a mixture of experts is not exported"));
                continue;
            }
            let (exported, own) = apart(&model);
            prop_assert!(exported <= 1e-5_f64.max(8.0 * own), "{exported:e}, float32 {own:e}\n{}", model.network.to_json());
        }
    }
}

/// Each backbone whole, with gates and batch norms.
fn wholes() -> Vec<Model> {
    let settings = [
        ("resnet-tiny", serde_json::json!({})),
        ("mobilenet-numvqa", serde_json::json!({ "input": [1, 28, 28] })),
        ("vit-numvqa", serde_json::json!({ "depth": 2 })),
        (
            "efficientnet-b0",
            serde_json::json!({ "input": [3, 32, 32], "layout": [1, 1], "widths": [8, 12],
            "expansions": [1, 3], "strides": [1, 2], "kernels": [3, 5], "last_channels": 32 }),
        ),
        (
            "vit-b-16",
            serde_json::json!({ "gate_heads": true, "input": [3, 64, 64], "depth": 1, "dim": 48, "heads": 4, "ffn": 96 }),
        ),
    ];
    let model = |(preset, settings): (&str, serde_json::Value)| {
        noisy(build(preset, &Changes(settings.as_object().cloned().unwrap())).unwrap(), 3)
    };
    settings.into_iter().map(model).collect()
}

/// Each backbone as it is deployed, without a module in every third of the layers that may be empty.
fn subnets() -> Vec<Model> {
    let subnet = |preset: &str| {
        let model = noisy(build(preset, &Changes::default()).unwrap(), 1);
        let essential = model.network.essential_layers();
        let mut random = Random::of(2, &[]);
        let mut gates = GateVector::open(&model.network.gate_layers());
        for (layer, gates) in gates.0.iter_mut().enumerate() {
            let full = essential[layer] || layer % 3 > 0;
            gates.iter_mut().for_each(|kept| *kept = full && random.unit() < 0.5);
        }
        model.deployed(&gates).unwrap()
    };
    ["resnet-tiny", "mobilenet-numvqa", "vit-numvqa"].map(subnet).into()
}

/// A network of which one answer is the same for every input.
fn with_constant() -> Model {
    let nodes = vec![
        node("picture", Op::Input { shape: vec![1, 4, 4] }, &[]),
        node("same", Op::Constant { shape: vec![6, 4] }, &[]),
        node("first", Op::ClassToken, &["same"]),
        node("act", Op::Relu6, &["first"]),
        node("plain", Op::Linear { out: 4, bias: false }, &["act"]),
        node("taken", Op::SelectToken { index: 2 }, &["plain"]),
        node("norm", Op::BatchNorm { eps: 1e-5, momentum: 0.1 }, &["taken"]),
        node("second", Op::LayerNorm { eps: 1e-5 }, &["norm"]),
        node("out", Op::Linear { out: 2, bias: true }, &["second"]),
        node("pool", Op::GlobalAveragePool, &["picture"]),
        node("other", Op::Linear { out: 2, bias: false }, &["pool"]),
        node("both", Op::Add, &["out", "other"]),
    ];
    noisy(Network::new("constant", nodes, &["out".to_owned(), "both".to_owned()]).unwrap(), 5)
}

fn node(name: &str, op: Op, inputs: &[&str]) -> Node {
    Node::new(name, op, inputs.iter().map(|input| (*input).to_owned()).collect())
}

#[test]
fn every_backbone_computes_the_same_from_onnx() {
    tch::set_num_threads(1);
    wholes().iter().for_each(compare);
}

#[test]
fn subnets_with_empty_layers_compute_the_same_from_onnx() {
    tch::set_num_threads(1);
    let subnets = subnets();
    let constants = |model: &Model| model.network.nodes().iter().any(|node| matches!(node.op, Op::Constant { .. }));
    assert!(subnets.iter().any(constants), "an empty layer leaves a constant");
    subnets.iter().for_each(compare);
}

#[test]
fn what_depends_on_no_input_is_given_for_each() {
    compare(&with_constant());
}

/// Some random graphs that ONNX can hold, in which float32 is exact enough to compare.
fn random_graphs() -> Vec<Model> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut grown = || growing::grown(&growing::plans().new_tree(&mut runner).unwrap().current());
    let models = (0..200).map(|seed| noisy(grown(), seed));
    models.filter(|model| onnx(model).is_ok() && apart(model).1 < 1e-6).collect()
}

/// Needs a `python3` (or `PYTHON`) that has onnx and onnxruntime.
#[test]
#[ignore = "needs ONNX Runtime"]
fn onnx_runtime_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let models = wholes().into_iter().chain(subnets()).chain([with_constant()]).chain(random_graphs());
    for (number, model) in models.enumerate() {
        let own = folder.path().join(format!("{number} {}", model.network.name()));
        fs_err::create_dir(&own).unwrap();
        let (batch, answers) = example(&model);
        fs_err::write(own.join("model.onnx"), onnx(&model).unwrap()).unwrap();
        batch.contiguous().write_npy(own.join("input.npy")).unwrap();
        for (number, answer) in answers.iter().enumerate() {
            answer.contiguous().write_npy(own.join(format!("output-{number}.npy"))).unwrap();
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peer/onnx_runtime.py");
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    assert!(std::process::Command::new(python).arg(script).arg(folder.path()).status().unwrap().success());
}

/// A file that Python's `onnx` wrote is read to the last field, and written to the same bytes.
#[test]
fn messages_are_those_of_onnx() {
    let golden = include_bytes!("../golden/messages.onnx");
    let file = ModelProto::decode(golden.as_slice()).unwrap();
    assert_eq!(file.encode_to_vec(), golden);
    let graph = file.graph.unwrap();
    assert_eq!((file.producer_name.as_str(), file.ir_version, file.opset_import[0].version), ("nnf", 8, 17));
    let conv = &graph.node[0];
    assert_eq!((conv.op_type.as_str(), conv.name.as_str(), conv.output[0].as_str()), ("Conv", "conv", "conv"));
    assert_eq!(conv.input, ["input", "conv.weight"]);
    assert_eq!(conv.attribute[0], AttributeProto::ints("strides", &[1, 2]));
    assert_eq!(conv.attribute[1], AttributeProto::int("group", 1));
    assert_eq!(graph.node[1].attribute, [AttributeProto::float("alpha", 0.25)]);
    assert_eq!(graph.initializer[0].dims, [1, 1, 1, 2]);
    assert!(constant(&graph.initializer[0]).flatten(0, -1).equal(&Tensor::from_slice(&[1.5_f32, -2.0])));
    assert!(constant(&graph.initializer[1]).equal(&Tensor::from_slice(&[-1_i64, 3])));
    assert_eq!(graph.input[0].name, "input");
    let tensor = graph.output[0].r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
    let axes = &tensor.shape.as_ref().unwrap().dim;
    assert_eq!((tensor.elem_type, axes[0].dim_param.as_deref(), axes[1].dim_value), (FLOAT, Some("batch"), Some(1)));
}

#[test]
fn what_onnx_cannot_hold_is_refused() {
    let fault = |nodes: Vec<Node>, outputs: &[&str]| {
        let outputs: Vec<String> = outputs.iter().map(|name| (*name).to_owned()).collect();
        let network = Network::new("odd", nodes, &outputs).unwrap();
        onnx(&Model { weights: Weights::init(&network, 1), network }).unwrap_err().to_string()
    };
    let input = || node("input", Op::Input { shape: vec![2] }, &[]);
    let linear = |name: &str| node(name, Op::Linear { out: 2, bias: true }, &["input"]);
    let mixed = node("mixed", Op::Mixture, &["scores", "input", "scores"]);
    let mixture = fault(vec![input(), linear("scores"), mixed], &["mixed"]);
    assert_eq!(mixture, "node `mixed`: a mixture of experts is not exported to ONNX");
    let twice = fault(vec![input(), linear("out")], &["out", "out"]);
    assert_eq!(twice, "node `out`: it is an output twice, and ONNX gives an output once");
    let clash = fault(vec![input(), linear("fc"), linear("fc.weight")], &["fc"]);
    assert!(clash.contains("`fc.weight`: two values would have this name"), "{clash}");
    let lacking = Model { weights: Weights::default(), network: build("resnet-tiny", &Changes::default()).unwrap() };
    assert!(onnx(&lacking).unwrap_err().to_string().contains("it is missing"));
}
