//! Whether a subnet that is made to fit is taken depends on its answers.
#![expect(clippy::unwrap_used, reason = "tests")]

use nnf_device::{Budget, Micros};
use nnf_evaluation::{Subnet, quality};
use nnf_net::{GateVector, Model, Random, Run, forward};
use nnf_numvqa::{Digits, NumVqa, Questions, SampleSplit};
use nnf_supernet::Supernet;
use tch::{Device, Tensor};

use crate::choose::Choice;
use crate::judge::BySamples;
use crate::scenario::{Fitting, Search};
use crate::toy;

/// Samples of one task about digits that are evenly grey, each otherwise. The answer is always yes.
struct World {
    supernet: Supernet,
    problem: NumVqa,
    samples: Questions,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digits.safetensors");
        let greys: Vec<u8> = (0..=255).collect();
        let images = Tensor::from_slice(&greys).view([-1, 1, 1]).repeat([1, 28, 28]);
        let labels = Tensor::from_slice(&[0_u8; 256]);
        let tensors =
            [("train.images", &images), ("train.labels", &labels), ("test.images", &images), ("test.labels", &labels)];
        Tensor::write_safetensors(&tensors, &path).unwrap();
        let mut random = Random::of(1, &[]);
        let digits = (0..64).map(|_| [0; 4].map(|_: u32| random.below(256) as u32)).collect();
        let samples = Questions { task: vec![0; 64], digits, label: vec![1; 64], split: SampleSplit::Train };
        let problem = NumVqa { digits: Digits::load(&path).unwrap() };
        World { supernet: toy::supernet("resnet-tiny"), problem, samples }
    }

    /// Sets the bias of the network's answers so that a subnet says yes to half of the samples.
    fn balance(&mut self, gates: &GateVector) {
        let subnet = Subnet::of(&self.supernet, gates).unwrap().model;
        let pictures = self.problem.digits.pictures(self.samples.split, &self.samples.digits, Device::Cpu).unwrap();
        let scores = forward(&subnet.network, &subnet.weights, &pictures, &Run::default(), &[]).unwrap();
        let yes = scores[0].narrow(1, 1, 1) - scores[0].narrow(1, 0, 1);
        let Model { network, weights } = &mut self.supernet.model;
        let bias = format!("{}.bias", network.nodes()[network.outputs()[0]].name);
        let changed = weights.get(&bias).unwrap() - Tensor::from_slice(&[0.0_f32, 1.0]) * yes.median();
        weights.insert(bias, changed);
    }

    /// What a subnet answers to each sample.
    fn answers(&self, gates: &GateVector) -> Vec<u8> {
        let model = Subnet::of(&self.supernet, gates).unwrap().model;
        let yes = &self.samples;
        let answer = |row: usize| quality(&model, &self.problem, yes, &[row]).unwrap().value as u8;
        (0..64).map(answer).collect()
    }

    /// What is chosen at limits for half of the modules where each costs 1 µs, and its gates.
    fn choice(&self, limits: &[f64], fitting: Fitting) -> (Choice, GateVector) {
        let predictor = toy::predictor(&self.supernet, |name| f64::from(u8::from(name.ends_with(".kept"))));
        let network = &self.supernet.model.network;
        let estimator = predictor.estimator(network).unwrap();
        let budget = Budget { latency: Some(Micros(1.0 + network.modules() as f64 / 2.0)), memory: None };
        let mut search = Search::new(&self.supernet, &estimator, &[true; 16], limits, fitting).unwrap();
        let choice = search.choose(&budget, 0.0).unwrap().unwrap();
        let (Choice::Fits(at) | Choice::Nearest(at)) = choice;
        (choice, search.at(at).0.clone())
    }

    /// The same where answers decide.
    fn judged(&self, limits: &[f64], right: &[u8]) -> Choice {
        let samples = Questions { label: right.to_vec(), ..self.samples.clone() };
        let judge = BySamples::new(&self.supernet, &self.problem, &samples, (0, 64));
        self.choice(limits, Fitting::Judged(Box::new(judge))).0
    }
}

#[test]
fn a_subnet_that_is_made_to_fit_gives_way_to_a_pruned_one_that_answers_better() {
    let mut world = World::new();
    let limits = [0.5, 1.0];
    world.balance(&world.choice(&limits, Fitting::Always).1);
    let (pruned, cut) = world.choice(&limits, Fitting::Never);
    let (always, made) = world.choice(&limits, Fitting::Always);
    assert_eq!((pruned, always), (Choice::Fits(0), Choice::Fits(2)));
    assert_ne!(cut, made);
    let (by_cut, by_made) = (world.answers(&cut), world.answers(&made));
    assert_ne!(by_cut, by_made, "the test is of no use if both answer alike");
    assert_eq!(world.judged(&limits, &by_cut), Choice::Fits(0));
    assert_eq!(world.judged(&limits, &by_made), Choice::Fits(2));
}

#[test]
fn where_nothing_fits_what_is_made_must_answer_better_than_a_guess() {
    let mut world = World::new();
    let limits = [1.0];
    world.balance(&world.choice(&limits, Fitting::Always).1);
    assert_eq!(world.choice(&limits, Fitting::Never).0, Choice::Nearest(0));
    let (always, made) = world.choice(&limits, Fitting::Always);
    assert_eq!(always, Choice::Fits(1));
    let right = world.answers(&made);
    let yes: usize = right.iter().map(|answer| usize::from(*answer)).sum();
    assert!((28..=36).contains(&yes), "{yes} of 64");
    let wrong_for_half: Vec<u8> = right.iter().zip(0..).map(|(answer, row)| answer ^ (row % 2)).collect();
    assert_eq!(world.judged(&limits, &right), Choice::Fits(1));
    assert_eq!(world.judged(&limits, &wrong_for_half), Choice::Nearest(0));
    assert_eq!(world.judged(&limits, &[1; 64]), Choice::Nearest(0), "always the same answer needs no network");
}
