//! The best levels of a book at one moment.

use crate::{Level, Price, Side};

/// How many levels of each side a [`BookView`] holds: what routing and the multi-level features need.
pub const VIEW_LEVELS: usize = 20;

/// The best [`VIEW_LEVELS`] levels of both sides, best first, without heap memory.
///
/// A view is what an operator after `normalize` sees of a book. It is a copy: later changes of the book do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookView {
    bids: [Level; VIEW_LEVELS],
    asks: [Level; VIEW_LEVELS],
    bids_count: u8,
    asks_count: u8,
}

impl Default for BookView {
    fn default() -> Self {
        Self {
            bids: [Level::default(); VIEW_LEVELS],
            asks: [Level::default(); VIEW_LEVELS],
            bids_count: 0,
            asks_count: 0,
        }
    }
}

impl BookView {
    /// Takes the best levels of each side; what comes after [`VIEW_LEVELS`] is not looked at.
    #[must_use]
    pub fn new(bids: impl IntoIterator<Item = Level>, asks: impl IntoIterator<Item = Level>) -> Self {
        let mut view = Self::default();
        view.bids_count = fill(&mut view.bids, bids);
        view.asks_count = fill(&mut view.asks, asks);
        view
    }

    /// Bids, best (highest) first.
    #[must_use]
    pub fn bids(&self) -> &[Level] {
        &self.bids[..usize::from(self.bids_count)]
    }

    /// Asks, best (lowest) first.
    #[must_use]
    pub fn asks(&self) -> &[Level] {
        &self.asks[..usize::from(self.asks_count)]
    }

    /// One side, best first.
    #[must_use]
    pub fn side(&self, side: Side) -> &[Level] {
        match side {
            Side::Bid => self.bids(),
            Side::Ask => self.asks(),
        }
    }

    /// Best bid and best ask; `None` while a side is empty.
    #[must_use]
    pub fn best(&self) -> Option<(Level, Level)> {
        Some((*self.bids().first()?, *self.asks().first()?))
    }

    /// Twice the mid, exact: `bid + ask`. `None` while a side is empty or the sum overflows.
    #[must_use]
    pub fn mid_doubled(&self) -> Option<i64> {
        let (bid, ask) = self.best()?;
        bid.price.0.checked_add(ask.price.0)
    }

    /// True when the best bid is above the best ask.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        self.best().is_some_and(|(bid, ask)| bid.price > ask.price)
    }

    /// `ask - bid`; negative when crossed, `None` while a side is empty.
    #[must_use]
    pub fn spread(&self) -> Option<Price> {
        let (bid, ask) = self.best()?;
        Some(Price(ask.price.0.checked_sub(bid.price.0)?))
    }
}

fn fill(target: &mut [Level; VIEW_LEVELS], source: impl IntoIterator<Item = Level>) -> u8 {
    let mut count = 0;
    for (slot, level) in target.iter_mut().zip(source) {
        *slot = level;
        count += 1;
    }
    count
}
