//! EfficientNet (Tan and Le, ICML 2019) and its Lite variants, with a gate after the depthwise convolution of every block.
//!
//! The variants are one network of inverted residuals, made wider and deeper by two factors ("compound scaling"); widths
//! are rounded to multiples of 8, depths up. EfficientNet-Lite (Google, tensorflow/tpu, `efficientnet/lite`, 2020) has no
//! squeeze-and-excite, ReLU6 in place of SiLU, and neither stem, head nor the depth of first and last part scaled. All
//! have TensorFlow's "SAME" borders and batch norms with an epsilon of 10⁻³. A gate stands before squeeze-and-excite,
//! which then sees zeros of what is shut.

use nnf_contract::Parameter;
use serde::{Deserialize, Serialize};

use crate::builder::{Border, Builder, Conv, Style, style_parameters};
use crate::catalogue::{Backbone, sizes, whole};
use crate::error::NetError;
use crate::graph::Network;
use crate::op::Op;

/// An EfficientNet. The five lists have an item for each part, a run of blocks of one width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the network.
    pub name: String,
    /// Input `[C, H, W]`.
    pub input: [i64; 3],
    /// Classes of the classifier.
    pub classes: i64,
    /// Blocks of each part.
    pub layout: Vec<usize>,
    /// Channels that the blocks of each part make.
    pub widths: Vec<i64>,
    /// How many times as many channels a block has inside as it reads.
    pub expansions: Vec<i64>,
    /// Step of the first block of each part.
    pub strides: Vec<i64>,
    /// Side of the depthwise kernels of each part.
    pub kernels: Vec<i64>,
    /// Channels of the first convolution.
    pub stem_channels: i64,
    /// Channels of the last 1×1 convolution.
    pub last_channels: i64,
    /// Activation.
    pub activation: Activation,
    /// Whether blocks have squeeze-and-excite (Hu et al., CVPR 2018) with a quarter of the channels that they read.
    pub squeeze_excite: bool,
    /// Whether the depthwise convolution of blocks that expand nothing has a gate, which is the stem's too.
    pub gate_stem: bool,
    /// Whether the last 1×1 convolution has a gate.
    pub gate_last: bool,
    /// Zeros around images.
    pub border: Border,
    /// What batch norms add to the variance.
    pub norm_eps: f64,
    /// Weight of the new batch in the statistics of batch norms.
    pub norm_momentum: f64,
}

/// What follows the norms of stem, expansion, depthwise and last convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x / (1 + e⁻ˣ).
    Silu,
    /// min(max(0, x), 6).
    Relu6,
}

/// Names of the presets.
pub const PRESETS: [&str; 6] = [
    "efficientnet-b0",
    "efficientnet-lite0",
    "efficientnet-lite1",
    "efficientnet-lite2",
    "efficientnet-lite3",
    "efficientnet-lite4",
];

/// What `network.build` offers of it.
pub(crate) const BACKBONE: Backbone = Backbone {
    name: "EfficientNet",
    presets: &PRESETS,
    parameters,
    build: |preset, changes| changes.apply(Config::preset(preset))?.build(),
};

fn parameters() -> Vec<Parameter> {
    let own = [
        sizes("layout", 200, "blocks of each part"),
        sizes("widths", 8192, "width of the blocks of each part").unit("channels"),
        sizes("expansions", 64, "channels inside a block of each part to those that it reads"),
        sizes("strides", 8, "step of the first block of each part").unit("pixels"),
        sizes("kernels", 15, "side of the depthwise kernels of each part").unit("pixels"),
        whole("stem_channels", 8192, "channels of the first convolution").unit("channels"),
        whole("last_channels", 8192, "channels of the last 1×1 convolution").unit("channels"),
        Parameter::choice("activation", &["silu", "relu6"], "what follows norms"),
        Parameter::bool("squeeze_excite", "whether blocks have squeeze-and-excite"),
        Parameter::bool("gate_stem", "whether blocks that expand nothing have a gate, which is the stem's too"),
        Parameter::bool("gate_last", "whether the last 1×1 convolution has a gate"),
    ];
    own.into_iter().chain(style_parameters()).collect()
}

