//! What an order that takes liquidity would get: walking a ladder, exactly.

use opus2_types::{Aggressor, Level, Price, Qty};
use serde::{Deserialize, Serialize};

use crate::exact::{scaled, to_f64};
use crate::{Absent, Measure, measure::finite};

/// What a quantity finds in a ladder. Exact: everything but the final division is an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Walk {
    /// What was found, in `Qty` units.
    pub filled: Qty,
    /// What was not; `filled + unfilled` is the quantity asked for. More than zero is a hard block, never extrapolated.
    pub unfilled: Qty,
    /// What it costs, in `Price` units times `Qty` units.
    pub cash: i128,
    /// The price of the last level used.
    pub worst: Option<Price>,
    /// How many levels were used.
    pub levels: u32,
}

/// Takes levels, best first, until `qty` is found.
///
/// A level without a positive price and quantity is passed over. A quantity that is not positive finds nothing.
///
/// # Source
/// Methods reference 4.1 (elementary definition).
#[must_use]
pub fn walk_quantity(levels: &[Level], qty: Qty) -> Walk {
    walk(levels.iter().copied(), qty)
}

/// As [`walk_quantity`], over what is left of the ladder when the order arrives.
///
/// `mid_doubled` is twice the mid in `Price` units; without a positive one every level counts as touching the mid.
#[must_use]
pub fn walk_surviving(levels: &[Level], qty: Qty, survival: &Survival, mid_doubled: i64) -> Walk {
    walk(levels.iter().map(|level| survival.thin(*level, mid_doubled)), qty)
}

fn walk(levels: impl Iterator<Item = Level>, qty: Qty) -> Walk {
    let mut walk = Walk { unfilled: qty, ..Walk::default() };
    for level in levels.filter(is_usable) {
        if walk.unfilled.0 <= 0 {
            break;
        }
        let taken = level.qty.0.min(walk.unfilled.0);
        // No more is taken than was asked for, so nothing of this leaves its range.
        walk.filled.0 += taken;
        walk.unfilled.0 -= taken;
        walk.cash += i128::from(level.price.0) * i128::from(taken);
        walk.worst = Some(level.price);
        walk.levels = walk.levels.saturating_add(1);
    }
    walk
}

const fn is_usable(level: &Level) -> bool {
    level.price.0 > 0 && level.qty.0 > 0
}

impl Walk {
    /// True when the whole quantity was found.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.unfilled.0 == 0
    }

    /// The volume-weighted average price, in quote units.
    ///
    /// # Errors
    /// [`Absent::EmptySide`] when nothing was found.
    pub fn vwap(&self, price_scale: u8) -> Measure {
        if self.filled.0 <= 0 {
            return Err(Absent::EmptySide);
        }
        finite(scaled(self.cash, price_scale) / to_f64(self.filled.0.into()))
    }

    /// `side * (vwap - mid) / mid`, in basis points: positive is a cost.
    ///
    /// # Errors
    /// [`Absent::EmptySide`] when nothing was found, [`Absent::BadNumber`] for a mid that is not positive.
    pub fn slippage_bps(&self, aggressor: Aggressor, mid_doubled: i64) -> Measure {
        let whole = self.at_mid(mid_doubled)?;
        // Below 2^127: a price and a quantity are below 2^63 each.
        let excess = (2 * self.cash - whole) * i128::from(aggressor.sign());
        finite(1e4 * to_f64(excess) / to_f64(whole))
    }

    /// [`slippage_bps`](Self::slippage_bps) and the fee on what is paid: `fee * vwap / mid`, in basis points of the mid.
    ///
    /// `fee` is a fraction of the notional; a rebate is negative.
    ///
    /// # Errors
    /// As [`slippage_bps`](Self::slippage_bps); [`Absent::BadNumber`] for a fee that is not finite.
    pub fn all_in_bps(&self, aggressor: Aggressor, mid_doubled: i64, fee: f64) -> Measure {
        let whole = self.at_mid(mid_doubled)?;
        let fee_bps = 1e4 * fee * to_f64(2 * self.cash) / to_f64(whole);
        finite(self.slippage_bps(aggressor, mid_doubled)? + fee_bps)
    }

    /// What the quantity found would cost at twice the mid.
    fn at_mid(&self, mid_doubled: i64) -> Result<i128, Absent> {
        if self.filled.0 <= 0 {
            return Err(Absent::EmptySide);
        }
        if mid_doubled <= 0 {
            return Err(Absent::BadNumber);
        }
        Ok(i128::from(mid_doubled) * i128::from(self.filled.0))
    }
}

