//! Both sides of an L2 book.

use opus2_types::{BookView, Level, Price, Qty, Side, VIEW_LEVELS};

use crate::{Change, Ladder, OrderChange};

/// The quantity at every price of one instrument (market by price).
///
/// Holds what it is told: it may be one-sided, locked or crossed. Every level is kept, none is dropped however far
/// from the middle.
///
/// ```
/// use opus2_book::L2Book;
/// use opus2_types::{Level, Side};
///
/// let mut book = L2Book::new();
/// book.apply(Side::Bid, Level::new(99, 5));
/// book.apply(Side::Ask, Level::new(101, 2));
/// assert_eq!(book.best(), Some((Level::new(99, 5), Level::new(101, 2))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L2Book {
    bids: Ladder,
    asks: Ladder,
}

impl Default for L2Book {
    fn default() -> Self {
        Self::new()
    }
}

impl L2Book {
    /// An empty book.
    #[must_use]
    pub const fn new() -> Self {
        Self { bids: Ladder::new(Side::Bid), asks: Ladder::new(Side::Ask) }
    }

    /// One side.
    #[must_use]
    pub const fn side(&self, side: Side) -> &Ladder {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    /// Sets the quantity at a price of one side; zero removes the price.
    #[inline]
    pub fn apply(&mut self, side: Side, level: Level) -> Change {
        match side {
            Side::Bid => self.bids.apply(level),
            Side::Ask => self.asks.apply(level),
        }
    }

    /// Takes over what a change of an order did to the prices it touched.
    #[inline]
    pub fn apply_change(&mut self, change: &OrderChange) {
        self.apply(change.side, change.level);
        if let Some(left) = change.left {
            self.apply(change.side, left);
        }
    }

    /// Removes the worst price of one side, the one farthest from the middle. `None` when there is none.
    pub fn remove_worst(&mut self, side: Side) -> Option<Level> {
        match side {
            Side::Bid => self.bids.remove_worst(),
            Side::Ask => self.asks.remove_worst(),
        }
    }

    /// Replaces the whole book.
    pub fn replace(&mut self, bids: &[Level], asks: &[Level]) {
        self.bids.replace(bids);
        self.asks.replace(asks);
    }

    /// Forgets every level, keeps the memory.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Best bid and best ask; `None` while a side is empty.
    #[must_use]
    pub fn best(&self) -> Option<(Level, Level)> {
        Some((self.bids.best()?, self.asks.best()?))
    }

    /// True when the best bid is above the best ask. A locked book (equal) is not crossed.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        self.best().is_some_and(|(bid, ask)| bid.price > ask.price)
    }

    /// The quantity at a price of one side; zero when there is none.
    #[must_use]
    pub fn qty_at(&self, side: Side, price: Price) -> Qty {
        self.side(side).qty_at(price)
    }

    /// A copy of the best [`VIEW_LEVELS`] levels of each side.
    #[must_use]
    pub fn view(&self) -> BookView {
        BookView::new(self.bids.levels().take(VIEW_LEVELS), self.asks.levels().take(VIEW_LEVELS))
    }
}
