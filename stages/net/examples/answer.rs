//! A network that was deployed answers for a picture:
//!
//! ```sh
//! magick four.png -resize '56x56!' -depth 8 gray:four.raw
//! make build; eval "$(stages/libtorch.sh)"; ~/.cache/nn-factory/target/debug/examples/answer FOLDER four.raw
//! ```
//!
//! `FOLDER` holds `network.json` and `weights.safetensors`. `four.raw` has one byte for each pixel, row by row, 0 for black:
//! for a network of NumVQA two rows of two digits, light on dark (`-negate` for ink on paper), 28×28 pixels each.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nnf_net::{Model, Run, forward};
use tch::{Kind, Tensor};

/// What MNIST's pixels, from 0 to 1, are on average, and how far they scatter: networks are trained on `(p − MEAN) / SCATTER`.
const MEAN: f64 = 0.1307;
const SCATTER: f64 = 0.3081;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, picture] = arguments.as_slice() else {
        eprintln!("usage: answer FOLDER PICTURE");
        return ExitCode::FAILURE;
    };
    match answer(folder, picture) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer(folder: &Path, picture: &Path) -> Result<String, Box<dyn Error>> {
    let mut model = Model::load(folder)?;
    model.weights.lay_channels_last();

    let shape = [&[1], model.network.input_shape()].concat();
    let pixels = fs_err::read(picture)?;
    let needed = shape.iter().product::<i64>();
    if i64::try_from(pixels.len())? != needed {
        let why = format!("{} has {} bytes, the network reads {needed} pixels", picture.display(), pixels.len());
        return Err(why.into());
    }
    let picture = (Tensor::from_slice(&pixels).view(shape.as_slice()).to_kind(Kind::Float) / 255.0 - MEAN) / SCATTER;

    let scores = tch::no_grad(|| forward(&model.network, &model.weights, &picture, &Run::default(), &[]))?;
    let shares = Vec::<f64>::try_from(scores[0].softmax(-1, Kind::Float).flatten(0, -1))?;
    let [no, yes] = shares.as_slice() else {
        return Err(format!("the network has {} answers, a question has two: no and yes", shares.len()).into());
    };
    Ok(format!("no {:.1} %, yes {:.1} %", no * 100.0, yes * 100.0))
}
