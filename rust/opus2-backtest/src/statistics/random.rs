//! Random numbers that the same seed gives again, on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A seeded stream of random numbers.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform in `[0, 1)`, a multiple of `2^-53`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `0..n`, with a bias below `n * 2^-64`; zero when `n` is.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let wide = u128::from(self.0.next_u64()) * n as u128;
        usize::try_from(wide >> 64).expect("less than n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored seeds must give tomorrow what they gave today: another generator needs another name in `GENERATOR`.
    #[test]
    fn a_seed_gives_what_it_always_gave() {
        let mut random = Random::seeded(42);
        assert_eq!(
            [random.0.next_u64(), random.0.next_u64()],
            [12_578_764_544_318_200_737, 17_529_487_244_874_322_312]
        );
    }

    #[test]
    fn draws_are_in_range_and_even() {
        let mut random = Random::seeded(1);
        let mut seen = [0u32; 7];
        for _ in 0..7_000 {
            assert!((0.0..1.0).contains(&random.unit()));
            seen[random.below(7)] += 1;
        }
        assert!(seen.iter().all(|count| (850..1_150).contains(count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }
}
