//! Gate vectors: which modules of which layers are kept; and files of many of them.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};

use crate::error::NetError;
use crate::graph::Network;

/// One layer of gates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateLayer {
    /// Name of the gate node.
    pub name: String,
    /// Modules in the layer.
    pub width: usize,
}

/// For each gate layer, for each module, whether it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateVector(pub Vec<Vec<bool>>);

impl GateVector {
    /// Keeps everything.
    #[must_use]
    pub fn open(layers: &[GateLayer]) -> Self {
        GateVector(layers.iter().map(|layer| vec![true; layer.width]).collect())
    }

    /// From one list over all layers; what is missing at its end is not kept.
    #[must_use]
    pub fn from_flat(layers: &[GateLayer], flat: &[bool]) -> Self {
        let mut rest = flat.iter().copied();
        GateVector(
            layers.iter().map(|layer| (0..layer.width).map(|_| rest.next().unwrap_or(false)).collect()).collect(),
        )
    }

    /// One list over all layers.
    #[must_use]
    pub fn flat(&self) -> Vec<bool> {
        self.0.concat()
    }

    /// Number of kept modules.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.0.iter().flatten().filter(|kept| **kept).count()
    }

    /// Number of modules.
    #[must_use]
    pub fn modules(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Share of modules that are kept, in `[0, 1]`: the paper's activation ratio.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.kept() as f64 / self.modules().max(1) as f64
    }

    /// Kept modules of each layer, as positions.
    #[must_use]
    pub fn kept_positions(&self) -> Vec<Vec<i64>> {
        let positions = |layer: &Vec<bool>| (0_i64..).zip(layer).filter(|(_, kept)| **kept).map(|(at, _)| at).collect();
        self.0.iter().map(positions).collect()
    }

    /// Checks that it fits a network.
    ///
    /// # Errors
    /// When the number of layers or a width differs.
    pub fn check(&self, network: &Network) -> Result<(), NetError> {
        let layers = network.gate_layers();
        let widths: Vec<usize> = layers.iter().map(|layer| layer.width).collect();
        let own: Vec<usize> = self.0.iter().map(Vec::len).collect();
        if widths == own {
            return Ok(());
        }
        Err(NetError::Gates(format!(
            "they are made for layers of {own:?} modules, network `{}` has {widths:?}",
            network.name()
        )))
    }
}

/// Many gate vectors for one network, with what they were made for where that is known.
///
/// File: safetensors with `gates` u8 `[N, M]` (0 or 1, layers one after the other), `task` i64 `[N]` and `limit` f32 `[N]`
/// (a share in `[0, 1]`) where known, and the layers as JSON under `layers` in the metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct GateSet {
    /// The layers of the network.
    pub layers: Vec<GateLayer>,
    /// The vectors.
    pub gates: Vec<GateVector>,
    /// For each vector, the task that it was made for.
    pub task: Option<Vec<i64>>,
    /// For each vector, the limit that it was made for.
    pub limit: Option<Vec<f32>>,
}

impl GateSet {
    /// Writes the file. Equal sets give equal bytes.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, path: &Path) -> Result<(), NetError> {
        let unfit = |e: safetensors::SafeTensorError| NetError::unfit(path, e);
        let modules: usize = self.layers.iter().map(|layer| layer.width).sum();
        let bytes: Vec<u8> = self.gates.iter().flat_map(|vector| vector.flat()).map(u8::from).collect();
        let task: Option<Vec<u8>> = self.task.as_ref().map(|task| task.iter().flat_map(|t| t.to_le_bytes()).collect());
        let limit: Option<Vec<u8>> =
            self.limit.as_ref().map(|limit| limit.iter().flat_map(|l| l.to_le_bytes()).collect());
        let count = self.gates.len();
        let mut tensors = vec![("gates", TensorView::new(Dtype::U8, vec![count, modules], &bytes).map_err(unfit)?)];
        if let Some(task) = &task {
            tensors.push(("task", TensorView::new(Dtype::I64, vec![count], task).map_err(unfit)?));
        }
        if let Some(limit) = &limit {
            tensors.push(("limit", TensorView::new(Dtype::F32, vec![count], limit).map_err(unfit)?));
        }
        let layers = serde_json::to_string(&self.layers).map_err(|e| NetError::unfit(path, e))?;
        let metadata = [("layers".to_owned(), layers)].into();
        Ok(fs_err::write(path, serialize(tensors, Some(metadata)).map_err(unfit)?)?)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is no such file, or its parts do not fit together.
    pub fn load(path: &Path) -> Result<Self, NetError> {
        let bytes = fs_err::read(path)?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| NetError::unfit(path, e))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| NetError::unfit(path, e))?;
        let metadata: BTreeMap<String, String> = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let layers =
            metadata.get("layers").ok_or_else(|| NetError::unfit(path, "it has no `layers` in its metadata"))?;
        let layers: Vec<GateLayer> = serde_json::from_str(layers).map_err(|e| NetError::unfit(path, e))?;
        let modules = layers.iter().try_fold(0_usize, |sum, layer| sum.checked_add(layer.width)).unwrap_or(usize::MAX);
        let gates = file.tensor("gates").map_err(|_| NetError::unfit(path, "it has no tensor `gates`"))?;
        let (count, fits) = match gates.shape() {
            [count, width] => (*count, *width == modules && gates.dtype() == Dtype::U8),
            _ => (0, false),
        };
        if !fits {
            return Err(NetError::unfit(path, format!("`gates` is not u8 [N, {modules}]")));
        }
        let rows = gates.data().chunks(modules.max(1)).take(count);
        let vectors =
            rows.map(|row| GateVector::from_flat(&layers, &row.iter().map(|b| *b != 0).collect::<Vec<bool>>()));
        let column = |name: &str, dtype: Dtype| match file.tensor(name) {
            Err(_) => Ok(None),
            Ok(view) if view.dtype() == dtype && view.shape() == [count] => Ok(Some(view.data().to_vec())),
            Ok(_) => Err(NetError::unfit(path, format!("`{name}` does not fit `gates`"))),
        };
        let task = column("task", Dtype::I64)?.map(|bytes| numbers(&bytes, i64::from_le_bytes));
        let limit = column("limit", Dtype::F32)?.map(|bytes| numbers(&bytes, f32::from_le_bytes));
        Ok(GateSet { gates: vectors.collect(), layers, task, limit })
    }

    /// Checks that it fits a network.
    ///
    /// # Errors
    /// When the layers differ.
    pub fn check(&self, network: &Network) -> Result<(), NetError> {
        if self.layers == network.gate_layers() {
            return Ok(());
        }
        Err(NetError::Gates(format!("they are made for another network than `{}`: its layers differ", network.name())))
    }
}

fn numbers<const N: usize, T>(bytes: &[u8], from: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| from(*chunk)).collect()
}
