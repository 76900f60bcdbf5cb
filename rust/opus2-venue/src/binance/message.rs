//! Binance's own text: which instrument a frame belongs to, and what it says.
//!
//! The venue's one-letter names appear in this file only. All prices and quantities are decimal strings; times are
//! integers, milliseconds or (with `timeUnit=MICROSECOND`) microseconds, told apart by their size.

use opus2_types::{Aggressor, Channel, InstrumentSpec, Level, Price, Qty, SeqRange, TradeEvent, UnixNanos};

use crate::json::Scanner;
use crate::{Levels, Reject};

/// The largest message that is read. The largest the venue sends, a snapshot of 5000 levels a side, is below 0.5 MiB.
pub const FRAME_BYTES_MAX: usize = 4 << 20;

/// What a WebSocket frame is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message of one instrument.
    Instrument {
        /// Its symbol: lower case from a stream's name, upper case from a payload. Compare without regard to ASCII case.
        symbol: &'a str,
        /// What kind of message.
        channel: Channel,
    },
    /// A message about the connection.
    Control(Control<'a>),
}

/// A message about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control<'a> {
    /// A request was answered.
    Reply {
        /// The request's `id`, as text.
        id: &'a str,
    },
    /// A request, or the connection, has an error.
    Error {
        /// The venue's code.
        code: i64,
        /// The venue's words, escapes not resolved.
        message: &'a str,
    },
    /// The server will close this connection: reconnect at once.
    ServerShutdown,
}

/// Finds out what a frame is about, reading no more of it than that takes.
///
/// Accepts both forms of the venue: `{"stream":…,"data":{…}}` and the bare payload. That the rest of the frame is well
/// formed is found out by the instrument's [`Feed`](crate::Feed).
///
/// # Errors
/// Too large, not UTF-8, not an object, or an object that is none of the venue's messages.
///
/// # Source
/// "WebSocket Streams for Binance", sections "General WSS information", "Live Subscribing/Unsubscribing to streams".
pub fn classify(frame: &[u8]) -> Result<Frame<'_>, Reject> {
    check_text(frame)?;
    let mut scanner = Scanner::new(frame);
    // The venue writes `stream` first; then its value is all we need.
    scanner.expect(b'{')?;
    if scanner.peek() == b'"' && scanner.key()? == b"stream" {
        return Ok(of_stream(text(scanner.string()?)?));
    }
    classify_slowly(frame)
}

fn of_stream(stream: &str) -> Frame<'_> {
    let (symbol, kind) = stream.split_once('@').unwrap_or((stream, ""));
    if stream == "!serverShutdown" {
        return Frame::Control(Control::ServerShutdown);
    }
    let channel = match kind {
        "depth" | "depth@100ms" => Channel::Depth,
        "trade" => Channel::Trade,
        "bookTicker" => Channel::Quote,
        _ => Channel::Other,
    };
    Frame::Instrument { symbol, channel }
}

/// Any key order, bare payloads and control messages.
fn classify_slowly(frame: &[u8]) -> Result<Frame<'_>, Reject> {
    let mut found = Found::default();
    let mut scanner = Scanner::new(frame);
    found.read(&mut scanner, 0)?;
    scanner.finish()?;
    if let Some(stream) = found.stream {
        return Ok(of_stream(stream));
    }
    if found.event == Some("serverShutdown") {
        return Ok(Frame::Control(Control::ServerShutdown));
    }
    if let Some(code) = found.code {
        return Ok(Frame::Control(Control::Error { code, message: found.message.unwrap_or("") }));
    }
    match (found.symbol, found.event) {
        (Some(symbol), Some("depthUpdate")) => Ok(Frame::Instrument { symbol, channel: Channel::Depth }),
        (Some(symbol), Some("trade")) => Ok(Frame::Instrument { symbol, channel: Channel::Trade }),
        (Some(symbol), None) if found.has_best_bid => {
            Ok(Frame::Instrument { symbol, channel: Channel::Quote })
        }
        (Some(symbol), Some(_)) => Ok(Frame::Instrument { symbol, channel: Channel::Other }),
        _ if found.has_result => Ok(Frame::Control(Control::Reply { id: found.id.unwrap_or("") })),
        _ => Err(Reject::MissingField { field: "stream, e or result" }),
    }
}

