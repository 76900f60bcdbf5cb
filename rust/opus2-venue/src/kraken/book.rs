//! Reading v2 messages of one instrument: `book`, `trade`, `ticker`.

use opus2_types::{Aggressor, InstrumentSpec, Level, Price, Qty, QuoteEvent, TradeEvent, UnixNanos};

use super::message::{check_text, required};
use crate::json::Scanner;
use crate::rfc3339::parse_rfc3339;
use crate::{Levels, Reject};

/// What a `book` or `level3` message says beside its levels or orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookHead {
    /// The engine's time; older snapshots have none.
    pub exch_ts: Option<UnixNanos>,
    /// The checksum of the book after the message.
    pub checksum: u32,
}

/// Reads a `book` message of the instrument, snapshot or update. Quantities are absolute; zero removes a level.
///
/// Entries of other instruments in the same message are passed over; of several entries of this one, the levels follow
/// each other and the last checksum counts.
///
/// # Errors
/// Anything but a complete, well-formed message with positive prices; [`Reject::WrongSymbol`] when it has no entry of
/// this instrument.
pub fn read_book(frame: &[u8], spec: &InstrumentSpec, levels: &mut Levels) -> Result<BookHead, Reject> {
    levels.clear();
    let mut head = None;
    for_each_entry(frame, |scanner| {
        let kept = (levels.bids.len(), levels.asks.len());
        let (mut is_ours, mut checksum, mut exch_ts, mut sides) = (None, None, None, 0);
        scanner.object(|scanner, key| {
            match key {
                b"symbol" => is_ours = Some(scanner.string()? == spec.symbol.as_bytes()),
                b"bids" => {
                    sides += 1;
                    read_levels(scanner, spec, &mut levels.bids)?;
                }
                b"asks" => {
                    sides += 1;
                    read_levels(scanner, spec, &mut levels.asks)?;
                }
                b"checksum" => checksum = Some(read_checksum(scanner)?),
                b"timestamp" => exch_ts = Some(time(scanner)?),
                _ => scanner.skip_value()?,
            }
            Ok(())
        })?;
        if required(is_ours, "symbol")? {
            if sides == 0 {
                return Err(Reject::MissingField { field: "bids or asks" });
            }
            head = Some(BookHead { exch_ts, checksum: required(checksum, "checksum")? });
        } else {
            levels.bids.truncate(kept.0);
            levels.asks.truncate(kept.1);
        }
        Ok(())
    })?;
    head.ok_or(Reject::WrongSymbol)
}

/// Reads a `trade` update of the instrument: `visit` is called with each trade and its engine time. `side` is the taker's.
///
/// # Errors
/// Anything but complete, well-formed trades with positive prices and quantities; trades before the bad one have been
/// visited.
pub fn read_trades(
    frame: &[u8],
    spec: &InstrumentSpec,
    mut visit: impl FnMut(TradeEvent, UnixNanos),
) -> Result<(), Reject> {
    let mut is_any_ours = false;
    for_each_entry(frame, |scanner| {
        let (mut is_ours, mut side, mut price, mut qty, mut trade_id, mut exch_ts) =
            (None, None, None, None, None, None);
        scanner.object(|scanner, key| {
            match key {
                b"symbol" => is_ours = Some(scanner.string()? == spec.symbol.as_bytes()),
                b"side" => {
                    side = Some(match scanner.string()? {
                        b"buy" => Aggressor::Buy,
                        b"sell" => Aggressor::Sell,
                        _ => return Err(scanner.bad()),
                    });
                }
                b"price" => price = Some(scanner.lexeme()?),
                b"qty" => qty = Some(scanner.lexeme()?),
                b"trade_id" => trade_id = Some(scanner.u64()?),
                b"timestamp" => exch_ts = Some(time(scanner)?),
                _ => scanner.skip_value()?,
            }
            Ok(())
        })?;
        if required(is_ours, "symbol")? {
            is_any_ours = true;
            // Numbers of another instrument need not fit this one's scales.
            let price = Scanner::new(required(price, "price")?).number(spec.price_scale)?;
            let qty = Scanner::new(required(qty, "qty")?).number(spec.qty_scale)?;
            let event = TradeEvent {
                trade_id: required(trade_id, "trade_id")?,
                price: positive_price(price)?,
                qty: positive_qty(qty)?,
                aggressor: required(side, "side")?,
                maker: None,
            };
            visit(event, required(exch_ts, "timestamp")?);
        }
        Ok(())
    })?;
    if is_any_ours { Ok(()) } else { Err(Reject::WrongSymbol) }
}

