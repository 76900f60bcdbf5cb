//! The Exchange feed's messages as text.

use opus2_types::{Aggressor, Level, Price, Qty, Side, UnixNanos};

use crate::market::{OrderEvent, OrderEventKind, Taker};
use crate::text::{Symbol, push, write_scaled, write_time};

/// Decimals of a second in the venue's times.
pub(crate) const TIME_DIGITS: usize = 6;

/// A trade against one resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) trade_id: u64,
    pub(crate) sequence: u64,
    pub(crate) maker: u64,
    pub(crate) taker: u64,
    pub(crate) price: Price,
    pub(crate) qty: Qty,
    /// The resting order's side: `side` in the venue's messages.
    pub(crate) maker_side: Side,
    pub(crate) time: UnixNanos,
}

/// One message of `full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FullEvent {
    ReceivedLimit {
        id: u64,
        side: Side,
        price: Price,
        qty: Qty,
    },
    ReceivedMarket {
        id: u64,
        side: Side,
        qty: Qty,
    },
    Open {
        id: u64,
        side: Side,
        price: Price,
        qty: Qty,
    },
    Match(Match),
    /// `price` and `left` are absent for market orders.
    Done {
        id: u64,
        side: Side,
        is_filled: bool,
        rest: Option<Level>,
    },
    /// `to` differs in price when the order was moved.
    Change {
        id: u64,
        side: Side,
        from: Level,
        to: Level,
    },
}

/// The messages that tell of one step, in order; the matches' numbers are still to be filled in.
pub(crate) fn full_events(
    orders: &[OrderEvent],
    taker: Option<&Taker>,
    first_trade_id: u64,
    events: &mut Vec<FullEvent>,
) {
    if let Some(Taker { id, aggressor, qty, limit, .. }) = taker.copied() {
        let side = side_of(aggressor);
        events.push(if is_market(id) {
            FullEvent::ReceivedMarket { id, side, qty }
        } else {
            FullEvent::ReceivedLimit { id, side, price: limit, qty }
        });
    }
    let mut trade_id = first_trade_id;
    for OrderEvent { id, side, kind, .. } in orders.iter().copied() {
        match kind {
            OrderEventKind::Added { at: Level { price, qty } } => {
                events.push(FullEvent::ReceivedLimit { id, side, price, qty });
                events.push(FullEvent::Open { id, side, price, qty });
            }
            OrderEventKind::Reduced { at, before } => {
                let from = Level { price: at.price, qty: before };
                events.push(FullEvent::Change { id, side, from, to: at });
            }
            OrderEventKind::Moved { from, to } => events.push(FullEvent::Change { id, side, from, to }),
            OrderEventKind::Canceled { at } => {
                events.push(FullEvent::Done { id, side, is_filled: false, rest: Some(at) });
            }
            OrderEventKind::Filled { at, traded } => {
                events.push(FullEvent::Match(Match {
                    trade_id,
                    sequence: 0,
                    maker: id,
                    taker: taker.map_or(0, |taker| taker.id),
                    price: at.price,
                    qty: traded,
                    maker_side: side,
                    time: UnixNanos(0),
                }));
                trade_id += 1;
                if at.qty.0 == 0 {
                    events.push(FullEvent::Done { id, side, is_filled: true, rest: Some(at) });
                }
            }
        }
    }
    if let Some(Taker { id, aggressor, left, limit, .. }) = taker.copied() {
        let rest = (!is_market(id)).then_some(Level { price: limit, qty: left });
        events.push(FullEvent::Done { id, side: side_of(aggressor), is_filled: left.0 == 0, rest });
    }
}

/// Every other order that crosses the spread is a market order.
const fn is_market(id: u64) -> bool {
    id.is_multiple_of(2)
}

const fn side_of(aggressor: Aggressor) -> Side {
    match aggressor {
        Aggressor::Buy => Side::Bid,
        Aggressor::Sell => Side::Ask,
    }
}

pub(crate) const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Bid => "buy",
        Side::Ask => "sell",
    }
}

/// Which instrument's message, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) symbol: &'a Symbol,
    /// The instrument's index: part of its orders' ids.
    pub(crate) instrument: usize,
    pub(crate) time: UnixNanos,
}

/// The venue's text for an order's number: a version 4 UUID, another one for every order of every instrument.
pub(crate) fn write_order_id(text: &mut String, instrument: usize, id: u64) {
    let key = ((instrument as u64) << 40) ^ id;
    let (high, low) = (mix(key), mix(key ^ 0x9e37_79b9_7f4a_7c15));
    let (first, second) = (high >> 32, (high >> 16) & 0xffff);
    // All 64 mixed bits of `high` are shown, and the mixing can be undone: no two are equal.
    let (third, fourth) = (high & 0xfff, 0x8000 | ((high >> 12) & 0xf) << 8 | (low & 0xff));
    push(text, format_args!("{first:08x}-{second:04x}-4{third:03x}-{fourth:04x}-{:012x}", low >> 16));
}

