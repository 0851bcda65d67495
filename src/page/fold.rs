//! The nodes of the drawing: instances one by one, or those of a stage in one node where they are many.

use std::collections::HashMap;

use crate::page::stage::{Stage, State};

/// Instances of a stage that are drawn one by one.
const MOST_ALONE: usize = 6;
/// Most nodes that are drawn, and most instances before the stages of all of them are folded.
const MOST_NODES: usize = 250;
const MOST_INSTANCES: usize = 40;
/// Most edges that are drawn.
const MOST_EDGES: usize = 2_000;

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    /// Positions of its instances in the list of stages.
    pub(super) of: Vec<usize>,
    /// What is written in it: the stage, and the labels of a single instance.
    pub(super) name: String,
    pub(super) labels: String,
    /// The worst of its states.
    pub(super) state: State,
    /// Seconds of all its instances.
    pub(super) seconds: Option<f64>,
}

/// The nodes, in topological order, and who reads whom.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<(usize, usize)>,
    /// Stages and edges that are left out because there are too many.
    pub(super) left_out: usize,
    pub(super) edges_left_out: usize,
    /// Edges that a longer way implies; without them the others can be followed.
    pub(super) implied: usize,
}

/// Folds the stages of a run.
pub(super) fn fold(stages: &[Stage]) -> Folded {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for stage in stages {
        *counts.entry(&stage.planned.stage).or_default() += 1;
    }
    let most = if stages.len() > MOST_INSTANCES { 1 } else { MOST_ALONE };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut group_of = vec![0; stages.len()];
    let mut folded: HashMap<&str, usize> = HashMap::new();
    for (place, stage) in stages.iter().enumerate() {
        let name = stage.planned.stage.as_str();
        let group = match folded.get(name) {
            Some(group) => *group,
            None => {
                groups.push(Vec::new());
                if counts[name] > most {
                    folded.insert(name, groups.len() - 1);
                }
                groups.len() - 1
            }
        };
        groups[group].push(place);
        group_of[place] = group;
    }
    let mut edges: Vec<(usize, usize)> = Vec::new();
    let mut enough = 100_000;
    for (place, stage) in stages.iter().enumerate() {
        edges.extend(stage.planned.reads.iter().map(|from| (group_of[*from], group_of[place])));
        // Fan-ins of thousands of instances come down to few edges between groups.
        if edges.len() > enough {
            edges.sort_unstable();
            edges.dedup();
            enough = enough.max(2 * edges.len());
        }
    }
    edges.sort_unstable();
    edges.dedup();
    sorted(stages, groups, edges)
}

/// Numbers the groups so that edges lead upwards, and leaves out what is too much.
fn sorted(stages: &[Stage], groups: Vec<Vec<usize>>, edges: Vec<(usize, usize)>) -> Folded {
    let count = groups.len();
    let mut readers = vec![Vec::new(); count];
    let mut waiting = vec![0; count];
    for &(from, to) in edges.iter().filter(|(from, to)| from != to) {
        readers[from].push(to);
        waiting[to] += 1;
    }
    let mut ready: std::collections::BTreeSet<usize> = (0..count).filter(|group| waiting[*group] == 0).collect();
    let mut number = vec![usize::MAX; count];
    let mut order = Vec::with_capacity(count);
    while let Some(group) = ready.pop_first() {
        number[group] = order.len();
        order.push(group);
        for reader in &readers[group] {
            waiting[*reader] -= 1;
            if waiting[*reader] == 0 {
                ready.insert(*reader);
            }
        }
    }
    let drawn = order.len().min(MOST_NODES);
    let nodes: Vec<Node> = order[..drawn].iter().map(|group| node(stages, &groups[*group])).collect();
    let inside = |(from, to): (usize, usize)| {
        let pair = (number[from], number[to]);
        (pair.0 < pair.1 && pair.1 < drawn).then_some(pair)
    };
    let mut kept: Vec<(usize, usize)> = edges.into_iter().filter_map(inside).collect();
    kept.sort_unstable();
    let all = kept.len();
    reduce(drawn, &mut kept);
    let implied = all - kept.len();
    let edges_left_out = kept.len().saturating_sub(MOST_EDGES);
    kept.truncate(MOST_EDGES);
    let shown: usize = nodes.iter().map(|node| node.of.len()).sum();
    Folded { nodes, edges: kept, left_out: stages.len() - shown, edges_left_out, implied }
}

