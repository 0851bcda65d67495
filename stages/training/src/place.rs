//! Where training runs and in which number format.

use nnf_contract::{Parameter, Stage, StageError};
use nnf_net::Precision;
use serde::Deserialize;
use tch::Device;

/// The parameters that say it.
#[derive(Clone, Debug, Deserialize)]
pub struct PlaceParameters {
    /// `auto`, `float32` or `bfloat16`.
    pub precision: String,
    /// `auto`, `cpu` or `cuda`.
    pub device: String,
}

/// Declares them.
#[must_use]
pub fn parameters() -> [Parameter; 2] {
    [
        Parameter::choice(
            "precision",
            &["auto", "float32", "bfloat16"],
            "number format of activations; `auto` takes bfloat16 where it is faster: on CUDA, and on CPUs that multiply it",
        )
        .default("auto"),
        Parameter::choice("device", &["auto", "cpu", "cuda"], "where to train; `auto` takes CUDA if libtorch has it")
            .default("auto"),
    ]
}

/// Device and number format, after setting the number of threads to the stage's cores.
///
/// # Errors
/// When a device is asked for that is not there.
pub fn choose(stage: &Stage, parameters: &PlaceParameters) -> Result<(Device, Precision), StageError> {
    let threads = stage.task().cpus.max(1);
    tch::set_num_threads(i32::try_from(threads).unwrap_or(1));
    let cuda = tch::Cuda::is_available();
    let device = match parameters.device.as_str() {
        "cuda" if !cuda => {
            return Err(StageError::failed(
                "`device: cuda` was asked for, but libtorch finds no CUDA device here; `device: auto` uses the CPU",
            ));
        }
        "cpu" => Device::Cpu,
        _ => Device::cuda_if_available(),
    };
    let precision = match parameters.precision.as_str() {
        "float32" => Precision::Float32,
        "bfloat16" => Precision::BFloat16,
        _ if device.is_cuda() || multiplies_bfloat16() => Precision::BFloat16,
        _ => Precision::Float32,
    };
    stage.note(format!("{threads} threads, {device:?}, {}", precision.name()));
    Ok((device, precision))
}

/// Whether the CPU multiplies bfloat16 by itself, in tiles (AMX) or in vectors (AVX-512). Without, it converts, and gains
/// nothing.
fn multiplies_bfloat16() -> bool {
    let info = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    flags.split_whitespace().any(|flag| ["amx_bf16", "avx512_bf16"].contains(&flag))
}
