//! The values of a network's parameters by name.
//!
//! It does not know how they began, nor how they are trained.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use crate::error::NetError;
use crate::graph::Network;
use crate::runner::channels_last;

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

/// Tells what a file is that cannot be safetensors at all: nothing, a folder, or what git keeps in place of a large file.
fn look(path: &Path) -> Result<(), NetError> {
    const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
    let file = fs_err::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(NetError::unfit(path, "it is a folder, not a safetensors file"));
    }
    let mut begin = Vec::new();
    file.take(POINTER.len() as u64).read_to_end(&mut begin)?;
    if begin.is_empty() {
        return Err(NetError::unfit(path, "it is empty, not a safetensors file"));
    }
    if begin == POINTER {
        return Err(NetError::unfit(path, "it is a git-lfs pointer, not the file itself: run `git lfs pull`"));
    }
    Ok(())
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
            (b"PK\x03\x04 and so on", "it is no whole safetensors file"),
        ] {
            fs_err::write(&path, bytes).unwrap();
            let error = Weights::load(&path).unwrap_err().to_string();
            assert!(error.contains("w.safetensors: ") && error.contains(why), "{error}");
        }
        assert!(Weights::load(folder.path()).unwrap_err().to_string().contains("it is a folder"));
    }
}
