//! The table that the kind `profile` writes: a row for each gate vector, with the reference's latency beside each, so that
//! two profiles can be compared at one speed of the machine.

use std::path::Path;

use nnf_net::{Counts, GateSet, Network};
use nnf_results::table;
use polars::prelude::*;

use crate::columns::numbers;
use crate::error::DeviceError;
use crate::features::Features;
use crate::measure::{Latency, Micros};

/// Writes the table.
pub(crate) fn write(rows: &[(Latency, Counts)], reference: Option<Micros>, path: &Path) -> PolarsResult<()> {
    let floats = |f: &dyn Fn(&Latency) -> f64| rows.iter().map(|(latency, _)| f(latency)).collect::<Vec<f64>>();
    let counts = |f: &dyn Fn(&Counts) -> u64| rows.iter().map(|(_, counts)| f(counts)).collect::<Vec<u64>>();
    let frame = df!(
        "vector" => (0..rows.len() as u64).collect::<Vec<u64>>(),
        "latency_us" => floats(&|latency| latency.median.0),
        "lower_us" => floats(&|latency| latency.lower.0),
        "upper_us" => floats(&|latency| latency.upper.0),
        "disturbed" => floats(&|latency| latency.disturbed),
        "reference_us" => vec![reference.map(|took| took.0); rows.len()],
        "memory_bytes" => counts(&|counts| counts.memory().0),
        "macs" => counts(&|counts| counts.macs.0),
    )?;
    table::write(frame, path)
}

/// What predictors need of the table.
pub(crate) struct Profile {
    /// Of each vector, in microseconds.
    pub(crate) latencies: Vec<f64>,
    /// Multiply–accumulates of each vector.
    macs: Vec<f64>,
    /// The reference's latency in microseconds; tables made elsewhere may have none.
    reference: Option<f64>,
}

impl Profile {
    /// Reads the table.
    ///
    /// # Errors
    /// When it cannot be read, lacks a column, or has a row without a value.
    pub(crate) fn load(path: &Path) -> Result<Self, DeviceError> {
        let unfit = |e: PolarsError| DeviceError::unfit(path, e);
        let frame = table::read(path).map_err(unfit)?;
        let column = |name: &str| numbers(&frame, name, path);
        let reference = match frame.column("reference_us") {
            Ok(column) => column.cast(&DataType::Float64).map_err(unfit)?.f64().map_err(unfit)?.iter().next().flatten(),
            Err(_) => None,
        };
        if reference.is_some_and(|reference| !reference.is_finite() || reference <= 0.0) {
            return Err(DeviceError::unfit(path, "`reference_us` is no positive latency"));
        }
        Ok(Profile { latencies: column("latency_us")?, macs: column("macs")?, reference })
    }

    /// Reads the table and the vectors that it tells of, as features.
    ///
    /// # Errors
    /// When one cannot be read, or they do not belong together.
    pub(crate) fn of(network: &Network, gates: &Path, profile: &Path) -> Result<(Vec<Vec<f64>>, Self), DeviceError> {
        let set = GateSet::load(gates)?;
        set.check(network)?;
        let profile = Self::load(profile)?;
        if profile.latencies.len() != set.gates.len() {
            return Err(DeviceError::Misfit(format!(
                "{} gate vectors, but {} latencies: they do not belong together",
                set.gates.len(),
                profile.latencies.len()
            )));
        }
        let features = Features::of(network)?;
        let rows = set.gates.iter().map(|gates| features.values(gates)).collect::<Result<Vec<_>, _>>()?;
        // A vector's last feature is its multiply–accumulates, which the profile counted too.
        if let Some(at) = (0..rows.len()).find(|at| rows[*at].last() != profile.macs.get(*at)) {
            return Err(DeviceError::Misfit(format!(
                "gate vector {at} has other multiply–accumulates than the profile's: it was made of other vectors"
            )));
        }
        Ok((rows, profile))
    }

    /// Whether both are of vectors with the same multiply–accumulates.
    pub(crate) fn is_of_vectors_of(&self, other: &Profile) -> bool {
        self.macs == other.macs
    }

    /// How many times as long as in the other profile the reference took; 1 where either has none.
    pub(crate) fn slowness(&self, other: &Profile) -> f64 {
        self.reference.zip(other.reference).map_or(1.0, |(own, others)| own / others)
    }

    /// Latencies as they would be, were the machine as fast as it was for the other profile.
    pub(crate) fn at_speed_of(&self, other: &Profile) -> Vec<f64> {
        let slowness = self.slowness(other);
        self.latencies.iter().map(|latency| latency / slowness).collect()
    }
}
