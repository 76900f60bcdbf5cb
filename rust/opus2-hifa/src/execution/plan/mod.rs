//! Which way to trade, and what it is expected to cost.
//!
//! Walking the books now costs the half-spread and the slippage of one large order; a schedule costs the half-spread and
//! the square-root law over its horizon, and waits. The plan takes the first while it is hardly dearer, and lets a part
//! rest when there is no haste.

mod choose;
mod config;
mod cost;
mod resting;

use opus2_types::{Price, Qty};
use serde::Serialize;

use crate::Measure;
use crate::execution::fees::FeeRate;
use crate::execution::maker_taker::Outflow;
use crate::execution::route::{ROUTE_VENUES_MAX, Route, RouteError, RouteRequest, RouteVenue};
use crate::execution::schedule::SLICES_MAX;

pub use choose::Planner;
pub use config::ExecutionConfig;
pub use cost::CostSplit;

/// What is to be traded, and what is known when it is decided.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// What is to be traded.
    pub request: RouteRequest,
    /// A step in units of the request that every venue can take: the coarsest of their lots. Positive.
    pub lot: i64,
    /// The venues, with the side of their books that would be taken.
    pub venues: &'a [RouteVenue<'a>],
    /// The price that costs are measured against, in quote currency.
    pub mid: f64,
    /// Half the spread, bps of the mid.
    pub half_spread_bps: Measure,
    /// What the square-root law says of the quantity over the horizon, bps, without the half-spread.
    pub sqrt_law_bps: Measure,
    /// Volatility of log returns per square root of a second.
    pub sigma: Measure,
    /// How long the whole may take, seconds. Zero when there is no time.
    pub horizon_secs: f64,
    /// How long the signal lives, seconds: a schedule is done to the greater part by then.
    pub signal_half_life_secs: f64,
    /// 0 when there is time, 1 when there is none: decides whether a part may rest.
    pub urgency: f64,
    /// Where a part may rest; `None` when it may not.
    pub resting: Option<RestingInput<'a>>,
    /// Decides the moments of slices: [`seed_of`](crate::execution::seed_of) the signal's identifier.
    pub seed: u64,
}

/// A queue in which a part may wait.
#[derive(Clone, Copy)]
pub struct RestingInput<'a> {
    /// Which of the venues given.
    pub venue: usize,
    /// At which price, in the venue's units.
    pub price: Price,
    /// How much rests there before us, in whole base units (a float), as is the outflow.
    pub queue_ahead: f64,
    /// What the venue takes of orders that rest.
    pub maker_fee: FeeRate,
    /// What leaves the queue within [`ExecutionConfig::resting_expiry_ms`].
    pub outflow: &'a dyn Outflow,
}

/// How the quantity is traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// All of it takes, now.
    Now,
    /// A part takes now, the rest waits in a queue.
    MakerTaker,
    /// In slices, the larger the earlier.
    AlmgrenChriss,
    /// In equal slices.
    Twap,
}

impl Style {
    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::MakerTaker => "maker_taker",
            Self::AlmgrenChriss => "almgren_chriss",
            Self::Twap => "twap",
        }
    }
}

/// Why it is traded like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Walking the books is hardly dearer than a schedule.
    WalkIsCheap,
    /// Walking the books is dearer than a schedule.
    WalkIsDear,
    /// The books do not hold the quantity now.
    BooksAreThin,
    /// There is no time for a second slice.
    NoTime,
    /// The cost of a schedule is not known; that of walking is.
    NoComparison,
}

impl Reason {
    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WalkIsCheap => "walk_is_cheap",
            Self::WalkIsDear => "walk_is_dear",
            Self::BooksAreThin => "books_are_thin",
            Self::NoTime => "no_time",
            Self::NoComparison => "no_comparison",
        }
    }
}

/// One slice of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PlanSlice {
    /// When it is due, nanoseconds after the decision.
    pub after_ns: u64,
    /// How much, in units of the request.
    pub qty: Qty,
}

/// An order that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RestingOrder {
    /// Which of the venues given.
    pub venue: usize,
    /// At which price, in the venue's units.
    pub price: Price,
    /// How much, in the venue's units.
    pub qty: Qty,
    /// The same in units of the request.
    pub request_qty: Qty,
}

/// What to do. The slices, or else the taken and the resting part, add up to the request less `left_out`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExecutionPlan {
    /// How the quantity is traded.
    pub style: Style,
    /// Why.
    pub reason: Reason,
    /// What is taken first, by venue: all of it, the part that takes, or the first slice. Later slices are routed over
    /// the books of their moment.
    pub first: Route,
    /// The worst price at which the first orders may be filled, in each venue's units.
    pub limits: [Option<Price>; ROUTE_VENUES_MAX],
    /// The part that waits.
    pub resting: Option<RestingOrder>,
    slices: [PlanSlice; SLICES_MAX],
    slices_count: usize,
    /// What is below a lot and not traded, in units of the request.
    pub left_out: Qty,
    /// When nothing of the plan is valid any more, milliseconds after the decision.
    pub expires_after_ms: u64,
    /// What it is expected to cost.
    pub expected: CostSplit,
    /// What walking the books now would cost before fees, bps; `None` when they do not hold the quantity.
    pub walk_bps: Option<f64>,
    /// What a schedule would cost before fees, bps; `None` when that is not known.
    pub schedule_bps: Option<f64>,
    /// The risk aversion that the schedule amounts to, per unit of cost; only of [`Style::AlmgrenChriss`].
    pub risk_aversion: Option<f64>,
}

impl ExecutionPlan {
    /// The slices by time: a single one at once unless it is a schedule; none when nothing takes.
    #[must_use]
    pub fn slices(&self) -> &[PlanSlice] {
        self.slices.get(..self.slices_count).unwrap_or_default()
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The books or the terms are not what they should be.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A number of the input is not what it should be.
    #[error("{0} is not a number that can be planned with")]
    Input(&'static str),
    /// There is nothing to trade: the quantity is below a lot.
    #[error("the quantity is below a lot")]
    Nothing,
    /// The books do not hold what has to be taken at once, or no venue takes an order that small.
    #[error("the venues do not take {unfilled} units of what has to be sent now")]
    Unfilled {
        /// What would be left, in the route's common unit.
        unfilled: i128,
    },
}