impl Config {
    /// A preset by name, as published.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let (width, depth, side) = match name {
            "efficientnet-b0" | "efficientnet-lite0" => (1.0, 1.0, 224),
            "efficientnet-lite1" => (1.0, 1.1, 240),
            "efficientnet-lite2" => (1.1, 1.2, 260),
            "efficientnet-lite3" => (1.2, 1.4, 280),
            "efficientnet-lite4" => (1.4, 1.8, 300),
            _ => return None,
        };
        let lite = name != "efficientnet-b0";
        let mut config = Config {
            name: name.into(),
            input: [3, side, side],
            classes: 1000,
            layout: vec![1, 2, 2, 3, 3, 4, 1],
            widths: [16, 24, 40, 80, 112, 192, 320].map(|channels| rounded(channels, width)).into(),
            expansions: vec![1, 6, 6, 6, 6, 6, 6],
            strides: vec![1, 2, 2, 2, 1, 2, 1],
            kernels: vec![3, 3, 5, 3, 5, 5, 3],
            stem_channels: 32,
            last_channels: 1280,
            activation: if lite { Activation::Relu6 } else { Activation::Silu },
            squeeze_excite: !lite,
            gate_stem: true,
            gate_last: true,
            border: Border::Same,
            norm_eps: 1e-3,
            norm_momentum: 0.01,
        };
        for blocks in &mut config.layout[1..6] {
            *blocks = (*blocks as f64 * depth).ceil() as usize;
        }
        Some(config)
    }

    /// Builds the network. Its nodes are named as in the PyTorch conversion of Google's checkpoints (`_conv_stem`,
    /// `_blocks.0._depthwise_conv`, `_fc`), gates `_blocks.0._gate`.
    ///
    /// # Errors
    /// When the lists differ in length, or sizes do not fit.
    pub fn build(&self) -> Result<Network, NetError> {
        let lists = [self.widths.len(), self.expansions.len(), self.strides.len(), self.kernels.len()];
        if self.layout.is_empty() || lists.iter().any(|length| *length != self.layout.len()) {
            return Err(NetError::Config(format!(
                "`layout` has {} items, `widths`, `expansions`, `strides` and `kernels` {lists:?}: they must be as many, \
                 and at least one",
                self.layout.len()
            )));
        }
        let style = Style { border: self.border, eps: self.norm_eps, momentum: self.norm_momentum };
        let (mut builder, input) = Builder::new(&self.input, style);
        let stem = Conv { out: self.stem_channels, kernel: 3, stride: 2, groups: 1 };
        let mut at = builder.conv_norm("_conv_stem", "_bn0", stem, &input);
        at = builder.add("_act0", self.act(), &[&at]);
        let (mut number, mut channels) = (0, self.stem_channels);
        for (part, blocks) in self.layout.iter().enumerate() {
            for block in 0..*blocks {
                let stride = if block == 0 { self.strides[part] } else { 1 };
                at = self.block(&mut builder, &format!("_blocks.{number}"), (part, channels, stride), &at);
                (number, channels) = (number + 1, self.widths[part]);
            }
        }
        let last = Conv { out: self.last_channels, kernel: 1, stride: 1, groups: 1 };
        at = builder.conv_norm("_conv_head", "_bn1", last, &at);
        at = builder.add("_act1", self.act(), &[&at]);
        if self.gate_last {
            at = builder.add("_gate", Op::GATE, &[&at]);
        }
        at = builder.add("_avg_pooling", Op::GlobalAveragePool, &[&at]);
        let output = builder.add("_fc", Op::Linear { out: self.classes, bias: true }, &[&at]);
        builder.finish(&self.name, output)
    }

    fn act(&self) -> Op {
        match self.activation {
            Activation::Silu => Op::Silu,
            Activation::Relu6 => Op::Relu6,
        }
    }

    /// 1×1 to more channels, depthwise with the step, squeeze-and-excite, 1×1 to fewer; with a shortcut where shapes
    /// agree. It reads `channels`.
    fn block(&self, builder: &mut Builder, name: &str, sizes: (usize, i64, i64), input: &str) -> String {
        let (part, channels, stride) = sizes;
        let (expansion, out, kernel) = (self.expansions[part], self.widths[part], self.kernels[part]);
        let of = |part: &str| format!("{name}.{part}");
        let (expanded, mut at) = (channels * expansion, input.to_owned());
        if expansion != 1 {
            let expand = Conv { out: expanded, kernel: 1, stride: 1, groups: 1 };
            at = builder.conv_norm(&of("_expand_conv"), &of("_bn0"), expand, &at);
            at = builder.add(of("_act0"), self.act(), &[&at]);
        }
        let depthwise = Conv { out: expanded, kernel, stride, groups: expanded };
        at = builder.conv_norm(&of("_depthwise_conv"), &of("_bn1"), depthwise, &at);
        at = builder.add(of("_act1"), self.act(), &[&at]);
        // Without expansion, channels are those that the block reads: they can be shut unless others read them too.
        let shortcut = stride == 1 && channels == out;
        if expansion != 1 || (self.gate_stem && !shortcut) {
            at = builder.add(of("_gate"), Op::GATE, &[&at]);
        }
        if self.squeeze_excite {
            at = self.excite(builder, name, (channels / 4).max(1), expanded, &at);
        }
        let project = Conv { out, kernel: 1, stride: 1, groups: 1 };
        at = builder.conv_norm(&of("_project_conv"), &of("_bn2"), project, &at);
        if shortcut { builder.add(of("_add"), Op::Add, &[&at, input]) } else { at }
    }

    /// Each channel times a factor that a small network makes of the means of all.
    fn excite(&self, builder: &mut Builder, name: &str, squeezed: i64, channels: i64, input: &str) -> String {
        let of = |part: &str| format!("{name}.{part}");
        let mut at = builder.add(of("_se_pool"), Op::GlobalAveragePool, &[input]);
        at = builder.add(of("_se_reduce"), Op::Linear { out: squeezed, bias: true }, &[&at]);
        at = builder.add(of("_se_act"), self.act(), &[&at]);
        at = builder.add(of("_se_expand"), Op::Linear { out: channels, bias: true }, &[&at]);
        at = builder.add(of("_se_sigmoid"), Op::Sigmoid, &[&at]);
        builder.add(of("_se"), Op::Multiply, &[input, &at])
    }
}

/// `channels` times a factor, as the next multiple of 8, but not less than nine tenths of it.
fn rounded(channels: i64, factor: f64) -> i64 {
    let exact = channels as f64 * factor;
    let next = (((exact + 4.0) / 8.0).floor() as i64 * 8).max(8);
    if (next as f64) < 0.9 * exact { next + 8 } else { next }
}
