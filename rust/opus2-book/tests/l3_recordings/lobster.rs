//! LOBSTER's samples: after every message the best levels must be those that LOBSTER gives.
//!
//! A file shows the best N levels only. What rested before the file began, or comes into view from below, is known by its
//! quantity alone: it is put into the book as one order without a name, and messages about orders that we have not seen
//! come are about it. Everything else must come out of the messages.

use opus2_book::L3Book;
use opus2_types::{Level, Order, OrderId, Price, Qty, Side};

use crate::{read, units};

struct Message {
    kind: char,
    id: OrderId,
    qty: Qty,
    price: Price,
    side: Side,
}

impl Message {
    /// `Time,Type,OrderID,Size,Price,Direction`: 1 to buy, -1 to sell, for executions too (the resting order's side).
    fn parse(fields: &[&str], price_scale: u8) -> Self {
        Self {
            kind: fields[1].chars().next().unwrap(),
            id: OrderId::from(fields[2].parse::<u64>().unwrap()),
            qty: Qty(units(fields[3], 0)),
            price: Price(units(fields[4], price_scale)),
            side: if fields[5] == "1" { Side::Bid } else { Side::Ask },
        }
    }
}

/// The order without a name at a price.
fn nameless(side: Side, price: Price) -> OrderId {
    OrderId(1 << 100 | u128::from(side == Side::Ask) << 99 | u128::from(price.0.cast_unsigned()))
}

fn apply(book: &mut L3Book, message: &Message) {
    let Message { id, qty, price, side, .. } = *message;
    let id = if book.order(id).is_some() { id } else { nameless(side, price) };
    match message.kind {
        '1' => drop(book.insert(side, Order { id: message.id, price, qty }).unwrap()),
        // Part of it cancelled, or executed.
        '2' | '4' => drop(book.reduce(id, qty).unwrap()),
        // Cancelled. Of an order without a name only the quantity given goes.
        '3' => {
            let change = book.reduce(id, qty).unwrap();
            assert!(change.qty.0 == 0 || id != message.id, "a cancelled order is gone");
        }
        // The execution of a hidden order changes nothing that is visible.
        '5' => {}
        other => panic!("unknown kind {other}"),
    }
}

/// Compares the book with the levels given and takes in what came into view. Gives how many levels did.
fn compare(book: &mut L3Book, side: Side, levels: &[Level], line: usize) -> usize {
    let known: Vec<Level> = book.l2().side(side).levels().collect();
    assert_eq!(known, levels[..known.len()], "line {line}, {side:?}");
    for level in &levels[known.len()..] {
        let order = Order { id: nameless(side, level.price), price: level.price, qty: level.qty };
        assert_eq!(book.insert(side, order), Ok(*level));
    }
    levels.len() - known.len()
}

struct Line {
    message: Message,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// Plays a file. Gives the number of lines and of levels that came into view after the first line: one more would be a
/// level that the messages should have given.
fn play(lines: impl Iterator<Item = Line>) -> (usize, usize) {
    let mut book = L3Book::new();
    let (mut lines_count, mut came_into_view) = (0, 0);
    for (line, Line { message, bids, asks }) in lines.enumerate() {
        if line > 0 {
            apply(&mut book, &message);
            book.truncate(bids.len());
        }
        for (side, levels) in [(Side::Bid, bids), (Side::Ask, asks)] {
            let new = compare(&mut book, side, &levels, line);
            came_into_view += if line > 0 { new } else { 0 };
        }
        lines_count += 1;
    }
    (lines_count, came_into_view)
}

#[test]
fn ten_levels_of_apple_are_right_after_every_message() {
    let Some(messages) = read("lobster/AAPL_2012-06-21_message_10_first999.csv.gz") else { return };
    let books = read("lobster/AAPL_2012-06-21_orderbook_10_first999.csv.gz").unwrap();
    let lines = messages.lines().zip(books.lines()).map(|(message, book)| {
        let fields: Vec<&str> = message.split(',').collect();
        let numbers: Vec<i64> = book.split(',').map(|text| units(text, 0)).collect();
        let (asks, bids) =
            numbers.chunks(4).map(|of| (Level::new(of[0], of[1]), Level::new(of[2], of[3]))).unzip();
        Line { message: Message::parse(&fields, 0), bids, asks }
    });
    assert_eq!(play(lines), (999, 318));
}

#[test]
fn the_best_of_amazon_is_right_after_every_message() {
    let Some(text) = read("lobster/AMZN_2012-06-21_level1_first_two_thirds.csv.gz") else { return };
    let lines = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let level = |at: usize| vec![Level::new(units(fields[at], 9), units(fields[at + 1], 0))];
        Line { message: Message::parse(&fields, 9), asks: level(6), bids: level(8) }
    });
    assert_eq!(play(lines), (21_543, 5_148));
}
