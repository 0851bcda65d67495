//! Residual networks (He et al., CVPR 2016) with a gate after the activation of every convolution of a block but its last.
//!
//! The last convolution of a block, stem, shortcuts and classifier have no gates, so that residual shapes agree
//! (paper §3.2), unless `gate_streams` is set: then the blocks of a part obey one more layer, whose gates stand behind each
//! of their sums, and the stem another, or that of the first part where a shortcut ties the two.

use nnf_contract::Parameter;
use serde::{Deserialize, Serialize};

use crate::builder::{Border, Builder, Conv, Style, style_parameters};
use crate::catalogue::{Backbone, sizes, whole};
use crate::error::NetError;
use crate::graph::Network;
use crate::op::Op;

/// The kind of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3 with the stride, 1×1 to four times the width.
    Bottleneck,
}

/// A residual network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the network.
    pub name: String,
    /// Input `[C, H, W]`.
    pub input: [i64; 3],
    /// Classes of the classifier.
    pub classes: i64,
    /// Kind of block.
    pub block: Block,
    /// Blocks of each part; the first block of every part but the first halves height and width.
    pub layout: Vec<usize>,
    /// Width of the blocks of each part.
    pub widths: Vec<i64>,
    /// Channels of the first convolution.
    pub stem_channels: i64,
    /// Side of its kernel.
    pub stem_kernel: i64,
    /// Its step.
    pub stem_stride: i64,
    /// Whether a 3×3 max-pool with step 2 follows it.
    pub stem_pool: bool,
    /// Whether the residual streams have gates: one layer a part, and one for the stem.
    pub gate_streams: bool,
    /// Zeros around images.
    pub border: Border,
    /// What batch norms add to the variance.
    pub norm_eps: f64,
    /// Weight of the new batch in the statistics of batch norms.
    pub norm_momentum: f64,
}

/// Names of the presets.
pub const PRESETS: [&str; 4] = ["resnet18", "resnet50", "resnet-numvqa", "resnet-tiny"];

/// What `network.build` offers of it.
pub(crate) const BACKBONE: Backbone = Backbone {
    name: "ResNet",
    presets: &PRESETS,
    parameters,
    build: |preset, changes| changes.apply(Config::preset(preset))?.build(),
};

fn parameters() -> Vec<Parameter> {
    let own = [
        Parameter::choice("block", &["basic", "bottleneck"], "kind of residual block"),
        sizes("layout", 200, "blocks of each part"),
        sizes("widths", 8192, "width of the blocks of each part").unit("channels"),
        whole("stem_channels", 8192, "channels of the first convolution").unit("channels"),
        whole("stem_kernel", 15, "side of the first convolution's kernel").unit("pixels"),
        whole("stem_stride", 8, "step of the first convolution").unit("pixels"),
        Parameter::bool("stem_pool", "whether a max-pool follows the first convolution"),
        Parameter::bool("gate_streams", "whether the residual streams have gates: one layer a part, and the stem's"),
    ];
    own.into_iter().chain(style_parameters()).collect()
}