/// Takes out the edges between whose ends there is a longer way. Edges lead upwards.
fn reduce(count: usize, edges: &mut Vec<(usize, usize)>) {
    let mut readers = vec![Vec::new(); count];
    for &(from, to) in edges.iter() {
        readers[from].push(to);
    }
    // For each node all that can be reached from it.
    let mut reached: Vec<Vec<bool>> = vec![vec![false; count]; count];
    for from in (0..count).rev() {
        let mut own = vec![false; count];
        for to in &readers[from] {
            own[*to] = true;
            own.iter_mut().zip(&reached[*to]).for_each(|(own, further)| *own |= further);
        }
        reached[from] = own;
    }
    edges.retain(|(from, to)| !readers[*from].iter().any(|by| by != to && reached[*by][*to]));
}

fn node(stages: &[Stage], of: &[usize]) -> Node {
    let first = &stages[of[0]];
    let labels = match of {
        [_] => {
            let labels = first.planned.name.strip_prefix(first.planned.stage.as_str()).unwrap_or_default();
            labels.trim_start_matches('[').trim_end_matches(']').to_owned()
        }
        _ => format!("{} instances", of.len()),
    };
    let states = of.iter().map(|place| stages[*place].state);
    let seconds: Vec<f64> = of.iter().filter_map(|place| stages[*place].seconds).collect();
    Node {
        of: of.to_vec(),
        name: first.planned.stage.clone(),
        labels,
        state: states.min().unwrap_or(State::NotNeeded),
        seconds: (!seconds.is_empty()).then(|| seconds.iter().sum()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::outline::Planned;

    fn stage(name: String, state: State, reads: Vec<usize>) -> Stage {
        let stage = name.split('[').next().unwrap_or_default().to_owned();
        let planned = Planned { name, stage, reads, ..Planned::default() };
        Stage { planned, state, told: Default::default(), key: None, seconds: Some(1.0) }
    }

    #[test]
    fn few_instances_stand_alone_and_many_in_one_node() {
        let few = |n| -> Vec<Stage> {
            let mut all = vec![stage("data".into(), State::Fresh, vec![])];
            all.extend(
                (0..n).map(|i| stage(format!("fit[i={i}]"), if i == 1 { State::Failed } else { State::Ran }, vec![0])),
            );
            all.push(stage("table".into(), State::NotStarted, (1..=n).collect()));
            all
        };
        let alone = fold(&few(3));
        assert_eq!((alone.nodes.len(), alone.edges.len()), (5, 6));
        assert_eq!((alone.nodes[1].name.as_str(), alone.nodes[1].labels.as_str()), ("fit", "i=0"));
        let many = fold(&few(5_000));
        assert_eq!((many.nodes.len(), many.edges.clone(), many.left_out), (3, vec![(0, 1), (1, 2)], 0));
        let fit = &many.nodes[1];
        assert_eq!((fit.labels.as_str(), fit.state, fit.seconds), ("5000 instances", State::Failed, Some(5_000.0)));
    }

    #[test]
    fn an_edge_that_a_longer_way_implies_is_left_out_and_counted() {
        let name = |n: &str| n.to_owned();
        let all = [
            stage(name("a"), State::Ran, vec![]),
            stage(name("b"), State::Ran, vec![0]),
            stage(name("c"), State::Ran, vec![0, 1]),
            stage(name("d"), State::Ran, vec![0, 2]),
            stage(name("e"), State::Ran, vec![0]),
        ];
        let folded = fold(&all);
        assert_eq!((folded.edges, folded.implied), (vec![(0, 1), (0, 4), (1, 2), (2, 3)], 2));
    }

    #[test]
    fn what_is_too_much_is_left_out_and_counted() {
        let chain: Vec<Stage> = (0..5_000_usize)
            .map(|i| stage(format!("s{i}"), State::Ran, i.checked_sub(1).into_iter().collect()))
            .collect();
        let folded = fold(&chain);
        assert_eq!((folded.nodes.len(), folded.left_out), (MOST_NODES, 5_000 - MOST_NODES));
        assert_eq!(folded.edges.len(), MOST_NODES - 1);
    }
}
