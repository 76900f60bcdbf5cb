//! The feed's messages as text, and the checksums in them.

use opus2_types::{Aggressor, Level, Price, Qty, Side, UnixNanos};

use crate::market::Ladder;
use crate::text::{Symbol, push, write_scaled, write_time};

/// Decimals of a second in a message's time, and in an order's.
pub(crate) const TIME_DIGITS: usize = 6;
const ORDER_TIME_DIGITS: usize = 9;
/// Levels a side that a checksum covers.
const CHECKSUM_LEVELS: usize = 10;

/// The CRC of the best levels: prices and quantities as integers, asks first.
///
/// # Source
/// Kraken's guide to the book checksum; an integer in units of the precision is the decimal text without its point and
/// its leading zeros.
pub(crate) fn book_checksum(ladder: &Ladder) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for side in [Side::Ask, Side::Bid] {
        for level in ladder.iter(side).take(CHECKSUM_LEVELS) {
            digest(&mut crc, level.price.0);
            digest(&mut crc, level.qty.0);
        }
    }
    crc.finalize()
}

/// The CRC of every order of the best levels, in the order of their queues.
///
/// # Source
/// Kraken's guide to the level 3 checksum.
pub(crate) fn orders_checksum(ladder: &Ladder) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for side in [Side::Ask, Side::Bid] {
        for level in ladder.iter(side).take(CHECKSUM_LEVELS) {
            for order in ladder.queue(side, level.price) {
                digest(&mut crc, order.price.0);
                digest(&mut crc, order.qty.0);
            }
        }
    }
    crc.finalize()
}

fn digest(crc: &mut crc32fast::Hasher, units: i64) {
    let mut buffer = [0; 20];
    let mut at = buffer.len();
    let mut rest = units.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    crc.update(&buffer[at..]);
}

/// `{"channel":…,"type":…,"data":[`
pub(crate) fn write_head(text: &mut String, channel: &str, is_snapshot: bool) {
    let kind = if is_snapshot { "snapshot" } else { "update" };
    push(text, format_args!("{{\"channel\":\"{channel}\",\"type\":\"{kind}\",\"data\":["));
}

/// A book or an update of one: levels by side, each best first or in the order of what happened.
pub(crate) fn write_book(
    text: &mut String,
    is_snapshot: bool,
    [bids, asks]: [&[Level]; 2],
    checksum: u32,
    (symbol, time): (&Symbol, UnixNanos),
) {
    write_head(text, "book", is_snapshot);
    push(text, format_args!("{{\"symbol\":\"{}\",\"bids\":[", symbol.name));
    write_levels(text, bids, symbol);
    text.push_str("],\"asks\":[");
    write_levels(text, asks, symbol);
    push(text, format_args!("],\"checksum\":{checksum},\"timestamp\":\""));
    write_time(text, time, TIME_DIGITS);
    text.push_str("\"}]}");
}

fn write_levels(text: &mut String, levels: &[Level], symbol: &Symbol) {
    for (index, level) in levels.iter().enumerate() {
        text.push_str(if index == 0 { "{\"price\":" } else { ",{\"price\":" });
        write_scaled(text, level.price.0, symbol.price_scale);
        text.push_str(",\"qty\":");
        write_scaled(text, level.qty.0, symbol.qty_scale);
        text.push('}');
    }
}

/// What a client is told of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderEntry {
    /// `add`, `modify` or `delete`; `None` in a snapshot.
    pub(crate) event: Option<&'static str>,
    pub(crate) id: u64,
    pub(crate) price: Price,
    pub(crate) qty: Qty,
    pub(crate) stamp: i64,
}

/// A book order by order, or an update of one.
pub(crate) fn write_orders(
    text: &mut String,
    is_snapshot: bool,
    [bids, asks]: [&[OrderEntry]; 2],
    checksum: u32,
    (symbol, instrument, time): (&Symbol, usize, UnixNanos),
) {
    write_head(text, "level3", is_snapshot);
    push(text, format_args!("{{\"symbol\":\"{}\",\"checksum\":{checksum},\"bids\":[", symbol.name));
    write_entries(text, bids, symbol, instrument);
    text.push_str("],\"asks\":[");
    write_entries(text, asks, symbol, instrument);
    text.push_str("],\"timestamp\":\"");
    write_time(text, time, TIME_DIGITS);
    text.push_str("\"}]}");
}

