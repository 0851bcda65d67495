//! What a stage cost, as a file that tables of costs read.
//!
//! It is measured, so it differs from run to run.

use std::io;
use std::path::Path;

use nnf_contract::Output;
use serde::{Deserialize, Serialize};

const FORMAT: &str = "nnf.cost";
const VERSION: u32 = 1;

/// What a stage cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    format: String,
    version: u32,
    /// The kind of stage.
    pub stage: String,
    /// Wall-clock seconds, over all attempts.
    pub seconds: f64,
    /// Steps of training, or runs of a measurement.
    pub steps: u64,
    /// `cpu` or `cuda`.
    pub device: String,
    /// CPU threads.
    pub threads: u32,
    /// Number format of a training's activations, such as `bfloat16`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
}

impl Cost {
    /// The cost of a stage of a kind on the CPU, with so many threads.
    #[must_use]
    pub fn new(kind: &str, seconds: f64, steps: u64, threads: u32) -> Self {
        Cost {
            format: FORMAT.into(),
            version: VERSION,
            stage: kind.into(),
            seconds,
            steps,
            device: "cpu".into(),
            threads,
            precision: None,
        }
    }

    /// The same of a training whose activations had a number format.
    #[must_use]
    pub fn in_precision(mut self, precision: &str) -> Self {
        self.precision = Some(precision.into());
        self
    }

    /// The same on a GPU, if it was one.
    #[must_use]
    pub fn on_gpu(mut self, gpu: bool) -> Self {
        if gpu {
            self.device = "cuda".into();
        }
        self
    }

    /// Declares the output.
    #[must_use]
    pub fn output() -> Output {
        Output::new(
            "cost",
            "application/json",
            "seconds that it took, steps, device, number format; measured, so never the same twice",
        )
    }

    /// Writes the JSON file.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        fs_err::write(path, serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads such a file.
    ///
    /// # Errors
    /// When it cannot be read, or is of another format or version; the message names the file.
    pub fn load(path: &Path) -> io::Result<Self> {
        let unfit = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("`{}`: {why}", path.display()));
        let cost: Cost = serde_json::from_str(&fs_err::read_to_string(path)?).map_err(|e| unfit(e.to_string()))?;
        if cost.format != FORMAT || cost.version != VERSION {
            let found = format!("it is `{}` version {}, not `{FORMAT}` version {VERSION}", cost.format, cost.version);
            return Err(unfit(found));
        }
        Ok(cost)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_cost_is_read_as_it_was_written_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cost.json");
        let cost = Cost::new("numvqa.train", 12.5, 100, 2).on_gpu(true).in_precision("bfloat16");
        cost.save(&path).unwrap();
        assert_eq!(Cost::load(&path).unwrap(), cost);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
        let error = Cost::load(&path).unwrap_err().to_string();
        assert!(error.contains("cost.json") && error.contains("version 2, not `nnf.cost` version 1"), "{error}");
        std::fs::write(&path, "{}").unwrap();
        assert!(Cost::load(&path).unwrap_err().to_string().contains("cost.json"));
    }
}
