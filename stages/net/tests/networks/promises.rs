//! Promises of the crate: a sliced subnet equals the gated supernet, files reload, counts match the literature.
use nnf_net::resnet::Config;
use nnf_net::*;
use tch::{Device, Kind, Tensor};

use crate::support::{difference, small, trained_like};

/// Random gates of which one layer keeps nothing, one everything, one a single module.
fn some_gates(network: &Network, seed: u64) -> GateVector {
    let mut random = Random::of(seed, &[]);
    let layers = network.gate_layers();
    let mut vector =
        GateVector(layers.iter().map(|layer| (0..layer.width).map(|_| random.unit() < 0.3).collect()).collect());
    let (empty, full) = (random.below(layers.len()), random.below(layers.len()));
    vector.0[full].fill(true);
    vector.0[empty].fill(false);
    vector
}

#[test]
fn nothing_kept_at_all_still_runs() {
    let network = small("resnet-tiny");
    let weights = trained_like(&network, 2).to(Kind::Double, Device::Cpu);
    let none = GateVector(network.gate_layers().iter().map(|layer| vec![false; layer.width]).collect());
    let (subnet, own) = slice(&network, &weights, &none).unwrap();
    let constants = subnet.nodes().iter().filter(|node| matches!(node.op, Op::Constant { .. })).count();
    assert_eq!(constants, 3, "a branch that keeps nothing is one constant");
    let batch = Random::of(3, &[]).normal_tensor(&[3, 1, 56, 56], 1.0);
    let run = |gates| Run { gates, precision: Precision::Float64, training: false };
    let gated = forward(&network, &weights, &batch, &run(Gates::Fixed(&none)), &[]).unwrap();
    let sliced = forward(&subnet, &own, &batch, &run(Gates::Open), &[]).unwrap();
    assert!(difference(&sliced[0], &gated[0]) < 1e-10);
}

#[test]
fn a_model_reloads_to_the_same_bytes_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let network = small("resnet-tiny");
    let weights = trained_like(&network, 3);
    let (network, weights) = slice(&network, &weights, &some_gates(&network, 4)).unwrap();
    let model = Model { network, weights };
    model.save(folder.path()).unwrap();
    let again = Model::load(folder.path()).unwrap();
    assert_eq!(again.network, model.network);
    let batch = Random::of(3, &[]).normal_tensor(&[2, 1, 56, 56], 1.0);
    let one = forward(&model.network, &model.weights, &batch, &Run::default(), &[]).unwrap();
    let two = forward(&again.network, &again.weights, &batch, &Run::default(), &[]).unwrap();
    assert!(one[0].equal(&two[0]));
    let bytes = fs_err::read(folder.path().join("weights.safetensors")).unwrap();
    again.save(folder.path()).unwrap();
    assert_eq!(fs_err::read(folder.path().join("weights.safetensors")).unwrap(), bytes);
    let with = |value: Tensor| {
        let mut weights = again.weights.copied();
        weights.insert("fc.bias", value);
        weights.save(&folder.path().join("weights.safetensors")).unwrap();
        Model::load(folder.path()).map(|model| model.weights.get("fc.bias").unwrap().kind()).map_err(|e| e.to_string())
    };
    let bias = again.weights.get("fc.bias").unwrap();
    assert_eq!(with(bias.to_kind(Kind::Half)).unwrap(), Kind::Float, "half precision becomes float32");
    assert!(with(bias * f64::NAN).unwrap_err().contains("`fc.bias` has numbers that are not finite"));
    assert!(with(bias.to_kind(Kind::Int64)).unwrap_err().contains("not a floating one"));
    fs_err::write(folder.path().join("weights.safetensors"), &bytes[..bytes.len() - 9]).unwrap();
    assert!(Model::load(folder.path()).unwrap_err().to_string().contains("weights.safetensors"));
    fs_err::write(folder.path().join("network.json"), "{\"format\": \"nnf.network\"").unwrap();
    assert!(Model::load(folder.path()).unwrap_err().to_string().contains("network.json"));
}

