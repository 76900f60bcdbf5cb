//! Writing what happened into the output.

use std::fmt::Write;

use opus2_types::{
    BookState, EventBody, Level, MarketEvent, Price, Qty, QualityFlags, SeqRange, Side, StatusEvent,
};
use opus2_venue::{Applied, What};
use opus2_wire::WireError;
use opus2_wire::event::encode_event;
use opus2_wire::position::decode_position;
use opus2_wire::raw::RawRecord;
use opus2_wire::view::dead_letter::{DeadLetter, excerpt, write_dead_letter};
use opus2_wire::view::normalized::{Changes, write_normalized};

use super::NAME;
use super::market::Instrument;
use super::tally::{Count, Tally};
use crate::{OperatorError, Output, OutputChannel};

/// The buffers in which identities are written, reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Emitter {
    pub(super) id: String,
}

impl Emitter {
    /// Everything that follows from one applied message.
    pub(super) fn applied(
        &mut self,
        instrument: &Instrument,
        record: &RawRecord<'_>,
        before: BookState,
        applied: &Applied,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        if before != applied.state {
            tally.add(Count::Statuses, 1);
            self.write_id(record, ":status");
            let body = EventBody::Status(StatusEvent { from: before, to: applied.state });
            let mut event = event(&self.id, instrument, applied, &body);
            event.seq = SeqRange::default();
            event.flags = QualityFlags::default();
            write(&event, instrument, record, true, Changes::none(), out)?;
        }
        let own_identity = usize::from(applied.what == What::Trades);
        self.trades(instrument, record, applied, own_identity, tally, out)?;
        let (count, body) = match applied.what {
            What::Book | What::Snapshot => (Count::Books, EventBody::Book(instrument.feed.book().view())),
            What::Quote(quote) => (Count::Quotes, EventBody::Quote(quote)),
            What::Rejected(reject) => {
                tally.reject(&reject);
                // The chain's last word is the most exact: "bad number: more decimals than …".
                let cause = std::error::Error::source(&reject).map(|cause| format!(": {cause}"));
                let error = format!("{reject}{}", cause.unwrap_or_default());
                return self.dead_letter(record, reject.as_str(), &error, tally, out);
            }
            _ => return Ok(()),
        };
        tally.add(count, 1);
        self.write_id(record, "");
        let event = event(&self.id, instrument, applied, &body);
        let to_stages = instrument.is_live();
        if applied.what == What::Snapshot {
            let book = instrument.feed.book();
            let (bids, asks) = (book.side(Side::Bid).levels(), book.side(Side::Ask).levels());
            let changes = Changes { is_snapshot: true, bids, asks };
            write(&event, instrument, record, to_stages, changes, out)
        } else {
            let (bids, asks) = instrument.feed.changes();
            let changes =
                Changes { is_snapshot: false, bids: bids.iter().copied(), asks: asks.iter().copied() };
            write(&event, instrument, record, to_stages, changes, out)
        }
    }

    /// The message's trades. Where the message is nothing else, the first has the record's own identity; the others,
    /// and those beside a change of the book, have `:t` and their place appended.
    fn trades(
        &mut self,
        instrument: &Instrument,
        record: &RawRecord<'_>,
        applied: &Applied,
        own_identity: usize,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        for (index, trade) in instrument.feed.trades().iter().enumerate() {
            tally.add(Count::Trades, 1);
            self.write_id(record, "");
            if index >= own_identity {
                write!(self.id, ":t{}", index + 1).expect("a string takes every write");
            }
            let id = trade.event.trade_id;
            let mut event = event(&self.id, instrument, applied, &EventBody::Trade(trade.event));
            event.exch_ts = trade.exch_ts;
            event.seq = SeqRange { first: id, last: id };
            event.flags = event.flags.with(trade.flags);
            write(&event, instrument, record, instrument.is_live(), Changes::none(), out)?;
        }
        Ok(())
    }

