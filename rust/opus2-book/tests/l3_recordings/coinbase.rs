//! The largest real book we have: Coinbase's answer with every order of BTC-USD, 110,606 of them.

use opus2_book::L3Book;
use opus2_types::{Order, OrderId, Price, Qty, Side};
use serde_json::Value;

use crate::{expected, read, units};

#[test]
fn a_hundred_thousand_orders_are_held_counted_and_saved() {
    const NAME: &str = "coinbase/orderbook_rest_l3_snapshot_btcusd_20260807.json.gz";
    let (Some(text), Some(expected)) = (read(NAME), expected(NAME)) else { return };
    let answer: Value = serde_json::from_str(&text).unwrap();
    let orders = |side: &str| -> Vec<Order> {
        let row = |row: &Value| {
            let text = |at: usize| row[at].as_str().unwrap();
            let id = OrderId::from_uuid(text(2).as_bytes()).unwrap();
            Order { id, price: Price(units(text(0), 2)), qty: Qty(units(text(1), 8)) }
        };
        answer[side].as_array().unwrap().iter().map(row).collect()
    };
    let (bids, asks) = (orders("bids"), orders("asks"));
    let mut book = L3Book::new();
    assert_eq!(book.replace(bids.clone(), asks.clone()), 0);
    assert_eq!(book.len(), expected["unique_order_ids"]);
    let levels = [Side::Bid, Side::Ask].map(|side| book.l2().side(side).len());
    assert_eq!(serde_json::to_value(levels).unwrap(), expected["price_levels"]);
    assert_eq!(book.l2().is_crossed(), expected["crossed"]);
    // The venue sorts by price and, within one, by place in the queue.
    assert_eq!(book.orders(Side::Bid).collect::<Vec<_>>(), bids);
    assert_eq!(book.orders(Side::Ask).collect::<Vec<_>>(), asks);
    assert_eq!(L3Book::restore(&book.save()), Some(book));
}
