//! One market: the feeds of its instruments.

use std::collections::BTreeMap;

use opus2_types::{BookState, Channel, InstrumentSpec, Venue};
use opus2_venue::{Feed, FeedState};
use opus2_wire::WireError;
use opus2_wire::raw::{RawRecord, record_key};
use opus2_wire::spec::decode_spec;
use serde::{Deserialize, Serialize};

use super::emit::Emitter;
use super::tally::{Count, Tally};
use crate::{OperatorError, Output};

/// The instruments of one market, by record key.
#[derive(Debug, Default)]
pub(super) struct Market {
    instruments: BTreeMap<(Venue, String), Instrument>,
    is_dirty: bool,
}

/// One instrument's feed and its place in the stream of records.
#[derive(Debug)]
pub(super) struct Instrument {
    pub(super) feed: Feed,
    /// `venue:symbol`, the key of everything published about it.
    pub(super) key: String,
    conn: String,
    number: u64,
}

/// What is saved of a market: its instruments in the order of their keys.
#[derive(Serialize, Deserialize)]
pub(super) struct MarketState {
    instruments: Vec<(FeedState, String, u64)>,
}

/// What a record's number says.
enum Turn {
    Next,
    Repeated,
    AfterLoss(u64),
}

impl Market {
    pub(super) fn process(
        &mut self,
        record: &RawRecord<'_>,
        emitter: &mut Emitter,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        if record.channel == Channel::Instrument {
            return self.announce(record, emitter, tally, out);
        }
        let Some(instrument) = find(&mut self.instruments, record.venue, record.symbol) else {
            tally.add(Count::UnknownInstruments, 1);
            let error =
                "no instrument record came before it; start reading the raw topic where its connection began";
            return emitter.dead_letter(record, "unknown_instrument", error, tally, out);
        };
        instrument.take(record, emitter, tally, out)
    }

    /// A record on channel `instrument`: a new connection, perhaps with other scales.
    fn announce(
        &mut self,
        record: &RawRecord<'_>,
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
        let instrument = self
            .instruments
            .entry((record.venue, record.symbol.to_owned()))
            .or_insert_with(|| Instrument::new(spec.clone()));
        if *instrument.feed.spec() != spec {
            *instrument = Instrument::new(spec);
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
            (instrument.feed.to_state(), instrument.conn.clone(), instrument.number)
        };
        MarketState { instruments: self.instruments.values().map(save).collect() }
    }

    pub(super) fn from_state(state: MarketState) -> Result<Self, WireError> {
        let mut market = Self::default();
        for (feed, conn, number) in state.instruments {
            let feed = Feed::from_state(feed).ok_or_else(|| WireError::Invalid {
                what: "state blob",
                reason: "a feed with levels or counts that no feed can have".to_owned(),
            })?;
            let (venue, symbol) = (feed.spec().venue, feed.spec().symbol.clone());
            let key = record_key(venue, &symbol);
            market.instruments.insert((venue, symbol), Instrument { feed, key, conn, number });
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
    fn new(spec: InstrumentSpec) -> Self {
        let key = record_key(spec.venue, &spec.symbol);
        Self { feed: Feed::new(spec), key, conn: String::new(), number: 0 }
    }

    fn take(
        &mut self,
        record: &RawRecord<'_>,
        emitter: &mut Emitter,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let before = self.feed.state();
        match self.turn(record) {
            Turn::Next => {}
            Turn::Repeated => {
                tally.add(Count::RepeatedRecords, 1);
                return Ok(());
            }
            Turn::AfterLoss(records) => {
                tally.add(Count::LostRecords, records);
                self.feed.lost();
            }
        }
        let counts = *self.feed.counts();
        let applied = self.feed.apply(record.channel, record.value, record.recv_ts);
        tally.feed(&counts, self.feed.counts());
        emitter.applied(self, record, before, &applied, tally, out)
    }

    /// Notes the record's place. A new connection starts the book again.
    fn turn(&mut self, record: &RawRecord<'_>) -> Turn {
        if self.conn != record.conn {
            record.conn.clone_into(&mut self.conn);
            self.number = record.number;
            self.feed.connected();
            return Turn::Next;
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
