//! The unified network pruned to each budget, by each method.

use std::time::Instant;

use nnf_contract::Stage;
use nnf_device::Micros;
use nnf_evaluation::file_name;
use nnf_net::Model;
use serde::{Deserialize, Serialize};

use crate::budget::{Budget, Target};
use crate::error::BaselineError;
use crate::heads;
use crate::pruning::{Ranking, Scope};
use crate::tuner::deployed;
use crate::units::Units;

/// What is noted of a pruned network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    /// Channels that are gone.
    pub(crate) removed: usize,
    /// Whether it is within the budget.
    pub(crate) fits: bool,
    /// Seconds of pruning.
    pub(crate) seconds: f64,
}

/// A pruned network, which lies among the stage's units.
#[derive(Clone, Debug)]
pub(crate) struct Pruned {
    pub(crate) method: &'static str,
    pub(crate) budget: Budget,
    pub(crate) predicted: Option<Micros>,
    pub(crate) document: Document,
    unit: String,
}

impl Pruned {
    /// The same for networks from which the same channels are gone.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.method, self.document.removed)
    }

    /// The folder of the network tuned for a task.
    pub(crate) fn folder(&self, task: &str) -> String {
        format!("{}-{}", file_name(task), self.name())
    }

    /// The pruned unified model.
    pub(crate) fn model(&self, units: &Units) -> Result<Model, BaselineError> {
        Ok(Model::load(&units.folder(&self.unit))?)
    }

    /// The network of one task as it is deployed; which task makes no difference to its latency.
    pub(crate) fn as_measured(&self, units: &Units, heads: (i64, usize)) -> Result<Model, BaselineError> {
        deployed(&heads::of_task(&self.model(units)?, 0, heads)?)
    }
}

/// Prunes one model for one device.
pub(crate) struct Pruner<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) units: &'a Units,
    pub(crate) target: Target<'a>,
    pub(crate) model: &'a Model,
}

impl Pruner<'_> {
    /// The methods' names, and which channels each removes.
    pub(crate) const METHODS: [(&'static str, Scope); 2] =
        [("prune-and-tune", Scope::Gated), ("prune-and-tune-unrestricted", Scope::All)];

    /// The model pruned by each named method to each budget.
    pub(crate) fn all(&self, methods: &[String], budgets: &[Budget]) -> Result<Vec<Pruned>, BaselineError> {
        self.target.testbed.set_threads();
        let mut all = Vec::new();
        for (method, scope) in Self::METHODS.into_iter().filter(|(name, _)| methods.iter().any(|own| own == name)) {
            let ranking = Ranking::of(&self.model.network, &self.model.weights, scope)?;
            for (number, budget) in budgets.iter().enumerate() {
                self.stage.go_on()?;
                let unit = format!("pruned/{method}-{number}");
                let document = match self.units.done(&unit) {
                    Some(document) => document,
                    None => self.prune(&unit, &ranking, scope, budget)?,
                };
                // The predictor knows gated channels only.
                let predicted = match scope {
                    Scope::Gated => Some(self.target.predicted(&ranking, document.removed)?),
                    Scope::All => None,
                };
                all.push(Pruned { method, budget: *budget, predicted, document, unit });
            }
        }
        tch::set_num_threads(i32::try_from(self.stage.task().cpus.max(1)).unwrap_or(1));
        match all.is_empty() {
            true => Err(BaselineError::Misfit("no method is named under `methods`".into())),
            false => Ok(all),
        }
    }

    fn prune(&self, unit: &str, ranking: &Ranking, scope: Scope, budget: &Budget) -> Result<Document, BaselineError> {
        let begin = Instant::now();
        let fit = self.target.fit(ranking, scope, budget)?;
        let model = ranking.pruned(self.model, fit.removed)?;
        let seconds = begin.elapsed().as_secs_f64();
        let document = Document { removed: fit.removed, fits: fit.fits, seconds };
        self.units.finish(unit, &model, &document)?;
        Ok(document)
    }
}
