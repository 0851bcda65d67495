//! Random small graphs, in which every op occurs, with a gate wherever `slice` accepts one.
use nnf_net::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// One step of growth: what to add, how far back its input lies, and numbers for sizes.
pub(crate) type Step = (u8, usize, [i64; 2], bool);

/// Whether the input is tokens, not an image, and how the graph grows.
pub(crate) fn plans() -> impl Strategy<Value = (bool, Vec<Step>)> {
    (any::<bool>(), vec((0..24_u8, 0..4_usize, [0..4_i64, 0..4_i64], any::<bool>()), 3..14))
}

struct Growing {
    nodes: Vec<Node>,
}

impl Growing {
    fn new(tokens: bool) -> Self {
        let shape = if tokens { vec![5, 4] } else { vec![2, 8, 8] };
        Growing { nodes: vec![Node::new("n0", Op::Input { shape }, Vec::new())] }
    }

    fn network(&self) -> Network {
        let last = self.nodes.last().unwrap().name.clone();
        Network::new("random", self.nodes.clone(), &[last]).unwrap()
    }

    /// Adds a node if it fits, and says where the value is now.
    fn add(&mut self, op: Op, inputs: &[usize]) -> usize {
        self.add_sharing(op, inputs, None)
    }

    /// The same with the parameters, or gates, of another.
    fn add_sharing(&mut self, op: Op, inputs: &[usize], with: Option<usize>) -> usize {
        let name = format!("n{}", self.nodes.len());
        let named = inputs.iter().map(|id| self.nodes[*id].name.clone()).collect();
        let shares = with.map(|id| self.nodes[id].shares.clone().unwrap_or(self.nodes[id].name.clone()));
        self.nodes.push(Node { shares, ..Node::new(&name, op, named) });
        if Network::new("random", self.nodes.clone(), &[name]).is_err() {
            self.nodes.pop();
            return inputs.first().copied().unwrap_or(0);
        }
        self.nodes.len() - 1
    }

    fn shape(&self, at: usize) -> Vec<i64> {
        self.network().shape_of(at).to_vec()
    }

    fn step(&mut self, (what, back, [a, b], flag): Step) {
        let at = self.nodes.len() - 1 - back.min(self.nodes.len() - 1);
        match self.shape(at)[..] {
            [_, height, width] => self.step_of_image((what, at, [a, b], flag), [height, width]),
            _ => self.step_of_tokens((what, at, [a, b], flag)),
        };
    }

    fn step_of_image(&mut self, (what, at, [a, b], flag): Step, size: [i64; 2]) -> usize {
        let channels = self.shape(at)[0];
        let (kernel, stride) = (1 + 2 * (b / 2), 1 + b % 2);
        let same = Padding::same(size, kernel, stride);
        let padding = if flag { same } else { Padding::from(kernel / 2) };
        match what {
            0..=2 => self.add(Op::Conv2d { out: 2 + a, kernel, stride, padding, groups: 1, bias: flag }, &[at]),
            3 | 4 => {
                let padding = if a > 1 { Padding::same(size, 3, stride) } else { 1.into() };
                self.add(Op::Conv2d { out: channels, kernel: 3, stride, padding, groups: channels, bias: flag }, &[at])
            }
            9 => {
                let kernel = 2 + a % 2;
                let padding = if flag { Padding::same(size, kernel, stride) } else { (a % 2).into() };
                self.add(Op::MaxPool { kernel, stride, padding }, &[at])
            }
            10 if flag => self.add(Op::Resize { height: size[0] * (1 + a / 2), width: size[1] * (1 + b / 2) }, &[at]),
            10 => self.add(Op::Resize { height: size[0] + a, width: size[1] + 2 * b }, &[at]),
            11 => self.add(Op::Tokens, &[at]),
            12 | 13 => self.excite(at, channels, a, flag),
            14 | 15 => self.levels(at, channels, size, a, flag),
            _ => self.step_of_any((what, at, [a, b], flag)),
        }
    }

