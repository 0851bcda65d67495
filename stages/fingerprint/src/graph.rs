//! What `cargo metadata` says of a workspace: packages, features, and who depends on whom.
//!
//! It does not read source code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

use crate::FingerprintError;

/// The packages of a workspace and all that they reach, for one platform.
#[derive(Debug)]
pub struct Graph {
    packages: BTreeMap<String, Package>,
}

/// One package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it comes from; none for a package of the workspace.
    pub source: Option<String>,
    /// Its folder.
    pub folder: PathBuf,
    /// Features that are on.
    pub features: Vec<String>,
    /// Ids of what it depends on, except for its tests alone.
    pub needs: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct MetadataPackage {
    id: String,
    name: String,
    version: String,
    source: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    features: Vec<String>,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Graph {
    /// Asks `cargo metadata` for the workspace around `folder`, as it is built for `target`.
    ///
    /// # Errors
    /// When cargo fails; its own words are in the error.
    pub fn read(cargo: &std::ffi::OsStr, folder: &std::path::Path, target: &str) -> Result<Self, FingerprintError> {
        let ask = |network: &[&str]| {
            Command::new(cargo)
                .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target])
                .args(network)
                .current_dir(folder)
                .output()
        };
        // Offline first: the packages are there, for they are being built. What tests alone need may not be.
        let mut output = ask(&["--offline"])?;
        if !output.status.success() {
            output = ask(&[])?;
        }
        if !output.status.success() {
            return Err(FingerprintError::Metadata(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Self::parse(&output.stdout)
    }

    /// Reads the answer of `cargo metadata --format-version 1`.
    ///
    /// # Errors
    /// When it is not such an answer.
    pub fn parse(json: &[u8]) -> Result<Self, FingerprintError> {
        let metadata: Metadata = serde_json::from_slice(json).map_err(|e| FingerprintError::Metadata(e.to_string()))?;
        let nodes = metadata.resolve.ok_or_else(|| FingerprintError::Metadata("no dependency graph".into()))?.nodes;
        let mut nodes: BTreeMap<String, Node> = nodes.into_iter().map(|node| (node.id.clone(), node)).collect();
        let mut packages = BTreeMap::new();
        for package in metadata.packages {
            let Some(node) = nodes.remove(&package.id) else { continue };
            let real = |d: &Dependency| d.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"));
            let needs = node.deps.into_iter().filter(real).map(|dependency| dependency.pkg).collect();
            packages.insert(
                package.id,
                Package {
                    name: package.name,
                    version: package.version,
                    source: package.source,
                    folder: package.manifest_path.parent().unwrap_or(&package.manifest_path).to_owned(),
                    features: node.features,
                    needs,
                },
            );
        }
        Ok(Graph { packages })
    }

    /// A package of the workspace and all that it reaches, sorted by name and version. What `leave_out` names is
    /// not entered.
    ///
    /// # Errors
    /// When the workspace has no such package.
    pub fn closure(&self, name: &str, leave_out: &[&str]) -> Result<Vec<&Package>, FingerprintError> {
        let own = |package: &Package| package.source.is_none() && package.name == name;
        let (first, _) = self
            .packages
            .iter()
            .find(|(_, package)| own(package))
            .ok_or_else(|| FingerprintError::Metadata(format!("no package `{name}` in the workspace")))?;
        let mut reached = BTreeSet::new();
        let mut waiting = vec![first];
        while let Some(id) = waiting.pop() {
            let Some(package) = self.packages.get(id) else { continue };
            if !leave_out.contains(&package.name.as_str()) && reached.insert(id) {
                waiting.extend(&package.needs);
            }
        }
        let mut packages: Vec<&Package> = reached.into_iter().filter_map(|id| self.packages.get(id)).collect();
        packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(packages)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_closure_has_all_that_is_reached_except_for_tests() {
        let package = |name: &str, source: &str| {
            format!(
                r#"{{"id":"{name}","name":"{name}","version":"1.0.0","source":{source},"manifest_path":"/w/{name}/Cargo.toml"}}"#
            )
        };
        let node = |name: &str, needs: &[(&str, &str)]| {
            let deps: Vec<String> = needs
                .iter()
                .map(|(n, kind)| {
                    format!(r#"{{"name":"{n}","pkg":"{n}","dep_kinds":[{{"kind":{kind},"target":null}}]}}"#)
                })
                .collect();
            format!(r#"{{"id":"{name}","features":["f"],"deps":[{}]}}"#, deps.join(","))
        };
        let json = format!(
            r#"{{"packages":[{}],"resolve":{{"nodes":[{}]}}}}"#,
            [
                package("a", "null"),
                package("b", "null"),
                package("x", "\"r\""),
                package("t", "\"r\""),
                package("c", "null")
            ]
            .join(","),
            [
                node("a", &[("b", "null"), ("t", "\"dev\""), ("c", "null")]),
                node("b", &[("x", "\"build\"")]),
                node("x", &[]),
                node("t", &[]),
                node("c", &[("t", "null")])
            ]
            .join(",")
        );
        let graph = Graph::parse(json.as_bytes()).unwrap();
        let names: Vec<&str> = graph.closure("a", &["c"]).unwrap().iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "x"]);
        assert!(graph.closure("x", &[]).is_err(), "an outside package is none of the workspace");
    }
}
