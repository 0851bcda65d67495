//! Parameters of training that the baselines share.

use std::time::Duration;

use nnf_contract::Parameter;
use nnf_net::Precision;
use nnf_problem::Problem;
use nnf_training::{OptimiserParameters, place};
use serde::Deserialize;

use crate::convergence::Rule;
use crate::tuning::TuningConfig;

/// Their values.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TuningParameters {
    pub(crate) steps: u64,
    batch: usize,
    learning_rate: f64,
    #[serde(flatten)]
    optimiser: OptimiserParameters,
    warm_up_steps: u64,
    evaluate_every: u64,
    patience: u32,
    drops: u32,
    pub(crate) validation_samples: usize,
    pub(crate) seed: u64,
    checkpoint_seconds: u64,
    pub(crate) precision: String,
    pub(crate) device: String,
}

/// What differs from kind to kind.
pub(crate) struct Defaults {
    steps: i64,
    evaluate_every: i64,
    patience: i64,
    validation_samples: i64,
}

/// A network for one task. Looks are close together, since the time to the best one is told. Steps run out only where
/// something is wrong.
pub(crate) const EACH_TASK: Defaults =
    Defaults { steps: 3_000, evaluate_every: 20, patience: 5, validation_samples: 2_000 };
/// One network for all tasks, each of which has few samples in a step.
pub(crate) const ALL_TASKS: Defaults =
    Defaults { steps: 10_000, evaluate_every: 100, patience: 5, validation_samples: 10_000 };

/// Declares them.
pub(crate) fn parameters<P: Problem>(defaults: &Defaults) -> Vec<Parameter> {
    let mut all = vec![
        Parameter::int("steps", 1, 10_000_000, "steps of a training at most").unit("steps").default(defaults.steps),
        Parameter::int("batch", 2, 65_536, "samples of a step").default(128),
        Parameter::float("learning_rate", 1e-8, 10.0, "learning rate after warm-up").default(1e-3),
        Parameter::int("warm_up_steps", 0, 1_000_000, "steps in which the learning rate rises")
            .unit("steps")
            .default(20),
        Parameter::int("evaluate_every", 1, 1_000_000, "steps between looks at the validation samples")
            .unit("steps")
            .default(defaults.evaluate_every),
        Parameter::int(
            "patience",
            1,
            1_000,
            "looks without a fall of the validation loss before the learning rate drops to a tenth, or training ends",
        )
        .default(defaults.patience),
        Parameter::int("drops", 0, 10, "drops of the learning rate before the end").default(1),
        Parameter::int("validation_samples", 1, 100_000_000, "validation samples to look at, at most")
            .default(defaults.validation_samples),
        Parameter::int("seed", 0, i64::MAX, "seed of weights and draws").default(1),
        Parameter::int("checkpoint_seconds", 1, 86_400, "time between checkpoints").unit("s").default(60).unkeyed(),
    ];
    all.extend(OptimiserParameters::parameters());
    all.extend(P::augmentation());
    all.extend(place::parameters());
    all
}

impl TuningParameters {
    pub(crate) fn checkpoint_every(&self) -> Duration {
        Duration::from_secs(self.checkpoint_seconds)
    }

    pub(crate) fn evaluate_every(&self) -> u64 {
        self.evaluate_every
    }

    /// The constants of a tuning.
    pub(crate) fn config<A>(&self, augmentation: A, precision: Precision, sparsity: f64) -> TuningConfig<A> {
        TuningConfig {
            batch: self.batch,
            rate: self.learning_rate,
            warm_up: self.warm_up_steps,
            evaluate_every: self.evaluate_every,
            rule: Rule { patience: self.patience, drops: self.drops },
            sparsity,
            augmentation,
            seed: self.seed,
            precision,
            optimiser: self.optimiser.config(),
        }
    }
}
