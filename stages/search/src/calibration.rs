//! Finds how far the predictor errs on the subnets that a search picks: those that its errors make look better than they
//! are come first.

use nnf_contract::{Stage, StageError};
use nnf_device::{Budget, Timing, architecture};
use nnf_net::{GateVector, Model};
use nnf_problem::Problem;
use nnf_results::statistics::quantile;

use crate::choose::Choice;
use crate::given::Given;
use crate::scenario::Search;

/// Share of the picks that are to be within their budget.
const WITHIN: f64 = 0.9;

/// What was picked for a budget.
struct Pick {
    budget: usize,
    gates: GateVector,
    predicted: f64,
}

/// How a predictor errs on what a search picks.
pub(crate) struct Calibration {
    /// For each budget, how many times as long as predicted nine of ten subnets take at most, and no less than once.
    pub(crate) slowness: Vec<f64>,
    /// Subnets that were measured.
    pub(crate) measured: usize,
}

impl Calibration {
    /// Of budgets that nothing is measured for.
    pub(crate) fn none(budgets: usize) -> Self {
        Calibration { slowness: vec![1.0; budgets], measured: 0 }
    }
}

/// Judges by the picks of some searches, which leave a share of each budget free.
pub(crate) fn calibrate<'a, P: Problem>(
    stage: &Stage,
    given: &Given<P>,
    searches: impl Iterator<Item = Result<Search<'a>, StageError>>,
    (budgets, margin, timing): (&[Budget], f64, Timing),
) -> Result<Calibration, StageError> {
    let mut picks: Vec<Pick> = Vec::new();
    for search in searches {
        stage.go_on()?;
        let mut search = search?;
        for (number, budget) in budgets.iter().enumerate().filter(|(_, budget)| budget.latency.is_some()) {
            if let Some(Choice::Fits(at) | Choice::Nearest(at)) = search.choose(budget, margin)? {
                let (gates, candidate) = search.at(at);
                picks.push(Pick { budget: number, gates: gates.clone(), predicted: candidate.latency.0 });
            }
        }
    }
    if picks.is_empty() {
        return Ok(Calibration::none(budgets.len()));
    }
    let network = &given.supernet.model.network;
    let measured =
        given.testbed.meter(network, picks.len(), timing)?.measure(|number| -> Result<Model, StageError> {
            stage.go_on()?;
            Ok(architecture(network, &picks[number].gates)?)
        })?;
    let errors = |budget: usize| {
        let own = picks.iter().zip(&measured.latencies).filter(move |(pick, _)| pick.budget == budget);
        own.map(|(pick, latency)| latency.median.0 / pick.predicted).collect::<Vec<f64>>()
    };
    let slowness = (0..budgets.len()).map(|budget| at_most(&errors(budget))).collect();
    Ok(Calibration { slowness, measured: picks.len() })
}

/// What nine of ten measured latencies are at most, in predicted ones, and no less than 1.
pub(crate) fn at_most(errors: &[f64]) -> f64 {
    quantile(errors, WITHIN).max(1.0)
}