#[test]
fn counts_match_the_literature() {
    // torchvision's figures for ResNets: 11.69 M parameters and 1.814 GMAC, 25.56 M and 4.089 GMAC.
    // MobileNetV2 by torch's own counter (torchvision rounds to 0.30). ViT's two matrix products of attention are
    // counted, as in torchvision's 17.56 GMAC: 12 layers × 2 × 197² × 768 = 0.715 G of them.
    for (preset, parameters, macs, layers, modules) in [
        ("resnet18", 11_689_512, 1_814_073_344, 8, 1920),
        ("resnet50", 25_557_032, 4_089_184_256, 32, 7552),
        ("mobilenet-v2", 3_504_872, 300_774_272, 16, 7104),
        ("vit-b-16", 86_567_656, 17_563_828_224, 12, 36_864),
    ] {
        let network = build(preset, &Changes::default()).unwrap();
        let counts = Counts::of(&network);
        assert_eq!((counts.parameters, counts.macs), (parameters, Macs(macs)), "{preset}");
        assert_eq!((network.gate_layers().len(), network.modules()), (layers, modules), "{preset}");
    }
    let network = build("resnet-numvqa", &Changes::default()).unwrap();
    let counts = Counts::of(&network);
    assert_eq!(network.modules(), 1920);
    assert_eq!(counts.macs, Macs(124_160_000));
    assert!(network.gated_share() >= 0.8, "{}", network.gated_share());
    // Convolution, batch norm: the stem's 64 maps of 28×28 twice are alive at most.
    assert_eq!(counts.peak_activation_bytes, Bytes(2 * 64 * 28 * 28 * 4));
}

#[test]
fn groups_couple_what_is_added() {
    let network = small("resnet-tiny");
    let groups = ChannelGroups::of(&network);
    let of = |name: &str| groups.of_node(network.position(name).unwrap());
    assert_eq!(of("layer1.0.conv1"), of("layer1.0.gate1"));
    assert_ne!(of("layer1.0.conv1"), of("layer1.0.conv2"));
    assert_eq!(of("layer1.0.conv2"), of("layer1.0.downsample.0"));
    assert!(!groups.groups()[of("fc")].removable && !groups.groups()[of("input")].removable);
    let residual = &groups.groups()[of("layer2.0.add")];
    assert_eq!((residual.producers.len(), residual.consumers.len()), (2, 2));
}

#[test]
fn per_sample_gates_are_those_of_each_sample() {
    let network = small("resnet-tiny");
    let weights = trained_like(&network, 5).to(Kind::Double, Device::Cpu);
    let batch = Random::of(1, &[]).normal_tensor(&[2, 1, 56, 56], 1.0);
    let vectors = [some_gates(&network, 1), some_gates(&network, 2)];
    let rows = |layer: usize| {
        let row = |vector: &GateVector| {
            Tensor::from_slice(&vector.0[layer].iter().map(|k| f64::from(u8::from(*k))).collect::<Vec<f64>>())
        };
        Tensor::stack(&[row(&vectors[0]), row(&vectors[1])], 0)
    };
    let tensors: Vec<Tensor> = (0..network.gate_layers().len()).map(rows).collect();
    let run = |gates| Run { gates, precision: Precision::Float64, training: false };
    let both = forward(&network, &weights, &batch, &run(Gates::PerSample(&tensors)), &[]).unwrap();
    for (sample, vector) in (0..).zip(&vectors) {
        let alone = forward(&network, &weights, &batch.narrow(0, sample, 1), &run(Gates::Fixed(vector)), &[]).unwrap();
        assert!(difference(&both[0].narrow(0, sample, 1), &alone[0]) < 1e-10);
    }
}

