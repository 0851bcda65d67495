//! What slicing, folding and removing promise, on random small graphs.
//!
//! A graph grows by random steps; a gate stands wherever `slice` accepts one. Whatever is accepted must be exact.
use nnf_net::*;
use proptest::collection::vec;
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use crate::support::{difference, small, trained_like};

/// One step of growth: what to add, how far back its input lies, and numbers for sizes.
type Step = (u8, usize, [i64; 2], bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec((0..16_u8, 0..4_usize, [0..4_i64, 0..4_i64], any::<bool>()), 3..14)
}

struct Growing {
    nodes: Vec<Node>,
}

impl Growing {
    fn new() -> Self {
        Growing { nodes: vec![Node { name: "n0".into(), op: Op::Input { shape: vec![2, 8, 8] }, inputs: Vec::new() }] }
    }

    fn network(&self) -> Network {
        let last = self.nodes.last().unwrap().name.clone();
        Network::new("random", self.nodes.clone(), &[last]).unwrap()
    }

    /// Adds a node if it fits, and says where the value is now.
    fn add(&mut self, op: Op, inputs: &[usize]) -> usize {
        let name = format!("n{}", self.nodes.len());
        let inputs_named = inputs.iter().map(|id| self.nodes[*id].name.clone()).collect();
        self.nodes.push(Node { name: name.clone(), op, inputs: inputs_named });
        if Network::new("random", self.nodes.clone(), &[name]).is_err() {
            self.nodes.pop();
            return inputs[0];
        }
        self.nodes.len() - 1
    }

    fn step(&mut self, (what, back, [a, b], flag): Step) {
        let at = self.nodes.len() - 1 - back.min(self.nodes.len() - 1);
        let shape = self.network_shape(at);
        let conv = |out: i64, kernel: i64, groups: i64| Op::Conv2d {
            out,
            kernel,
            stride: 1 + b % 2,
            padding: kernel / 2,
            groups,
            bias: flag,
        };
        match what {
            0..=2 if shape.len() == 3 => drop(self.add(conv(2 + a, 1 + 2 * (b / 2), 1), &[at])),
            0..=2 => drop(self.add(Op::Linear { out: 2 + 2 * a, bias: flag }, &[at])),
            3 | 4 => drop(self.add(conv(shape[0], 3, shape[0]), &[at])),
            5 | 6 => {
                let norm = self.add(Op::BatchNorm { eps: 1e-5, momentum: 0.1 }, &[at]);
                self.add(Op::LayerNorm { eps: 1e-3 }, &[norm]);
            }
            7 | 8 => drop(self.add([Op::Relu, Op::Relu6, Op::Gelu][usize::try_from(a).unwrap() % 3].clone(), &[at])),
            9 => drop(self.add(Op::MaxPool { kernel: 2 + a % 2, stride: 1 + b % 2, padding: a % 2 }, &[at])),
            10 => drop(self.add(Op::Tokens, &[at])),
            11 => drop(self.add(if flag { Op::ClassToken } else { Op::PositionEmbedding }, &[at])),
            12 => {
                let parts = [0; 3].map(|_: i64| self.add(Op::Linear { out: 4, bias: flag }, &[at]));
                self.add(Op::Attention { heads: 1 + a % 2 }, &parts);
            }
            _ => self.branch(at, &shape, a, flag),
        }
    }

    /// A residual branch, which gates can empty.
    fn branch(&mut self, from: usize, shape: &[i64], width: i64, flag: bool) {
        let same = |out: i64| match shape.len() {
            3 => Op::Conv2d { out, kernel: 3, stride: 1, padding: 1, groups: 1, bias: flag },
            _ => Op::Linear { out, bias: flag },
        };
        let channels = if shape.len() == 2 { shape[1] } else { shape[0] };
        let mut at = self.add(same(2 + width), &[from]);
        at = self.add(if flag { Op::Gelu } else { Op::BatchNorm { eps: 1e-5, momentum: 0.1 } }, &[at]);
        at = self.add(Op::Relu, &[at]);
        at = self.add(same(channels), &[at]);
        self.add(Op::Add, &[at, from]);
    }

    fn network_shape(&self, at: usize) -> Vec<i64> {
        self.network().shape_of(at).to_vec()
    }

    /// Ends in three logits.
    fn finish(&mut self) {
        let mut at = self.nodes.len() - 1;
        if self.network_shape(at).len() > 1 {
            at = self.add(Op::GlobalAveragePool, &[at]);
        }
        self.add(Op::Linear { out: 3, bias: true }, &[at]);
    }

    /// Puts a gate behind every node where `slice` takes one beside those that are there.
    fn gate(&mut self) {
        let mut at = 1;
        while at < self.nodes.len() - 1 {
            let mut nodes = self.nodes.clone();
            let name = nodes[at].name.clone();
            let gate = Node { name: format!("{name}.gate"), op: Op::Gate, inputs: vec![name.clone()] };
            for input in nodes[at + 1..].iter_mut().flat_map(|node| &mut node.inputs).filter(|input| **input == name) {
                input.clone_from(&gate.name);
            }
            nodes.insert(at + 1, gate);
            let candidate = Growing { nodes };
            let network = candidate.network();
            if slice_network(&network, &GateVector::open(&network.gate_layers())).is_ok() {
                *self = candidate;
                at += 1;
            }
            at += 1;
        }
    }
}