#[derive(Default)]
struct Found<'a> {
    stream: Option<&'a str>,
    event: Option<&'a str>,
    symbol: Option<&'a str>,
    has_best_bid: bool,
    has_result: bool,
    id: Option<&'a str>,
    code: Option<i64>,
    message: Option<&'a str>,
}

impl<'a> Found<'a> {
    fn read(&mut self, scanner: &mut Scanner<'a>, depth: u8) -> Result<(), Reject> {
        scanner.object(|scanner, key| {
            match key {
                b"stream" => self.stream = Some(text(scanner.string()?)?),
                b"e" => self.event = Some(text(scanner.string()?)?),
                b"s" => self.symbol = Some(text(scanner.string()?)?),
                // `{"error":{"code":4,"msg":"…"},"id":1}` is undocumented and has been seen.
                b"data" | b"error" if scanner.peek() == b'{' && depth == 0 => self.read(scanner, 1)?,
                b"code" => self.code = Some(raw(scanner)?.parse().map_err(|_| scanner.bad())?),
                b"msg" => self.message = Some(text(scanner.string()?)?),
                b"id" => self.id = Some(raw(scanner)?),
                b"result" => {
                    self.has_result = true;
                    scanner.skip_value()?;
                }
                b"b" => {
                    self.has_best_bid = true;
                    scanner.skip_value()?;
                }
                _ => scanner.skip_value()?,
            }
            Ok(())
        })
    }
}

/// The next value's own text.
fn raw<'a>(scanner: &mut Scanner<'a>) -> Result<&'a str, Reject> {
    if scanner.peek() == b'"' {
        return text(scanner.string()?);
    }
    let from = *scanner;
    scanner.skip_value()?;
    text(from.until(scanner))
}

fn text(bytes: &[u8]) -> Result<&str, Reject> {
    std::str::from_utf8(bytes).map_err(|_| Reject::NotUtf8)
}

fn check_text(frame: &[u8]) -> Result<(), Reject> {
    if frame.len() > FRAME_BYTES_MAX {
        return Err(Reject::Oversize { bytes: frame.len(), limit: FRAME_BYTES_MAX });
    }
    text(frame).map(|_| ())
}

/// The head of a `depthUpdate`; its levels go to [`Levels`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delta {
    /// `E`, when the event left the publisher.
    pub exch_ts: UnixNanos,
    /// `U` and `u`.
    pub seq: SeqRange,
}

