//! Kind `predictor.learning_curve`: how good the predictor is when fitted to fewer of the profiled vectors (Fig. 13).
//!
//! Random subsets, each part of the next larger one, several times; all are judged on the same vectors, which no fit
//! has seen.

use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use nnf_net::{Network, Random};
use nnf_results::{statistics, table};
use polars::prelude::*;
use serde::Deserialize;

use crate::error::DeviceError;
use crate::fit;
use crate::predictor::Conditions;
use crate::profile::Profile;

#[derive(Debug, Deserialize)]
struct Parameters {
    sizes: Vec<usize>,
    repeats: usize,
    ridge: f64,
    seed: u64,
}

pub(crate) fn offer() -> Offer {
    let (parquet, gates) = (table::PARQUET, "application/vnd.safetensors");
    let summary = "Accuracy of the latency predictor by the number of vectors it is fitted to (data of Figure 13)";
    let kind = Kind::new("predictor.learning_curve", summary)
        .inputs([
            Input::new("network", "application/json", "the network with gates"),
            Input::new("gates", gates, "gate vectors to fit"),
            Input::new("profile", parquet, "their latencies"),
            Input::new("conditions", "application/json", "how they were measured"),
            Input::new("test_gates", gates, "gate vectors to judge by"),
            Input::new("test_profile", parquet, "their latencies"),
        ])
        .outputs([Output::new("curve", parquet, "a row for each size and repeat: R² and mean error")])
        .parameters([
            Parameter::list(
                "sizes",
                ParameterType::Int { min: Some(2), max: Some(1_000_000) },
                "numbers of vectors; those above what is there are left out",
            )
            .default(serde_json::json!([10, 20, 50, 100, 200, 300, 500, 1000, 2000])),
            Parameter::int("repeats", 1, 1_000, "random subsets of each size").default(10),
            Parameter::float("ridge", 1e-9, 1.0, "penalty that keeps features apart that hardly differ").default(1e-3),
            Parameter::int("seed", 0, i64::MAX, "seed of the subsets").default(1),
        ]);
    Offer { kind, run }
}

/// One fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fitted {
    pub(crate) vectors: usize,
    pub(crate) repeat: usize,
    pub(crate) r_squared: f64,
    pub(crate) mape: f64,
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let network = Network::load(stage.input("network")?).map_err(StageError::failed)?;
    let conditions = Conditions::load(stage.input("conditions")?)?;
    let (rows, profile) = Profile::of(&network, stage.input("gates")?, stage.input("profile")?)?;
    let (judges, test) = Profile::of(&network, stage.input("test_gates")?, stage.input("test_profile")?)?;
    let judge = (judges, test.at_speed_of(&profile));
    let fit_on = (rows, profile.latencies);
    let mut sizes: Vec<usize> = p.sizes.into_iter().filter(|size| *size <= fit_on.1.len()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.is_empty() {
        return Err(StageError::failed(format!(
            "only {} vectors are profiled, fewer than all `sizes`",
            fit_on.1.len()
        )));
    }
    let mut fitted = Vec::new();
    for repeat in 0..p.repeats {
        stage.go_on()?;
        fitted.extend(curve(&fit_on, &judge, &sizes, repeat, p.ridge, p.seed)?);
        stage.progress(repeat as u64 + 1, p.repeats as u64, "repeats");
    }
    write(&fitted, &conditions, stage.output("curve")?).map_err(StageError::failed)
}

/// Fits the first vectors of one random order, so that each subset is part of the next. No prediction is below the least
/// latency that was fitted, as in [`crate::Predictor`].
pub(crate) fn curve(
    (rows, latencies): &(Vec<Vec<f64>>, Vec<f64>),
    (judges, measured): &(Vec<Vec<f64>>, Vec<f64>),
    sizes: &[usize],
    repeat: usize,
    ridge: f64,
    seed: u64,
) -> Result<Vec<Fitted>, DeviceError> {
    let order = order(rows.len(), repeat, seed);
    let one = |size: &usize| {
        let subset = &order[..(*size).min(order.len())];
        let own: Vec<Vec<f64>> = subset.iter().map(|at| rows[*at].clone()).collect();
        let values: Vec<f64> = subset.iter().map(|at| latencies[*at]).collect();
        let linear = fit::least_squares(&own, &values, ridge)?;
        let floor = values.iter().copied().fold(f64::INFINITY, f64::min);
        let predicted: Vec<f64> = judges.iter().map(|row| linear.at(row).max(floor)).collect();
        let (r_squared, mape) = (statistics::r_squared(&predicted, measured), statistics::mape(&predicted, measured));
        Ok(Fitted { vectors: *size, repeat, r_squared, mape })
    };
    sizes.iter().map(one).collect()
}

/// The order in which vectors join the subsets of a repeat.
pub(crate) fn order(count: usize, repeat: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    Random::of(seed, &[repeat as u64]).shuffle(&mut order);
    order
}

fn write(fitted: &[Fitted], conditions: &Conditions, path: &std::path::Path) -> PolarsResult<()> {
    let floats = |f: &dyn Fn(&Fitted) -> f64| fitted.iter().map(f).collect::<Vec<f64>>();
    let counts = |f: &dyn Fn(&Fitted) -> usize| fitted.iter().map(|one| f(one) as u64).collect::<Vec<u64>>();
    let frame = df!(
        "device" => vec![conditions.device.clone(); fitted.len()],
        "vectors" => counts(&|one| one.vectors),
        "repeat" => counts(&|one| one.repeat),
        "r_squared" => floats(&|one| one.r_squared),
        "mape" => floats(&|one| one.mape),
    )?;
    table::write(frame, path)
}
