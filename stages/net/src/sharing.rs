//! Nodes that use the parameters, or obey the gates, of another: `shares` names the first of them, their owner.

use std::collections::BTreeMap;
use std::mem::discriminant;

use crate::graph::Node;
use crate::op::Op;

/// Whether node `b` may use what belongs to `a`, as far as the ops tell.
pub(crate) fn alike(a: &Op, b: &Op) -> bool {
    discriminant(a) == discriminant(b)
}

/// Under which names the owners of a changed graph stood before.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Renamed(BTreeMap<String, String>);

impl Renamed {
    /// The old name of an owner.
    pub(crate) fn before<'a>(&'a self, owner: &'a str) -> &'a str {
        self.0.get(owner).map_or(owner, String::as_str)
    }
}

/// Where an owner is not among the nodes any more, or has become something else, the first that shared with it takes
/// its place.
pub(crate) fn settle(nodes: &mut [Node]) -> Renamed {
    let mut renamed = Renamed::default();
    let mut heirs: BTreeMap<String, String> = BTreeMap::new();
    for at in 0..nodes.len() {
        let (before, rest) = nodes.split_at_mut(at);
        let node = &mut rest[0];
        let Some(owner) = node.shares.clone() else { continue };
        if before.iter().any(|other| other.name == owner && alike(&other.op, &node.op)) {
            continue;
        }
        match heirs.get(&owner) {
            Some(heir) => node.shares = Some(heir.clone()),
            None => {
                node.shares = None;
                renamed.0.insert(node.name.clone(), owner.clone());
                heirs.insert(owner, node.name.clone());
            }
        }
    }
    renamed
}
