//! What a node does.
//!
//! Shapes here leave out the batch: an image is `[C, H, W]`, a sequence of tokens `[T, C]`, a vector `[C]`.

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
    /// Layer normalisation over the channels of each token, or of a vector: `weight`, `bias`, both `[C]`.
    LayerNorm {
        /// Added to the variance.
        eps: f64,
    },
    /// max(0, x).
    Relu,
    /// min(max(0, x), 6).
    Relu6,
    /// x · Φ(x), exactly (Hendrycks and Gimpel 2016).
    Gelu,
    /// Greatest value of each window.
    MaxPool {
        /// Side of the window.
        kernel: i64,
        /// Step.
        stride: i64,
        /// Border that never wins.
        padding: i64,
    },
    /// Mean over all places: `[C, H, W]` or `[T, C]` → `[C]`.
    GlobalAveragePool,
    /// The pixels of an image as tokens, row by row: `[C, H, W]` → `[H · W, C]`.
    Tokens,
    /// Puts a learnt token, `token` `[C]`, before the others: `[T, C]` → `[T + 1, C]`.
    ClassToken,
    /// Adds a learnt vector of its own to each token: `embedding` `[T, C]`.
    PositionEmbedding,
    /// One of the tokens: `[T, C]` → `[C]`.
    SelectToken {
        /// Its position.
        index: i64,
    },
    /// Multi-head attention of queries, keys and values, its three inputs, all `[T, C]` → `[T, C]`: for each head
    /// softmax(q kᵀ / √d) v with d = C / heads (Vaswani et al., NeurIPS 2017). Projections are nodes of their own, so
    /// that a head is a run of d channels everywhere.
    Attention {
        /// Number of heads.
        heads: i64,
    },
    /// Fully connected, for each token alone: `weight` `[out, in]`, `bias` `[out]`; `[in]` → `[out]`, `[T, in]` →
    /// `[T, out]`.
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
    /// The same values for every input, `value` `[C]` at every place: what is left of a layer that kept no module.
    Constant {
        /// Its shape.
        shape: Vec<i64>,
    },
}

impl Op {
    /// Whether output channel `c` is input channel `c` to a pruner, so that both go together. Of these only
    /// [`Op::LayerNorm`] and [`Op::Attention`] look at other channels too.
    #[must_use]
    pub fn is_channelwise(&self, in_channels: i64) -> bool {
        match self {
            Op::Conv2d { .. } => self.is_depthwise(in_channels),
            Op::Input { .. } | Op::Linear { .. } | Op::Mixture | Op::Constant { .. } => false,
            Op::BatchNorm { .. }
            | Op::LayerNorm { .. }
            | Op::Relu
            | Op::Relu6
            | Op::Gelu
            | Op::MaxPool { .. }
            | Op::GlobalAveragePool
            | Op::Tokens
            | Op::ClassToken
            | Op::PositionEmbedding
            | Op::SelectToken { .. }
            | Op::Attention { .. }
            | Op::Add
            | Op::Gate => true,
        }
    }

    /// Whether it is a convolution of each channel alone.
    #[must_use]
    pub fn is_depthwise(&self, in_channels: i64) -> bool {
        matches!(self, Op::Conv2d { out, groups, .. } if *groups > 1 && *groups == in_channels && out == groups)
    }

    /// Whether the other channels change what it makes of one: taking channels away then changes what is left.
    pub(crate) fn sees_other_channels(&self) -> bool {
        matches!(self, Op::LayerNorm { .. } | Op::Attention { .. })
    }

    /// Whether it makes zeros of zeros: a shut channel stays shut behind it.
    pub(crate) fn keeps_zero(&self) -> bool {
        match self {
            Op::Conv2d { bias, .. } | Op::Linear { bias, .. } => !bias,
            Op::Input { .. }
            | Op::Constant { .. }
            | Op::BatchNorm { .. }
            | Op::LayerNorm { .. }
            | Op::ClassToken
            | Op::PositionEmbedding => false,
            _ => true,
        }
    }

    /// Whether it makes the same of all places where its inputs are the same at all places. Zero padding makes the
    /// border differ.
    pub(crate) fn keeps_uniform(&self) -> bool {
        match self {
            Op::Conv2d { padding, .. } => *padding == 0,
            Op::Input { .. } | Op::ClassToken | Op::PositionEmbedding => false,
            _ => true,
        }
    }

    /// Number of inputs, if it is fixed.
    pub(crate) fn arity(&self) -> Option<usize> {
        match self {
            Op::Input { .. } | Op::Constant { .. } => Some(0),
            Op::Attention { .. } => Some(3),
            Op::Add | Op::Mixture => None,
            _ => Some(1),
        }
    }
}
