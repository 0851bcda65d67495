//! Runs a network with tch.
//!
//! One walk over the nodes; a value is dropped after its last reader unless gradients need it. It does not know
//! backbones, losses or optimisers.

use tch::{Device, Kind, Tensor};

use crate::error::NetError;
use crate::gates::GateVector;
use crate::graph::Network;
use crate::op::Op;
use crate::weights::Weights;

/// Number format of activations and of the weights that meet them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// For tests.
    Float64,
    /// The usual one.
    Float32,
    /// Faster where the CPU has AMX, or on CUDA; batch norms and sums of products stay in float32.
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
    /// Whether batch norms use, and update, the statistics of the batch.
    pub training: bool,
}

impl Default for Run<'_> {
    fn default() -> Self {
        Run { gates: Gates::Open, precision: Precision::Float32, training: false }
    }
}

/// Computes the values of `wanted` nodes (the network's outputs if it is empty) for a batch `[B, …]`.
///
/// Images run channels-last, which libtorch's CPU convolutions prefer.
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
    let mut gates = gates.iter();
    let last_use = last_uses(network, wanted);
    let mut values: Vec<Option<Tensor>> = Vec::with_capacity(network.nodes().len());
    for (id, node) in network.nodes().iter().enumerate() {
        let inputs: Vec<&Tensor> = network.inputs_of(id).iter().filter_map(|input| values[*input].as_ref()).collect();
        let parameter = |part: &str| weights.get(&format!("{}.{part}", node.name));
        let value = match &node.op {
            Op::Input { .. } => channels_last(&batch.to_kind(run.precision.kind())),
            Op::Gate => match gates.next() {
                Some(Some(factor)) => gated(inputs[0], factor),
                _ => inputs[0].shallow_clone(),
            },
            op => compute(op, &inputs, &parameter, run, network.shape_of(id))?,
        };
        values.push(Some(value));
        for old in 0..=id {
            if last_use[old] == id {
                values[old] = None;
            }
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

/// Position of the last reader of each value; one past the end for those that are wanted.
fn last_uses(network: &Network, wanted: &[usize]) -> Vec<usize> {
    let count = network.nodes().len();
    let mut last: Vec<usize> = (0..count).collect();
    for id in 0..count {
        for input in network.inputs_of(id) {
            last[*input] = id;
        }
    }
    for id in wanted {
        last[*id] = count;
    }
    last
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

fn gated(value: &Tensor, factor: &Tensor) -> Tensor {
    let factor = factor.to_kind(value.kind());
    if value.dim() == 4 { value * factor.unsqueeze(-1).unsqueeze(-1) } else { value * factor }
}

fn compute<'w>(
    op: &Op,
    inputs: &[&Tensor],
    parameter: &dyn Fn(&str) -> Result<&'w Tensor, NetError>,
    run: &Run,
    shape: &[i64],
) -> Result<Tensor, NetError> {
    let kind = run.precision.kind();
    let cast = |tensor: &Tensor| if tensor.kind() == kind { tensor.shallow_clone() } else { tensor.to_kind(kind) };
    let bias = |has: bool| -> Result<Option<Tensor>, NetError> {
        if has { Ok(Some(cast(parameter("bias")?))) } else { Ok(None) }
    };
    let value = match op {
        Op::Conv2d { stride, padding, groups, bias: has, .. } => inputs[0].conv2d(
            &cast(parameter("weight")?),
            bias(*has)?,
            [*stride, *stride],
            [*padding, *padding],
            [1, 1],
            *groups,
        ),
        Op::Linear { bias: has, .. } => inputs[0].linear(&cast(parameter("weight")?), bias(*has)?),
        Op::BatchNorm { eps, momentum } => inputs[0].batch_norm(
            Some(parameter("weight")?),
            Some(parameter("bias")?),
            Some(parameter("running_mean")?),
            Some(parameter("running_var")?),
            run.training,
            *momentum,
            *eps,
            true,
        ),
        Op::Relu => inputs[0].relu(),
        Op::MaxPool { kernel, stride, padding } => {
            inputs[0].max_pool2d([*kernel, *kernel], [*stride, *stride], [*padding, *padding], [1, 1], false)
        }
        Op::GlobalAveragePool => inputs[0].mean_dim([2_i64, 3].as_slice(), false, kind),
        Op::Add => inputs[1..].iter().fold(inputs[0].shallow_clone(), |sum, other| sum + *other),
        Op::Mixture => {
            let shares = inputs[0].softmax(1, kind).split(1, 1);
            let parts = shares.iter().zip(&inputs[1..]).map(|(share, value)| {
                let mut size = vec![1; value.dim()];
                size[0] = -1;
                *value * share.view(size.as_slice())
            });
            parts.reduce(|sum, part| sum + part).unwrap_or_else(|| inputs[0].shallow_clone())
        }
        Op::Constant { .. } => {
            let value = cast(parameter("value")?);
            match shape {
                [channels, height, width] => {
                    channels_last(&value.view([1, *channels, 1, 1]).expand([1, *channels, *height, *width], false))
                }
                _ => value.view([1, -1]),
            }
        }
        Op::Input { .. } | Op::Gate => inputs[0].shallow_clone(),
    };
    Ok(value)
}

/// Images with their channels last in memory; the shape stays `[B, C, H, W]`.
fn channels_last(batch: &Tensor) -> Tensor {
    if batch.dim() != 4 {
        return batch.shallow_clone();
    }
    batch.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}
