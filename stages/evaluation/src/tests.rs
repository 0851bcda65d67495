//! Promises of the crate: intervals are Wilson's, draws cover what they should.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_net::{GateLayer, Gates, Model, Random, Run, Weights, forward, resnet::Config};
use nnf_supernet::{
    AssemblerConfig, Digits, Encoding, Index, Questions, Requirement, SampleSplit, Supernet, build_assembler,
};
use tch::{Device, Kind, Tensor};

use crate::accuracy::{Accuracy, accuracy};
use crate::draw::{self, Draw, Spread};
use crate::subnet::Subnet;
use crate::tasks::{file_name, named};

pub(crate) fn supernet() -> Supernet {
    let network = Config::preset("resnet-tiny").unwrap().build().unwrap();
    let encoding = Encoding { task_bits: 2, limit_dims: 4 };
    let sizes = AssemblerConfig { encoder: vec![16], gater: 8, experts: 1, open: 0.0 };
    let (assembler, weights) = build_assembler(&network.gate_layers(), encoding, &sizes, 1).unwrap();
    let model = Model { weights: Weights::init(&network, 1), network };
    Supernet { model, assembler: Model { network: assembler, weights }, encoding }
}

fn digits(folder: &std::path::Path) -> Digits {
    let pixels: Vec<u8> = (0..30 * 784_u64).map(|at| (Random::of(1, &[at]).bits() >> 56) as u8).collect();
    let images = Tensor::from_slice(&pixels).view([30, 28, 28]);
    let labels = Tensor::from_slice(&(0..30).map(|row| (row % 10) as u8).collect::<Vec<u8>>());
    let tensors =
        [("train.images", &images), ("train.labels", &labels), ("test.images", &images), ("test.labels", &labels)];
    let path = folder.join("digits");
    Tensor::write_safetensors(&tensors, &path).unwrap();
    Digits::load(&path).unwrap()
}

#[test]
fn a_subnet_answers_as_the_gated_supernet_does() {
    let folder = tempfile::tempdir().unwrap();
    let (supernet, digits) = (supernet(), digits(folder.path()));
    let rows: Vec<[u32; 4]> = (0..25).map(|at| [at, at + 1, at + 2, at + 3]).collect();
    let pictures = digits.pictures(SampleSplit::Test, &rows, Device::Cpu).unwrap();
    for limit in [0.02, 0.3, 1.0] {
        let gates = supernet.assemble(&[Requirement { bits: vec![true, false], limit }]).unwrap().remove(0);
        let run = Run { gates: Gates::Fixed(&gates), ..Run::default() };
        let scores = forward(&supernet.model.network, &supernet.model.weights, &pictures, &run, &[]).unwrap();
        let answers = Vec::<i64>::try_from(scores[0].argmax(1, false)).unwrap();
        // Labels that are right for the first ten pictures and wrong for the others.
        let label = |(at, answer): (usize, &i64)| u8::from((*answer == 1) == (at < 10));
        let label = answers.iter().enumerate().map(label).collect();
        let index = Index { task: vec![0; 25], digits: rows.clone(), label, split: SampleSplit::Test };
        let subnet = Subnet::of(&supernet, &gates).unwrap();
        let found = accuracy(&subnet.model, &digits, &index, &index.of_task(0)).unwrap();
        assert_eq!(found, Accuracy { right: 10, samples: 25 });
        subnet.model.save(folder.path()).unwrap();
        let again = accuracy(&Model::load(folder.path()).unwrap(), &digits, &index, &index.of_task(0)).unwrap();
        assert_eq!(again, found);
    }
}

#[test]
fn pictures_put_each_digit_in_its_quarter() {
    let folder = tempfile::tempdir().unwrap();
    let digits = digits(folder.path());
    let picture = digits.pictures(SampleSplit::Train, &[[3, 5, 7, 9]], Device::Cpu).unwrap();
    assert_eq!(picture.size(), [1, 1, 56, 56]);
    for (row, top, left) in [(3_u64, 0, 0), (5, 0, 28), (7, 28, 0), (9, 28, 28)] {
        let found = picture.double_value(&[0, 0, top + 2, left + 5]);
        let pixel = (Random::of(1, &[row * 784 + 2 * 28 + 5]).bits() >> 56) as f64;
        assert!((found - (pixel / 255.0 - 0.1307) / 0.3081).abs() < 1e-5);
    }
    assert!(
        digits.pictures(SampleSplit::Test, &[[0, 1, 2, 30]], Device::Cpu).unwrap_err().to_string().contains("digit 30")
    );
    assert_eq!(picture.kind(), Kind::Float);
}

