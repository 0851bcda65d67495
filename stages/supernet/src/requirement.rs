//! Requirements as numbers: the property bits of a task, and the limit in a sinusoidal encoding (paper §3.3).

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::SupernetError;

/// Base of the wave lengths, as for positions in Vaswani et al. 2017.
const BASE: f64 = 10_000.0;

/// What a subnet is asked to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// Property bits of the task.
    pub bits: Vec<bool>,
    /// Greatest share of modules, in `(0, 1]`.
    pub limit: f64,
}

/// How requirements become vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// Property bits of a task.
    pub task_bits: usize,
    /// Numbers that encode the limit; half of them sines, half cosines.
    pub limit_dims: usize,
}

impl Encoding {
    /// Length of an encoded requirement.
    #[must_use]
    pub fn width(&self) -> usize {
        self.task_bits + self.limit_dims
    }

    /// Requirements as float32 `[B, width]`: bits as ±1, then the limit in per cent encoded.
    ///
    /// # Errors
    /// When the number of bits differs or a limit is not in `(0, 1]`.
    pub fn encode(&self, requirements: &[Requirement]) -> Result<Tensor, SupernetError> {
        let mut values: Vec<f32> = Vec::with_capacity(requirements.len() * self.width());
        for requirement in requirements {
            if requirement.bits.len() != self.task_bits {
                let found = requirement.bits.len();
                return Err(SupernetError::Misfit(format!(
                    "a task has {found} property bits, the supernet knows {}",
                    self.task_bits
                )));
            }
            if !(requirement.limit > 0.0 && requirement.limit <= 1.0) {
                return Err(SupernetError::Misfit(format!("limit {} is not in (0, 1]", requirement.limit)));
            }
            values.extend(requirement.bits.iter().map(|bit| if *bit { 1.0 } else { -1.0 }));
            for pair in 0..self.limit_dims / 2 {
                let angle = requirement.limit * 100.0 / BASE.powf(2.0 * pair as f64 / self.limit_dims as f64);
                values.extend([angle.sin() as f32, angle.cos() as f32]);
            }
            values.resize(values.len() + self.limit_dims % 2, 0.0);
        }
        let width = i64::try_from(self.width()).unwrap_or(0);
        Ok(Tensor::from_slice(&values).view([-1, width]))
    }
}
