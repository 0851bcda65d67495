//! What a node does.
//!
//! Shapes here leave out the batch: an image is `[C, H, W]`, a vector `[C]`. It does not know tensors.

use serde::{Deserialize, Serialize};

/// What a node computes from its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// The network's input.
    Input {
        /// Its shape.
        shape: Vec<i64>,
    },
    /// Convolution: `weight` `[out, in / groups, kernel, kernel]`, `bias` `[out]`.
    Conv2d {
        /// Output channels.
        out: i64,
        /// Side of the kernel.
        kernel: i64,
        /// Step.
        stride: i64,
        /// Zeros added on each side.
        padding: i64,
        /// 1, or the number of channels (depthwise).
        groups: i64,
        /// Whether there is a bias.
        bias: bool,
    },
    /// Batch normalisation: `weight`, `bias`, `running_mean`, `running_var`, all `[C]`.
    BatchNorm {
        /// Added to the variance.
        eps: f64,
        /// Weight of the new batch in the running statistics.
        momentum: f64,
    },
    /// max(0, x).
    Relu,
    /// Greatest value of each window.
    MaxPool {
        /// Side of the window.
        kernel: i64,
        /// Step.
        stride: i64,
        /// Border that never wins.
        padding: i64,
    },
    /// Mean over height and width: `[C, H, W]` → `[C]`.
    GlobalAveragePool,
    /// Fully connected: `weight` `[out, in]`, `bias` `[out]`; `[in]` → `[out]`.
    Linear {
        /// Output features.
        out: i64,
        /// Whether there is a bias.
        bias: bool,
    },
    /// Sum of inputs of one shape.
    Add,
    /// Mixture of experts: reads E scores `[E]`, then E values of one shape; their sum weighted by the scores' softmax.
    Mixture,
    /// Multiplies each channel by its gate. Its node's name is the name of the gate layer.
    Gate,
    /// The same values for every input, `value` `[C]` on every pixel: what is left of a layer that kept no module.
    Constant {
        /// Its shape.
        shape: Vec<i64>,
    },
}

impl Op {
    /// Whether output channel `c` is made of input channel `c` alone, so that both are one channel to a pruner.
    #[must_use]
    pub fn is_channelwise(&self, in_channels: i64) -> bool {
        match self {
            Op::BatchNorm { .. } | Op::Relu | Op::MaxPool { .. } | Op::GlobalAveragePool | Op::Add | Op::Gate => true,
            Op::Conv2d { out, groups, .. } => *groups > 1 && *groups == in_channels && out == groups,
            Op::Input { .. } | Op::Linear { .. } | Op::Mixture | Op::Constant { .. } => false,
        }
    }

    /// Number of inputs, if it is fixed.
    pub(crate) fn arity(&self) -> Option<usize> {
        match self {
            Op::Input { .. } | Op::Constant { .. } => Some(0),
            Op::Add | Op::Mixture => None,
            _ => Some(1),
        }
    }
}