fn write_entries(text: &mut String, entries: &[OrderEntry], symbol: &Symbol, instrument: usize) {
    for (index, entry) in entries.iter().enumerate() {
        text.push_str(if index == 0 { "{" } else { ",{" });
        if let Some(event) = entry.event {
            push(text, format_args!("\"event\":\"{event}\","));
        }
        text.push_str("\"order_id\":\"");
        write_order_id(text, instrument, entry.id);
        text.push_str("\",\"limit_price\":");
        write_scaled(text, entry.price.0, symbol.price_scale);
        text.push_str(",\"order_qty\":");
        write_scaled(text, entry.qty.0, symbol.qty_scale);
        text.push_str(",\"timestamp\":\"");
        write_time(text, UnixNanos(entry.stamp), ORDER_TIME_DIGITS);
        text.push_str("\"}");
    }
}

/// The venue's text for an order's number, such as `OABCDE-FGHIJ-KLMNOP`: another one for every order.
pub(crate) fn write_order_id(text: &mut String, instrument: usize, id: u64) {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    // Multiplying by an odd number can be undone: no two are equal. 13 letters show all 64 bits.
    let mut rest = u128::from((((instrument as u64) << 40) ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    rest |= u128::from(id % 32_768) << 65;
    text.push('O');
    for position in 0..16 {
        if position == 5 || position == 10 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::try_from(rest & 31).unwrap_or_default()]));
        rest >>= 5;
    }
}

/// A trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trade {
    pub(crate) id: u64,
    pub(crate) price: Price,
    pub(crate) qty: Qty,
    pub(crate) aggressor: Aggressor,
    pub(crate) is_market: bool,
    pub(crate) time: UnixNanos,
}

/// Trades, oldest first.
pub(crate) fn write_trades<'a>(
    text: &mut String,
    is_snapshot: bool,
    trades: impl Iterator<Item = &'a Trade>,
    symbol: &Symbol,
) {
    write_head(text, "trade", is_snapshot);
    for (index, trade) in trades.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let side = trade.aggressor.as_str();
        push(text, format_args!("{comma}{{\"symbol\":\"{}\",\"side\":\"{side}\",\"price\":", symbol.name));
        write_scaled(text, trade.price.0, symbol.price_scale);
        text.push_str(",\"qty\":");
        write_scaled(text, trade.qty.0, symbol.qty_scale);
        let kind = if trade.is_market { "market" } else { "limit" };
        push(text, format_args!(",\"ord_type\":\"{kind}\",\"trade_id\":{},\"timestamp\":\"", trade.id));
        write_time(text, trade.time, TIME_DIGITS);
        text.push_str("\"}");
    }
    text.push_str("]}");
}

/// What a ticker says besides the best quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) last: Price,
    pub(crate) low: Price,
    pub(crate) high: Price,
    pub(crate) open: Price,
    /// In quantity units.
    pub(crate) volume: i64,
}

/// Best quotes and the past day.
pub(crate) fn write_ticker(
    text: &mut String,
    is_snapshot: bool,
    [bid, ask]: [Level; 2],
    figures: &Figures,
    (symbol, time): (&Symbol, UnixNanos),
) {
    let Symbol { price_scale, qty_scale, .. } = symbol;
    write_head(text, "ticker", is_snapshot);
    push(text, format_args!("{{\"symbol\":\"{}\"", symbol.name));
    let field = |text: &mut String, name: &str, units: i64, scale: u8| {
        push(text, format_args!(",\"{name}\":"));
        if units < 0 {
            text.push('-');
        }
        write_scaled(text, units.abs(), scale);
    };
    field(text, "bid", bid.price.0, *price_scale);
    field(text, "bid_qty", bid.qty.0, *qty_scale);
    field(text, "ask", ask.price.0, *price_scale);
    field(text, "ask_qty", ask.qty.0, *qty_scale);
    field(text, "last", figures.last.0, *price_scale);
    field(text, "volume", figures.volume, *qty_scale);
    field(text, "vwap", i64::midpoint(figures.low.0, figures.high.0), *price_scale);
    field(text, "low", figures.low.0, *price_scale);
    field(text, "high", figures.high.0, *price_scale);
    let change = figures.last.0 - figures.open.0;
    field(text, "change", change, *price_scale);
    let hundredths = i128::from(change) * 10_000 / i128::from(figures.open.0.max(1));
    field(text, "change_pct", i64::try_from(hundredths).unwrap_or_default(), 2);
    text.push_str(",\"timestamp\":\"");
    write_time(text, time, TIME_DIGITS);
    text.push_str("\"}]}");
}

#[cfg(test)]
mod tests;
