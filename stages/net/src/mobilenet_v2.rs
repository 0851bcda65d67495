//! MobileNetV2 (Sandler et al., CVPR 2018) with one gate a block, after the activation of the depthwise convolution.
//!
//! Expansion and depthwise convolution of an inverted residual have the same channels, which go together; the projection,
//! the stem, the last 1×1 convolution and the classifier have no gate (paper §3.2). Nor has the first block: it expands
//! nothing, so its depthwise channels are those of the stem. `gate_stem` and `gate_last` change that.

use nnf_contract::Parameter;
use serde::{Deserialize, Serialize};

use crate::builder::{Border, Builder, Conv, Style, style_parameters};
use crate::catalogue::{Backbone, sizes, whole};
use crate::error::NetError;
use crate::graph::Network;
use crate::op::Op;

/// A MobileNetV2. The four lists have an item for each part, a run of blocks of one width.
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
    /// Channels of the first convolution.
    pub stem_channels: i64,
    /// Step of the first convolution.
    pub stem_stride: i64,
    /// Channels of the last 1×1 convolution.
    pub last_channels: i64,
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

/// Names of the presets.
pub const PRESETS: [&str; 2] = ["mobilenet-v2", "mobilenet-numvqa"];

/// What `network.build` offers of it.
pub(crate) const BACKBONE: Backbone = Backbone {
    name: "MobileNetV2",
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
        whole("stem_channels", 8192, "channels of the first convolution").unit("channels"),
        whole("stem_stride", 8, "step of the first convolution").unit("pixels"),
        whole("last_channels", 8192, "channels of the last 1×1 convolution").unit("channels"),
        Parameter::bool("gate_stem", "whether blocks that expand nothing have a gate, which is the stem's too"),
        Parameter::bool("gate_last", "whether the last 1×1 convolution has a gate"),
    ];
    own.into_iter().chain(style_parameters()).collect()
}

impl Config {
    /// A preset by name: `mobilenet-v2` as published for 224×224 images; `mobilenet-numvqa` has the same widths for one
    /// channel of 56×56, with fewer blocks and steps: its last map is 4×4.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let published = Config {
            name: name.into(),
            input: [3, 224, 224],
            classes: 1000,
            layout: vec![1, 2, 3, 4, 3, 3, 1],
            widths: vec![16, 24, 32, 64, 96, 160, 320],
            expansions: vec![1, 6, 6, 6, 6, 6, 6],
            strides: vec![1, 2, 2, 2, 1, 2, 1],
            stem_channels: 32,
            stem_stride: 2,
            last_channels: 1280,
            gate_stem: false,
            gate_last: false,
            border: Border::Even,
            norm_eps: 1e-5,
            norm_momentum: 0.1,
        };
        match name {
            "mobilenet-v2" => Some(published),
            "mobilenet-numvqa" => Some(Config {
                input: [1, 56, 56],
                classes: 2,
                layout: vec![1, 1, 2, 2, 2, 2, 1],
                strides: vec![1, 2, 2, 2, 1, 1, 1],
                ..published
            }),
            _ => None,
        }
    }

    /// Builds the network. Its nodes are named as in torchvision (`features.2.conv.1.0`), gates `features.2.gate`.
    ///
    /// # Errors
    /// When the lists differ in length, or sizes do not fit.
    pub fn build(&self) -> Result<Network, NetError> {
        let lengths = [self.layout.len(), self.widths.len(), self.expansions.len(), self.strides.len()];
        if lengths[0] == 0 || lengths.iter().any(|length| *length != lengths[0]) {
            return Err(NetError::Config(format!(
                "`layout`, `widths`, `expansions` and `strides` have {lengths:?} items: they must be as many, and at \
                 least one"
            )));
        }
        let style = Style { border: self.border, eps: self.norm_eps, momentum: self.norm_momentum };
        let (mut builder, input) = Builder::new(&self.input, style);
        let stem = Conv { out: self.stem_channels, kernel: 3, stride: self.stem_stride, groups: 1 };
        let mut at = conv_relu6(&mut builder, "features.0", stem, &input);
        let (mut number, mut channels) = (1, self.stem_channels);
        for (part, blocks) in self.layout.iter().enumerate() {
            for block in 0..*blocks {
                let stride = if block == 0 { self.strides[part] } else { 1 };
                let (expansion, out) = (self.expansions[part], self.widths[part]);
                let shortcut = stride == 1 && channels == out;
                let gate = expansion != 1 || (self.gate_stem && !shortcut);
                let sizes = Block { channels, expansion, out, stride, gate, shortcut };
                at = inverted_residual(&mut builder, &format!("features.{number}"), sizes, &at);
                (number, channels) = (number + 1, self.widths[part]);
            }
        }
        let last = Conv { out: self.last_channels, kernel: 1, stride: 1, groups: 1 };
        at = conv_relu6(&mut builder, &format!("features.{number}"), last, &at);
        if self.gate_last {
            at = builder.add(format!("features.{number}.gate"), Op::GATE, &[&at]);
        }
        at = builder.add("avgpool", Op::GlobalAveragePool, &[&at]);
        let output = builder.add("classifier.1", Op::Linear { out: self.classes, bias: true }, &[&at]);
        builder.finish(&self.name, output)
    }
}

/// Convolution, batch norm and ReLU6: `name.0`, `name.1`, `name.2`.
fn conv_relu6(builder: &mut Builder, name: &str, sizes: Conv, input: &str) -> String {
    let at = builder.conv_norm(&format!("{name}.0"), &format!("{name}.1"), sizes, input);
    builder.add(format!("{name}.2"), Op::Relu6, &[&at])
}

/// Sizes of a block.
struct Block {
    channels: i64,
    expansion: i64,
    out: i64,
    stride: i64,
    gate: bool,
    shortcut: bool,
}

/// 1×1 to more channels, 3×3 depthwise with the step, 1×1 to fewer; with a shortcut where shapes agree.
fn inverted_residual(builder: &mut Builder, name: &str, block: Block, input: &str) -> String {
    let Block { channels, expansion, out, stride, gate, shortcut } = block;
    let (expanded, mut at, mut number) = (channels * expansion, input.to_owned(), 0);
    if expansion != 1 {
        let expand = Conv { out: expanded, kernel: 1, stride: 1, groups: 1 };
        at = conv_relu6(builder, &format!("{name}.conv.{number}"), expand, &at);
        number += 1;
    }
    let depthwise = Conv { out: expanded, kernel: 3, stride, groups: expanded };
    at = conv_relu6(builder, &format!("{name}.conv.{number}"), depthwise, &at);
    if gate {
        at = builder.add(format!("{name}.gate"), Op::GATE, &[&at]);
    }
    let project = Conv { out, kernel: 1, stride: 1, groups: 1 };
    let (conv, norm) = (format!("{name}.conv.{}", number + 1), format!("{name}.conv.{}", number + 2));
    at = builder.conv_norm(&conv, &norm, project, &at);
    if shortcut { builder.add(format!("{name}.add"), Op::Add, &[&at, input]) } else { at }
}