#[test]
fn misfits_are_told() {
    let network = small("resnet-tiny");
    let weights = Weights::init(&network, 1);
    let error = |result: Result<Vec<Tensor>, NetError>| result.unwrap_err().to_string();
    let batch = Tensor::zeros([1, 3, 56, 56], (Kind::Float, Device::Cpu));
    assert!(error(forward(&network, &weights, &batch, &Run::default(), &[])).contains("the batch is [1, 3, 56, 56]"));
    let short = GateVector(vec![vec![true; 3]]);
    assert!(slice_network(&network, &short).unwrap_err().to_string().contains("layers of [3] modules"));
    let mut config = Config::preset("resnet-tiny").unwrap();
    config.widths.pop();
    assert!(config.build().unwrap_err().to_string().contains("`layout` has 3 parts, `widths` 2"));
    let node = |name: &str, op: Op, inputs: &[&str]| Node::new(name, op, inputs.iter().map(|i| (*i).into()).collect());
    let input = node("input", Op::Input { shape: vec![4, 8, 8] }, &[]);
    let pointless =
        |nodes: Vec<Node>, output: &str| Network::new("n", nodes, &[output.to_owned()]).unwrap_err().to_string();
    assert!(pointless(vec![input.clone(), node("a", Op::Relu, &["b"])], "a").contains("no node before it"));
    assert!(pointless(vec![input.clone(), node("input", Op::Relu, &["input"])], "input").contains("same name"));
    let conv = Op::Conv2d { out: 4, kernel: 9, stride: 1, padding: 0.into(), groups: 1, bias: false };
    assert!(pointless(vec![input.clone(), node("c", conv, &["input"])], "c").contains("does not fit into 8 pixels"));
    // Numbers that nothing can compute with.
    for (kernel, padding) in [(3, 1 << 62), (i64::MAX, 0), ((1 << 24) - 1, (1 << 24) - 1)] {
        let conv = Op::Conv2d { out: 4, kernel, stride: 1, padding: padding.into(), groups: 1, bias: false };
        assert!(Network::new("n", vec![input.clone(), node("c", conv, &["input"])], &["c".to_owned()]).is_err());
        let pool = Op::MaxPool { kernel: 2, stride: 1, padding: padding.into() };
        assert!(
            padding == 0
                || Network::new("n", vec![input.clone(), node("p", pool, &["input"])], &["p".to_owned()]).is_err()
        );
    }
    let vast = node("input", Op::Input { shape: vec![1 << 20, 1 << 20] }, &[]);
    assert!(pointless(vec![vast], "input").contains("no shape"));
    let flat = node("input", Op::Input { shape: vec![1 << 20] }, &[]);
    let dense = Op::Linear { out: 1 << 20, bias: true };
    assert!(pointless(vec![flat, node("f", dense, &["input"])], "f").contains("too many weights"));
    // A gate on a value that others read beside the gate cannot be sliced.
    let conv = Op::Conv2d { out: 4, kernel: 3, stride: 1, padding: 1.into(), groups: 1, bias: false };
    let nodes = vec![
        input,
        node("a", conv.clone(), &["input"]),
        node("g", Op::GATE, &["a"]),
        node("b", conv.clone(), &["g"]),
        node("c", conv, &["a"]),
        node("sum", Op::Add, &["b", "c"]),
    ];
    let crooked = Network::new("n", nodes, &["sum".to_owned()]).unwrap();
    let gates = GateVector(vec![vec![true, false, true, false]]);
    assert!(slice_network(&crooked, &gates).unwrap_err().to_string().contains("reads its channels without the gate"));
}

#[test]
fn gate_sets_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    let network = small("resnet-tiny");
    let gates = vec![some_gates(&network, 1), some_gates(&network, 2)];
    let set = GateSet { layers: network.gate_layers(), gates, task: Some(vec![3, 4]), limit: Some(vec![0.1, 0.5]) };
    let path = folder.path().join("gates");
    set.save(&path).unwrap();
    assert_eq!(GateSet::load(&path).unwrap(), set);
    let bare = GateSet { task: None, limit: None, ..set };
    bare.save(&path).unwrap();
    assert_eq!(GateSet::load(&path).unwrap(), bare);
    assert!(bare.check(&small("resnet-numvqa")).is_err());
    let bytes = fs_err::read(&path).unwrap();
    fs_err::write(&path, &bytes[..40]).unwrap();
    assert!(GateSet::load(&path).is_err());
}

#[test]
fn random_numbers_are_fixed_and_fair() {
    assert_eq!(Random::of(1, &[2, 3]).bits(), Random::of(1, &[2, 3]).bits());
    assert_ne!(Random::of(1, &[2, 3]).bits(), Random::of(1, &[3, 2]).bits());
    let draws = Random::of(1, &[]).normal_tensor(&[100_000], 1.0);
    let (mean, deviation) = (f64::try_from(draws.mean(Kind::Float)).unwrap(), f64::try_from(draws.std(true)).unwrap());
    assert!(mean.abs() < 0.02 && (deviation - 1.0).abs() < 0.02, "{mean} {deviation}");
}

#[test]
fn a_layer_is_essential_where_nothing_leads_around_it() {
    let essential = |network: &Network| -> Vec<String> {
        let layers = network.gate_layers().into_iter().zip(network.essential_layers());
        layers.filter(|(_, essential)| *essential).map(|(layer, _)| layer.name).collect()
    };
    for around in [
        resnet::Config::preset("resnet-numvqa").unwrap().build().unwrap(),
        vit::Config::preset("vit-numvqa").unwrap().build().unwrap(),
    ] {
        assert_eq!(essential(&around), [""; 0], "{}", around.name());
    }
    // Blocks that change width or step have no shortcut.
    let mobile = mobilenet_v2::Config::preset("mobilenet-numvqa").unwrap().build().unwrap();
    let expected = [2, 3, 5, 7, 9, 11].map(|block| format!("features.{block}.gate"));
    assert_eq!(essential(&mobile), expected);
}