/// What an amount of money finds in a ladder. Exact: the last level may give a fraction of a `Qty` unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotionalWalk {
    /// Whole `Qty` units found; what an order could ask for.
    pub whole_qty: i128,
    /// Money left for less than one `Qty` unit at `worst`: that fraction is part of
    /// [`base_qty`](Self::base_qty), and not of `whole_qty`.
    pub fraction_cash: i128,
    /// Money spent, the fraction included, in `Price` units times `Qty` units.
    pub cash: i128,
    /// Money for which nothing was found; `cash + unspent` is the amount given.
    pub unspent: i128,
    /// The price of the last level used.
    pub worst: Option<Price>,
    /// How many levels were used.
    pub levels: u32,
}

/// Takes levels, best first, until `notional` is spent: in `Price` units times `Qty` units.
///
/// A level without a positive price and quantity is passed over. An amount that is not positive finds nothing.
///
/// # Source
/// Methods reference 4.1 (elementary definition).
#[must_use]
pub fn walk_notional(levels: &[Level], notional: i128) -> NotionalWalk {
    let mut walk = NotionalWalk { unspent: notional, ..NotionalWalk::default() };
    for level in levels.iter().filter(|level| is_usable(level)) {
        if walk.unspent <= 0 {
            break;
        }
        let price = i128::from(level.price.0);
        let spent = walk.unspent.min(price * i128::from(level.qty.0));
        // A slice is shorter than 2^63, so the sum of its quantities fits; money spent is part of what was given.
        walk.whole_qty += spent / price;
        walk.fraction_cash = spent % price;
        walk.cash += spent;
        walk.unspent -= spent;
        walk.worst = Some(level.price);
        walk.levels = walk.levels.saturating_add(1);
    }
    walk
}

impl NotionalWalk {
    /// The quantity found, the fraction of a unit included, in base units; zero when nothing was found.
    #[must_use]
    pub fn base_qty(&self, qty_scale: u8) -> f64 {
        self.units() * scaled(1, qty_scale)
    }

    /// The volume-weighted average price, in quote units.
    ///
    /// # Errors
    /// [`Absent::EmptySide`] when nothing was found.
    pub fn vwap(&self, price_scale: u8) -> Measure {
        if self.cash <= 0 {
            return Err(Absent::EmptySide);
        }
        finite(scaled(self.cash, price_scale) / self.units())
    }

    /// The money for which nothing was found, in quote units.
    #[must_use]
    pub fn unspent_quote(&self, price_scale: u8, qty_scale: u8) -> f64 {
        scaled(self.unspent, price_scale) * scaled(1, qty_scale)
    }

    fn units(&self) -> f64 {
        let price = self.worst.map_or(1, |price| price.0);
        to_f64(self.whole_qty) + to_f64(self.fraction_cash) / to_f64(price.into())
    }
}

/// The outer distances of the buckets of a [`Survival`], in thousandths of a basis point from the mid, bounds included.
/// A last bucket holds what is further away.
pub const SURVIVAL_BOUNDS_MILLIBPS: [u32; 6] = [1_000, 2_000, 5_000, 10_000, 25_000, 50_000];

/// How many buckets a [`Survival`] has.
pub const SURVIVAL_BUCKETS: usize = SURVIVAL_BOUNDS_MILLIBPS.len() + 1;

const MILLION: i128 = 1_000_000;

