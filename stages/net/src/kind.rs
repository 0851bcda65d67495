//! Kind `network.build`: a network description from a preset and what the pipeline changes of it.
//!
//! It does not know weights.

use nnf_contract::{Kind, Offer, Output, Parameter, ParameterType, Stage, StageError};
use serde::Deserialize;

use crate::count::Counts;
use crate::resnet::{Block, Config, PRESETS};

#[derive(Debug, Deserialize)]
struct Parameters {
    preset: String,
    input: Option<Vec<i64>>,
    classes: Option<i64>,
    block: Option<Block>,
    layout: Option<Vec<usize>>,
    widths: Option<Vec<i64>>,
    stem_channels: Option<i64>,
    stem_kernel: Option<i64>,
    stem_stride: Option<i64>,
    stem_pool: Option<bool>,
}

pub(crate) fn offer() -> Offer {
    let sizes = |max: i64| ParameterType::Int { min: Some(1), max: Some(max) };
    let int = |name: &str, max: i64, doc: &str| Parameter::int(name, 1, max, doc).optional();
    let kind = Kind::new("network.build", "A network description: a preset, and what is changed of it")
        .outputs([
            Output::new("network", "application/json", "the network as a graph of nodes"),
            Output::new("summary", "text/markdown", "what it costs, and how much of that gates can save"),
        ])
        .parameters([
            Parameter::choice("preset", &PRESETS, "where to start from").default("resnet-numvqa"),
            Parameter::list("input", sizes(4096), "channels, height, width of the input").unit("pixels").optional(),
            int("classes", 100_000, "outputs of the classifier"),
            Parameter::choice("block", &["basic", "bottleneck"], "kind of residual block").optional(),
            Parameter::list("layout", sizes(200), "blocks of each part").optional(),
            Parameter::list("widths", sizes(8192), "width of the blocks of each part").unit("channels").optional(),
            int("stem_channels", 8192, "channels of the first convolution"),
            int("stem_kernel", 15, "side of its kernel").unit("pixels"),
            int("stem_stride", 8, "its step").unit("pixels"),
            Parameter::bool("stem_pool", "whether a max-pool follows it").optional(),
        ]);
    Offer { kind, run }
}

fn run(stage: &Stage) -> Result<(), StageError> {
    let parameters: Parameters = stage.parameters()?;
    let mut config = Config::preset(&parameters.preset).ok_or_else(|| {
        StageError::BadTask(format!("no preset `{}`; there are {}", parameters.preset, PRESETS.join(", ")))
    })?;
    if let Some(input) = parameters.input {
        config.input =
            input.try_into().map_err(|_| StageError::failed("`input` has three items: channels, height, width"))?;
    }
    config.classes = parameters.classes.unwrap_or(config.classes);
    config.block = parameters.block.unwrap_or(config.block);
    config.layout = parameters.layout.unwrap_or(config.layout);
    config.widths = parameters.widths.unwrap_or(config.widths);
    config.stem.channels = parameters.stem_channels.unwrap_or(config.stem.channels);
    config.stem.kernel = parameters.stem_kernel.unwrap_or(config.stem.kernel);
    config.stem.stride = parameters.stem_stride.unwrap_or(config.stem.stride);
    config.stem.pool = parameters.stem_pool.unwrap_or(config.stem.pool);
    let network = config.build().map_err(StageError::failed)?;
    network.save(stage.output("network")?).map_err(StageError::failed)?;
    let counts = Counts::of(&network);
    let rows = [
        ("gate layers", network.gate_layers().len().to_string()),
        ("modules", network.modules().to_string()),
        ("parameters", counts.parameters.to_string()),
        ("MMAC for one input", format!("{:.1}", counts.macs.0 as f64 / 1e6)),
        ("of these in gated layers and their readers", format!("{:.1} %", network.gated_share() * 100.0)),
        ("peak of live activations", format!("{:.2} MB", counts.peak_activation_bytes.0 as f64 / 1e6)),
    ];
    let mut text = format!("| `{}` | |\n|---|--:|\n", network.name());
    for (name, value) in rows {
        text.push_str(&format!("| {name} | {value} |\n"));
    }
    fs_err::write(stage.output("summary")?, text).map_err(StageError::failed)
}
