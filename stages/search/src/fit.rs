//! Makes a subnet fit by what its modules cost on the device.
//!
//! Importance pruning (paper §5.2) removes modules whatever they cost: one channel less may save nothing, or even take
//! longer. Here the importance that is lost is weighed against what is saved. It does not know what costs are.

use nnf_net::GateVector;
use rayon::prelude::*;

/// Channels of one block in CPU convolutions: a whole number of them may be cheaper than fewer channels.
const BLOCK: usize = 16;
/// Modules fewer that are tried for a layer, beside whole blocks and none.
const FEW: usize = 8;
/// How far a round goes before costs are asked anew, as a share of the way that is left.
const PART: f64 = 0.125;

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
#[derive(Clone, Copy)]
struct Move {
    layer: usize,
    kept: usize,
    saved: f64,
    /// Importance lost for each unit saved, as far as the saving is of use.
    price: f64,
}

/// Gates with fewer modules of which `excess`, the share of a budget that is used, is 1 at most; `None` if no removal
/// leads there. `logits` are of all modules, side by side; an essential layer keeps a module.
///
/// In each round the cheapest removals go, one for each layer at most, until an eighth of the way is gone; then costs are
/// asked anew.
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
    let mut over = excess(gates)? - 1.0;
    while over > 0.0 {
        let mut moves = cheapest(&layers, over, excess)?;
        moves.sort_by(|a, b| a.price.total_cmp(&b.price));
        if moves.is_empty() {
            return Ok(None);
        }
        let mut saved = 0.0;
        for one in moves {
            if saved >= over * PART {
                break;
            }
            layers[one.layer].kept = one.kept;
            saved += one.saved;
        }
        over = excess(&kept(&layers, None))? - 1.0;
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

/// The cheapest removal of each layer that saves something.
fn cheapest<E: Send>(
    layers: &[Layer],
    over: f64,
    excess: &(impl Fn(&GateVector) -> Result<f64, E> + Sync),
) -> Result<Vec<Move>, E> {
    let fewer = |(number, layer): (usize, &Layer)| {
        let mut counts: Vec<usize> = (1..=FEW).filter_map(|less| layer.kept.checked_sub(less)).collect();
        counts.extend([layer.kept.saturating_sub(1) / BLOCK * BLOCK, layer.least]);
        counts.retain(|kept| (layer.least..layer.kept).contains(kept));
        counts.sort_unstable();
        counts.dedup();
        counts.into_iter().map(move |kept| (number, kept)).collect::<Vec<_>>()
    };
    let tried: Vec<(usize, usize)> = layers.iter().enumerate().flat_map(fewer).collect();
    let moves = tried.par_iter().map(|(number, count)| {
        let saved = over + 1.0 - excess(&kept(layers, Some((*number, *count))))?;
        let layer = &layers[*number];
        let lost = layer.importance[layer.kept] - layer.importance[*count];
        Ok(Move { layer: *number, kept: *count, saved, price: lost / saved.min(over) })
    });
    let mut moves: Vec<Move> = moves.collect::<Result<_, E>>()?;
    moves.retain(|one| one.saved > 1e-9);
    moves.sort_by(|a, b| a.layer.cmp(&b.layer).then(a.price.total_cmp(&b.price)));
    moves.dedup_by_key(|one| one.layer);
    Ok(moves)
}
