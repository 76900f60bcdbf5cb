//! One market: its time, its open bar, and stage 1 of its instruments.

use opus2_hifa::signal::{InstrumentState, InstrumentStateV3, InstrumentStateV4, Reading};
use opus2_types::{EventBody, MarketEvent, Venue};
use opus2_wire::WireError;
use opus2_wire::raw::record_key;
use opus2_wire::view::signal::InstrumentText;
use serde::{Deserialize, Serialize};

use super::emit::Emitter;
use super::tally::{Count, Tally};
use crate::{OperatorError, Output};

/// A bar's length, ns.
pub(super) const BAR_NS: i64 = 1_000_000_000;

/// The most instruments that a market may have. Every venue's dollar coins of one asset are a few dozen.
pub(super) const INSTRUMENTS_MAX: usize = 256;

/// See the module's documentation.
///
/// # Time and bars
///
/// The market's time is the largest receive time among its events. A bar is `(end - 1 s, end]` with `end` a whole second;
/// there is at most one open, that of the market's time. It closes, with one record for each instrument that had events
/// in it,
///
/// 1. before an event beyond its end is taken, or
/// 2. when the host's timer for its end fires: the watermark promises that no event up to there will come.
///
/// Whichever is first. While the host keeps that promise, the records are the same ones in the same order, whenever the
/// timer fires. An event that breaks it, or whose receive time is a bar behind other instruments of the market, is late
/// for its bar: its features are published, but no bar is opened again.
#[derive(Debug)]
pub(super) struct Market {
    time: i64,
    /// End of the open bar.
    open_bar: Option<i64>,
    /// End of the newest closed bar.
    closed_until: i64,
    /// In the order of venue and symbol.
    instruments: Vec<Instrument>,
    is_dirty: bool,
}

/// One instrument.
#[derive(Debug)]
pub(super) struct Instrument {
    venue: Venue,
    symbol: String,
    /// `venue:symbol`, the key of everything published about it.
    pub(super) key: String,
    pub(super) text: InstrumentText,
    pub(super) state: InstrumentState,
}

/// What is saved of a market.
#[derive(Serialize)]
pub(super) struct SavingMarket<'a, I = InstrumentState> {
    time: i64,
    open_bar: Option<i64>,
    closed_until: i64,
    instruments: Vec<(Venue, &'a str, &'a I)>,
}

/// What is loaded of a market: as [`SavingMarket`], owned.
#[derive(Deserialize)]
pub(super) struct SavedMarket<I = InstrumentState> {
    time: i64,
    open_bar: Option<i64>,
    closed_until: i64,
    instruments: Vec<(Venue, String, I)>,
}

/// As it was saved before there were detectors.
pub(super) type SavedMarketV3 = SavedMarket<InstrumentStateV3>;

/// As it was saved before there were icebergs of orders.
pub(super) type SavedMarketV4 = SavedMarket<InstrumentStateV4>;

impl<I: Into<InstrumentState>> SavedMarket<I> {
    /// The same in today's form: what was not there has seen nothing.
    pub(super) fn into_newest(self) -> SavedMarket {
        let instruments = self.instruments.into_iter();
        SavedMarket {
            time: self.time,
            open_bar: self.open_bar,
            closed_until: self.closed_until,
            instruments: instruments.map(|(venue, symbol, state)| (venue, symbol, state.into())).collect(),
        }
    }
}

impl Default for Market {
    fn default() -> Self {
        Self {
            time: i64::MIN,
            open_bar: None,
            closed_until: i64::MIN,
            instruments: Vec::new(),
            is_dirty: false,
        }
    }
}

/// An event as `normalize` gave it: what it says, and its bytes, which the next stage gets untouched.
#[derive(Clone, Copy)]
pub(super) struct Received<'a> {
    pub(super) event: &'a MarketEvent<'a>,
    pub(super) bytes: &'a [u8],
}

impl Market {
    pub(super) fn process(
        &mut self,
        market: &str,
        received: Received<'_>,
        emitter: &Emitter,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let event = received.event;
        let recv_ts = event.recv_ts.0;
        tally.body(&event.body);
        if recv_ts < self.time {
            tally.add(Count::Late);
        }
        self.time = self.time.max(recv_ts);
        // Everything up to just before now: an event at the very end still belongs to the bar.
        self.close_bar_until(self.time.saturating_sub(1), emitter, tally, out);
        let Some(index) = self.find_or_insert(market, event) else {
            tally.add(Count::SkippedInstrumentLimit);
            return Ok(());
        };
        let in_bar = self.join_bar(event, tally, out);
        let instrument = &mut self.instruments[index];
        let settings = emitter.settings(market);
        let applied = instrument.state.apply(event, in_bar, &settings.config);
        tally.applied(&applied);
        match &event.body {
            EventBody::Quality(quality) if applied.fence_moved.is_some() => {
                emitter.fence(instrument, event, *quality, out);
            }
            EventBody::Book(_) | EventBody::Quote(_) if instrument.state.is_fenced() => {
                tally.add(Count::FencedSignals);
            }
            EventBody::Book(_) | EventBody::Quote(_) => {
                let reading = emitter.signal(instrument, event, &applied, settings, tally, out);
                return emitter.forward(instrument, &received, &reading, out);
            }
            _ => {}
        }
        let reading = Reading::new(&mut instrument.state, None, std::iter::empty(), applied.is_reset);
        emitter.forward(instrument, &received, &reading, out)
    }

