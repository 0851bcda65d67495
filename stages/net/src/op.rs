//! What a node does.
//!
//! Shapes here leave out the batch: an image is `[C, H, W]`, a sequence of tokens `[T, C]`, a vector `[C]`. What an op
//! means stands in `ops/`, a file for each family.

use serde::{Deserialize, Serialize};

use crate::ops::Reads;
use crate::padding::Padding;

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
        /// Border of zeros.
        padding: Padding,
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
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// x / (1 + e⁻ˣ), also called swish (Ramachandran et al. 2017).
    Silu,
    /// Greatest value of each window.
    MaxPool {
        /// Side of the window.
        kernel: i64,
        /// Step.
        stride: i64,
        /// Border that never wins.
        padding: Padding,
    },
    /// Mean over all places: `[C, H, W]` or `[T, C]` → `[C]`.
    GlobalAveragePool,
    /// An image at another size, by nearest neighbours: pixel y of the new height is pixel ⌊y · H / height⌋, and so with
    /// the width: `[C, H, W]` → `[C, height, width]`.
    Resize {
        /// New height.
        height: i64,
        /// New width.
        width: i64,
    },
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
    /// Product of two values of one shape, or of a value with a factor for each of its channels, `[C]`: with a pool, two
    /// fully connected layers and a sigmoid it is squeeze-and-excite (Hu et al., CVPR 2018).
    Multiply,
    /// Weighted mean of inputs of one shape, BiFPN's fast normalised fusion (Tan et al., CVPR 2020, §3.3): Σ wᵢ xᵢ / (eps
    /// + Σ wⱼ) with w = max(0, `weight`), `weight` `[inputs]`.
    WeightedFusion {
        /// Added to the sum of weights.
        eps: f64,
    },
    /// Mixture of experts: reads E scores `[E]`, then E values of one shape; their sum weighted by the scores' softmax.
    Mixture,
    /// Multiplies each channel by its gate. Its node's name is the name of the gate layer, unless the node shares that of
    /// another.
    Gate {
        /// Channels in a row that one gate holds for, such as those of a head.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        block: i64,
    },
    /// The same values for every input, `value` `[C]` at every place: what is left of a layer that kept no module.
    Constant {
        /// Its shape.
        shape: Vec<i64>,
    },
}

fn one() -> i64 {
    1
}

fn is_one(block: &i64) -> bool {
    *block == 1
}

impl Op {
    /// A gate for each channel.
    pub const GATE: Op = Op::Gate { block: 1 };

    /// Whether it is a gate.
    #[must_use]
    pub fn is_gate(&self) -> bool {
        matches!(self, Op::Gate { .. })
    }

    /// Whether output channel `c` is input channel `c` to a pruner, so that both go together. Of these only
    /// [`Op::LayerNorm`] and [`Op::Attention`] look at other channels too.
    #[must_use]
    pub fn is_channelwise(&self, in_channels: i64) -> bool {
        self.semantics().reads(in_channels) == Reads::Tied
    }

    /// Whether it is a convolution of each channel alone.
    #[must_use]
    pub fn is_depthwise(&self, in_channels: i64) -> bool {
        matches!(self, Op::Conv2d { .. }) && self.is_channelwise(in_channels)
    }
}
