//! Muon (Jordan et al. 2024): a matrix goes along its momentum made orthogonal, so that no few directions outweigh the
//! others.
//!
//! Steps are as large as AdamW's usually are (Liu et al. 2025, arXiv 2502.16982, §2.2), so both share one learning
//! rate.

use std::collections::BTreeMap;

use tch::Tensor;

/// A matrix in the flat tensor, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matrix {
    pub(crate) from: i64,
    pub(crate) rows: i64,
    pub(crate) columns: i64,
}

/// Weight of the past in the mean of gradients.
const MOMENTUM: f64 = 0.95;
/// Root of a step's mean square, in learning rates.
const SIZE: f64 = 0.2;
/// Newton–Schulz steps, and the polynomial `a x + b x³ + c x⁵` of each. Five take singular values from 1/500 of the norm
/// upwards to between 0.68 and 1.21; smaller ones stay smaller.
const ITERATIONS: usize = 5;
const POLYNOMIAL: [f64; 3] = [3.4445, -4.7750, 2.0315];

impl Matrix {
    /// The matrix in a flat tensor, lying on its long side.
    fn of(&self, flat: &Tensor) -> Tensor {
        let matrix = flat.narrow(0, self.from, self.rows * self.columns).view([self.rows, self.columns]);
        if self.rows > self.columns { matrix.transpose(0, 1) } else { matrix }
    }

    fn shape(&self) -> (i64, i64) {
        (self.rows.min(self.columns), self.rows.max(self.columns))
    }
}

/// Changes matrices of the parameters and of the mean of gradients in place. Of the parameters, the share `kept` remains.
pub(crate) fn step(
    matrices: &[Matrix],
    (parameters, gradient, mean): (&Tensor, &Tensor, &Tensor),
    rate: f64,
    kept: f64,
) {
    // Matrices of one shape go together: many small products are slow.
    let mut alike: BTreeMap<(i64, i64), Vec<Matrix>> = BTreeMap::new();
    for matrix in matrices {
        alike.entry(matrix.shape()).or_default().push(*matrix);
    }
    for ((_, long), group) in alike {
        let moved = |matrix: &Matrix| {
            let (gradient, mut mean) = (matrix.of(gradient), matrix.of(mean));
            let _ = mean.lerp_(&gradient, 1.0 - MOMENTUM);
            // A look ahead, as Nesterov's.
            gradient.lerp(&mean, MOMENTUM)
        };
        let directions = orthogonal(&Tensor::stack(&group.iter().map(moved).collect::<Vec<_>>(), 0));
        let size = SIZE * (long as f64).sqrt();
        for (matrix, mut direction) in group.iter().zip(directions.unbind(0)) {
            let mut target = matrix.of(parameters);
            let _ = target.g_mul_scalar_(kept);
            let _ = target.g_add_(&direction.g_mul_scalar_(-rate * size));
        }
    }
}

/// Matrices `[N, short, long]` with the same singular vectors and singular values near 1, by Newton–Schulz.
fn orthogonal(matrices: &Tensor) -> Tensor {
    let norm = matrices.norm_scalaropt_dim(2, [1_i64, 2].as_slice(), true);
    let mut x = matrices / (norm + 1e-7);
    let [a, b, c] = POLYNOMIAL;
    for _ in 0..ITERATIONS {
        let square = x.bmm(&x.transpose(1, 2));
        x = (&square * b + square.bmm(&square) * c).bmm(&x) + x * a;
    }
    x
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use nnf_net::Random;
    use tch::Kind;

    use super::*;

    /// Singular values by libtorch itself.
    fn singular_values(matrix: &Tensor) -> Vec<f64> {
        let (_, values, _) = matrix.to_kind(Kind::Double).svd(true, true);
        Vec::<f64>::try_from(values).unwrap()
    }

    #[test]
    fn directions_keep_singular_vectors_and_even_out_singular_values() {
        let random = Random::of(5, &[]).normal_tensor(&[6, 40], 3.0);
        let (u, _, v) = random.to_kind(Kind::Double).svd(true, true);
        let found = orthogonal(&random.unsqueeze(0)).squeeze_dim(0);
        assert!(singular_values(&found).iter().all(|value| (0.68..1.21).contains(value)), "{found}");
        // Seen in its own singular vectors, only the diagonal is left.
        let seen = u.transpose(0, 1).matmul(&found.to_kind(Kind::Double)).matmul(&v);
        let beside = (&seen - seen.diagonal(0, 0, 1).diag_embed(0, 0, 1)).abs().max().double_value(&[]);
        assert!(beside < 1e-4, "{beside}");
        assert_eq!(orthogonal(&Tensor::zeros([2, 3, 4], tch::kind::FLOAT_CPU)).abs().max().double_value(&[]), 0.0);
        let uneven = orthogonal(&Tensor::from_slice(&[1.0_f32, 2e-3, 1e-4]).diag_embed(0, -2, -1).unsqueeze(0));
        let values = singular_values(&uneven.squeeze_dim(0));
        assert!(values[..2].iter().all(|value| (0.68..1.21).contains(value)) && values[2] < 0.1, "{values:?}");
    }

    #[test]
    fn a_step_is_of_its_matrices_alone_and_of_the_size_of_the_rate() {
        // A tall matrix and a wide one of the same shape, with elements before, between and after that are not theirs.
        let matrices = [Matrix { from: 2, rows: 8, columns: 3 }, Matrix { from: 30, rows: 3, columns: 8 }];
        let parameters = Random::of(6, &[]).normal_tensor(&[60], 1.0);
        let gradient = Random::of(7, &[]).normal_tensor(&[60], 1e-3);
        let mean = parameters.zeros_like();
        let before = parameters.copy();
        step(&matrices, (&parameters, &gradient, &mean), 0.1, 0.9);
        let moved = &parameters - &before;
        for (from, length) in [(0, 2), (26, 4), (54, 6)] {
            assert_eq!(moved.narrow(0, from, length).abs().max().double_value(&[]), 0.0);
            assert_eq!(mean.narrow(0, from, length).abs().max().double_value(&[]), 0.0);
        }
        for matrix in matrices {
            // What is left without the decay, in learning rates and at its size of 0.2 · √8.
            let own = (matrix.of(&parameters) - matrix.of(&before) * 0.9) / (0.1 * 0.2 * 8.0_f64.sqrt());
            assert!(singular_values(&own).iter().all(|value| (0.65..1.25).contains(value)), "{own}");
            assert!((own * matrix.of(&gradient)).sum(Kind::Double).double_value(&[]) < 0.0, "down the gradient");
            let tenth = matrix.of(&mean) - matrix.of(&gradient) * (1.0 - MOMENTUM);
            assert!(tenth.abs().max().double_value(&[]) < 1e-9);
        }
    }
}
