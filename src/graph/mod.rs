//! Stage instances after `each` is expanded, and who reads whom.
//!
//! The one place that knows petgraph.

mod by_name;
mod instance;
mod order;

use std::collections::BTreeMap;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

pub use by_name::ByName;
pub use instance::{
    CpuNeed, ExecutorName, Instance, InstanceId, Needs, OutputSpec, Piece, SlurmOptions, Source, Strict, Work,
};
pub use order::Cycle;

use order::{cycles, order};

/// All instances of a pipeline in topological order, and the edges between them.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    instances: Vec<Instance>,
    edges: DiGraph<(), ()>,
}

impl Graph {
    /// Orders instances whose sources refer to positions in `instances`. Ties keep the order of the list.
    ///
    /// # Errors
    /// One cycle for each group of instances that read each other.
    pub fn new(mut instances: Vec<Instance>) -> Result<Self, Vec<Cycle>> {
        let stands_right = |(at, instance)| direct_producers(instance).last().is_none_or(|last| *last < at);
        if instances.iter().enumerate().all(stands_right) {
            return Ok(Graph::ordered(instances));
        }
        let producers: Vec<Vec<usize>> = instances.iter().map(direct_producers).collect();
        let order = match order(&producers) {
            Ok(order) => order,
            Err(()) => return Err(cycles(&instances, &producers)),
        };
        let mut new_id = vec![InstanceId(0); instances.len()];
        for (position, old) in order.iter().enumerate() {
            new_id[*old] = InstanceId(u32::try_from(position).unwrap_or(u32::MAX));
        }
        let mut slots: Vec<Option<Instance>> = instances.drain(..).map(Some).collect();
        let mut sorted: Vec<Instance> = order.iter().filter_map(|old| slots[*old].take()).collect();
        for instance in &mut sorted {
            instance.inputs.values_mut().for_each(|source| source.renumber(&new_id));
        }
        Ok(Graph::ordered(sorted))
    }

    /// The graph of instances that stand in topological order already, their sources referring to positions.
    #[must_use]
    pub(crate) fn ordered(instances: Vec<Instance>) -> Self {
        let mut edges = DiGraph::with_capacity(instances.len(), instances.len());
        for _ in &instances {
            edges.add_node(());
        }
        for (position, instance) in instances.iter().enumerate() {
            for from in direct_producers(instance) {
                edges.add_edge(NodeIndex::new(from), NodeIndex::new(position), ());
            }
        }
        Graph { instances, edges }
    }

    /// All instances, in topological order.
    #[must_use]
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Ids of all instances, in topological order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = InstanceId> + use<> {
        (0..u32::try_from(self.instances.len()).unwrap_or(u32::MAX)).map(InstanceId)
    }

    /// One instance.
    #[must_use]
    pub fn get(&self, id: InstanceId) -> &Instance {
        &self.instances[id.index()]
    }

    /// The instances of a stage, or the one instance of that full name.
    #[must_use]
    pub fn find(&self, name: &str) -> Vec<InstanceId> {
        self.find_all([name]).into_values().next().unwrap_or_default()
    }

    /// For each of several names the instances of that stage, or the one instance of that full name; none where there is
    /// no such.
    #[must_use]
    pub fn find_all<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> BTreeMap<&'n str, Vec<InstanceId>> {
        let mut found: BTreeMap<&str, Vec<InstanceId>> = names.into_iter().map(|name| (name, Vec::new())).collect();
        for (id, instance) in self.ids().zip(&self.instances) {
            if let Some(ids) = found.get_mut(instance.stage.as_str()) {
                ids.push(id);
            }
            if instance.name != instance.stage
                && let Some(ids) = found.get_mut(instance.name.as_str())
            {
                ids.push(id);
            }
        }
        found
    }

    /// Whether stages lie in a namespace: `dev.profile` does in `dev`.
    #[must_use]
    pub fn has_namespace(&self, path: &str) -> bool {
        let within = |stage: &str| stage.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        self.instances.iter().any(|instance| within(&instance.stage))
    }

    /// The instances that an instance reads, each once, in order.
    #[must_use]
    pub fn producers(&self, id: InstanceId) -> Vec<InstanceId> {
        self.neighbours(id, Direction::Incoming)
    }

    /// The instances that read an instance, each once, in order.
    #[must_use]
    pub fn readers(&self, id: InstanceId) -> Vec<InstanceId> {
        self.neighbours(id, Direction::Outgoing)
    }

    fn neighbours(&self, id: InstanceId, direction: Direction) -> Vec<InstanceId> {
        let found = self.edges.neighbors_directed(NodeIndex::new(id.index()), direction);
        let mut ids: Vec<InstanceId> =
            found.map(|node| InstanceId(u32::try_from(node.index()).unwrap_or(u32::MAX))).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// For each instance whether it is one of `targets` or something that they need.
    #[must_use]
    pub fn needed_for(&self, targets: &[InstanceId]) -> Vec<bool> {
        let mut needed = vec![false; self.instances.len()];
        for target in targets {
            needed[target.index()] = true;
        }
        for id in self.ids().rev() {
            if needed[id.index()] {
                for producer in self.producers(id) {
                    needed[producer.index()] = true;
                }
            }
        }
        needed
    }
}

fn direct_producers(instance: &Instance) -> Vec<usize> {
    let mut from: Vec<usize> = instance.inputs.values().flat_map(Source::producers).map(InstanceId::index).collect();
    from.sort_unstable();
    from.dedup();
    from
}
