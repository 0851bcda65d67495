//! Kind `predictor.fit`: a latency predictor from a profile, judged on gate vectors that it has not seen.
//!
//! Beside R² and the mean error stand the error of a constant and, where the vectors were measured a second time, how far
//! two measurements agree: no predictor can be expected to be better.

use std::path::Path;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use nnf_net::{GateSet, Network};
use nnf_results::{statistics, table};
use polars::prelude::*;
use serde::Deserialize;

use crate::error::DeviceError;
use crate::features::Features;
use crate::fit;
use crate::predictor::{Conditions, FORMAT, Predictor, VERSION};

#[derive(Debug, Deserialize)]
struct Parameters {
    ridge: f64,
}

pub(crate) fn offer() -> Offer {
    let (parquet, gates) = ("application/vnd.apache.parquet", "application/vnd.safetensors");
    let kind =
        Kind::new("predictor.fit", "A latency predictor from a profile, judged on gate vectors that it has not seen")
            .inputs([
                Input::new("network", "application/json", "the network with gates"),
                Input::new("gates", gates, "gate vectors to fit"),
                Input::new("profile", parquet, "their latencies"),
                Input::new("conditions", "application/json", "how they were measured"),
                Input::new("test_gates", gates, "gate vectors to judge by").optional(),
                Input::new("test_profile", parquet, "their latencies").optional(),
                Input::new("retest_profile", parquet, "the same measured a second time, later").optional(),
            ])
            .outputs([
                Output::new("predictor", "application/json", "features and their factors"),
                Output::new("report", "text/markdown", "R², mean error, the error of a constant, test–retest R²"),
                Output::new("predictions", parquet, "predicted and measured latency of the vectors to judge by")
                    .optional(),
            ])
            .parameters([Parameter::float("ridge", 0.0, 1.0, "penalty that keeps features apart that hardly differ")
                .default(1e-5)]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let network = Network::load(stage.input("network")?).map_err(StageError::failed)?;
    let conditions = Conditions::load(stage.input("conditions")?)?;
    let (rows, latencies) = profiled(&network, stage.input("gates")?, stage.input("profile")?)?;
    let linear = fit::least_squares(&rows, &latencies, p.ridge)?;
    let predictor = Predictor {
        format: FORMAT.into(),
        version: VERSION,
        conditions,
        layers: network.gate_layers(),
        features: Predictor::feature_names(&network),
        coefficients: linear.coefficients,
        intercept: linear.intercept,
        floor: latencies.iter().copied().fold(f64::INFINITY, f64::min),
    };
    predictor.save(stage.output("predictor")?)?;
    let predict = |rows: &[Vec<f64>]| rows.iter().map(|row| predictor.of_features(row).0).collect::<Vec<f64>>();
    let mut figures = vec![(format!("fitted to {} vectors", rows.len()), predict(&rows), latencies.clone(), None)];
    if let (Some(gates), Some(profile)) = (stage.optional_input("test_gates")?, stage.optional_input("test_profile")?) {
        let (rows, measured) = profiled(&network, gates, profile)?;
        let again = stage.optional_input("retest_profile")?.map(read_latencies).transpose()?;
        let retest = match &again {
            Some(again) if again.len() == measured.len() => Some(statistics::r_squared(again, &measured)),
            Some(again) => {
                return Err(StageError::failed(format!(
                    "{} vectors were measured, {} a second time",
                    measured.len(),
                    again.len()
                )));
            }
            None => None,
        };
        let predicted = predict(&rows);
        let judged = Judged {
            conditions: &predictor.conditions,
            constant: fit::constant(&latencies),
            predicted: &predicted,
            measured: &measured,
            again,
        };
        judged.write(stage.output("predictions")?).map_err(StageError::failed)?;
        figures.push((format!("judged by {} other vectors", rows.len()), predicted, measured, retest));
    }
    let report = report(stage, &predictor, &figures, &latencies);
    fs_err::write(stage.output("report")?, report).map_err(StageError::failed)
}

type Figures = (String, Vec<f64>, Vec<f64>, Option<f64>);

fn report(stage: &Stage, predictor: &Predictor, figures: &[Figures], fitted: &[f64]) -> String {
    let conditions = &predictor.conditions;
    let mut text = format!(
        "Latency on {} ({}, {} threads, {}, batch {})\n\n| | R² | mean error | a constant's | test–retest R² |\n|---|--:|--:|--:|--:|\n",
        conditions.device, conditions.cpu, conditions.threads, conditions.runtime, conditions.batch
    );
    for (name, predicted, measured, retest) in figures {
        let (r2, error) = (statistics::r_squared(predicted, measured), statistics::mape(predicted, measured));
        let constant = fit::constant_mape(fitted, measured);
        let again = retest.map_or_else(|| "–".to_owned(), |r2| format!("{r2:.3}"));
        text.push_str(&format!(
            "| {name} | {r2:.3} | {:.1} % | {:.1} % | {again} |\n",
            error * 100.0,
            constant * 100.0
        ));
        stage.metrics(
            None,
            &[
                ("R²", r2),
                ("MAPE", error),
                ("a constant's MAPE", constant),
                ("test–retest R²", retest.unwrap_or(f64::NAN)),
            ],
        );
    }
    text
}

/// Features and measured latencies of gate vectors.
pub(crate) fn profiled(
    network: &Network,
    gates: &Path,
    profile: &Path,
) -> Result<(Vec<Vec<f64>>, Vec<f64>), DeviceError> {
    let set = GateSet::load(gates)?;
    set.check(network)?;
    let latencies = read_latencies(profile)?;
    if latencies.len() != set.gates.len() {
        return Err(DeviceError::Misfit(format!(
            "{} gate vectors, but {} latencies: they do not belong together",
            set.gates.len(),
            latencies.len()
        )));
    }
    let features = Features::of(network);
    let rows = set.gates.iter().map(|gates| features.values(gates)).collect::<Result<Vec<_>, _>>()?;
    Ok((rows, latencies))
}

fn read_latencies(path: &Path) -> Result<Vec<f64>, DeviceError> {
    let frame = table::read(path).map_err(|e| DeviceError::unfit(path, e))?;
    let column = frame.column("latency_us").and_then(|column| column.f64().cloned());
    Ok(column.map_err(|e| DeviceError::unfit(path, e))?.into_no_null_iter().collect())
}

/// Predictions for the vectors that judge.
struct Judged<'a> {
    conditions: &'a Conditions,
    /// The best constant of the vectors that were fitted.
    constant: f64,
    predicted: &'a [f64],
    measured: &'a [f64],
    again: Option<Vec<f64>>,
}

impl Judged<'_> {
    fn write(&self, path: &Path) -> PolarsResult<()> {
        let height = self.measured.len();
        let again: Vec<Option<f64>> = match &self.again {
            Some(again) => again.iter().copied().map(Some).collect(),
            None => vec![None; height],
        };
        let frame = df!(
            "device" => vec![self.conditions.device.clone(); height],
            "threads" => vec![self.conditions.threads as u64; height],
            "vector" => (0..height as u64).collect::<Vec<u64>>(),
            "predicted_us" => self.predicted,
            "measured_us" => self.measured,
            "retest_us" => again,
            "constant_us" => vec![self.constant; height],
        )?;
        table::write(frame, path)
    }
}
