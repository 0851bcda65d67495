//! A network that was deployed answers a picture:
//! `answer FOLDER PICTURE`, where `FOLDER` holds `network.json` and `weights.safetensors`, and `PICTURE` the pixels of a
//! grey image, one byte each, row by row, 0 for black (of a file `four.png`: `magick four.png -depth 8 gray:four.raw`).
#![expect(clippy::print_stdout, reason = "a program for the command line")]

use std::error::Error;
use std::path::PathBuf;

use nnf_net::{Model, Run, forward};
use tch::{Kind, Tensor};

/// What MNIST's pixels, from 0 to 1, are on average, and how far they scatter: networks are trained on `(p − MEAN) / SCATTER`.
const MEAN: f64 = 0.1307;
const SCATTER: f64 = 0.3081;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, picture] = arguments.as_slice() else { return Err("usage: answer FOLDER PICTURE".into()) };

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
    let shares = Vec::<f64>::try_from(scores[0].softmax(-1, Kind::Float).squeeze_dim(0))?;
    println!("no {:.1} %, yes {:.1} %", shares[0] * 100.0, shares[1] * 100.0);
    Ok(())
}
