//! Messages of WebSocket v1: arrays whose last two elements name channel and pair. Old recordings hold them.
//!
//! Prices and quantities are strings, printed with more places than the pair trades in; the checksum covers them as
//! printed, so an instrument's scales must be the places printed.

use opus2_types::{Aggressor, Channel, InstrumentSpec, Level, QuoteEvent, TradeEvent, UnixNanos};

use super::book::{level, positive_price, positive_qty};
use super::message::{Ack, Book, Frame, check_text, depth, required, string, text};
use crate::feed::Trade;
use crate::json::Scanner;
use crate::{Levels, Reject};

/// How many decimals of a second fit into nanoseconds.
const TIME_SCALE: u8 = 9;

/// What a `book-N` message says beside its levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V1BookHead {
    /// True for a snapshot (`as`, `bs`).
    pub is_snapshot: bool,
    /// The newest time of its levels.
    pub exch_ts: Option<UnixNanos>,
    /// The checksum of the book after the message; snapshots have none.
    pub checksum: Option<u32>,
}

/// Finds out what an array is about.
pub(super) fn classify(frame: &[u8]) -> Result<Frame<'_>, Reject> {
    let mut is_snapshot = false;
    let tail = read_array(frame, |scanner| {
        if scanner.peek() != b'{' {
            return scanner.skip_value();
        }
        scanner.object(|scanner, key| {
            is_snapshot |= matches!(key, b"as" | b"bs");
            scanner.skip_value()
        })
    })?;
    let (channel, book) = match tail.channel.split_once('-') {
        Some(("book", depth)) => {
            let depth = depth.parse().map_err(|_| Reject::MissingField { field: "channelName" })?;
            (if is_snapshot { Channel::Snapshot } else { Channel::Depth }, Some(Book::V1 { depth }))
        }
        _ => match tail.channel {
            "trade" => (Channel::Trade, None),
            "spread" | "ticker" => (Channel::Quote, None),
            _ => (Channel::Other, None),
        },
    };
    Ok(Frame::Instrument { symbol: tail.pair, channel, book })
}

/// Fields of a `subscriptionStatus`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Subscription<'a> {
    pair: Option<&'a str>,
    name: Option<&'a str>,
    depth: Option<u16>,
    request: Option<u64>,
}

impl<'a> Subscription<'a> {
    /// Takes in the value of `key`, or passes it.
    pub(super) fn read(&mut self, scanner: &mut Scanner<'a>, key: &[u8]) -> Result<(), Reject> {
        match (key, scanner.peek()) {
            (b"pair", b'"') => self.pair = Some(string(scanner)?),
            (b"reqid", b'0'..=b'9') => self.request = Some(scanner.u64()?),
            (b"subscription", b'{') => scanner.object(|scanner, key| {
                match (key, scanner.peek()) {
                    (b"name", b'"') => self.name = Some(string(scanner)?),
                    (b"depth", b'0'..=b'9') => self.depth = Some(depth(scanner)?),
                    _ => scanner.skip_value()?,
                }
                Ok(())
            })?,
            _ => scanner.skip_value()?,
        }
        Ok(())
    }

