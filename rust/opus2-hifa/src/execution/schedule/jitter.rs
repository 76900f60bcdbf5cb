//! The moments of the slices, moved a little so that nobody can wait for them.

use super::to_units;
use crate::exact::to_f64;
use crate::execution::seeded::Seeded;

/// When slice `k` of `slices` is due, in nanoseconds after the start: `k` intervals, moved by up to `jitter` of an
/// interval either way. The same seed gives the same moments.
///
/// They never go back, the first is not before the start, and none is after the last interval. `jitter` is cut to
/// `[0, 0.49]`; NaN counts as zero. 0.2 is usual.
///
/// # Source
/// Methods reference 5.3.
pub fn slice_times(interval_ns: u64, jitter: f64, seed: u64, times: &mut [u64]) {
    let jitter = if jitter.is_nan() { 0.0 } else { jitter.clamp(0.0, 0.49) };
    let reach = jitter * to_f64(interval_ns.into());
    let mut seeded = Seeded::new(seed);
    let (mut planned, mut last) = (0u64, 0u64);
    for time in times {
        let shift = to_units(reach * (2.0 * seeded.unit() - 1.0));
        // Only where the end of 64 bits is reached does the shift alone not keep the order.
        last = planned.saturating_add_signed(shift).max(last);
        *time = last;
        planned = planned.saturating_add(interval_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::seed_of;

    #[test]
    fn moments_are_near_the_grid_and_the_same_each_time() {
        let of = |id: &[u8], jitter: f64| {
            let mut times = [0; 16];
            slice_times(1_000, jitter, seed_of(id), &mut times);
            times
        };
        let times = of(b"signal-1", 0.2);
        assert_eq!(times, of(b"signal-1", 0.2));
        assert_ne!(times, of(b"signal-2", 0.2));
        for (at, time) in (0u64..).zip(times) {
            assert!(time.abs_diff(at * 1_000) <= 200, "{times:?}");
        }
        assert!(times.iter().any(|time| time.rem_euclid(1_000) > 500), "some are early: {times:?}");
        assert!(of(b"x", 9.0).is_sorted());
        for still in [0.0, -1.0, f64::NAN] {
            assert_eq!(of(b"x", still)[3], 3_000);
        }
    }
}
