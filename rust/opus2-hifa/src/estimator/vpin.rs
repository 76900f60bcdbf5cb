//! The volume-synchronised probability of informed trading: how one-sided equal parcels of volume are.

use opus2_types::Aggressor;
use serde::{Deserialize, Deserializer, Serialize};

use super::percentile_history::PercentileHistory;
use super::ring::Ring;
use super::trailing_volume::TrailingSpan;
use crate::exact::{scaled, to_f64};
use crate::{Absent, Measure, measure::finite};

/// How many parts a unit of volume has when it is divided between buys and sells.
pub const TILT_PARTS: i64 = 1_000_000_000_000;

/// Buys minus sells in a unit of volume, in [`TILT_PARTS`]: all of them for a buy, none when nobody knows.
///
/// Whole parts, so that sums of split volumes stay exact; `2f - 1` of any `f` with up to twelve decimals is exact itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tilt(i64);

impl Tilt {
    /// What a trade's aggressor says.
    #[must_use]
    pub const fn of(aggressor: Aggressor) -> Self {
        Self(aggressor.sign() * TILT_PARTS)
    }

    /// From the share of volume that bought, 0 to 1: see [`buy_fraction`](super::bulk_volume::buy_fraction).
    ///
    /// # Errors
    /// [`Absent::BadNumber`] for anything else.
    #[expect(clippy::cast_possible_truncation, reason = "a whole number between -TILT_PARTS and TILT_PARTS")]
    pub fn from_buy_fraction(fraction: f64) -> Result<Self, Absent> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(Absent::BadNumber);
        }
        Ok(Self(((2.0 * fraction - 1.0) * to_f64(TILT_PARTS.into())).round() as i64))
    }
}

/// How VPIN is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VpinSettings {
    /// How many buckets it is taken over.
    pub buckets: u16,
    /// The volume of how long makes the buckets.
    pub span: TrailingSpan,
    /// How many buckets that volume makes.
    pub buckets_a_span: u16,
    /// In how many buckets the weight of its own past halves.
    pub history_half_life_buckets: f64,
    /// How many buckets of its own past it is ranked among at least.
    pub history_weight_min: f64,
}

impl VpinSettings {
    /// Fifty buckets of a fiftieth of the daily volume: about a day of memory, ranked among about two weeks.
    pub const DAILY: Self = Self {
        buckets: 50,
        span: TrailingSpan::DAY,
        buckets_a_span: 50,
        history_half_life_buckets: 500.0,
        history_weight_min: 50.0,
    };
    /// Twenty buckets of a twentieth of the hourly volume, ranked among about three days.
    pub const INTRADAY: Self = Self {
        buckets: 20,
        span: TrailingSpan::HOUR,
        buckets_a_span: 20,
        history_half_life_buckets: 1_000.0,
        history_weight_min: 100.0,
    };
}

impl Default for VpinSettings {
    fn default() -> Self {
        Self::DAILY
    }
}

/// A full bucket, or the open one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Bucket {
    /// The volume it holds when full.
    size: i64,
    /// Buys minus sells, in [`TILT_PARTS`] of a unit of volume.
    signed: i128,
}

/// One bucket that was filled, or several equal ones in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClosedBucket {
    /// How many.
    pub count: u64,
    /// `|buys - sells|` in [`TILT_PARTS`] of a unit of volume.
    imbalance: u128,
    /// VPIN with this bucket, 0 to 1.
    pub vpin: Measure,
}

impl ClosedBucket {
    /// `|buys - sells|` of the bucket, in base units.
    #[must_use]
    pub fn imbalance(&self, qty_scale: u8) -> f64 {
        let imbalance = i128::try_from(self.imbalance).unwrap_or(i128::MAX);
        scaled(imbalance, qty_scale) / to_f64(TILT_PARTS.into())
    }
}

/// VPIN: `sum |buys - sells| / sum of sizes` over the last `n` full buckets.
///
/// Trades fill buckets of equal volume; one that crosses a boundary is split exactly, all sums are integers. The size of
/// a bucket is fixed when its first trade comes, so it may follow the trailing volume; with constant size `V` the
/// denominator is the usual `n V`. The open bucket is carried and not reported.
///
/// The level depends on the size and number of buckets: read it as the [`percentile`](Self::percentile) of its own
/// history. Whether it says more than volume and volatility do is contested (Andersen & Bondarenko 2014).
///
/// # Source
/// Easley, López de Prado & O'Hara (2012), RFS 25(5); methods reference 3.2.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Vpin {
    closed: Ring<Bucket>,
    open: Bucket,
    /// What the open bucket holds already.
    filled: i64,
    history: PercentileHistory,
    /// Over the closed buckets: `|buys - sells|`, and sizes.
    #[serde(skip)]
    sums: (u128, u128),
}

impl Vpin {
    /// Without any trade yet.
    #[must_use]
    pub fn new(settings: &VpinSettings) -> Self {
        Self {
            closed: Ring::new(settings.buckets),
            open: Bucket::default(),
            filled: 0,
            history: PercentileHistory::default(),
            sums: (0, 0),
        }
    }

