//! Outputs against torchvision's, with torchvision's weights (made by `tests/peer/nets.py`).
use std::path::Path;

use nnf_net::*;
use tch::Tensor;

use crate::support::difference;

/// Builds our network of the same sizes and compares. Each name of torchvision's becomes names of ours with tensors.
fn compare(file: &str, network: &Network, rename: fn(&str, &Tensor) -> Vec<(String, Tensor)>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer").join(file);
    let golden = Weights::load(&path).unwrap();
    let mut weights = Weights::default();
    for (name, tensor) in golden.iter().filter(|(name, _)| !["input", "output"].contains(name)) {
        for (name, tensor) in rename(name, tensor) {
            weights.insert(name, tensor);
        }
    }
    weights.check(network).unwrap();
    let (input, expected) = (golden.get("input").unwrap(), golden.get("output").unwrap());
    let found = tch::no_grad(|| forward(network, &weights, input, &Run::default(), &[]).unwrap());
    let apart = difference(&found[0], expected);
    assert!(apart < 1e-5, "{file}: {apart:e}");
    let run = Run { precision: Precision::BFloat16, ..Run::default() };
    let coarse = tch::no_grad(|| forward(network, &weights, input, &run, &[]).unwrap());
    let apart = difference(&coarse[0].to_kind(tch::Kind::Float), expected);
    assert!(apart < 0.1, "{file} in bfloat16: {apart:e}");
}

fn vit_names(name: &str, tensor: &Tensor) -> Vec<(String, Tensor)> {
    if let Some((attention, part)) = name.split_once(".in_proj_") {
        let thirds = tensor.chunk(3, 0);
        return ["q", "k", "v"].iter().zip(thirds).map(|(of, t)| (format!("{attention}.{of}.{part}"), t)).collect();
    }
    let renamed = match name {
        "class_token" => return vec![("class_token.token".into(), tensor.flatten(0, -1))],
        "encoder.pos_embedding" => return vec![("encoder.pos_embedding.embedding".into(), tensor.squeeze_dim(0))],
        name => name.replace("conv_proj.conv_bn_relu_", "conv_stem.").replace("conv_proj.conv_last", "conv_proj"),
    };
    vec![(renamed, tensor.shallow_clone())]
}

#[test]
fn mobilenet_v2_computes_what_torchvision_computes() {
    let config = mobilenet_v2::Config {
        name: "small".into(),
        input: [3, 32, 32],
        classes: 3,
        layout: vec![1, 2, 2],
        widths: vec![8, 8, 16],
        expansions: vec![1, 6, 4],
        strides: vec![1, 2, 2],
        stem_channels: 8,
        stem_stride: 2,
        last_channels: 1280,
        ..mobilenet_v2::Config::preset("mobilenet-v2").unwrap()
    };
    let same = |name: &str, tensor: &Tensor| vec![(name.to_owned(), tensor.shallow_clone())];
    compare("mobilenet_v2.safetensors", &config.build().unwrap(), same);
}

#[test]
fn vit_computes_what_torchvision_computes() {
    let config = vit::Config {
        name: "small".into(),
        input: [3, 56, 56],
        classes: 3,
        patch: 7,
        depth: 2,
        dim: 16,
        heads: 2,
        ffn: 32,
        pooling: vit::Pooling::ClassToken,
        conv_stem: Vec::new(),
        gate_heads: true,
    };
    compare("vit.safetensors", &config.build().unwrap(), vit_names);
    let stem =
        vit::Config { input: [3, 16, 16], patch: 4, depth: 1, heads: 4, conv_stem: vec![8, 12], ..config.clone() };
    compare("vit_conv_stem.safetensors", &stem.build().unwrap(), vit_names);
}