fn grown(steps: &[Step]) -> Network {
    let mut growing = Growing::new();
    for step in steps {
        growing.step(*step);
    }
    growing.finish();
    growing.gate();
    growing.network()
}

fn gates_of(network: &Network, random: &mut Random) -> GateVector {
    let layer = |layer: GateLayer| {
        let share = [0.0, 0.5, 0.5, 1.0][random.below(4)];
        (0..layer.width).map(|_| random.unit() < share).collect()
    };
    GateVector(network.gate_layers().into_iter().map(layer).collect())
}

fn run_all(network: &Network, weights: &Weights, batch: &Tensor, gates: Gates, precision: Precision) -> Tensor {
    let run = Run { gates, precision, training: false };
    tch::no_grad(|| forward(network, weights, batch, &run, &[]).unwrap().remove(0)).to_kind(Kind::Double)
}

/// Slices and folds, and compares both with the gated network.
fn exact(network: &Network, seed: u64) -> Result<(), TestCaseError> {
    let mut shape = vec![2];
    shape.extend(network.input_shape());
    let mut random = Random::of(seed, &[]);
    let batch = random.normal_tensor(&shape, 1.0).to_kind(Kind::Double);
    let gates = gates_of(network, &mut random);
    let wide = trained_like(network, seed).to(Kind::Double, Device::Cpu);
    let truth = run_all(network, &wide, &batch, Gates::Fixed(&gates), Precision::Float64);
    for (precision, kind) in [(Precision::Float64, Kind::Double), (Precision::Float32, Kind::Float)] {
        let weights = wide.to(kind, Device::Cpu);
        let gated = run_all(network, &weights, &batch, Gates::Fixed(&gates), precision);
        // A layer norm of nearly equal numbers makes rounding large: no bound is below what float32 itself is off.
        let bound = if kind == Kind::Double { 1e-10 } else { 1e-5_f64.max(8.0 * difference(&gated, &truth)) };
        let (subnet, own) = slice(network, &weights, &gates).unwrap();
        prop_assert!(subnet.gate_layers().is_empty());
        prop_assert_eq!(&subnet, &slice_network(network, &gates).unwrap());
        let folded = fold_batch_norms(&subnet, &own).unwrap();
        let whole = fold_batch_norms(network, &weights).unwrap();
        for (what, network, weights, gates) in [
            ("sliced", &subnet, &own, Gates::Open),
            ("sliced and folded", &folded.0, &folded.1, Gates::Open),
            ("folded", &whole.0, &whole.1, Gates::Fixed(&gates)),
        ] {
            let apart = difference(&run_all(network, weights, &batch, gates, precision), &gated);
            prop_assert!(apart <= bound, "{what} {kind:?}: {apart:e} above {bound:e}\n{}", network.to_json());
        }
    }
    Ok(())
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 200, failure_persistence: None, max_global_rejects: 200, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn slicing_and_folding_are_exact(steps in steps(), seed in any::<u64>()) {
        let network = grown(&steps);
        prop_assume!(!network.gate_layers().is_empty());
        exact(&network, seed)?;
    }

    #[test]
    fn what_is_left_of_removed_channels_runs(steps in steps(), seed in any::<u64>()) {
        let network = slice_network(&grown(&steps), &GateVector::open(&grown(&steps).gate_layers())).unwrap();
        let mut random = Random::of(seed, &[]);
        let groups = ChannelGroups::of(&network);
        let keep = |group: &ChannelGroup| {
            let blocks = (0..group.width / group.block).filter(|_| random.unit() < 0.6);
            let kept: Vec<i64> = blocks.flat_map(|b| b * group.block..(b + 1) * group.block).collect();
            group.removable.then_some(kept)
        };
        let keep: Vec<Option<Vec<i64>>> = groups.groups().iter().map(keep).collect();
        let weights = trained_like(&network, seed);
        let (less, own) = remove_channels(&network, Some(&weights), &keep).unwrap();
        own.as_ref().unwrap().check(&less).unwrap();
        prop_assert_eq!(&less, &remove_channels(&network, None, &keep).unwrap().0);
        let batch = random.normal_tensor(&[2, 2, 8, 8], 1.0);
        let found = forward(&less, &own.unwrap(), &batch, &Run::default(), &[]).unwrap();
        prop_assert_eq!(found[0].size(), vec![2, 3]);
        prop_assert!(Counts::of(&less).macs <= Counts::of(&network).macs);
    }
}

#[test]
fn slicing_small_networks_of_each_backbone_is_exact() {
    for preset in presets() {
        let network = small(preset);
        for seed in 0..3 {
            exact(&network, seed).unwrap_or_else(|fault| panic!("{preset}: {fault}"));
        }
    }
}