#[test]
fn intervals_are_those_of_wilson() {
    // Reference: statsmodels 0.14, proportion_confint(count, nobs, method="wilson").
    for (right, samples, low, high) in [
        (9_800, 10_000, 0.977_071_7, 0.982_567_5),
        (0, 10, 0.0, 0.277_532_8),
        (10, 10, 0.722_467_2, 1.0),
        (5, 10, 0.236_593, 0.763_407),
    ] {
        let (found_low, found_high) = Accuracy { right, samples }.interval();
        assert!(
            (found_low - low).abs() < 2e-5 && (found_high - high).abs() < 2e-5,
            "{right}/{samples}: {found_low} {found_high}"
        );
    }
}

#[test]
fn drawn_gates_cover_all_levels() {
    let layers = [GateLayer { name: "a".into(), width: 64 }, GateLayer { name: "b".into(), width: 512 }];
    let plain = Draw { levels: (0.01, 1.0), spread: Spread::Even, balance: 0.0, jitter: 0.0, empty: 0.0 };
    let jittery = Draw { jitter: 0.5, ..plain };
    let ratios: Vec<f64> = (0..300).map(|at| jittery.gates(&layers, &mut Random::of(1, &[at])).ratio()).collect();
    for band in 0..10 {
        let (low, high) = (f64::from(band) / 10.0, f64::from(band + 1) / 10.0);
        assert!(ratios.iter().any(|ratio| (low..=high).contains(ratio)), "no vector between {low} and {high}");
    }
    let log = Draw { spread: Spread::Log, ..plain };
    let small = (0..300).filter(|at| log.gates(&layers, &mut Random::of(1, &[*at])).ratio() < 0.1).count();
    assert!((120..180).contains(&small), "half of the levels are below 10 %: {small}");
    let kept = |draw: Draw, at: u64| -> Vec<usize> {
        draw.gates(&layers, &mut Random::of(1, &[at])).kept_positions().iter().map(Vec::len).collect()
    };
    let fifth = Draw { levels: (0.2, 0.2), ..plain };
    assert_eq!(kept(fifth, 0), [13, 102]);
    // From the same share to the same number, 0.2 · √(64 · 512) = 36 modules.
    let balanced: Vec<Vec<usize>> = (0..300).map(|at| kept(Draw { balance: 1.0, ..fifth }, at)).collect();
    assert!(balanced.iter().all(|kept| (13..=36).contains(&kept[0]) && (36..=102).contains(&kept[1])));
    assert!(balanced.iter().any(|kept| kept[1] - kept[0] < 5) && balanced.iter().any(|kept| kept[1] - kept[0] > 80));
}

#[test]
fn drawn_requirements_are_log_uniform() {
    let questions = Questions {
        names: vec!["a".into(), "b".into(), "further".into()],
        bits: vec![vec![true], vec![false], vec![true]],
        seen: vec![true; 3],
        further: vec![false, false, true],
    };
    let (requirements, tasks) = draw::requirements(&questions, 2000, (0.01, 1.0), &mut Random::of(1, &[])).unwrap();
    let below = requirements.iter().filter(|requirement| requirement.limit < 0.1).count();
    assert!((850..1150).contains(&below), "half of the limits are below 10 %: {below}");
    assert!(requirements.iter().all(|requirement| (0.01..=1.0).contains(&requirement.limit)));
    assert!((850..1150).contains(&tasks.iter().filter(|task| **task == 0).count()));
    assert!(!tasks.contains(&2), "further tasks are not asked");
    let further = Questions { further: vec![true; 3], ..questions.clone() };
    let nothing = draw::requirements(&further, 1, (0.01, 1.0), &mut Random::of(1, &[])).unwrap_err().to_string();
    assert!(nothing.contains("all are further ones"), "{nothing}");
    let none = Questions::position(&questions, "c").unwrap_err().to_string();
    assert!(none.contains("no task `c`"));
}

#[test]
fn a_task_is_named_once_and_its_folder_is_its_own() {
    let names: Vec<String> = ["has 0", "has-0", "has_0", "../0", "hás 0"].map(str::to_owned).to_vec();
    let count = names.len();
    let questions =
        Questions { names, bits: vec![vec![true]; count], seen: vec![true; count], further: vec![false; count] };
    let of = |names: &[&str]| named(&questions, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>());
    assert_eq!(of(&["has_0", "has 0"]).unwrap(), [2, 0]);
    for (names, why) in [(&["has 0", "has 0"][..], "twice"), (&["has 9"], "there is no task `has 9`"), (&[], "no task")]
    {
        assert!(of(names).unwrap_err().to_string().contains(why), "{names:?}");
    }
    let folders: Vec<String> = questions.names.iter().map(|name| file_name(name)).collect();
    assert_eq!(folders, ["has-0", "has%2D0", "has_0", "%2E%2E%2F0", "h%C3%A1s-0"]);
}
