//! The problem: a picture is asked a question, and the answer is no or yes.

use nnf_contract::{Input, Parameter, Stage};
use nnf_net::{Network, Random};
use nnf_problem::{Batch, Problem, ProblemError, Quality, share_right};
use tch::{Device, Kind, Tensor};

use crate::augment::Augmentation;
use crate::digits::Digits;
use crate::questions::Questions;

/// The digits that questions are about.
#[derive(Debug)]
pub struct NumVqa {
    /// The digits.
    pub digits: Digits,
}

impl Problem for NumVqa {
    const NAME: &'static str = "numvqa";
    /// No and yes.
    const ANSWERS: i64 = 2;
    const MEASURE: &'static str = "accuracy";
    const METRIC: &'static str = "accuracy";
    type Samples = Questions;
    /// Right answers, i64 `[B]`.
    type Targets = Tensor;
    /// Whether it is right.
    type Answer = bool;
    type Augmentation = Augmentation;

    fn inputs() -> Vec<Input> {
        vec![Input::new("digits", "application/vnd.safetensors", "images and labels of digits")]
    }

    fn augmentation() -> Vec<Parameter> {
        Augmentation::parameters().to_vec()
    }

    fn read(stage: &Stage) -> Result<Self, ProblemError> {
        Ok(NumVqa { digits: Digits::load(stage.input("digits")?)? })
    }

    fn check(&self, samples: &Questions) -> Result<(), ProblemError> {
        self.digits.check(samples.split, &samples.digits)
    }

    fn check_network(network: &Network) -> Result<(), ProblemError> {
        let answers: Vec<&[i64]> = network.outputs().iter().map(|id| network.shape_of(*id)).collect();
        if answers == [[Self::ANSWERS]] {
            return Ok(());
        }
        Err(ProblemError::Misfit(format!(
            "network `{}` answers {answers:?}, but a question has two answers, no and yes: build it with `classes: 2`",
            network.name()
        )))
    }

    /// Pictures `[B, 1, 56, 56]`.
    fn batch(
        &self,
        samples: &Questions,
        rows: &[usize],
        change: Option<(&Augmentation, &mut Random)>,
        device: Device,
    ) -> Result<Batch<Self>, ProblemError> {
        let digits: Vec<[u32; 4]> = rows.iter().map(|row| samples.digits[*row]).collect();
        let labels: Vec<i64> = rows.iter().map(|row| i64::from(samples.label[*row])).collect();
        let input = match change {
            Some(change) => self.digits.augmented(samples.split, &digits, change, device)?,
            None => self.digits.pictures(samples.split, &digits, device)?,
        };
        Ok(Batch { input, targets: Tensor::from_slice(&labels).to_device(device) })
    }

    fn loss(outputs: &[Tensor], targets: &Tensor) -> Tensor {
        outputs[0].cross_entropy_for_logits(targets)
    }

    fn measure(outputs: &[Tensor], targets: &Tensor) -> f64 {
        right(outputs, targets).to_kind(Kind::Float).mean(Kind::Float).double_value(&[])
    }

    fn answers(outputs: &[Tensor], targets: &Tensor) -> Result<Vec<bool>, ProblemError> {
        Ok(Vec::<bool>::try_from(right(outputs, targets))?)
    }

    fn quality(&self, _: &Questions, _: &[usize], answers: &[bool]) -> Quality {
        share_right(answers.iter().filter(|right| **right).count() as u64, answers.len() as u64)
    }

    /// The share of the commoner answer.
    fn guess(&self, samples: &Questions, rows: &[usize]) -> f64 {
        let yes = rows.iter().filter(|row| samples.label[**row] == 1).count();
        yes.max(rows.len() - yes) as f64 / rows.len().max(1) as f64
    }
}

/// Which answers are right `[B]`, of scores `[B, 2]`.
fn right(outputs: &[Tensor], targets: &Tensor) -> Tensor {
    outputs[0].detach().argmax(1, false).eq_tensor(targets)
}
