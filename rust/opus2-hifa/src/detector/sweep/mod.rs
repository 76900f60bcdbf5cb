//! Sweeps: one aggressor walks through several prices at once.
//!
//! A run of trades of one side, no further apart than a gap, whose prices never get better for the aggressor, and at
//! least three of them distinct. A run is judged when it has ended: by a gap, by a trade of the other side, by a better
//! price, or because time has passed.
//!
//! # Source
//! Methods reference 3.6 (project definition).

mod cross_venue;

use opus2_types::{Aggressor, Level, Price, Qty, Side, VIEW_LEVELS};
use serde::{Deserialize, Serialize};

use super::bounded::Bounded;
use super::level_flow::Stamp;
use crate::exact::{MILLI, scaled, to_f64};
use crate::{Absent, Measure, measure::finite};

pub use cross_venue::{CROSS_VENUE_START_MS, CrossVenueSweep, CrossVenueSweeps, VenueSweep};

/// The parameters of sweeps on one venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepSettings {
    /// The longest gap within a run, nanoseconds.
    pub gap_nanos: i64,
    /// The least number of distinct prices.
    pub levels_min: u32,
    /// For how long after the gap, by receive time, a trade of the run may still be on its way, nanoseconds.
    pub patience_nanos: i64,
}

impl Default for SweepSettings {
    /// For a feed whose trades carry times finer than a millisecond: 20 ms.
    fn default() -> Self {
        Self { gap_nanos: 20 * MILLI, levels_min: 3, patience_nanos: 100 * MILLI }
    }
}

impl SweepSettings {
    /// For a feed whose trades carry whole milliseconds: 50 ms.
    #[must_use]
    pub fn for_millisecond_stamps() -> Self {
        Self { gap_nanos: 50 * MILLI, ..Self::default() }
    }
}

/// A run of trades through several prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// Who took.
    pub aggressor: Aggressor,
    /// Time of its first trade, nanoseconds: the venue's, if it gives one.
    pub since: i64,
    /// Time of its last trade.
    pub until: i64,
    /// Receive time of its first trade, nanoseconds.
    pub received: i64,
    /// Distinct prices.
    pub levels: u32,
    /// Traded quantity, in `Qty` units.
    pub volume: i128,
    /// Sum of prices times quantities, in `Price` units times `Qty` units.
    pub notional: i128,
    /// Its first price, the best for the aggressor.
    pub first: Price,
    /// Its last price, the worst.
    pub last: Price,
    /// What was shown before it, from the best to its last price, in `Qty` units; `None` when no book was known.
    pub shown_before: Option<i128>,
    /// The levels known ended before its last price: more may have been there.
    pub is_shown_cut: bool,
}

impl Sweep {
    fn begin(stamp: Stamp, price: Price, qty: Qty, aggressor: Aggressor) -> Self {
        let at = stamp.at();
        Self {
            aggressor,
            since: at,
            until: at,
            received: stamp.now,
            levels: 1,
            volume: qty.0.into(),
            notional: i128::from(price.0) * i128::from(qty.0),
            first: price,
            last: price,
            shown_before: None,
            is_shown_cut: false,
        }
    }

    /// True when a trade belongs to the run.
    fn goes_on_with(&self, at: i64, price: Price, aggressor: Aggressor, settings: &SweepSettings) -> bool {
        let is_no_better = match aggressor {
            Aggressor::Buy => price >= self.last,
            Aggressor::Sell => price <= self.last,
        };
        aggressor == self.aggressor && is_no_better && at.saturating_sub(self.until) <= settings.gap_nanos
    }

    fn add(&mut self, at: i64, price: Price, qty: Qty) {
        self.until = self.until.max(at);
        self.levels = self.levels.saturating_add(u32::from(price != self.last));
        self.volume = self.volume.saturating_add(qty.0.into());
        self.notional = self.notional.saturating_add(i128::from(price.0) * i128::from(qty.0));
        self.last = price;
    }

    /// Volume-weighted average price, quote units.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] without volume.
    pub fn vwap(&self, price_scale: u8) -> Measure {
        finite(scaled(self.notional, price_scale) / to_f64(self.volume))
    }

    /// Distance between its first and last price, in `Price` units; never negative.
    #[must_use]
    pub const fn span(&self) -> Price {
        Price(self.last.0.saturating_sub(self.first.0).saturating_abs())
    }

    /// Volume over what was shown up to its last price. From 0.8 on it is strong. An upper bound when
    /// [`is_shown_cut`](Self::is_shown_cut).
    ///
    /// # Errors
    /// [`Absent::DataType`] when no book was known before it, [`Absent::EmptySide`] when nothing was shown there.
    pub fn depth_ratio(&self) -> Measure {
        match self.shown_before {
            None => Err(Absent::DataType),
            Some(shown) if shown <= 0 => Err(Absent::EmptySide),
            Some(shown) => finite(to_f64(self.volume) / to_f64(shown)),
        }
    }
}

/// Finds sweeps in the trades of one instrument.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SweepDetector {
    run: Option<Sweep>,
    /// Receive time of the run's newest trade.
    heard: i64,
    /// What was shown on the side that the run takes from, when it began.
    shown: Bounded<Level, VIEW_LEVELS>,
    found: u64,
}

