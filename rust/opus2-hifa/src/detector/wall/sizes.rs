//! What sizes are usual, by side and distance from the mid.

use opus2_types::{Qty, Side};
use serde::{Deserialize, Serialize};

use super::RobustFit;
use super::grid::Cell;
use crate::detector::level_flow::side_index;
use crate::detector::log_histogram::LogHistogram;
use crate::detector::look::BookLook;
use crate::exact::{MILLI, to_f64};
use crate::{Absent, Measure};

/// Where the distance buckets end, basis points from the mid: 0-1, 1-2, 2-5, 5-10, 10-25, 25-50. The last is inclusive.
pub const BUCKET_ENDS_BPS: [f64; 6] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0];
/// Sizes are sampled at most so often, ms of event time.
pub const SAMPLE_INTERVAL_MS: i64 = 100;
/// Median and spread of a bucket are looked up so often, ms of event time, or at every sample when those are further
/// apart: the buckets take turns, one a sample, for what is usual hardly moves within a second.
pub const FIT_INTERVAL_MS: i64 = SAMPLE_INTERVAL_MS * BUCKETS_I64;
const BUCKETS: usize = 2 * BUCKET_ENDS_BPS.len();
const BUCKETS_I64: i64 = 12;
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
/// often the book is told. What follows from them is looked up less often.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct UsualSizes {
    buckets: [[Bucket; BUCKET_ENDS_BPS.len()]; 2],
    sampled: Option<i64>,
    /// The bucket whose turn it is to be fitted.
    turn: u8,
}

/// The bucket of a distance; `None` beyond the last.
fn bucket(dist_bps: f64) -> Option<usize> {
    let last = BUCKET_ENDS_BPS.len() - 1;
    let index = BUCKET_ENDS_BPS.iter().position(|end| dist_bps < *end);
    index.or_else(|| (dist_bps <= BUCKET_ENDS_BPS[last]).then_some(last))
}

impl UsualSizes {
    /// How many buckets are to be fitted after a sample at `now`; `None` when no sample is due. The next is then due an
    /// interval later.
    pub(crate) fn is_due(&mut self, now: i64) -> Option<usize> {
        let since = self.sampled.map_or(i64::MAX, |sampled| now.saturating_sub(sampled));
        let intervals = since / (SAMPLE_INTERVAL_MS * MILLI);
        if intervals < 1 {
            return None;
        }
        self.sampled = Some(now);
        usize::try_from(intervals).ok().map(|turns| turns.min(BUCKETS))
    }

    /// Adds the sizes of one side's cells, best first.
    pub(crate) fn sample(&mut self, look: &BookLook<'_>, side: Side, cells: &[Cell], half_life_secs: f64) {
        let buckets = &mut self.buckets[side_index(side)];
        let mut newest = None;
        for cell in cells.iter().filter(|cell| cell.qty.0 > 0) {
            let Some(index) = bucket(look.dist_bps(cell.price)) else { break };
            let history = &mut buckets[index].history;
            let weight = match newest {
                Some((bucket, weight)) if bucket == index => weight,
                _ => history.weight(look.now, half_life_secs),
            };
            newest = Some((index, weight));
            history.add_weighted(cell.qty.0, weight);
        }
    }

    /// Looks up median and spread of the next `turns` buckets, and the sizes at which `z_min` is reached.
    pub(crate) fn fit(&mut self, now: i64, turns: usize, half_life_secs: f64, z_min: f64) {
        for _ in 0..turns {
            let turn = usize::from(self.turn) % BUCKETS;
            self.turn = u8::try_from((turn + 1) % BUCKETS).unwrap_or(0);
            if let Some(bucket) = self.buckets.iter_mut().flatten().nth(turn) {
                bucket.fit = bucket.history.refit(now, half_life_secs, SAMPLES_MIN);
                bucket.wall_size = bucket.fit.map_or(0.0, |fit| fit.size_at(z_min));
            }
        }
    }

    /// The least size of a wall at any distance, in `Qty` units: nothing below it need be looked at. Infinite while no
    /// bucket has enough samples.
    pub(crate) fn wall_size_min(&self, side: Side) -> f64 {
        let fitted = self.buckets[side_index(side)].iter().filter(|bucket| bucket.fit.is_some());
        fitted.map(|bucket| bucket.wall_size).fold(f64::INFINITY, f64::min)
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
