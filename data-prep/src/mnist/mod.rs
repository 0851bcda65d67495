//! Kind `mnist`: the digits of MNIST, or digits drawn by our own code.

mod idx;
mod source;

use image::{Rgb, RgbImage};
use nnf_contract::{Input, Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use serde::Deserialize;

use crate::contact_sheet::contact_sheet;
use crate::digits::{Digits, SIDE, Split};
use crate::drawn;

/// The four files, and the SHA-256 of their unpacked bytes as published originally.
const FILES: [(&str, &str); 4] = [
    ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
];

#[derive(Debug, Deserialize)]
struct Parameters {
    source: String,
    #[serde(default)]
    from: Vec<String>,
    sha256: Vec<String>,
    count: usize,
    test_count: usize,
    seed: u64,
}

/// The kind.
pub(crate) fn offer() -> Offer {
    let hashes: Vec<&str> = FILES.iter().map(|(_, hash)| *hash).collect();
    let kind = Kind::new("mnist", "Images of digits with labels: MNIST, or drawn by our own code")
        .inputs(Vec::<Input>::new())
        .outputs([
            Output::new(
                "digits",
                "application/vnd.safetensors",
                "images u8 [N, 28, 28] and labels u8 [N] of `train` and `test`",
            ),
            Output::new("sheet", "image/png", "a contact sheet: ten digits of each label"),
        ])
        .parameters([
            Parameter::choice("source", &["drawn", "mnist"], "digits drawn by our own code, or the files of MNIST")
                .default("drawn"),
            Parameter::list(
                "from",
                ParameterType::String,
                "folders or http(s) addresses that hold the files of MNIST; the first that works is used",
            )
            .default(serde_json::json!([]))
            .unkeyed(),
            Parameter::list(
                "sha256",
                ParameterType::String,
                "SHA-256 of the four unpacked files: training images and labels, test images and labels",
            )
            .default(hashes),
            Parameter::int("count", 1, 10_000_000, "digits to draw for training").default(20_000),
            Parameter::int("test_count", 1, 10_000_000, "digits to draw for testing").default(4_000),
            Parameter::int("seed", 0, i64::MAX, "seed of the drawing").default(1),
        ])
        .all_cpus();
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let parameters: Parameters = stage.parameters()?;
    let digits = if parameters.source == "drawn" {
        drawn::draw(parameters.count, parameters.test_count, parameters.seed)
    } else {
        mnist(stage, &parameters)?
    };
    digits.save(stage.output("digits")?).map_err(StageError::failed)?;
    sheet(&digits.train)
        .save_with_format(stage.output("sheet")?, image::ImageFormat::Png)
        .map_err(|e| StageError::failed(format!("the contact sheet: {e}")))?;
    stage.metrics(None, &[("train digits", digits.train.len() as f64), ("test digits", digits.test.len() as f64)]);
    Ok(())
}

fn mnist(stage: &Stage, parameters: &Parameters) -> Result<Digits, StageError> {
    let hashes: &[String; 4] = parameters.sha256.as_slice().try_into().map_err(|_| {
        StageError::failed("`sha256` has four items: training images and labels, test images and labels")
    })?;
    let names = FILES.map(|(name, _)| name);
    let (files, from) = source::first_that_works(&parameters.from, &names, hashes)?;
    stage.note(format!("MNIST from {from}"));
    let split = |images: usize, labels: usize| -> Result<Split, StageError> {
        let split = Split {
            images: idx::images(&files[images], SIDE)
                .map_err(|e| StageError::failed(format!("{}: {e}", names[images])))?,
            labels: idx::labels(&files[labels], 9)
                .map_err(|e| StageError::failed(format!("{}: {e}", names[labels])))?,
        };
        if split.images.len() != split.len() * SIDE * SIDE {
            let (there, here) = (split.images.len() / (SIDE * SIDE), split.len());
            return Err(StageError::failed(format!(
                "{} has {there} images, {} has {here} labels",
                names[images], names[labels]
            )));
        }
        Ok(split)
    };
    Ok(Digits { train: split(0, 1)?, test: split(2, 3)? })
}

/// The first ten digits of each label, a row each.
fn sheet(split: &Split) -> RgbImage {
    let mut tiles = Vec::new();
    for digit in 0..10_u8 {
        let rows = (0..split.len()).filter(|row| split.labels[*row] == digit).take(10);
        let mut row_tiles: Vec<(RgbImage, String)> =
            rows.map(|row| (tile(split.image(row)), digit.to_string())).collect();
        row_tiles.resize(10, (RgbImage::new(28, 28), String::new()));
        tiles.extend(row_tiles);
    }
    contact_sheet(&tiles, 10, 2)
}

fn tile(pixels: &[u8]) -> RgbImage {
    RgbImage::from_fn(28, 28, |x, y| {
        let value = pixels[y as usize * SIDE + x as usize];
        Rgb([value, value, value])
    })
}

#[cfg(test)]
mod tests;
