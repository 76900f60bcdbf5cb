//! One market: the feeds of its instruments.

use std::collections::BTreeMap;

use opus2_types::{BookState, Channel, InstrumentSpec, UnixNanos, Venue};
use opus2_venue::{Feed, FeedState};
use opus2_wire::WireError;
use opus2_wire::raw::{RawRecord, record_key};
use opus2_wire::spec::decode_spec;
use serde::{Deserialize, Serialize};

use super::emit::Emitter;
use super::judge::WindowEnd;
use super::quality::agreement::LastMid;
use super::quality::{Message, Quality, ValidationRules};
use super::tally::{Count, Tally};
use super::window::Windows;
use crate::{OperatorError, Output};

/// The instruments of one market, by record key.
#[derive(Debug, Default)]
pub(super) struct Market {
    instruments: BTreeMap<(Venue, String), Instrument>,
    windows: Windows,
    is_dirty: bool,
}

/// One instrument's feed and its place in the stream of records.
#[derive(Debug)]
pub(super) struct Instrument {
    pub(super) feed: Feed,
    pub(super) quality: Quality,
    /// `venue:symbol`, the key of everything published about it.
    pub(super) key: String,
    conn: String,
    number: u64,
}

/// What is saved of a market: its instruments in the order of their keys.
#[derive(Serialize, Deserialize)]
pub(super) struct MarketState {
    windows: Windows,
    instruments: Vec<(FeedState, Quality, String, u64)>,
}

/// What a record's number says.
enum Turn {
    /// The first of a connection.
    First,
    Next,
    Repeated,
    AfterLoss(u64),
}

impl Market {
    pub(super) fn process(
        &mut self,
        record: &RawRecord<'_>,
        rules: &ValidationRules,
        emitter: &mut Emitter,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let time = self.windows.reach(record.recv_ts.0);
        // Everything up to just before now: a record at the very end still belongs to the window.
        self.close_windows(record.market, time.saturating_sub(1), rules, emitter, tally, out)?;
        if let Some((start, end)) = self.windows.hear(rules.window_ns()) {
            self.instruments.values_mut().for_each(|instrument| instrument.quality.begin_window(start));
            out.timer(UnixNanos(end));
        }
        if record.channel == Channel::Instrument {
            return self.announce(record, rules, emitter, tally, out);
        }
        let Some(instrument) = find(&mut self.instruments, record.venue, record.symbol) else {
            tally.add(Count::UnknownInstruments, 1);
            let error =
                "no instrument record came before it; start reading the raw topic where its connection began";
            return emitter.dead_letter(record, "unknown_instrument", error, tally, out);
        };
        if record.channel == Channel::Position {
            return emitter.position(instrument, record, tally, out);
        }
        instrument.take(record, emitter, tally, out)?;
        let mid = instrument.quality.mid_to_compare(instrument.feed.state());
        if let Some(mid) = mid {
            self.compare(record, &mid);
        }
        Ok(())
    }

