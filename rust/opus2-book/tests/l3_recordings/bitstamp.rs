//! Bitstamp's live orders: every order created, changed and deleted. Its ids are whole numbers.

use std::collections::{HashMap, HashSet};

use opus2_book::L3Book;
use opus2_types::{Order, OrderId, Price, Qty, Side};
use serde_json::{Value, json};

use crate::{expected, read, units};

const PRICE_SCALE: u8 = 2;
const QTY_SCALE: u8 = 8;

/// A book, and what it was told that it could not do.
#[derive(Default)]
struct Replay {
    book: L3Book,
    /// Orders that are created, and not deleted, without any quantity: they are known and do not rest.
    empty: HashMap<OrderId, Price>,
    unknown_deleted: u64,
    unknown_changed: u64,
    price_changed: u64,
}

impl Replay {
    fn create(&mut self, side: Side, order: Order) {
        if order.qty.0 == 0 {
            self.empty.insert(order.id, order.price);
        } else {
            self.book.insert(side, order).unwrap();
        }
    }

    /// An order that is not known is created: it rests, and its place is not worse than this.
    fn change(&mut self, side: Side, order: Order) {
        if let Some(change) = self.book.modify(order.id, order.price, order.qty) {
            self.price_changed += u64::from(change.before.price != order.price);
            if change.qty.0 == 0 {
                self.empty.insert(order.id, order.price);
            }
        } else {
            match self.empty.remove(&order.id) {
                Some(price) => self.price_changed += u64::from(price != order.price),
                None => self.unknown_changed += 1,
            }
            self.create(side, order);
        }
    }

    fn delete(&mut self, id: OrderId) {
        let is_known = self.book.remove(id).is_some() || self.empty.remove(&id).is_some();
        self.unknown_deleted += u64::from(!is_known);
    }
}

/// `id,timestamp,exchange_timestamp,price,volume,action,direction`.
struct Row<'a> {
    side: Side,
    order: Order,
    action: &'a str,
}

fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        Row {
            side: if fields[6] == "bid" { Side::Bid } else { Side::Ask },
            order: Order {
                id: OrderId::from(fields[0].parse::<u64>().unwrap()),
                price: Price(units(fields[3], PRICE_SCALE)),
                qty: Qty(volume(fields[4])),
            },
            action: fields[5],
        }
    })
}

/// The source wrote small volumes as `1.5e-07`.
fn volume(text: &str) -> i64 {
    match text.split_once("e-") {
        Some((digits, shift)) => units(digits, QTY_SCALE - shift.parse::<u8>().unwrap()),
        None => units(text, QTY_SCALE),
    }
}

/// Plays the rows. Gives the replay and how many rows left the book crossed; the measurement counts a locked one too.
fn play<'a>(rows: impl Iterator<Item = &'a Row<'a>>) -> (Replay, u64) {
    let (mut replay, mut crossed) = (Replay::default(), 0);
    for row in rows {
        match row.action {
            "created" => replay.create(row.side, row.order),
            "changed" => replay.change(row.side, row.order),
            "deleted" => replay.delete(row.order.id),
            other => panic!("unknown action {other}"),
        }
        crossed += u64::from(replay.book.l2().best().is_some_and(|(bid, ask)| bid.price >= ask.price));
    }
    (replay, crossed)
}

