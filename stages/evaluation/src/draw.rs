//! Random gate vectors and random requirements.
//!
//! It does not know what they are profiled for.

use nnf_net::{GateLayer, GateVector, Random};
use nnf_supernet::{Questions, Requirement};

/// How levels are spread between their bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spread {
    /// As many between 1 and 10 % as between 10 and 100 %: assemblers keep few modules, whatever the limit.
    Log,
    /// Evenly.
    Even,
}

/// A vector whose layers keep about the same share (paper §3.3): a level between the bounds, times a jitter of each
/// layer's own. Besides, each layer keeps nothing with a chance that is the vector's own, up to `empty`: under low limits
/// assemblers leave whole layers out, which a small level hardly ever does with a wide layer.
pub(crate) fn gates(
    layers: &[GateLayer],
    levels: (f64, f64),
    spread: Spread,
    jitter: f64,
    empty: f64,
    random: &mut Random,
) -> GateVector {
    let between = |low: f64, high: f64, random: &mut Random| low + (high - low) * random.unit();
    let level = match spread {
        Spread::Log => between(levels.0.ln(), levels.1.ln(), random).exp(),
        Spread::Even => between(levels.0, levels.1, random),
    };
    let empty = empty * random.unit();
    let layer = |layer: &GateLayer, random: &mut Random| {
        let share = (level * (jitter * random.normal()).exp()).clamp(0.0, 1.0);
        let share = if random.unit() < empty { 0.0 } else { share };
        let kept = (share * layer.width as f64).round() as usize;
        let mut gates: Vec<bool> = (0..layer.width).map(|at| at < kept).collect();
        random.shuffle(&mut gates);
        gates
    };
    GateVector(layers.iter().map(|one| layer(one, random)).collect())
}

/// Requirements of random tasks that are asked, with limits drawn log-uniformly, and their tasks.
pub(crate) fn requirements(
    questions: &Questions,
    count: usize,
    limits: (f64, f64),
    random: &mut Random,
) -> (Vec<Requirement>, Vec<i64>) {
    let (low, high) = (limits.0.ln(), limits.1.ln());
    let asked = questions.asked();
    (0..count)
        .map(|_| {
            let task = asked[random.below(asked.len())];
            let limit = (low + (high - low) * random.unit()).exp().clamp(1e-9, 1.0);
            (Requirement { bits: questions.bits[task].clone(), limit }, i64::try_from(task).unwrap_or(0))
        })
        .unzip()
}
