//! Kind `predictor.fit`: a latency predictor from a profile, judged on gate vectors that it has not seen.
//!
//! Beside R² and the mean error stand the error of the best constant and, where the vectors were measured a second time,
//! how far two measurements agree, and what that leaves for a perfect predictor.

use std::path::Path;

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use nnf_net::Network;
use nnf_results::{statistics, table};
use polars::prelude::*;
use serde::Deserialize;

use crate::fit;
use crate::predictor::{Conditions, FORMAT, Predictor, VERSION};
use crate::profile::Profile;

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
    let (rows, profile) = Profile::of(&network, stage.input("gates")?, stage.input("profile")?)?;
    let linear = fit::least_squares(&rows, &profile.latencies, p.ridge)?;
    let predictor = Predictor {
        format: FORMAT.into(),
        version: VERSION,
        conditions,
        layers: network.gate_layers(),
        features: Predictor::feature_names(&network),
        coefficients: linear.coefficients,
        intercept: linear.intercept,
        floor: profile.latencies.iter().copied().fold(f64::INFINITY, f64::min),
    };
    predictor.save(stage.output("predictor")?)?;
    let predict = |rows: &[Vec<f64>]| rows.iter().map(|row| predictor.of_features(row).0).collect::<Vec<f64>>();
    let fitted = Figures {
        name: format!("fitted to {} vectors", rows.len()),
        predicted: predict(&rows),
        measured: profile.latencies.clone(),
        retest: None,
    };
    let mut figures = vec![fitted];
    let mut remarks = String::new();
    let test = (stage.optional_input("test_gates")?, stage.optional_input("test_profile")?);
    let retest = stage.optional_input("retest_profile")?;
    if matches!(test, (Some(_), None) | (None, Some(_))) || (retest.is_some() && test.0.is_none()) {
        let why = "`test_gates` and `test_profile` belong together, and `retest_profile` to both: name what is missing";
        return Err(StageError::failed(why));
    }
    if let (Some(gates), Some(test)) = test {
        let (rows, test) = Profile::of(&network, gates, test)?;
        let again = retest.map(Profile::load).transpose()?;
        if let Some(again) = again.as_ref().filter(|again| again.latencies.len() != test.latencies.len()) {
            return Err(StageError::failed(format!(
                "{} vectors were measured, {} a second time",
                test.latencies.len(),
                again.latencies.len()
            )));
        }
        let judged = Figures {
            name: format!("judged by {} other vectors", rows.len()),
            predicted: predict(&rows),
            measured: test.at_speed_of(&profile),
            retest: again.as_ref().map(|again| again.at_speed_of(&profile)),
        };
        judged.write(&predictor.conditions, stage.output("predictions")?).map_err(StageError::failed)?;
        let slowness = [Some(&test), again.as_ref()].map(|one| one.map_or(1.0, |one| one.slowness(&profile)));
        if slowness != [1.0, 1.0] {
            remarks = speeds(stage, slowness);
            let measured = Figures {
                name: "the same at the speeds as they were".into(),
                predicted: judged.predicted.clone(),
                measured: test.latencies,
                retest: again.map(|again| again.latencies),
            };
            figures.extend([judged, measured]);
        } else {
            figures.push(judged);
        }
    }
    let report = report(stage, &predictor.conditions, &figures) + &remarks;
    fs_err::write(stage.output("report")?, report).map_err(StageError::failed)
}

/// Tells how fast the machine was while the judging vectors were measured, once and again.
fn speeds(stage: &Stage, slowness: [f64; 2]) -> String {
    let [once, again] = slowness.map(|slowness| format!("{:+.1} %", (slowness - 1.0) * 100.0));
    let name = "time of the reference subnet when judging, by its time when fitting";
    stage.metrics(None, &[(name, slowness[0])]);
    format!(
        "\nA reference subnet, measured all along, took {once} of time when the judging vectors were measured, {again} when \
         they were measured again, against when the fitted ones were: the machine's speed varies. Latencies are given at \
         the speed of the fitted ones.\n"
    )
}

/// Predicted and measured latencies of some vectors.
struct Figures {
    name: String,
    predicted: Vec<f64>,
    measured: Vec<f64>,
    /// Measured a second time.
    retest: Option<Vec<f64>>,
}

impl Figures {
    /// Its row of the report; the figures go to the metrics too.
    fn row(&self, stage: &Stage) -> String {
        let (predicted, measured, name) = (&self.predicted, &self.measured, &self.name);
        let (r2, error) = (statistics::r_squared(predicted, measured), statistics::mape(predicted, measured));
        let constant = fit::constant_mape(measured);
        let retest = self.retest.as_ref().map(|again| statistics::r_squared(again, measured));
        let names = ["R²", "MAPE", "the best constant's MAPE", "test–retest R²"].map(|what| format!("{name}: {what}"));
        let [first, second, third, fourth] = names.each_ref().map(String::as_str);
        stage.metrics(None, &[(first, r2), (second, error), (third, constant)]);
        if let Some(retest) = retest {
            stage.metrics(None, &[(fourth, retest)]);
        }
        let or_none = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
        format!(
            "| {name} | {r2:.3} | {:.1} % | {:.1} % | {} | {} |\n",
            error * 100.0,
            constant * 100.0,
            or_none(retest),
            or_none(retest.map(fit::perfect)),
        )
    }

    /// The table that Figure 8 is drawn from.
    fn write(&self, conditions: &Conditions, path: &Path) -> PolarsResult<()> {
        let height = self.measured.len();
        let again: Vec<Option<f64>> = match &self.retest {
            Some(again) => again.iter().copied().map(Some).collect(),
            None => vec![None; height],
        };
        let frame = df!(
            "device" => vec![conditions.device.clone(); height],
            "threads" => vec![conditions.threads as u64; height],
            "vector" => (0..height as u64).collect::<Vec<u64>>(),
            "predicted_us" => &self.predicted,
            "measured_us" => &self.measured,
            "retest_us" => again,
            // The best constant for these very vectors.
            "constant_us" => vec![fit::constant(&self.measured); height],
        )?;
        table::write(frame, path)
    }
}

fn report(stage: &Stage, conditions: &Conditions, figures: &[Figures]) -> String {
    let mut text = format!(
        "Latency on {} ({}, {} threads, {}, batch {})\n\n| | R² | mean error | the best constant's | test–retest R² | a perfect predictor's R² |\n\
         |---|--:|--:|--:|--:|--:|\n",
        conditions.device, conditions.cpu, conditions.threads, conditions.runtime, conditions.batch
    );
    for one in figures {
        text.push_str(&one.row(stage));
    }
    text
}
