//! Which partition a record goes to.
//!
//! The Java client's default partitioner hashes the record's *key* with murmur2. Ours hashes the *market* by the same
//! function, so that all instruments of a market meet in one partition and Flink's source reads them in one task.

/// The partition of a market on a topic with `partitions` partitions: what the Java client's default partitioner would
/// choose for a record whose key were the market.
///
/// A topic without partitions does not exist; zero is treated as one.
///
/// ```
/// assert_eq!(opus2_ingest::partition::partition_of("BTC/USD*", 1), 0);
/// ```
#[must_use]
pub fn partition_of(market: &str, partitions: u32) -> u32 {
    positive(murmur2(market.as_bytes())) % partitions.max(1)
}

/// The Java client masks the sign away instead of taking the absolute value, which has none for `MIN`.
const fn positive(hash: u32) -> u32 {
    hash & 0x7fff_ffff
}

/// `MurmurHash2`, 32 bits, with the Java client's seed.
///
/// # Source
/// Apache Kafka 4.2, `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    // The reference casts the length to 32 bits; markets are far shorter.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_java_clients() {
        // From `UtilsTest.testMurmur2` of Apache Kafka.
        for (text, expect) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), expect, "{text}");
        }
    }

    #[test]
    fn the_sign_is_masked_not_negated() {
        assert_eq!(positive((-973_932_308_i32).cast_unsigned()), 1_173_551_340);
        assert_eq!(partition_of("21", 1000), 340);
        assert_eq!(partition_of("21", 0), 0);
    }
}