    pub(super) fn ack(self, status: &str, error: Option<&'a str>) -> Ack<'a> {
        Ack {
            is_subscribe: status != "unsubscribed",
            is_success: status != "error",
            channel: self.name,
            symbol: self.pair,
            depth: self.depth,
            error,
            request: self.request,
        }
    }
}

/// Reads a `book-N` message of the instrument. Asks and bids may come in one object or in two.
///
/// # Errors
/// Anything but a complete, well-formed message of this instrument with positive prices.
pub fn read_book(frame: &[u8], spec: &InstrumentSpec, levels: &mut Levels) -> Result<V1BookHead, Reject> {
    check_text(frame)?;
    levels.clear();
    let mut head = V1BookHead { is_snapshot: false, exch_ts: None, checksum: None };
    let mut has_levels = false;
    let tail = read_array(frame, |scanner| {
        if scanner.peek() != b'{' {
            return scanner.skip_value();
        }
        scanner.object(|scanner, key| {
            let side = match key {
                b"as" | b"a" => &mut levels.asks,
                b"bs" | b"b" => &mut levels.bids,
                b"c" => {
                    let digits = text(scanner.string()?)?;
                    head.checksum = Some(digits.parse().map_err(|_| scanner.bad())?);
                    return Ok(());
                }
                _ => return scanner.skip_value(),
            };
            has_levels = true;
            head.is_snapshot |= key.len() == 2;
            read_levels(scanner, spec, side, &mut head.exch_ts)
        })
    })?;
    tail.check(spec)?;
    if has_levels { Ok(head) } else { Err(Reject::MissingField { field: "a, b, as or bs" }) }
}

fn read_levels(
    scanner: &mut Scanner<'_>,
    spec: &InstrumentSpec,
    levels: &mut Vec<Level>,
    newest: &mut Option<UnixNanos>,
) -> Result<(), Reject> {
    scanner.array(|scanner| {
        scanner.expect(b'[')?;
        let price = scanner.decimal(spec.price_scale)?;
        scanner.expect(b',')?;
        let qty = scanner.decimal(spec.qty_scale)?;
        scanner.expect(b',')?;
        *newest = (*newest).max(Some(time(scanner)?));
        levels.push(level(price, qty)?);
        // A fourth element, "r", marks a level that is sent again.
        while scanner.eat(b',') {
            scanner.skip_value()?;
        }
        scanner.expect(b']')
    })
}

/// Reads a `trade` message of the instrument into `trades`, whose numbers are zero: v1 gives none. The side is the taker's.
///
/// # Errors
/// Anything but complete, well-formed trades of this instrument; `trades` is then empty.
pub fn read_trades(frame: &[u8], spec: &InstrumentSpec, trades: &mut Vec<Trade>) -> Result<(), Reject> {
    trades.clear();
    let read = read_array(frame, |scanner| {
        if scanner.peek() != b'[' {
            return scanner.skip_value();
        }
        scanner.array(|scanner| {
            trades.push(read_trade(scanner, spec)?);
            Ok(())
        })
    });
    let read = read.and_then(|tail| tail.check(spec));
    if read.is_err() {
        trades.clear();
    }
    read
}

fn read_trade(scanner: &mut Scanner<'_>, spec: &InstrumentSpec) -> Result<Trade, Reject> {
    scanner.expect(b'[')?;
    let price = positive_price(scanner.decimal(spec.price_scale)?)?;
    scanner.expect(b',')?;
    let qty = positive_qty(scanner.decimal(spec.qty_scale)?)?;
    scanner.expect(b',')?;
    let exch_ts = time(scanner)?;
    scanner.expect(b',')?;
    let aggressor = match scanner.string()? {
        b"b" => Aggressor::Buy,
        b"s" => Aggressor::Sell,
        _ => return Err(scanner.bad()),
    };
    while scanner.eat(b',') {
        scanner.skip_value()?;
    }
    scanner.expect(b']')?;
    let event = TradeEvent { trade_id: 0, price, qty, aggressor, maker: None };
    Ok(Trade { event, exch_ts: Some(exch_ts), flags: opus2_types::QualityFlags::default() })
}

/// Reads a `spread` or `ticker` message of the instrument: best bid and ask, and their time (`spread` alone has one).
///
/// # Errors
/// Anything but a complete, well-formed message of this instrument; [`Reject::OneSidedQuote`] when a side is empty.
pub fn read_quote(frame: &[u8], spec: &InstrumentSpec) -> Result<(QuoteEvent, Option<UnixNanos>), Reject> {
    let (mut bid, mut ask, mut exch_ts) = (None, None, None);
    let tail = read_array(frame, |scanner| match scanner.peek() {
        b'[' => {
            // Bid, ask, time, quantity bid, quantity asked.
            scanner.expect(b'[')?;
            let bid_price = scanner.decimal(spec.price_scale)?;
            scanner.expect(b',')?;
            let ask_price = scanner.decimal(spec.price_scale)?;
            scanner.expect(b',')?;
            exch_ts = Some(time(scanner)?);
            scanner.expect(b',')?;
            bid = Some(Level::new(bid_price, scanner.decimal(spec.qty_scale)?));
            scanner.expect(b',')?;
            ask = Some(Level::new(ask_price, scanner.decimal(spec.qty_scale)?));
            scanner.expect(b']')
        }
        b'{' => scanner.object(|scanner, key| {
            match key {
                b"a" => ask = Some(read_ticker_side(scanner, spec)?),
                b"b" => bid = Some(read_ticker_side(scanner, spec)?),
                _ => scanner.skip_value()?,
            }
            Ok(())
        }),
        _ => scanner.skip_value(),
    })?;
    tail.check(spec)?;
    let (bid, ask) = (required(bid, "b")?, required(ask, "a")?);
    if [bid, ask].iter().any(|level| level.price.0 <= 0 || level.qty.0 <= 0) {
        return Err(Reject::OneSidedQuote);
    }
    Ok((QuoteEvent { bid, ask }, exch_ts))
}

/// Price, whole quantity, quantity.
fn read_ticker_side(scanner: &mut Scanner<'_>, spec: &InstrumentSpec) -> Result<Level, Reject> {
    scanner.expect(b'[')?;
    let price = scanner.decimal(spec.price_scale)?;
    scanner.expect(b',')?;
    scanner.skip_value()?;
    scanner.expect(b',')?;
    let qty = scanner.decimal(spec.qty_scale)?;
    scanner.expect(b']')?;
    Ok(Level::new(price, qty))
}

/// The two last elements of a message.
struct Tail<'a> {
    channel: &'a str,
    pair: &'a str,
}

impl Tail<'_> {
    fn check(&self, spec: &InstrumentSpec) -> Result<(), Reject> {
        if self.pair == spec.symbol { Ok(()) } else { Err(Reject::WrongSymbol) }
    }
}

/// Reads a message: `element` is called at each element that is not a string, and must pass it.
fn read_array<'a>(
    frame: &'a [u8],
    mut element: impl FnMut(&mut Scanner<'a>) -> Result<(), Reject>,
) -> Result<Tail<'a>, Reject> {
    check_text(frame)?;
    let (mut channel, mut pair) = (None, None);
    let mut scanner = Scanner::new(frame);
    scanner.array(|scanner| {
        if scanner.peek() != b'"' {
            return element(scanner);
        }
        channel = pair.replace(string(scanner)?);
        Ok(())
    })?;
    scanner.finish()?;
    Ok(Tail { channel: required(channel, "channelName")?, pair: required(pair, "pair")? })
}

/// Seconds since 1970 as a decimal string.
fn time(scanner: &mut Scanner<'_>) -> Result<UnixNanos, Reject> {
    Ok(UnixNanos(scanner.decimal(TIME_SCALE)?))
}
