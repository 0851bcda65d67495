//! Promises of the crate: gates are what the formulas say, limits hold, files reload.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_net::{GateLayer, Model, Random, Weights, resnet::Config};
use tch::{Kind, Tensor};

use crate::gating::{Pruning, allowed, gate_loss, hard, soft, straight_through};
use crate::*;

fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

pub(crate) fn tiny() -> Supernet {
    let network = Config::preset("resnet-tiny").unwrap().build().unwrap();
    let encoding = Encoding { task_bits: 16, limit_dims: 20 };
    let config = AssemblerConfig { encoder: vec![32, 48], gater: 32, experts: 1, open: 0.0 };
    let (assembler, assembler_weights) = build_assembler(&network.gate_layers(), encoding, &config, 3).unwrap();
    let weights = Weights::init(&network, 1);
    Supernet {
        model: Model { network, weights },
        assembler: Model { network: assembler, weights: assembler_weights },
        encoding,
    }
}

#[test]
fn soft_and_hard_gates_follow_the_formula() {
    let w = Tensor::from_slice(&[-9.0, -0.1, 0.0, 0.1, 9.0]);
    let expected: Vec<f64> =
        [-9.0_f64, -0.1, 0.0, 0.1, 9.0].iter().map(|w| (1.2 / (1.0 + (-w).exp()) - 0.1).clamp(0.0, 1.0)).collect();
    assert!(values(&soft(&w)).iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
    assert_eq!(values(&hard(&w)), [0.0, 0.0, 0.0, 1.0, 1.0]);
    // The threshold of one half on soft gates is the sign of w.
    assert!(values(&soft(&w)).iter().zip(values(&hard(&w))).all(|(s, g)| (*s > 0.5) == (g > 0.5)));
}

#[test]
fn straight_through_has_hard_values_and_soft_derivatives() {
    let w = Tensor::from_slice(&[-0.5, 0.3, 1.0]).set_requires_grad(true);
    let gates = straight_through(&hard(&w), &soft(&w));
    assert_eq!(values(&gates.detach()), [0.0, 1.0, 1.0]);
    let through = Tensor::run_backward(&[gates.sum(Kind::Double)], &[&w], false, false);
    let plain = Tensor::run_backward(&[soft(&w).sum(Kind::Double)], &[&w], false, false);
    assert_eq!(values(&through[0]), values(&plain[0]));
}

#[test]
fn pruning_keeps_the_largest_over_all_layers() {
    let pruning = two_layers([false, false]);
    let logits = [0.5, -1.0, 0.1, 3.0, 2.0, 0.5, -0.2, 1.0];
    assert_eq!(pruning.vector(&logits, 1.0).kept(), 6, "only open gates");
    let two = pruning.vector(&logits, 0.25);
    assert_eq!(two.0, [vec![false; 3], vec![true, true, false, false, false]], "a layer may keep nothing");
    // Of two equal logits the first stays.
    assert_eq!(pruning.vector(&logits, 0.5).0[0], [true, false, false]);
    assert_eq!(pruning.vector(&logits, 0.1).kept(), 0);
    assert_eq!((allowed(0.07, 1900), allowed(0.03, 1920), allowed(1.0, 7), allowed(0.001, 7)), (133, 57, 7, 0));
    let batch = Tensor::from_slice(&logits).view([1, 8]).repeat([4, 1]);
    let within = pruning.batch(&batch, &[1.0, 0.25, 0.125, 0.1]);
    let kept = values(&within.sum_dim_intlist([1_i64].as_slice(), false, Kind::Double));
    assert_eq!(kept, [6.0, 2.0, 1.0, 0.0]);
}

fn two_layers(essential: [bool; 2]) -> Pruning {
    let layers = vec![GateLayer { name: "a".into(), width: 3 }, GateLayer { name: "b".into(), width: 5 }];
    Pruning { layers, essential: essential.into() }
}

#[test]
fn an_essential_layer_keeps_its_best_module_before_all_else_but_the_limit() {
    let pruning = two_layers([true, false]);
    // All of the first layer is shut; its best are two equal ones, of which the first stays.
    let logits = [-2.0, -0.5, -0.5, 3.0, 2.0, 0.5, -0.2, 1.0];
    let limits = [1.0, 0.25, 0.125, 0.1];
    let expected = [[1, 3, 4, 5, 7].as_slice(), &[1, 3], &[1], &[]];
    for (limit, expected) in limits.iter().zip(expected) {
        let flat = pruning.vector(&logits, *limit).flat();
        let kept: Vec<usize> = (0..8).filter(|at| flat[*at]).collect();
        assert_eq!(kept, expected, "{limit}");
    }
    // In a batch alike, and the logits stay as they are.
    let apart = [-2.0, -0.5, -0.6, 3.0, 2.0, 0.5, -0.2, 1.0];
    let batch = Tensor::from_slice(&apart).view([1, 8]).repeat([4, 1]);
    let within = values(&pruning.batch(&batch, &limits));
    let single = |limit: &f64| pruning.vector(&apart, *limit).flat().into_iter().map(|kept| f64::from(u8::from(kept)));
    assert_eq!(within, limits.iter().flat_map(single).collect::<Vec<f64>>());
    assert_eq!(values(&batch)[..8], apart);
}

/// Every network that is assembled for a MobileNet answers by its input, however badly the assembler chooses.
#[test]
fn what_is_assembled_never_cuts_the_output_off() {
    let layers = nnf_net::mobilenet_v2::Config::preset("mobilenet-numvqa").unwrap().build().unwrap();
    let pruning = Pruning::of(&layers);
    let modules = layers.modules();
    let mut random = Random::of(5, &[]);
    for limit in [0.01, 0.03, 0.3] {
        let logits: Vec<f64> = (0..modules).map(|_| random.unit() - 0.9).collect();
        let gates = pruning.vector(&logits, limit);
        assert!(gates.ratio() <= limit && gates.kept() > 0);
        let alive = gates.0.iter().map(|layer| layer.contains(&true));
        assert!(alive.zip(layers.essential_layers()).all(|(alive, essential)| alive || !essential), "{limit}");
    }
}

#[test]
fn gates_beyond_the_limit_cost_and_others_do_not() {
    let w = Tensor::from_slice(&[1.0_f32, 1.0, -1.0, -1.0]).view([1, 4]).set_requires_grad(true);
    let loss = gate_loss(&w, &Tensor::from_slice(&[0.2_f32]));
    assert!((f64::try_from(&loss).unwrap() - 0.09).abs() < 1e-6);
    let gradient = Tensor::run_backward(&[loss], &[&w], false, false);
    assert!(values(&gradient[0]).iter().all(|g| *g > 0.0), "all gates are pushed down");
    assert_eq!(f64::try_from(gate_loss(&w, &Tensor::from_slice(&[0.5_f32]))).unwrap(), 0.0);
}

#[test]
fn a_limit_is_never_exceeded() {
    let supernet = tiny();
    let modules = supernet.model.network.modules();
    let mut random = Random::of(1, &[]);
    let requirements: Vec<Requirement> = (1..=100)
        .map(|percent| Requirement {
            bits: (0..16).map(|_| random.unit() < 0.5).collect(),
            limit: f64::from(percent) / 100.0,
        })
        .collect();
    for (Assembled { gates, generated, logits }, requirement) in
        supernet.assembled(&requirements).unwrap().iter().zip(&requirements)
    {
        assert!(gates.ratio() <= requirement.limit && gates.kept() <= allowed(requirement.limit, modules));
        assert!(gates.ratio() <= *generated);
        assert_eq!(logits.len(), modules);
    }
}

#[test]
fn encodings_tell_limits_and_tasks_apart() {
    let encoding = Encoding { task_bits: 2, limit_dims: 20 };
    let one =
        |bits: [bool; 2], limit: f64| values(&encoding.encode(&[Requirement { bits: bits.to_vec(), limit }]).unwrap());
    assert_eq!(one([true, false], 0.05).len(), 22);
    assert_eq!(one([true, false], 0.05)[..2], [1.0, -1.0]);
    assert_ne!(one([true, false], 0.05), one([true, false], 0.06));
    assert!((one([true, true], 0.05)[2] - 5.0_f64.sin()).abs() < 1e-6, "the first wave is of the limit in per cent");
    let wrong = |bits: usize, limit: f64| {
        encoding.encode(&[Requirement { bits: vec![true; bits], limit }]).unwrap_err().to_string()
    };
    assert!(wrong(3, 0.5).contains("3 property bits"));
    assert!(wrong(2, 0.0).contains("not in (0, 1]") && wrong(2, f64::NAN).contains("not in"));
}

#[test]
fn a_supernet_reloads_to_the_same_gates() {
    let folder = tempfile::tempdir().unwrap();
    let supernet = tiny();
    supernet.save(folder.path()).unwrap();
    let again = Supernet::load(folder.path()).unwrap();
    let requirements =
        [Requirement { bits: vec![true; 16], limit: 0.1 }, Requirement { bits: vec![false; 16], limit: 0.9 }];
    assert_eq!(again.assemble(&requirements).unwrap(), supernet.assemble(&requirements).unwrap());
    let path = folder.path().join("supernet.json");
    let text = fs_err::read_to_string(&path).unwrap();
    for dims in ["22", "18446744073709551615"] {
        fs_err::write(&path, text.replace("\"limit_dims\": 20", &format!("\"limit_dims\": {dims}"))).unwrap();
        let error = Supernet::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("the assembler reads [36]"), "{error}");
    }
    fs_err::write(&path, text).unwrap();
    fs_err::remove_file(folder.path().join("assembler/network.json")).unwrap();
    assert!(Supernet::load(folder.path()).unwrap_err().to_string().contains("assembler"));
}

