//! Vision Transformers (Dosovitskiy et al., ICLR 2021) with a gate on the hidden channels of each block's FFN.
//!
//! Norms stand before attention and before the FFN; the gate after the FFN's GELU; attention has none (paper §3.2)
//! unless `gate_heads` is set: then one for each head.
//! A convolutional stem in place of the patches is a setting (Xiao et al., NeurIPS 2021). It knows nothing of gates'
//! values.

use nnf_contract::Parameter;
use serde::{Deserialize, Serialize};

use crate::builder::{Border, Builder, Conv, Style};
use crate::catalogue::{Backbone, sizes, whole};
use crate::error::NetError;
use crate::graph::Network;
use crate::op::Op;

/// What the classifier reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// A learnt token, put before the patches.
    ClassToken,
    /// The mean of all patches' tokens.
    Mean,
}

/// A Vision Transformer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the network.
    pub name: String,
    /// Input `[C, H, W]`.
    pub input: [i64; 3],
    /// Classes of the classifier.
    pub classes: i64,
    /// Side of a patch, which becomes one token.
    pub patch: i64,
    /// Blocks.
    pub depth: usize,
    /// Channels of a token.
    pub dim: i64,
    /// Heads of attention.
    pub heads: i64,
    /// Hidden channels of the FFN.
    pub ffn: i64,
    /// What the classifier reads.
    pub pooling: Pooling,
    /// Channels of 3×3 convolutions with step 2 and batch norm that come first; each halves what is left of a patch.
    pub conv_stem: Vec<i64>,
    /// Whether each head of attention has a gate.
    pub gate_heads: bool,
}

/// Names of the presets.
pub const PRESETS: [&str; 2] = ["vit-b-16", "vit-numvqa"];

/// What `network.build` offers of it.
pub(crate) const BACKBONE: Backbone = Backbone {
    name: "ViT",
    presets: &PRESETS,
    parameters,
    build: |preset, changes| changes.apply(Config::preset(preset))?.build(),
};

fn parameters() -> Vec<Parameter> {
    vec![
        whole("patch", 1024, "side of a patch").unit("pixels"),
        whole("depth", 1000, "Transformer blocks"),
        whole("dim", 8192, "channels of a token").unit("channels"),
        whole("heads", 1024, "heads of attention"),
        whole("ffn", 65_536, "hidden channels of a block's FFN").unit("channels"),
        Parameter::choice("pooling", &["class_token", "mean"], "what the classifier reads"),
        sizes("conv_stem", 8192, "3×3 convolutions with step 2 before the patches").unit("channels"),
        Parameter::bool("gate_heads", "whether each head of attention has a gate"),
    ]
}