    /// Judges every window that ends at `until` or before; true when there was one.
    pub(super) fn close_windows(
        &mut self,
        market: &str,
        until: i64,
        rules: &ValidationRules,
        emitter: &mut Emitter,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<bool, OperatorError> {
        let (mut is_changed, length) = (false, rules.window_ns());
        while let Some(end) = self.windows.close(until, length) {
            is_changed = true;
            self.judge(WindowEnd { market, end, length }, &mut emitter.id, tally, out)?;
        }
        if is_changed && let Some(end) = self.windows.open() {
            out.timer(UnixNanos(end));
        }
        Ok(is_changed)
    }

    /// Compares the mid of the record's instrument with those of the market's others.
    fn compare(&mut self, record: &RawRecord<'_>, mid: &LastMid) {
        let is_own = |key: &(Venue, String)| key.0 == record.venue && key.1 == record.symbol;
        let Some(own) = find(&mut self.instruments, record.venue, record.symbol) else { return };
        let bps_max = own.quality.cross_venue_bps_max();
        let (mut agreeing, mut others) = (0, 0);
        for (_, other) in self.instruments.iter().filter(|(key, _)| !is_own(key)) {
            if let Some(agrees) = other.quality.agrees_with(mid, other.feed.state(), bps_max) {
                others += 1;
                agreeing += u32::from(agrees);
            }
        }
        if let Some(own) = find(&mut self.instruments, record.venue, record.symbol) {
            own.quality.compared(mid, agreeing, others);
        }
    }

    pub(super) fn instruments_mut(&mut self) -> impl Iterator<Item = &mut Instrument> {
        self.instruments.values_mut()
    }

    /// A record on channel `instrument`: a new connection, perhaps with other scales.
    fn announce(
        &mut self,
        record: &RawRecord<'_>,
        rules: &ValidationRules,
        emitter: &mut Emitter,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let spec = match readable_spec(record) {
            Ok(spec) => spec,
            Err(error) => {
                tally.add(Count::BadSpecs, 1);
                return emitter.dead_letter(record, "bad_spec", &error, tally, out);
            }
        };
        let instrument =
            self.instruments.entry((record.venue, record.symbol.to_owned())).or_insert_with(|| {
                let quality = Quality::new(record.recv_ts, rules.of(&spec));
                Instrument::new(spec.clone(), quality)
            });
        if *instrument.feed.spec() != spec {
            let quality = instrument.quality.rescaled(rules.of(&spec));
            *instrument = Instrument::new(spec, quality);
        }
        instrument.take(record, emitter, tally, out)
    }

    /// True when it was clean.
    pub(super) fn mark_dirty(&mut self) -> bool {
        !std::mem::replace(&mut self.is_dirty, true)
    }

    pub(super) fn mark_clean(&mut self) {
        self.is_dirty = false;
    }

    pub(super) fn to_state(&self) -> MarketState {
        let save = |instrument: &Instrument| {
            let Instrument { feed, quality, conn, number, .. } = instrument;
            (feed.to_state(), quality.clone(), conn.clone(), *number)
        };
        MarketState { windows: self.windows, instruments: self.instruments.values().map(save).collect() }
    }

    pub(super) fn from_state(state: MarketState, rules: &ValidationRules) -> Result<Self, WireError> {
        let mut market = Self { windows: state.windows, ..Self::default() };
        for (feed, quality, conn, number) in state.instruments {
            let feed = Feed::from_state(feed).ok_or_else(|| WireError::Invalid {
                what: "state blob",
                reason: "a feed with levels or counts that no feed can have".to_owned(),
            })?;
            let (venue, symbol) = (feed.spec().venue, feed.spec().symbol.clone());
            let key = record_key(venue, &symbol);
            let quality = quality.with_rules(rules.of(feed.spec()));
            market.instruments.insert((venue, symbol), Instrument { feed, quality, key, conn, number });
        }
        Ok(market)
    }
}

/// A `BTreeMap` with tuple keys cannot be searched by a borrowed pair; a market has a handful of instruments.
fn find<'a>(
    instruments: &'a mut BTreeMap<(Venue, String), Instrument>,
    venue: Venue,
    symbol: &str,
) -> Option<&'a mut Instrument> {
    instruments
        .iter_mut()
        .find(|(key, _)| key.0 == venue && key.1 == symbol)
        .map(|(_, instrument)| instrument)
}

fn readable_spec(record: &RawRecord<'_>) -> Result<InstrumentSpec, String> {
    let spec = decode_spec(record.value).map_err(|error| error.to_string())?;
    if spec.venue != record.venue || spec.symbol != record.symbol {
        return Err(format!("it describes {}, the record is of {}", spec.symbol, record.symbol));
    }
    Ok(spec)
}

impl Instrument {
    fn new(spec: InstrumentSpec, quality: Quality) -> Self {
        let key = record_key(spec.venue, &spec.symbol);
        Self { feed: Feed::new(spec), quality, key, conn: String::new(), number: 0 }
    }

    fn take(
        &mut self,
        record: &RawRecord<'_>,
        emitter: &mut Emitter,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let before = self.feed.state();
        let mut lost_records = 0;
        match self.turn(record) {
            Turn::First => self.quality.connected(record.recv_ts, before),
            Turn::Next => {}
            Turn::Repeated => {
                tally.add(Count::RepeatedRecords, 1);
                self.quality.repeated(record.channel, record.recv_ts, before);
                return Ok(());
            }
            Turn::AfterLoss(records) => {
                tally.add(Count::LostRecords, records);
                self.feed.lost();
                lost_records = records;
            }
        }
        let counts = *self.feed.counts();
        let applied = self.feed.apply(record.channel, record.value, record.recv_ts);
        tally.feed(&counts, self.feed.counts());
        self.quality.take(&Message {
            channel: record.channel,
            applied: &applied,
            feed: &self.feed,
            counts: &counts,
            lost_records,
        });
        emitter.applied(self, record, before, &applied, tally, out)
    }

    /// Notes the record's place. A new connection starts the book again.
    fn turn(&mut self, record: &RawRecord<'_>) -> Turn {
        if self.conn != record.conn {
            record.conn.clone_into(&mut self.conn);
            self.number = record.number;
            self.feed.connected();
            return Turn::First;
        }
        let expected = self.number.saturating_add(1);
        if record.number < expected {
            return Turn::Repeated;
        }
        self.number = record.number;
        match record.number - expected {
            0 => Turn::Next,
            lost => Turn::AfterLoss(lost),
        }
    }

    /// The state in which the stages may use what this instrument says.
    pub(super) fn is_live(&self) -> bool {
        self.feed.state() == BookState::Live
    }
}
