//! When a training has converged: its loss on validation samples has stopped falling, also at lower learning rates.
//!
//! Accuracy would not tell: near 100 % a look is right or wrong on a few samples by chance, and none can be better than
//! a lucky early one. After `patience` looks without a lower loss the learning rate drops to a tenth; after the last
//! drop the training ends. The weights of the least loss are the result; how soon accuracy was near its best is told
//! besides. All is a function of the evaluations, so a training that goes on decides as one that was never stopped.

use serde::{Deserialize, Serialize};

/// Factor of a drop.
const DROP: f64 = 0.1;
/// How near to the best validation quality counts as converged (a tenth of a point).
const NEAR: f64 = 0.001;

/// One look at the validation samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evaluation {
    /// Steps done.
    pub(crate) step: u64,
    /// Seconds of training until then, without those of validation.
    pub(crate) seconds: f64,
    /// Value of the quality of the answers.
    pub(crate) quality: f64,
    /// Mean loss.
    pub(crate) loss: f64,
}

/// The rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// Evaluations without a lower loss before the learning rate drops.
    pub(crate) patience: u32,
    /// Drops before the end.
    pub(crate) drops: u32,
}

/// The evaluations so far.
#[derive(Clone, Debug)]
pub(crate) struct Convergence {
    rule: Rule,
    evaluations: Vec<Evaluation>,
}

impl Convergence {
    pub(crate) fn new(rule: Rule, evaluations: Vec<Evaluation>) -> Self {
        Convergence { rule, evaluations }
    }

    /// Notes an evaluation; says whether none before had as low a loss.
    pub(crate) fn note(&mut self, evaluation: Evaluation) -> bool {
        let lowest = self.evaluations.iter().all(|before| evaluation.loss < before.loss);
        self.evaluations.push(evaluation);
        lowest
    }

    pub(crate) fn evaluations(&self) -> &[Evaluation] {
        &self.evaluations
    }

    /// How often patience ran out.
    fn drops(&self) -> u32 {
        let (mut least, mut waited, mut drops) = (f64::INFINITY, 0, 0);
        for evaluation in &self.evaluations {
            waited += 1;
            if evaluation.loss < least {
                (least, waited) = (evaluation.loss, 0);
            }
            if waited >= self.rule.patience {
                (drops, waited) = (drops + 1, 0);
            }
        }
        drops
    }

    /// What the learning rate is multiplied with now.
    pub(crate) fn factor(&self) -> f64 {
        DROP.powi(i32::try_from(self.drops()).unwrap_or(i32::MAX))
    }

    /// Whether the training is over.
    pub(crate) fn done(&self) -> bool {
        self.drops() > self.rule.drops
    }
}

/// The best quality of an evaluation.
pub(crate) fn best(evaluations: &[Evaluation]) -> f64 {
    evaluations.iter().map(|one| one.quality).fold(0.0, f64::max)
}

/// Seconds of training until the quality on validation samples was within 0.1 points of its best.
pub(crate) fn seconds_to_best(evaluations: &[Evaluation]) -> f64 {
    let enough = best(evaluations) - NEAR - 1e-12;
    evaluations.iter().find(|one| one.quality >= enough).map_or(f64::NAN, |one| one.seconds)
}
