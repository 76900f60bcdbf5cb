//! What stage 3 keeps of one instrument.

use std::cmp::Ordering;

use opus2_types::{BookState, EventBody, MarketEvent, SCALE_MAX, Venue};
use serde::{Deserialize, Serialize};

use super::account::Holding;
use super::book::{HeldBook, Units};
use super::settings::RiskSettings;
use super::vitals::FeedVitals;
use crate::context::InstrumentName;
use crate::exact::{MILLI, scaled, seconds};
use crate::risk::assessment::VenueAllowance;
use crate::risk::health_gate::{HealthCap, HealthGate};
use crate::risk::resilience::DepletionWatcher;
use crate::risk::spread_decomposition::{SpreadDecomposition, TradeSpread};
use crate::risk::spread_level::SpreadLevel;
use crate::signal::ReadingHead;
use crate::{Absent, ExchangeHealth, Measure, measure::finite};

/// Time constant of the traded volume by which instruments are ranked, s.
const VOLUME_TAU_SECS: f64 = 600.0;

/// One instrument: its newest book, what is measured of its liquidity and its venue, and what is held of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstrumentRisk {
    pub(super) venue: Venue,
    pub(super) symbol: String,
    name: InstrumentName,
    pub(super) units: Units,
    pub(super) book: HeldBook,
    watcher: DepletionWatcher,
    spreads: SpreadDecomposition,
    spread_level: SpreadLevel,
    spread_z: Measure,
    vitals: FeedVitals,
    health: HealthGate,
    /// Points, 0 to 100; `None` before the first verdict.
    quality: Option<f64>,
    is_fenced: bool,
    pub(super) holding: Holding,
    /// When the newest book or quote came.
    quoted_at: Option<i64>,
    /// Traded notional, decayed.
    volume: f64,
    /// Factor for a quote currency that has lost its peg.
    peg: f64,
}

/// What an event means for the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moved {
    /// Something that an assessment rests upon may have changed, beside time.
    pub(super) is_assessed: bool,
    /// A book or quote came.
    pub(super) is_data: bool,
    /// A profit that cannot change any more, millionths.
    pub(super) earned_micros: i128,
    /// Equity that was told, millionths.
    pub(super) equity_micros: Option<i64>,
}

impl InstrumentRisk {
    pub(super) fn new(event: &MarketEvent<'_>) -> Self {
        let mut name = InstrumentName::new();
        // A name that does not fit is cut, character by character.
        for part in [event.venue.as_str(), ":", event.symbol] {
            part.chars().take_while(|letter| name.try_push(*letter).is_ok()).for_each(drop);
        }
        Self {
            venue: event.venue,
            symbol: event.symbol.to_owned(),
            name,
            units: units(event),
            book: HeldBook::default(),
            watcher: DepletionWatcher::default(),
            spreads: SpreadDecomposition::default(),
            spread_level: SpreadLevel::default(),
            spread_z: Err(Absent::Cold),
            vitals: FeedVitals::default(),
            health: HealthGate::default(),
            quality: None,
            is_fenced: false,
            holding: Holding::default(),
            quoted_at: None,
            volume: 0.0,
            peg: 1.0,
        }
    }

    /// Where it stands in the table.
    pub(super) fn place(&self, venue: Venue, symbol: &str) -> Ordering {
        (self.venue, self.symbol.as_str()).cmp(&(venue, symbol))
    }

