//! What nodes have, as `sinfo` tells of each partition.

use crate::executor::Refusal;
use crate::graph::{CpuNeed, Needs};

/// Nodes of a partition that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeFacts {
    partition: String,
    /// Whether jobs go there that name no partition.
    usual: bool,
    pub(crate) cores: u32,
    /// In bytes.
    memory: u64,
    gpus: u32,
}

/// What `sinfo` is asked to print.
pub(crate) const FORMAT: &str = "%P|%c|%m|%G";

impl NodeFacts {
    /// Whether jobs run there that name this partition, or none. A list of several means any of them.
    pub(crate) fn is_in(&self, partition: Option<&str>) -> bool {
        partition.map_or(self.usual, |named| named.split(',').any(|named| named == self.partition))
    }
}

/// Whether a node of a partition could have all that is needed; nothing is said against what no node of it is known for.
pub(crate) fn fits(nodes: &[NodeFacts], partition: Option<&str>, needs: &Needs) -> Result<(), Refusal> {
    let nodes: Vec<&NodeFacts> = nodes.iter().filter(|node| node.is_in(partition)).collect();
    if nodes.is_empty() {
        return Ok(());
    }
    let place = match partition {
        Some(partition) => format!("the largest node of the partition {partition}"),
        None => "the largest node of the usual partition".to_owned(),
    };
    let most = |of: &dyn Fn(&NodeFacts) -> u64| nodes.iter().map(|node| of(node)).max().unwrap_or(0);
    let small = |most: u64| u32::try_from(most).unwrap_or(u32::MAX);
    let (cores, gpus) = (small(most(&|node| node.cores.into())), small(most(&|node| node.gpus.into())));
    let memory = most(&|node| node.memory);
    match needs.cpus {
        _ if needs.gpus > gpus => Err(Refusal::Gpus { asked: needs.gpus, there: gpus, place }),
        _ if needs.memory > memory => Err(Refusal::Memory { asked: needs.memory, there: memory, place }),
        CpuNeed::Count(asked) if asked > cores => Err(Refusal::Cores { asked, there: cores, place }),
        _ => Ok(()),
    }
}

/// Reads what it printed. A line that is none is left out.
pub(crate) fn nodes(text: &str) -> Vec<NodeFacts> {
    let node = |line: &str| {
        let mut parts = line.trim().splitn(4, '|');
        let (partition, cores, memory, gres) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let name = partition.trim_end_matches('*');
        let number = |text: &str| text.trim().trim_end_matches('+').parse::<u32>().ok();
        let memory = u64::from(number(memory)?) << 20;
        let usual = name != partition;
        Some(NodeFacts { partition: name.to_owned(), usual, cores: number(cores)?, memory, gpus: gpus(gres) })
    };
    text.lines().filter_map(node).collect()
}

/// How many GPUs there are, as in `gpu:a100:4(S:0-1),craynetwork:8`.
fn gpus(gres: &str) -> u32 {
    let (mut plain, mut depth) = (String::new(), 0_u32);
    for c in gres.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let of = |part: &str| {
        let mut words = part.trim().split(':');
        let is_gpu = words.next() == Some("gpu");
        is_gpu.then(|| words.next_back().map_or(1, |count| count.parse().unwrap_or(1)))
    };
    plain.split(',').filter_map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn partitions_and_their_nodes() {
        let nodes = nodes("main*|2|2000|(null)\nmain*|64|2000|gpu:2\nlong|128+|1000+|x\nsinfo: warning\n|\nx|y|1|\n");
        let cores = |partition| -> Vec<u32> {
            nodes.iter().filter(|node| node.is_in(partition)).map(|node| node.cores).collect()
        };
        assert_eq!(cores(None), [2, 64]);
        assert_eq!(cores(Some("long")), [128]);
        assert_eq!(cores(Some("long,main")), [2, 64, 128]);
        assert!(cores(Some("none")).is_empty());
    }

    #[test]
    fn gpus_are_counted_however_they_are_told() {
        for (told, count) in [
            ("(null)", 0),
            ("", 0),
            ("gpu", 1),
            ("gpu:2", 2),
            ("gpu:a100:4(S:0,1),craynetwork:8", 4),
            ("gpu:a:1(IDX:0),gpu:b:3", 4),
            ("gpumem:80", 0),
        ] {
            assert_eq!(gpus(told), count, "{told}");
        }
    }

    #[test]
    fn what_no_node_has_is_refused_and_told() {
        let nodes = nodes("main*|2|4096|(null)\nmain*|64|2048|gpu:2\n");
        let fits = |partition, cpus, memory, gpus| {
            let needs = Needs { cpus: CpuNeed::Count(cpus), memory, gpus };
            fits(&nodes, partition, &needs).map_err(|refusal| refusal.to_string())
        };
        assert_eq!(fits(None, 64, 4 * GIB, 2), Ok(()), "which of them together, Slurm knows");
        assert_eq!(fits(Some("cloud"), 999, 0, 0), Ok(()), "it is not known");
        let usual = "the largest node of the usual partition has";
        assert_eq!(fits(None, 65, 0, 0), Err(format!("it needs 65 cores, and {usual} 64")));
        assert_eq!(fits(None, 1, 5 * GIB, 0), Err(format!("it needs 5.0 GiB of memory, and {usual} 4.0")));
        let named = "the largest node of the partition main has";
        assert_eq!(fits(Some("main"), 1, 0, 3), Err(format!("it needs 3 GPUs, and {named} 2")));
    }
}
