//! Where to take a quantity now: the cheapest split over venues, fees included.
//!
//! Taking from one venue costs ever more a unit, so the cheapest split takes the best fee-inclusive price of all venues
//! until the quantity is filled. Minimum sizes and fixed costs break that: every subset of the venues is then tried.
//!
//! | file | holds |
//! | --- | --- |
//! | `ladder` | the venues' levels in one unit of price and one of quantity |
//! | `allocate` | the split over a given set of venues |
//! | `repair` | what is done when lots of different size do not add up |
//! | `router` | the choice of the set, and the result |

mod allocate;
mod ladder;
mod repair;
mod router;

use opus2_types::{Aggressor, Level, Price, Qty};

use crate::exact::scaled;
use crate::execution::fees::FeeRate;
use crate::measure::finite;
use crate::{Absent, Measure};

pub use router::Router;

/// The most venues that are routed over: every subset of them may be tried.
pub const ROUTE_VENUES_MAX: usize = 8;

/// Parts of a whole in which fees and latency risk are counted.
const PPB: i128 = 1_000_000_000;

/// How one venue counts and what it takes. Amounts are in the venue's own units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VenueTerms {
    /// Decimal places of its prices.
    pub price_scale: u8,
    /// Decimal places of its quantities.
    pub qty_scale: u8,
    /// Prices are multiples of it, in `Price` units; zero when unknown or not enforced. Only limits are rounded to it.
    pub tick: i64,
    /// Orders are multiples of it, in `Qty` units; zero when unknown or not enforced.
    pub lot: i64,
    /// The smallest order, in `Qty` units; zero when there is none.
    pub min_qty: i64,
    /// The smallest order by price times quantity, in quote currency at `price_scale`; zero when there is none.
    pub min_notional: i64,
    /// What it takes of the notional of an order that takes.
    pub fee: FeeRate,
    /// What an order costs beside that, in quote currency at `price_scale`.
    pub fixed_cost: i64,
    /// What is expected to be lost to movement on the way there, parts per billion of the price: see
    /// [`latency_risk_ppb`].
    pub latency_risk_ppb: u32,
    /// At most so much, in `Qty` units; `None` for no limit. Zero shuts the venue out.
    pub cap: Option<Qty>,
}

/// One venue to route over.
#[derive(Debug, Clone, Copy)]
pub struct RouteVenue<'a> {
    /// Decides between equal prices: the smaller name is taken first.
    pub name: &'a str,
    /// The side of the book that is taken, best first: asks for a buy, bids for a sale.
    pub levels: &'a [Level],
    /// How it counts.
    pub terms: VenueTerms,
}

/// What is to be traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteRequest {
    /// Buy or sell.
    pub side: Aggressor,
    /// How much, not negative.
    pub qty: Qty,
    /// Decimal places of `qty`.
    pub qty_scale: u8,
}

/// Why nothing could be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// More venues than [`ROUTE_VENUES_MAX`].
    #[error("{count} venues; at most {ROUTE_VENUES_MAX} can be routed over")]
    TooManyVenues {
        /// How many were given.
        count: usize,
    },
    /// A negative quantity, or a scale that no instrument has.
    #[error("the request is negative or its scale is unknown")]
    Request,
    /// A venue's terms contradict themselves: a negative amount, or a scale that no instrument has.
    #[error("the terms of venue {venue} hold a negative amount, or a scale that no instrument has")]
    Terms {
        /// Which of the venues given.
        venue: usize,
    },
    /// A price that is not positive, a negative quantity, or levels that are not best first.
    #[error("the levels of venue {venue} are not a side of a book, best first")]
    Ladder {
        /// Which of the venues given.
        venue: usize,
    },
    /// The cost does not fit 128 bits.
    #[error("the cost would not fit 128 bits; route a smaller quantity")]
    TooLarge,
}

/// The exact cost of an allocation, in units of `10^-(price_scale + qty_scale + 9)` of the route's scales. All but the
/// notional are positive when bad, for a buy as for a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteCost {
    /// Prices times quantities.
    pub notional: i128,
    /// What the venues take of it.
    pub fees: i128,
    /// What the orders cost beside.
    pub fixed: i128,
    /// What is expected to be lost to movement on the way. No cash: it only decides.
    pub latency_risk: i128,
}

impl RouteCost {
    /// What a buy pays, what a sale receives.
    #[must_use]
    pub const fn cash(&self, side: Aggressor) -> i128 {
        self.notional + side.sign() as i128 * (self.fees + self.fixed)
    }

