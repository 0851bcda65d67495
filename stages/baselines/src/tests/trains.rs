//! When a training has converged, sparsity, and that a stopped training ends as one that was not.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use nnf_net::{ChannelGroups, Model, Precision, Weights};
use nnf_numvqa::{Augmentation, NumVqa};
use nnf_training::{OptimiserConfig, Session, TrainingError, Watch, Work};
use tch::{Device, Tensor};

use super::toy::{self, Toy};
use crate::convergence::{Convergence, Evaluation, Rule, best, seconds_to_best};
use crate::samples::Samples;
use crate::tuning::{Tuning, TuningConfig};
use crate::{heads, importance, sparsity};

fn evaluations(looks: &[(f64, f64)]) -> Vec<Evaluation> {
    let look = |(at, (quality, loss)): (u64, &(f64, f64))| Evaluation {
        step: at * 10,
        seconds: at as f64,
        quality: *quality,
        loss: *loss,
    };
    (1..).zip(looks).map(look).collect()
}

#[test]
fn training_ends_when_the_loss_stops_falling_at_the_lowest_rate() {
    let rule = Rule { patience: 2, drops: 1 };
    let state = |losses: &[f64]| {
        // All answers are right from the first look on, which says nothing.
        let looks: Vec<(f64, f64)> = losses.iter().map(|loss| (1.0, *loss)).collect();
        let convergence = Convergence::new(rule, evaluations(&looks));
        (convergence.done(), (convergence.factor() * 1e6).round() / 1e6)
    };
    assert_eq!(state(&[]), (false, 1.0));
    assert_eq!(state(&[0.5, 0.4, 0.4]), (false, 1.0));
    assert_eq!(state(&[0.5, 0.4, 0.4, 0.6]), (false, 0.1), "two looks without a fall");
    assert_eq!(state(&[0.5, 0.4, 0.4, 0.6, 0.3, 0.3]), (false, 0.1), "a fall at the lower rate is waited for anew");
    assert_eq!(state(&[0.5, 0.4, 0.4, 0.6, 0.3, 0.3, 0.3]), (true, 0.01));
    let mut convergence = Convergence::new(rule, evaluations(&[(0.5, 0.5), (0.9, 0.3)]));
    let look = |quality, loss| Evaluation { step: 30, seconds: 3.0, quality, loss };
    assert!(!convergence.note(look(1.0, 0.4)), "more right answers by chance");
    assert!(convergence.note(look(0.8, 0.2)));
}

#[test]
fn time_counts_until_a_tenth_of_a_point_below_the_best() {
    let all = evaluations(&[0.9, 0.994, 0.995, 0.996, 0.99].map(|quality| (quality, 0.1)));
    assert_eq!(best(&all), 0.996);
    assert_eq!(seconds_to_best(&all), 3.0);
    let finer = evaluations(&[0.09, 0.0994, 0.0995, 0.0996, 0.099].map(|quality| (quality, 0.1)));
    assert_eq!(seconds_to_best(&finer), 2.0, "0.0994 is near");
}

#[test]
fn the_least_important_shrinks_sixteen_times_as_fast() {
    let gammas = sparsity::gammas(&[4.0, 1.0, 2.25]);
    assert!((gammas[0] - 1.0).abs() < 1e-12 && (gammas[1] - 16.0).abs() < 1e-9 && (gammas[2] - 4.0).abs() < 1e-9);
    assert_eq!(sparsity::gammas(&[1.0, 1.0]), [1.0, 1.0]);
    let network = toy::network();
    let model = Model { weights: Weights::init(&network, 3), network };
    let groups = ChannelGroups::of(&model.network);
    let id = model.network.position("layer1.0.conv1").unwrap();
    let values = importance(&model.network, &model.weights, &groups.groups()[groups.of_node(id)]).unwrap().unwrap();
    let norm = "layer1.0.bn1.weight";
    let before = Vec::<f64>::try_from(model.weights.get(norm).unwrap().to_kind(tch::Kind::Double)).unwrap();
    sparsity::shrink(&model, 0.01, 0.5).unwrap();
    let after = Vec::<f64>::try_from(model.weights.get(norm).unwrap().to_kind(tch::Kind::Double)).unwrap();
    for ((before, after), gamma) in before.iter().zip(&after).zip(sparsity::gammas(&values)) {
        assert!((after - before * (1.0 - 0.005 * gamma)).abs() < 1e-6, "{before} {after} {gamma}");
    }
}

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

