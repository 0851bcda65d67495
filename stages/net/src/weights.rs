//! The values of a network's parameters by name.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use nnf_contract::unusable;
use tch::{Device, Kind, Tensor};

use crate::error::NetError;
use crate::graph::Network;
use crate::runner::channels_last;
use crate::sharing::Renamed;

/// Tensors by name.
#[derive(Debug, Default)]
pub struct Weights(BTreeMap<String, Tensor>);

impl Weights {
    /// A tensor by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, name: &str) -> Result<&Tensor, NetError> {
        self.0.get(name).ok_or_else(|| NetError::Weights { name: name.into(), why: "it is missing".into() })
    }

    /// Puts a tensor under a name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.0.insert(name.into(), tensor);
    }

    /// All names and tensors, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// A copy with tensors of their own.
    #[must_use]
    pub fn copied(&self) -> Self {
        Weights(self.0.iter().map(|(name, tensor)| (name.clone(), tensor.detach().copy())).collect())
    }

    /// Lays the weights of convolutions out with their channels last, as libtorch's kernels for such images read them.
    /// Otherwise libtorch does it at every run, which takes longer than the convolution where images are small and
    /// channels many.
    pub fn lay_channels_last(&mut self) {
        // One after the other: two copies of all would count as memory that the network needs.
        for tensor in self.0.values_mut() {
            *tensor = channels_last(tensor);
        }
    }

    /// A copy in another type on another device.
    #[must_use]
    pub fn to(&self, kind: Kind, device: Device) -> Self {
        Weights(
            self.0
                .iter()
                .map(|(name, tensor)| (name.clone(), tensor.detach().to_device(device).to_kind(kind)))
                .collect(),
        )
    }

    /// What a changed network needs of these, of which some owners of shared parameters had other names before.
    pub(crate) fn renamed(&self, network: &Network, renamed: &Renamed) -> Result<Self, NetError> {
        let mut own = Weights::default();
        for id in (0..network.nodes().len()).filter(|id| network.owner_of(*id) == *id) {
            let before = renamed.before(&network.nodes()[id].name);
            for (parameter, part) in network.parameters_of(id).into_iter().zip(network.parts_of(id)) {
                own.insert(parameter.name, self.get(&format!("{before}.{}", part.name))?.shallow_clone());
            }
        }
        Ok(own)
    }

    /// Checks that all parameters of a network are here with the right shapes, none of whole numbers, and nothing else.
    ///
    /// # Errors
    /// Names the first that is missing, of another shape or type, or unknown.
    pub fn check(&self, network: &Network) -> Result<(), NetError> {
        let parameters = network.parameters();
        for parameter in &parameters {
            let tensor = self.get(&parameter.name)?;
            let (found, kind) = (tensor.size(), tensor.kind());
            let why = if found != parameter.shape {
                format!("its shape is {found:?}, the network needs {:?}", parameter.shape)
            } else if !floating(kind) {
                format!("its type is {kind:?}, not a floating one")
            } else {
                continue;
            };
            return Err(NetError::Weights { name: parameter.name.clone(), why });
        }
        match self.0.keys().find(|name| !parameters.iter().any(|p| p.name == **name)) {
            Some(name) => Err(NetError::Weights { name: name.clone(), why: "the network does not know it".into() }),
            None => Ok(()),
        }
    }

    /// Writes a safetensors file. Equal weights give equal bytes.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn save(&self, path: &Path) -> Result<(), NetError> {
        let tensors: Vec<(&str, Tensor)> = self
            .0
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.detach().to_device(Device::Cpu).contiguous()))
            .collect();
        Tensor::write_safetensors(&tensors, path).map_err(|e| NetError::unfit(path, e))
    }

    /// Reads a safetensors file. Half precision becomes float32.
    ///
    /// # Errors
    /// When it cannot be read or is none, or a number in it is not finite.
    pub fn load(path: &Path) -> Result<Self, NetError> {
        look(path)?;
        let tensors = Tensor::read_safetensors(path).map_err(|e| {
            NetError::unfit(
                path,
                format!("it is no whole safetensors file of numbers that are known here ({e}); bring it again"),
            )
        })?;
        let usable = |(name, tensor): (String, Tensor)| match tensor.kind() {
            kind if !floating(kind) => Ok((name, tensor)),
            _ if tensor.isfinite().all().int64_value(&[]) == 0 => {
                Err(NetError::unfit(path, format!("`{name}` has numbers that are not finite")))
            }
            Kind::Half | Kind::BFloat16 => Ok((name, tensor.to_kind(Kind::Float))),
            _ => Ok((name, tensor)),
        };
        Ok(Weights(tensors.into_iter().map(usable).collect::<Result<_, _>>()?))
    }
}

/// Types of numbers that can be read, as the header of a safetensors file names them.
const KNOWN: [&str; 10] = ["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"];

/// Longest header that the format allows, in bytes.
const LONGEST_HEADER: u64 = 100_000_000;

/// Tells what a file is that cannot be safetensors at all, such as a folder, and which tensor has numbers that cannot be
/// read.
fn look(path: &Path) -> Result<(), NetError> {
    let mut file = fs_err::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(NetError::unfit(path, "it is a folder, not a safetensors file"));
    }
    let mut begin = Vec::new();
    file.by_ref().take(64).read_to_end(&mut begin)?;
    if let Some(why) = unusable(&begin) {
        return Err(NetError::unfit(path, why));
    }
    let Some(length) = begin.first_chunk().map(|length| u64::from_le_bytes(*length)) else { return Ok(()) };
    let mut header = begin.split_off(8);
    file.take(length.min(LONGEST_HEADER).saturating_sub(header.len() as u64)).read_to_end(&mut header)?;
    header.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    // One that is damaged is told by the library that reads it.
    let tensors: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&header).unwrap_or_default();
    let kinds = tensors.iter().filter_map(|(name, tensor)| Some((name, tensor.get("dtype")?.as_str()?)));
    match kinds.into_iter().find(|(_, kind)| !KNOWN.contains(kind)) {
        Some((name, kind)) => {
            let why = format!("tensor `{name}` has numbers of type {kind}, which cannot be read here; save it as F32");
            Err(NetError::unfit(path, why))
        }
        None => Ok(()),
    }
}

pub(crate) fn floating(kind: Kind) -> bool {
    matches!(kind, Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_no_safetensors_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        for (bytes, why) in [
            (&pointer[..], "it is a git-lfs pointer, not the file itself: run `git lfs pull`"),
            (b"", "it is empty"),
            (
                b"\x3a\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}\0",
                "tensor `w` has numbers of type F8_E4M3, which cannot be read here; save it as F32",
            ),
            (b"PK\x03\x04 and so on", "it is no whole safetensors file"),
        ] {
            fs_err::write(&path, bytes).unwrap();
            let error = Weights::load(&path).unwrap_err().to_string();
            assert!(error.contains("w.safetensors: ") && error.contains(why), "{error}");
        }
        assert!(Weights::load(folder.path()).unwrap_err().to_string().contains("it is a folder"));
    }
}
