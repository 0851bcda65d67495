//! Kind `report.figure8`: predicted against measured latency and memory on each device (Fig. 8).
//!
//! Beside the paper's "accuracy", which is 1 − MAPE, stand R² and the error of a constant, since on data of little
//! spread a constant is accurate too.

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Look, Panel, Point, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::format::{percent, r_squared};
use crate::output::{self, PARQUET};
use crate::output::{Claim, Figure};
use crate::read;
use crate::table::Table;

#[derive(Debug, Deserialize)]
struct Parameters {
    scale: String,
}

/// Devices of the paper, none of which is here.
const THEIRS: &str = "The paper's devices (a Xiaomi 12 with Snapdragon 8 Gen 1, a Jetson AGX Xavier, a desktop with Core \
                      i9-12900K) are not available here; the paper speaks of four devices and names these three.";

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("report.figure8", "Figure 8: predicted against measured latency and memory on each device")
        .inputs([
            Input::new("latency", PARQUET, "predictions of `predictor.fit`, of one device or several").many(),
            Input::new("memory", PARQUET, "predictions of `memory.fit`").many().optional(),
        ])
        .outputs(output::of_figure())
        .parameters([output::scale()]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let columns = ["device", "predicted_us", "measured_us", "retest_us", "constant_us"];
    let optional = [("as_measured_us", DataType::Float64), ("threads", DataType::Float64)];
    let latency = output::collected_with(stage, "latency", &columns, &optional)?;
    let memory = if stage.inputs("memory").is_empty() {
        None
    } else {
        let columns = ["device", "predicted_bytes", "measured_bytes", "retest_bytes", "constant_bytes"];
        Some(output::collected(stage, "memory", &columns)?)
    };
    figure(&latency, memory.as_ref(), &p.scale)?.write(stage)
}

/// Predictions for one device.
struct Judged {
    device: String,
    what: &'static str,
    unit: &'static str,
    predicted: Vec<f64>,
    measured: Vec<f64>,
    retest: Vec<Option<f64>>,
    /// Not corrected for the machine's speed; `measured` is at its speed when the predictor's vectors were measured.
    as_measured: Vec<Option<f64>>,
    constant: f64,
}

impl Judged {
    fn r_squared(&self) -> f64 {
        statistics::r_squared(&self.predicted, &self.measured)
    }

    fn mape(&self) -> f64 {
        statistics::mape(&self.predicted, &self.measured)
    }

    /// The same without that correction.
    fn mape_as_measured(&self) -> Option<f64> {
        let measured: Option<Vec<f64>> = self.as_measured.iter().copied().collect();
        measured.map(|measured| statistics::mape(&self.predicted, &measured))
    }

    fn constant_mape(&self) -> f64 {
        statistics::mape(&vec![self.constant; self.measured.len()], &self.measured)
    }

    /// How far a second measurement agrees with the first.
    fn retest_r_squared(&self) -> Option<f64> {
        let again: Option<Vec<f64>> = self.retest.iter().copied().collect();
        again.map(|again| statistics::r_squared(&again, &self.measured))
    }
}

pub(crate) fn figure(latency: &DataFrame, memory: Option<&DataFrame>, scale: &str) -> Result<Figure, ReportError> {
    let mut judged = of(latency, "latency", "us", "ms", 1e-3)?;
    if let Some(memory) = memory {
        judged.extend(of(memory, "memory", "bytes", "MB", 1e-6)?);
    }
    let panels: Vec<Panel> = judged.iter().map(panel).collect();
    let columns = panels.len().min(2);
    let chart = Chart { panels, columns, area: (280.0, 280.0) };
    Ok(Figure { chart, document: document(&judged, scale), data: data(&judged)? })
}

/// The predictions of each device in a table, in the unit that is shown.
fn of(
    table: &DataFrame,
    what: &'static str,
    suffix: &str,
    unit: &'static str,
    factor: f64,
) -> Result<Vec<Judged>, ReportError> {
    let devices = read::words(table, "device")?;
    let column = |name: &str| read::numbers(table, &format!("{name}_{suffix}"));
    let whole = |name: &str| read::all_numbers(table, &format!("{name}_{suffix}"));
    let (predicted, measured, retest) = (whole("predicted")?, whole("measured")?, column("retest")?);
    let constant = whole("constant")?;
    let as_measured = read::optional_numbers(table, &format!("as_measured_{suffix}"))?;
    one_device_each(table, &devices)?;
    let one = |device: String| {
        let own: Vec<usize> = (0..devices.len()).filter(|row| devices[*row] == device).collect();
        let pick = |values: &[f64]| own.iter().map(|row| values[*row] * factor).collect::<Vec<f64>>();
        let picked = |values: &[Option<f64>]| own.iter().map(|row| values[*row].map(|value| value * factor)).collect();
        Judged {
            what,
            unit,
            predicted: pick(&predicted),
            measured: pick(&measured),
            retest: picked(&retest),
            as_measured: picked(&as_measured),
            constant: own.first().map_or(f64::NAN, |row| constant[*row] * factor),
            device,
        }
    };
    Ok(read::distinct(&devices).into_iter().map(one).collect())
}