    /// Publishes the open bar when it ends at `time` or before; true when it did.
    pub(super) fn close_bar_until(
        &mut self,
        time: i64,
        emitter: &Emitter,
        tally: &mut Tally,
        out: &mut Output,
    ) -> bool {
        let Some(end) = self.open_bar.take_if(|end| *end <= time) else { return false };
        self.closed_until = end;
        for instrument in &mut self.instruments {
            let Some(bar) = instrument.state.take_bar() else { continue };
            if instrument.state.is_fenced() {
                tally.add(Count::FencedBars);
            } else {
                emitter.bar(instrument, &bar, end, tally, out);
            }
        }
        true
    }

    /// Whether the event counts in the open bar, which it opens if need be.
    fn join_bar(&mut self, event: &MarketEvent<'_>, tally: &mut Tally, out: &mut Output) -> bool {
        if matches!(event.body, EventBody::Status(_) | EventBody::Quality(_) | EventBody::Position(_)) {
            return true;
        }
        let end = bar_end(event.recv_ts.0);
        if end != bar_end(self.time) || end <= self.closed_until {
            tally.add(Count::LateForBar);
            return false;
        }
        if self.open_bar.is_none() {
            self.open_bar = Some(end);
            out.timer(opus2_types::UnixNanos(end));
        }
        true
    }

    fn find_or_insert(&mut self, market: &str, event: &MarketEvent<'_>) -> Option<usize> {
        let found = self.instruments.binary_search_by(|instrument| {
            (instrument.venue, instrument.symbol.as_str()).cmp(&(event.venue, event.symbol))
        });
        match found {
            Ok(index) => Some(index),
            Err(_) if self.instruments.len() >= INSTRUMENTS_MAX => None,
            Err(index) => {
                let state = InstrumentState::new(event.venue, event.price_scale, event.qty_scale);
                self.instruments
                    .insert(index, Instrument::new(market, event.venue, event.symbol.to_owned(), state));
                Some(index)
            }
        }
    }

    /// True when it was clean.
    pub(super) fn mark_dirty(&mut self) -> bool {
        !std::mem::replace(&mut self.is_dirty, true)
    }

    pub(super) fn mark_clean(&mut self) {
        self.is_dirty = false;
    }

    pub(super) fn to_saved(&self) -> SavingMarket<'_> {
        SavingMarket {
            time: self.time,
            open_bar: self.open_bar,
            closed_until: self.closed_until,
            instruments: self
                .instruments
                .iter()
                .map(|instrument| (instrument.venue, instrument.symbol.as_str(), &instrument.state))
                .collect(),
        }
    }

    pub(super) fn from_saved(market: &str, saved: SavedMarket) -> Result<Self, WireError> {
        let is_sorted = saved.instruments.is_sorted_by(|a, b| (a.0, &a.1) < (b.0, &b.1));
        let is_consistent = saved.instruments.iter().all(|(_, _, state)| state.is_consistent());
        if !is_sorted || !is_consistent || saved.instruments.len() > INSTRUMENTS_MAX {
            let reason = "instruments that no market can have".to_owned();
            return Err(WireError::Invalid { what: "state blob", reason });
        }
        let instruments = saved.instruments.into_iter();
        Ok(Self {
            time: saved.time,
            open_bar: saved.open_bar,
            closed_until: saved.closed_until,
            instruments: instruments
                .map(|(venue, symbol, state)| Instrument::new(market, venue, symbol, state))
                .collect(),
            is_dirty: false,
        })
    }
}

impl Instrument {
    fn new(market: &str, venue: Venue, symbol: String, state: InstrumentState) -> Self {
        let key = record_key(venue, &symbol);
        let text = InstrumentText::new(venue, &symbol, market);
        Self { venue, symbol, key, text, state }
    }
}

/// The end of the bar that holds `time`: the first whole second at or after it.
fn bar_end(time: i64) -> i64 {
    let seconds = time.div_euclid(BAR_NS) + i64::from(time.rem_euclid(BAR_NS) != 0);
    seconds.saturating_mul(BAR_NS)
}

