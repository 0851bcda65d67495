//! How good predictions are: gate vectors that no fit has seen, beside what was measured.

use std::path::Path;

use nnf_contract::{Stage, StageError};
use nnf_net::Network;
use nnf_results::{statistics, table};
use polars::prelude::*;

use crate::fit;
use crate::predictor::Conditions;
use crate::profile::Profile;

/// What is to judge by.
pub(crate) struct Tests {
    /// Features of the vectors.
    pub(crate) rows: Vec<Vec<f64>>,
    /// Their latencies.
    pub(crate) profile: Profile,
    /// The same measured a second time.
    pub(crate) again: Option<Profile>,
}

impl Tests {
    /// The inputs `test_gates`, `test_profile` and `retest_profile`; nothing where none is given.
    ///
    /// # Errors
    /// When one is given without another that it needs, or they do not belong together.
    pub(crate) fn of(stage: &Stage, network: &Network) -> Result<Option<Self>, StageError> {
        let (gates, test) = (stage.optional_input("test_gates")?, stage.optional_input("test_profile")?);
        let again = stage.optional_input("retest_profile")?;
        let (gates, test) = match (gates, test) {
            (Some(gates), Some(test)) => (gates, test),
            (None, None) if again.is_none() => return Ok(None),
            _ => {
                return Err(StageError::failed(
                    "`test_gates` and `test_profile` belong together, and `retest_profile` to both: name what is missing",
                ));
            }
        };
        let (rows, profile) = Profile::of(network, gates, test)?;
        let again = again.map(Profile::load).transpose()?;
        if again.as_ref().is_some_and(|again| !again.is_of_vectors_of(&profile)) {
            return Err(StageError::failed("`retest_profile` is of other vectors than `test_profile`"));
        }
        Ok(Some(Tests { rows, profile, again }))
    }

    /// Predictions beside what was measured, first at the speed that the machine had for the fitted profile, then, where
    /// that was another one, as it was.
    pub(crate) fn judge(&self, predicted: Vec<f64>, fitted: &Profile) -> Vec<Judged> {
        let as_it_was = Judged {
            name: "the same, not corrected for the machine's speed".into(),
            predicted: predicted.clone(),
            measured: self.profile.latencies.clone(),
            // The second measurement was at yet another speed: to compare with it would say how fast the machine was.
            retest: None,
        };
        let judged = Judged {
            name: format!("judged by {} other vectors", self.rows.len()),
            predicted,
            measured: self.profile.at_speed_of(fitted),
            retest: self.again.as_ref().map(|again| again.at_speed_of(fitted)),
        };
        if self.is_at_speed_of(fitted) { vec![judged] } else { vec![judged, as_it_was] }
    }

    /// Of the first and, if there is one, the second measurement.
    fn slowness(&self, fitted: &Profile) -> (f64, Option<f64>) {
        (self.profile.slowness(fitted), self.again.as_ref().map(|again| again.slowness(fitted)))
    }

    fn is_at_speed_of(&self, fitted: &Profile) -> bool {
        let (once, again) = self.slowness(fitted);
        once == 1.0 && again.is_none_or(|again| again == 1.0)
    }

    /// Tells how fast the machine was while the vectors were measured, once and again.
    pub(crate) fn speeds(&self, stage: &Stage, fitted: &Profile) -> String {
        let (once, again) = self.slowness(fitted);
        stage.metrics(None, &[("time of the reference subnet when judging, by its time when fitting", once)]);
        if self.is_at_speed_of(fitted) {
            return String::new();
        }
        let again = again
            .map_or_else(String::new, |again| format!(", and {again:.3} times as long when they were measured again"));
        format!(
            "\nA shared machine's speed varies: a reference subnet, measured all along, took {once:.3} times as long while \
             the judging vectors were measured as while the fitted ones were{again}. Latencies are compared at the speed of \
             the fitted ones.\n"
        )
    }
}

/// Predicted and measured latencies of some vectors.
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) predicted: Vec<f64>,
    pub(crate) measured: Vec<f64>,
    /// Measured a second time.
    pub(crate) retest: Option<Vec<f64>>,
}

impl Judged {
    /// Its row of the report; the figures go to the metrics too.
    pub(crate) fn row(&self, stage: &Stage) -> String {
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

    /// The table that Figure 8 is drawn from; `as_it_was` are the measured latencies at the machine's speed of then.
    pub(crate) fn write(&self, conditions: &Conditions, as_it_was: &Profile, path: &Path) -> PolarsResult<()> {
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
            // Before it was brought to the speed at which the fitted vectors were measured.
            "as_measured_us" => &as_it_was.latencies,
            // The best constant for these very vectors.
            "constant_us" => vec![fit::constant(&self.measured); height],
        )?;
        table::write(frame, path)
    }
}
