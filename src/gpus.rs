//! The GPUs that a run may hand out, and what tells a stage which of them are its own.
//!
//! A pool is a list, and budgets speak of positions in it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Says what GPUs there are where that cannot be found out: a number, or their names.
const OVERRIDE: &str = "NNF_GPUS";

/// Variables by which stages are told; none of them is a stage's to set.
pub const VARIABLES: [&str; 4] =
    ["CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"];

/// Whose libraries will read the variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    Nvidia,
    Amd,
}

/// GPUs by the names by which their libraries know them: indices of the machine, or identifiers such as `GPU-8932f937`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpus {
    maker: Maker,
    names: Vec<String>,
    /// How the libraries number them.
    order: Option<OsString>,
}

impl Gpus {
    /// The GPUs of a machine that has so many of each maker, as far as the environment of the engine lets it see them.
    #[must_use]
    pub fn visible(environment: &BTreeMap<OsString, OsString>, nvidia: usize, amd: usize) -> Self {
        let variable = |name: &str| environment.get(OsStr::new(name)).map(|value| value.to_string_lossy().into_owned());
        let said = variable(OVERRIDE).map(|text| said(&text));
        let maker = if said.is_none() && nvidia == 0 && amd > 0 { Maker::Amd } else { Maker::Nvidia };
        let mut names = said.unwrap_or_else(|| numbered(if maker == Maker::Amd { amd } else { nvidia }));
        // A container is shown fewer devices than the machine has, and they are numbered anew.
        if maker == Maker::Nvidia
            && let Some(list) = variable("NVIDIA_VISIBLE_DEVICES")
        {
            match list.trim() {
                "all" => {}
                "" | "none" | "void" => names.clear(),
                list => names.truncate(list.split(',').count()),
            }
        }
        let narrower: &[&str] = match maker {
            Maker::Nvidia => &["CUDA_VISIBLE_DEVICES"],
            Maker::Amd => &["ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"],
        };
        for list in narrower.iter().filter_map(|name| variable(name)) {
            names = listed(&list, &names);
        }
        let order = environment.get(OsStr::new("CUDA_DEVICE_ORDER")).cloned();
        let numbered_by_us = variable("CUDA_VISIBLE_DEVICES").is_none();
        Gpus { maker, names, order: order.or_else(|| numbered_by_us.then(|| "PCI_BUS_ID".into())) }
    }

    /// The GPUs that a job was given by whoever shares them out: they are what its environment names, and no others.
    #[must_use]
    pub fn given(environment: &BTreeMap<OsString, OsString>, amd: bool) -> Self {
        let (maker, name) =
            if amd { (Maker::Amd, "ROCR_VISIBLE_DEVICES") } else { (Maker::Nvidia, "CUDA_VISIBLE_DEVICES") };
        let list = environment.get(OsStr::new(name)).map(|list| list.to_string_lossy().into_owned());
        let names = words(&list.unwrap_or_default()).map(str::to_owned).collect();
        let order = environment.get(OsStr::new("CUDA_DEVICE_ORDER")).cloned();
        Gpus { maker, names, order: order.or_else(|| Some("PCI_BUS_ID".into())) }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// The name of the one at a position.
    #[must_use]
    pub fn name(&self, position: u32) -> &str {
        self.names.get(position as usize).map_or("", String::as_str)
    }

    /// The indices that the machine knows them by; of one with another name, its position.
    #[must_use]
    pub fn indices(&self, own: &[u32]) -> Vec<u32> {
        own.iter().map(|position| self.name(*position).parse().unwrap_or(*position)).collect()
    }

    /// Variables that show a stage its own GPUs and no others.
    #[must_use]
    pub fn variables(&self, own: &[u32]) -> Vec<(&'static str, OsString)> {
        let names: Vec<&str> = own.iter().map(|position| self.name(*position)).collect();
        let list: OsString = names.join(",").into();
        let hidden = [
            ("CUDA_VISIBLE_DEVICES", OsString::new()),
            ("NVIDIA_VISIBLE_DEVICES", "none".into()),
            ("ROCR_VISIBLE_DEVICES", OsString::new()),
            ("HIP_VISIBLE_DEVICES", "-1".into()),
        ];
        if own.is_empty() {
            return hidden.into();
        }
        match self.maker {
            Maker::Nvidia => {
                let order = self.order.clone().map(|order| ("CUDA_DEVICE_ORDER", order));
                let shown = [("CUDA_VISIBLE_DEVICES", list.clone()), ("NVIDIA_VISIBLE_DEVICES", list)];
                shown.into_iter().chain(hidden.into_iter().skip(2)).chain(order).collect()
            }
            // What narrows for HIP, or for programs that believe in CUDA, counts from what is left here: all of it.
            Maker::Amd => vec![("ROCR_VISIBLE_DEVICES", list), ("NVIDIA_VISIBLE_DEVICES", "none".into())],
        }
    }
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|index| index.to_string()).collect()
}

