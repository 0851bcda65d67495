//! What cutting and composing promise.
use nnf_net::*;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use crate::support::{changes, difference, small, trained_like};

fn run() -> Run<'static> {
    Run { precision: Precision::Float64, ..Run::default() }
}

fn batch(network: &Network) -> Tensor {
    Random::of(1, &[]).normal_tensor(&[&[2], network.input_shape()].concat(), 1.0).to_kind(Kind::Double)
}

#[test]
fn fragments_one_after_the_other_are_the_network() {
    let tied = build("resnet18", &changes(json!({ "gate_streams": true, "input": [3, 32, 32] }))).unwrap();
    for (network, count) in [
        (small("resnet18"), 10),
        (small("resnet50"), 18),
        // Stem and first block, 16 more, head.
        (small("mobilenet-v2"), 18),
        (small("efficientnet-b0"), 17),
        (small("vit-b-16"), 6),
        (tied, 10),
    ] {
        let weights = trained_like(&network, 1).to(Kind::Double, Device::Cpu);
        let fragments = fragments(&network).unwrap();
        assert_eq!(fragments.len(), count, "{}", network.name());
        let batch = batch(&network);
        let mut value = batch.shallow_clone();
        for fragment in &fragments {
            let own = fragment.weights(&weights).unwrap();
            own.check(fragment.network()).unwrap();
            assert_eq!(value.size()[1..], *fragment.input_shape());
            value = fragment.run(&own, &value, &run()).unwrap().remove(0);
            assert_eq!(value.size()[1..], *fragment.output_shape());
        }
        let whole = forward(&network, &weights, &batch, &run(), &[]).unwrap().remove(0);
        assert!(difference(&value, &whole) < 1e-12, "{}", network.name());
        let again = compose(network.name(), &fragments.iter().collect::<Vec<&Fragment>>()).unwrap();
        assert_eq!(again, network);
    }
}

#[test]
fn a_block_can_be_left_out_where_shapes_agree() {
    let network = small("resnet18");
    let weights = trained_like(&network, 2).to(Kind::Double, Device::Cpu);
    let fragments = fragments(&network).unwrap();
    let reads: Vec<&str> = fragments.iter().map(Fragment::reads).collect();
    assert_eq!(reads[..4], ["input", "maxpool", "layer1.0.relu", "layer1.1.relu"]);
    let without = |gone: usize| {
        let left: Vec<&Fragment> = (0..fragments.len()).filter(|at| *at != gone).map(|at| &fragments[at]).collect();
        compose("shorter", &left)
    };
    let shorter = without(2).unwrap();
    assert!(shorter.position("layer1.1.conv1").is_none());
    let mut own = Weights::default();
    for parameter in shorter.parameters() {
        own.insert(parameter.name.clone(), weights.get(&parameter.name).unwrap().shallow_clone());
    }
    // From a value that was kept: that which the block that is left out gave, and now does not change.
    let kept = network.position("layer1.0.relu").unwrap();
    let batch = batch(&network);
    let mut value = forward(&network, &weights, &batch, &run(), &[kept]).unwrap().remove(0);
    for fragment in &fragments[3..] {
        value = fragment.run(&weights, &value, &run()).unwrap().remove(0);
    }
    let found = forward(&shorter, &own, &batch, &run(), &[]).unwrap().remove(0);
    assert!(difference(&found, &value) < 1e-12);
    let fault = without(3).unwrap_err().to_string();
    assert!(fault.contains("it reads [128, 4, 4], but `layer1.1.relu` gives [64, 8, 8]"), "{fault}");
    let twice = compose("twice", &[&fragments[0], &fragments[1], &fragments[1]]).unwrap_err().to_string();
    assert!(twice.contains("another node has the same name"), "{twice}");
    assert!(compose("none", &[]).is_err());
}

#[test]
fn cuts_go_through_one_value_alone() {
    let network = small("resnet18");
    let parts = cut_behind(&network, &["relu", "layer2.1.relu"]).unwrap();
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[2].input_shape(), [128, 4, 4]);
    let fault = |names: &[&str]| cut_behind(&network, names).unwrap_err().to_string();
    assert!(fault(&["layer2.1.conv1"]).contains("no cut goes through it alone"));
    assert!(fault(&["fc"]).contains("no cut"));
    assert!(fault(&["layer9"]).contains("no such node"));
    assert!(fault(&["layer2.1.relu", "relu"]).contains("not in the order"));
}

#[test]
fn what_is_shared_over_a_cut_is_each_fragment_s_own_until_they_are_composed() {
    let node = |name: &str, op: Op, input: &str| Node::new(name, op, vec![input.into()]);
    let linear = Op::Linear { out: 4, bias: true };
    let nodes = vec![
        Node::new("input", Op::Input { shape: vec![4] }, Vec::new()),
        node("a", linear.clone(), "input"),
        node("act", Op::Relu, "a"),
        Node { shares: Some("a".into()), ..node("b", linear.clone(), "act") },
        Node { shares: Some("a".into()), ..node("c", linear, "b") },
    ];
    let network = Network::new("shared", nodes, &["c".to_owned()]).unwrap();
    assert_eq!(Counts::of(&network).parameters, 20);
    assert_eq!(Counts::of(&network).macs, Macs(48));
    let weights = trained_like(&network, 3).to(Kind::Double, Device::Cpu);
    let parts = cut_behind(&network, &["act"]).unwrap();
    let names: Vec<String> = parts[1].network().parameters().into_iter().map(|parameter| parameter.name).collect();
    assert_eq!(names, ["b.weight", "b.bias"]);
    let batch = batch(&network);
    let middle = parts[0].run(&weights, &batch, &run()).unwrap().remove(0);
    let found = parts[1].run(&parts[1].weights(&weights).unwrap(), &middle, &run()).unwrap().remove(0);
    let whole = forward(&network, &weights, &batch, &run(), &[]).unwrap().remove(0);
    assert!(difference(&found, &whole) < 1e-12);
    assert_eq!(compose("shared", &[&parts[0], &parts[1]]).unwrap(), network);
}
