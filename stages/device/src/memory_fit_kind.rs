//! Kind `memory.fit`: measured memory as a linear function of counted weights and largest live values, judged on vectors
//! that it has not seen (paper §3.5).

use std::path::Path;

use nnf_contract::{Input, Kind, Offer, Output, Stage, StageError};
use nnf_results::{statistics, table};
use polars::prelude::*;

use crate::columns::numbers;
use crate::error::DeviceError;
use crate::fit::{self, positive};

pub(crate) fn offer() -> Offer {
    let parquet = table::PARQUET;
    let summary = "A memory predictor from measured memory, judged on gate vectors that it has not seen";
    let kind = Kind::new("memory.fit", summary)
        .inputs([
            Input::new("memory", parquet, "memory of the vectors to fit"),
            Input::new("test_memory", parquet, "memory of the vectors to judge by"),
            Input::new("retest_memory", parquet, "the same measured a second time").optional(),
        ])
        .outputs([
            Output::new("predictions", parquet, "predicted and measured memory of the vectors to judge by"),
            Output::new("report", "text/markdown", "the factors, R², mean error, the error of a constant"),
        ]);
    Offer { kind, run }
}

/// A table of `memory.measure`.
pub(crate) struct Measured {
    pub(crate) device: String,
    /// Counted weights and largest live values.
    pub(crate) counted: Vec<Vec<f64>>,
    pub(crate) bytes: Vec<f64>,
}

impl Measured {
    fn load(path: &Path) -> Result<Self, DeviceError> {
        let unfit = |e: PolarsError| DeviceError::unfit(path, e);
        let frame = table::read(path).map_err(unfit)?;
        let [weights, live, bytes] =
            ["weight_bytes", "peak_activation_bytes", "measured_bytes"].map(|name| numbers(&frame, name, path));
        let bytes = bytes?;
        positive(&bytes)?;
        let device = frame.column("device").and_then(|column| column.str()).map_err(unfit)?;
        Ok(Measured {
            device: device.iter().next().flatten().unwrap_or_default().to_owned(),
            counted: weights?.into_iter().zip(live?).map(|(weights, live)| vec![weights, live]).collect(),
            bytes,
        })
    }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let fitted = Measured::load(stage.input("memory")?)?;
    let judge = Measured::load(stage.input("test_memory")?)?;
    let again = stage.optional_input("retest_memory")?.map(Measured::load).transpose()?;
    let linear = fit::least_squares(&fitted.counted, &fitted.bytes, 1e-9)?;
    let predicted: Vec<f64> = judge.counted.iter().map(|row| linear.at(row)).collect();
    let (r2, error) = (statistics::r_squared(&predicted, &judge.bytes), statistics::mape(&predicted, &judge.bytes));
    let constant = fit::constant_mape(&judge.bytes);
    let text = format!(
        "Memory on {}: {:.3} · weights + {:.3} · largest live values + {:.2} MB, fitted to {} vectors\n\n\
         | | R² | mean error | the best constant's |\n|---|--:|--:|--:|\n\
         | judged by {} other vectors | {r2:.3} | {:.1} % | {:.1} % |\n",
        judge.device,
        linear.coefficients[0],
        linear.coefficients[1],
        linear.intercept / 1e6,
        fitted.bytes.len(),
        judge.bytes.len(),
        error * 100.0,
        constant * 100.0
    );
    stage.metrics(None, &[("R²", r2), ("MAPE", error), ("the best constant's MAPE", constant)]);
    fs_err::write(stage.output("report")?, text).map_err(StageError::failed)?;
    let retest = match again {
        Some(again) if again.counted == judge.counted => again.bytes.into_iter().map(Some).collect(),
        Some(_) => return Err(StageError::failed("`retest_memory` is of other vectors than `test_memory`")),
        None => vec![None; judge.bytes.len()],
    };
    let written = write(&judge, &predicted, retest, fit::constant(&judge.bytes), stage.output("predictions")?);
    written.map_err(StageError::failed)
}

fn write(
    judge: &Measured,
    predicted: &[f64],
    retest: Vec<Option<f64>>,
    constant: f64,
    path: &Path,
) -> PolarsResult<()> {
    let height = judge.bytes.len();
    let counted: Vec<f64> = judge.counted.iter().map(|row| row.iter().sum()).collect();
    let frame = df!(
        "device" => vec![judge.device.clone(); height],
        "predicted_bytes" => predicted,
        "measured_bytes" => &judge.bytes,
        "retest_bytes" => retest,
        "constant_bytes" => vec![constant; height],
        "counted_bytes" => counted,
    )?;
    table::write(frame, path)
}
