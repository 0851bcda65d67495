//! Promises of the crate: AdamW is the published one, and a killed training ends with the same bytes as an undisturbed one.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nnf_net::{Model, Precision, Random, Weights, resnet::Config};
use nnf_numvqa::{Augmentation, Digits, NumVqa, Questions, SampleSplit};
use nnf_problem::TaskTable;
use nnf_supernet::{AssemblerConfig, Encoding, Supernet, build_assembler};
use tch::{Device, Kind, Tensor};

use crate::adamw::{AdamW, Span};
use crate::error::TrainingError;
use crate::joint::{Data, Joint, JointConfig};
use crate::optimiser::{Layout, Method, Optimiser, OptimiserConfig};
use crate::progress::Watch;
use crate::schedule::{limit_range, one_cycle, ramp};
use crate::session::{History, Session, Work};

const AUGMENTATION: Augmentation = Augmentation { rotation: 10.0, translation: 2.0, scaling: 0.1 };

/// Asks the training to stop once, after some steps.
struct StopAfter(Cell<i64>);

impl Watch for StopAfter {
    fn progress(&self, _: u64, _: u64) {
        self.0.set(self.0.get() - 1);
    }
    fn metrics(&self, _: u64, _: &[(&str, f64)]) {}
    fn note(&self, _: String) {}
    fn cancelled(&self) -> bool {
        self.0.get() == 0
    }
}

/// Digits below 5 are lying stripes, the others standing ones, so that a small network learns them in a few steps.
fn digits(folder: &Path) -> NumVqa {
    let labels: Vec<u8> = (0..200).map(|row| (row % 10) as u8).collect();
    let mut random = Random::of(1, &[]);
    let pixels = labels.iter().copied().flat_map(|label| {
        let along = move |at: usize| if label < 5 { at / 28 } else { at % 28 };
        (0..784).map(move |at| if along(at) % 6 < 3 { 200 } else { 0 }).collect::<Vec<u8>>()
    });
    let pixels: Vec<u8> = pixels.map(|pixel| pixel + (random.unit() * 40.0) as u8).collect();
    let images = Tensor::from_slice(&pixels).view([200, 28, 28]);
    let labels = Tensor::from_slice(&labels);
    let path = folder.join("digits");
    let tensors =
        [("train.images", &images), ("train.labels", &labels), ("test.images", &images), ("test.labels", &labels)];
    Tensor::write_safetensors(&tensors, &path).unwrap();
    NumVqa { digits: Digits::load(&path).unwrap() }
}

/// `Are the digits below 5?` in two tasks, one asking for the opposite.
fn samples() -> Questions {
    let mut random = Random::of(2, &[]);
    let mut samples = Questions { task: Vec::new(), digits: Vec::new(), label: Vec::new(), split: SampleSplit::Train };
    for at in 0..400_u16 {
        let rows = [random.below(200) as u32; 4];
        samples.task.push(at % 2);
        samples.digits.push(rows);
        samples.label.push(u8::from((rows[0] % 10 < 5) == (at % 2 == 0)));
    }
    samples
}

fn tasks() -> TaskTable {
    TaskTable {
        names: vec!["below".into(), "not below".into()],
        bits: vec![vec![true, false], vec![false, true]],
        seen: vec![true; 2],
        further: vec![false; 2],
    }
}

fn supernet() -> Supernet {
    let config = Config { layout: vec![1, 1], widths: vec![8, 16], ..Config::preset("resnet-tiny").unwrap() };
    let network = config.build().unwrap();
    let encoding = Encoding { task_bits: 2, limit_dims: 4 };
    let sizes = AssemblerConfig { encoder: vec![16], gater: 8, experts: 2, open: 1.0 };
    let (assembler, assembler_weights) = build_assembler(&network.gate_layers(), encoding, &sizes, 1).unwrap();
    let weights = Weights::init(&network, 1);
    Supernet {
        model: Model { network, weights },
        assembler: Model { network: assembler, weights: assembler_weights },
        encoding,
    }
}

fn joint_config(steps: u64) -> JointConfig<Augmentation> {
    JointConfig {
        steps,
        batch: 16,
        rate: 3e-3,
        limits: (0.02, 1.0),
        limit_fall: 0.0,
        lambda: 100.0,
        lambda_rise: (0.1, 0.5),
        noise: 0.5,
        hard_share: 0.5,
        prune: true,
        augmentation: AUGMENTATION,
        seed: 7,
        precision: Precision::Float32,
        optimiser: OptimiserConfig::default(),
    }
}

fn session(steps: u64) -> Session<'static> {
    let checkpoint_every = Duration::from_secs(3600);
    Session { steps, log_every: 3, checkpoint: None, checkpoint_every, snapshots: 0, snapshot_folder: None }
}

fn bytes(work: &dyn Work) -> Vec<(String, Vec<f64>)> {
    let numbers = |tensor: &Tensor| Vec::<f64>::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap();
    work.state().iter().map(|(name, tensor)| (name.clone(), numbers(tensor))).collect()
}

/// Dies in a step, as if it were killed: nothing is saved after its last checkpoint.
struct Mortal<'a>(Box<dyn Work + 'a>, u64);

