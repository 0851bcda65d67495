//! What nodes have, as `sinfo` tells of each partition.

/// Nodes of a partition that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeFacts {
    partition: String,
    /// Whether jobs go there that name no partition.
    usual: bool,
    pub(crate) cores: u32,
}

/// What `sinfo` is asked to print.
pub(crate) const FORMAT: &str = "%P|%c";

impl NodeFacts {
    /// Whether jobs run there that name this partition, or none. A list of several means any of them.
    pub(crate) fn is_in(&self, partition: Option<&str>) -> bool {
        partition.map_or(self.usual, |named| named.split(',').any(|named| named == self.partition))
    }
}

/// Reads what it printed. A line that is none is left out.
pub(crate) fn nodes(text: &str) -> Vec<NodeFacts> {
    let node = |line: &str| {
        let (partition, cores) = line.trim().split_once('|')?;
        let name = partition.trim_end_matches('*');
        let cores = cores.trim_end_matches('+').parse().ok()?;
        Some(NodeFacts { partition: name.to_owned(), usual: name != partition, cores })
    };
    text.lines().filter_map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_and_their_nodes() {
        let nodes = nodes("main*|2\nmain*|64\nlong|128+\nsinfo: warning\n|\nx|y\n");
        let cores = |partition| -> Vec<u32> {
            nodes.iter().filter(|node| node.is_in(partition)).map(|node| node.cores).collect()
        };
        assert_eq!(cores(None), [2, 64]);
        assert_eq!(cores(Some("long")), [128]);
        assert_eq!(cores(Some("long,main")), [2, 64, 128]);
        assert!(cores(Some("none")).is_empty());
    }
}
