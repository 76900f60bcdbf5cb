//! From an instrument's state to its features.

use opus2_types::{Side, VIEW_LEVELS};

use super::{BarFeatures, Feature, Features, InstrumentState, QuoteSource};
use crate::estimator::micro_move::LAGS_MS;
use crate::estimator::queue_imbalance::measure_queue_imbalance;
use crate::estimator::window::WINDOWS;
use crate::exact::scaled;
use crate::measure::finite;
use crate::primitive::{Bbo, Depth, depth_within, measure_weighted_mid};
use crate::{Absent, Measure, SignalConfig};

impl InstrumentState {
    /// Everything that can be measured at the time of the last event.
    #[must_use]
    pub fn features(&self, config: &SignalConfig) -> Features {
        let bbo = self.usable_bbo();
        let conflation_ms = self.conflation_ms(config);
        let imbalance = self.measure_queue_imbalance();
        let average = imbalance.and_then(|_| self.queue_imbalance.measure(config.queue_imbalance_ewma_ms));
        let moves = LAGS_MS.map(|lag_ms| {
            bbo?;
            if lag_ms < conflation_ms {
                return Err(Absent::DataType);
            }
            self.path.measure_move(self.now, lag_ms, self.tick)
        });
        let cusum = self.path.measure_cusum();
        let ofi = self.bar_features(self.now, config);
        Features {
            spread_bps: bbo.and_then(|bbo| finite(bbo.spread_bps())).into(),
            weighted_mid: bbo.and_then(|bbo| measure_weighted_mid(&bbo, self.tick, self.price_scale)).into(),
            queue_imbalance: imbalance.into(),
            queue_imbalance_ewma: average.into(),
            depth_imbalance_5: self.depth_imbalances[0].into(),
            depth_imbalance_10: self.depth_imbalances[1].into(),
            ofi_1s: ofi.ofi_1s,
            ofi_5s: ofi.ofi_5s,
            ofi_15s: ofi.ofi_15s,
            ofi_normalised_1s: ofi.ofi_normalised_1s,
            ofi_normalised_5s: ofi.ofi_normalised_5s,
            ofi_normalised_15s: ofi.ofi_normalised_15s,
            micro_move_z_100ms: moves[0].into(),
            micro_move_z_250ms: moves[1].into(),
            micro_move_z_1000ms: moves[2].into(),
            cusum_up: cusum.and_then(|(up, _)| finite(up)).into(),
            cusum_down: cusum.and_then(|(_, down)| finite(down)).into(),
            volatility: self.path.measure_volatility().into(),
        }
    }

    /// What can be measured at `at`, which is not before the last event.
    #[must_use]
    pub fn bar_features(&self, at: i64, config: &SignalConfig) -> BarFeatures {
        let conflation_ms = self.conflation_ms(config);
        let mut sums = [Feature::from(Err(Absent::Cold)); WINDOWS.len()];
        let mut normalised = sums;
        for index in 0..WINDOWS.len() {
            let found = self.ofi.measure(index, at, conflation_ms);
            let is_conflated = found.is_ok_and(|sum| sum.conflated > 0);
            let label = if is_conflated { config.book_conflation_ms.of(self.venue) } else { conflation_ms };
            let label = Some(label);
            let sum = found.and_then(|sum| finite(scaled(sum.ofi, self.qty_scale)));
            sums[index] = Feature { value: sum, conflation_ms: label };
            let value = found.and_then(|sum| sum.normalised());
            normalised[index] = Feature { value, conflation_ms: label };
        }
        BarFeatures {
            ofi_1s: sums[0],
            ofi_5s: sums[1],
            ofi_15s: sums[2],
            ofi_normalised_1s: normalised[0],
            ofi_normalised_5s: normalised[1],
            ofi_normalised_15s: normalised[2],
        }
    }

    /// How far apart the messages are that the best quote comes from now, ms.
    fn conflation_ms(&self, config: &SignalConfig) -> u32 {
        match self.best.source() {
            Some(QuoteSource::Book) => config.book_conflation_ms.of(self.venue),
            _ => 0,
        }
    }

    /// The best bid and offer, if it is known and not crossed.
    fn usable_bbo(&self) -> Result<Bbo, Absent> {
        match self.best.bbo().ok_or(self.ofi.reason())?? {
            bbo if bbo.is_crossed() => Err(Absent::Crossed),
            bbo => Ok(bbo),
        }
    }

    /// The mid in force, doubled, in `Price` units; `None` when there is none.
    #[must_use]
    pub fn mid_doubled(&self) -> Option<i64> {
        self.usable_bbo().ok().map(|bbo| bbo.mid_doubled())
    }

    pub(super) fn measure_queue_imbalance(&self) -> Measure {
        let (bid, ask) = (self.best.bid(), self.best.ask());
        match self.best.bbo().ok_or(self.ofi.reason())? {
            Ok(bbo) if bbo.is_crossed() => Err(Absent::Crossed),
            Err(Absent::BadNumber) => Err(Absent::BadNumber),
            _ => measure_queue_imbalance(bid.map(|level| level.qty), ask.map(|level| level.qty)),
        }
    }

    /// Depth of one side of the live book within a band, in thousandths of a basis point of the book's own mid.
    ///
    /// # Errors
    /// [`Absent::EmptySide`] without a live book of two sides, [`Absent::Crossed`], or [`Absent::BadNumber`].
    pub fn depth(&self, side: Side, band_millibps: u32) -> Result<Depth, Absent> {
        let bbo = Bbo::new(self.bids.first().copied(), self.asks.first().copied())?;
        if bbo.is_crossed() {
            return Err(Absent::Crossed);
        }
        let levels = match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        };
        Ok(depth_within(side, levels, bbo.mid_doubled(), band_millibps, VIEW_LEVELS))
    }
}
