//! A supernet as a folder: `network/` and `assembler/` (each a model), and `supernet.json` with the encoding.

use std::path::Path;

use nnf_net::{GateSet, GateVector, Model, NetError, Run, forward};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::SupernetError;
use crate::gating;
use crate::requirement::{Encoding, Requirement};

/// Network, assembler and encoding.
#[derive(Debug)]
pub struct Supernet {
    /// The network with gates.
    pub model: Model,
    /// The network that turns an encoded requirement into gate logits.
    pub assembler: Model,
    /// How requirements become vectors.
    pub encoding: Encoding,
}

/// What the assembler makes for a requirement.
#[derive(Clone, Debug)]
pub struct Assembled {
    /// The gates, within the limit.
    pub gates: GateVector,
    /// Share of the modules that it opened, before importance pruning.
    pub generated: f64,
    /// Logits of all modules, layers side by side: their importance.
    pub logits: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    encoding: Encoding,
}

const FORMAT: &str = "nnf.supernet";

impl Supernet {
    /// Writes the folder.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, folder: &Path) -> Result<(), SupernetError> {
        self.model.save(&folder.join("network"))?;
        self.assembler.save(&folder.join("assembler"))?;
        let document = Document { format: FORMAT.into(), version: 1, encoding: self.encoding };
        let text = serde_json::to_string_pretty(&document).map_err(|e| SupernetError::unfit(folder, e))?;
        Ok(fs_err::write(folder.join("supernet.json"), text + "\n")?)
    }

    /// Reads the folder.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the parts do not fit together.
    pub fn load(folder: &Path) -> Result<Self, SupernetError> {
        let path = folder.join("supernet.json");
        let document: Document =
            serde_json::from_str(&fs_err::read_to_string(&path)?).map_err(|e| SupernetError::unfit(&path, e))?;
        if document.format != FORMAT || document.version != 1 {
            return Err(SupernetError::unfit(
                &path,
                format!("it is `{}` version {}", document.format, document.version),
            ));
        }
        let supernet = Supernet {
            model: Model::load(&folder.join("network"))?,
            assembler: Model::load(&folder.join("assembler"))?,
            encoding: document.encoding,
        };
        let assembler = &supernet.assembler.network;
        let Encoding { task_bits, limit_dims } = supernet.encoding;
        let width = task_bits.checked_add(limit_dims).and_then(|width| i64::try_from(width).ok());
        let read = assembler.input_shape();
        if width.is_none_or(|width| read != [width]) {
            let why =
                format!("the assembler reads {read:?}, a requirement is {task_bits} bits and {limit_dims} numbers");
            return Err(SupernetError::unfit(folder, why));
        }
        let widths: Vec<i64> = assembler.outputs().iter().map(|id| assembler.channels_of(*id)).collect();
        let layers: Vec<i64> =
            supernet.model.network.gate_layers().iter().map(|layer| i64::try_from(layer.width).unwrap_or(0)).collect();
        if widths != layers {
            return Err(SupernetError::unfit(
                folder,
                format!("the assembler makes gates for {widths:?}, the network has {layers:?}"),
            ));
        }
        Ok(supernet)
    }

    /// Gate logits `[B, N]` of requirements, all layers side by side, in one forward pass.
    ///
    /// # Errors
    /// When a requirement does not fit.
    pub fn logits(&self, requirements: &[Requirement]) -> Result<Tensor, SupernetError> {
        let encoded = self.encoding.encode(requirements)?;
        let layers =
            tch::no_grad(|| forward(&self.assembler.network, &self.assembler.weights, &encoded, &Run::default(), &[]))?;
        Ok(Tensor::cat(&layers, 1))
    }

    /// The gates for requirements, none above its limit (paper §3.3, §5.2).
    ///
    /// # Errors
    /// When a requirement does not fit.
    pub fn assemble(&self, requirements: &[Requirement]) -> Result<Vec<GateVector>, SupernetError> {
        Ok(self.assembled(requirements)?.into_iter().map(|one| one.gates).collect())
    }

    /// The gates for requirements, and what they were made from.
    ///
    /// # Errors
    /// When a requirement does not fit.
    pub fn assembled(&self, requirements: &[Requirement]) -> Result<Vec<Assembled>, SupernetError> {
        if requirements.is_empty() {
            return Ok(Vec::new());
        }
        let logits =
            Vec::<Vec<f64>>::try_from(self.logits(requirements)?.to_kind(Kind::Double)).map_err(NetError::Torch)?;
        let pruning = gating::Pruning::of(&self.model.network);
        let one = |(logits, requirement): (Vec<f64>, &Requirement)| {
            let generated = logits.iter().filter(|w| **w > 0.0).count() as f64 / logits.len().max(1) as f64;
            Assembled { gates: pruning.vector(&logits, requirement.limit), generated, logits }
        };
        Ok(logits.into_par_iter().zip(requirements).map(one).collect())
    }

    /// The gates for one requirement, and what they were made from.
    ///
    /// # Errors
    /// When the requirement does not fit.
    pub fn assembled_for(&self, requirement: Requirement) -> Result<Assembled, SupernetError> {
        let made = self.assembled(&[requirement])?.pop();
        made.ok_or_else(|| SupernetError::Misfit("the assembler made no gates".into()))
    }

    /// The gates for requirements as a set, with the tasks that they were made for.
    ///
    /// # Errors
    /// When a requirement does not fit.
    pub fn gate_set(&self, requirements: &[Requirement], tasks: Vec<i64>) -> Result<GateSet, SupernetError> {
        let limits = requirements.iter().map(|requirement| requirement.limit as f32).collect();
        let gates = self.assemble(requirements)?;
        Ok(GateSet { layers: self.model.network.gate_layers(), gates, task: Some(tasks), limit: Some(limits) })
    }
}