/// Refuses two devices of one name, which would be drawn as one.
fn one_device_each(table: &DataFrame, devices: &[String]) -> Result<(), ReportError> {
    let threads = read::optional_numbers(table, "threads")?;
    for device in read::distinct(devices) {
        let mut own = (0..devices.len()).filter(|row| devices[*row] == device).map(|row| threads[row]);
        let first = own.next();
        if own.any(|other| Some(other) != first) {
            let why = format!("`{device}` names two devices with different numbers of threads");
            return Err(ReportError::Misfit(format!("{why}; give each profile a `device` of its own")));
        }
    }
    Ok(())
}

fn panel(judged: &Judged) -> Panel {
    let all = || judged.predicted.iter().chain(&judged.measured).copied();
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let points = judged.measured.iter().zip(&judged.predicted).map(|(m, p)| Point::new(*m, *p)).collect();
    let axis = |name: &str| {
        let label = format!("{name} {} ({})", judged.what, judged.unit);
        if low > 0.0 && high / low > 4.0 { Axis::log_around(&label, all()) } else { Axis::around(&label, all()) }
    };
    Panel {
        title: format!("{}, {}", judged.what, judged.device),
        note: format!(
            "R² {}; MAPE {} (a constant's {})",
            r_squared(Some(judged.r_squared())),
            percent(Some(judged.mape()), 1),
            percent(Some(judged.constant_mape()), 1)
        ),
        x: axis("measured"),
        y: axis("predicted"),
        body: Body::Series(vec![
            Series {
                name: "predicted = measured".into(),
                style: 0,
                look: Look::Guide,
                points: vec![Point::new(low, low), Point::new(high, high)],
            },
            Series { name: "a subnet".into(), style: 0, look: Look::Marks, points },
        ]),
    }
}

fn document(judged: &[Judged], scale: &str) -> Document {
    let row = |one: &Judged| {
        vec![
            format!("{}, {}", one.what, one.device),
            one.measured.len().to_string(),
            r_squared(Some(one.r_squared())),
            r_squared(one.retest_r_squared()),
            percent(Some(one.mape()), 1),
            percent(one.mape_as_measured(), 1),
            percent(Some(one.constant_mape()), 1),
            percent(Some(1.0 - one.mape()), 1),
            percent(Some(1.0 - one.constant_mape()), 1),
        ]
    };
    let titles = [
        ":",
        "subnets",
        "R²",
        "test–retest R²",
        "MAPE",
        "MAPE, speed not corrected",
        "a constant's MAPE",
        "\"accuracy\"",
        "a constant's \"accuracy\"",
    ];
    let table = Table::new(titles, judged.iter().map(row).collect());
    let told = |one: &Judged| {
        let ours = format!("{} (R² {})", percent(Some(1.0 - one.mape()), 1), r_squared(Some(one.r_squared())));
        Claim::new(format!("{}, {}", one.what, one.device), "above 96 % on four devices", ours)
    };
    let mut document = Document::new("Accuracy of the performance prediction (Fig. 8)")
        .table("Predictions for subnets that no fit has seen", table)
        .text(
            "MAPE is the mean absolute error in % of the measured value; \"accuracy\" is 100 % − MAPE, as in the paper. \
             Test–retest R² compares two measurements of the same subnets. A constant is the best single value for all.",
        )
        .table("The paper's claims", output::claims(judged.iter().map(told).collect()))
        .text(THEIRS);
    if judged.iter().any(|one| one.mape_as_measured().is_some_and(|mape| mape != one.mape())) {
        document = document.text(
            "A shared machine's speed varies, and a reference subnet, measured all along, tells by how much. Latencies are \
             compared at the speed of the time when the predictor's own vectors were measured; beside it stands the error \
             without that correction.",
        );
    }
    if judged.iter().any(|one| one.what == "memory") {
        document = document.text(
            "Measured memory is how far the peak of resident memory of a fresh process grows when it loads a subnet and \
             runs it; predicted memory is a linear function of its counted weights and largest live values.",
        );
    }
    document.text(scale)
}

fn data(judged: &[Judged]) -> PolarsResult<DataFrame> {
    let each = |f: &dyn Fn(&Judged) -> String| {
        judged.iter().flat_map(|one| vec![f(one); one.measured.len()]).collect::<Vec<String>>()
    };
    df!(
        "what" => each(&|one| one.what.to_owned()),
        "device" => each(&|one| one.device.clone()),
        "unit" => each(&|one| one.unit.to_owned()),
        "measured" => judged.iter().flat_map(|one| one.measured.clone()).collect::<Vec<f64>>(),
        "predicted" => judged.iter().flat_map(|one| one.predicted.clone()).collect::<Vec<f64>>(),
        "measured_again" => judged.iter().flat_map(|one| one.retest.clone()).collect::<Vec<Option<f64>>>(),
    )
}