impl Config {
    /// A preset by name: `vit-b-16` as published for 224×224 images; `vit-numvqa` for one channel of 56×56, with patches
    /// of 7×7, of which none straddles two digits, and the mean of their tokens.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let published = Config {
            name: name.into(),
            input: [3, 224, 224],
            classes: 1000,
            patch: 16,
            depth: 12,
            dim: 768,
            heads: 12,
            ffn: 3072,
            pooling: Pooling::ClassToken,
            conv_stem: Vec::new(),
            gate_heads: false,
        };
        match name {
            "vit-b-16" => Some(published),
            "vit-numvqa" => Some(Config {
                input: [1, 56, 56],
                classes: 2,
                patch: 7,
                depth: 5,
                dim: 128,
                heads: 4,
                ffn: 512,
                pooling: Pooling::Mean,
                ..published
            }),
            _ => None,
        }
    }

    /// Builds the network. Its nodes are named as in torchvision (`encoder.layers.encoder_layer_0.mlp.0`), gates
    /// `encoder.layers.encoder_layer_0.gate`.
    ///
    /// # Errors
    /// When patches do not fill the image, or other sizes do not fit.
    pub fn build(&self) -> Result<Network, NetError> {
        let [_, height, width] = self.input;
        let halvings = u32::try_from(self.conv_stem.len()).unwrap_or(u32::MAX);
        let step = 2_i64.checked_pow(halvings).unwrap_or(i64::MAX);
        if self.patch < 1 || height % self.patch != 0 || width % self.patch != 0 || self.patch % step != 0 {
            return Err(NetError::Config(format!(
                "`patch` {} does not divide an image of {height}×{width}, or not into steps of {step} of `conv_stem`",
                self.patch
            )));
        }
        let style = Style { border: Border::Even, eps: 1e-5, momentum: 0.1 };
        let (mut builder, input) = Builder::new(&self.input, style);
        let mut at = self.embedding(&mut builder, step, &input);
        for number in 0..self.depth {
            at = self.block(&mut builder, &format!("encoder.layers.encoder_layer_{number}"), &at);
        }
        at = builder.add("encoder.ln", NORM, &[&at]);
        let pool = match self.pooling {
            Pooling::ClassToken => Op::SelectToken { index: 0 },
            Pooling::Mean => Op::GlobalAveragePool,
        };
        at = builder.add("pool", pool, &[&at]);
        let output = linear(&mut builder, "heads.head", self.classes, &at);
        builder.finish(&self.name, output)
    }

    /// From the image to tokens with their positions.
    fn embedding(&self, builder: &mut Builder, step: i64, input: &str) -> String {
        let mut at = input.to_owned();
        for (number, out) in self.conv_stem.iter().enumerate() {
            let (name, sizes) = (format!("conv_stem.{number}"), Conv { out: *out, kernel: 3, stride: 2, groups: 1 });
            at = builder.conv_norm(&format!("{name}.0"), &format!("{name}.1"), sizes, &at);
            at = builder.add(format!("{name}.2"), Op::Relu, &[&at]);
        }
        let side = self.patch / step;
        let patches =
            Op::Conv2d { out: self.dim, kernel: side, stride: side, padding: 0.into(), groups: 1, bias: true };
        at = builder.add("conv_proj", patches, &[&at]);
        at = builder.add("tokens", Op::Tokens, &[&at]);
        if self.pooling == Pooling::ClassToken {
            at = builder.add("class_token", Op::ClassToken, &[&at]);
        }
        builder.add("encoder.pos_embedding", Op::PositionEmbedding, &[&at])
    }

    fn block(&self, builder: &mut Builder, name: &str, input: &str) -> String {
        let of = |part: &str| format!("{name}.{part}");
        let normed = builder.add(of("ln_1"), NORM, &[input]);
        let [q, k, v] =
            ["q", "k", "v"].map(|part| linear(builder, &of(&format!("self_attention.{part}")), self.dim, &normed));
        let mut mixed = builder.add(of("self_attention"), Op::Attention { heads: self.heads }, &[&q, &k, &v]);
        if self.gate_heads {
            // Heads that do not divide the channels are told of by attention.
            let block = self.dim / self.heads.max(1);
            mixed = builder.add(of("self_attention.gate"), Op::Gate { block }, &[&mixed]);
        }
        let mixed = linear(builder, &of("self_attention.out_proj"), self.dim, &mixed);
        let at = builder.add(of("add_1"), Op::Add, &[&mixed, input]);
        let normed = builder.add(of("ln_2"), NORM, &[&at]);
        let mut hidden = linear(builder, &of("mlp.0"), self.ffn, &normed);
        hidden = builder.add(of("mlp.1"), Op::Gelu, &[&hidden]);
        hidden = builder.add(of("gate"), Op::GATE, &[&hidden]);
        let out = linear(builder, &of("mlp.3"), self.dim, &hidden);
        builder.add(of("add_2"), Op::Add, &[&out, &at])
    }
}

const NORM: Op = Op::LayerNorm { eps: 1e-6 };

fn linear(builder: &mut Builder, name: &str, out: i64, input: &str) -> String {
    builder.add(name, Op::Linear { out, bias: true }, &[input])
}