    /// Takes `volume` in `Qty` units; buckets that it begins hold `bucket_volume`. Shows every bucket it fills.
    ///
    /// O(buckets filled), and no more than O(n) however many. Volume that is not positive is passed over, and so is all of
    /// it while `bucket_volume` is not positive and no bucket is open.
    pub fn take(
        &mut self,
        volume: i64,
        tilt: Tilt,
        bucket_volume: i64,
        settings: &VpinSettings,
        mut closed: impl FnMut(&ClosedBucket),
    ) {
        let mut left = volume.max(0);
        let mut alike = 0;
        while left > 0 {
            if self.filled == 0 {
                if bucket_volume <= 0 {
                    return;
                }
                self.open = Bucket { size: bucket_volume, signed: 0 };
            }
            let whole = u64::try_from(left / self.open.size).unwrap_or_default();
            if alike >= self.closed.capacity() && self.filled == 0 && whole > 0 {
                // Every bucket kept is filled by this trade alone: more of the same change nothing but the history.
                left %= self.open.size;
                self.open = Bucket::default();
                self.remember(self.measure(), whole, settings);
                closed(&self.newest(whole));
                continue;
            }
            let part = left.min(self.open.size.saturating_sub(self.filled));
            left -= part;
            self.filled += part;
            self.open.signed += i128::from(part) * i128::from(tilt.0);
            if self.filled >= self.open.size {
                alike = if part == self.open.size { alike + 1 } else { 0 };
                self.close();
                self.remember(self.measure(), 1, settings);
                closed(&self.newest(1));
            }
        }
    }

    fn close(&mut self) {
        let full = std::mem::take(&mut self.open);
        self.filled = 0;
        self.sums.0 += full.signed.unsigned_abs();
        self.sums.1 += u128::from(full.size.unsigned_abs());
        if let Some(old) = self.closed.push(full) {
            self.sums.0 -= old.signed.unsigned_abs();
            self.sums.1 -= u128::from(old.size.unsigned_abs());
        }
    }

    fn newest(&self, count: u64) -> ClosedBucket {
        let imbalance = self.closed.newest().map_or(0, |bucket| bucket.signed.unsigned_abs());
        ClosedBucket { count, imbalance, vpin: self.measure() }
    }

    fn remember(&mut self, vpin: Measure, count: u64, settings: &VpinSettings) {
        if let Ok(vpin) = vpin {
            self.history.add(vpin, count, settings.history_half_life_buckets);
        }
    }

    /// VPIN over the last full buckets, 0 to 1.
    ///
    /// # Errors
    /// [`Absent::Cold`] until there are `n` of them.
    pub fn measure(&self) -> Measure {
        if !self.closed.is_full() {
            return Err(Absent::Cold);
        }
        let (imbalance, volume) = self.sums;
        let as_f64 = |units: u128| to_f64(i128::try_from(units).unwrap_or(i128::MAX));
        finite((as_f64(imbalance) / as_f64(volume) / to_f64(TILT_PARTS.into())).min(1.0))
    }

    /// The share of its own past that VPIN is above now, 0 to 1.
    ///
    /// # Errors
    /// [`Absent::Cold`] until there are enough buckets to compare.
    pub fn percentile(&self, settings: &VpinSettings) -> Measure {
        self.history.rank(self.measure()?, settings.history_weight_min)
    }

    /// What the open bucket holds, in `Qty` units.
    #[must_use]
    pub const fn partial_volume(&self) -> i64 {
        self.filled
    }

    /// Trades were lost: the open bucket starts again. Full buckets stay.
    pub fn reset_reference(&mut self) {
        (self.open, self.filled) = (Bucket::default(), 0);
    }

    /// How many full buckets it rests on.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        to_f64(i128::try_from(self.closed.len()).unwrap_or_default())
    }

    /// True when it has a value.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.closed.is_full()
    }
}

#[derive(Deserialize)]
struct Saved {
    closed: Ring<Bucket>,
    open: Bucket,
    filled: i64,
    history: PercentileHistory,
}

