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
use opus2_types::{Level, Price, Side};

/// How many levels of each side the checksum covers.
pub const CHECKSUM_LEVELS: usize = 10;

/// The checksum of one book, kept from message to message.
///
/// Half of a busy book's updates happen below its ten best levels and change nothing here; most of the others change one
/// level of one side. So each side's text is kept: it is put together again only after something within its ten best
/// levels was [touched](Self::touch), and then only what is new is printed. The comparison with the venue's number is
/// made for every message all the same.
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

impl Checksum {
    /// The book has changed at a price of one side: the text is put together again if that price is one of its levels,
    /// or better than its worst.
    #[inline]
    pub fn touch(&mut self, side: Side, price: Price) {
        match side {
            Side::Ask => self.asks.is_written &= self.asks.is_full() && price > self.asks.worst,
            Side::Bid => self.bids.is_written &= self.bids.is_full() && price < self.bids.worst,
        }
    }

    /// The book is another one.
    pub fn reset(&mut self) {
        self.asks.is_written = false;
        self.bids.is_written = false;
    }

    /// The checksum of a book of levels, all changes of which have been [touched](Self::touch) since the last call.
    pub fn of_levels(&mut self, book: &L2Book) -> u32 {
        self.value(|side, text| {
            for level in book.side(side).levels().take(CHECKSUM_LEVELS) {
                text.begin_level(level.price);
                text.entry(side, level);
            }
        })
    }

    /// The checksum of a book of orders with its sums, all changes of which have been [touched](Self::touch) since the
    /// last call.
    pub fn of_orders(&mut self, orders: &Orders, book: &L2Book) -> u32 {
        self.value(|side, text| {
            for queue in orders.queues(book, side).take(CHECKSUM_LEVELS) {
                text.begin_level(queue.level().price);
                for order in queue.orders() {
                    text.entry(side, Level { price: order.price, qty: order.qty });
                }
            }
        })
    }

    /// Writes the sides that have to be written, `write` giving their entries, and sums up.
    #[inline]
    fn value(&mut self, write: impl Fn(Side, &mut SideText)) -> u32 {
        let (asks_change, bids_change) = (!self.asks.is_written, !self.bids.is_written);
        for (side, kept) in [(Side::Ask, &mut self.asks), (Side::Bid, &mut self.bids)] {
            if !kept.is_written {
                kept.begin();
                write(side, kept);
            }
        }
        if asks_change {
            self.asks_crc = crc32fast::hash(self.asks.as_bytes());
        }
        if asks_change || bids_change {
            let mut hasher = Hasher::new_with_initial(self.asks_crc);
            hasher.update(self.bids.as_bytes());
            self.crc = hasher.finalize();
        }
        self.crc
    }
}

/// The text of one side.
#[derive(Debug, Clone, Default)]
struct SideText {
    now: Text,
    /// The text before: what of it is in the new one is copied.
    before: Text,
    /// The entries of `before` up to here have been passed.
    passed: usize,
    levels_count: usize,
    worst: Price,
    is_written: bool,
}

/// Entries and their digits.
#[derive(Debug, Clone, Default)]
struct Text {
    entries: Vec<Entry>,
    /// The digits, and behind them room for an entry.
    bytes: Vec<u8>,
    len: usize,
}

/// A level, or an order, and where its digits stand.
#[derive(Debug, Clone, Copy)]
struct Entry {
    level: Level,
    start: usize,
    end: usize,
}

/// The most digits of an entry: a price and a quantity of 64 bits. So many bytes are always copied, because that is three
/// moves of a register, and what is too much is written over.
const ENTRY_BYTES_MAX: usize = 48;

impl SideText {
    fn as_bytes(&self) -> &[u8] {
        &self.now.bytes[..self.now.len]
    }

    const fn is_full(&self) -> bool {
        self.levels_count == CHECKSUM_LEVELS
    }

    fn begin(&mut self) {
        std::mem::swap(&mut self.now, &mut self.before);
        self.now.entries.clear();
        self.now.len = 0;
        (self.passed, self.levels_count, self.is_written) = (0, 0, true);
    }

    #[inline]
    const fn begin_level(&mut self, price: Price) {
        self.levels_count += 1;
        self.worst = price;
    }

    /// The next level, or the next order of it. Entries come best price first.
    #[inline]
    fn entry(&mut self, side: Side, level: Level) {
        let is_better = |price: Price| match side {
            Side::Ask => price < level.price,
            Side::Bid => price > level.price,
        };
        let before = &self.before.entries;
        while before.get(self.passed).is_some_and(|old| is_better(old.level.price)) {
            self.passed += 1;
        }
        let rest = before.get(self.passed..).unwrap_or_default().iter();
        let mut same_price = rest.take_while(|old| old.level.price == level.price);
        let start = self.now.len;
        self.now.make_room();
        if let Some(at) = same_price.position(|old| old.level.qty == level.qty) {
            self.passed += at + 1;
            let old = before[self.passed - 1];
            let digits = &self.before.bytes[old.start..old.start + ENTRY_BYTES_MAX];
            self.now.bytes[start..start + ENTRY_BYTES_MAX].copy_from_slice(digits);
            self.now.len += old.end - old.start;
        } else {
            self.now.print(level.price.0);
            self.now.print(level.qty.0);
        }
        self.now.entries.push(Entry { level, start, end: self.now.len });
    }
}

impl Text {
    #[inline]
    fn make_room(&mut self) {
        if self.bytes.len() < self.len + ENTRY_BYTES_MAX {
            self.bytes.resize(self.len + 2 * CHECKSUM_LEVELS * ENTRY_BYTES_MAX, 0);
        }
    }

    fn print(&mut self, number: i64) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(number).as_bytes();
        self.bytes[self.len..self.len + digits.len()].copy_from_slice(digits);
        self.len += digits.len();
    }
}

#[cfg(test)]
#[path = "checksum_tests.rs"]
mod tests;