    fn step_of_tokens(&mut self, (what, at, [a, b], flag): Step) -> usize {
        match what {
            0..=2 => self.add(Op::Linear { out: 2 + 2 * a, bias: flag }, &[at]),
            3 | 4 | 12 => {
                let parts = [0; 3].map(|_: i64| self.add(Op::Linear { out: 4, bias: flag }, &[at]));
                self.add(Op::Attention { heads: 1 + a % 2 }, &parts)
            }
            9..=11 => self.add(if flag { Op::ClassToken } else { Op::PositionEmbedding }, &[at]),
            13 => {
                let first = self.add(Op::Linear { out: self.channels(at), bias: flag }, &[at]);
                let act = self.add(Op::Gelu, &[first]);
                self.add_sharing(Op::Linear { out: self.channels(at), bias: flag }, &[act], Some(first))
            }
            _ => self.step_of_any((what, at, [a, b], flag)),
        }
    }

    fn channels(&self, at: usize) -> i64 {
        self.network().channels_of(at)
    }

    fn step_of_any(&mut self, (what, at, [a, b], flag): Step) -> usize {
        match what {
            5 | 6 => {
                let norm = self.add(Op::BatchNorm { eps: 1e-5, momentum: 0.1 }, &[at]);
                self.add(Op::LayerNorm { eps: 1e-3 }, &[norm])
            }
            7 | 8 => {
                let acts = [Op::Relu, Op::Relu6, Op::Gelu, Op::Sigmoid, Op::Silu, Op::Silu, Op::Sigmoid];
                self.add(acts[usize::try_from(a + b).unwrap()].clone(), &[at])
            }
            16 => {
                let other = self.same(at, self.channels(at), flag);
                self.add(if flag { Op::Multiply } else { Op::WeightedFusion { eps: 1e-4 } }, &[at, other])
            }
            17 => {
                let shape = self.shape(at);
                let constant = self.add(Op::Constant { shape }, &[]);
                self.add(Op::Add, &[at, constant])
            }
            18 => {
                let pooled = self.pooled(at);
                let scores = self.add(Op::Linear { out: 2, bias: flag }, &[pooled]);
                let other = self.same(at, self.channels(at), flag);
                self.add(Op::Mixture, &[scores, at, other])
            }
            _ => self.branch(at, a, flag),
        }
    }

    /// A layer that keeps the places.
    fn same(&mut self, from: usize, out: i64, bias: bool) -> usize {
        let op = match self.shape(from).len() {
            3 => Op::Conv2d { out, kernel: 3, stride: 1, padding: 1.into(), groups: 1, bias },
            _ => Op::Linear { out, bias },
        };
        self.add(op, &[from])
    }

    fn pooled(&mut self, from: usize) -> usize {
        match self.shape(from)[..] {
            [_, _, _] => self.add(Op::GlobalAveragePool, &[from]),
            [tokens, _] => self.add(Op::SelectToken { index: tokens - 1 }, &[from]),
            _ => from,
        }
    }

    /// A residual branch, which gates can empty.
    fn branch(&mut self, from: usize, width: i64, flag: bool) -> usize {
        let mut at = self.same(from, 2 + width, flag);
        at = self.add(if flag { Op::Gelu } else { Op::BatchNorm { eps: 1e-5, momentum: 0.1 } }, &[at]);
        at = self.add(Op::Relu, &[at]);
        at = self.same(at, self.channels(from), flag);
        self.add(Op::Add, &[at, from])
    }

    /// Squeeze-and-excite.
    fn excite(&mut self, at: usize, channels: i64, width: i64, bias: bool) -> usize {
        let wide = self.same(at, channels + 1, false);
        let wide = self.add(Op::Silu, &[wide]);
        let pooled = self.add(Op::GlobalAveragePool, &[wide]);
        let few = self.add(Op::Linear { out: 1 + width, bias }, &[pooled]);
        let few = self.add(Op::Silu, &[few]);
        let factors = self.add(Op::Linear { out: channels + 1, bias }, &[few]);
        let factors = self.add(Op::Sigmoid, &[factors]);
        let excited = self.add(Op::Multiply, &[wide, factors]);
        self.same(excited, channels, bias)
    }

