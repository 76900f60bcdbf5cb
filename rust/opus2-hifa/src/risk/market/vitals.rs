//! What a venue's own feed shows of its health.

use opus2_types::{BookState, EventBody, MarketEvent, QualityFlags};
use serde::{Deserialize, Serialize};

use crate::detector::log_histogram::LogHistogram;
use crate::exact::seconds;
use crate::{
    Absent, ExchangeHealth, ExchangeVitals, HealthSettings, Measure, exchange_health, measure::finite,
};

/// Time constant of gaps and crossed books, s: a decayed count is then a rate per minute.
const MINUTE_SECS: f64 = 60.0;

/// Time constant of reconnects, s: a decayed count is then a rate per hour.
const HOUR_SECS: f64 = 3_600.0;

/// How fast latencies are forgotten, s.
const LATENCY_HALF_LIFE_SECS: f64 = 60.0;

/// The decayed number of latencies from which there is a quantile.
const LATENCIES_MIN: f64 = 20.0;

/// The vital signs of one instrument, from its own events alone.
///
/// | sign | from |
/// | --- | --- |
/// | age | the newest book, quote or trade |
/// | gaps | states that become `gap`, and events after a gap that no state told of |
/// | latency | receive time less the venue's own time, of every event that has one; below zero counts as zero |
/// | crossed | books and quotes whose bid is above the ask, and states that become `crossed` |
/// | reconnects | states that were `empty` and are not any more, but for the first |
///
/// Rejected orders are not known from here and count as none. What is measured, is measured at second ends.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct FeedVitals {
    /// In microseconds.
    latency: LogHistogram,
    gaps: f64,
    reconnects: f64,
    crossed: f64,
    looks: f64,
    /// A gap was counted whose first event is still to come.
    in_gap: bool,
    was_live: bool,
    heard_at: Option<i64>,
    decayed_at: Option<i64>,
    measured: Measured,
}

/// What was measured at the last second's end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Measured {
    components: [f64; 6],
    score: f64,
    latency_secs: Measure,
}

impl Default for Measured {
    fn default() -> Self {
        Self { components: [0.0; 6], score: 0.0, latency_secs: Err(Absent::Cold) }
    }
}

impl FeedVitals {
    /// Takes an event of the instrument.
    pub(super) fn take(&mut self, event: &MarketEvent<'_>) {
        let is_after_gap = event.flags.contains(QualityFlags::AFTER_GAP);
        self.gaps += f64::from(u8::from(is_after_gap && !self.in_gap));
        self.in_gap &= !is_after_gap;
        match &event.body {
            EventBody::Status(status) => self.take_status(status.from, status.to),
            EventBody::Book(view) => {
                self.was_live = true;
                self.look(view.is_crossed());
            }
            EventBody::Quote(quote) => self.look(quote.bid.price > quote.ask.price && quote.ask.price.0 > 0),
            EventBody::Trade(_) => {}
            EventBody::Quality(_) | EventBody::Position(_) => return,
        }
        if matches!(event.body, EventBody::Status(_)) {
            return;
        }
        self.heard_at = Some(self.heard_at.map_or(event.recv_ts.0, |before| before.max(event.recv_ts.0)));
        if let Some(exch_ts) = event.exch_ts.filter(|_| !event.flags.contains(QualityFlags::SNAPSHOT)) {
            let micros = event.recv_ts.0.saturating_sub(exch_ts.0) / 1_000;
            self.latency.add(event.recv_ts.0, micros, LATENCY_HALF_LIFE_SECS);
        }
    }

    fn take_status(&mut self, from: BookState, to: BookState) {
        match to {
            BookState::Gap => {
                self.gaps += 1.0;
                self.in_gap = true;
            }
            BookState::Crossed => self.look(true),
            BookState::Live => self.was_live = true,
            _ => {}
        }
        if self.was_live && from == BookState::Empty && to != BookState::Empty {
            self.reconnects += 1.0;
        }
    }

    fn look(&mut self, is_crossed: bool) {
        self.looks += 1.0;
        self.crossed += f64::from(u8::from(is_crossed));
    }

    /// Measures at the end of a second.
    pub(super) fn measure(&mut self, now: i64) {
        let dt_secs = self.decayed_at.map_or(0.0, |before| seconds(now.saturating_sub(before)).max(0.0));
        self.decayed_at = Some(now);
        let [minute, hour] = [MINUTE_SECS, HOUR_SECS].map(|tau_secs| (-dt_secs / tau_secs).exp());
        self.gaps *= minute;
        self.crossed *= minute;
        self.looks *= minute;
        self.reconnects *= hour;
        self.latency.recentre();
        let is_warm = self.latency.n_eff(now, LATENCY_HALF_LIFE_SECS) >= LATENCIES_MIN;
        let quantile_ms = |share| {
            self.latency.quantile(share).filter(|_| is_warm).map_or(f64::NAN, |micros: f64| micros / 1e3)
        };
        let vitals = ExchangeVitals {
            age_secs: self.age_secs(now),
            gaps_per_min: self.gaps,
            latency_ms_p99: quantile_ms(0.99),
            crossed_fraction: if self.looks > 0.0 { self.crossed / self.looks } else { 0.0 },
            rejected_fraction: 0.0,
            reconnects_per_hour: self.reconnects,
        };
        let ExchangeHealth { components, score } = exchange_health(&vitals, &HealthSettings::default());
        let median_ms = quantile_ms(0.5);
        let latency_secs = if median_ms.is_nan() { Err(Absent::Cold) } else { finite(median_ms / 1e3) };
        self.measured = Measured { components, score, latency_secs };
    }

