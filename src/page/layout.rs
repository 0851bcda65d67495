//! A layered layout of a directed graph without circles (Sugiyama, Tagawa, Toda 1981): layers by longest path, order
//! within layers by barycentres, places by least squares.
//!
//! It knows sizes and edges, and not what the nodes are. The same graph has the same layout.

/// Space between neighbours of a layer, and between a node and a line that passes it.
const GAP: f64 = 18.0;
const LINE_GAP: f64 = 14.0;
/// Space between layers.
const LAYER_GAP: f64 = 46.0;
/// How often the order and the places are improved.
const SWEEPS: usize = 24;
/// Most points of lines that pass layers; beyond that long lines go straight.
const MOST_BENDS: usize = 4_000;

/// A graph to be laid out. Edges lead from lower to higher numbers.
pub(super) struct Sketch {
    /// Width and height of each node.
    pub(super) sizes: Vec<(f64, f64)>,
    /// From and to.
    pub(super) edges: Vec<(usize, usize)>,
}

/// Where everything is. Layers go downwards.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    /// Left upper corner of each node.
    pub(super) corners: Vec<(f64, f64)>,
    /// The points that each edge passes, from the lower side of a node to the upper side of another.
    pub(super) lines: Vec<Vec<(f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Nodes and the bends of long edges, in layers.
struct Layers {
    /// Width of each vertex; the first ones are the nodes.
    widths: Vec<f64>,
    layer: Vec<usize>,
    /// Vertices of each layer, from left to right.
    rows: Vec<Vec<usize>>,
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    /// The vertices of each edge.
    paths: Vec<Vec<usize>>,
    nodes: usize,
}

/// Lays a graph out.
pub(super) fn layout(sketch: &Sketch) -> Layout {
    let mut layers = Layers::new(sketch);
    layers.order();
    let centres = layers.places();
    layers.draw(sketch, &centres)
}

/// The layer of each node: below all that it reads, and no further up than its readers need.
fn assign(sketch: &Sketch) -> Vec<usize> {
    let count = sketch.sizes.len();
    let (mut above, mut below) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for &(from, to) in &sketch.edges {
        above[to].push(from);
        below[from].push(to);
    }
    let mut layer = vec![0_usize; count];
    for node in 0..count {
        layer[node] = above[node].iter().map(|from| layer[*from] + 1).max().unwrap_or(0);
    }
    // What reads nothing stands close to who reads it, not far above.
    for node in (0..count).rev().filter(|node| above[*node].is_empty()) {
        if let Some(first) = below[node].iter().map(|to| layer[*to]).min() {
            layer[node] = first.saturating_sub(1);
        }
    }
    layer
}

impl Layers {
    fn new(sketch: &Sketch) -> Self {
        let nodes = sketch.sizes.len();
        let layer = assign(sketch);
        let span = |&(from, to): &(usize, usize)| layer[to].saturating_sub(layer[from] + 1);
        let bends: usize = sketch.edges.iter().map(span).sum();
        let depth = layer.iter().max().map_or(0, |last| last + 1);
        let mut layers = Layers {
            widths: sketch.sizes.iter().map(|(width, _)| *width).collect(),
            rows: vec![Vec::new(); depth],
            above: vec![Vec::new(); nodes],
            below: vec![Vec::new(); nodes],
            paths: Vec::with_capacity(sketch.edges.len()),
            layer,
            nodes,
        };
        for &(from, to) in &sketch.edges {
            let mut path = vec![from];
            let between = layers.layer[from] + 1..layers.layer[to];
            if bends <= MOST_BENDS {
                path.extend(between.map(|layer| layers.bend(layer)));
            }
            path.push(to);
            for pair in path.windows(2) {
                layers.below[pair[0]].push(pair[1]);
                layers.above[pair[1]].push(pair[0]);
            }
            layers.paths.push(path);
        }
        for vertex in 0..layers.widths.len() {
            layers.rows[layers.layer[vertex]].push(vertex);
        }
        layers
    }

    fn bend(&mut self, layer: usize) -> usize {
        self.widths.push(0.0);
        self.layer.push(layer);
        self.above.push(Vec::new());
        self.below.push(Vec::new());
        self.widths.len() - 1
    }

    /// Orders each layer by the mean place of its neighbours, down and up in turn, and keeps the best order.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.rows.clone());
        for sweep in 0..SWEEPS {
            let down = sweep % 2 == 0;
            let count = self.rows.len();
            for step in 1..count {
                let (row, fixed) = if down { (step, step - 1) } else { (count - 1 - step, count - step) };
                let mut place = vec![0.0; self.widths.len()];
                for (position, vertex) in self.rows[fixed].iter().enumerate() {
                    place[*vertex] = position as f64;
                }
                let neighbours = if down { &self.above } else { &self.below };
                let own = self.rows[row].iter().enumerate();
                let mean = |(position, vertex): (usize, &usize)| {
                    let of: Vec<f64> = neighbours[*vertex]
                        .iter()
                        .filter(|other| self.layer[**other] == fixed)
                        .map(|other| place[*other])
                        .collect();
                    let mean = if of.is_empty() { position as f64 } else { of.iter().sum::<f64>() / of.len() as f64 };
                    (mean, *vertex)
                };
                let mut means: Vec<(f64, usize)> = own.map(mean).collect();
                means.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.rows[row] = means.into_iter().map(|(_, vertex)| vertex).collect();
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
            }
        }
        self.rows = best.1;
    }

    /// How often edges between neighbouring layers cross.
    fn crossings(&self) -> u64 {
        let mut place = vec![0; self.widths.len()];
        for row in &self.rows {
            for (position, vertex) in row.iter().enumerate() {
                place[*vertex] = position;
            }
        }
        let mut all = 0;
        for (number, row) in self.rows.iter().enumerate() {
            let next = self.rows.get(number + 1).map_or(0, Vec::len);
            // Ends of the edges so far, in a Fenwick tree: how many of them lie right of a new one.
            let mut ends = vec![0_u64; next + 1];
            let mut count = 0;
            for vertex in row {
                let mut to: Vec<usize> = self.below[*vertex]
                    .iter()
                    .filter(|other| self.layer[**other] == number + 1)
                    .map(|other| place[*other])
                    .collect();
                to.sort_unstable();
                for end in &to {
                    let (mut at, mut before) = (end + 1, 0);
                    while at > 0 {
                        before += ends[at];
                        at &= at - 1;
                    }
                    all += count - before;
                }
                for end in to {
                    let mut at = end + 1;
                    while at <= next {
                        ends[at] += 1;
                        at += at & at.wrapping_neg();
                    }
                    count += 1;
                }
            }
        }
        all
    }

    /// The centre of each vertex from left to right: near its neighbours, without overlaps.
    fn places(&self) -> Vec<f64> {
        let mut centre = vec![0.0; self.widths.len()];
        for row in &self.rows {
            let wanted = vec![0.0; row.len()];
            self.settle(row, &wanted, &mut centre);
        }
        for sweep in 0..SWEEPS {
            let down = sweep % 2 == 0;
            let count = self.rows.len();
            for step in 0..count {
                let row = &self.rows[if down { step } else { count - 1 - step }];
                let wanted: Vec<f64> = row
                    .iter()
                    .map(|vertex| {
                        let around = self.above[*vertex].iter().chain(&self.below[*vertex]);
                        let of: Vec<f64> = around.map(|other| centre[*other]).collect();
                        if of.is_empty() { centre[*vertex] } else { of.iter().sum::<f64>() / of.len() as f64 }
                    })
                    .collect();
                self.settle(row, &wanted, &mut centre);
            }
        }
        centre
    }

    /// Puts a row as near as may be to where its vertices want to be, in order and with the gaps they need: with the
    /// gaps taken out this is isotonic regression, solved by pooling neighbours that are in each other's way.
    fn settle(&self, row: &[usize], wanted: &[f64], centre: &mut [f64]) {
        let mut offset = 0.0;
        let mut offsets = Vec::with_capacity(row.len());
        for (position, vertex) in row.iter().enumerate() {
            if position > 0 {
                let before = row[position - 1];
                let bends = usize::from(before >= self.nodes) + usize::from(*vertex >= self.nodes);
                let gap = if bends == 0 { GAP } else { LINE_GAP };
                offset += (self.widths[before] + self.widths[*vertex]) / 2.0 + gap;
            }
            offsets.push(offset);
        }
        let mut pools: Vec<(f64, usize)> = Vec::new();
        for (position, want) in wanted.iter().enumerate() {
            let mut pool = (want - offsets[position], 1);
            while let Some(&(mean, count)) = pools.last() {
                if mean <= pool.0 {
                    break;
                }
                let all = count + pool.1;
                pool = ((mean * count as f64 + pool.0 * pool.1 as f64) / all as f64, all);
                pools.pop();
            }
            pools.push(pool);
        }
        let places = pools.iter().flat_map(|(mean, count)| std::iter::repeat_n(*mean, *count));
        for ((vertex, offset), place) in row.iter().zip(&offsets).zip(places) {
            centre[*vertex] = place + offset;
        }
    }

    fn draw(&self, sketch: &Sketch, centres: &[f64]) -> Layout {
        let height = |vertex: &usize| sketch.sizes.get(*vertex).map_or(0.0, |(_, height)| *height);
        let mut top = 0.0;
        // Upper and lower end of each layer.
        let mut bands = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let tallest = row.iter().map(height).fold(0.0, f64::max);
            bands.push((top, top + tallest));
            top += tallest + LAYER_GAP;
        }
        let left = (0..self.widths.len()).map(|v| centres[v] - self.widths[v] / 2.0).fold(f64::INFINITY, f64::min);
        let right = (0..self.widths.len()).map(|v| centres[v] + self.widths[v] / 2.0).fold(f64::NEG_INFINITY, f64::max);
        let x = |vertex: usize| centres[vertex] - left;
        let upper = |vertex: usize| {
            let (from, to) = bands[self.layer[vertex]];
            (from + to - height(&vertex)) / 2.0
        };
        let line = |path: &Vec<usize>| {
            let inner = &path[1..path.len() - 1];
            let (first, last) = (path[0], path[path.len() - 1]);
            let mut line = vec![(x(first), upper(first) + height(&first))];
            for bend in inner {
                let (from, to) = bands[self.layer[*bend]];
                line.extend([(x(*bend), from), (x(*bend), to)]);
            }
            line.push((x(last), upper(last)));
            line
        };
        Layout {
            corners: (0..self.nodes).map(|node| (x(node) - self.widths[node] / 2.0, upper(node))).collect(),
            lines: self.paths.iter().map(line).collect(),
            width: if self.nodes == 0 { 0.0 } else { right - left },
            height: (top - LAYER_GAP).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sketch(count: usize, edges: &[(usize, usize)]) -> Sketch {
        Sketch { sizes: vec![(100.0, 40.0); count], edges: edges.to_vec() }
    }

    #[test]
    fn a_chain_is_a_column_and_a_diamond_is_even() {
        let chain = layout(&sketch(3, &[(0, 1), (1, 2)]));
        assert_eq!(chain.corners, [(0.0, 0.0), (0.0, 86.0), (0.0, 172.0)]);
        assert_eq!((chain.width, chain.height), (100.0, 212.0));
        let diamond = layout(&sketch(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]));
        assert_eq!(diamond.corners, [(59.0, 0.0), (0.0, 86.0), (118.0, 86.0), (59.0, 172.0)]);
    }

    #[test]
    fn crossings_that_can_be_avoided_are() {
        // Two pairs, written so that the order of the file would cross them.
        let found = layout(&sketch(4, &[(0, 3), (1, 2)]));
        assert_eq!(found.corners[0].0, found.corners[3].0);
        assert_eq!(found.corners[1].0, found.corners[2].0);
    }

    #[test]
    fn what_reads_nothing_stands_above_its_reader() {
        let found = layout(&sketch(4, &[(0, 1), (1, 3), (2, 3)]));
        assert_eq!(found.corners[2].1, found.corners[1].1);
    }

    proptest! {
        #[test]
        fn nodes_do_not_overlap_and_edges_go_down(
            count in 1_usize..30,
            pairs in prop::collection::vec((0_usize..30, 0_usize..30), 0..60),
        ) {
            let edges: Vec<(usize, usize)> = pairs
                .into_iter()
                .map(|(a, b)| (a.min(b) % count, a.max(b) % count))
                .filter(|(a, b)| a < b)
                .collect();
            let mut graph = sketch(count, &edges);
            for (node, size) in graph.sizes.iter_mut().enumerate() {
                size.0 += (node * 37 % 90) as f64;
            }
            let found = layout(&graph);
            prop_assert_eq!(&found, &layout(&graph));
            let boxes: Vec<_> = found.corners.iter().zip(&graph.sizes).collect();
            for (i, ((ax, ay), (aw, ah))) in boxes.iter().enumerate() {
                prop_assert!(*ax >= -1e-6 && ax + aw <= found.width + 1e-6 && ay + ah <= found.height + 1e-6);
                for ((bx, by), (bw, bh)) in &boxes[i + 1..] {
                    let apart = ax + aw <= bx + 1e-6 || bx + bw <= ax + 1e-6 || ay + ah <= *by || by + bh <= *ay;
                    prop_assert!(apart, "two nodes overlap");
                }
            }
            for line in &found.lines {
                prop_assert!(line.windows(2).all(|pair| pair[0].1 <= pair[1].1 + 1e-6));
            }
        }
    }
}
