//! Groups, importance and removed channels against Torch-Pruning: files made by `tests/peer/pruning.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nnf_net::{ChannelGroup, ChannelGroups, Network, Op, Weights, mobilenet_v2, resnet, vit};
use serde::Deserialize;

use crate::{Ranking, Scope, importance};

#[derive(Deserialize)]
struct Golden {
    groups: Vec<Group>,
    #[serde(default)]
    unrestricted: Vec<Pruning>,
    #[serde(default)]
    restricted: Vec<Pruning>,
}

#[derive(Deserialize)]
struct Group {
    members: BTreeSet<String>,
    width: i64,
    #[serde(default)]
    importance: Vec<f64>,
}

#[derive(Deserialize)]
struct Pruning {
    ratio: f64,
    removed: Vec<Removed>,
}

#[derive(Deserialize)]
struct Removed {
    members: BTreeSet<String>,
    channels: BTreeSet<i64>,
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(file)
}

fn golden(name: &str) -> Golden {
    serde_json::from_str(&fs_err::read_to_string(path(&format!("{name}.json"))).unwrap()).unwrap()
}

/// A group's members as Torch-Pruning lists them: modules with weights, and on which side of them the channels are.
fn members(network: &Network, group: &ChannelGroup) -> BTreeSet<String> {
    let name = |id: &usize| network.nodes()[*id].name.as_str();
    let weighty = |id: &&usize| {
        let op = &network.nodes()[**id].op;
        matches!(op, Op::Conv2d { .. } | Op::Linear { .. } | Op::BatchNorm { .. } | Op::LayerNorm { .. })
    };
    let made = group.producers.iter().chain(&group.members).filter(weighty).map(|id| format!("{}.out", name(id)));
    made.chain(group.consumers.iter().filter(weighty).map(|id| format!("{}.in", name(id)))).collect()
}

/// Removable groups of a network by their members.
fn groups(network: &Network) -> BTreeMap<BTreeSet<String>, ChannelGroup> {
    let groups = ChannelGroups::of(network);
    let removable = groups.groups().iter().filter(|group| group.removable);
    removable.map(|group| (members(network, group), group.clone())).collect()
}

fn same_groups(network: &Network, golden: &Golden) {
    let ours: BTreeMap<BTreeSet<String>, i64> =
        groups(network).into_iter().map(|(members, group)| (members, group.width)).collect();
    let theirs: BTreeMap<BTreeSet<String>, i64> =
        golden.groups.iter().map(|group| (group.members.clone(), group.width)).collect();
    assert_eq!(ours, theirs);
}

fn same_importance(network: &Network, weights: &Weights, golden: &Golden) {
    let ours = groups(network);
    for group in &golden.groups {
        let found = importance(network, weights, &ours[&group.members]).unwrap().unwrap();
        assert_eq!(found.len(), group.importance.len());
        for (one, two) in found.iter().zip(&group.importance) {
            assert!((one - two).abs() < 1e-5 * two, "{:?}: {one} {two}", group.members);
        }
    }
}

fn same_channels(network: &Network, weights: &Weights, scope: Scope, pruning: &Pruning) {
    let ranking = Ranking::of(network, weights, scope).unwrap();
    let groups = ChannelGroups::of(network);
    let in_scope = |group: &ChannelGroup| {
        let gated = group.members.iter().any(|id| network.nodes()[*id].op.is_gate());
        group.removable && (gated || scope == Scope::All)
    };
    let channels: i64 = groups.groups().iter().filter(|group| in_scope(group)).map(|group| group.width).sum();
    let count = channels - (channels as f64 * (1.0 - pruning.ratio)) as i64;
    let keep = ranking.keep(usize::try_from(count).unwrap());
    let mut ours: BTreeMap<BTreeSet<String>, BTreeSet<i64>> = BTreeMap::new();
    for (group, kept) in groups.groups().iter().zip(keep) {
        if let Some(kept) = kept {
            let gone = (0..group.width).filter(|channel| !kept.contains(channel)).collect();
            ours.insert(members(network, group), gone);
        }
    }
    let theirs: BTreeMap<BTreeSet<String>, BTreeSet<i64>> =
        pruning.removed.iter().map(|removed| (removed.members.clone(), removed.channels.clone())).collect();
    assert_eq!(ours, theirs, "{scope:?} {}", pruning.ratio);
}

fn same(name: &str, (network, weights): &(Network, Weights), scopes: &[Scope]) {
    let golden = golden(name);
    weights.check(network).unwrap();
    same_groups(network, &golden);
    same_importance(network, weights, &golden);
    for scope in scopes {
        let prunings = if *scope == Scope::All { &golden.unrestricted } else { &golden.restricted };
        assert!(prunings.len() >= 2);
        prunings.iter().for_each(|pruning| same_channels(network, weights, *scope, pruning));
    }
}

fn weights(name: &str) -> Weights {
    Weights::load(&path(&format!("{name}.safetensors"))).unwrap()
}

pub(super) fn narrow_resnet() -> (Network, Weights) {
    let mut config = resnet::Config::preset("resnet-numvqa").unwrap();
    config.widths = vec![6, 8, 10, 12];
    config.stem_channels = 6;
    config.stem_pool = true;
    (config.build().unwrap(), weights("resnet-narrow"))
}

pub(super) fn narrow_mobilenet() -> (Network, Weights) {
    let published = mobilenet_v2::Config::preset("mobilenet-v2").unwrap();
    let config = mobilenet_v2::Config {
        input: [3, 64, 64],
        classes: 2,
        layout: vec![1, 2, 2, 1],
        widths: vec![4, 6, 8, 10],
        expansions: vec![1, 3, 3, 2],
        strides: vec![1, 2, 2, 1],
        ..published
    };
    (config.build().unwrap(), weights("mobilenet-narrow"))
}

pub(super) fn narrow_vit() -> (Network, Weights) {
    let published = vit::Config::preset("vit-numvqa").unwrap();
    let network = vit::Config { depth: 2, dim: 8, heads: 2, ffn: 12, ..published }.build().unwrap();
    let mut named = Weights::default();
    for (name, tensor) in weights("vit-narrow").iter() {
        match name {
            // A parameter of a module in PyTorch, of a node of its own here.
            "encoder.pos_embedding" => named.insert(format!("{name}.embedding"), tensor.squeeze_dim(0)),
            _ => named.insert(name, tensor.shallow_clone()),
        }
    }
    (network, named)
}

#[test]
fn resnet18_has_the_groups_of_torch_pruning() {
    same_groups(&resnet::Config::preset("resnet18").unwrap().build().unwrap(), &golden("resnet18-groups"));
}

#[test]
fn a_narrow_resnet_is_pruned_as_by_torch_pruning() {
    same("resnet-narrow", &narrow_resnet(), &[Scope::All, Scope::Gated]);
}

#[test]
fn a_narrow_mobilenet_is_pruned_as_by_torch_pruning() {
    same("mobilenet-narrow", &narrow_mobilenet(), &[Scope::All, Scope::Gated]);
}

#[test]
fn a_narrow_vit_is_pruned_as_by_torch_pruning() {
    // Beyond the gated channels Torch-Pruning would take single channels out of heads, where ours takes whole heads.
    same("vit-narrow", &narrow_vit(), &[Scope::Gated]);
}