/// Reads a `ticker` message of the instrument: best bid and ask, and their time where the venue gives one.
///
/// `None` for a row without meaning: the venue stamps such rows with the year 1970.
///
/// # Errors
/// Anything but a complete, well-formed message of this instrument; [`Reject::OneSidedQuote`] when a side is empty.
pub fn read_ticker(
    frame: &[u8],
    spec: &InstrumentSpec,
) -> Result<Option<(QuoteEvent, Option<UnixNanos>)>, Reject> {
    let mut found = None;
    for_each_entry(frame, |scanner| {
        let (mut is_ours, mut bid, mut ask, mut exch_ts) = (None, (None, None), (None, None), None);
        scanner.object(|scanner, key| {
            match key {
                b"symbol" => is_ours = Some(scanner.string()? == spec.symbol.as_bytes()),
                b"bid" => bid.0 = Some(scanner.number(spec.price_scale)?),
                b"bid_qty" => bid.1 = Some(scanner.number(spec.qty_scale)?),
                b"ask" => ask.0 = Some(scanner.number(spec.price_scale)?),
                b"ask_qty" => ask.1 = Some(scanner.number(spec.qty_scale)?),
                b"timestamp" => exch_ts = Some(time(scanner)?),
                _ => scanner.skip_value()?,
            }
            Ok(())
        })?;
        if required(is_ours, "symbol")? {
            let bid = Level::new(required(bid.0, "bid")?, required(bid.1, "bid_qty")?);
            let ask = Level::new(required(ask.0, "ask")?, required(ask.1, "ask_qty")?);
            found = Some((QuoteEvent { bid, ask }, exch_ts));
        }
        Ok(())
    })?;
    match found.ok_or(Reject::WrongSymbol)? {
        (_, Some(UnixNanos(0))) => Ok(None),
        (quote, exch_ts) => {
            if [quote.bid, quote.ask].iter().any(|level| level.price.0 <= 0 || level.qty.0 <= 0) {
                return Err(Reject::OneSidedQuote);
            }
            Ok(Some((quote, exch_ts)))
        }
    }
}

/// Calls `entry` at each element of a message's `data`, and checks that nothing follows the message.
pub(super) fn for_each_entry<'a>(
    frame: &'a [u8],
    mut entry: impl FnMut(&mut Scanner<'a>) -> Result<(), Reject>,
) -> Result<(), Reject> {
    check_text(frame)?;
    let mut scanner = Scanner::new(frame);
    let mut has_data = false;
    scanner.object(|scanner, key| match key {
        b"data" => {
            has_data = true;
            scanner.array(&mut entry)
        }
        _ => scanner.skip_value(),
    })?;
    scanner.finish()?;
    if has_data { Ok(()) } else { Err(Reject::MissingField { field: "data" }) }
}

fn read_levels(
    scanner: &mut Scanner<'_>,
    spec: &InstrumentSpec,
    levels: &mut Vec<Level>,
) -> Result<(), Reject> {
    scanner.array(|scanner| {
        levels.push(read_level(scanner, spec)?);
        Ok(())
    })
}

#[inline]
fn read_level(scanner: &mut Scanner<'_>, spec: &InstrumentSpec) -> Result<Level, Reject> {
    let start = *scanner;
    // As the venue writes it; any other order and spacing below.
    if scanner.eat_text(b"{\"price\":") {
        let price = scanner.number(spec.price_scale)?;
        if scanner.eat_text(b",\"qty\":") {
            let qty = scanner.number(spec.qty_scale)?;
            if scanner.eat_text(b"}") {
                return level(price, qty);
            }
        }
        *scanner = start;
    }
    let (mut price, mut qty) = (None, None);
    scanner.object(|scanner, key| {
        match key {
            b"price" => price = Some(scanner.number(spec.price_scale)?),
            b"qty" => qty = Some(scanner.number(spec.qty_scale)?),
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    level(required(price, "price")?, required(qty, "qty")?)
}

/// A level of a delta: its quantity may be zero.
#[inline]
pub(super) fn level(price: i64, qty: i64) -> Result<Level, Reject> {
    if qty < 0 {
        return Err(Reject::BadQuantity);
    }
    Ok(Level { price: positive_price(price)?, qty: Qty(qty) })
}

#[inline]
pub(super) fn positive_price(price: i64) -> Result<Price, Reject> {
    if price <= 0 { Err(Reject::NonPositivePrice) } else { Ok(Price(price)) }
}

#[inline]
pub(super) fn positive_qty(qty: i64) -> Result<Qty, Reject> {
    if qty <= 0 { Err(Reject::BadQuantity) } else { Ok(Qty(qty)) }
}

pub(super) fn read_checksum(scanner: &mut Scanner<'_>) -> Result<u32, Reject> {
    u32::try_from(scanner.u64()?).map_err(|_| scanner.bad())
}

pub(super) fn time(scanner: &mut Scanner<'_>) -> Result<UnixNanos, Reject> {
    let text = scanner.string()?;
    parse_rfc3339(text).ok_or(Reject::BadTimeText)
}
