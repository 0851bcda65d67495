//! Random numbers that are a function of a seed and a place, the same on every machine.
//!
//! Draws for weights and training need many numbers and little quality: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)
//! over a counter.

use tch::Tensor;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// The stream of a place, such as `[step, 3]`, under a seed. Different places have unrelated streams.
    #[must_use]
    pub fn of(seed: u64, place: &[u64]) -> Self {
        let mut state = mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
        for part in place {
            state = mix(state ^ mix(part.wrapping_add(0xd1b5_4a32_d192_ed03)));
        }
        Random { state }
    }

    /// The stream of a name under a seed.
    #[must_use]
    pub fn named(seed: u64, name: &str) -> Self {
        let place: Vec<u64> = name.bytes().map(u64::from).collect();
        Random::of(seed, &place)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A whole number in `0..count`; 0 if `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from((u128::from(self.bits()) * count as u128) >> 64).unwrap_or(0)
    }

    /// Normally distributed, near enough: the sum of twelve 16-bit numbers has variance 1 and ends at ±6.
    pub fn normal(&mut self) -> f64 {
        let mut sum: u64 = 0;
        for _ in 0..3 {
            let bits = self.bits();
            sum += (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
        }
        sum as f64 / 65_535.0 - 6.0
    }

    /// Puts a list into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A float32 tensor of numbers with mean 0 and the given standard deviation.
    pub fn normal_tensor(&mut self, shape: &[i64], deviation: f64) -> Tensor {
        let count: i64 = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| (self.normal() * deviation) as f32).collect();
        Tensor::from_slice(&values).view(shape)
    }

    /// The same, but that numbers beyond two deviations are drawn again.
    pub fn truncated_normal_tensor(&mut self, shape: &[i64], deviation: f64) -> Tensor {
        let count: i64 = shape.iter().product();
        let mut draw = || {
            loop {
                let number = self.normal();
                if number.abs() <= 2.0 {
                    return (number * deviation) as f32;
                }
            }
        };
        let values: Vec<f32> = (0..count).map(|_| draw()).collect();
        Tensor::from_slice(&values).view(shape)
    }

    /// A float32 tensor of numbers in `[-bound, bound)`.
    pub fn uniform_tensor(&mut self, shape: &[i64], bound: f64) -> Tensor {
        let count: i64 = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| ((self.unit() * 2.0 - 1.0) * bound) as f32).collect();
        Tensor::from_slice(&values).view(shape)
    }
}
