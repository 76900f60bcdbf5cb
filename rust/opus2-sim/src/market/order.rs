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
    /// Take about this much resting quantity away, whole orders where that is near enough; never more than is there.
    Cancel {
        /// The side it rests on.
        side: Side,
        /// The level.
        price: Price,
        /// How much.
        qty: Qty,
    },
    /// Move the youngest order of a level to the end of another level's queue. The price must not reach the other side.
    Move {
        /// The side it rests on.
        side: Side,
        /// Where it rests.
        from: Price,
        /// Where it goes.
        to: Price,
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
    /// The quantity before; zero when the level is new.
    pub(crate) before: Qty,
}

/// A trade against one resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fill {
    /// The resting order's price.
    pub(crate) price: Price,
    /// Traded quantity.
    pub(crate) qty: Qty,
    /// Who crossed the spread.
    pub(crate) aggressor: Aggressor,
}

/// An order that rests or rested, as it was just after what happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderEvent {
    /// Its number, unique in its instrument.
    pub(crate) id: u64,
    /// The side it rests on.
    pub(crate) side: Side,
    /// When it was entered or last moved, as the world was told, in nanoseconds.
    pub(crate) stamp: i64,
    /// What happened.
    pub(crate) kind: OrderEventKind,
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderEventKind {
    /// It rests at the end of its level's queue.
    Added {
        /// Price and quantity.
        at: Level,
    },
    /// Its owner made it smaller; it keeps its place.
    Reduced {
        /// Price and quantity now.
        at: Level,
        /// Quantity before.
        before: Qty,
    },
    /// Its owner gave it another price; it is the last of its new queue.
    Moved {
        /// Price and quantity before.
        from: Level,
        /// Price and quantity now.
        to: Level,
    },
    /// It was traded against; it keeps its place until nothing is left.
    Filled {
        /// Price and quantity left.
        at: Level,
        /// Traded quantity.
        traded: Qty,
    },
    /// Its owner withdrew it.
    Canceled {
        /// Price and quantity withdrawn.
        at: Level,
    },
}

/// The order that crossed the spread. It never rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taker {
    /// Its number, from the same count as those of resting orders.
    pub(crate) id: u64,
    /// Its direction.
    pub(crate) aggressor: Aggressor,
    /// What it asked for.
    pub(crate) qty: Qty,
    /// What it did not get.
    pub(crate) left: Qty,
    /// Its limit price.
    pub(crate) limit: Price,
}

/// Everything one order did. Reused from order to order.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Changed levels, each at most once.
    pub(crate) changes: Vec<Change>,
    /// Trades, best price first.
    pub(crate) fills: Vec<Fill>,
    /// Orders it touched, in the order of what happened. Their levels' sums are `changes`.
    pub(crate) orders: Vec<OrderEvent>,
    /// The order itself, when it crossed the spread.
    pub(crate) taker: Option<Taker>,
}

impl Effects {
    pub(crate) fn clear(&mut self) {
        self.changes.clear();
        self.fills.clear();
        self.orders.clear();
        self.taker = None;
    }
}
