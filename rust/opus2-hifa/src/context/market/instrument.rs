//! Stage 2 of one instrument of a market.

use opus2_types::{BookState, EventBody, MarketEvent, QualityFlags, Venue};
use serde::{Deserialize, Serialize};

use super::features::FRAMES;
use super::found::AbsorptionFound;
use super::latency::FeedLatency;
use super::pressure::Pressure;
use super::rules::ContextRules;
use super::trade_flow::TradeFlow;
use crate::context::{
    Bar, ContextReading, FeatureFrame, FrameReading, InstrumentContext, InstrumentName, InstrumentScales,
    WINDOWS_COUNT,
};
use crate::detector::absorption::{Taken, absorption};
use crate::estimator::trailing_volume::{TrailingSpan, TrailingVolume};
use crate::estimator::window::WINDOWS;
use crate::exact::scaled;
use crate::measure::finite;
use crate::signal::{AbsorbedFlow, Feature, Features, Reading};
use crate::{Absent, Measure};

/// The last hour's volume, known after a minute.
const HOUR: TrailingSpan = TrailingSpan { warm_up_secs: 60, ..TrailingSpan::HOUR };
const HOUR_SECS: f64 = 3_600.0;

/// One instrument of a market, with its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Instrument {
    pub(super) venue: Venue,
    pub(super) symbol: String,
    pub(super) name: InstrumentName,
    pub(super) state: InstrumentState,
}

impl Instrument {
    pub(super) fn new(venue: Venue, symbol: String, state: InstrumentState) -> Self {
        let mut name = InstrumentName::new();
        for part in [venue.as_str(), ":", symbol.as_str()] {
            let room = name.remaining_capacity().min(part.len());
            let cut = (0..=room).rev().find(|at| part.is_char_boundary(*at)).unwrap_or(0);
            name.push_str(&part[..cut]);
        }
        Self { venue, symbol, name, state }
    }
}

/// Everything of an instrument that outlives an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct InstrumentState {
    price_scale: u8,
    qty_scale: u8,
    pub(super) book_state: BookState,
    pub(super) is_fenced: bool,
    /// It has a place among those that are compared across venues.
    pub(super) is_compared: bool,
    /// It has had a mid, so that it may be the primary one.
    pub(super) has_had_mid: bool,
    /// The newest features, and when they were measured; none after a loss of data.
    pub(super) features: Option<Features>,
    features_at: i64,
    /// The mid in force, doubled, in `Price` units; none after a loss of data.
    pub(super) mid_doubled: Option<i64>,
    /// What traded, in quote units, fading.
    pub(super) notional: f64,
    context: InstrumentContext,
    hour: TrailingVolume,
    flow: TradeFlow,
    frames: [FeatureFrame; FRAMES.len()],
    latency: FeedLatency,
    absorption: Result<Pressure, Absent>,
    /// The strongest of the open second.
    absorbed: Option<AbsorptionFound>,
}

/// What an event did to its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct InstrumentTaken {
    /// The event shows a best bid and offer, and is believed.
    pub(super) is_reading: bool,
    /// Nothing may be compared across it.
    pub(super) is_interrupted: bool,
    /// The mid is another one.
    pub(super) is_moved: bool,
}

/// What the second that has ended says of an instrument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InstrumentSecond {
    /// What happened in it.
    pub bar: Bar,
    /// The slow estimators.
    pub context: ContextReading,
    /// The features with windows, in the order of [`FRAMES`].
    pub frames: [FrameReading; FRAMES.len()],
    /// The fast volatility, as of the newest features.
    pub volatility: Measure,
    /// Median of receive time less the venue's time, ms.
    pub latency_ms: Measure,
    /// Volume, base units per second, over the last hour or what was seen of it.
    pub volume_rate: Measure,
    /// The mid in force, doubled, in `Price` units.
    pub mid_doubled: Option<i64>,
    /// The strongest absorption.
    pub absorbed: Option<AbsorptionFound>,
}

impl InstrumentState {
    pub(super) fn new(event: &MarketEvent<'_>, rules: &ContextRules) -> Self {
        Self {
            price_scale: event.price_scale,
            qty_scale: event.qty_scale,
            book_state: BookState::Empty,
            is_fenced: false,
            is_compared: false,
            has_had_mid: false,
            features: None,
            features_at: i64::MIN,
            mid_doubled: None,
            notional: 0.0,
            context: InstrumentContext::new(&rules.instrument),
            hour: TrailingVolume::new(HOUR),
            flow: TradeFlow::default(),
            frames: [FeatureFrame::default(); FRAMES.len()],
            latency: FeedLatency::default(),
            absorption: Err(Absent::Cold),
            absorbed: None,
        }
    }