    /// Our own position: nothing of the venue's numbering, so nothing that a feed follows.
    pub(super) fn position(
        &mut self,
        instrument: &Instrument,
        record: &RawRecord<'_>,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let spec = instrument.feed.spec();
        let position = match decode_position(record.value, spec.price_scale, spec.qty_scale) {
            Ok(position) => position,
            Err(error) => {
                tally.add(Count::BadPositions, 1);
                return self.dead_letter(record, "bad_position", &error.to_string(), tally, out);
            }
        };
        tally.add(Count::Positions, 1);
        self.write_id(record, "");
        let event = MarketEvent {
            id: &self.id,
            venue: spec.venue,
            symbol: &spec.symbol,
            price_scale: spec.price_scale,
            qty_scale: spec.qty_scale,
            tick: Price(spec.tick),
            lot: Qty(spec.lot),
            exch_ts: None,
            recv_ts: record.recv_ts,
            seq: SeqRange::default(),
            flags: QualityFlags::NO_EXCH_TS,
            body: EventBody::Position(position),
        };
        write(&event, instrument, record, true, Changes::none(), out)
    }

    pub(super) fn dead_letter(
        &mut self,
        record: &RawRecord<'_>,
        reason: &str,
        error: &str,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        self.write_id(record, "");
        let letter = DeadLetter {
            id: &self.id,
            kind: "dead_letter",
            step: NAME,
            reason,
            error,
            channel: Some(record.channel.as_str()),
            recv_ts: Some(record.recv_ts.0),
            bytes: record.value.len(),
            excerpt: &excerpt(record.value),
        };
        let key = format!("{}:{}", record.venue, record.symbol);
        tally.add(Count::DeadLetters, 1);
        out.record(OutputChannel::DeadLetters, &key, record.recv_ts, |bytes| {
            write_dead_letter(&letter, bytes)
        })
        .map_err(|source| OperatorError::Write { operator: NAME, source })
    }

    /// Bytes that are no raw record at all.
    #[expect(clippy::unused_self, reason = "every writer into the output is a method of the emitter")]
    pub(super) fn bad_record(
        &mut self,
        record: &[u8],
        error: &WireError,
        tally: &mut Tally,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        tally.add(Count::BadRecords, 1);
        tally.add(Count::DeadLetters, 1);
        let letter = DeadLetter {
            id: "",
            kind: "dead_letter",
            step: NAME,
            reason: "bad_record",
            error: &error.to_string(),
            channel: None,
            recv_ts: None,
            bytes: record.len(),
            excerpt: &excerpt(record),
        };
        let never = opus2_types::UnixNanos(0);
        out.record(OutputChannel::DeadLetters, "", never, |bytes| write_dead_letter(&letter, bytes))
            .map_err(|source| OperatorError::Write { operator: NAME, source })
    }

    fn write_id(&mut self, record: &RawRecord<'_>, suffix: &str) {
        self.id.clear();
        let RawRecord { venue, symbol, conn, number, .. } = record;
        write!(self.id, "{venue}:{symbol}:{conn}:{number}{suffix}").expect("a string takes every write");
    }
}

fn event<'a>(
    id: &'a str,
    instrument: &'a Instrument,
    applied: &Applied,
    body: &EventBody,
) -> MarketEvent<'a> {
    let spec = instrument.feed.spec();
    MarketEvent {
        id,
        venue: spec.venue,
        symbol: &spec.symbol,
        price_scale: spec.price_scale,
        qty_scale: spec.qty_scale,
        tick: Price(spec.tick),
        lot: Qty(spec.lot),
        exch_ts: applied.exch_ts,
        recv_ts: applied.recv_ts,
        seq: applied.seq,
        flags: applied.flags,
        body: *body,
    }
}

fn write<B, A>(
    event: &MarketEvent<'_>,
    instrument: &Instrument,
    record: &RawRecord<'_>,
    to_stages: bool,
    changes: Changes<B, A>,
    out: &mut Output,
) -> Result<(), OperatorError>
where
    B: Iterator<Item = Level> + Clone,
    A: Iterator<Item = Level> + Clone,
{
    let failed = |source| OperatorError::Write { operator: NAME, source };
    let state = instrument.feed.state();
    if to_stages {
        out.record(OutputChannel::Main, &instrument.key, event.recv_ts, |bytes| encode_event(event, bytes))
            .map_err(failed)?;
    }
    out.record(OutputChannel::Normalized, &instrument.key, event.recv_ts, |bytes| {
        write_normalized(event, record.market, state, changes, bytes)
    })
    .map_err(failed)
}
