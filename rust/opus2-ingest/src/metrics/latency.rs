//! From the venue's own stamp to ours: a percentile of some time past, without locks.

use std::sync::atomic::{AtomicU64, Ordering};

/// The first bucket's upper bound; every further one is a third larger. The last begins at about 20 s.
const FIRST_NANOS: i64 = 1_000_000;
/// How many sizes are told apart.
pub const LATENCY_BUCKETS: usize = 36;

/// Counts of latencies by size.
#[derive(Debug)]
pub struct FeedLatency {
    counts: [AtomicU64; LATENCY_BUCKETS],
}

impl Default for FeedLatency {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl FeedLatency {
    /// Adds one. Below zero (the clocks disagree) counts as zero.
    pub fn observe(&self, nanos: i64) {
        let index = (0..LATENCY_BUCKETS - 1).find(|index| nanos <= upper_nanos(*index));
        self.counts[index.unwrap_or(LATENCY_BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// The counts since the start.
    #[must_use]
    pub fn counts(&self) -> [u64; LATENCY_BUCKETS] {
        std::array::from_fn(|index| self.counts[index].load(Ordering::Relaxed))
    }
}

/// The 99th percentile of what was counted between two moments, nanoseconds: the upper bound of its bucket. `None` when
/// nothing was.
#[must_use]
pub fn latency_nanos_p99(before: &[u64; LATENCY_BUCKETS], now: &[u64; LATENCY_BUCKETS]) -> Option<i64> {
    let counts = || now.iter().zip(before).map(|(now, before)| now.saturating_sub(*before));
    let total: u64 = counts().sum();
    let mut left = (total * 99).div_ceil(100);
    if total == 0 {
        return None;
    }
    let index = counts().position(|count| {
        left = left.saturating_sub(count);
        left == 0
    });
    index.map(upper_nanos)
}

fn upper_nanos(index: usize) -> i64 {
    (0..index).fold(FIRST_NANOS, |upper, _| upper * 4 / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_of_what_came_between() {
        let latency = FeedLatency::default();
        let start = latency.counts();
        assert_eq!(latency_nanos_p99(&start, &start), None);
        for _ in 0..99 {
            latency.observe(500_000);
        }
        latency.observe(50_000_000);
        let early = latency.counts();
        assert_eq!(latency_nanos_p99(&start, &early), Some(1_000_000));
        latency.observe(-5);
        latency.observe(i64::MAX);
        let found = latency_nanos_p99(&early, &latency.counts()).unwrap();
        assert!((15_000_000_000..40_000_000_000).contains(&found), "{found}");
    }
}
