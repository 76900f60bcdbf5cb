//! A message costs the L3 book no heap memory once the book has seen its usual size.

use allocation_counter::measure;
use opus2_book::L3Book;
use opus2_types::{Order, OrderId, Price, Qty, Side};

const ORDERS: u64 = 20_000;

/// Message `number`: an order comes, the one that came [`ORDERS`] before it goes, one in between changes. Prices wander
/// up and start again, so that the book comes back to the same size.
fn apply(book: &mut L3Book, number: u64) {
    let phase = number % (2 * ORDERS);
    let scattered = phase.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let price =
        1_000_000 + i64::try_from(scattered >> 50).unwrap_or(0) + i64::try_from(phase / 100).unwrap_or(0);
    let side = if scattered & 1 == 0 { Side::Bid } else { Side::Ask };
    let inserted =
        book.insert(side, Order::new(OrderId::from(number), price, 1 + (number % 97).cast_signed()));
    assert!(inserted.is_ok());
    if let Some(old) = number.checked_sub(ORDERS) {
        let middle = OrderId::from(old + ORDERS / 2);
        match number % 4 {
            0 => {
                book.reduce(middle, Qty(1));
            }
            1 => {
                book.modify(middle, Price(price + 1), Qty(5));
            }
            _ => {}
        }
        book.remove(OrderId::from(old));
    }
}

#[test]
fn a_message_allocates_nothing_once_the_book_has_its_size() {
    let mut book = L3Book::new();
    for number in 0..20 * ORDERS {
        apply(&mut book, number);
    }
    let counted = measure(|| {
        for number in 20 * ORDERS..26 * ORDERS {
            apply(&mut book, number);
        }
    });
    assert_eq!(counted.count_total, 0);
    assert!(book.len() > usize::try_from(ORDERS).unwrap_or(0) * 9 / 10, "{}", book.len());
}