/// Reads a depth frame of the instrument. Quantities are absolute; zero removes a level.
///
/// # Errors
/// Anything but a complete, well-formed `depthUpdate` of this instrument with positive prices.
pub fn read_delta(frame: &[u8], spec: &InstrumentSpec, levels: &mut Levels) -> Result<Delta, Reject> {
    levels.clear();
    let (mut exch_ts, mut first, mut last, mut has_bids, mut has_asks) = (None, None, None, false, false);
    read_payload(frame, spec, |scanner, key| {
        match key {
            b"E" => exch_ts = Some(time(scanner)?),
            b"U" => first = Some(scanner.u64()?),
            b"u" => last = Some(scanner.u64()?),
            b"b" => {
                has_bids = true;
                read_levels(scanner, spec, &mut levels.bids)?;
            }
            b"a" => {
                has_asks = true;
                read_levels(scanner, spec, &mut levels.asks)?;
            }
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    if !(has_bids && has_asks) {
        return Err(Reject::MissingField { field: if has_bids { "a" } else { "b" } });
    }
    let (first, last) = (required(first, "U")?, required(last, "u")?);
    if first > last {
        return Err(Reject::BadSequence { first, last });
    }
    Ok(Delta { exch_ts: required(exch_ts, "E")?, seq: SeqRange { first, last } })
}

/// Reads a trade frame of the instrument: the trade and its engine time `T`.
///
/// `m` says that the buyer was the maker, so `true` means that the aggressor sold.
///
/// # Errors
/// Anything but a complete, well-formed `trade` of this instrument with positive price and quantity.
pub fn read_trade(frame: &[u8], spec: &InstrumentSpec) -> Result<(TradeEvent, UnixNanos), Reject> {
    let (mut trade_id, mut price, mut qty, mut exch_ts, mut is_buyer_maker) = (None, None, None, None, None);
    read_payload(frame, spec, |scanner, key| {
        match key {
            b"t" => trade_id = Some(scanner.u64()?),
            b"p" => price = Some(positive_price(scanner, spec)?),
            b"q" => qty = Some(quantity(scanner, spec)?),
            b"T" => exch_ts = Some(time(scanner)?),
            b"m" => is_buyer_maker = Some(scanner.bool()?),
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    let qty = required(qty, "q")?;
    if qty.0 == 0 {
        return Err(Reject::BadQuantity);
    }
    let aggressor = if required(is_buyer_maker, "m")? { Aggressor::Sell } else { Aggressor::Buy };
    let trade = TradeEvent {
        trade_id: required(trade_id, "t")?,
        price: required(price, "p")?,
        qty,
        aggressor,
        maker: None,
    };
    Ok((trade, required(exch_ts, "T")?))
}

/// Reads a best-quote frame of the instrument: best bid, best ask and the update number they belong to.
///
/// # Errors
/// Anything but a complete, well-formed `bookTicker` of this instrument; [`Reject::OneSidedQuote`] when the venue shows
/// an empty side (price and quantity zero).
pub fn read_quote(frame: &[u8], spec: &InstrumentSpec) -> Result<(Level, Level, u64), Reject> {
    let (mut update_id, mut bid, mut ask) = (None, (None, None), (None, None));
    read_payload(frame, spec, |scanner, key| {
        match key {
            b"u" => update_id = Some(scanner.u64()?),
            b"b" => bid.0 = Some(price(scanner, spec)?),
            b"B" => bid.1 = Some(quantity(scanner, spec)?),
            b"a" => ask.0 = Some(price(scanner, spec)?),
            b"A" => ask.1 = Some(quantity(scanner, spec)?),
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    let bid = Level { price: required(bid.0, "b")?, qty: required(bid.1, "B")? };
    let ask = Level { price: required(ask.0, "a")?, qty: required(ask.1, "A")? };
    if [bid, ask].iter().any(|level| level.price.0 == 0 || level.qty.0 == 0) {
        return Err(Reject::OneSidedQuote);
    }
    Ok((bid, ask, required(update_id, "u")?))
}

/// Reads the body of `GET /api/v3/depth`: its `lastUpdateId`, `None` for the -1 of an instrument without updates.
///
/// The body names no symbol: that it belongs to this instrument is its record's word.
///
/// # Errors
/// Anything but a complete snapshot with positive prices and quantities, each side sorted best first.
pub fn read_snapshot(body: &[u8], spec: &InstrumentSpec, levels: &mut Levels) -> Result<Option<u64>, Reject> {
    check_text(body)?;
    levels.clear();
    let (mut last_update_id, mut has_bids, mut has_asks) = (None, false, false);
    let mut scanner = Scanner::new(body);
    scanner.object(|scanner, key| {
        match key {
            b"lastUpdateId" if scanner.peek() == b'-' => {
                scanner.skip_value()?;
                last_update_id = Some(None);
            }
            b"lastUpdateId" => last_update_id = Some(Some(scanner.u64()?)),
            b"bids" => {
                has_bids = true;
                read_levels(scanner, spec, &mut levels.bids)?;
            }
            b"asks" => {
                has_asks = true;
                read_levels(scanner, spec, &mut levels.asks)?;
            }
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    scanner.finish()?;
    if !(has_bids && has_asks) {
        return Err(Reject::MissingField { field: if has_bids { "asks" } else { "bids" } });
    }
    let is_sorted = levels.bids.windows(2).all(|pair| pair[0].price > pair[1].price)
        && levels.asks.windows(2).all(|pair| pair[0].price < pair[1].price);
    if !is_sorted {
        return Err(Reject::LevelsOutOfOrder);
    }
    required(last_update_id, "lastUpdateId")
}

/// Reads the payload object of a frame, in either form, and checks its symbol. `field` gets every other key.
fn read_payload<'a>(
    frame: &'a [u8],
    spec: &InstrumentSpec,
    mut field: impl FnMut(&mut Scanner<'a>, &'a [u8]) -> Result<(), Reject>,
) -> Result<(), Reject> {
    check_text(frame)?;
    let mut is_ours = None;
    let mut in_payload = |scanner: &mut Scanner<'a>, key: &'a [u8]| match key {
        b"s" => {
            is_ours = Some(scanner.string()? == spec.symbol.as_bytes());
            Ok(())
        }
        _ => field(scanner, key),
    };
    let mut scanner = Scanner::new(frame);
    scanner.object(|scanner, key| match key {
        b"data" => scanner.object(&mut in_payload),
        b"stream" => scanner.skip_value(),
        _ => in_payload(scanner, key),
    })?;
    scanner.finish()?;
    match is_ours {
        Some(true) => Ok(()),
        Some(false) => Err(Reject::WrongSymbol),
        None => Err(Reject::MissingField { field: "s" }),
    }
}

fn read_levels(
    scanner: &mut Scanner<'_>,
    spec: &InstrumentSpec,
    levels: &mut Vec<Level>,
) -> Result<(), Reject> {
    levels.clear();
    scanner.array(|scanner| {
        let (price, qty) = scanner.decimal_pair(spec.price_scale, spec.qty_scale)?;
        if price <= 0 {
            return Err(Reject::NonPositivePrice);
        }
        if qty < 0 {
            return Err(Reject::BadQuantity);
        }
        levels.push(Level::new(price, qty));
        Ok(())
    })
}

fn price(scanner: &mut Scanner<'_>, spec: &InstrumentSpec) -> Result<Price, Reject> {
    let units = scanner.decimal(spec.price_scale)?;
    if units < 0 { Err(Reject::NonPositivePrice) } else { Ok(Price(units)) }
}

fn positive_price(scanner: &mut Scanner<'_>, spec: &InstrumentSpec) -> Result<Price, Reject> {
    let price = price(scanner, spec)?;
    if price.0 == 0 { Err(Reject::NonPositivePrice) } else { Ok(price) }
}

fn quantity(scanner: &mut Scanner<'_>, spec: &InstrumentSpec) -> Result<Qty, Reject> {
    let units = scanner.decimal(spec.qty_scale)?;
    if units < 0 { Err(Reject::BadQuantity) } else { Ok(Qty(units)) }
}

/// Thirteen digits are milliseconds, sixteen microseconds: the only sign of the unit there is.
fn time(scanner: &mut Scanner<'_>) -> Result<UnixNanos, Reject> {
    let value = scanner.u64()?;
    let nanos = match value {
        1_000_000_000_000..10_000_000_000_000 => i64::try_from(value).ok().and_then(UnixNanos::from_millis),
        1_000_000_000_000_000..10_000_000_000_000_000 => {
            i64::try_from(value).ok().and_then(UnixNanos::from_micros)
        }
        _ => None,
    };
    nanos.ok_or(Reject::BadTime { value })
}

fn required<T>(value: Option<T>, field: &'static str) -> Result<T, Reject> {
    value.ok_or(Reject::MissingField { field })
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