    /// VPIN is measured over another horizon from here on: what rests on the old one begins anew.
    pub(super) fn restart_context(&mut self, rules: &ContextRules) {
        self.context = InstrumentContext::new(&rules.instrument);
        if let Some(mid) = self.mid_doubled {
            self.context.observe_mid(mid);
        }
    }

    pub(super) const fn scales(&self) -> InstrumentScales {
        InstrumentScales { price: self.price_scale, qty: self.qty_scale }
    }

    /// The mid in force, quote units.
    pub(super) fn mid(&self) -> Option<f64> {
        self.mid_doubled.map(|doubled| 0.5 * scaled(doubled.into(), self.price_scale))
    }

    /// The logarithm of the mid in force.
    pub(super) fn log_mid(&self) -> Option<f64> {
        self.mid().map(f64::ln)
    }

    /// Takes the next event with what stage 1 knows at it; `now` is the market's time.
    pub(super) fn take(
        &mut self,
        event: &MarketEvent<'_>,
        reading: &Reading,
        now: i64,
        rules: &ContextRules,
    ) -> InstrumentTaken {
        let is_rescaled = (event.price_scale, event.qty_scale) != (self.price_scale, self.qty_scale);
        if is_rescaled {
            let Self { is_fenced, is_compared, has_had_mid, notional, .. } = *self;
            *self = Self { is_fenced, is_compared, has_had_mid, notional, ..Self::new(event, rules) };
        }
        let is_down = matches!(&event.body, EventBody::Status(status) if status.to != BookState::Live);
        let is_fence_closed = reading.head.is_fenced && !self.is_fenced;
        (self.is_fenced, self.book_state) = (reading.head.is_fenced, reading.head.book_state);
        let is_interrupted = is_rescaled || is_down || is_fence_closed || reading.head.is_reset;
        if is_interrupted {
            self.interrupt();
        }
        if let Some(exch_ts) = event.exch_ts {
            self.latency.see(event.recv_ts.since(exch_ts));
        }
        let mut taken = InstrumentTaken { is_interrupted, ..InstrumentTaken::default() };
        if self.is_fenced {
            return taken;
        }
        if let EventBody::Trade(trade) = &event.body {
            if event.flags.contains(QualityFlags::TRADE_GAP) {
                self.lose_trades();
            }
            self.context.observe_trade(trade.price, trade.qty, trade.aggressor, &rules.instrument);
            self.hour.add(if trade.price.0 > 0 { trade.qty.0 } else { 0 });
        }
        if let Some(features) = reading.features {
            (self.features, self.features_at) = (Some(features), now);
            taken.is_reading = true;
            if let Some(mid) = reading.head.mid_doubled.filter(|mid| *mid > 0) {
                self.context.observe_mid(mid);
                taken.is_moved = self.mid_doubled.replace(mid) != Some(mid);
                self.has_had_mid = true;
            }
        }
        self.take_absorbed(reading.absorbed, now, rules);
        taken
    }

    /// Data was lost: nothing is compared across this moment.
    fn interrupt(&mut self) {
        self.context.reset_reference();
        self.hour.reset_reference();
        (self.features, self.mid_doubled) = (None, None);
        self.absorption = Err(if self.has_had_mid { Absent::Resync } else { Absent::Cold });
    }

    /// Trades were lost, but no mids.
    fn lose_trades(&mut self) {
        self.context.reset_reference();
        self.hour.reset_reference();
        if let Some(mid) = self.mid_doubled {
            self.context.observe_mid(mid);
        }
    }

    fn take_absorbed(&mut self, flow: Result<AbsorbedFlow, Absent>, now: i64, rules: &ContextRules) {
        let found = flow.and_then(|flow| {
            let lambda = self.context.lambda().measure(&rules.instrument.lambda)?;
            let AbsorbedFlow { aggressor, volume, signed_move, added, executed } = flow;
            let found = absorption(&Taken { volume, signed_move, lambda, added, executed });
            let expected_move = finite(found.expected_move)?;
            let volume = finite(volume)?;
            let score = found.score?;
            let (resistance, replenishment) = (found.resistance, found.replenishment);
            Ok(AbsorptionFound { aggressor, volume, expected_move, resistance, replenishment, score })
        });
        match (found, self.absorption) {
            (Ok(found), before) => {
                let sign = scaled((-found.aggressor.sign()).into(), 0);
                let mut pressure = before.unwrap_or_default();
                pressure.set(now, sign * found.score);
                self.absorption = Ok(pressure);
                if self.absorbed.is_none_or(|strongest| strongest.score < found.score) {
                    self.absorbed = Some(found);
                }
            }
            // It was asked, and nothing was absorbed.
            (Err(Absent::NoEvents), Err(_)) => self.absorption = Ok(Pressure::default()),
            (Err(reason), Err(_)) => self.absorption = Err(reason),
            (Err(_), Ok(_)) => {}
        }
    }

