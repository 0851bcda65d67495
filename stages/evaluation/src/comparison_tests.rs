//! Promises of what figures rest on: similarity is what it says, snapshots come in order, tables name the network.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_net::{GateLayer, GateVector, Random};
use nnf_numvqa::{Digits, NumVqa, Questions, SampleSplit};
use nnf_problem::TaskTable;
use tch::Tensor;

use crate::draw::{Draw, Spread};
use crate::evaluate_kind::refuse_none;
use crate::rows::{self, Asked, Which};
use crate::similarity::similarity;
use crate::snapshots_kind::snapshots;

fn asked(folder: &std::path::Path) -> Asked<NumVqa> {
    let images = Tensor::zeros([8, 28, 28], (tch::Kind::Uint8, tch::Device::Cpu));
    let labels = Tensor::from_slice(&[0_u8, 1, 2, 3, 4, 5, 6, 7]);
    let tensors =
        [("train.images", &images), ("train.labels", &labels), ("test.images", &images), ("test.labels", &labels)];
    let path = folder.join("digits");
    Tensor::write_safetensors(&tensors, &path).unwrap();
    let names: Vec<String> = (0..12).map(|task| format!("task {task}")).collect();
    let task_table = TaskTable {
        names,
        bits: vec![vec![true, false]; 12],
        seen: (0..12).map(|task| task % 4 != 0).collect(),
        further: vec![false; 12],
    };
    // Task 11 has no samples.
    let task = (0..11).flat_map(|task| [task, task]).collect::<Vec<_>>();
    let samples = Questions { digits: vec![[0, 1, 2, 3]; 22], label: vec![0; 22], split: SampleSplit::Test, task };
    Asked { problem: NumVqa { digits: Digits::load(&path).unwrap() }, samples, task_table }
}

#[test]
fn similarity_is_overlap_and_cosine() {
    let gates =
        |text: &str| GateVector(text.split(' ').map(|layer| layer.chars().map(|c| c == '1').collect()).collect());
    let found = similarity(&gates("1100 11"), &gates("1000 11"));
    assert!((found.overlap - 0.75).abs() < 1e-12 && (found.cosine - 3.0 / 12_f64.sqrt()).abs() < 1e-12);
    let apart = similarity(&gates("1100 00"), &gates("0011 00"));
    assert_eq!((apart.overlap, apart.cosine), (0.0, 0.0));
    assert_eq!(similarity(&gates("0000 00"), &gates("0000 00")).overlap, 1.0);
    assert_eq!(similarity(&gates("1000 00"), &gates("0000 00")).cosine, 0.0);
}

#[test]
fn drawn_tasks_have_samples_and_are_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let asked = asked(folder.path());
    assert_eq!(asked.tasks(Which::All, 0, 1).unwrap(), (0..11).collect::<Vec<usize>>());
    assert_eq!(asked.tasks(Which::Unseen, 0, 1).unwrap(), [0, 4, 8]);
    let drawn = asked.tasks(Which::Seen, 5, 1).unwrap();
    assert_eq!(drawn.len(), 5);
    assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]) && drawn.iter().all(|task| task % 4 != 0));
    assert_eq!(drawn, asked.tasks(Which::Seen, 5, 1).unwrap());
    assert!((2..20).any(|seed| asked.tasks(Which::Seen, 5, seed).unwrap() != drawn));
    assert!(asked.tasks(Which::Seen, 9, 1).unwrap_err().to_string().contains("8 have samples"));
    let task_table = TaskTable { seen: vec![true; 12], ..asked.task_table.clone() };
    let asked = Asked { task_table, ..asked };
    assert!(asked.tasks(Which::Unseen, 0, 1).unwrap_err().to_string().contains("no unseen task has samples"));
    assert!(refuse_none(&[]).unwrap_err().to_string().contains("`limits` is empty"));
}

#[test]
fn rows_say_of_which_network_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (asked, supernet) = (asked(folder.path()), crate::tests::supernet());
    let row = asked.evaluate(&supernet, (3, 0.2), 1).unwrap();
    assert_eq!(row.found.samples, 1);
    let table = rows::frame(&[row], &asked.task_table, &supernet).unwrap();
    let network = table.column("network").unwrap().str().unwrap().get(0).unwrap().to_owned();
    assert_eq!(network, supernet.model.network.name());
    assert!(table.column("ratio").unwrap().f64().unwrap().get(0).unwrap() <= 0.2);
}

#[test]
fn snapshots_come_in_the_order_of_their_steps() {
    let folder = tempfile::tempdir().unwrap();
    let none = snapshots(folder.path()).unwrap_err().to_string();
    assert!(none.contains("step-"), "{none}");
    for name in ["step-0000100", "step-0000020", "step-x", "other"] {
        fs_err::create_dir(folder.path().join(name)).unwrap();
    }
    let steps: Vec<u64> = snapshots(folder.path()).unwrap().into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, [20, 100]);
}

#[test]
fn drawn_vectors_leave_whole_layers_out() {
    let layers: Vec<GateLayer> = (0..20).map(|at| GateLayer { name: format!("{at}"), width: 256 }).collect();
    let empty = |chance: f64| -> Vec<usize> {
        let draw = Draw { levels: (0.05, 0.05), spread: Spread::Log, balance: 0.0, jitter: 0.0, empty: chance };
        let vector = |at: u64| draw.gates(&layers, &mut Random::of(1, &[at]));
        (0..200).map(|at| vector(at).kept_positions().iter().filter(|kept| kept.is_empty()).count()).collect()
    };
    assert!(empty(0.0).iter().all(|count| *count == 0));
    let half = empty(0.5);
    let mean = half.iter().sum::<usize>() as f64 / 200.0;
    assert!((4.0..6.0).contains(&mean), "a quarter of the layers on average: {mean}");
    assert!(
        half.iter().any(|count| *count <= 1) && half.iter().any(|count| *count >= 9),
        "each vector has its own chance"
    );
}
