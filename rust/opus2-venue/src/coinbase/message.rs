//! What a frame of Coinbase Exchange is about, and what those with price levels, trades and heartbeats say.

use opus2_types::{
    Aggressor, Channel, FeedKind, InstrumentSpec, Level, Price, Qty, Side, TradeEvent, UnixNanos,
};

use crate::Reject;
use crate::feed::Levels;
use crate::json::Scanner;
use crate::rfc3339::parse_rfc3339;

/// The largest message that is read. A BTC-USD snapshot has 5 MiB by levels and 10 MiB by orders, and both grow.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// What a WebSocket frame of the Exchange feed is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message of one instrument.
    Instrument {
        /// Its `product_id`.
        symbol: &'a str,
        /// What kind of message.
        kind: Kind,
    },
    /// The field names of the `level3` channel's arrays: about every instrument of the connection.
    Schema,
    /// A message about the connection.
    Control(Control<'a>),
}

/// The kinds of message that belong to an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `snapshot`: every level.
    Snapshot,
    /// `l2update`: changed levels.
    Levels,
    /// `match`: a trade.
    Match,
    /// `last_match`: the newest trade before the subscription.
    LastMatch,
    /// `received`, `open`, `done`, `change`, `activate`: the life of an order; and every array of `level3`.
    Order,
    /// `heartbeat`.
    Heartbeat,
    /// Anything else: `ticker`, `auction`, and what is invented later.
    Other,
}

impl Kind {
    fn of(name: &[u8]) -> Self {
        match name {
            b"snapshot" => Self::Snapshot,
            b"l2update" => Self::Levels,
            b"match" => Self::Match,
            b"last_match" => Self::LastMatch,
            b"received" | b"open" | b"done" | b"change" | b"activate" => Self::Order,
            b"heartbeat" => Self::Heartbeat,
            _ => Self::Other,
        }
    }

    /// The channel on which a message of an instrument that is followed by `feed` is published.
    ///
    /// In an order-by-order feed a match is one message of the numbered stream: a change of the book and a trade. In the
    /// others it is a trade alone.
    #[must_use]
    pub fn channel(self, feed: FeedKind) -> Channel {
        match (self, feed.is_order_by_order()) {
            (Self::Snapshot, false) => Channel::Snapshot,
            (Self::Levels, false) | (Self::Match | Self::Order, true) => Channel::Depth,
            (Self::Match | Self::LastMatch, _) => Channel::Trade,
            _ => Channel::Other,
        }
    }
}

/// A message about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control<'a> {
    /// The complete list of subscriptions, sent after every change of it.
    Subscriptions,
    /// A request, or the connection, has an error.
    Error {
        /// What failed, escapes not resolved.
        message: &'a str,
        /// Why, escapes not resolved; empty when the venue does not say.
        reason: &'a str,
    },
    /// A message without an instrument that nobody reads, `status` for example.
    Other,
}

/// Finds out what a frame is about, reading no more of it than that takes.
///
/// That the rest of the frame is well formed is found out by the instrument's [`Feed`](crate::Feed).
///
/// # Errors
/// Too large, not UTF-8, not JSON, or without a type.
///
/// # Source
/// Coinbase Exchange, "WebSocket Channels" and "Full channel", read November 2026.
pub fn classify(frame: &[u8]) -> Result<Frame<'_>, Reject> {
    check_text(frame)?;
    let mut scanner = Scanner::new(frame);
    if scanner.eat(b'[') {
        // An array of the `level3` channel: the schema puts type and product first.
        scanner.string()?;
        scanner.expect(b',')?;
        return Ok(Frame::Instrument { symbol: scanner.text()?, kind: Kind::Order });
    }
    let (mut name, mut symbol, mut has_schema, mut message, mut reason) = (None, None, false, "", "");
    scanner.expect(b'{')?;
    if !scanner.eat(b'}') {
        loop {
            match scanner.key()? {
                b"type" => name = Some(scanner.string()?),
                b"product_id" => symbol = Some(scanner.text()?),
                b"message" if scanner.peek() == b'"' => message = scanner.text()?,
                b"reason" if scanner.peek() == b'"' => reason = scanner.text()?,
                key => {
                    has_schema |= key == b"schema";
                    scanner.skip_value()?;
                }
            }
            if let (Some(name), Some(symbol)) = (name, symbol) {
                return Ok(Frame::Instrument { symbol, kind: Kind::of(name) });
            }
            if !scanner.eat(b',') {
                scanner.expect(b'}')?;
                break;
            }
        }
    }
    scanner.finish()?;
    match name.ok_or(Reject::MissingField { field: "type" })? {
        b"subscriptions" => Ok(Frame::Control(Control::Subscriptions)),
        b"error" => Ok(Frame::Control(Control::Error { message, reason })),
        b"level3" if has_schema => Ok(Frame::Schema),
        _ => Ok(Frame::Control(Control::Other)),
    }
}