impl<'de> Deserialize<'de> for Vpin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Saved { closed, open, filled, history } = Saved::deserialize(deserializer)?;
        let bound = |volume: i64| u128::from(volume.unsigned_abs()) * u128::from(TILT_PARTS.unsigned_abs());
        let is_full = |bucket: &Bucket| bucket.size > 0 && bucket.signed.unsigned_abs() <= bound(bucket.size);
        let is_open = if filled == 0 {
            open == Bucket::default()
        } else {
            (1..open.size).contains(&filled) && open.signed.unsigned_abs() <= bound(filled)
        };
        if !is_open || !closed.iter().all(|bucket| is_full(&bucket)) {
            return Err(serde::de::Error::custom("buckets that cannot be"));
        }
        let sums = closed.iter().fold((0, 0), |(imbalance, volume), bucket| {
            (imbalance + bucket.signed.unsigned_abs(), volume + u128::from(bucket.size.unsigned_abs()))
        });
        Ok(Self { closed, open, filled, history, sums })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: VpinSettings =
        VpinSettings { buckets: 3, history_weight_min: 2.0, ..VpinSettings::INTRADAY };

    /// Trades of volume and share that bought, into buckets of ten. Each bucket: how many, imbalance, VPIN.
    #[track_caller]
    fn check(trades: &[(i64, f64)], expect: &[(u64, f64, Option<f64>)], partial: i64) -> Vpin {
        let mut vpin = Vpin::new(&SETTINGS);
        let mut found = Vec::new();
        for (volume, fraction) in trades {
            let tilt = Tilt::from_buy_fraction(*fraction).unwrap();
            vpin.take(*volume, tilt, 10, &SETTINGS, |bucket| {
                found.push((bucket.count, bucket.imbalance(0), bucket.vpin.ok()));
            });
        }
        assert_eq!(found, expect);
        assert_eq!(vpin.partial_volume(), partial);
        let saved = serde_json::to_string(&vpin).unwrap();
        let loaded: Vpin = serde_json::from_str(&saved).unwrap();
        assert_eq!(loaded, vpin);
        assert_eq!(serde_json::to_string(&loaded).unwrap(), saved);
        vpin
    }

    #[test]
    fn a_trade_that_crosses_a_boundary_is_split() {
        check(&[], &[], 0);
        check(&[(9, 1.0)], &[], 9);
        check(&[(9, 1.0), (2, 0.0)], &[(1, 8.0, None)], 1);
        let expect = [(1, 8.0, None), (1, 10.0, None), (1, 2.0, Some(2.0 / 3.0)), (1, 0.0, Some(0.4))];
        check(&[(9, 1.0), (15, 0.0), (6, 1.0), (10, 0.5)], &expect, 0);
    }

    #[test]
    fn a_trade_of_many_buckets_costs_no_more_than_one_of_all_that_are_kept() {
        let expect = [
            (1, 8.0, None),
            (1, 6.0, None),
            (1, 6.0, Some(20.0 / 30.0)),
            (1, 6.0, Some(0.6)),
            (99_999_999_996, 6.0, Some(0.6)),
        ];
        let vpin = check(&[(5, 1.0), (999_999_999_999, 0.8)], &expect, 4);
        assert!(vpin.history.n_eff() > 1_000.0);
    }

    #[test]
    fn a_trade_that_ends_with_its_last_bucket_leaves_none_open() {
        let expect = [(1, 10.0, None), (1, 10.0, None), (1, 10.0, Some(1.0)), (2, 10.0, Some(1.0))];
        check(&[(50, 1.0)], &expect, 0);
    }

    #[test]
    fn what_is_not_volume_is_passed_over() {
        check(&[(0, 1.0), (-5, 1.0), (i64::MIN, 0.0)], &[], 0);
        let mut vpin = Vpin::new(&SETTINGS);
        vpin.take(100, Tilt::of(Aggressor::Buy), 0, &SETTINGS, |_| panic!("no bucket has a size"));
        assert_eq!((vpin.measure(), vpin.partial_volume()), (Err(Absent::Cold), 0));
        for fraction in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            assert_eq!(Tilt::from_buy_fraction(fraction), Err(Absent::BadNumber));
        }
    }

    #[test]
    fn a_bucket_keeps_the_size_it_began_with() {
        let mut vpin = Vpin::new(&SETTINGS);
        let buy = Tilt::of(Aggressor::Buy);
        vpin.take(5, buy, 10, &SETTINGS, |_| panic!("not full"));
        let mut closed = 0;
        vpin.take(25, buy, 20, &SETTINGS, |_| closed += 1);
        assert_eq!((closed, vpin.partial_volume()), (2, 0));
        vpin.take(60, Tilt::of(Aggressor::Sell), 60, &SETTINGS, |_| ());
        assert_eq!(vpin.measure(), Ok(1.0));
        vpin.take(30, Tilt::from_buy_fraction(0.5).unwrap(), 30, &SETTINGS, |_| ());
        assert_eq!(vpin.measure(), Ok(80.0 / 110.0));
    }

    #[test]
    fn a_loss_of_trades_empties_the_open_bucket_only() {
        let mut vpin = check(&[(35, 1.0)], &[(1, 10.0, None), (1, 10.0, None), (1, 10.0, Some(1.0))], 5);
        vpin.reset_reference();
        assert_eq!((vpin.measure(), vpin.partial_volume()), (Ok(1.0), 0));
    }

    #[test]
    fn buckets_that_cannot_be_are_refused() {
        let vpin = check(&[(9, 1.0)], &[], 9);
        let saved = serde_json::to_string(&vpin).unwrap();
        for (from, to) in [("\"filled\":9", "\"filled\":10"), ("\"size\":10", "\"size\":-10")] {
            let broken = saved.replace(from, to);
            assert_ne!(broken, saved);
            assert!(serde_json::from_str::<Vpin>(&broken).is_err(), "{broken}");
        }
    }
}
