//! What a participant asks for, and what the book answers.

use opus2_types::{Aggressor, Level, Price, Qty, Side};

/// One instruction to the book of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Rest a limit order. The price must not reach the other side.
    Add {
        /// The side it rests on.
        side: Side,
        /// Its price.
        price: Price,
        /// Its quantity, above zero.
        qty: Qty,
    },
    /// Take resting quantity away; more than is there takes all of it.
    Cancel {
        /// The side it rests on.
        side: Side,
        /// The level.
        price: Price,
        /// How much.
        qty: Qty,
    },
    /// Cross the spread: immediate or cancel, up to a limit price.
    Take {
        /// Who is impatient.
        aggressor: Aggressor,
        /// At most this much.
        qty: Qty,
        /// At this price or better.
        limit: Price,
    },
}

/// A level with its new absolute quantity; zero when the level is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    /// The side of the level.
    pub(crate) side: Side,
    /// Price and new quantity.
    pub(crate) level: Level,
}

/// A trade against resting quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fill {
    /// The resting order's price.
    pub(crate) price: Price,
    /// Traded quantity.
    pub(crate) qty: Qty,
    /// Who crossed the spread.
    pub(crate) aggressor: Aggressor,
}

/// Everything one order did. Reused from order to order.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Changed levels, each at most once.
    pub(crate) changes: Vec<Change>,
    /// Trades, best price first.
    pub(crate) fills: Vec<Fill>,
}

impl Effects {
    pub(crate) fn clear(&mut self) {
        self.changes.clear();
        self.fills.clear();
    }
}
