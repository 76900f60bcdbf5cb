//! The latest changes of every book, so that a book can be shown as it was a while ago.

use std::collections::VecDeque;

use opus2_types::{Price, Qty, Side};

use crate::market::{Book, Change};

/// Changes kept, of all instruments together: half a minute at 30,000 changes a second.
const CHANGES_LIMIT: usize = 1_000_000;

#[derive(Debug, Clone, Copy)]
struct Entry {
    instrument: u32,
    side: Side,
    price: Price,
    /// The quantity before the change.
    before: Qty,
    /// Number of the change.
    sequence: u64,
}

/// A ring of changes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: VecDeque<Entry>,
    /// Whether older changes have been forgotten.
    is_cut: bool,
}

impl History {
    /// Notes what happened to a book with the change of this number.
    pub(crate) fn record(&mut self, instrument: usize, sequence: u64, changes: &[Change]) {
        let instrument = u32::try_from(instrument).unwrap_or(u32::MAX);
        for change in changes {
            if self.entries.len() >= CHANGES_LIMIT {
                self.entries.pop_front();
                self.is_cut = true;
            }
            let (side, price, before) = (change.side, change.level.price, change.before);
            self.entries.push_back(Entry { instrument, side, price, before, sequence });
        }
    }

    /// Whether a change of an instrument's book has this number, and is still known. Of the numbers that one order's
    /// messages have, it is the last.
    pub(crate) fn has(&self, instrument: usize, sequence: u64) -> bool {
        let of_instrument = |entry: &&Entry| entry.instrument as usize == instrument;
        let mut later = self.entries.iter().rev().filter(of_instrument);
        later.find(|entry| entry.sequence <= sequence).is_some_and(|entry| entry.sequence == sequence)
    }

    /// Takes back every change after `sequence`. `false`, and an unspecified book, when that is too long ago.
    pub(crate) fn rewind(&self, instrument: usize, sequence: u64, book: &mut Book) -> bool {
        let mut reaches_back = !self.is_cut;
        for entry in self.entries.iter().rev() {
            if entry.instrument as usize != instrument {
                continue;
            }
            if entry.sequence <= sequence {
                reaches_back = true;
                break;
            }
            book.set(entry.side, entry.price, entry.before);
        }
        book.update_id = sequence.min(book.update_id);
        reaches_back
    }
}
