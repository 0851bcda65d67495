//! The network as data: graph, builders, runner, counting, slicing, folding.
