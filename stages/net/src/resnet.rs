//! Residual networks (He et al., CVPR 2016) with a gate after the activation of every convolution of a block but its last.
//!
//! The last convolution of a block, stem, shortcuts and classifier have no gates, so that residual shapes agree
//! (paper §3.1). It knows nothing of gates' values.

use serde::{Deserialize, Serialize};

use crate::error::NetError;
use crate::graph::{Network, Node};
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

/// The first layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stem {
    /// Channels of its convolution.
    pub channels: i64,
    /// Side of its kernel.
    pub kernel: i64,
    /// Its step.
    pub stride: i64,
    /// Whether a 3×3 max-pool with step 2 follows.
    pub pool: bool,
}

/// A residual network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The first layers.
    pub stem: Stem,
}

/// Names of the presets.
pub const PRESETS: [&str; 4] = ["resnet18", "resnet50", "resnet-numvqa", "resnet-tiny"];

impl Config {
    /// A preset by name: `resnet18` and `resnet50` as published for 224×224 images; `resnet-numvqa` is ResNet-18's layout
    /// for one channel of 56×56; `resnet-tiny` trains in a minute.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let stem = Stem { channels: 64, kernel: 7, stride: 2, pool: true };
        let eighteen = Config {
            name: name.into(),
            input: [3, 224, 224],
            classes: 1000,
            block: Block::Basic,
            layout: vec![2, 2, 2, 2],
            widths: vec![64, 128, 256, 512],
            stem,
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
                stem: Stem { channels: 24, kernel: 5, stride: 2, pool: true },
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
        let mut builder = Builder { nodes: Vec::new() };
        let mut at = builder.add("input", Op::Input { shape: self.input.to_vec() }, &[]);
        at = builder.conv_norm("conv1", "bn1", self.stem.channels, (self.stem.kernel, self.stem.stride), &at);
        at = builder.add("relu", Op::Relu, &[&at]);
        if self.stem.pool {
            at = builder.add("maxpool", Op::MaxPool { kernel: 3, stride: 2, padding: 1 }, &[&at]);
        }
        let mut channels = self.stem.channels;
        for (part, (blocks, width)) in self.layout.iter().zip(&self.widths).enumerate() {
            for block in 0..*blocks {
                let stride = if part > 0 && block == 0 { 2 } else { 1 };
                let name = format!("layer{}.{block}", part + 1);
                let out = if self.block == Block::Basic { *width } else { width * 4 };
                at = builder.block(&name, self.block, (*width, out), stride, channels, &at);
                channels = out;
            }
        }
        at = builder.add("avgpool", Op::GlobalAveragePool, &[&at]);
        let output = builder.add("fc", Op::Linear { out: self.classes, bias: true }, &[&at]);
        Network::new(self.name.clone(), builder.nodes, &[output])
    }
}

struct Builder {
    nodes: Vec<Node>,
}

impl Builder {
    fn add(&mut self, name: &str, op: Op, inputs: &[&str]) -> String {
        self.nodes.push(Node { name: name.into(), op, inputs: inputs.iter().map(|i| (*i).to_owned()).collect() });
        name.into()
    }

    fn conv_norm(&mut self, conv: &str, norm: &str, out: i64, (kernel, stride): (i64, i64), input: &str) -> String {
        let op = Op::Conv2d { out, kernel, stride, padding: kernel / 2, groups: 1, bias: false };
        let made = self.add(conv, op, &[input]);
        self.add(norm, Op::BatchNorm { eps: 1e-5, momentum: 0.1 }, &[&made])
    }

    fn block(
        &mut self,
        name: &str,
        block: Block,
        (width, out): (i64, i64),
        stride: i64,
        channels: i64,
        input: &str,
    ) -> String {
        // (width, kernel, stride) of each convolution; all but the last are gated.
        let convs: Vec<(i64, i64, i64)> = match block {
            Block::Basic => vec![(width, 3, stride), (out, 3, 1)],
            Block::Bottleneck => vec![(width, 1, 1), (width, 3, stride), (out, 1, 1)],
        };
        let mut at = input.to_owned();
        for (number, (width, kernel, stride)) in (1..).zip(&convs) {
            at = self.conv_norm(
                &format!("{name}.conv{number}"),
                &format!("{name}.bn{number}"),
                *width,
                (*kernel, *stride),
                &at,
            );
            if number < convs.len() {
                at = self.add(&format!("{name}.relu{number}"), Op::Relu, &[&at]);
                at = self.add(&format!("{name}.gate{number}"), Op::Gate, &[&at]);
            }
        }
        let shortcut = if stride != 1 || channels != out {
            self.conv_norm(&format!("{name}.downsample.0"), &format!("{name}.downsample.1"), out, (1, stride), input)
        } else {
            input.to_owned()
        };
        let sum = self.add(&format!("{name}.add"), Op::Add, &[&at, &shortcut]);
        self.add(&format!("{name}.relu"), Op::Relu, &[&sum])
    }
}
