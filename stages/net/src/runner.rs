//! Runs a network with tch.
//!
//! One walk over the nodes; a value is dropped after its last reader unless gradients need it.

use tch::{Device, Kind, Tensor};

use crate::error::NetError;
use crate::gates::GateVector;
use crate::graph::Network;
use crate::op::Op;
use crate::ops::Given;
use crate::weights::Weights;

/// Number format of activations and of the weights that meet them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// For tests.
    Float64,
    /// The usual one.
    Float32,
    /// Faster on CUDA, and on CPUs that multiply it; batch norms and sums of products stay in float32.
    BFloat16,
}

impl Precision {
    /// Type of activations.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Precision::Float64 => Kind::Double,
            Precision::Float32 => Kind::Float,
            Precision::BFloat16 => Kind::BFloat16,
        }
    }

    /// Its name in parameters and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Precision::Float64 => "float64",
            Precision::Float32 => "float32",
            Precision::BFloat16 => "bfloat16",
        }
    }
}

/// The gates of a run.
pub enum Gates<'a> {
    /// Everything is kept.
    Open,
    /// The same gates for every sample.
    Fixed(&'a GateVector),
    /// For each gate layer a tensor `[B, width]` of factors.
    PerSample(&'a [Tensor]),
}

/// How to run.
pub struct Run<'a> {
    /// The gates.
    pub gates: Gates<'a>,
    /// Number format.
    pub precision: Precision,
    /// Whether batch norms use, and update, the statistics of the batch, and attention is computed in the way whose
    /// derivative is quick.
    pub training: bool,
}

impl Default for Run<'_> {
    fn default() -> Self {
        Run { gates: Gates::Open, precision: Precision::Float32, training: false }
    }
}

/// Computes the values of `wanted` nodes (the network's outputs if it is empty) for a batch `[B, …]`.
///
/// Images `[B, C, H, W]` run channels-last, which libtorch's CPU convolutions prefer; tokens are `[B, T, C]`.
///
/// # Errors
/// When the batch, gates or weights do not fit the network.
pub fn forward(
    network: &Network,
    weights: &Weights,
    batch: &Tensor,
    run: &Run,
    wanted: &[usize],
) -> Result<Vec<Tensor>, NetError> {
    let found = batch.size();
    if found.get(1..) != Some(network.input_shape()) {
        let why = format!("it takes [B, {:?}], but the batch is {found:?}", network.input_shape());
        return Err(NetError::node(&network.nodes()[0].name, why));
    }
    let wanted = if wanted.is_empty() { network.outputs() } else { wanted };
    let gates = factors(network, run, batch.device())?;
    let layers = network.layer_of_nodes();
    let ending = network.last_reads(wanted);
    let mut values: Vec<Option<Tensor>> = Vec::with_capacity(network.nodes().len());
    for (id, node) in network.nodes().iter().enumerate() {
        let inputs: Vec<&Tensor> = network.inputs_of(id).iter().filter_map(|input| values[*input].as_ref()).collect();
        let owner = &network.nodes()[network.owner_of(id)].name;
        let parameter = |part: &str| weights.get(&format!("{owner}.{part}"));
        let factor = layers[id].and_then(|layer| gates[layer].as_ref());
        let value = match (factor, &node.op) {
            (Some(factor), _) => gated(inputs[0], factor, network.block_of(id)),
            (None, op) => {
                let inputs = if matches!(op, Op::Input { .. }) { &[batch] } else { inputs.as_slice() };
                op.compute(&Given { inputs, parameter: &parameter, run, shape: network.shape_of(id) })?
            }
        };
        values.push(Some(value));
        for old in &ending[id] {
            values[*old] = None;
        }
    }
    let batch_size = found[0];
    Ok(wanted.iter().filter_map(|id| values[*id].as_ref().map(|value| whole(value, batch_size))).collect())
}

/// A result that depends on no input has a batch of one; it is repeated.
fn whole(value: &Tensor, batch: i64) -> Tensor {
    let mut size = value.size();
    size[0] = batch;
    value.expand(size.as_slice(), false)
}

/// Factors of each gate layer, `[B or 1, width]`; none where everything is kept.
fn factors(network: &Network, run: &Run, device: Device) -> Result<Vec<Option<Tensor>>, NetError> {
    let layers = network.gate_layers();
    match &run.gates {
        Gates::Open => Ok(layers.iter().map(|_| None).collect()),
        Gates::Fixed(vector) => {
            vector.check(network)?;
            let row = |layer: &Vec<bool>| {
                let values: Vec<f64> = layer.iter().map(|kept| f64::from(u8::from(*kept))).collect();
                Some(Tensor::from_slice(&values).to_device(device).view([1, -1]))
            };
            Ok(vector.0.iter().map(row).collect())
        }
        Gates::PerSample(tensors) => {
            let widths: Vec<i64> = tensors.iter().map(|t| t.size().get(1).copied().unwrap_or(0)).collect();
            let expected: Vec<i64> = layers.iter().map(|layer| i64::try_from(layer.width).unwrap_or(0)).collect();
            if widths != expected {
                return Err(NetError::Gates(format!(
                    "factors are given for layers of {widths:?} modules, the network has {expected:?}"
                )));
            }
            Ok(tensors.iter().map(|tensor| Some(tensor.shallow_clone())).collect())
        }
    }
}

/// Multiplies runs of `block` channels by their factors.
fn gated(value: &Tensor, factor: &Tensor, block: i64) -> Tensor {
    let factor = factor.to_kind(value.kind());
    let factor = if block > 1 { factor.repeat_interleave_self_int(block, 1, None) } else { factor };
    match value.dim() {
        4 => value * factor.unsqueeze(-1).unsqueeze(-1),
        3 => value * factor.unsqueeze(1),
        _ => value * factor,
    }
}

/// Images, or kernels, with their channels last in memory; the shape stays `[B, C, H, W]`.
pub(crate) fn channels_last(batch: &Tensor) -> Tensor {
    if batch.dim() != 4 {
        return batch.shallow_clone();
    }
    batch.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}