    /// One head over two levels, each with norms of its own, and what both give fused.
    fn levels(&mut self, at: usize, channels: i64, size: [i64; 2], width: i64, flag: bool) -> usize {
        let low = self.add(Op::MaxPool { kernel: 2, stride: 2, padding: Padding::same(size, 2, 2) }, &[at]);
        let wide = Op::Conv2d { out: 2 + width, kernel: 3, stride: 1, padding: 1.into(), groups: 1, bias: flag };
        let narrow = Op::Conv2d { out: channels, kernel: 1, stride: 1, padding: 0.into(), groups: 1, bias: true };
        let norm = Op::BatchNorm { eps: 1e-5, momentum: 0.1 };
        let mut owners: Option<[usize; 3]> = None;
        let mut ends = Vec::new();
        for level in [at, low] {
            let first = self.add_sharing(wide.clone(), &[level], owners.map(|owners| owners[0]));
            // Now and then both levels have the same norm.
            let shared = owners.filter(|_| width == 3).map(|owners| owners[1]);
            let normed = self.add_sharing(norm.clone(), &[first], shared);
            let act = self.add(Op::Relu, &[normed]);
            let last = self.add_sharing(narrow.clone(), &[act], owners.map(|owners| owners[2]));
            owners = owners.or(Some([first, normed, last]));
            ends.push(self.add(Op::Resize { height: size[0], width: size[1] }, &[last]));
        }
        self.add(Op::WeightedFusion { eps: 1e-4 }, &ends)
    }

    /// Ends in three logits.
    fn finish(&mut self) {
        let at = self.pooled(self.nodes.len() - 1);
        self.add(Op::Linear { out: 3, bias: true }, &[at]);
    }

    /// Puts a gate behind every node where `slice` takes one beside those that are there; else gates of one layer behind
    /// all values of the node's group that something mixes.
    fn gate(&mut self) {
        let mut at = 1;
        while at < self.nodes.len() - 1 {
            let (name, network) = (self.nodes[at].name.clone(), self.network());
            let groups = ChannelGroups::of(&network);
            let group = &groups.groups()[groups.of_node(at)];
            if group.members.iter().any(|id| network.nodes()[*id].op.is_gate()) {
                at += 1;
                continue;
            }
            let own = |id: &usize| groups.of_node(*id) == groups.of_node(at);
            let mut read: Vec<usize> =
                group.consumers.iter().flat_map(|reader| network.inputs_of(*reader)).copied().filter(own).collect();
            read.sort_unstable();
            read.dedup();
            for behind in [vec![at], read] {
                let candidate = self.gated(&behind, group.block);
                let network = candidate.network();
                if !behind.is_empty() && slice_network(&network, &GateVector::open(&network.gate_layers())).is_ok() {
                    *self = candidate;
                    break;
                }
            }
            at = self.nodes.iter().position(|node| node.name == name).unwrap() + 1;
        }
    }

    /// With gates of one layer behind some nodes, which are in order.
    fn gated(&self, behind: &[usize], block: i64) -> Growing {
        let mut nodes = self.nodes.clone();
        let layer = behind.first().map(|id| format!("{}.gate", nodes[*id].name));
        for (number, id) in behind.iter().enumerate().rev() {
            let name = nodes[*id].name.clone();
            let shares = layer.clone().filter(|_| number > 0);
            let gate = Node { shares, ..Node::new(format!("{name}.gate"), Op::Gate { block }, vec![name.clone()]) };
            for input in nodes[id + 1..].iter_mut().flat_map(|node| &mut node.inputs).filter(|input| **input == name) {
                input.clone_from(&gate.name);
            }
            nodes.insert(id + 1, gate);
        }
        Growing { nodes }
    }
}

/// The graph of a plan, gated.
pub(crate) fn grown((tokens, steps): &(bool, Vec<Step>)) -> Network {
    let mut growing = Growing::new(*tokens);
    for step in steps {
        growing.step(*step);
    }
    growing.finish();
    growing.gate();
    growing.network()
}

/// Gates of which some layers keep nothing, some half, some all.
pub(crate) fn gates_of(network: &Network, random: &mut Random) -> GateVector {
    let layer = |layer: GateLayer| {
        let share = [0.0, 0.5, 0.5, 1.0][random.below(4)];
        (0..layer.width).map(|_| random.unit() < share).collect()
    };
    GateVector(network.gate_layers().into_iter().map(layer).collect())
}
