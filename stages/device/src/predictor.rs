//! The latency predictor: a linear function of features of the gates, as JSON (paper §3.5).
//!
//! Memory is not fitted but counted from the graph.

use std::path::Path;

use nnf_net::{Bytes, GateLayer, GateVector, Network};
use serde::{Deserialize, Serialize};

use crate::error::DeviceError;
use crate::features::{self, Features};
use crate::fit::linear;
use crate::measure::{Micros, Timing};

/// Under which conditions latency was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Name of the device in the pipeline.
    pub device: String,
    /// CPU model.
    pub cpu: String,
    /// Operating system and architecture.
    pub platform: String,
    /// Threads that computed.
    pub threads: usize,
    /// The runtime and its version.
    pub runtime: String,
    /// Governor of the CPU's frequency, if the system tells.
    pub governor: String,
    /// Number format.
    pub precision: String,
    /// Inputs at a time.
    pub batch: usize,
    /// Warm-up and runs.
    pub timing: Timing,
    /// What the reference subnet took (see [`crate::reference`]): the machine's speed.
    #[serde(default)]
    pub reference: Option<Micros>,
}

impl Conditions {
    /// Float32, one input at a time, by this build's libtorch, on a machine of which only the name is told.
    #[must_use]
    pub fn new(device: &str, threads: usize, timing: Timing) -> Self {
        let unknown = || "unknown".to_owned();
        Conditions {
            device: device.into(),
            cpu: unknown(),
            platform: unknown(),
            threads,
            runtime: format!("libtorch {}", env!("NNF_LIBTORCH_VERSION")),
            governor: unknown(),
            precision: "float32".into(),
            batch: 1,
            timing,
            reference: None,
        }
    }

    /// Reads the JSON file.
    ///
    /// # Errors
    /// When it is no such file.
    pub fn load(path: &Path) -> Result<Self, DeviceError> {
        serde_json::from_str(&fs_err::read_to_string(path)?).map_err(|e| DeviceError::unfit(path, e))
    }
}

/// What the file says that it is.
const FORMAT: &str = "nnf.predictor";
/// Version of its format.
const VERSION: u32 = 1;

/// A fitted predictor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predictor {
    /// `nnf.predictor`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// Conditions of the measurements.
    pub conditions: Conditions,
    /// Layers of the network that it is for.
    pub layers: Vec<GateLayer>,
    /// Features in order.
    pub features: Vec<String>,
    /// Factor of each feature, in microseconds.
    pub coefficients: Vec<f64>,
    /// Latency where all features are zero, in microseconds.
    pub intercept: f64,
    /// Least latency that was measured: no prediction is below it.
    pub floor: f64,
}

impl Predictor {
    /// A predictor for a network, of one coefficient for each feature, in their order.
    #[must_use]
    pub fn new(
        conditions: Conditions,
        network: &Network,
        coefficients: Vec<f64>,
        (intercept, floor): (f64, f64),
    ) -> Self {
        Predictor {
            format: FORMAT.into(),
            version: VERSION,
            conditions,
            layers: network.gate_layers(),
            features: Self::feature_names(network),
            coefficients,
            intercept,
            floor,
        }
    }

    /// Names of the features that a predictor for a network has.
    #[must_use]
    pub fn feature_names(network: &Network) -> Vec<String> {
        features::names(network)
    }

    /// Predicts for many gate vectors of one network.
    ///
    /// # Errors
    /// When a gate of the network stands where its channels cannot be removed.
    pub fn estimator<'a>(&'a self, network: &'a Network) -> Result<Estimator<'a>, DeviceError> {
        Ok(Estimator { predictor: self, network, features: Features::of(network)? })
    }

    pub(crate) fn of_features(&self, values: &[f64]) -> Micros {
        Micros(linear(&self.coefficients, self.intercept, values).max(self.floor))
    }

    /// Writes the JSON file.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, path: &Path) -> Result<(), DeviceError> {
        let text = serde_json::to_string_pretty(self).map_err(|e| DeviceError::unfit(path, e))?;
        Ok(fs_err::write(path, text + "\n")?)
    }

    /// Reads the JSON file, for a network.
    ///
    /// # Errors
    /// When it is no such file, or was fitted for another network.
    pub fn load(path: &Path, network: &Network) -> Result<Self, DeviceError> {
        let predictor: Predictor =
            serde_json::from_str(&fs_err::read_to_string(path)?).map_err(|e| DeviceError::unfit(path, e))?;
        if predictor.format != FORMAT || predictor.version != VERSION {
            let found = format!("`{}` version {}", predictor.format, predictor.version);
            return Err(DeviceError::unfit(path, format!("it is {found}, not `{FORMAT}` version {VERSION}")));
        }
        let fits = predictor.layers == network.gate_layers() && predictor.features == Self::feature_names(network);
        if !fits || predictor.coefficients.len() != predictor.features.len() {
            return Err(DeviceError::unfit(
                path,
                format!("it was fitted for another network than `{}`", network.name()),
            ));
        }
        Ok(predictor)
    }
}

/// A predictor for one network.
#[derive(Debug)]
pub struct Estimator<'a> {
    predictor: &'a Predictor,
    network: &'a Network,
    features: Features<'a>,
}

impl Estimator<'_> {
    /// Predicted latency of the network with all modules.
    ///
    /// # Errors
    /// As for [`Estimator::cost`].
    pub fn whole(&self) -> Result<Micros, DeviceError> {
        Ok(self.cost(&GateVector::open(&self.network.gate_layers()))?.0)
    }

    /// Predicted latency of the subnet that gates ask for, and its memory as it is deployed: weights and the largest live
    /// values.
    ///
    /// # Errors
    /// When the gates do not fit.
    pub fn cost(&self, gates: &GateVector) -> Result<(Micros, Bytes), DeviceError> {
        let (values, deployed) = self.features.values_and_counts(gates)?;
        Ok((self.predictor.of_features(&values), deployed.memory()))
    }
}
