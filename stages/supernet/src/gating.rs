//! From gate logits to gates: soft, hard, straight-through, and importance pruning (paper §3.3, §3.4, §5.2).
//!
//! Logits `w` are `[B, N]`, all layers side by side.

use nnf_net::{GateLayer, GateVector, Network};
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

/// What puts the best module of an essential layer before all others: more than logits are apart.
const FIRST: f64 = 1e3;

/// Importance pruning: where more gates are open than a limit allows, those with the largest logits over all layers stay
/// (paper §5.2, on Fig. 11).
///
/// A layer through which alone the output depends on the input ([`Network::essential_layers`]) keeps its best module
/// before all else, even a shut one: a network whose answer is constant is of no use.
#[derive(Debug)]
pub struct Pruning {
    pub(crate) layers: Vec<GateLayer>,
    /// Whether each layer is essential.
    pub(crate) essential: Vec<bool>,
}

impl Pruning {
    /// For the gates of a network.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        Pruning { layers: network.gate_layers(), essential: network.essential_layers() }
    }

    /// Where each essential layer's modules begin, and how many they are.
    fn essentials(&self) -> impl Iterator<Item = (usize, usize)> {
        let begins = self.layers.iter().scan(0, |next, layer| Some(std::mem::replace(next, *next + layer.width)));
        let places = begins.zip(&self.layers).map(|(begin, layer)| (begin, layer.width));
        places.zip(&self.essential).filter(|((_, width), essential)| **essential && *width > 0).map(|(place, _)| place)
    }

    /// Hard gates `[B, N]` for logits `[B, N]`, no sample with more than its limit allows, but for logits that are equal
    /// where the limit cuts. `limits` has one share for each row.
    pub fn batch(&self, logits: &Tensor, limits: &[f64]) -> Tensor {
        let long = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let ranked = logits.detach().copy();
        for (begin, width) in self.essentials() {
            let mut own = ranked.narrow(1, long(begin), long(width));
            let best = own.argmax(1, true);
            let _ = own.scatter_(1, &best, &(own.gather(1, &best, false) + FIRST));
        }
        let modules = usize::try_from(logits.size()[1]).unwrap_or(0);
        let counts: Vec<usize> = limits.iter().map(|limit| allowed(*limit, modules)).collect();
        let most = counts.iter().max().copied().unwrap_or(0).max(1);
        let (largest, _) = ranked.topk(long(most), 1, true, true);
        let last: Vec<i64> = counts.iter().map(|count| long(count.saturating_sub(1))).collect();
        let last = Tensor::from_slice(&last).to_device(logits.device()).unsqueeze(1);
        let least = largest.gather(1, &last, false);
        let any: Vec<f64> = counts.iter().map(|count| f64::from(u8::from(*count > 0))).collect();
        let any = Tensor::from_slice(&any).to_kind(logits.kind()).to_device(logits.device()).unsqueeze(1);
        ranked.ge_tensor(&least).to_kind(logits.kind()) * hard(&ranked) * any
    }

    /// The gates of one row of logits under a limit, exactly: at most K modules, ties by position.
    #[must_use]
    pub fn vector(&self, logits: &[f64], limit: f64) -> GateVector {
        let mut ranked = logits.to_vec();
        for (begin, width) in self.essentials() {
            let own = ranked.get_mut(begin..begin + width).unwrap_or_default();
            // Of equal ones the first.
            if let Some(best) = own.iter_mut().rev().max_by(|a, b| a.total_cmp(b)) {
                *best += FIRST;
            }
        }
        let mut open: Vec<(f64, usize)> = ranked.iter().copied().zip(0..).filter(|(logit, _)| *logit > 0.0).collect();
        let most = allowed(limit, ranked.len());
        if open.len() > most {
            open.select_nth_unstable_by(most, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            open.truncate(most);
        }
        let mut flat = vec![false; ranked.len()];
        for (_, at) in open {
            flat[at] = true;
        }
        GateVector::from_flat(&self.layers, &flat)
    }
}

/// Loss of gates beyond the limit: the mean over samples of max(0, ratio − limit)², on the hard ratio, with the soft
/// gates' derivative (paper eq. 6 with λ left to the caller).
pub fn gate_loss(logits: &Tensor, limits: &Tensor) -> Tensor {
    let ratio = straight_through(&hard(logits), &soft(logits)).mean_dim([1_i64].as_slice(), false, Kind::Float);
    (ratio - limits).clamp_min(0.0).square().mean(Kind::Float)
}