    /// How much was absorbed lately, positive where selling was.
    pub(super) fn absorption(&self, now: i64, rules: &ContextRules) -> Measure {
        finite(self.absorption?.level(now, rules.pressure_half_life_secs))
    }

    /// `ofi_normalised` over a window, as long as that holds more than silence.
    pub(super) fn ofi_normalised(&self, window: usize, now: i64) -> Feature {
        let nothing = |reason| Feature::from(Err(reason));
        let Some(features) = &self.features else {
            return nothing(if self.has_had_mid { Absent::Resync } else { Absent::Cold });
        };
        let Features { ofi_normalised_1s, ofi_normalised_5s, ofi_normalised_15s, .. } = *features;
        let by_window = [ofi_normalised_1s, ofi_normalised_5s, ofi_normalised_15s];
        let Some((span, feature)) = WINDOWS.into_iter().zip(by_window).nth(window) else {
            return nothing(Absent::DataType);
        };
        let is_silent = now.saturating_sub(self.features_at) >= span.nanos();
        if is_silent { Feature { value: Err(Absent::NoEvents), ..feature } } else { feature }
    }

    /// Ends the second at `end`, `elapsed_secs` after the one before.
    pub(super) fn close(&mut self, end: i64, elapsed_secs: f64, rules: &ContextRules) -> InstrumentSecond {
        if self.is_fenced {
            // Nothing was believed of it: the time counts as lost, not as quiet.
            self.context.reset_reference();
            self.hour.reset_reference();
        }
        let bar = Bar { end, mid_close_doubled: self.mid_doubled, ..*self.context.bars().open() };
        self.context.close(end, self.scales(), &rules.instrument);
        self.hour.advance(end, HOUR);
        self.flow.push(&bar);
        self.latency.close();
        let traded = scaled(bar.notional, self.price_scale) * scaled(1, self.qty_scale);
        self.notional = self.notional * (-elapsed_secs / rules.primary_half_life_secs).exp2() + traded;
        let volatility = match &self.features {
            Some(features) => features.volatility.value,
            None => Err(if self.has_had_mid { Absent::Resync } else { Absent::Cold }),
        };
        InstrumentSecond {
            bar,
            context: self.context.reading(self.scales(), &rules.instrument),
            frames: self.observe_frames(end, rules),
            volatility,
            latency_ms: self.latency.median_ms(),
            volume_rate: self.volume_rate(),
            mid_doubled: self.mid_doubled,
            absorbed: self.absorbed.take(),
        }
    }

    fn observe_frames(&mut self, end: i64, rules: &ContextRules) -> [FrameReading; FRAMES.len()] {
        let mut ofi = [Err(Absent::Cold); WINDOWS_COUNT];
        let mut conflation_ms = 0;
        for (window, value) in ofi.iter_mut().enumerate() {
            let feature = self.ofi_normalised(window, end);
            *value = feature.value;
            conflation_ms = feature.conflation_ms.unwrap_or(0).max(conflation_ms);
        }
        let flow = self.flow.imbalances();
        let [of_ofi, of_flow] = &mut self.frames;
        let [ofi_usual, flow_usual] = &rules.moments;
        [
            of_ofi.observe(ofi, conflation_ms, ofi_usual.as_ref(), &rules.frames),
            of_flow.observe(flow, 0, flow_usual.as_ref(), &rules.frames),
        ]
    }

    fn volume_rate(&self) -> Measure {
        let volume = self.hour.part(1, HOUR)?;
        finite(scaled(volume.into(), self.qty_scale) / HOUR_SECS)
    }

    /// False for a loaded state that no events can have led to, and that might not be safe to go on with.
    pub(super) fn is_consistent(&self) -> bool {
        let values = self.features.iter().flat_map(Features::values);
        values.filter_map(|feature| feature.value.ok()).all(f64::is_finite)
            && self.mid_doubled.is_none_or(|mid| mid > 0)
            && self.notional.is_finite()
            && self.notional >= 0.0
            && self.context.is_consistent()
            && self.flow.is_consistent()
            && self.frames.iter().all(FeatureFrame::is_consistent)
            && self.latency.is_consistent()
            && self.absorption.iter().all(Pressure::is_consistent)
            && self.absorbed.is_none_or(|found| found.score.is_finite())
    }
}