    /// Takes an event of the instrument, with what stage 1 knows; `now` is the market's time.
    pub(super) fn take(
        &mut self,
        now: i64,
        event: &MarketEvent<'_>,
        reading: &ReadingHead,
        settings: &RiskSettings,
    ) -> Moved {
        let mut moved = Moved::default();
        let units = units(event);
        if (units.price_scale, units.qty_scale) != (self.units.price_scale, self.units.qty_scale) {
            moved.earned_micros = self.rescale();
            moved.is_assessed = true;
        }
        self.units = units;
        if reading.is_reset {
            self.watcher.reset_reference();
            self.spreads.reset_reference();
        }
        moved.is_assessed |= std::mem::replace(&mut self.is_fenced, reading.is_fenced) != reading.is_fenced;
        self.vitals.take(event);
        match &event.body {
            EventBody::Book(view) if reading.book_state == BookState::Live => {
                self.book.take(view, units, settings);
                if let Ok(look) = self.book.look() {
                    self.watcher.update(now, look.thinner_depth(), &settings.config().resilience);
                }
                moved.is_assessed = true;
                moved.is_data = true;
            }
            EventBody::Quote(_) => moved.is_data = true,
            EventBody::Trade(trade) if trade.price.0 > 0 && trade.qty.0 > 0 => {
                self.spreads.on_trade(now, trade.aggressor, trade.price, &settings.config().spread);
                self.add_volume(trade.price.0, trade.qty.0);
            }
            EventBody::Status(_) => {
                moved.is_assessed = true;
                self.measure_health(now, settings);
            }
            EventBody::Quality(quality) => {
                self.quality = Some(f64::from(quality.score_thousandths.min(100_000)) / 1e3);
                moved.is_assessed = true;
            }
            EventBody::Position(position) => {
                moved.earned_micros += self.holding.tell(position, units);
                moved.equity_micros = position.equity_micros.filter(|equity| *equity > 0);
                moved.is_assessed = true;
            }
            EventBody::Book(_) | EventBody::Trade(_) => {}
        }
        if reading.book_state != BookState::Live {
            moved.is_assessed |= self.book.look().is_ok();
            self.book.clear();
        }
        if moved.is_data {
            self.quoted_at = Some(self.quoted_at.map_or(event.recv_ts.0, |at| at.max(event.recv_ts.0)));
            self.observe_mid(now, reading, settings);
        }
        moved
    }

    fn observe_mid(&mut self, now: i64, reading: &ReadingHead, settings: &RiskSettings) {
        let memory = &settings.config().spread;
        let Some(mid_doubled) = reading.mid_doubled.filter(|mid| *mid > 0) else { return };
        self.spreads.on_mid(now, mid_doubled, memory);
        self.holding.observe_mid(mid_doubled);
        if let (Some(bid), Some(ask)) = (reading.bid, reading.ask) {
            let spread = i128::from(ask.price.0) - i128::from(bid.price.0);
            let spread_bps = 2e4 * scaled(spread, 0) / scaled(mid_doubled.into(), 0);
            self.spread_z = self.spread_level.update(now, spread_bps, memory);
        }
    }

    /// Prices and quantities count differently: what was measured in them starts again.
    fn rescale(&mut self) -> i128 {
        self.book.clear();
        self.watcher = DepletionWatcher::default();
        self.spreads.reset_reference();
        self.holding.rescale(self.units)
    }

    fn add_volume(&mut self, price: i64, qty: i64) {
        // In two steps: both scales together may be beyond the largest.
        let notional = scaled(price.into(), self.units.price_scale) * self.units.base(qty.into());
        self.volume = finite(self.volume + notional).unwrap_or(self.volume);
    }

    /// A second of the market's time has ended at `now`, `dt_secs` after the one before.
    pub(super) fn end_second(&mut self, now: i64, dt_secs: f64, settings: &RiskSettings) {
        self.volume *= (-dt_secs / VOLUME_TAU_SECS).exp();
        self.measure_health(now, settings);
    }

    fn measure_health(&mut self, now: i64, settings: &RiskSettings) {
        self.vitals.measure(now);
        self.health.update(now, self.vitals.health().score, &settings.config().health);
    }

    pub(super) const fn set_peg(&mut self, factor: f64) {
        self.peg = factor;
    }

    /// What may be done at the venue, the recovery of its health considered.
    ///
    /// # Errors
    /// [`Absent::Cold`] before the end of its first second.
    pub(super) fn cap(&self, settings: &RiskSettings) -> Result<HealthCap, Absent> {
        self.health.measure(&settings.config().health)
    }

    /// What health and peg allow.
    pub(super) fn health_part(&self, settings: &RiskSettings) -> Measure {
        finite(self.cap(settings)?.factor * self.peg)
    }

    /// The data quality score, 0 to 100.
    pub(super) const fn quality(&self) -> Option<f64> {
        self.quality
    }

    /// True behind a fence, or when the score itself is a hard block.
    pub(super) fn is_unbelievable(&self, settings: &RiskSettings) -> bool {
        self.is_fenced || settings.config().quality.blocks(self.quality)
    }

    /// True when the newest book or quote is too old.
    pub(super) fn is_stale(&self, now: i64, settings: &RiskSettings) -> bool {
        let oldest = now.saturating_sub(i64::from(settings.config().kill.stale_data_ms) * MILLI);
        self.quoted_at.is_none_or(|at| at < oldest)
    }

