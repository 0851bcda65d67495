//! The order of instances that read each other, or the circles that allow none.
//!
//! It knows positions in a list, and names only to tell a person of a circle.

use std::collections::{BTreeSet, HashMap};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::graph::Instance;

/// Instances that read each other in a circle, in the order of reading; the first is repeated at the end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", shortened(.0))]
pub struct Cycle(pub Vec<String>);

/// A long circle is told by its beginning and its end.
fn shortened(names: &[String]) -> String {
    const ENDS: usize = 10;
    if names.len() <= 2 * ENDS {
        return names.join(" → ");
    }
    let (first, last) = (&names[..ENDS], &names[names.len() - ENDS..]);
    format!("{} → … {} more … → {}", first.join(" → "), names.len() - 2 * ENDS, last.join(" → "))
}

/// Topological order; of those that are ready, the first in the list goes first.
pub(super) fn order(producers: &[Vec<usize>]) -> Result<Vec<usize>, ()> {
    let mut readers = vec![Vec::new(); producers.len()];
    let mut waiting: Vec<usize> = producers.iter().map(Vec::len).collect();
    for (reader, from) in producers.iter().enumerate() {
        for producer in from {
            readers[*producer].push(reader);
        }
    }
    let mut ready: BTreeSet<usize> = waiting.iter().enumerate().filter(|(_, n)| **n == 0).map(|(i, _)| i).collect();
    let mut order = Vec::with_capacity(producers.len());
    while let Some(next) = ready.pop_first() {
        order.push(next);
        for reader in &readers[next] {
            waiting[*reader] -= 1;
            if waiting[*reader] == 0 {
                ready.insert(*reader);
            }
        }
    }
    if order.len() == producers.len() { Ok(order) } else { Err(()) }
}

/// One circle for each group of instances that read each other.
pub(super) fn cycles(instances: &[Instance], producers: &[Vec<usize>]) -> Vec<Cycle> {
    let mut graph = DiGraph::<(), ()>::new();
    for _ in instances {
        graph.add_node(());
    }
    for (reader, from) in producers.iter().enumerate() {
        for producer in from {
            graph.add_edge(NodeIndex::new(*producer), NodeIndex::new(reader), ());
        }
    }
    let mut found: Vec<Vec<usize>> = kosaraju_scc(&graph)
        .into_iter()
        .map(|group| group.into_iter().map(NodeIndex::index).collect::<Vec<_>>())
        .filter(|group| group.len() > 1 || producers[group[0]].contains(&group[0]))
        .collect();
    found.iter_mut().for_each(|group| group.sort_unstable());
    found.sort();
    found.iter().map(|group| one_cycle(instances, producers, group)).collect()
}

/// Walks from the first of the group towards producers within the group until an instance comes again.
fn one_cycle(instances: &[Instance], producers: &[Vec<usize>], group: &[usize]) -> Cycle {
    let mut path = vec![group[0]];
    let mut seen = HashMap::from([(group[0], 0)]);
    loop {
        let here = path[path.len() - 1];
        let in_group = |producer: &usize| group.binary_search(producer).is_ok();
        let Some(next) = producers[here].iter().copied().find(in_group) else { break };
        path.push(next);
        if let Some(first) = seen.insert(next, path.len() - 1) {
            path.drain(..first);
            break;
        }
    }
    // Towards producers is against the flow; people read along it.
    path.reverse();
    Cycle(path.into_iter().map(|i| instances[i].name.clone()).collect())
}
