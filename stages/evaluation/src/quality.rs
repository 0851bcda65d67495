//! How good a network's answers to samples are.

use nnf_net::{Model, Run, forward};
use nnf_problem::{Batch, Problem, Quality};
use tch::{Device, Kind};

use crate::error::EvaluationError;

/// Samples of one pass.
const BATCH: usize = 500;

/// The quality of the answers of a network without gates to some rows of samples.
///
/// # Errors
/// When samples and data do not belong together, or the network does not take the input.
pub fn quality<P: Problem>(
    model: &Model,
    problem: &P,
    samples: &P::Samples,
    rows: &[usize],
) -> Result<Quality, EvaluationError> {
    let mut answers = Vec::with_capacity(rows.len());
    for rows in rows.chunks(BATCH) {
        let Batch { input, targets } = problem.batch(samples, rows, None, Device::Cpu)?;
        let outputs = tch::no_grad(|| forward(&model.network, &model.weights, &input, &Run::default(), &[]))?;
        let outputs: Vec<_> = outputs.iter().map(|output| output.to_kind(Kind::Float)).collect();
        answers.extend(P::answers(&outputs, &targets)?);
    }
    Ok(problem.quality(samples, rows, &answers))
}
