//! What stage 4 decided at one frame, and on what grounds.

use arrayvec::ArrayVec;
use opus2_types::Aggressor;
use serde::{Deserialize, Serialize};

use crate::Direction;
use crate::context::InstrumentName;
use crate::decision::hysteresis::Leave;
use crate::decision::rule::{Decision, Rejections};
use crate::execution::plan::ExecutionPlan;
use crate::execution::route::{ROUTE_VENUES_MAX, VenueTerms};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A position is opened.
    Enter,
    /// What is held is closed.
    Exit,
    /// What is held is kept; or it should be left and cannot be, and the grounds say why.
    Hold,
    /// A candidate that is likely enough is not entered.
    Reject,
}

impl Action {
    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enter => "enter",
            Self::Exit => "exit",
            Self::Hold => "hold",
            Self::Reject => "reject",
        }
    }
}

/// Why nothing can be traded although the rule would, or what is special about an exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// Stage 3 allows no quantity in the direction.
    NoQuantity,
    /// No venue that may be used has a live book.
    NoBook,
    /// The quantity is below what can be ordered.
    BelowLot,
    /// The books do not hold what would have to be sent at once, or no venue takes an order that small.
    Unfilled,
    /// Something is no number or no book that can be planned with.
    BadInput,
    /// There is nothing to close: nothing is told to be held in the direction.
    NothingHeld,
    /// Something is still held from an exit before, or was never ours and must be left.
    LeftOver,
}

impl Fault {
    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoQuantity => "no_quantity",
            Self::NoBook => "no_book",
            Self::BelowLot => "below_lot",
            Self::Unfilled => "unfilled",
            Self::BadInput => "bad_input",
            Self::NothingHeld => "nothing_held",
            Self::LeftOver => "left_over",
        }
    }
}

/// Why it was decided so. An entry needs no grounds but its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grounds {
    /// What the rule has against an entry.
    pub rejections: Rejections,
    /// Why what is held is left.
    pub leave: Option<Leave>,
    /// It is about what was left over by an exit before.
    pub is_left_over: bool,
    /// Why no plan could be made, or none was needed.
    pub fault: Option<Fault>,
}

impl Grounds {
    /// Their names, in one fixed order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let rejections = self.rejections.iter().map(crate::decision::rule::Rejection::as_str);
        let left_over = self.is_left_over.then_some(Fault::LeftOver).map(Fault::as_str);
        rejections.chain(self.leave.map(Leave::as_str)).chain(left_over).chain(self.fault.map(Fault::as_str))
    }
}

/// A quantity of the base asset with its scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amount {
    /// In units of `10^-scale`, not negative.
    pub units: i64,
    /// Decimal places.
    pub scale: u8,
}

/// One venue of an order, by its place in the plan's route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderVenue {
    /// The instrument.
    pub instrument: InstrumentName,
    /// How it was counted with.
    pub terms: VenueTerms,
}

/// How something is traded.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Buy or sell.
    pub side: Aggressor,
    /// What was to be planned.
    pub qty: Amount,
    /// The mid that costs are measured against, quote units.
    pub mid: f64,
    /// The plan.
    pub plan: ExecutionPlan,
    /// The venues it was made over, in the order of its route.
    pub venues: ArrayVec<OrderVenue, ROUTE_VENUES_MAX>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Its number in the market, from 1.
    pub number: u64,
    /// What is to be done.
    pub action: Action,
    /// The direction that is entered, held, left or refused.
    pub direction: Direction,
    /// What the rule said.
    pub decision: Decision,
    /// Why.
    pub grounds: Grounds,
    /// The number of the entry that is held or left; `None` where there was none of ours.
    pub entry: Option<u64>,
    /// What is entered, held or left.
    pub qty: Amount,
    /// How it is traded; `None` when nothing is.
    pub order: Option<Order>,
}
