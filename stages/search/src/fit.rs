//! Makes a subnet fit by what its modules cost on the device.
//!
//! Importance pruning (paper §5.2) removes modules whatever they cost: one channel less may save nothing, or even take
//! longer. Here the importance that is lost is weighed against what is saved.

use nnf_device::BLOCK;
use nnf_net::GateVector;
use rayon::prelude::*;

/// Modules fewer that are tried for a layer, beside whole blocks and none.
const FEW: usize = 8;

/// The open modules of a layer.
struct Layer {
    width: usize,
    /// Most important first.
    open: Vec<usize>,
    /// Importance of the first so many. The square root makes the last modules of a layer dearer than some of a full one.
    importance: Vec<f64>,
    /// How many are kept, and at least.
    kept: usize,
    least: usize,
}

/// A layer with fewer modules.
#[derive(Clone, Copy, Debug)]
struct Move {
    kept: usize,
    /// Share of the budget that is used then.
    used: f64,
    /// Importance lost for each unit saved, as far as the saving is of use.
    price: f64,
}

/// Gates with fewer modules of which `excess`, the share of a budget that is used, is 1 at most; `None` if no removal
/// leads there. `logits` are of all modules, side by side; an essential layer keeps a module.
///
/// The cheapest removal goes, again and again. What one costs depends on other layers a little, so it is asked anew only
/// for the layer that is the cheapest as far as known (lazy greedy, Minoux 1978).
///
/// # Errors
/// When `excess` fails.
pub(crate) fn fit<E: Send>(
    gates: &GateVector,
    logits: &[f64],
    essential: &[bool],
    excess: &(impl Fn(&GateVector) -> Result<f64, E> + Sync),
) -> Result<Option<GateVector>, E> {
    let mut layers = layers(gates, logits, essential);
    let mut used = excess(gates)?;
    let mut known: Vec<Option<Move>> = vec![None; layers.len()];
    // Whether all that is known is of the present gates.
    let mut fresh = false;
    while used > 1.0 {
        let price = |at: usize| known[at].map_or(f64::INFINITY, |one| one.price);
        let least = (0..layers.len()).filter(|at| known[*at].is_some()).min_by(|a, b| price(*a).total_cmp(&price(*b)));
        let Some(at) = least else {
            if fresh {
                return Ok(None);
            }
            let all = (0..layers.len()).into_par_iter().map(|at| cheapest(&layers, at, used, excess));
            known = all.collect::<Result<_, E>>()?;
            fresh = true;
            continue;
        };
        let others = (0..layers.len()).filter(|other| *other != at).map(price).fold(f64::INFINITY, f64::min);
        known[at] = cheapest(&layers, at, used, excess)?;
        if let Some(one) = known[at].filter(|one| one.price <= others) {
            layers[at].kept = one.kept;
            used = one.used;
            fresh = false;
        }
    }
    Ok(Some(kept(&layers, None)))
}

fn layers(gates: &GateVector, logits: &[f64], essential: &[bool]) -> Vec<Layer> {
    let mut rest = logits;
    let one = |(layer, essential): (&Vec<bool>, &bool)| {
        let (own, after) = rest.split_at(layer.len().min(rest.len()));
        rest = after;
        let logit = |module: &usize| own.get(*module).copied().unwrap_or(0.0);
        let mut open: Vec<usize> = (0..layer.len()).filter(|module| layer[*module]).collect();
        open.sort_by(|a, b| logit(b).total_cmp(&logit(a)).then(a.cmp(b)));
        let sums = open.iter().scan(0.0, |sum, module| {
            *sum += logit(module).max(0.0);
            Some(*sum)
        });
        let importance = std::iter::once(0.0).chain(sums).map(f64::sqrt).collect();
        Layer { width: layer.len(), kept: open.len(), least: usize::from(*essential), open, importance }
    };
    gates.0.iter().zip(essential).map(one).collect()
}

/// The gates, with another number of modules in one layer.
fn kept(layers: &[Layer], other: Option<(usize, usize)>) -> GateVector {
    let one = |(number, layer): (usize, &Layer)| {
        let kept = other.filter(|(at, _)| *at == number).map_or(layer.kept, |(_, kept)| kept);
        let mut gates = vec![false; layer.width];
        layer.open[..kept].iter().for_each(|module| gates[*module] = true);
        gates
    };
    GateVector(layers.iter().enumerate().map(one).collect())
}

/// The cheapest removal of a layer's modules that saves something.
fn cheapest<E: Send>(
    layers: &[Layer],
    at: usize,
    used: f64,
    excess: &(impl Fn(&GateVector) -> Result<f64, E> + Sync),
) -> Result<Option<Move>, E> {
    let layer = &layers[at];
    let mut counts: Vec<usize> = (1..=FEW).filter_map(|less| layer.kept.checked_sub(less)).collect();
    counts.extend([layer.kept.saturating_sub(1) / BLOCK * BLOCK, layer.least]);
    counts.retain(|kept| (layer.least..layer.kept).contains(kept));
    counts.sort_unstable();
    counts.dedup();
    let moves = counts.par_iter().map(|count| {
        let less = excess(&kept(layers, Some((at, *count))))?;
        let lost = layer.importance[layer.kept] - layer.importance[*count];
        Ok(Move { kept: *count, used: less, price: lost / (used - less).min(used - 1.0) })
    });
    let moves = moves.collect::<Result<Vec<Move>, E>>()?;
    Ok(moves.into_iter().filter(|one| used - one.used > 1e-9).min_by(|a, b| a.price.total_cmp(&b.price)))
}
