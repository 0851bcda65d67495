//! A pretraining that was stopped ends as one that was not.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use nnf_net::{Network, Precision, Random, resnet::Config};
use nnf_numvqa::{Augmentation, Digits, SampleSplit};
use nnf_training::{Method, OptimiserConfig, Session, Work};
use tch::{Device, Kind, Tensor};

use crate::counting::{Counting, CountingConfig, Pool};

fn network() -> Network {
    let config = Config { layout: vec![1, 1], widths: vec![8, 16], ..Config::preset("resnet-tiny").unwrap() };
    config.build().unwrap()
}

#[test]
fn a_stopped_pretraining_ends_with_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let images = Random::of(1, &[]).normal_tensor(&[30, 28, 28], 60.0).abs().clamp(0.0, 255.0).to_kind(Kind::Uint8);
    let labels = Tensor::from_slice(&(0..30).map(|row| (row % 10) as u8).collect::<Vec<u8>>());
    let tensors =
        [("train.images", &images), ("train.labels", &labels), ("test.images", &images), ("test.labels", &labels)];
    let path = folder.path().join("digits");
    Tensor::write_safetensors(&tensors, &path).unwrap();
    let digits = Digits::load(&path).unwrap();
    let make = || {
        let precision = Precision::Float32;
        let config = CountingConfig {
            steps: 9,
            batch: 16,
            rate: 3e-3,
            repeated: 0.5,
            augmentation: Augmentation { rotation: 10.0, translation: 2.0, scaling: 0.1 },
            seed: 3,
            precision,
            optimiser: OptimiserConfig { method: Method::Muon, ..OptimiserConfig::default() },
        };
        let labels = digits.labels(SampleSplit::Train);
        let pools = (Pool::new(labels, 0..30).unwrap(), Pool::new(labels, 0..30).ok());
        Counting::new(config, network(), &digits, pools, Device::Cpu).unwrap()
    };
    // Stopped after four steps, of which all but the last are in a checkpoint.
    let run = |work: &mut dyn Work, steps: u64, checkpoint: Option<&Path>| {
        let checkpoint_every = Duration::ZERO;
        let session =
            Session { steps, log_every: 3, checkpoint, checkpoint_every, snapshots: 0, snapshot_folder: None };
        session.run(work, &()).unwrap();
    };
    let (mut undisturbed, mut resumed) = (make(), make());
    run(&mut undisturbed, 9, None);
    run(&mut make(), 4, Some(folder.path()));
    run(&mut resumed, 9, Some(folder.path()));
    let numbers = |work: &dyn Work| -> Vec<(String, Vec<f64>)> {
        let values =
            |tensor: &Tensor| Vec::<f64>::try_from(tensor.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap();
        work.state().iter().map(|(name, tensor)| (name.clone(), values(tensor))).collect()
    };
    assert_eq!(numbers(&resumed), numbers(&undisturbed));
}
