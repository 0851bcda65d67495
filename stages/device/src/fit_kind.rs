//! Kind `predictor.fit`: a latency predictor from a profile, judged on gate vectors that it has not seen.
//!
//! Beside R² and the mean error stand the error of the best constant and, where the vectors were measured a second time,
//! how far two measurements agree, and what that leaves for a perfect predictor.

use nnf_contract::{Input, Kind, Offer, Output, Parameter, Stage, StageError};
use nnf_net::Network;
use nnf_results::table;
use serde::Deserialize;

use crate::fit;
use crate::judged::{Judged, Tests};
use crate::predictor::{Conditions, Predictor};
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
            .parameters([Parameter::float("ridge", 1e-9, 1.0, "penalty that keeps features apart that hardly differ")
                .default(1e-3)]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let network = Network::load(stage.input("network")?).map_err(StageError::failed)?;
    let conditions = Conditions::load(stage.input("conditions")?)?;
    let (rows, profile) = Profile::of(&network, stage.input("gates")?, stage.input("profile")?)?;
    let linear = fit::least_squares(&rows, &profile.latencies, p.ridge)?;
    let floor = profile.latencies.iter().copied().fold(f64::INFINITY, f64::min);
    let predictor = Predictor::new(conditions, &network, linear.coefficients, (linear.intercept, floor));
    predictor.save(stage.output("predictor")?)?;
    let predict = |rows: &[Vec<f64>]| rows.iter().map(|row| predictor.of_features(row).0).collect::<Vec<f64>>();
    let fitted = Judged {
        name: format!("fitted to {} vectors", rows.len()),
        predicted: predict(&rows),
        measured: profile.latencies.clone(),
        retest: None,
    };
    let mut judged = vec![fitted];
    let mut remarks = String::new();
    if let Some(tests) = Tests::of(stage, &network)? {
        let new = tests.judge(predict(&tests.rows), &profile);
        new[0]
            .write(&predictor.conditions, &tests.profile, stage.output("predictions")?)
            .map_err(StageError::failed)?;
        remarks = tests.speeds(stage, &profile);
        judged.extend(new);
    }
    let report = report(stage, &predictor.conditions, &judged) + &remarks;
    fs_err::write(stage.output("report")?, report).map_err(StageError::failed)
}

fn report(stage: &Stage, conditions: &Conditions, judged: &[Judged]) -> String {
    let mut text = format!(
        "Latency on {} ({}, {} threads, {}, batch {})\n\n| | R² | mean error | the best constant's | test–retest R² | a perfect predictor's R² |\n\
         |---|--:|--:|--:|--:|--:|\n",
        conditions.device, conditions.cpu, conditions.threads, conditions.runtime, conditions.batch
    );
    for one in judged {
        text.push_str(&one.row(stage));
    }
    text
}