    /// Age of the newest message, s; infinite before the first.
    pub(super) fn age_secs(&self, now: i64) -> f64 {
        self.heard_at.map_or(f64::INFINITY, |heard_at| seconds(now.saturating_sub(heard_at)).max(0.0))
    }

    /// Health at the last second's end.
    pub(super) const fn health(&self) -> ExchangeHealth {
        ExchangeHealth { components: self.measured.components, score: self.measured.score }
    }

    /// Median latency at the last second's end, s.
    pub(super) const fn latency_secs(&self) -> Measure {
        self.measured.latency_secs
    }

    /// False for loaded state that cannot have come about.
    pub(super) fn is_consistent(&self) -> bool {
        let is_count = |value: f64| value.is_finite() && value >= 0.0;
        let Measured { components, score, latency_secs } = self.measured;
        [self.gaps, self.reconnects, self.crossed, self.looks, score].into_iter().all(is_count)
            && components.into_iter().all(|component| (0.0..=1.0).contains(&component))
            && score <= 100.0
            && latency_secs.map_or(true, is_count)
    }
}

#[cfg(test)]
mod tests {
    use opus2_types::{Level, Price, Qty, QuoteEvent, SeqRange, StatusEvent, UnixNanos, Venue};

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Quotes every 100 ms for `secs` seconds with a latency of `latency_ms`; `between` may say more of second five.
    fn health(
        secs: i64,
        latency_ms: i64,
        between: impl Fn(&mut FeedVitals, &MarketEvent<'_>),
    ) -> ExchangeHealth {
        let mut vitals = FeedVitals::default();
        for step in 1..=secs * 10 {
            let recv_ts = step * SECOND / 10;
            let event = MarketEvent {
                id: "",
                venue: Venue::Binance,
                symbol: "BTCUSDT",
                price_scale: 2,
                qty_scale: 3,
                tick: Price(1),
                lot: Qty(1),
                exch_ts: Some(UnixNanos(recv_ts - latency_ms * 1_000_000)),
                recv_ts: UnixNanos(recv_ts),
                seq: SeqRange::default(),
                flags: QualityFlags::default(),
                body: EventBody::Quote(QuoteEvent { bid: Level::new(99, 1), ask: Level::new(100, 1) }),
            };
            vitals.take(&event);
            if step == 50 {
                between(&mut vitals, &event);
            }
            if step % 10 == 0 {
                vitals.measure(recv_ts);
                assert!(vitals.is_consistent());
            }
        }
        vitals.health()
    }

    #[track_caller]
    fn check(found: ExchangeHealth, expect: [f64; 6]) {
        let is_near =
            found.components.iter().zip(expect).all(|(found, expect)| (found - expect).abs() < 0.005);
        assert!(is_near, "{found:?}");
    }

    fn flagged<'a>(event: &MarketEvent<'a>) -> MarketEvent<'a> {
        MarketEvent { flags: QualityFlags::AFTER_GAP, ..*event }
    }

    fn status(vitals: &mut FeedVitals, event: &MarketEvent<'_>, from: BookState, to: BookState) {
        vitals.take(&MarketEvent { body: EventBody::Status(StatusEvent { from, to }), ..*event });
    }

    #[test]
    fn a_quiet_day_is_healthy() {
        check(health(10, 20, |_, _| ()), [1.0; 6]);
        assert!(health(10, 20, |_, _| ()).score > 99.9);
    }

    #[test]
    fn latency_is_not_known_before_enough_messages_and_counts_once_it_is() {
        check(health(1, 20, |_, _| ()), [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
        let slow = health(10, 275, |_, _| ()).components[2];
        assert!((slow - 0.5).abs() < 0.03, "a bin is five per cent wide: {slow}");
        check(health(10, -20, |_, _| ()), [1.0; 6]);
    }

    #[test]
    fn a_gap_counts_once_whether_told_by_state_or_flag_or_both() {
        let by_state = |vitals: &mut FeedVitals, event: &MarketEvent<'_>| {
            status(vitals, event, BookState::Live, BookState::Gap);
            vitals.take(event);
            vitals.take(&flagged(event));
        };
        let gaps = |between: &dyn Fn(&mut FeedVitals, &MarketEvent<'_>)| health(5, 20, between).components[1];
        let once = gaps(&by_state);
        assert!((once - (-1.0f64 / 3.0).exp()).abs() < 0.01, "{once}");
        let by_flag = gaps(&|vitals, event| vitals.take(&flagged(event)));
        assert!((by_flag - once).abs() < 1e-12);
    }

    #[test]
    fn crossed_quotes_and_reconnects_are_seen() {
        let crossed = health(10, 20, |vitals, event| {
            let body = EventBody::Quote(QuoteEvent { bid: Level::new(101, 1), ask: Level::new(100, 1) });
            vitals.take(&MarketEvent { body, ..*event });
        });
        assert!((crossed.components[3] - 0.0).abs() < 0.05, "one of a hundred: {crossed:?}");
        let lost = health(10, 20, |vitals, event| {
            status(vitals, event, BookState::Syncing, BookState::Live);
            status(vitals, event, BookState::Live, BookState::Empty);
            status(vitals, event, BookState::Empty, BookState::Syncing);
            status(vitals, event, BookState::Syncing, BookState::Live);
        });
        assert!((lost.components[5] - (-0.25f64).exp()).abs() < 0.01, "{lost:?}");
    }

    #[test]
    fn silence_ages() {
        let mut vitals = FeedVitals::default();
        assert!(vitals.age_secs(0).is_infinite());
        vitals.measure(SECOND);
        assert!(vitals.health().score < 5.0, "what is not known cannot be relied upon");
    }
}
