//! What sizes are usual, by side and distance from the mid.

use opus2_types::{Qty, Side};
use serde::{Deserialize, Serialize};

use super::RobustFit;
use super::grid::Cell;
use crate::detector::level_flow::side_index;
use crate::detector::log_histogram::LogHistogram;
use crate::exact::{MILLI, to_f64};
use crate::{Absent, Measure};

/// Where the distance buckets end, basis points from the mid: 0-1, 1-2, 2-5, 5-10, 10-25, 25-50. The last is inclusive.
pub const BUCKET_ENDS_BPS: [f64; 6] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0];
/// Median and spread are looked up at most so often, ms of event time; sizes are sampled then, too.
pub const FIT_INTERVAL_MS: i64 = 100;
/// The least decayed number of samples of a bucket.
pub const SAMPLES_MIN: f64 = 50.0;

/// The sizes of one distance bucket.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Bucket {
    history: LogHistogram,
    /// `None` while there are too few samples.
    fit: Option<RobustFit>,
    /// The size of a wall by that fit, in `Qty` units.
    wall_size: f64,
}

/// The usual sizes of one instrument's book: a decayed histogram a bucket and side.
///
/// Sizes are sampled on a clock of 100 ms of event time, so that what counts is how long a size is shown and not how
/// often the book is told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct UsualSizes {
    buckets: [[Bucket; BUCKET_ENDS_BPS.len()]; 2],
    fitted: Option<i64>,
}

/// The bucket of a distance; `None` beyond the last.
fn bucket(dist_bps: f64) -> Option<usize> {
    let last = BUCKET_ENDS_BPS.len() - 1;
    let index = BUCKET_ENDS_BPS.iter().position(|end| dist_bps < *end);
    index.or_else(|| (dist_bps <= BUCKET_ENDS_BPS[last]).then_some(last))
}

impl UsualSizes {
    /// True when a sample is due at `now`; the next is then due an interval later.
    pub(crate) fn is_due(&mut self, now: i64) -> bool {
        let is_due = self.fitted.is_none_or(|fitted| now.saturating_sub(fitted) >= FIT_INTERVAL_MS * MILLI);
        if is_due {
            self.fitted = Some(now);
        }
        is_due
    }

    /// Adds the size of one cell.
    pub(crate) fn sample(&mut self, now: i64, side: Side, cell: &Cell, dist_bps: f64, half_life_secs: f64) {
        if let Some(index) = bucket(dist_bps).filter(|_| cell.qty.0 > 0) {
            self.buckets[side_index(side)][index].history.add(now, cell.qty.0, half_life_secs);
        }
    }

    /// Looks up median and spread of every bucket, and the size at which `z_min` is reached.
    pub(crate) fn fit(&mut self, now: i64, half_life_secs: f64, z_min: f64) {
        for bucket in self.buckets.iter_mut().flatten() {
            bucket.history.recentre();
            let is_warm = bucket.history.n_eff(now, half_life_secs) >= SAMPLES_MIN;
            bucket.fit = if is_warm { bucket.history.fit() } else { None };
            bucket.wall_size = bucket.fit.map_or(0.0, |fit| fit.size_at(z_min));
        }
    }

    fn at(&self, side: Side, dist_bps: f64) -> Result<(&Bucket, &RobustFit), Absent> {
        let index = bucket(dist_bps).ok_or(Absent::DataType)?;
        let bucket = &self.buckets[side_index(side)][index];
        Ok((bucket, bucket.fit.as_ref().ok_or(Absent::Cold)?))
    }

    /// How unusual a size is at a distance.
    pub(crate) fn z(&self, side: Side, dist_bps: f64, qty: Qty) -> Measure {
        self.at(side, dist_bps)?.1.z(to_f64(qty.0.into()))
    }

    /// The size of a wall at a distance, in `Qty` units, without a logarithm.
    pub(crate) fn wall_size(&self, side: Side, dist_bps: f64) -> Measure {
        Ok(self.at(side, dist_bps)?.0.wall_size)
    }

    /// The decayed number of samples of the fullest bucket of the emptier side.
    pub(crate) fn n_eff(&self, now: i64, half_life_secs: f64) -> f64 {
        let fullest = |side: &[Bucket; BUCKET_ENDS_BPS.len()]| {
            side.iter().map(|bucket| bucket.history.n_eff(now, half_life_secs)).fold(0.0, f64::max)
        };
        self.buckets.iter().map(fullest).fold(f64::INFINITY, f64::min)
    }

    /// True when on both sides a bucket has enough samples.
    pub(crate) fn is_warm(&self) -> bool {
        self.buckets.iter().all(|side| side.iter().any(|bucket| bucket.fit.is_some()))
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.buckets
            .iter()
            .flatten()
            .all(|bucket| bucket.fit.is_none_or(|fit| fit.is_consistent()) && bucket.wall_size.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_reach_to_fifty_basis_points() {
        for (dist, expect) in
            [(0.0, Some(0)), (0.99, Some(0)), (1.0, Some(1)), (24.9, Some(4)), (50.0, Some(5))]
        {
            assert_eq!(bucket(dist), expect, "{dist}");
        }
        assert_eq!((bucket(50.01), bucket(f64::NAN)), (None, None));
    }
}
