//! Kind `report.figure13`: how good the latency predictor is against the number of subnets it was fitted to (Fig. 13).

use nnf_contract::{Input, Kind, Offer, Stage, StageError};
use nnf_results::statistics;
use polars::prelude::*;
use serde::Deserialize;

use crate::chart::{Axis, Body, Chart, Look, Panel, Point, Series};
use crate::document::Document;
use crate::error::ReportError;
use crate::format::{counts, percent, r_squared};
use crate::output::{self, Claim, Figure, PARQUET};
use crate::read;

#[derive(Debug, Deserialize)]
struct Parameters {
    scale: String,
}

pub(crate) fn offer() -> Offer {
    let kind = Kind::new("report.figure13", "Figure 13: accuracy of the predictor by the number of profiled subnets")
        .inputs([Input::new("curves", PARQUET, "tables of `predictor.learning_curve`").many()])
        .outputs(output::of_figure())
        .parameters([output::scale()]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let p: Parameters = stage.parameters()?;
    let curves = output::collected(stage, "curves", &["device", "vectors", "repeat", "mape", "r_squared"])?;
    figure(&curves, &p.scale)?.write(stage)
}

/// Median, least and greatest of the repeats.
#[derive(Clone, Copy)]
struct Spread {
    middle: f64,
    low: f64,
    high: f64,
}

struct Place {
    device: String,
    vectors: f64,
    accuracy: Spread,
    r_squared: Spread,
    repeats: usize,
}

pub(crate) fn figure(curves: &DataFrame, scale: &str) -> Result<Figure, ReportError> {
    let places = places(curves)?;
    let devices = read::distinct(&places.iter().map(|place| place.device.clone()).collect::<Vec<String>>());
    let panel = |title: &str, label: &str, of: &dyn Fn(&Place) -> Spread, (floor, top): (f64, f64)| {
        let series = devices.iter().enumerate().map(|(style, device)| {
            let point = |place: &Place| {
                let Spread { middle, low, high } = of(place);
                Point::within(place.vectors, middle, low, high)
            };
            let points = places.iter().filter(|place| place.device == *device).map(point).collect();
            Series { name: device.clone(), style, look: Look::Line, points }
        });
        let series: Vec<Series> = series.collect();
        let low = series.iter().flat_map(|one| &one.points).filter_map(|p| p.interval).map(|i| i.0.max(floor));
        Panel {
            title: title.into(),
            note: "median over random subsets; bars from the least to the greatest".into(),
            x: Axis::log_around("profiled subnets", places.iter().map(|place| place.vectors)),
            y: Axis::between(label, low.fold(top, f64::min), top),
            body: Body::Series(series),
        }
    };
    let percent =
        |spread: Spread| Spread { middle: spread.middle * 100.0, low: spread.low * 100.0, high: spread.high * 100.0 };
    let panels = vec![
        panel("Accuracy, 1 − MAPE", "accuracy (%)", &|place| percent(place.accuracy), (0.0, 100.0)),
        panel("Explained variance", "R² on the vectors that judge", &|place| place.r_squared, (-1.0, 1.0)),
    ];
    let chart = Chart { panels, columns: 2, area: (330.0, 250.0) };
    Ok(Figure { chart, document: document(&places, &devices, scale), data: data(&places)? })
}

fn places(curves: &DataFrame) -> Result<Vec<Place>, ReportError> {
    let devices = read::words(curves, "device")?;
    let number = |name: &str| read::all_numbers(curves, name);
    let (vectors, mape, r_squared) = (number("vectors")?, number("mape")?, number("r_squared")?);
    let mut places = Vec::new();
    for device in read::distinct(&devices) {
        let own: Vec<usize> = (0..devices.len()).filter(|row| devices[*row] == device).collect();
        let mut counts: Vec<f64> = own.iter().map(|row| vectors[*row]).collect();
        counts.sort_by(f64::total_cmp);
        counts.dedup();
        for count in counts {
            let rows: Vec<usize> = own.iter().copied().filter(|row| vectors[*row] == count).collect();
            let spread = |f: &dyn Fn(usize) -> f64| {
                let values: Vec<f64> = rows.iter().map(|row| f(*row)).collect();
                let at = |share: f64| statistics::quantile(&values, share);
                Spread { middle: at(0.5), low: at(0.0), high: at(1.0) }
            };
            places.push(Place {
                device: device.clone(),
                vectors: count,
                accuracy: spread(&|row| 1.0 - mape[row]),
                r_squared: spread(&|row| r_squared[row]),
                repeats: rows.len(),
            });
        }
    }
    Ok(places)
}

fn document(places: &[Place], devices: &[String], scale: &str) -> Document {
    let told = |device: &String| {
        let own: Vec<&Place> = places.iter().filter(|place| place.device == *device).collect();
        // All larger numbers too: one lucky size is not enough.
        let enough = own.iter().rev().take_while(|place| place.accuracy.middle > 0.95).last();
        let reached = enough.map_or_else(
            || "above 95 % with none of the numbers".to_owned(),
            |place| format!("above 95 % from {:.0} subnets on", place.vectors),
        );
        let last = own.last().map_or_else(String::new, |place| {
            let (accuracy, r2) = (percent(Some(place.accuracy.middle), 1), r_squared(Some(place.r_squared.middle)));
            format!("{accuracy} and R² {r2} with {:.0}", place.vectors)
        });
        Claim::new(format!("latency, {device}"), "above 95 % with 200 to 1,000 subnets", format!("{reached}; {last}"))
    };
    let mut claims: Vec<Claim> = devices.iter().map(told).collect();
    claims.push(Claim::new(
        "memory",
        "above 95 % with 200 to 1,000 subnets",
        "not part of this curve, which is of latency",
    ));
    Document::new("Accuracy of the performance predictor by the number of profiled subnets (Fig. 13)")
        .text(format!(
            "Accuracy is 100 % − MAPE. Each point is the median of {} fits to random subsets, each subset part of the next \
             larger one, judged on vectors that no fit has seen. What is below 0 % or an R² of −1 is marked at the lower edge.",
            counts(places.iter().map(|place| place.repeats))
        ))
        .table("The paper's claims", output::claims(claims))
        .text(scale)
}

fn data(places: &[Place]) -> PolarsResult<DataFrame> {
    let floats = |f: &dyn Fn(&Place) -> f64| places.iter().map(f).collect::<Vec<f64>>();
    df!(
        "device" => places.iter().map(|place| place.device.clone()).collect::<Vec<String>>(),
        "vectors" => floats(&|place| place.vectors),
        "accuracy" => floats(&|place| place.accuracy.middle),
        "accuracy_least" => floats(&|place| place.accuracy.low),
        "accuracy_greatest" => floats(&|place| place.accuracy.high),
        "r_squared" => floats(&|place| place.r_squared.middle),
        "r_squared_least" => floats(&|place| place.r_squared.low),
        "r_squared_greatest" => floats(&|place| place.r_squared.high),
        "repeats" => places.iter().map(|place| place.repeats as u64).collect::<Vec<u64>>(),
    )
}
