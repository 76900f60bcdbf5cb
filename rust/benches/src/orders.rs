//! A book of 110,606 real orders, and a stream of changes to it.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

use opus2_types::{Order, OrderId, Price, Qty, Side, parse_scaled};

/// One message of an order-by-order feed.
#[derive(Debug, Clone, Copy)]
pub enum OrderMessage {
    /// An order rests.
    Open(Side, Order),
    /// An order is gone.
    Done(OrderId),
    /// Part of an order is executed.
    Match(OrderId, Qty),
    /// An order has another quantity.
    Change(OrderId, Price, Qty),
}

/// Which orders are cancelled.
#[derive(Debug, Clone, Copy)]
pub enum Cancelled {
    /// As in the recordings: mostly one of the newest.
    Young,
    /// Each of all orders alike: no message finds anything in the cache.
    Any,
}

/// Coinbase's level-3 answer for BTC-USD; `None`, with a note, when it is not there.
pub fn order_snapshot() -> Option<String> {
    let shared = std::env::var_os("OPUS2_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("data/coinbase/orderbook_rest_l3_snapshot_btcusd_20260807.json.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("skipped: no recording at {}; set OPUS2_SHARED", path.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("the recording is gzip");
    Some(text)
}

/// The number of the last message that the answer includes.
pub const SNAPSHOT_SEQUENCE: u64 = 133_905_824_031;

/// Its orders, bids and asks.
pub fn resting_orders() -> Option<(Vec<Order>, Vec<Order>)> {
    let text = order_snapshot()?;
    let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let orders = |side: &str| -> Vec<Order> {
        let order = |row: &serde_json::Value| {
            let text = |at: usize| row[at].as_str().expect("text").as_bytes();
            Order {
                id: OrderId::from_uuid(text(2)).expect("a UUID"),
                price: Price(parse_scaled(text(0), 2).expect("a price")),
                qty: Qty(parse_scaled(text(1), 8).expect("a quantity")),
            }
        };
        answer[side].as_array().expect("a list").iter().map(order).collect()
    };
    Some((orders("bids"), orders("asks")))
}

/// A seeded stream of `count` messages that keeps the number of orders where it is.
///
/// Half of the messages open an order, nearly half remove one, one of fifty executes a part of one of the best, one of
/// fifty changes one. Seven of ten new orders come within a hundred ticks of the best price, the others anywhere.
pub fn stream(bids: &[Order], asks: &[Order], count: usize, cancelled: Cancelled) -> Vec<OrderMessage> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = move |limit: usize| -> usize {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) as usize % limit
    };
    let mut live: Vec<(Side, Order)> = bids.iter().map(|order| (Side::Bid, *order)).collect();
    live.extend(asks.iter().map(|order| (Side::Ask, *order)));
    let mut young: VecDeque<(Side, Order)> = VecDeque::new();
    let mut messages = Vec::with_capacity(count);
    while messages.len() < count {
        let take = |live: &mut Vec<(Side, Order)>, young: &mut VecDeque<(Side, Order)>, at: usize, of_young: bool| {
            if of_young { young.remove(at % young.len()) } else { Some(live.swap_remove(at % live.len())) }
        };
        match below(100) {
            0..50 => {
                let side = if below(2) == 0 { Side::Bid } else { Side::Ask };
                let (orders, away) = if side == Side::Bid { (bids, -1) } else { (asks, 1) };
                let (from, ticks) = if below(10) < 7 { (0, below(100)) } else { (below(orders.len()), below(5)) };
                let price = (orders[from].price.0 + away * i64::try_from(ticks).expect("small")).max(1);
                let id = OrderId((below(usize::MAX) as u128) << 64 | below(usize::MAX) as u128);
                let order = Order { id, price: Price(price), qty: Qty(1 + below(1 << 30) as i64) };
                messages.push(OrderMessage::Open(side, order));
                young.push_back((side, order));
                if young.len() > 300 {
                    live.extend(young.pop_front());
                }
            }
            50..96 => {
                let of_young = matches!(cancelled, Cancelled::Young) && below(100) < 90 && young.len() > 100;
                let gone = take(&mut live, &mut young, below(usize::MAX), of_young);
                messages.extend(gone.map(|(_, order)| OrderMessage::Done(order.id)));
            }
            kind => {
                let Some((_, order)) = young.back_mut().filter(|(_, order)| order.qty.0 > 1) else { continue };
                order.qty.0 -= order.qty.0 / 2;
                messages.push(if kind < 98 {
                    OrderMessage::Match(order.id, Qty(order.qty.0))
                } else {
                    OrderMessage::Change(order.id, order.price, order.qty)
                });
                if kind < 98 {
                    // Halved again or gone, as the book finds.
                    young.pop_back();
                }
            }
        }
    }
    messages
}

/// The messages as the `full` channel sends them, with a `received` before each `open`, as most orders have.
pub fn frames(messages: &[OrderMessage]) -> Vec<String> {
    let uuid = |id: OrderId| {
        let hex = format!("{:032x}", id.0);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    };
    let price = |price: Price| opus2_types::Scaled::new(price.0, 2).to_string();
    let size = |qty: Qty| opus2_types::Scaled::new(qty.0, 8).to_string();
    let name = |side: Side| if side == Side::Bid { "buy" } else { "sell" };
    let mut frames = Vec::with_capacity(messages.len() * 3 / 2);
    let mut sequence = SNAPSHOT_SEQUENCE;
    let mut push = |kind: &str, rest: &str| {
        sequence += 1;
        let micros = sequence % 1_000_000;
        frames.push(format!(
            r#"{{"type":"{kind}","sequence":{sequence},{rest},"product_id":"BTC-USD","time":"2026-08-07T20:04:10.{micros:06}Z"}}"#
        ));
    };
    for message in messages {
        match *message {
            OrderMessage::Open(side, order) => {
                let (id, price, size, side) = (uuid(order.id), price(order.price), size(order.qty), name(side));
                push("received", &format!(r#""order_id":"{id}","order_type":"limit","size":"{size}","price":"{price}","side":"{side}","client_oid":"{id}""#));
                push("open", &format!(r#""order_id":"{id}","price":"{price}","remaining_size":"{size}","side":"{side}""#));
            }
            OrderMessage::Done(id) => push("done", &format!(r#""order_id":"{}","reason":"canceled","side":"buy","price":"1.00","remaining_size":"1""#, uuid(id))),
            OrderMessage::Match(id, qty) => {
                let (id, size) = (uuid(id), size(qty));
                push("match", &format!(r#""trade_id":1,"maker_order_id":"{id}","taker_order_id":"{id}","side":"buy","size":"{size}","price":"64934.31""#));
            }
            OrderMessage::Change(id, to, qty) => {
                let (id, size, price) = (uuid(id), size(qty), price(to));
                push("change", &format!(r#""reason":"modify_order","order_id":"{id}","side":"buy","old_size":"1","new_size":"{size}","old_price":"{price}","new_price":"{price}""#));
            }
        }
    }
    frames
}