impl SweepDetector {
    /// Takes the next trade. `shown` is what rests on the side it takes from, best first, before the trade; empty when no
    /// book is known. Gives back the run that this trade has ended, when that was a sweep. A price or quantity that is
    /// not positive is passed over.
    pub fn on_trade(
        &mut self,
        stamp: Stamp,
        price: Price,
        qty: Qty,
        aggressor: Aggressor,
        shown: &[Level],
        settings: &SweepSettings,
    ) -> Option<Sweep> {
        if price.0 <= 0 || qty.0 <= 0 {
            return None;
        }
        let at = stamp.at();
        let is_heard = stamp.now.saturating_sub(self.heard)
            <= settings.gap_nanos.saturating_add(settings.patience_nanos);
        if let Some(run) =
            self.run.as_mut().filter(|run| is_heard && run.goes_on_with(at, price, aggressor, settings))
        {
            run.add(at, price, qty);
            self.heard = stamp.now;
            return None;
        }
        let ended = self.finish(settings);
        self.run = Some(Sweep::begin(stamp, price, qty, aggressor));
        self.heard = stamp.now;
        self.shown.fill(shown);
        ended
    }

    /// Lets time pass. Gives back the run that has ended by it, when that was a sweep.
    pub fn advance(&mut self, now: i64, settings: &SweepSettings) -> Option<Sweep> {
        let silence = now.saturating_sub(self.heard);
        if self.run.is_some() && silence > settings.gap_nanos.saturating_add(settings.patience_nanos) {
            self.finish(settings)
        } else {
            None
        }
    }

    /// Ends the run, as when there are no more trades. Gives it back when it was a sweep.
    pub fn finish(&mut self, settings: &SweepSettings) -> Option<Sweep> {
        let mut run = self.run.take().filter(|run| run.levels >= settings.levels_min)?;
        let shown = self.shown.as_slice();
        let is_passed = |level: &&Level| match run.aggressor {
            Aggressor::Buy => level.price <= run.last,
            Aggressor::Sell => level.price >= run.last,
        };
        if !shown.is_empty() {
            let passed = shown.iter().take_while(is_passed);
            run.shown_before = Some(passed.clone().map(|level| i128::from(level.qty.0.max(0))).sum());
            run.is_shown_cut = passed.count() >= VIEW_LEVELS;
        }
        self.found = self.found.saturating_add(1);
        Some(run)
    }

    /// How many sweeps were found.
    #[must_use]
    pub const fn found(&self) -> u64 {
        self.found
    }

    /// Trades were lost: the run is given up.
    pub const fn reset_reference(&mut self) {
        self.run = None;
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.run.is_none_or(|run| run.volume > 0 && run.levels > 0)
    }
}

/// The side of the book from which an aggressor takes.
pub(crate) const fn taken_from(aggressor: Aggressor) -> Side {
    match aggressor {
        Aggressor::Buy => Side::Ask,
        Aggressor::Sell => Side::Bid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trades of `[ms, price, quantity, sign]`, with asks 10, 11, 12 … of 2 each shown, to sweeps of
    /// `levels volume last depth-ratio`.
    #[track_caller]
    fn check(trades: &[[i64; 4]], expect: &str) {
        let settings = SweepSettings::default();
        let mut detector = SweepDetector::default();
        let shown: Vec<Level> = (10..15).map(|price| Level::new(price, 2)).collect();
        let mut found = Vec::new();
        for [at, price, qty, sign] in trades {
            let stamp = Stamp { now: at * MILLI, venue: None };
            let aggressor = if *sign > 0 { Aggressor::Buy } else { Aggressor::Sell };
            found.extend(detector.advance(stamp.now, &settings));
            let ended = detector.on_trade(stamp, Price(*price), Qty(*qty), aggressor, &shown, &settings);
            found.extend(ended);
            assert!(detector.is_consistent());
        }
        found.extend(detector.finish(&settings));
        let shown = |sweep: &Sweep| {
            let ratio = sweep
                .depth_ratio()
                .map_or_else(|absent| absent.as_str().to_owned(), |ratio| ratio.to_string());
            format!("{} {} {} {ratio}", sweep.levels, sweep.volume, sweep.last.0)
        };
        assert_eq!(found.iter().map(shown).collect::<Vec<_>>().join(", "), expect);
    }

    #[test]
    fn a_run_through_three_prices_is_a_sweep() {
        check(&[[0, 10, 2, 1], [20, 11, 2, 1], [40, 11, 1, 1], [41, 12, 1, 1]], "3 6 12 1");
        check(&[[0, 10, 2, 1], [1, 11, 2, 1]], "");
        check(&[], "");
    }

    #[test]
    fn a_gap_a_better_price_or_the_other_side_end_a_run() {
        check(&[[0, 10, 2, 1], [1, 11, 2, 1], [22, 12, 1, 1]], "");
        check(&[[0, 10, 2, 1], [1, 11, 2, 1], [2, 10, 1, 1], [3, 12, 1, 1]], "");
        check(&[[0, 10, 1, 1], [1, 11, 1, 1], [2, 12, 1, 1], [3, 12, 9, -1]], "3 3 12 0.5");
    }

    #[test]
    fn what_is_not_positive_is_passed_over() {
        check(&[[0, 10, 1, 1], [1, 11, 1, 1], [1, 0, 1, 1], [1, 12, 0, -1], [2, 12, 1, 1]], "3 3 12 0.5");
        // Nothing at or below 9 was shown on the side it takes from.
        check(&[[0, 7, 1, 1], [1, 8, 1, 1], [2, 9, 1, 1]], "3 3 9 empty_side");
    }
}