fn config() -> TuningConfig<Augmentation> {
    TuningConfig {
        batch: 16,
        rate: 3e-3,
        warm_up: 4,
        evaluate_every: 3,
        rule: Rule { patience: 2, drops: 1 },
        sparsity: 0.5,
        augmentation: Augmentation { rotation: 10.0, translation: 2.0, scaling: 0.1 },
        seed: 4,
        precision: Precision::Float32,
        optimiser: OptimiserConfig::default(),
    }
}

/// State without what only tells time.
fn state(work: &Tuning<NumVqa>) -> Vec<(String, Vec<u8>)> {
    let bytes = |tensor: &Tensor| tensor.to_kind(tch::Kind::Double).reshape([-1]);
    let all = work.state().into_iter().filter(|(name, _)| !name.starts_with("tuning."));
    all.map(|(name, tensor)| {
        let values = Vec::<f64>::try_from(bytes(&tensor)).unwrap();
        (name, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    })
    .collect()
}

#[test]
fn a_stopped_training_ends_as_an_undisturbed_one() {
    let toy = Toy::new();
    let (problem, rows) = (toy.problem(), toy::samples());
    let make = || {
        let network = toy::network();
        let model = heads::unified(&Model { weights: Weights::init(&network, 2), network }, (2, 3), 2).unwrap();
        let samples = |most| Samples::of((&problem, &rows), None, most, "train on").unwrap();
        Tuning::new(config(), model, (samples(400), samples(50)), Device::Cpu, 7).unwrap()
    };
    let run = |checkpoint: Option<&Path>, work: &mut Tuning<NumVqa>, stop: i64| {
        let session = Session {
            steps: 60,
            log_every: 5,
            checkpoint,
            checkpoint_every: Duration::from_secs(1000),
            snapshots: 0,
            snapshot_folder: None,
        };
        session.run(work, &StopAfter(Cell::new(stop)))
    };
    let mut undisturbed = make();
    run(None, &mut undisturbed, -1).unwrap();
    let steps = undisturbed.finish(60).unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(run(Some(folder.path()), &mut make(), 7), Err(TrainingError::Cancelled)));
    let mut resumed = make();
    run(Some(folder.path()), &mut resumed, -1).unwrap();
    assert_eq!(resumed.finish(60).unwrap(), steps);
    assert_eq!(state(&resumed), state(&undisturbed));
    let rights = |work: &Tuning<NumVqa>| {
        work.convergence().evaluations().iter().map(|one| (one.step, one.quality)).collect::<Vec<(u64, f64)>>()
    };
    assert_eq!(rights(&resumed), rights(&undisturbed));
    assert!(best(undisturbed.convergence().evaluations()) >= 0.9, "{:?}", rights(&undisturbed));

    // What training spoils stays as it was, at the cost of no step.
    let good = undisturbed.model();
    let samples = |most| Samples::of((&problem, &rows), None, most, "train on").unwrap();
    let begin = Model { network: good.network.clone(), weights: good.weights.copied() };
    let rough = TuningConfig { rate: 3.0, warm_up: 0, sparsity: 0.0, ..config() };
    let mut spoilt = Tuning::new(rough, begin, (samples(400), samples(50)), Device::Cpu, 8).unwrap();
    run(None, &mut spoilt, -1).unwrap();
    assert!(spoilt.convergence().done(), "the loss does not fall");
    assert!(rights(&spoilt)[1].1 < rights(&spoilt)[0].1, "{:?}", rights(&spoilt));
    assert_eq!(seconds_to_best(spoilt.convergence().evaluations()), 0.0);
    let kept = spoilt.model();
    assert!(good.weights.iter().all(|(name, tensor)| kept.weights.get(name).unwrap().equal(tensor)));

    // Training does without the running means; validation does not.
    let mut weights = good.weights.copied();
    let means = weights.iter().find(|(name, _)| name.ends_with("running_mean")).unwrap();
    let (name, means) = (means.0.to_owned(), means.1.full_like(f64::NAN));
    weights.insert(&name, means);
    let blind = Model { network: good.network.clone(), weights };
    let mut blind = Tuning::new(config(), blind, (samples(400), samples(50)), Device::Cpu, 9).unwrap();
    assert!(matches!(run(None, &mut blind, -1), Err(TrainingError::NotFinite { step: 0, .. })));
}