/// The override: a number of GPUs, or their names.
fn said(text: &str) -> Vec<String> {
    match text.trim().parse::<u16>() {
        Ok(count) => numbered(count.into()),
        Err(_) => words(text).map(str::to_owned).collect(),
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// What a list such as `2,0` or `GPU-8932f937` leaves of a pool. As the libraries do it, the first word that names
/// nothing ends the list. A GPU that is named twice is still one.
fn listed(list: &str, pool: &[String]) -> Vec<String> {
    let mut left: Vec<String> = Vec::new();
    for word in words(list) {
        let found = match word.parse::<usize>() {
            Ok(index) => pool.get(index).cloned(),
            Err(_) => (!pool.is_empty() && (word.starts_with("GPU-") || word.starts_with("MIG-"))).then(|| word.into()),
        };
        match found {
            Some(name) if !left.contains(&name) => left.push(name),
            Some(_) => {}
            None => break,
        }
    }
    left
}

/// How many GPUs of AMD this machine has.
#[must_use]
pub fn amd_gpus() -> usize {
    let nodes = fs_err::read_dir("/sys/class/kfd/kfd/topology/nodes").into_iter().flatten().flatten();
    let id = |folder: std::path::PathBuf| fs_err::read_to_string(folder.join("gpu_id")).unwrap_or_default();
    nodes.filter(|node| !matches!(id(node.path()).trim(), "" | "0")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus(nvidia: usize, amd: usize, variables: &[(&str, &str)]) -> Gpus {
        let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Gpus::visible(&environment, nvidia, amd)
    }

    fn names(nvidia: usize, variables: &[(&str, &str)]) -> String {
        gpus(nvidia, 0, variables).names.join(" ")
    }

    fn shown(gpus: &Gpus, own: &[u32], name: &str) -> Option<String> {
        let found = gpus.variables(own).into_iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| value.to_string_lossy().into_owned())
    }

    #[test]
    fn the_engines_own_share_is_the_pool() {
        assert_eq!(names(4, &[]), "0 1 2 3");
        assert_eq!(names(4, &[("CUDA_VISIBLE_DEVICES", "2,0")]), "2 0");
        assert_eq!(names(4, &[("CUDA_VISIBLE_DEVICES", "")]), "");
        assert_eq!(names(4, &[("CUDA_VISIBLE_DEVICES", "NoDevFiles")]), "");
        assert_eq!(names(4, &[("CUDA_VISIBLE_DEVICES", "1, 1 ,3,-1,2")]), "1 3", "-1 ends the list");
        assert_eq!(names(2, &[("CUDA_VISIBLE_DEVICES", "1,7,0")]), "1", "so does one that is not there");
        assert_eq!(names(2, &[("CUDA_VISIBLE_DEVICES", "GPU-8932f937,MIG-1")]), "GPU-8932f937 MIG-1");
        assert_eq!(names(0, &[("CUDA_VISIBLE_DEVICES", "0,GPU-8932f937")]), "", "a variable makes no device");
        assert_eq!(names(4, &[("NVIDIA_VISIBLE_DEVICES", "5,7")]), "0 1", "a container numbers anew");
        assert_eq!(names(4, &[("NVIDIA_VISIBLE_DEVICES", "all")]), "0 1 2 3");
        assert_eq!(names(4, &[("NVIDIA_VISIBLE_DEVICES", "void")]), "");
        assert_eq!(names(0, &[("NNF_GPUS", "3"), ("CUDA_VISIBLE_DEVICES", "2,1")]), "2 1");
        assert_eq!(names(8, &[("NNF_GPUS", "GPU-a, GPU-b")]), "GPU-a GPU-b");
        assert_eq!(gpus(0, 4, &[("ROCR_VISIBLE_DEVICES", "3,1"), ("HIP_VISIBLE_DEVICES", "1")]).names, ["1"]);
    }

    #[test]
    fn a_stage_is_shown_its_own_and_no_others() {
        let pool = gpus(4, 0, &[("CUDA_VISIBLE_DEVICES", "3,GPU-a,1")]);
        assert_eq!(pool.count(), 3);
        assert_eq!(pool.indices(&[0, 1, 2]), [3, 1, 1]);
        for name in VARIABLES {
            assert!(matches!(shown(&pool, &[], name).as_deref(), Some("" | "none" | "-1")), "{name}");
        }
        assert_eq!(shown(&pool, &[0, 2], "CUDA_VISIBLE_DEVICES").as_deref(), Some("3,1"));
        assert_eq!(shown(&pool, &[1], "CUDA_VISIBLE_DEVICES").as_deref(), Some("GPU-a"));
        assert_eq!(shown(&pool, &[1], "CUDA_DEVICE_ORDER"), None, "whoever named them knows how they are numbered");
        assert_eq!(shown(&gpus(1, 0, &[]), &[0], "CUDA_DEVICE_ORDER").as_deref(), Some("PCI_BUS_ID"));
        let amd = gpus(0, 2, &[]);
        assert_eq!(shown(&amd, &[1], "ROCR_VISIBLE_DEVICES").as_deref(), Some("1"));
        assert_eq!(shown(&amd, &[1], "HIP_VISIBLE_DEVICES"), None);
    }
}