pub(super) fn check_text(frame: &[u8]) -> Result<(), Reject> {
    if frame.len() > FRAME_BYTES_MAX {
        return Err(Reject::Oversize { bytes: frame.len(), limit: FRAME_BYTES_MAX });
    }
    std::str::from_utf8(frame).map(|_| ()).map_err(|_| Reject::NotUtf8)
}

/// Reads a `snapshot` or an `l2update` of the instrument into `levels`; gives its time.
///
/// Quantities are absolute; zero removes a level. A snapshot's levels of no quantity that makes sense (the venue has sent
/// negative ones and NaN) are left out, and counted in the second number given.
///
/// # Errors
/// Anything but a complete, well-formed message of this instrument with positive prices.
pub fn read_levels(
    frame: &[u8],
    spec: &InstrumentSpec,
    levels: &mut Levels,
) -> Result<(Option<UnixNanos>, u64), Reject> {
    levels.clear();
    let (mut exch_ts, mut left_out, mut has) = (None, 0, [false; 3]);
    read_object(frame, spec, |scanner, key| {
        match key {
            b"time" => exch_ts = time(scanner)?,
            b"bids" => {
                has[0] = true;
                left_out += read_side(scanner, spec, &mut levels.bids)?;
            }
            b"asks" => {
                has[1] = true;
                left_out += read_side(scanner, spec, &mut levels.asks)?;
            }
            b"changes" => {
                has[2] = true;
                scanner.array(|scanner| {
                    scanner.expect(b'[')?;
                    let side = side(scanner)?;
                    scanner.expect(b',')?;
                    let price = positive_price(scanner, spec)?;
                    scanner.expect(b',')?;
                    let qty = quantity(scanner, spec)?;
                    levels.side_mut(side).push(Level { price, qty });
                    scanner.expect(b']')
                })?;
            }
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    match has {
        [true, true, false] | [false, false, true] => Ok((exch_ts, left_out)),
        [true, false, _] => Err(Reject::MissingField { field: "asks" }),
        [false, true, _] => Err(Reject::MissingField { field: "bids" }),
        _ => Err(Reject::MissingField { field: "changes" }),
    }
}

fn read_side(
    scanner: &mut Scanner<'_>,
    spec: &InstrumentSpec,
    levels: &mut Vec<Level>,
) -> Result<u64, Reject> {
    levels.clear();
    let mut left_out = 0;
    scanner.array(|scanner| {
        scanner.expect(b'[')?;
        let price = positive_price(scanner, spec)?;
        scanner.expect(b',')?;
        let from = *scanner;
        match quantity(scanner, spec) {
            Ok(qty) => levels.push(Level { price, qty }),
            Err(Reject::BadQuantity | Reject::BadNumber(_)) => {
                *scanner = from;
                scanner.skip_value()?;
                left_out += 1;
            }
            Err(reject) => return Err(reject),
        }
        // Some answers name the number of orders too.
        while scanner.eat(b',') {
            scanner.skip_value()?;
        }
        scanner.expect(b']')
    })?;
    Ok(left_out)
}

/// Reads a `match` or `last_match` of the instrument: the trade and its time.
///
/// The venue names the **maker's** side: `sell` means that the aggressor bought.
///
/// # Errors
/// Anything but a complete, well-formed message of this instrument with positive price and quantity.
pub fn read_match(frame: &[u8], spec: &InstrumentSpec) -> Result<(TradeEvent, Option<UnixNanos>), Reject> {
    let (mut trade_id, mut price, mut qty, mut maker, mut exch_ts) = (None, None, None, None, None);
    read_object(frame, spec, |scanner, key| {
        match key {
            b"trade_id" => trade_id = Some(scanner.u64()?),
            b"price" => price = Some(positive_price(scanner, spec)?),
            b"size" => qty = Some(positive_quantity(scanner, spec)?),
            b"side" => maker = Some(side(scanner)?),
            b"time" => exch_ts = time(scanner)?,
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    let trade = TradeEvent {
        trade_id: required(trade_id, "trade_id")?,
        price: required(price, "price")?,
        qty: required(qty, "size")?,
        aggressor: aggressor(required(maker, "side")?),
        maker: None,
    };
    Ok((trade, exch_ts))
}

/// What a heartbeat says of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Heartbeat {
    /// The number of its newest message in the order-by-order feed.
    pub sequence: u64,
    /// The number of its newest trade.
    pub last_trade_id: u64,
}

/// Reads a `heartbeat` of the instrument, and its time; `None` for any other message of it.
///
/// # Errors
/// Anything but a well-formed message of this instrument.
pub fn read_heartbeat(
    frame: &[u8],
    spec: &InstrumentSpec,
) -> Result<Option<(Heartbeat, Option<UnixNanos>)>, Reject> {
    let (mut is_heartbeat, mut sequence, mut last_trade_id, mut exch_ts) = (false, None, None, None);
    read_object(frame, spec, |scanner, key| {
        match key {
            b"type" => is_heartbeat = scanner.string()? == b"heartbeat",
            b"sequence" if scanner.peek() != b'"' => sequence = Some(scanner.u64()?),
            b"last_trade_id" => last_trade_id = Some(scanner.u64()?),
            b"time" => exch_ts = time(scanner)?,
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    if !is_heartbeat {
        return Ok(None);
    }
    let heartbeat = Heartbeat {
        sequence: required(sequence, "sequence")?,
        last_trade_id: required(last_trade_id, "last_trade_id")?,
    };
    Ok(Some((heartbeat, exch_ts)))
}

/// Reads a message of one instrument and checks whose it is. `field` gets every key but `product_id`.
pub(super) fn read_object<'a>(
    frame: &'a [u8],
    spec: &InstrumentSpec,
    mut field: impl FnMut(&mut Scanner<'a>, &'a [u8]) -> Result<(), Reject>,
) -> Result<(), Reject> {
    check_text(frame)?;
    let mut is_ours = None;
    let mut scanner = Scanner::new(frame);
    scanner.object(|scanner, key| match key {
        b"product_id" => {
            is_ours = Some(scanner.string()? == spec.symbol.as_bytes());
            Ok(())
        }
        _ => field(scanner, key),
    })?;
    scanner.finish()?;
    match is_ours {
        Some(true) => Ok(()),
        Some(false) => Err(Reject::WrongSymbol),
        None => Err(Reject::MissingField { field: "product_id" }),
    }
}

/// Who took, when the resting order was on this side.
pub(super) const fn aggressor(maker: Side) -> Aggressor {
    match maker {
        Side::Ask => Aggressor::Buy,
        Side::Bid => Aggressor::Sell,
    }
}

/// The side of an order or a level: `buy` or `bid`, `sell` or `offer` or `ask`, in any case.
pub(super) fn side(scanner: &mut Scanner<'_>) -> Result<Side, Reject> {
    let bad = scanner.bad();
    let name = scanner.string()?;
    let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
    match name {
        b"buy" | b"bid" => Ok(Side::Bid),
        b"sell" | b"offer" => Ok(Side::Ask),
        _ if is(b"buy") || is(b"bid") => Ok(Side::Bid),
        _ if is(b"sell") || is(b"offer") || is(b"ask") => Ok(Side::Ask),
        _ => Err(bad),
    }
}

/// A time; `None` for the year 1 and for 1970's first moment, with which the venue says that it has none.
pub(super) fn time(scanner: &mut Scanner<'_>) -> Result<Option<UnixNanos>, Reject> {
    if scanner.peek() != b'"' {
        // `null`, which has been seen for `time` in snapshots.
        return scanner.skip_value().map(|()| None);
    }
    let text = scanner.string()?;
    if text.is_empty() || text.starts_with(b"0001-01-01T") {
        return Ok(None);
    }
    let time = parse_rfc3339(text).ok_or(Reject::BadTimeText)?;
    Ok(Some(time).filter(|time| time.0 > 0))
}

pub(super) fn positive_price(scanner: &mut Scanner<'_>, spec: &InstrumentSpec) -> Result<Price, Reject> {
    let units = scanner.decimal(spec.price_scale)?;
    if units <= 0 { Err(Reject::NonPositivePrice) } else { Ok(Price(units)) }
}

pub(super) fn quantity(scanner: &mut Scanner<'_>, spec: &InstrumentSpec) -> Result<Qty, Reject> {
    let units = scanner.decimal(spec.qty_scale)?;
    if units < 0 { Err(Reject::BadQuantity) } else { Ok(Qty(units)) }
}

pub(super) fn positive_quantity(scanner: &mut Scanner<'_>, spec: &InstrumentSpec) -> Result<Qty, Reject> {
    let qty = quantity(scanner, spec)?;
    if qty.0 == 0 { Err(Reject::BadQuantity) } else { Ok(qty) }
}

pub(super) fn required<T>(value: Option<T>, field: &'static str) -> Result<T, Reject> {
    value.ok_or(Reject::MissingField { field })
}