/// The share of what is shown that is still there when an order arrives, by distance from the mid.
///
/// Kept in parts per million, so that quantities stay integers.
///
/// # Source
/// Methods reference 4.1: 0.8 at the touch until measured. Nothing is assumed to be better further away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "[u32; SURVIVAL_BUCKETS]", into = "[u32; SURVIVAL_BUCKETS]")]
pub struct Survival {
    ppm: [u32; SURVIVAL_BUCKETS],
}

impl Default for Survival {
    fn default() -> Self {
        Self { ppm: [800_000; SURVIVAL_BUCKETS] }
    }
}

impl From<[u32; SURVIVAL_BUCKETS]> for Survival {
    fn from(ppm: [u32; SURVIVAL_BUCKETS]) -> Self {
        Self::of_ppm(ppm)
    }
}

impl From<Survival> for [u32; SURVIVAL_BUCKETS] {
    fn from(survival: Survival) -> Self {
        survival.ppm
    }
}

impl Survival {
    /// Everything shown is there.
    pub const ALL: Self = Self { ppm: [1_000_000; SURVIVAL_BUCKETS] };

    /// From shares in parts per million, nearest bucket first. More than a million counts as a million.
    #[must_use]
    pub fn of_ppm(ppm: [u32; SURVIVAL_BUCKETS]) -> Self {
        Self { ppm: ppm.map(|ppm| ppm.min(1_000_000)) }
    }