impl Work for Mortal<'_> {
    fn names(&self) -> &'static [&'static str] {
        self.0.names()
    }
    fn step(&mut self, step: u64) -> Result<Vec<f64>, TrainingError> {
        if step == self.1 { Err(TrainingError::Misfit("killed".into())) } else { self.0.step(step) }
    }
    fn state(&self) -> Vec<(String, Tensor)> {
        self.0.state()
    }
    fn restore(&mut self, state: &BTreeMap<String, Tensor>) -> Result<(), TrainingError> {
        self.0.restore(state)
    }
    fn snapshot(&self, folder: &Path) -> Result<(), TrainingError> {
        self.0.snapshot(folder)
    }
}

/// All files below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        match path.is_dir() {
            true => all.extend(files(&path).into_iter().map(|(below, bytes)| (name.join(below), bytes))),
            false => drop(all.insert(name, fs_err::read(&path).unwrap())),
        }
    }
    all
}

/// Runs undisturbed, again with a stop in the middle and a death some steps later, past a snapshot, and again with
/// checkpoints all along and deaths that lose one step each; all end in the same state, history and snapshots.
fn resumed_equals_undisturbed<'a>(steps: u64, make: &dyn Fn() -> Box<dyn Work + 'a>) -> History {
    let go_on = || StopAfter(Cell::new(-1));
    let folder = tempfile::tempdir().unwrap();
    let [one, two, three, checkpoint, often] =
        ["one", "two", "three", "checkpoint", "often"].map(|name| folder.path().join(name));
    for folder in [&checkpoint, &often] {
        fs_err::create_dir(folder).unwrap();
    }
    let of = |snapshots| Session { snapshots: 3, snapshot_folder: Some(snapshots), ..session(steps) };
    let mut undisturbed = make();
    let history = of(&one).run(undisturbed.as_mut(), &go_on()).unwrap();
    let disturbed = Session { checkpoint: Some(&checkpoint), ..of(&two) };
    let stopped = disturbed.run(make().as_mut(), &StopAfter(Cell::new(4)));
    assert!(matches!(stopped, Err(TrainingError::Cancelled)));
    let killed = disturbed.run(&mut Mortal(make(), 7), &go_on());
    assert!(matches!(killed, Err(TrainingError::Misfit(_))));
    let mut resumed = make();
    let again = disturbed.run(resumed.as_mut(), &go_on()).unwrap();
    assert_eq!(bytes(resumed.as_ref()), bytes(undisturbed.as_ref()));
    history.save(&one.join("history")).unwrap();
    again.save(&two.join("history")).unwrap();
    assert!(files(&one) == files(&two) && files(&one).keys().any(|path| path.starts_with("step-0000006")));

    let often = Session { checkpoint: Some(&often), checkpoint_every: Duration::ZERO, ..of(&three) };
    for death in [0, 1, 7] {
        assert!(matches!(often.run(&mut Mortal(make(), death), &go_on()), Err(TrainingError::Misfit(_))));
    }
    let (mut resumed, watch) = (make(), go_on());
    let again = often.run(resumed.as_mut(), &watch).unwrap();
    assert_eq!(watch.0.get(), -1 - (i64::try_from(steps).unwrap() - 7), "what was done before is not done again");
    assert_eq!(bytes(resumed.as_ref()), bytes(undisturbed.as_ref()));
    again.save(&three.join("history")).unwrap();
    assert!(files(&one) == files(&three));
    history
}

#[test]
fn a_killed_joint_training_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (problem, samples, tasks) = (digits(folder.path()), samples(), tasks());
    let make = || -> Box<dyn Work + '_> {
        let data = Data { problem: &problem, train: &samples, validation: &samples, tasks: &tasks };
        Box::new(Joint::new(joint_config(9), data, supernet(), Device::Cpu).unwrap())
    };
    resumed_equals_undisturbed(9, &make);
}

#[test]
fn what_would_make_tables_untrue_is_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let problem = digits(folder.path());
    let fault = |train: &Questions, tasks: &TaskTable, supernet: Supernet| {
        let data = Data { problem: &problem, train, validation: &samples(), tasks };
        Joint::new(joint_config(9), data, supernet, Device::Cpu)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert_eq!(fault(&samples(), &tasks(), supernet()), "");
    let test = Questions { split: SampleSplit::Test, ..samples() };
    assert!(fault(&test, &tasks(), supernet()).contains("test digits"));
    let unseen = TaskTable { seen: vec![true, false], ..tasks() };
    assert!(fault(&samples(), &unseen, supernet()).contains("the task `not below`, which `tasks` calls unseen"));
    let mut foreign = samples();
    foreign.digits[7][3] = 200;
    assert!(fault(&foreign, &tasks(), supernet()).contains("names digit 200, but there are 200"));
    let config =
        Config { layout: vec![1, 1], widths: vec![8, 16], classes: 10, ..Config::preset("resnet-tiny").unwrap() };
    let network = config.build().unwrap();
    let model = Model { weights: Weights::init(&network, 1), network };
    assert!(fault(&samples(), &tasks(), Supernet { model, ..supernet() }).contains("`classes: 2`"));
}

