//! Latencies over a sliding window and since a start, in histograms of bounded size.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency told apart, in microseconds; a longer one counts as this long.
const LATENCY_MICROS_MAX: u64 = 600_000_000;
/// Significant digits: a percentile is right to one part in a hundred.
const DIGITS: u8 = 2;
/// How many slices the window is cut into; it moves on by one of them.
const SLICES_COUNT: u32 = 10;

/// What is read off a histogram. All latencies in microseconds; zero while `count` is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Percentiles {
    /// How many were measured.
    pub(crate) count: u64,
    pub(crate) p50_us: u64,
    pub(crate) p90_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
    pub(crate) max_us: u64,
}

impl Percentiles {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            count: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p90_us: histogram.value_at_quantile(0.9),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }
}

/// Latencies of the last seconds, and of all since the last [`restart`](Self::restart).
#[derive(Debug)]
pub(super) struct SlidingLatency {
    slice_length: Duration,
    /// The slice with number `n` (time / slice length) is at `n % SLICES_COUNT`.
    slices: Vec<Histogram<u64>>,
    newest: u64,
    total: Histogram<u64>,
}

impl SlidingLatency {
    pub(super) fn new(window: Duration) -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, DIGITS)
            .expect("1 .. 10 minutes in 2 digits is valid");
        Self {
            slice_length: (window / SLICES_COUNT).max(Duration::from_millis(1)),
            slices: vec![histogram.clone(); SLICES_COUNT as usize],
            newest: 0,
            total: histogram,
        }
    }

    /// Notes one latency at `now`, a time since the monitor began.
    pub(super) fn record(&mut self, now: Duration, micros: u64) {
        self.advance(now);
        let slice = self.newest;
        self.slice_mut(slice).saturating_record(micros);
        self.total.saturating_record(micros);
    }

    /// The percentiles of the window that ends at `now`.
    pub(super) fn window(&mut self, now: Duration) -> Percentiles {
        self.advance(now);
        let mut all = self.slices[0].clone();
        for slice in &self.slices[1..] {
            all.add(slice).expect("all slices have the same bounds");
        }
        Percentiles::of(&all)
    }

    /// The percentiles of everything since the last restart.
    pub(super) fn total(&self) -> Percentiles {
        Percentiles::of(&self.total)
    }

    pub(super) fn restart(&mut self) {
        self.total.reset();
    }

    fn slice_mut(&mut self, number: u64) -> &mut Histogram<u64> {
        let index = usize::try_from(number % u64::from(SLICES_COUNT)).expect("below the number of slices");
        &mut self.slices[index]
    }

    /// Empties the slices that have left the window. A time before the newest slice belongs to that slice.
    fn advance(&mut self, now: Duration) {
        let number = u64::try_from(now.as_nanos() / self.slice_length.as_nanos()).unwrap_or(u64::MAX);
        if number <= self.newest {
            return;
        }
        let first_stale = (self.newest + 1).max(number.saturating_sub(u64::from(SLICES_COUNT) - 1));
        for stale in first_stale..=number {
            self.slice_mut(stale).reset();
        }
        self.newest = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    /// Records `(at_ms, micros)` and reads the window at `now_ms`: count, median, maximum.
    fn check(records: &[(u64, u64)], now_ms: u64, expect: (u64, u64, u64)) {
        let mut latency = SlidingLatency::new(WINDOW);
        for &(at, micros) in records {
            latency.record(Duration::from_millis(at), micros);
        }
        let window = latency.window(Duration::from_millis(now_ms));
        assert_eq!((window.count, window.p50_us, window.max_us), expect, "{records:?} at {now_ms}");
        assert_eq!(latency.total().count, records.len() as u64);
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        check(&[], 0, (0, 0, 0));
        check(&[(0, 100), (9_999, 50)], 9_999, (2, 50, 100));
        check(&[(0, 100), (9_999, 50)], 10_000, (1, 50, 50));
        check(&[(0, 100), (9_999, 50)], 3_600_000, (0, 0, 0));
    }

    #[test]
    fn a_long_silence_leaves_no_old_slice_behind() {
        check(&[(500, 1), (1_500, 2), (25_500, 3)], 25_500, (1, 3, 3));
        check(&[(500, 1), (2_500, 2), (11_200, 3)], 11_200, (2, 2, 3));
    }

    #[test]
    fn a_latency_above_the_limit_counts_as_the_limit() {
        let mut latency = SlidingLatency::new(WINDOW);
        latency.record(Duration::ZERO, u64::MAX);
        assert!(latency.total().max_us >= LATENCY_MICROS_MAX);
        assert_eq!(latency.total().count, 1);
    }

    #[test]
    fn percentiles_of_a_known_distribution() {
        let mut latency = SlidingLatency::new(WINDOW);
        for micros in 1..=1000 {
            latency.record(Duration::from_secs(1), micros);
        }
        insta::assert_compact_debug_snapshot!(
            latency.window(Duration::from_secs(1)),
            @"Percentiles { count: 1000, p50_us: 501, p90_us: 903, p99_us: 991, p999_us: 999, max_us: 1003 }"
        );
    }
}