#[test]
fn half_an_hour_of_2026_is_as_measured() {
    const NAME: &str = "bitstamp_l3/ob_analytics_btcusd_20260502_*";
    let (Some(text), Some(expected)) =
        (read("bitstamp_l3/ob_analytics_btcusd_20260502_orders.csv.gz"), expected(NAME))
    else {
        return;
    };
    let rows: Vec<_> = rows(&text).collect();
    assert_eq!(rows.len(), expected["order_rows"]);
    let (replay, crossed) = play(rows.iter());
    let oddities = &expected["oddities"];
    assert_eq!(replay.unknown_deleted, oddities["deleted but unknown"]);
    assert_eq!(replay.price_changed, oddities["price changed"]);
    assert_eq!(replay.book.len(), expected["orders_left_at_end"]);
    let crossed_rows = &expected["rows_that_leave_book_crossed"];
    assert_eq!(crossed, crossed_rows["as_is"]);
    // Two orders of the start are never removed though trades pass through them.
    let stale: HashSet<OrderId> = expected["snapshot_orders_never_removed_though_trades_pass_through_them"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| OrderId::from(id.as_str().unwrap().parse::<u64>().unwrap()))
        .collect();
    let without_stale = || rows.iter().filter(|row| !stale.contains(&row.order.id));
    assert_eq!(play(without_stale()).1, crossed_rows["without_the_two_stale_orders"]);
    // Orders that are refused or matched at once are there for one row.
    let kept: Vec<&Row<'_>> = without_stale().collect();
    let brief: HashSet<OrderId> = kept
        .windows(2)
        .filter(|pair| {
            pair[0].order.id == pair[1].order.id && (pair[0].action, pair[1].action) == ("created", "deleted")
        })
        .map(|pair| pair[0].order.id)
        .collect();
    let (_, crossed) = play(kept.into_iter().filter(|row| !brief.contains(&row.order.id)));
    assert_eq!(crossed, crossed_rows["also_without_orders_deleted_in_the_very_next_row"]);
}

/// How the book's quantities compare with the 20 best levels that the venue shows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Agreement {
    equal: u64,
    /// Nothing is known there: what rests there rests since before the recording.
    absent: u64,
    /// Some of what rests there rests since before the recording.
    less: u64,
    /// The venue's picture is a moment older or newer than the orders.
    more: u64,
}

impl Agreement {
    fn count(&mut self, book: &L3Book, shown: &Value) {
        for (side, levels) in [(Side::Bid, &shown["bids"]), (Side::Ask, &shown["asks"])] {
            for level in levels.as_array().unwrap() {
                let price = Price(units(level[0].as_str().unwrap(), PRICE_SCALE));
                let qty = Qty(units(level[1].as_str().unwrap(), QTY_SCALE));
                let known = book.l2().qty_at(side, price);
                *(match known {
                    _ if known == qty => &mut self.equal,
                    Qty(0) => &mut self.absent,
                    _ if known < qty => &mut self.less,
                    _ => &mut self.more,
                }) += 1;
            }
        }
    }
}

#[test]
fn three_hours_of_2015_agree_with_the_levels_the_venue_shows() {
    const NAME: &str = "bitstamp_l3/ob_analytics_btcusd_20150501_first200min.log.gz";
    let (Some(text), Some(expected)) = (read(NAME), expected(NAME)) else { return };
    let mut replay = Replay::default();
    let (mut all, mut late, mut books_count) = (Agreement::default(), Agreement::default(), 0);
    for line in text.lines() {
        let mut parts = line.splitn(3, ' ').skip(1);
        let (event, said) = (parts.next().unwrap(), parts.next().unwrap());
        let said: Value = serde_json::from_str(said).unwrap();
        if event == "order_book" {
            books_count += 1;
            all.count(&replay.book, &said);
            if books_count > 3000 {
                late.count(&replay.book, &said);
            }
            continue;
        }
        if event == "trade" {
            continue;
        }
        let order = Order {
            id: OrderId::from(said["id"].as_u64().unwrap()),
            price: Price(units(said["price"].as_str().unwrap(), PRICE_SCALE)),
            qty: Qty(units(said["amount"].as_str().unwrap(), QTY_SCALE)),
        };
        let side = if said["order_type"] == 0 { Side::Bid } else { Side::Ask };
        match event {
            "order_created" => replay.create(side, order),
            "order_changed" => replay.change(side, order),
            "order_deleted" => replay.delete(order.id),
            other => panic!("unknown event {other}"),
        }
    }
    let unknown =
        json!({"deleted but unknown": replay.unknown_deleted, "changed but unknown": replay.unknown_changed});
    assert_eq!(unknown, expected["oddities"]);
    assert_eq!(replay.book.len() + replay.empty.len(), expected["orders_open_at_end"]);
    // Counted by a replay of its own, a dictionary of orders with decimal amounts.
    assert_eq!(all, Agreement { equal: 122_027, absent: 19_435, less: 1_296, more: 2 });
    assert_eq!(late, Agreement { equal: 22_732, absent: 28, less: 0, more: 0 });
}