#[test]
fn experts_are_mixed_by_the_softmax_of_their_scores() {
    let layers = [GateLayer { name: "a".into(), width: 3 }, GateLayer { name: "b".into(), width: 5 }];
    let encoding = Encoding { task_bits: 2, limit_dims: 4 };
    let config = AssemblerConfig { encoder: vec![8], gater: 6, experts: 3, open: 1.0 };
    let (network, weights) = build_assembler(&layers, encoding, &config, 3).unwrap();
    let names = network.outputs().iter().map(|id| network.nodes()[*id].name.as_str()).collect::<Vec<&str>>();
    assert_eq!(names, ["a.logits", "b.logits"]);
    let requirement = |bit: bool, limit: f64| Requirement { bits: vec![bit, !bit], limit };
    let batch = encoding.encode(&[requirement(true, 0.1), requirement(false, 0.5)]).unwrap();
    let of = |name: &str| network.position(name).unwrap();
    let wanted = [of("b.logits"), of("b.experts"), of("b.logits.0"), of("b.logits.1"), of("b.logits.2")];
    let values = nnf_net::forward(&network, &weights, &batch, &nnf_net::Run::default(), &wanted).unwrap();
    let rows = |tensor: &Tensor| Vec::<Vec<f64>>::try_from(tensor.to_kind(Kind::Double)).unwrap();
    let (mixed, scores) = (rows(&values[0]), rows(&values[1]));
    let gaters: Vec<Vec<Vec<f64>>> = values[2..].iter().map(rows).collect();
    for sample in 0..2 {
        let powers: Vec<f64> = scores[sample].iter().map(|score| score.exp()).collect();
        for module in 0..5 {
            let sum: f64 = (0..3).map(|expert| powers[expert] * gaters[expert][sample][module]).sum();
            let expected = sum / powers.iter().sum::<f64>();
            assert!((mixed[sample][module] - expected).abs() < 1e-5, "{sample} {module}");
        }
    }
    assert!(gaters[0] != gaters[1], "gaters begin apart");
}
