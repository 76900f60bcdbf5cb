//! The checksum that Kraken sends with every book message.
//!
//! # Procedure
//!
//! 1. Take the [`CHECKSUM_LEVELS`] best asks from low to high, then the best bids from high to low; fewer if there are
//!    fewer. Of a book of orders, take every order of these levels in the order of its queue.
//! 2. Of each, print price and quantity with exactly the pair's precisions, without the point and without leading zeros.
//!    With a price and a quantity that are counted in units of these precisions, that is the two integers in decimal.
//! 3. CRC-32 (IEEE 802.3) of it all.
//!
//! # Source
//! Kraken WebSocket v2 guides, "Book checksum" and "Level 3 checksum"; the recordings and vectors of the tests.

use crc32fast::Hasher;
use opus2_book::{L2Book, Orders};
use opus2_types::{Price, Qty, Side};

/// How many levels of each side the checksum covers.
pub const CHECKSUM_LEVELS: usize = 10;

/// The checksum of one book, kept from message to message.
///
/// Half of a busy book's updates happen below its ten best levels and change nothing here; most of the others change one
/// side. So each side's text is kept, and written again only after something within its ten best levels was
/// [touched](Self::touch). The comparison with the venue's number is made for every message all the same.
#[derive(Debug, Clone, Default)]
pub struct Checksum {
    asks: SideText,
    bids: SideText,
    asks_crc: u32,
    crc: u32,
}

/// What is kept follows from the book: equal books have equal checksums, whatever has been worked out yet.
impl PartialEq for Checksum {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Checksum {}

/// The text of one side.
#[derive(Debug, Clone, Default)]
struct SideText {
    text: Vec<u8>,
    /// The worst price in it, of a text with all of its levels.
    worst: Option<Price>,
    is_written: bool,
}

impl Checksum {
    /// The book has changed at a price of one side: the text is written again if that price is one of its levels, or
    /// better than its worst.
    #[inline]
    pub fn touch(&mut self, side: Side, price: Price) {
        match side {
            Side::Ask => self.asks.is_written &= self.asks.worst.is_some_and(|worst| price > worst),
            Side::Bid => self.bids.is_written &= self.bids.worst.is_some_and(|worst| price < worst),
        }
    }

    /// The book is another one.
    pub fn reset(&mut self) {
        self.asks.is_written = false;
        self.bids.is_written = false;
    }

    /// The checksum of a book of levels, all changes of which have been [touched](Self::touch) since the last call.
    pub fn of_levels(&mut self, book: &L2Book) -> u32 {
        self.value(|side, writer| {
            for level in book.side(side).levels().take(CHECKSUM_LEVELS) {
                writer.level(level.price);
                writer.entry(level.price, level.qty);
            }
        })
    }

    /// The checksum of a book of orders with its sums, all changes of which have been [touched](Self::touch) since the
    /// last call.
    pub fn of_orders(&mut self, orders: &Orders, book: &L2Book) -> u32 {
        self.value(|side, writer| {
            for queue in orders.queues(book, side).take(CHECKSUM_LEVELS) {
                writer.level(queue.level().price);
                for order in queue.orders() {
                    writer.entry(order.price, order.qty);
                }
            }
        })
    }

    /// Writes the sides that have to be written, `write` giving their entries, and sums up.
    #[inline]
    fn value(&mut self, write: impl Fn(Side, &mut Writer<'_>)) -> u32 {
        let (asks_changed, bids_changed) = (!self.asks.is_written, !self.bids.is_written);
        for (side, kept) in [(Side::Ask, &mut self.asks), (Side::Bid, &mut self.bids)] {
            if !kept.is_written {
                kept.text.clear();
                let mut writer = Writer { text: &mut kept.text, levels: 0, last: None };
                write(side, &mut writer);
                kept.worst = writer.last.filter(|_| writer.levels == CHECKSUM_LEVELS);
                kept.is_written = true;
            }
        }
        if asks_changed {
            self.asks_crc = crc32fast::hash(&self.asks.text);
        }
        if asks_changed || bids_changed {
            let mut hasher = Hasher::new_with_initial(self.asks_crc);
            hasher.update(&self.bids.text);
            self.crc = hasher.finalize();
        }
        self.crc
    }
}

/// Writes the text of one side.
struct Writer<'a> {
    text: &'a mut Vec<u8>,
    levels: usize,
    last: Option<Price>,
}

impl Writer<'_> {
    /// The next level begins.
    fn level(&mut self, price: Price) {
        self.levels += 1;
        self.last = Some(price);
    }

    /// A level, or an order of it.
    #[inline]
    fn entry(&mut self, price: Price, qty: Qty) {
        let mut digits = itoa::Buffer::new();
        self.text.extend_from_slice(digits.format(price.0).as_bytes());
        self.text.extend_from_slice(digits.format(qty.0).as_bytes());
    }
}

#[cfg(test)]
#[path = "checksum_tests.rs"]
mod tests;