/// A bijection of 64 bits that looks random.
///
/// # Source
/// S. Vigna's `splitmix64` finalizer.
const fn mix(mut key: u64) -> u64 {
    key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

/// `,"name":"<decimal>"`
fn write_amount(text: &mut String, name: &str, units: i64, scale: u8) {
    push(text, format_args!(",\"{name}\":\""));
    write_scaled(text, units, scale);
    text.push('"');
}

/// `,"name":"<id>"`
fn write_id(text: &mut String, name: &str, instrument: usize, id: u64) {
    push(text, format_args!(",\"{name}\":\""));
    write_order_id(text, instrument, id);
    text.push('"');
}

/// Begins a message: type, time, product, sequence.
fn write_head(text: &mut String, kind: &str, sequence: u64, place: Place<'_>) {
    push(text, format_args!("{{\"type\":\"{kind}\",\"time\":\""));
    write_time(text, place.time, TIME_DIGITS);
    push(text, format_args!("\",\"product_id\":\"{}\",\"sequence\":{sequence}", place.symbol.name));
}

/// One message of `full`.
pub(crate) fn write_full(text: &mut String, event: &FullEvent, sequence: u64, place: Place<'_>) {
    let Place { symbol: Symbol { price_scale, qty_scale, .. }, instrument, .. } = place;
    match *event {
        FullEvent::ReceivedLimit { id, side, price, qty } => {
            write_head(text, "received", sequence, place);
            write_id(text, "order_id", instrument, id);
            write_amount(text, "size", qty.0, *qty_scale);
            write_amount(text, "price", price.0, *price_scale);
            push(text, format_args!(",\"side\":\"{}\",\"order_type\":\"limit\"}}", side_name(side)));
        }
        FullEvent::ReceivedMarket { id, side, qty } => {
            write_head(text, "received", sequence, place);
            write_id(text, "order_id", instrument, id);
            write_amount(text, "size", qty.0, *qty_scale);
            push(text, format_args!(",\"side\":\"{}\",\"order_type\":\"market\"}}", side_name(side)));
        }
        FullEvent::Open { id, side, price, qty } => {
            write_head(text, "open", sequence, place);
            write_id(text, "order_id", instrument, id);
            write_amount(text, "price", price.0, *price_scale);
            write_amount(text, "remaining_size", qty.0, *qty_scale);
            push(text, format_args!(",\"side\":\"{}\"}}", side_name(side)));
        }
        FullEvent::Match(matched) => write_match(text, "match", &matched, place),
        FullEvent::Done { id, side, is_filled, rest } => {
            write_head(text, "done", sequence, place);
            write_id(text, "order_id", instrument, id);
            let reason = if is_filled { "filled" } else { "canceled" };
            push(text, format_args!(",\"reason\":\"{reason}\",\"side\":\"{}\"", side_name(side)));
            if let Some(rest) = rest {
                write_amount(text, "price", rest.price.0, *price_scale);
                write_amount(text, "remaining_size", rest.qty.0, *qty_scale);
            }
            text.push('}');
        }
        FullEvent::Change { id, side, from, to } => write_change(text, (id, side, from, to), sequence, place),
    }
}

/// A smaller order of an odd number was cut by self-trade prevention, any other was amended by its owner.
fn write_change(
    text: &mut String,
    (id, side, from, to): (u64, Side, Level, Level),
    sequence: u64,
    place: Place<'_>,
) {
    let Place { symbol: Symbol { price_scale, qty_scale, .. }, instrument, .. } = place;
    let is_prevention = from.price == to.price && !id.is_multiple_of(2);
    write_head(text, "change", sequence, place);
    let reason = if is_prevention { "STP" } else { "modify_order" };
    push(text, format_args!(",\"reason\":\"{reason}\",\"side\":\"{}\"", side_name(side)));
    write_id(text, "order_id", instrument, id);
    write_amount(text, "old_size", from.qty.0, *qty_scale);
    write_amount(text, "new_size", to.qty.0, *qty_scale);
    if is_prevention {
        write_amount(text, "price", to.price.0, *price_scale);
    } else {
        write_amount(text, "old_price", from.price.0, *price_scale);
        write_amount(text, "new_price", to.price.0, *price_scale);
    }
    text.push('}');
}

/// A trade: `match` or `last_match`.
pub(crate) fn write_match(text: &mut String, kind: &str, matched: &Match, place: Place<'_>) {
    let Place { symbol: Symbol { name, price_scale, qty_scale }, instrument, .. } = place;
    let Match { trade_id, sequence, .. } = *matched;
    push(text, format_args!("{{\"type\":\"{kind}\",\"trade_id\":{trade_id}"));
    write_id(text, "maker_order_id", instrument, matched.maker);
    write_id(text, "taker_order_id", instrument, matched.taker);
    push(text, format_args!(",\"side\":\"{}\"", side_name(matched.maker_side)));
    write_amount(text, "size", matched.qty.0, *qty_scale);
    write_amount(text, "price", matched.price.0, *price_scale);
    push(text, format_args!(",\"product_id\":\"{name}\",\"sequence\":{sequence},\"time\":\""));
    write_time(text, matched.time, TIME_DIGITS);
    text.push_str("\"}");
}

/// The first message of `level3`: how its arrays are to be read.
pub(crate) const LEVEL3_SCHEMA: &str = r#"{"type":"level3","schema":{"change":["type","product_id","sequence","order_id","price","size","time"],"done":["type","product_id","sequence","order_id","time"],"match":["type","product_id","sequence","maker_order_id","taker_order_id","price","size","time"],"noop":["type","product_id","sequence","time"],"open":["type","product_id","sequence","order_id","side","price","size","time"]}}"#;

/// One message of `level3`.
pub(crate) fn write_level3(text: &mut String, event: &FullEvent, sequence: u64, place: Place<'_>) {
    let Place { symbol: Symbol { name, price_scale, qty_scale }, instrument, time } = place;
    let kind = match event {
        FullEvent::ReceivedLimit { .. } | FullEvent::ReceivedMarket { .. } => "noop",
        FullEvent::Open { .. } => "open",
        FullEvent::Match(_) => "match",
        FullEvent::Done { .. } => "done",
        FullEvent::Change { .. } => "change",
    };
    push(text, format_args!("[\"{kind}\",\"{name}\",\"{sequence}\",\""));
    let id = |text: &mut String, id| {
        write_order_id(text, instrument, id);
        text.push_str("\",\"");
    };
    let level = |text: &mut String, price: Price, qty: Qty| {
        write_scaled(text, price.0, *price_scale);
        text.push_str("\",\"");
        write_scaled(text, qty.0, *qty_scale);
        text.push_str("\",\"");
    };
    match *event {
        FullEvent::ReceivedLimit { .. } | FullEvent::ReceivedMarket { .. } => {}
        FullEvent::Open { id: order, side, price, qty } => {
            id(text, order);
            push(text, format_args!("{}\",\"", side_name(side)));
            level(text, price, qty);
        }
        FullEvent::Match(matched) => {
            id(text, matched.maker);
            id(text, matched.taker);
            level(text, matched.price, matched.qty);
        }
        FullEvent::Done { id: order, .. } => id(text, order),
        FullEvent::Change { id: order, to, .. } => {
            id(text, order);
            level(text, to.price, to.qty);
        }
    }
    write_time(text, time, TIME_DIGITS);
    text.push_str("\"]");
}

/// Changed levels: `l2update`.
pub(crate) fn write_l2update(text: &mut String, changes: &[(Side, Level)], place: Place<'_>) {
    let symbol = place.symbol;
    push(text, format_args!("{{\"type\":\"l2update\",\"product_id\":\"{}\",\"changes\":[", symbol.name));
    for (index, (side, level)) in changes.iter().enumerate() {
        push(text, format_args!("{}[\"{}\",\"", if index == 0 { "" } else { "," }, side_name(*side)));
        write_scaled(text, level.price.0, symbol.price_scale);
        text.push_str("\",\"");
        write_scaled(text, level.qty.0, symbol.qty_scale);
        text.push_str("\"]");
    }
    text.push_str("],\"time\":\"");
    write_time(text, place.time, TIME_DIGITS);
    text.push_str("\"}");
}

/// `[["price","size"],…]`, each with what `more` adds.
pub(crate) fn write_levels(
    text: &mut String,
    levels: impl Iterator<Item = Level>,
    symbol: &Symbol,
    mut more: impl FnMut(&mut String, Level),
) {
    text.push('[');
    for (index, level) in levels.enumerate() {
        text.push_str(if index == 0 { "[\"" } else { ",[\"" });
        write_scaled(text, level.price.0, symbol.price_scale);
        text.push_str("\",\"");
        write_scaled(text, level.qty.0, symbol.qty_scale);
        text.push('"');
        more(text, level);
        text.push(']');
    }
    text.push(']');
}

#[cfg(test)]
mod tests;
