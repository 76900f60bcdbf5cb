//! From an instrument's state to its features.

use opus2_types::{Side, VIEW_LEVELS};

use super::{BarFeatures, Feature, Features, InstrumentState, QuoteSource, SignalModel};
use crate::detector::Detectors;
use crate::estimator::integrated_ofi;
use crate::estimator::micro_move::LAGS_MS;
use crate::estimator::microprice::microprice;
use crate::estimator::queue_imbalance::measure_queue_imbalance;
use crate::estimator::window::WINDOWS;
use crate::exact::scaled;
use crate::measure::finite;
use crate::primitive::{Bbo, Depth, depth_within, measure_weighted_mid};
use crate::{Absent, Measure, SignalConfig};

impl InstrumentState {
    /// Everything that can be measured at the time of the last event, without a model.
    #[must_use]
    pub fn features(&self, config: &SignalConfig) -> Features {
        self.features_with(config, &SignalModel::NONE)
    }

    /// Everything that can be measured at the time of the last event.
    #[must_use]
    pub fn features_with(&self, config: &SignalConfig, model: &SignalModel) -> Features {
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
        let bar = self.bar_features(self.now, config);
        let integrated = self.integrated_ofi(config, model);
        let hawkes = self.trade_flow.look(self.now, config);
        let microprice = bbo.and_then(|bbo| {
            let table = model.microprice.as_ref().ok_or(Absent::NoModel)?;
            microprice(&bbo, self.tick, self.price_scale, table).map(|(value, _)| value)
        });
        let walls = self.detectors_of_books();
        Features {
            spread_bps: bbo.and_then(|bbo| finite(bbo.spread_bps())).into(),
            weighted_mid: bbo.and_then(|bbo| measure_weighted_mid(&bbo, self.tick, self.price_scale)).into(),
            microprice: microprice.into(),
            queue_imbalance: imbalance.into(),
            queue_imbalance_ewma: average.into(),
            depth_imbalance_5: self.depth_imbalances[0].into(),
            depth_imbalance_10: self.depth_imbalances[1].into(),
            ofi_1s: bar.ofi_1s,
            ofi_5s: bar.ofi_5s,
            ofi_15s: bar.ofi_15s,
            ofi_normalised_1s: bar.ofi_normalised_1s,
            ofi_normalised_5s: bar.ofi_normalised_5s,
            ofi_normalised_15s: bar.ofi_normalised_15s,
            ofi_integrated_1s: integrated[0],
            ofi_integrated_5s: integrated[1],
            ofi_integrated_15s: integrated[2],
            signed_volume_1s: bar.signed_volume_1s,
            signed_volume_5s: bar.signed_volume_5s,
            signed_volume_15s: bar.signed_volume_15s,
            volume_imbalance_1s: bar.volume_imbalance_1s,
            volume_imbalance_5s: bar.volume_imbalance_5s,
            volume_imbalance_15s: bar.volume_imbalance_15s,
            volume_imbalance_shrunk_15s: self.shrunk_imbalance().into(),
            hawkes_buy_ratio: hawkes.buy_ratio.into(),
            hawkes_sell_ratio: hawkes.sell_ratio.into(),
            hawkes_imbalance: hawkes.imbalance.into(),
            micro_move_z_100ms: moves[0].into(),
            micro_move_z_250ms: moves[1].into(),
            micro_move_z_1000ms: moves[2].into(),
            cusum_up: cusum.and_then(|(up, _)| finite(up)).into(),
            cusum_down: cusum.and_then(|(_, down)| finite(down)).into(),
            volatility: self.path.measure_volatility().into(),
            wall_signal: walls.and_then(Detectors::signal).into(),
            layering: walls.and_then(|detectors| detectors.layering_signal(&config.layering)).into(),
            spoof_likeness: walls.and_then(Detectors::spoof_likeness).into(),
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
        let flows = [0, 1, 2].map(|index| self.trade_flow.volume.measure(index, at));
        let signed =
            flows.map(|flow| flow.and_then(|flow| finite(scaled(flow.signed(), self.qty_scale))).into());
        let ratios = flows.map(|flow| flow.and_then(|flow| flow.measure_imbalance()).into());
        BarFeatures {
            ofi_1s: sums[0],
            ofi_5s: sums[1],
            ofi_15s: sums[2],
            ofi_normalised_1s: normalised[0],
            ofi_normalised_5s: normalised[1],
            ofi_normalised_15s: normalised[2],
            signed_volume_1s: signed[0],
            signed_volume_5s: signed[1],
            signed_volume_15s: signed[2],
            volume_imbalance_1s: ratios[0],
            volume_imbalance_5s: ratios[1],
            volume_imbalance_15s: ratios[2],
        }
    }

    /// The integrated OFI of each window, of book events only.
    fn integrated_ofi(&self, config: &SignalConfig, model: &SignalModel) -> [Feature; WINDOWS.len()] {
        let weights = model.ofi_weights.as_ref().unwrap_or(&config.ofi_integrated_weights);
        let conflation_ms = config.book_conflation_ms.of(self.venue);
        [0, 1, 2].map(|index| {
            let sum = self.rank_ofi.measure(index, self.now, conflation_ms);
            let scaled = sum.and_then(|sum| sum.depth_scaled());
            let value = scaled.and_then(|ofi| finite(integrated_ofi::integrated(weights, &ofi)));
            Feature { value, conflation_ms: Some(conflation_ms) }
        })
    }

    /// The volume imbalance of the longest window, shrunk.
    fn shrunk_imbalance(&self) -> Measure {
        let volume = &self.trade_flow.volume;
        let flow = volume.measure(WINDOWS.len() - 1, self.now)?;
        flow.measure_shrunk_imbalance(volume.prior()?)
    }

    /// The detectors; [`Absent::DataType`] before the first book, without which they can see nothing.
    fn detectors_of_books(&self) -> Result<&Detectors, Absent> {
        match self.depth_imbalances[0] {
            Err(Absent::DataType) => Err(Absent::DataType),
            _ => Ok(self.episodes.detectors()),
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
