//! Numbers that look random and are the same in every replay.

/// A seed from the bytes of an identifier, for example a signal's. Stable for all time: it is part of the audit.
///
/// # Source
/// Fowler, Noll and Vo, FNV-1a with 64 bits.
#[must_use]
pub fn seed_of(id: &[u8]) -> u64 {
    fnv1a(FNV_BASIS, id)
}

/// FNV-1a of nothing.
pub(super) const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a of what `hash` was of, followed by `bytes`.
pub(super) fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// `SplitMix64`: a counter whose every value is mixed. Not for secrets.
///
/// # Source
/// Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators, OOPSLA.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number in `[0, 1)`, a multiple of `2^-53`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds exactly")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut seeded = Seeded::new(1_234_567);
        let found: Vec<u64> = (0..3).map(|_| seeded.next()).collect();
        assert_eq!(found, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
        assert_eq!(seed_of(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(seed_of(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn the_numbers_fill_the_unit_interval_evenly() {
        let mut seeded = Seeded::new(7);
        let mut counts = [0u32; 4];
        for _ in 0..4_000 {
            let unit = seeded.unit();
            assert!((0.0..1.0).contains(&unit));
            let quarter = [0.25, 0.5, 0.75].iter().filter(|bound| unit >= **bound).count();
            counts[quarter] += 1;
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    }
}
