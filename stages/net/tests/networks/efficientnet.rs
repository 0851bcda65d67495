//! EfficientNet against the literature and against Google's weights.
#![expect(clippy::print_stdout, reason = "tells why a test was skipped, and what was measured")]
use std::path::{Path, PathBuf};
use std::process::Command;

use nnf_net::*;
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::support::{changes, one_thread};

#[test]
fn variants_have_the_published_sizes() {
    // B0: 5,288,548 parameters and 0.39 G (Tan and Le 2019, Table 2; torchvision counts 386 M). Lite: 4.7, 5.4, 6.1, 8.2,
    // 13.0 M parameters, 407, 631, 899, 1,440, 2,640 M multiply–adds (README of EfficientNet-Lite, whose counter has norms
    // among them).
    for (preset, parameters, macs) in [
        ("efficientnet-b0", 5_288_548, 386e6),
        ("efficientnet-lite0", 4_652_008, 407e6),
        ("efficientnet-lite1", 5_400_000, 631e6),
        ("efficientnet-lite2", 6_100_000, 899e6),
        ("efficientnet-lite3", 8_200_000, 1440e6),
        ("efficientnet-lite4", 13_000_000, 2640e6),
    ] {
        let counts = Counts::of(&build(preset, &Changes::default()).unwrap());
        let exact = parameters % 100_000 != 0;
        let off = (counts.parameters as f64 / f64::from(parameters) - 1.0).abs();
        assert!(if exact { off == 0.0 } else { off < 0.01 }, "{preset}: {}", counts.parameters);
        let off = (counts.macs.0 as f64 / macs - 1.0).abs();
        assert!(off < 0.06, "{preset}: {}", counts.macs.0);
    }
}

#[test]
fn squeeze_and_excite_is_sliced_with_its_block() {
    let network = build("efficientnet-b0", &changes(json!({ "input": [3, 32, 32] }))).unwrap();
    let groups = ChannelGroups::of(&network);
    let of = |name: &str| groups.of_node(network.position(name).unwrap());
    for part in ["_expand_conv", "_depthwise_conv", "_se_expand", "_se"] {
        assert_eq!(of(&format!("_blocks.1.{part}")), of("_blocks.1._gate"), "{part}");
    }
    assert_ne!(of("_blocks.1._se_reduce"), of("_blocks.1._gate"));
    assert_eq!(of("_blocks.0._gate"), of("_conv_stem"));
}

/// Where the weights and photos lie: `NNF_TEST_DATA`, a folder with `weights/efficientnet-lite0` and `imagenet20`.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("NNF_TEST_DATA").map(PathBuf::from)?;
    folder.join("weights/efficientnet-lite0").is_dir().then_some(folder)
}

/// Photos as the network reads them, `[B, 3, 224, 224]`: RGB, (x − 127) / 128. They are decoded by Pillow, as they were
/// for the reference; none where `python3` (or `PYTHON`) has no Pillow.
fn photos(paths: &[PathBuf]) -> Option<Tensor> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/photos.py");
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(python).arg(script).args(paths).output().ok()?;
    let pixels = output.status.success().then_some(output.stdout)?;
    let pixels = Tensor::from_slice(&pixels).view([-1, 224, 224, 3]).permute([0, 3, 1, 2]);
    Some((pixels.to_kind(Kind::Float) - 127.0) / 128.0)
}

fn lite0(data: &Path) -> (Network, Weights) {
    let network = build("efficientnet-lite0", &Changes::default()).unwrap();
    let weights = Weights::load(&data.join("weights/efficientnet-lite0/efficientnet-lite0.safetensors")).unwrap();
    weights.check(&network).unwrap();
    (network, weights)
}

/// Logits by the network as it is deployed, with its batch norms folded.
fn answers((network, weights): &(Network, Weights), batch: &Tensor) -> Tensor {
    tch::no_grad(|| forward(network, weights, batch, &Run::default(), &[]).unwrap().remove(0))
}

#[test]
fn lite0_gives_the_reference_logits() {
    let skipped = |why: &str| println!("skipped: {why}");
    let Some(data) = data() else {
        return skipped("set NNF_TEST_DATA to a folder with weights/efficientnet-lite0 and imagenet20");
    };
    one_thread();
    let (network, weights) = lite0(&data);
    let folded = fold_batch_norms(&network, &weights).unwrap();
    let text = fs_err::read_to_string(data.join("weights/efficientnet-lite0/reference_logits.json")).unwrap();
    let reference: Value = serde_json::from_str(&text).unwrap();
    let images = reference["images"].as_array().unwrap();
    let paths = images.iter().map(|image| data.join("imagenet20").join(image["file"].as_str().unwrap()));
    let Some(batch) = photos(&paths.collect::<Vec<PathBuf>>()) else {
        return skipped("PYTHON has no Pillow, or the photos are not there");
    };
    for model in [(network, weights), folded] {
        let found = answers(&model, &batch).to_kind(Kind::Double);
        for (at, image) in (0..).zip(images) {
            let logits: Vec<f64> = image["logits"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            let off = (found.get(at) - Tensor::from_slice(&logits)).abs().max().double_value(&[]);
            assert!(off < 1e-3, "{}: {off}", image["file"]);
        }
    }
}

/// Of the 20 classes of `imagenet20/test`, 1,000 photos that the weights never saw, the right one is the likeliest for
/// 94.3 %.
#[test]
#[ignore = "needs NNF_TEST_DATA, Pillow and two minutes"]
fn lite0_knows_the_photos_of_twenty_classes() {
    let data = data().unwrap();
    let table = fs_err::read_to_string(data.join("imagenet20/classes.tsv")).unwrap();
    let rows = table.lines().skip(1).map(|line| line.split('\t').collect::<Vec<&str>>());
    let classes: Vec<(String, i64)> = rows.map(|row| (row[2].to_owned(), row[1].parse().unwrap())).collect();
    let indices = Tensor::from_slice(&classes.iter().map(|class| class.1).collect::<Vec<i64>>());
    let (network, weights) = lite0(&data);
    let model = fold_batch_norms(&network, &weights).unwrap();
    let (mut right, mut right_of_all, mut all) = (0, 0, 0);
    for (at, (name, index)) in (0..).zip(&classes) {
        let files = fs_err::read_dir(data.join("imagenet20/test").join(name)).unwrap();
        let batch = photos(&files.map(|file| file.unwrap().path()).collect::<Vec<PathBuf>>()).unwrap();
        let logits = answers(&model, &batch);
        let count = |found: Tensor, right: i64| found.eq(right).sum(Kind::Int64).int64_value(&[]);
        right += count(logits.index_select(1, &indices).argmax(1, false), at);
        right_of_all += count(logits.argmax(1, false), *index);
        all += batch.size()[0];
    }
    println!("{right} of {all} among the twenty, {right_of_all} among a thousand");
    assert_eq!(all, 1000);
    assert!((right - 943).abs() <= 2 && (right_of_all - 671).abs() <= 2, "{right} {right_of_all}");
}
