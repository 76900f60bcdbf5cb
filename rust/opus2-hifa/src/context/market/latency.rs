//! How old an instrument's events are when they come.

use serde::{Deserialize, Serialize};

use crate::estimator::ring::Ring;
use crate::exact::{scaled, to_f64};
use crate::{Absent, Measure};

/// Of how many seconds there is a sample.
const SAMPLES: u16 = 61;

/// The median of receive time less the venue's time: of the newest event of each of the last 61 seconds that had one.
///
/// One sample a second, so that a burst counts no more than a trickle. It holds the offset of the venue's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FeedLatency {
    samples: Ring<i64>,
    newest: Option<i64>,
}

impl Default for FeedLatency {
    fn default() -> Self {
        Self { samples: Ring::new(SAMPLES), newest: None }
    }
}

impl FeedLatency {
    /// An event came `nanos` after the venue's time of it.
    pub(super) const fn see(&mut self, nanos: i64) {
        self.newest = Some(nanos);
    }

    /// The second has ended.
    pub(super) fn close(&mut self) {
        if let Some(newest) = self.newest.take() {
            self.samples.push(newest);
        }
    }

    /// The median, ms.
    ///
    /// # Errors
    /// [`Absent::Cold`] without a sample: the venue may send no times.
    pub(super) fn median_ms(&self) -> Measure {
        let mut sorted = [0i64; SAMPLES as usize];
        let mut count = 0;
        for (slot, sample) in sorted.iter_mut().zip(self.samples.iter()) {
            *slot = sample;
            count += 1;
        }
        let sorted = sorted.get_mut(..count).ok_or(Absent::Cold)?;
        if sorted.is_empty() {
            return Err(Absent::Cold);
        }
        let (below, upper, _) = sorted.select_nth_unstable(count / 2);
        let lower = below.iter().max().filter(|_| count.is_multiple_of(2)).unwrap_or(upper);
        // In units of 1e-6 of half a millisecond.
        Ok(scaled(i128::from(*lower) + i128::from(*upper), 6) / to_f64(2) + 0.0)
    }

    pub(super) fn is_consistent(&self) -> bool {
        self.samples.capacity() == usize::from(SAMPLES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: &[&[i64]], expect: Measure) {
        let mut latency = FeedLatency::default();
        for second in seconds {
            second.iter().for_each(|ms| latency.see(ms * 1_000_000));
            latency.close();
        }
        assert_eq!(latency.median_ms(), expect);
        assert!(latency.is_consistent());
    }

    #[test]
    fn a_second_counts_once_and_an_outlier_does_not_move_it() {
        check(&[], Err(Absent::Cold));
        check(&[&[], &[7]], Ok(7.0));
        check(&[&[900, 4], &[-900, 7], &[5]], Ok(5.0));
        check(&[&[4], &[7], &[5], &[1_000_000]], Ok(6.0));
        check(&[&[4, 4, 4, 9], &[4]], Ok(6.5));
        check(&[&[1_i64][..]; 100], Ok(1.0));
        check(&[&[i64::MAX / 1_000_000], &[i64::MIN / 1_000_000]], Ok(0.0));
    }
}