#[cfg(test)]
mod tests {
    use opus2_types::{
        Aggressor, BookView, Level, Price, Qty, QualityFlags, SeqRange, TradeEvent, UnixNanos,
    };
    use opus2_wire::blob::{decode_payload, encode_blob, open_blob};
    use opus2_wire::event::encode_event;
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::create;
    use crate::signal::{MAGIC, VERSION};

    /// An event of the script of [`what_was_saved_before_is_read`], 100 ms after the one before.
    fn event(number: i64) -> Vec<u8> {
        let level = |price: i64| Level::new(price, 10 + number % 7);
        let body = if number % 3 == 0 {
            let (price, qty, aggressor) = (Price(10_001), Qty(5), Aggressor::Buy);
            EventBody::Trade(TradeEvent {
                trade_id: number.unsigned_abs(),
                price,
                qty,
                aggressor,
                maker: None,
            })
        } else {
            EventBody::Book(BookView::new(
                (0..9).map(|rank| level(10_000 - rank)),
                (1..9).map(|rank| level(10_000 + rank)),
            ))
        };
        let event = MarketEvent {
            id: "coinbase:BTC-USD:c:1",
            venue: Venue::Coinbase,
            symbol: "BTC-USD",
            price_scale: 2,
            qty_scale: 3,
            tick: Price(1),
            lot: Qty(1),
            exch_ts: None,
            recv_ts: UnixNanos(1_700_000_000_000_000_000 + number * 100_000_000),
            seq: SeqRange { first: number.unsigned_abs(), last: number.unsigned_abs() },
            flags: QualityFlags::default(),
            body,
        };
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes).unwrap();
        bytes
    }

    /// The state as `version` saved it; `old` makes an instrument's from today's as JSON.
    fn saved_by<I: DeserializeOwned + Serialize>(
        version: u16,
        blob: &[u8],
        old: impl Fn(&mut serde_json::Value),
    ) -> Vec<u8> {
        let (_, payload) = open_blob(MAGIC, VERSION..=VERSION, blob).unwrap();
        let saved: SavedMarket = decode_payload(payload).unwrap();
        let states: Vec<I> = saved
            .instruments
            .iter()
            .map(|(_, _, state)| {
                let mut state = serde_json::to_value(state).unwrap();
                old(&mut state);
                serde_json::from_value(state).unwrap()
            })
            .collect();
        let named = saved.instruments.iter().zip(&states);
        let SavedMarket { time, open_bar, closed_until, .. } = saved;
        let instruments = named.map(|((venue, symbol, _), state)| (*venue, symbol.as_str(), state)).collect();
        let mut bytes = Vec::new();
        let saving = SavingMarket { time, open_bar, closed_until, instruments };
        encode_blob(MAGIC, version, &saving, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_was_saved_before_is_read() {
        let mut plain = create("signal", "").unwrap();
        let mut out = Output::new();
        for number in 1..200 {
            plain.process("BTC/USD*", &event(number), &mut out).unwrap();
        }
        let mut blob = Vec::new();
        plain.save("BTC/USD*", &mut blob).unwrap();
        let without_icebergs = saved_by::<InstrumentStateV4>(4, &blob, |state| {
            let detectors = state.pointer_mut("/episodes/detectors").unwrap();
            detectors["icebergs"] = serde_json::Value::Null;
        });
        let without_detectors =
            saved_by::<InstrumentStateV3>(3, &blob, |state| state["episodes"] = serde_json::Value::Null);
        assert!(without_detectors.len() < without_icebergs.len() && without_icebergs.len() < blob.len());
        let [mut newer, mut older] = [&without_icebergs, &without_detectors].map(|blob| {
            let mut operator = create("signal", "").unwrap();
            operator.load("BTC/USD*", blob).unwrap();
            operator
        });
        let mut outs = [Output::new(), Output::new(), Output::new()];
        for number in 200..260 {
            for (operator, out) in [&mut plain, &mut newer, &mut older].into_iter().zip(&mut outs) {
                operator.process("BTC/USD*", &event(number), out).unwrap();
            }
        }
        let [plain, newer, older] = outs;
        assert!(plain.as_bytes() == newer.as_bytes(), "nothing was lost");
        assert_eq!(plain.entries().count(), older.entries().count());
    }

    #[test]
    fn a_bar_holds_its_end_but_not_its_beginning() {
        for (time, expect) in
            [(0, 0), (1, BAR_NS), (BAR_NS, BAR_NS), (BAR_NS + 1, 2 * BAR_NS), (-1, 0), (i64::MAX, i64::MAX)]
        {
            assert_eq!(bar_end(time), expect);
        }
    }
}
