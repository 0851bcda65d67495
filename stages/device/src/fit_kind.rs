//! Kind `predictor.fit`: a latency predictor from a profile, judged on gate vectors that it has not seen.
//!
//! Beside R² and the mean error stand the error of the best constant and, where the vectors were measured a second time,
//! how far two measurements agree, and what that leaves for a perfect predictor.

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
    let (parquet, gates) = (table::PARQUET, "application/vnd.safetensors");
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
                Output::new(
                    "report",
                    "text/markdown",
                    "R², mean error, the error of the best constant, test–retest R²",
                ),
                Output::new("predictions", parquet, "predicted and measured latency of the vectors to judge by")
                    .optional(),
            ])
            .parameters([Parameter::float("ridge", 0.0, 1.0, "penalty that keeps features apart that hardly differ")
                .default(1e-3)]);
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
    let mut figures = vec![(format!("fitted to {} vectors", rows.len()), predict(&rows), latencies, None)];
    let test = (stage.optional_input("test_gates")?, stage.optional_input("test_profile")?);
    let retest = stage.optional_input("retest_profile")?;
    if matches!(test, (Some(_), None) | (None, Some(_))) || (retest.is_some() && test.0.is_none()) {
        let why = "`test_gates` and `test_profile` belong together, and `retest_profile` to both: name what is missing";
        return Err(StageError::failed(why));
    }
    if let (Some(gates), Some(profile)) = test {
        let (rows, measured) = profiled(&network, gates, profile)?;
        let again = retest.map(|path| Ok::<_, DeviceError>(read_profile(path)?.0)).transpose()?;
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
            constant: fit::constant(&measured),
            predicted: &predicted,
            measured: &measured,
            again,
        };
        judged.write(stage.output("predictions")?).map_err(StageError::failed)?;
        figures.push((format!("judged by {} other vectors", rows.len()), predicted, measured, retest));
    }
    let report = report(stage, &predictor, &figures);
    fs_err::write(stage.output("report")?, report).map_err(StageError::failed)
}

type Figures = (String, Vec<f64>, Vec<f64>, Option<f64>);

fn report(stage: &Stage, predictor: &Predictor, figures: &[Figures]) -> String {
    let conditions = &predictor.conditions;
    let mut text = format!(
        "Latency on {} ({}, {} threads, {}, batch {})\n\n| | R² | mean error | the best constant's | test–retest R² | a perfect predictor's R² |\n\
         |---|--:|--:|--:|--:|--:|\n",
        conditions.device, conditions.cpu, conditions.threads, conditions.runtime, conditions.batch
    );
    for (name, predicted, measured, retest) in figures {
        let (r2, error) = (statistics::r_squared(predicted, measured), statistics::mape(predicted, measured));
        let constant = fit::constant_mape(measured);
        let or_none = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
        text.push_str(&format!(
            "| {name} | {r2:.3} | {:.1} % | {:.1} % | {} | {} |\n",
            error * 100.0,
            constant * 100.0,
            or_none(*retest),
            or_none(retest.map(fit::perfect)),
        ));
        let names = ["R²", "MAPE", "the best constant's MAPE"].map(|what| format!("{name}: {what}"));
        let [first, second, third] = names.each_ref().map(String::as_str);
        stage.metrics(None, &[(first, r2), (second, error), (third, constant)]);
        if let Some(retest) = retest {
            stage.metrics(None, &[("test–retest R²", *retest)]);
        }
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
    let (latencies, macs) = read_profile(profile)?;
    if latencies.len() != set.gates.len() {
        return Err(DeviceError::Misfit(format!(
            "{} gate vectors, but {} latencies: they do not belong together",
            set.gates.len(),
            latencies.len()
        )));
    }
    let features = Features::of(network);
    let rows = set.gates.iter().map(|gates| features.values(gates)).collect::<Result<Vec<_>, _>>()?;
    // A vector's last feature is its multiply–accumulates, which the profile counted too.
    if let Some(at) = (0..rows.len()).find(|at| rows[*at].last() != macs.get(*at)) {
        return Err(DeviceError::Misfit(format!(
            "gate vector {at} has other multiply–accumulates than the profile's: it was made of other vectors"
        )));
    }
    Ok((rows, latencies))
}

/// Latencies in microseconds, and multiply–accumulates.
fn read_profile(path: &Path) -> Result<(Vec<f64>, Vec<f64>), DeviceError> {
    let unfit = |e: PolarsError| DeviceError::unfit(path, e);
    let frame = table::read(path).map_err(unfit)?;
    let column = |name: &str| -> Result<Vec<f64>, DeviceError> {
        let values = frame.column(name).map_err(unfit)?.cast(&DataType::Float64).map_err(unfit)?;
        let values: Option<Vec<f64>> = values.f64().map_err(unfit)?.iter().collect();
        values.ok_or_else(|| DeviceError::unfit(path, format!("a row has no `{name}`")))
    };
    Ok((column("latency_us")?, column("macs")?))
}

/// Predictions for the vectors that judge.
struct Judged<'a> {
    conditions: &'a Conditions,
    /// The best constant for these very vectors.
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