impl Config {
    /// A preset by name: `resnet18` and `resnet50` as published for 224×224 images; `resnet-numvqa` is ResNet-18's layout
    /// for one channel of 56×56; `resnet-tiny` trains in a minute.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let eighteen = Config {
            name: name.into(),
            input: [3, 224, 224],
            classes: 1000,
            block: Block::Basic,
            layout: vec![2, 2, 2, 2],
            widths: vec![64, 128, 256, 512],
            stem_channels: 64,
            stem_kernel: 7,
            stem_stride: 2,
            stem_pool: true,
            gate_streams: false,
            border: Border::Even,
            norm_eps: 1e-5,
            norm_momentum: 0.1,
        };
        match name {
            "resnet18" => Some(eighteen),
            "resnet50" => Some(Config { block: Block::Bottleneck, layout: vec![3, 4, 6, 3], ..eighteen }),
            "resnet-numvqa" => Some(Config { input: [1, 56, 56], classes: 2, ..eighteen }),
            "resnet-tiny" => Some(Config {
                input: [1, 56, 56],
                classes: 2,
                layout: vec![1, 1, 1],
                widths: vec![32, 64, 128],
                stem_channels: 24,
                stem_kernel: 5,
                ..eighteen
            }),
            _ => None,
        }
    }

    /// Builds the network. Its nodes are named as in torchvision (`layer1.0.conv1`), gates `layer1.0.gate1`.
    ///
    /// # Errors
    /// When layout and widths differ in length, or sizes do not fit.
    pub fn build(&self) -> Result<Network, NetError> {
        if self.layout.len() != self.widths.len() || self.layout.is_empty() {
            let (parts, widths) = (self.layout.len(), self.widths.len());
            return Err(NetError::Config(format!(
                "`layout` has {parts} parts, `widths` {widths}: they must be as many, and at least one"
            )));
        }
        let style = Style { border: self.border, eps: self.norm_eps, momentum: self.norm_momentum };
        let (mut builder, input) = Builder::new(&self.input, style);
        let mut at = self.stem(&mut builder, &input);
        // The gate layer of the stream that is read, and its channels.
        let mut stream = None;
        if self.gate_streams {
            at = builder.add("gate", Op::GATE, &[&at]);
            stream = Some(at.clone());
        }
        let mut channels = self.stem_channels;
        for (part, (blocks, width)) in self.layout.iter().zip(&self.widths).enumerate() {
            for block in 0..*blocks {
                let stride = if part > 0 && block == 0 { 2 } else { 1 };
                let name = format!("layer{}.{block}", part + 1);
                let out = if self.block == Block::Basic { *width } else { width * 4 };
                at = block_of(&mut builder, &name, self.block, (channels, *width, out), stride, &at);
                if self.gate_streams {
                    // A shortcut without a convolution ties what a block makes to what it reads.
                    let layer = stream.filter(|_| stride == 1 && channels == out);
                    at = builder.gate_with(format!("{name}.gate"), layer.as_deref(), &at);
                    stream = Some(layer.unwrap_or_else(|| at.clone()));
                }
                channels = out;
            }
        }
        at = builder.add("avgpool", Op::GlobalAveragePool, &[&at]);
        let output = builder.add("fc", Op::Linear { out: self.classes, bias: true }, &[&at]);
        builder.finish(&self.name, output)
    }

    /// What stands before the first block.
    fn stem(&self, builder: &mut Builder, input: &str) -> String {
        let stem = Conv { out: self.stem_channels, kernel: self.stem_kernel, stride: self.stem_stride, groups: 1 };
        let mut at = builder.conv_norm("conv1", "bn1", stem, input);
        at = builder.add("relu", Op::Relu, &[&at]);
        if self.stem_pool {
            let padding = builder.padding(3, 2, &at);
            at = builder.add("maxpool", Op::MaxPool { kernel: 3, stride: 2, padding }, &[&at]);
        }
        at
    }
}

/// One block; `(channels, width, out)` are those that it reads, of its gated convolutions, and that it makes.
fn block_of(
    builder: &mut Builder,
    name: &str,
    block: Block,
    (channels, width, out): (i64, i64, i64),
    stride: i64,
    input: &str,
) -> String {
    let conv = |out: i64, kernel: i64, stride: i64| Conv { out, kernel, stride, groups: 1 };
    // All but the last are gated.
    let convs: Vec<Conv> = match block {
        Block::Basic => vec![conv(width, 3, stride), conv(out, 3, 1)],
        Block::Bottleneck => vec![conv(width, 1, 1), conv(width, 3, stride), conv(out, 1, 1)],
    };
    let mut at = input.to_owned();
    for (number, conv) in (1..).zip(&convs) {
        at = builder.conv_norm(&format!("{name}.conv{number}"), &format!("{name}.bn{number}"), *conv, &at);
        if number < convs.len() {
            at = builder.add(format!("{name}.relu{number}"), Op::Relu, &[&at]);
            at = builder.add(format!("{name}.gate{number}"), Op::GATE, &[&at]);
        }
    }
    let shortcut = if stride != 1 || channels != out {
        let (reduce, norm) = (format!("{name}.downsample.0"), format!("{name}.downsample.1"));
        builder.conv_norm(&reduce, &norm, conv(out, 1, stride), input)
    } else {
        input.to_owned()
    };
    let sum = builder.add(format!("{name}.add"), Op::Add, &[&at, &shortcut]);
    builder.add(format!("{name}.relu"), Op::Relu, &[&sum])
}
