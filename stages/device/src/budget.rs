//! What a network may cost on a device, and the parameters that say so.

use nnf_contract::{Parameter, ParameterType};
use nnf_net::Bytes;
use serde::Deserialize;
use serde_json::json;

use crate::error::DeviceError;
use crate::measure::Micros;

/// What a network may cost. What is `None` is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Greatest latency.
    pub latency: Option<Micros>,
    /// Greatest memory: weights and largest live values.
    pub memory: Option<Bytes>,
}

impl Budget {
    /// The same with a share of the latency left free, since predictions are somewhat wrong.
    #[must_use]
    pub fn leaving(&self, margin: f64) -> Self {
        Budget { latency: self.latency.map(|latency| Micros(latency.0 * (1.0 - margin))), ..*self }
    }

    /// What predictions are to be held against where subnets take so many times as long as predicted.
    #[must_use]
    pub fn if_slower(&self, slowness: f64) -> Self {
        Budget { latency: self.latency.map(|latency| Micros(latency.0 / slowness)), ..*self }
    }
}

/// Budgets as parameters of a kind.
#[derive(Clone, Debug, Deserialize)]
pub struct BudgetParameters {
    latency_ms: Vec<f64>,
    latency_shares: Vec<f64>,
    memory_mb: Vec<f64>,
    /// Share of a latency budget to be left free.
    pub margin: f64,
}

impl BudgetParameters {
    /// Declares them.
    #[must_use]
    pub fn parameters() -> [Parameter; 4] {
        let list = |name: &str, max: f64, doc: &str| {
            let items = ParameterType::Float { min: Some(0.0), max: Some(max) };
            Parameter::list(name, items, doc).default(json!([]))
        };
        [
            list("latency_ms", 1e9, "latency budgets").unit("ms"),
            list(
                "latency_shares",
                1.0,
                "further latency budgets, as shares of the predicted latency of the network with all modules",
            ),
            list("memory_mb", 1e9, "memory budgets (10⁶ bytes); each is combined with each latency budget").unit("MB"),
            Parameter::float(
                "margin",
                0.0,
                0.9,
                "share of a latency budget to leave free where that can be, since predictions are somewhat wrong",
            )
            .default(0.02),
        ]
    }

    /// Every latency budget with every memory budget; none if neither is given. `whole` is the predicted latency of the
    /// network with all modules.
    ///
    /// # Errors
    /// When a budget is given twice.
    pub fn budgets(&self, whole: Micros) -> Result<Vec<Budget>, DeviceError> {
        let given = self.latency_ms.iter().map(|ms| Micros(ms * 1e3));
        let latencies: Vec<Micros> =
            given.chain(self.latency_shares.iter().map(|share| Micros(whole.0 * share))).collect();
        let memories: Vec<Bytes> = self.memory_mb.iter().map(|mb| Bytes((mb * 1e6) as u64)).collect();
        let again = twice(&latencies).map(|latency| format!("latency budget of {} ms", latency.0 / 1e3));
        let again = again.or_else(|| twice(&memories).map(|memory| format!("memory budget of {} bytes", memory.0)));
        if let Some(budget) = again {
            return Err(DeviceError::Misfit(format!("the {budget} is given twice")));
        }
        if latencies.is_empty() && memories.is_empty() {
            return Ok(Vec::new());
        }
        let (latencies, memories) = (or_unlimited(latencies), or_unlimited(memories));
        let with_all = |latency: &Option<Micros>| {
            let latency = *latency;
            memories.iter().map(move |memory| Budget { latency, memory: *memory })
        };
        Ok(latencies.iter().flat_map(with_all).collect())
    }
}

/// The first that stands further ahead too.
fn twice<T: PartialEq>(all: &[T]) -> Option<&T> {
    all.iter().enumerate().find_map(|(at, one)| all[..at].contains(one).then_some(one))
}

fn or_unlimited<T>(limits: Vec<T>) -> Vec<Option<T>> {
    if limits.is_empty() { vec![None] } else { limits.into_iter().map(Some).collect() }
}
