//! Promises of the crate: subnets answer as the supernet does, draws cover what they should.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_net::{GateLayer, Gates, Model, Random, Run, Weights, forward, resnet::Config};
use nnf_numvqa::{Digits, NumVqa, Questions, SampleSplit};
use nnf_problem::{Samples, TaskTable};
use nnf_supernet::{AssemblerConfig, Encoding, Requirement, Supernet, build_assembler};
use tch::{Device, Tensor};

use crate::draw::{self, Draw, Spread};
use crate::quality::quality;
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

fn problem(folder: &std::path::Path) -> NumVqa {
    let pixels: Vec<u8> = (0..30 * 784_u64).map(|at| (Random::of(1, &[at]).bits() >> 56) as u8).collect();
    let images = Tensor::from_slice(&pixels).view([30, 28, 28]);
    let labels = Tensor::from_slice(&(0..30).map(|row| (row % 10) as u8).collect::<Vec<u8>>());
    let tensors =
        [("train.images", &images), ("train.labels", &labels), ("test.images", &images), ("test.labels", &labels)];
    let path = folder.join("digits");
    Tensor::write_safetensors(&tensors, &path).unwrap();
    NumVqa { digits: Digits::load(&path).unwrap() }
}

#[test]
fn a_subnet_answers_as_the_gated_supernet_does() {
    let folder = tempfile::tempdir().unwrap();
    let (supernet, problem) = (supernet(), problem(folder.path()));
    let rows: Vec<[u32; 4]> = (0..25).map(|at| [at, at + 1, at + 2, at + 3]).collect();
    let pictures = problem.digits.pictures(SampleSplit::Test, &rows, Device::Cpu).unwrap();
    for limit in [0.02, 0.3, 1.0] {
        let gates = supernet.assemble(&[Requirement { bits: vec![true, false], limit }]).unwrap().remove(0);
        let run = Run { gates: Gates::Fixed(&gates), ..Run::default() };
        let scores = forward(&supernet.model.network, &supernet.model.weights, &pictures, &run, &[]).unwrap();
        let answers = Vec::<i64>::try_from(scores[0].argmax(1, false)).unwrap();
        // Labels that are right for the first ten pictures and wrong for the others.
        let label = |(at, answer): (usize, &i64)| u8::from((*answer == 1) == (at < 10));
        let label = answers.iter().enumerate().map(label).collect();
        let samples = Questions { task: vec![0; 25], digits: rows.clone(), label, split: SampleSplit::Test };
        let subnet = Subnet::of(&supernet, &gates).unwrap();
        let found = quality(&subnet.model, &problem, &samples, &samples.of_task(0)).unwrap();
        assert_eq!((found.value, found.samples), (0.4, 25));
        subnet.model.save(folder.path()).unwrap();
        let again = quality(&Model::load(folder.path()).unwrap(), &problem, &samples, &samples.of_task(0)).unwrap();
        assert_eq!(again, found);
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
    let table = TaskTable {
        names: vec!["a".into(), "b".into(), "further".into()],
        bits: vec![vec![true], vec![false], vec![true]],
        seen: vec![true; 3],
        further: vec![false, false, true],
    };
    let (requirements, tasks) = draw::requirements(&table, 2000, (0.01, 1.0), &mut Random::of(1, &[])).unwrap();
    let below = requirements.iter().filter(|requirement| requirement.limit < 0.1).count();
    assert!((850..1150).contains(&below), "half of the limits are below 10 %: {below}");
    assert!(requirements.iter().all(|requirement| (0.01..=1.0).contains(&requirement.limit)));
    assert!((850..1150).contains(&tasks.iter().filter(|task| **task == 0).count()));
    assert!(!tasks.contains(&2), "further tasks are not asked");
    let further = TaskTable { further: vec![true; 3], ..table.clone() };
    let nothing = draw::requirements(&further, 1, (0.01, 1.0), &mut Random::of(1, &[])).unwrap_err().to_string();
    assert!(nothing.contains("all are further ones"), "{nothing}");
    let none = TaskTable::position(&table, "c").unwrap_err().to_string();
    assert!(none.contains("no task `c`"));
}

#[test]
fn a_task_is_named_once_and_its_folder_is_its_own() {
    let names: Vec<String> = ["has 0", "has-0", "has_0", "../0", "hás 0"].map(str::to_owned).to_vec();
    let count = names.len();
    let tasks =
        TaskTable { names, bits: vec![vec![true]; count], seen: vec![true; count], further: vec![false; count] };
    let of = |names: &[&str]| named(&tasks, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>());
    assert_eq!(of(&["has_0", "has 0"]).unwrap(), [2, 0]);
    for (names, why) in [(&["has 0", "has 0"][..], "twice"), (&["has 9"], "there is no task `has 9`"), (&[], "no task")]
    {
        assert!(of(names).unwrap_err().to_string().contains(why), "{names:?}");
    }
    let folders: Vec<String> = tasks.names.iter().map(|name| file_name(name)).collect();
    assert_eq!(folders, ["has-0", "has%2D0", "has_0", "%2E%2E%2F0", "h%C3%A1s-0"]);
}
