//! The binary form of a [`MarketEvent`], from `normalize` to the stages after it.
//!
//! It stays inside one Flink task chain (or one process) and is never stored: both ends come from one library. Its first byte
//! is [`EVENT_VERSION`] all the same, so that two libraries in one job are found out at the first event. Integers have their
//! full width: that is some bytes more, and every stage reads every event.

use bincode::config::{Configuration, Fixint, LittleEndian};
use bincode::de::{BorrowDecode, BorrowDecoder, Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};
use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, MakerFill, MarketEvent, OrderId, PositionEvent, Price,
    Qty, QualityEvent, QualityFlags, QuoteEvent, SeqRange, StatusEvent, TradeEvent, UnixNanos, VIEW_LEVELS,
    Venue,
};

use crate::WireError;
use crate::append::Append;

/// The largest encoded event that is written and read; a full view is below 1 KiB.
pub const EVENT_BYTES_LIMIT: usize = 64 << 10;

/// The form that is written and read. 2: events of kind `quality`, and this number itself. 3: lots, and events of kind
/// `position`. 4: integers of full width. 5: the order that a trade filled.
pub const EVENT_VERSION: u8 = 5;

/// Integers of a fixed width: an event is read by every stage, and stays within a process.
const CONFIG: Configuration<LittleEndian, Fixint> = bincode::config::standard().with_fixed_int_encoding();

/// Appends the event.
///
/// # Errors
/// The event is larger than [`EVENT_BYTES_LIMIT`], which only an absurdly long symbol could cause.
pub fn encode_event(event: &MarketEvent<'_>, bytes: &mut Vec<u8>) -> Result<(), WireError> {
    let start = bytes.len();
    bytes.push(EVENT_VERSION);
    let written = bincode::encode_into_writer(EventRef(event), Append(bytes), CONFIG)
        .map_err(|error| WireError::Invalid { what: "market event", reason: error.to_string() })
        .map(|()| bytes.len() - start - 1)
        .and_then(|length| if length > EVENT_BYTES_LIMIT { Err(too_large(length)) } else { Ok(()) });
    if written.is_err() {
        bytes.truncate(start);
    }
    written
}

fn too_large(length: usize) -> WireError {
    let reason = format!("{length} bytes; the limit is {EVENT_BYTES_LIMIT}");
    WireError::Invalid { what: "market event", reason }
}

/// Reads what [`encode_event`] wrote, borrowing its text.
///
/// # Errors
/// Another version, truncated bytes, bytes left over, more than [`EVENT_BYTES_LIMIT`] of them, or a number outside its
/// enumeration.
pub fn decode_event(bytes: &[u8]) -> Result<MarketEvent<'_>, WireError> {
    let bytes = match bytes.split_first() {
        Some((&EVENT_VERSION, rest)) => rest,
        found => {
            let found = found.map_or("nothing".to_owned(), |(version, _)| format!("version {version}"));
            let reason = format!("{found}, expected version {EVENT_VERSION}; are two builds in one job?");
            return Err(WireError::Invalid { what: "market event", reason });
        }
    };
    if bytes.len() > EVENT_BYTES_LIMIT {
        return Err(too_large(bytes.len()));
    }
    let (EventWire(event), used) = bincode::borrow_decode_from_slice(bytes, CONFIG)
        .map_err(|error| WireError::Invalid { what: "market event", reason: error.to_string() })?;
    match bytes.len() - used {
        0 => Ok(event),
        left => Err(WireError::LeftOver { what: "market event", left }),
    }
}

struct EventRef<'a>(&'a MarketEvent<'a>);

impl Encode for EventRef<'_> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let event = self.0;
        event.id.encode(encoder)?;
        event.venue.code().encode(encoder)?;
        event.symbol.encode(encoder)?;
        (event.price_scale, event.qty_scale, event.tick.0, event.lot.0).encode(encoder)?;
        event.exch_ts.map(|ts| ts.0).encode(encoder)?;
        event.recv_ts.0.encode(encoder)?;
        (event.seq.first, event.seq.last, event.flags.0).encode(encoder)?;
        match &event.body {
            EventBody::Book(view) => {
                0u8.encode(encoder)?;
                encode_levels(view.bids(), encoder)?;
                encode_levels(view.asks(), encoder)
            }
            EventBody::Trade(trade) => {
                (1u8, trade.trade_id, trade.price.0, trade.qty.0).encode(encoder)?;
                (trade.aggressor == Aggressor::Buy).encode(encoder)?;
                trade.maker.map(|maker| (maker.order.0, maker.shown.0)).encode(encoder)
            }
            EventBody::Quote(quote) => {
                2u8.encode(encoder)?;
                encode_levels(&[quote.bid, quote.ask], encoder)
            }
            EventBody::Status(status) => (3u8, status.from.code(), status.to.code()).encode(encoder),
            EventBody::Quality(quality) => {
                (4u8, quality.score_thousandths, quality.is_fenced).encode(encoder)
            }
            EventBody::Position(position) => {
                let entry = position.entry_price.map(|price| price.0);
                (5u8, position.qty.0, entry, position.equity_micros).encode(encoder)
            }
        }
    }
}