#[test]
fn joint_training_learns_and_closes_gates() {
    let folder = tempfile::tempdir().unwrap();
    let (problem, samples, tasks) = (digits(folder.path()), samples(), tasks());
    let data = Data { problem: &problem, train: &samples, validation: &samples, tasks: &tasks };
    let config = JointConfig { batch: 64, limits: (0.2, 0.6), ..joint_config(160) };
    let mut work = Joint::new(config, data, supernet(), Device::Cpu).unwrap();
    let history = session(160).run(&mut work, &StopAfter(Cell::new(-1))).unwrap();
    assert!(history.last("accuracy").unwrap() > 0.8, "{:?}", history.last("accuracy"));
    assert!(history.last("ratio").unwrap() < 0.7, "λ closes gates: {:?}", history.last("ratio"));
    let (accuracy, ratio) = work.validate(0.5, 200).unwrap().unwrap();
    assert!(accuracy > 0.8 && ratio <= 0.5, "{accuracy} {ratio}");
    assert_eq!(work.validate(0.5, 0).unwrap(), None, "no samples tell nothing");
}

#[test]
fn a_damaged_checkpoint_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("state.safetensors"), b"cut").unwrap();
    assert!(crate::checkpoint::load(folder.path()).is_none());
}

#[test]
fn the_optimiser_is_adamw() {
    let adamw = AdamW { betas: (0.9, 0.99), eps: 1e-3 };
    let config = OptimiserConfig { method: Method::AdamW, adamw, weight_decay: 0.1, clip: 1.0 };
    // Two parameters decay, one does not.
    let parameters = Tensor::from_slice(&[1.0_f32, -2.0, 0.5]);
    let mut layout = Layout::default();
    for (from, decays) in [(0, true), (1, true), (2, false)] {
        layout.span(Span { from, length: 1, decays });
    }
    let mut optimiser = Optimiser::new(&parameters, layout, config);
    let (mut p, mut m, mut v) = ([1.0, -2.0, 0.5], [0.0; 3], [0.0; 3]);
    for (step, gradient) in (1..).zip([[0.3_f64, -0.2, 0.1], [3.0, 1.0, -2.0], [0.0, 0.1, 0.4]]) {
        optimiser.step(&parameters, Tensor::from_slice(&gradient).to_kind(Kind::Float), 0.05);
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        for at in 0..3 {
            let g = gradient[at] * if norm > 1.0 { 1.0 / norm } else { 1.0 };
            m[at] = 0.9 * m[at] + 0.1 * g;
            v[at] = 0.99 * v[at] + 0.01 * g * g;
            let (m_hat, v_hat) = (m[at] / (1.0 - 0.9_f64.powi(step)), v[at] / (1.0 - 0.99_f64.powi(step)));
            let decay = if at < 2 { 0.1 * p[at] } else { 0.0 };
            p[at] -= 0.05 * (m_hat / (v_hat.sqrt() + 1e-3) + decay);
        }
        let found = Vec::<f32>::try_from(&parameters).unwrap();
        assert!(found.iter().zip(p).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5), "step {step}: {found:?} {p:?}");
    }
    // A gradient that is not finite spoils nothing.
    let before = (Vec::<f32>::try_from(&parameters).unwrap(), optimiser.first.copy(), optimiser.steps);
    for bad in [f32::NAN, f32::INFINITY] {
        assert!(!optimiser.step(&parameters, Tensor::from_slice(&[0.1, bad, 0.1]), 0.05).is_finite());
    }
    assert_eq!((Vec::<f32>::try_from(&parameters).unwrap(), optimiser.first.copy(), optimiser.steps), before);
}

#[test]
fn schedules_begin_peak_and_end_where_they_should() {
    assert!((one_cycle(0, 101, 1.0) - 0.04).abs() < 1e-12);
    assert!((one_cycle(30, 101, 1.0) - 1.0).abs() < 1e-12);
    assert!(one_cycle(100, 101, 1.0) < 1e-5 && one_cycle(100, 101, 1.0) > 0.0);
    assert!(one_cycle(0, 1, 1.0).is_finite());
    let least = |step| limit_range(step, 100, (0.01, 1.0), 0.5).0;
    assert!((least(0) - 1.0).abs() < 1e-9 && (least(25) - 0.1).abs() < 1e-9 && (least(60) - 0.01).abs() < 1e-9);
    assert_eq!(limit_range(0, 100, (0.25, 1.0), 0.0), (0.25, 1.0));
    let lambda = |step| ramp(step, 100, (0.1, 0.5), 100.0);
    assert_eq!((lambda(0), lambda(10), lambda(50), lambda(99)), (0.0, 0.0, 100.0, 100.0));
    assert!((lambda(30) - 50.0).abs() < 1e-9);
    let at_once = |step| ramp(step, 100, (0.5, 0.5), 100.0);
    assert_eq!((at_once(49), at_once(50)), (0.0, 100.0));
    assert_eq!(ramp(0, 100, (0.0, 0.0), 100.0), 100.0, "no rise at all");
}
