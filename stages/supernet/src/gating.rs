//! From gate logits to gates: soft, hard, straight-through, and importance pruning (paper §3.2, §4).
//!
//! Logits `w` are `[B, N]`, all layers side by side. It does not know where they come from.

use nnf_net::{GateLayer, GateVector};
use tch::{Kind, Tensor};

/// Soft gates: clamp(1.2·σ(w) − 0.1, 0, 1), so that gates can be exactly shut and exactly open.
pub fn soft(logits: &Tensor) -> Tensor {
    (logits.sigmoid() * 1.2 - 0.1).clamp(0.0, 1.0)
}

/// Hard gates: 1 where w > 0, which is where the soft gate exceeds one half.
pub fn hard(logits: &Tensor) -> Tensor {
    logits.gt(0.0).to_kind(logits.kind())
}

/// Hard gates as values, soft gates as derivatives.
pub fn straight_through(hard: &Tensor, soft: &Tensor) -> Tensor {
    soft + (hard - soft).detach()
}

/// Modules that a limit allows: K = ⌊limit · N⌋.
#[must_use]
pub fn allowed(limit: f64, modules: usize) -> usize {
    // A limit such as 0.07 of 1,900 modules must not lose one to rounding.
    ((limit * modules as f64 + 1e-9).floor().max(0.0) as usize).min(modules)
}

/// Hard gates of which no sample has more than its limit allows: where more are open, those with the largest logits
/// over all layers stay. `limits` has one share for each row.
pub fn hard_within(logits: &Tensor, limits: &[f64]) -> Tensor {
    let modules = usize::try_from(logits.size()[1]).unwrap_or(0);
    let counts: Vec<usize> = limits.iter().map(|limit| allowed(*limit, modules)).collect();
    let most = counts.iter().max().copied().unwrap_or(0).max(1);
    let (largest, _) = logits.detach().topk(i64::try_from(most).unwrap_or(1), 1, true, true);
    let last: Vec<i64> = counts.iter().map(|count| i64::try_from(count.saturating_sub(1)).unwrap_or(0)).collect();
    let last = Tensor::from_slice(&last).to_device(logits.device()).unsqueeze(1);
    let least = largest.gather(1, &last, false);
    let any: Vec<f64> = counts.iter().map(|count| f64::from(u8::from(*count > 0))).collect();
    let any = Tensor::from_slice(&any).to_kind(logits.kind()).to_device(logits.device()).unsqueeze(1);
    logits.ge_tensor(&least).to_kind(logits.kind()) * hard(logits) * any
}

/// The gates of one row of logits under a limit, exactly: at most K modules, ties by position.
#[must_use]
pub fn gates_within(layers: &[GateLayer], logits: &[f64], limit: f64) -> GateVector {
    let mut open: Vec<usize> = (0..logits.len()).filter(|at| logits[*at] > 0.0).collect();
    let most = allowed(limit, logits.len());
    if open.len() > most {
        let larger = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b));
        open.select_nth_unstable_by(most, larger);
        open.truncate(most);
    }
    let mut flat = vec![false; logits.len()];
    for at in open {
        flat[at] = true;
    }
    GateVector::from_flat(layers, &flat)
}

/// Loss of gates beyond the limit: the mean over samples of max(0, ratio − limit)², on the hard ratio, with the soft
/// gates' derivative (paper eq. 4 and 5 with λ left to the caller).
pub fn gate_loss(logits: &Tensor, limits: &Tensor) -> Tensor {
    let ratio = straight_through(&hard(logits), &soft(logits)).mean_dim([1_i64].as_slice(), false, Kind::Float);
    (ratio - limits).clamp_min(0.0).square().mean(Kind::Float)
}