    /// The share of a wanted quantity that it may take.
    pub(super) fn share(&self, now: i64, settings: &RiskSettings) -> f64 {
        if self.book.look().is_err() || self.is_stale(now, settings) || self.is_unbelievable(settings) {
            return 0.0;
        }
        let quality = settings.config().quality.gate(self.quality);
        let health = self.health_part(settings);
        health.and_then(|health| Ok(health * quality?)).map_or(0.0, |share| share.clamp(0.0, 1.0))
    }

    /// What it may be used for.
    pub(super) fn allowance(&self, now: i64, settings: &RiskSettings) -> VenueAllowance {
        VenueAllowance {
            instrument: self.name,
            share: self.share(now, settings),
            health: self.vitals.health().score,
            quality: self.quality.ok_or(Absent::NoEvents),
            latency_secs: self.vitals.latency_secs(),
        }
    }

    /// Whether an instrument is of more use than another: one that may be used at all, then one that trades more.
    pub(super) fn rank(&self, other: &Self, settings: &RiskSettings) -> Ordering {
        let is_usable = |instrument: &Self| instrument.cap(settings).is_ok_and(|cap| cap.factor > 0.0);
        is_usable(self).cmp(&is_usable(other)).then(self.volume.total_cmp(&other.volume))
    }

    /// How old the newest book or quote is, s.
    ///
    /// # Errors
    /// [`Absent::Cold`] before the first.
    pub fn age_secs(&self, now: i64) -> Measure {
        finite(seconds(now.saturating_sub(self.quoted_at.ok_or(Absent::Cold)?)).max(0.0))
    }

    /// The instrument, `venue:symbol`, cut to 48 bytes.
    #[must_use]
    pub const fn name(&self) -> &InstrumentName {
        &self.name
    }

    /// Health as the venue's own feed shows it, at the last second's end.
    #[must_use]
    pub const fn health(&self) -> ExchangeHealth {
        self.vitals.health()
    }

    /// Factor of its quote currency: one, or one half when its mid is too far from the market's.
    #[must_use]
    pub const fn peg_factor(&self) -> f64 {
        self.peg
    }

    /// Median latency, s.
    pub(super) const fn latency_secs(&self) -> Measure {
        self.vitals.latency_secs()
    }

    /// Rate at which the book fills up again, per second.
    pub(super) fn kappa(&self) -> Measure {
        self.watcher.kappa()
    }

    /// Half-life of a deficit of the book, s.
    pub(super) fn resilience_secs(&self) -> Measure {
        self.watcher.half_life_secs()
    }

    /// How unusual its newest spread is, in standard deviations.
    ///
    /// # Errors
    /// [`Absent::Cold`] before enough spreads.
    pub const fn spread_z(&self) -> Measure {
        self.spread_z
    }

    /// Effective and realised spread of its trades after a horizon: see [`SpreadDecomposition::measure`].
    ///
    /// # Errors
    /// [`Absent::Cold`] before enough trades.
    pub fn trade_spread(&self, horizon: usize, settings: &RiskSettings) -> Result<TradeSpread, Absent> {
        self.spreads.measure(horizon, &settings.config().spread)
    }

    pub(super) fn is_consistent(&self) -> bool {
        let Units { price_scale, qty_scale, lot } = self.units;
        price_scale <= SCALE_MAX
            && qty_scale <= SCALE_MAX
            && lot > 0
            && self.watcher.is_consistent()
            && self.spreads.is_consistent()
            && self.spread_level.is_consistent()
            && self.spread_z.map_or(true, f64::is_finite)
            && self.vitals.is_consistent()
            && self.health.is_consistent()
            && self.quality.is_none_or(|quality| (0.0..=100.0).contains(&quality))
            && self.holding.is_consistent()
            && self.volume.is_finite()
            && self.volume >= 0.0
            && (0.0..=1.0).contains(&self.peg)
    }
}

/// How the event's instrument counts. Scales beyond the largest are the largest: nobody has them.
fn units(event: &MarketEvent<'_>) -> Units {
    Units {
        price_scale: event.price_scale.min(SCALE_MAX),
        qty_scale: event.qty_scale.min(SCALE_MAX),
        lot: event.lot.0.max(1),
    }
}
