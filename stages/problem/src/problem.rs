//! What a family of tasks has to say.

use std::fmt::Debug;

use nnf_contract::{Input, Parameter, Stage};
use nnf_net::{Network, Random};
use serde::de::DeserializeOwned;
use tch::{Device, Tensor};

use crate::error::ProblemError;
use crate::quality::Quality;
use crate::samples::Samples;

/// A family of tasks, with the data that its samples name.
///
/// A network reads one tensor, and has one or more outputs; all values are float32 with the batch in front.
pub trait Problem: Sized {
    /// What its kinds begin with: `numvqa` for `numvqa.train`.
    const NAME: &'static str;
    /// Scores that a network's classifier gives for one task.
    const ANSWERS: i64;
    /// What [`Problem::measure`] gives, in a word or two.
    const MEASURE: &'static str;
    /// What the value of a [`Quality`] is, in a word or two.
    const METRIC: &'static str;
    /// Its samples.
    type Samples: Samples;
    /// What is right for a batch, on the device that it was made for.
    type Targets;
    /// What came of one sample.
    type Answer;
    /// How samples are changed at random in training; the default changes nothing.
    type Augmentation: Clone + Debug + Default + DeserializeOwned;

    /// The inputs of a stage that hold the data, besides samples and tasks.
    fn inputs() -> Vec<Input>;

    /// Parameters of a stage that are read as [`Problem::Augmentation`].
    fn augmentation() -> Vec<Parameter>;

    /// Reads the data.
    ///
    /// # Errors
    /// When an input is missing, or is not what it should be.
    fn read(stage: &Stage) -> Result<Self, ProblemError>;

    /// Checks that there are the data that samples name.
    ///
    /// # Errors
    /// When a sample names what there is not.
    fn check(&self, samples: &Self::Samples) -> Result<(), ProblemError>;

    /// Checks that a network answers one task as [`Problem::loss`] reads it.
    ///
    /// # Errors
    /// When it does not.
    fn check_network(network: &Network) -> Result<(), ProblemError>;

    /// Some rows as a batch, changed at random where it says how.
    ///
    /// # Errors
    /// When a row names data that there are not.
    fn batch(
        &self,
        samples: &Self::Samples,
        rows: &[usize],
        change: Option<(&Self::Augmentation, &mut Random)>,
        device: Device,
    ) -> Result<Batch<Self>, ProblemError>;

    /// The mean loss of a batch, a number that gradients go through.
    fn loss(outputs: &[Tensor], targets: &Self::Targets) -> Tensor;

    /// A number that tells how good the outputs for a batch are, while a network trains.
    fn measure(outputs: &[Tensor], targets: &Self::Targets) -> f64;

    /// What came of each sample of a batch, in the order of its rows.
    ///
    /// # Errors
    /// When the outputs are not what a network for this problem gives.
    fn answers(outputs: &[Tensor], targets: &Self::Targets) -> Result<Vec<Self::Answer>, ProblemError>;

    /// How good the answers to some rows are.
    fn quality(&self, samples: &Self::Samples, rows: &[usize], answers: &[Self::Answer]) -> Quality;

    /// The value of the quality of the best answers that need no network.
    fn guess(&self, samples: &Self::Samples, rows: &[usize]) -> f64;
}

/// Some samples, ready for a network.
#[derive(Debug)]
pub struct Batch<P: Problem> {
    /// What a network reads.
    pub input: Tensor,
    /// What is right.
    pub targets: P::Targets,
}

/// The name of one of a problem's kinds.
#[must_use]
pub fn kind_name<P: Problem>(kind: &str) -> String {
    format!("{}.{kind}", P::NAME)
}