    /// What the router minimises: cash paid, or cash received with a minus, and the latency risk.
    #[must_use]
    pub const fn objective(&self, side: Aggressor) -> i128 {
        side.sign() as i128 * self.cash(side) + self.latency_risk
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            notional: self.notional + other.notional,
            fees: self.fees + other.fees,
            fixed: self.fixed + other.fixed,
            latency_risk: self.latency_risk + other.latency_risk,
        }
    }
}

/// What one venue is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VenueSlice {
    /// How much, in the venue's `Qty` units; a multiple of its lot.
    pub qty: Qty,
    /// The worst price taken, in its `Price` units; `None` when nothing is.
    pub worst: Option<Price>,
    /// What it costs, in the route's units.
    pub cost: RouteCost,
    /// The notional of the same quantity at the venue's best price: the rest of `cost.notional` is slippage.
    pub notional_at_touch: i128,
}

/// The cheapest split found, and what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Buy or sell.
    pub side: Aggressor,
    /// Decimal places of the common price unit: the most that any venue has.
    pub price_scale: u8,
    /// Decimal places of the common quantity unit: the most that the request or any venue has.
    pub qty_scale: u8,
    /// What each venue does, in the order in which the venues were given.
    pub venues: [VenueSlice; ROUTE_VENUES_MAX],
    /// What is taken in all, in the common unit.
    pub filled: i128,
    /// What is left, in the common unit: `filled + unfilled` is the request, exactly.
    pub unfilled: i128,
    /// The cost of all of it.
    pub cost: RouteCost,
    /// The dearest price taken with fee and latency risk, in `10^-(price_scale + 9)`; `None` when nothing is taken.
    pub marginal: Option<i128>,
    /// The best venue that could do the same quantity alone, by its place among the venues given, and its cost.
    pub best_single: Option<(usize, RouteCost)>,
    /// The smallest order that any venue would take, in the common unit; `None` when none takes any.
    pub smallest_order: Option<i128>,
}

impl Route {
    /// The cash of the whole, a float.
    #[must_use]
    pub fn cash(&self) -> f64 {
        self.amount(self.cost.cash(self.side))
    }

    /// Cash a unit of quantity: what a buy pays, what a sale receives.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when nothing is taken.
    pub fn average_all_in(&self) -> Measure {
        if self.filled <= 0 {
            Err(Absent::NoEvents)
        } else {
            finite(self.cash() / self.quantity(self.filled))
        }
    }

    /// The fee-inclusive price of the dearest unit taken: what one unit more would cost at least.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when nothing is taken.
    pub fn marginal_price(&self) -> Measure {
        self.marginal.map_or(Err(Absent::NoEvents), |price| finite(scaled(price, self.price_scale) / 1e9))
    }

    /// What the split is expected to save against the best venue that could do it alone, in quote currency; never
    /// negative.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when no venue could.
    pub fn saving(&self) -> Measure {
        let Some((_, single)) = self.best_single else { return Err(Absent::NoEvents) };
        finite(self.amount(single.objective(self.side) - self.cost.objective(self.side)))
    }

    /// An amount of a [`RouteCost`] in quote currency.
    #[must_use]
    pub fn amount(&self, units: i128) -> f64 {
        scaled(units, self.price_scale) / 1e9 * scaled(1, self.qty_scale)
    }

    /// A quantity in the common unit as a float.
    #[must_use]
    pub fn quantity(&self, units: i128) -> f64 {
        scaled(units, self.qty_scale)
    }
}

/// What the price is expected to move against the order on its way, as parts per billion of the price:
/// `phi sigma sqrt(latency)`.
///
/// `sigma` is the volatility of log returns per square root of a second; `phi` is the expected adverse share of a move,
/// 0.4 for a normal one. Latency in seconds. Above one hundred per cent counts as that.
///
/// # Errors
/// [`Absent::BadNumber`] for a negative number or one that is not finite.
///
/// # Source
/// Methods reference 5.1.
pub fn latency_risk_ppb(phi: f64, sigma: f64, latency_secs: f64) -> Result<u32, Absent> {
    let risk = finite(phi * sigma * latency_secs.sqrt() * 1e9)?;
    if risk < 0.0 || sigma < 0.0 {
        return Err(Absent::BadNumber);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1e9")]
    let parts = risk.round().min(1e9) as u32;
    Ok(parts)
}
