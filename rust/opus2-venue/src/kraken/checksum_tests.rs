//! The venue's published vectors, and the kept text against a fresh one.

use opus2_types::Level;
use proptest::prelude::*;

use super::*;

/// Levels as `price quantity` pairs, in units of the two scales.
fn levels(text: &str, scales: (u8, u8)) -> Vec<Level> {
    let units = |text: &str, scale| crate::decimal::parse_number(text.as_bytes(), scale).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.chunks(2).map(|pair| Level::new(units(pair[0], scales.0), units(pair[1], scales.1))).collect()
}

fn book(asks: &str, bids: &str, scales: (u8, u8)) -> L2Book {
    let mut book = L2Book::new();
    book.replace(&levels(bids, scales), &levels(asks, scales));
    book
}

const ASKS: &str = "45285.2 0.00100000 45286.4 1.54571953 45286.6 1.54571109 45289.6 1.54560911 45290.2 0.15890660 \
    45291.8 1.54553491 45294.7 0.04454749 45296.1 0.35380000 45297.5 0.09945542 45299.5 0.18772827";
const BIDS: &str = "45283.5 0.10000000 45283.4 1.54582015 45282.1 0.10000000 45281.0 0.10000000 45280.3 1.54592586 \
    45279.0 0.07990000 45277.6 0.03310103 45277.5 0.30000000 45277.3 1.54602737 45276.6 0.15445238";

#[test]
fn the_documented_book_has_the_documented_checksum_before_and_after_changes() {
    let mut book = book(ASKS, BIDS, (1, 8));
    let mut checksum = Checksum::default();
    assert_eq!(checksum.of_levels(&book), 3_310_070_434);
    for (side, text) in [(Side::Ask, "45285.2 0 45300.0 0.5"), (Side::Bid, "45283.5 0.04")] {
        for level in levels(text, (1, 8)) {
            checksum.touch(side, level.price);
            book.apply(side, level);
        }
    }
    assert_eq!(checksum.of_levels(&book), 3_239_828_007);
}

#[test]
fn fewer_levels_leading_zeros_and_exponents() {
    let book = book("0.00004532 1e2 0.00004533 0.5", "0.00004530 1234567.1", (8, 5));
    assert_eq!(Checksum::default().of_levels(&book), 3_485_566_740);
}

#[test]
fn an_empty_book_has_the_checksum_of_nothing() {
    assert_eq!(Checksum::default().of_levels(&L2Book::new()), 0);
}

/// Straight from the venue's description.
fn naive(book: &L2Book) -> u32 {
    let mut text = String::new();
    for side in [Side::Ask, Side::Bid] {
        for level in book.side(side).levels().take(10) {
            text += &level.price.0.to_string();
            text += &level.qty.0.to_string();
        }
    }
    crc32fast::hash(text.as_bytes())
}

proptest! {
    #[test]
    fn what_is_kept_equals_what_is_worked_out_anew(
        depth in prop_oneof![Just(10usize), Just(25)],
        messages in prop::collection::vec(
            prop::collection::vec((any::<bool>(), 1i64..60, prop_oneof![Just(0i64), 1i64..1_000_000]), 0..4),
            0..200,
        ),
    ) {
        let mut book = L2Book::new();
        let mut checksum = Checksum::default();
        for message in messages {
            for (is_bid, price, qty) in message {
                let side = if is_bid { Side::Bid } else { Side::Ask };
                checksum.touch(side, Price(price));
                book.apply(side, Level::new(price, qty));
            }
            for side in [Side::Bid, Side::Ask] {
                while book.side(side).len() > depth {
                    book.remove_worst(side);
                }
            }
            prop_assert_eq!(checksum.of_levels(&book), naive(&book));
        }
    }

    #[test]
    fn numbers_of_any_size_are_printed_whole(
        (price, price_shift) in (1i64..=i64::MAX, 0u32..62),
        (qty, qty_shift) in (1i64..=i64::MAX, 0u32..62),
    ) {
        let (price, qty) = ((price >> price_shift).max(1), (qty >> qty_shift).max(1));
        let mut book = L2Book::new();
        for at in 0..10 {
            book.apply(Side::Ask, Level::new(price.saturating_sub(at).max(1), qty));
        }
        prop_assert_eq!(Checksum::default().of_levels(&book), naive(&book));
    }
}