struct EventWire<'a>(MarketEvent<'a>);

impl<'de, C> BorrowDecode<'de, C> for EventWire<'de> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let id = <&str>::borrow_decode(decoder)?;
        let venue = Venue::from_code(u8::decode(decoder)?).ok_or(DecodeError::Other("unknown venue code"))?;
        let symbol = <&str>::borrow_decode(decoder)?;
        let (price_scale, qty_scale, tick, lot) = <(u8, u8, i64, i64)>::decode(decoder)?;
        let exch_ts = Option::<i64>::decode(decoder)?.map(UnixNanos);
        let recv_ts = UnixNanos(i64::decode(decoder)?);
        let (first, last, flags) = <(u64, u64, u16)>::decode(decoder)?;
        Ok(Self(MarketEvent {
            id,
            venue,
            symbol,
            price_scale,
            qty_scale,
            tick: Price(tick),
            lot: Qty(lot),
            exch_ts,
            recv_ts,
            seq: SeqRange { first, last },
            flags: QualityFlags(flags),
            body: decode_body(decoder)?,
        }))
    }
}

fn decode_body<D: Decoder>(decoder: &mut D) -> Result<EventBody, DecodeError> {
    Ok(match u8::decode(decoder)? {
        0 => {
            let (bids, bids_count) = decode_levels(decoder)?;
            let (asks, asks_count) = decode_levels(decoder)?;
            let take = |levels: [Level; VIEW_LEVELS], count| levels.into_iter().take(count);
            EventBody::Book(BookView::new(take(bids, bids_count), take(asks, asks_count)))
        }
        1 => {
            let (trade_id, price, qty, is_buy) = <(u64, i64, i64, bool)>::decode(decoder)?;
            let aggressor = if is_buy { Aggressor::Buy } else { Aggressor::Sell };
            let maker = Option::<(u128, i64)>::decode(decoder)?;
            let maker = maker.map(|(order, shown)| MakerFill { order: OrderId(order), shown: Qty(shown) });
            EventBody::Trade(TradeEvent { trade_id, price: Price(price), qty: Qty(qty), aggressor, maker })
        }
        2 => match decode_levels(decoder)? {
            (levels, 2) => EventBody::Quote(QuoteEvent { bid: levels[0], ask: levels[1] }),
            _ => return Err(DecodeError::Other("a quote has two levels")),
        },
        3 => {
            let (from, to) = <(u8, u8)>::decode(decoder)?;
            let state = |code| BookState::from_code(code).ok_or(DecodeError::Other("unknown book state"));
            EventBody::Status(StatusEvent { from: state(from)?, to: state(to)? })
        }
        4 => {
            let (score_thousandths, is_fenced) = <(u32, bool)>::decode(decoder)?;
            EventBody::Quality(QualityEvent { score_thousandths, is_fenced })
        }
        5 => {
            let (qty, entry, equity_micros) = <(i64, Option<i64>, Option<i64>)>::decode(decoder)?;
            EventBody::Position(PositionEvent { qty: Qty(qty), entry_price: entry.map(Price), equity_micros })
        }
        _ => return Err(DecodeError::Other("unknown event body")),
    })
}

fn encode_levels<E: Encoder>(levels: &[Level], encoder: &mut E) -> Result<(), EncodeError> {
    u8::try_from(levels.len())
        .map_err(|_| EncodeError::Other("more levels than a view holds"))?
        .encode(encoder)?;
    levels.iter().try_for_each(|level| (level.price.0, level.qty.0).encode(encoder))
}

fn decode_levels<D: Decoder>(decoder: &mut D) -> Result<([Level; VIEW_LEVELS], usize), DecodeError> {
    let count = usize::from(u8::decode(decoder)?);
    let mut levels = [Level::default(); VIEW_LEVELS];
    let Some(target) = levels.get_mut(..count) else {
        return Err(DecodeError::Other("more levels than a view holds"));
    };
    for level in target {
        let (price, qty) = <(i64, i64)>::decode(decoder)?;
        *level = Level::new(price, qty);
    }
    Ok((levels, count))
}
