//! Random numbers that are a function of a seed and a place, the same on every machine and for any number of threads.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of one item: `domain` keeps uses of one seed apart, `index` the items of one use.
    #[must_use]
    pub fn of(seed: u64, domain: u64, index: u64) -> Self {
        // A key of its own for each domain; ChaCha's stream number tells the items apart.
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ domain.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        rng.set_stream(index);
        Random(rng)
    }

    /// A number in `[0, 1)`, all 53 bits random.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A number in `[low, high)`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number in `0..count`; 0 if `count` is 0. Its bias is below 2⁻³².
    pub fn below(&mut self, count: usize) -> usize {
        let product = u128::from(self.0.next_u64()) * count as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// A number of the normal distribution, near enough: the sum of twelve uniform ones.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Puts a list into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_streams_of_their_own_and_repeat() {
        let first = |seed, domain, index| Random::of(seed, domain, index).unit().to_bits();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        let all = [first(1, 2, 3), first(2, 2, 3), first(1, 3, 3), first(1, 2, 4)];
        assert!(all.iter().enumerate().all(|(i, a)| all[..i].iter().all(|b| a != b)));
        // Fixed for all time: results in stores rest on it.
        assert_eq!(first(1, 2, 3), 4_586_259_747_634_114_528);
    }

    #[test]
    fn whole_numbers_are_even() {
        let mut random = Random::of(7, 0, 0);
        let mut counts = [0_i32; 5];
        for _ in 0..50_000 {
            counts[random.below(5)] += 1;
        }
        assert!(counts.iter().all(|count| (count - 10_000).abs() < 500), "{counts:?}");
        assert_eq!(random.below(0), 0);
    }
}