    /// `exp(-cancel_rate * latency)` of each bucket, rounded down: `cancels_per_sec` is the rate at which one resting
    /// unit is cancelled. A rate or latency that is not a number leaves nothing; below zero they count as zero.
    #[must_use]
    pub fn after(cancels_per_sec: [f64; SURVIVAL_BUCKETS], latency_secs: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to a million, and NaN becomes 0; rounding down is meant"
        )]
        let ppm = cancels_per_sec.map(|rate| {
            if rate.is_nan() || latency_secs.is_nan() {
                return 0;
            }
            ((-(rate.max(0.0) * latency_secs.max(0.0))).exp() * 1e6) as u32
        });
        Self::of_ppm(ppm)
    }

    /// The shares in parts per million, nearest bucket first.
    #[must_use]
    pub const fn ppm(&self) -> [u32; SURVIVAL_BUCKETS] {
        self.ppm
    }

    /// What is left of a level, rounded down to whole `Qty` units.
    #[must_use]
    pub fn thin(&self, level: Level, mid_doubled: i64) -> Level {
        let left =
            i128::from(level.qty.0.max(0)) * i128::from(self.share_at(level.price, mid_doubled)) / MILLION;
        Level { qty: Qty(i64::try_from(left).unwrap_or(level.qty.0)), ..level }
    }

    fn share_at(&self, price: Price, mid_doubled: i64) -> u32 {
        let mid_doubled = i128::from(mid_doubled.max(0));
        let distance = if mid_doubled == 0 { 0 } else { (2 * i128::from(price.0) - mid_doubled).abs() };
        let is_inside = |bound: &u32| distance * 10 * MILLION <= mid_doubled * i128::from(*bound);
        let bucket = SURVIVAL_BOUNDS_MILLIBPS.iter().position(is_inside);
        self.ppm[bucket.unwrap_or(SURVIVAL_BUCKETS - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKS: [Level; 3] = [Level::new(101, 10), Level::new(0, 5), Level::new(102, 20)];

    #[track_caller]
    fn check(levels: &[Level], qty: i64, filled: i64, cash: i128, worst: Option<i64>, count: u32) {
        let walk = walk_quantity(levels, Qty(qty));
        let expect = Walk {
            filled: Qty(filled),
            unfilled: Qty(qty - filled),
            cash,
            worst: worst.map(Price),
            levels: count,
        };
        assert_eq!(walk, expect);
    }

    #[test]
    fn levels_are_taken_best_first_until_the_quantity_is_found() {
        check(&ASKS, 10, 10, 1_010, Some(101), 1);
        check(&ASKS, 12, 12, 1_010 + 204, Some(102), 2);
        check(&ASKS, 31, 30, 1_010 + 2_040, Some(102), 2);
        check(&ASKS, 0, 0, 0, None, 0);
        check(&ASKS, -3, 0, 0, None, 0);
        check(&[], 5, 0, 0, None, 0);
        let huge = Level::new(i64::MAX, i64::MAX);
        check(&[huge; 3], i64::MAX, i64::MAX, i128::from(i64::MAX).pow(2), Some(i64::MAX), 1);
    }

    #[test]
    fn a_cost_is_positive_on_both_sides() {
        let walk = walk_quantity(&ASKS, Qty(10));
        assert_eq!(walk.slippage_bps(Aggressor::Buy, 200), Ok(100.0));
        assert_eq!(walk.slippage_bps(Aggressor::Sell, 204), Ok(1e4 / 102.0));
        assert_eq!(walk.all_in_bps(Aggressor::Buy, 202, 0.001), Ok(10.0));
        assert_eq!(walk.slippage_bps(Aggressor::Buy, 0), Err(Absent::BadNumber));
        assert_eq!(walk.all_in_bps(Aggressor::Buy, 202, f64::NAN), Err(Absent::BadNumber));
        assert_eq!(Walk::default().slippage_bps(Aggressor::Buy, 200), Err(Absent::EmptySide));
        let huge = walk_quantity(&[Level::new(i64::MAX, i64::MAX)], Qty(i64::MAX));
        assert!(huge.slippage_bps(Aggressor::Buy, 1).is_ok());
    }

    #[test]
    fn money_buys_whole_units_and_a_fraction_of_the_next() {
        let walk = walk_notional(&ASKS, 1_010 + 153);
        assert_eq!((walk.whole_qty, walk.fraction_cash, walk.cash, walk.unspent), (11, 51, 1_163, 0));
        assert!((walk.base_qty(1) - 1.15).abs() < 1e-12);
        assert_eq!(walk.vwap(0), Ok(1_163.0 / 11.5));
        let walk = walk_notional(&ASKS, 10_000);
        assert_eq!((walk.whole_qty, walk.cash, walk.unspent, walk.levels), (30, 3_050, 6_950, 2));
        for (levels, notional) in [(&ASKS[..], -1), (&ASKS[..], 0), (&[], 7)] {
            let walk = walk_notional(levels, notional);
            assert_eq!((walk.base_qty(0), walk.vwap(0)), (0.0, Err(Absent::EmptySide)));
            assert_eq!(walk.unspent, notional);
        }
    }

    #[test]
    fn what_survives_is_rounded_down_by_distance() {
        let survival = Survival::of_ppm([800_000, 700_000, 600_000, 500_000, 400_000, 300_000, u32::MAX]);
        // The mid is 100 000; its hundred-thousandth part is a tenth of a basis point.
        let left = |price| survival.thin(Level::new(price, 11), 200_000).qty.0;
        assert_eq!(
            [100_010, 100_011, 100_050, 99_900, 99_800, 99_500, 99_499].map(left),
            [8, 7, 6, 5, 4, 3, 11]
        );
        assert_eq!(Survival::default().thin(Level::new(1, 10), 0).qty, Qty(8));
        assert_eq!(Survival::default().thin(Level::new(1, -10), 200).qty, Qty(0));
        assert_eq!(walk_surviving(&ASKS, Qty(10), &Survival::default(), 200).cash, 808 + 204);
    }

    #[test]
    fn survival_falls_with_latency_and_knows_nothing_of_what_is_not_a_number() {
        let rates = [1.0, 0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 2.0];
        let share = Survival::after(rates, 0.1).ppm();
        assert_eq!(share, [904_837, 1_000_000, 1_000_000, 0, 0, 0, 818_730]);
        assert_eq!(Survival::after(rates, f64::NAN).ppm(), [0; SURVIVAL_BUCKETS]);
    }
}
