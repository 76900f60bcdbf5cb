//! From a quantity to an order: what a plan must know of the venues, and how they are asked.

use arrayvec::ArrayVec;
use opus2_types::{Aggressor, Level, Qty, SCALE_MAX, Side};

use super::books::{Books, Ladder, VenueBook};
use super::queue::QueueWatch;
use super::verdict::{Amount, Fault, Order, OrderVenue};
use super::{Look, MarketTerms};
use crate::Measure;
use crate::exact::{scaled, to_f64};
use crate::execution::fees::{FeeRate, Role};
use crate::execution::maker_taker::Outflow;
use crate::execution::plan::{PlanError, PlanInput, Planner, RestingInput};
use crate::execution::route::{ROUTE_VENUES_MAX, RouteRequest, RouteVenue, VenueTerms, latency_risk_ppb};
use crate::measure::finite;
use crate::risk::{Survival, VenueAllowance};

/// No order is under way for less, s. Methods reference 12: 10 ms floor.
pub const LATENCY_SECS_MIN: f64 = 0.010;

/// What an unknown latency counts as, s: one that is not known must not look better than one that is.
pub const LATENCY_SECS_UNKNOWN: f64 = 0.100;

/// What is to be traded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want {
    pub(super) side: Aggressor,
    pub(super) qty: Amount,
    /// New risk: venues are used as far as stage 3 allows, and a part may rest. What closes uses every live book.
    pub(super) is_entry: bool,
    /// 0 when there is time, 1 when there is none.
    pub(super) urgency: f64,
    pub(super) horizon_secs: f64,
    /// The number that the decision would have.
    pub(super) number: u64,
}

/// What is known of a market when an order is made.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) books: &'a Books,
    pub(super) queue: Option<&'a QueueWatch>,
    pub(super) look: &'a Look<'a>,
    pub(super) terms: &'a MarketTerms,
}

/// One venue that may be used.
struct Seat<'a> {
    book: &'a VenueBook,
    ladder: Ladder,
    terms: VenueTerms,
}

type Seats<'a> = ArrayVec<Seat<'a>, ROUTE_VENUES_MAX>;

impl Desk<'_> {
    /// Makes an order, or says why there can be none.
    pub(super) fn order(&self, want: &Want, planner: &mut Planner) -> Result<Order, Fault> {
        let seats = self.seats(want);
        let venues: ArrayVec<RouteVenue<'_>, ROUTE_VENUES_MAX> = seats
            .iter()
            .map(|seat| RouteVenue { name: seat.book.name(), levels: &seat.ladder, terms: seat.terms })
            .collect();
        let (mid, half_spread_bps) = self.price(&seats).ok_or(Fault::NoBook)?;
        let queued = self.queued(want, &seats);
        let resting = queued.as_ref().map(|queued| RestingInput {
            venue: queued.venue,
            price: queued.best.price,
            queue_ahead: scaled(queued.best.qty.0.into(), queued.qty_scale),
            maker_fee: queued.maker_fee,
            outflow: &queued.outflow as &dyn Outflow,
        });
        let input = PlanInput {
            request: RouteRequest { side: want.side, qty: Qty(want.qty.units), qty_scale: want.qty.scale },
            lot: coarsest_lot(&seats, want.qty),
            venues: &venues,
            mid,
            half_spread_bps,
            sqrt_law_bps: self.sqrt_law_bps(want.qty),
            sigma: self.look.outlook.volatility,
            horizon_secs: want.horizon_secs,
            // A prediction of the move within a horizon is taken to be half spent after half of it.
            signal_half_life_secs: self.terms.horizon_secs() / 2.0,
            urgency: want.urgency,
            resting,
            seed: self.look.seed(want.number),
        };
        let plan = planner.plan(&input, &self.terms.config).map_err(|error| match error {
            PlanError::Nothing => Fault::BelowLot,
            PlanError::Unfilled { .. } => Fault::Unfilled,
            PlanError::Route(_) | PlanError::Input(_) => Fault::BadInput,
        })?;
        if !plan.expected.total_bps().is_finite() {
            return Err(Fault::BadInput);
        }
        let venue = |seat: &Seat<'_>| OrderVenue { instrument: *seat.book.name(), terms: seat.terms };
        Ok(Order { side: want.side, qty: want.qty, mid, plan, venues: seats.iter().map(venue).collect() })
    }

    fn seats(&self, want: &Want) -> Seats<'_> {
        let takes = match want.side {
            Aggressor::Buy => Side::Ask,
            Aggressor::Sell => Side::Bid,
        };
        let survival = Survival::of_ppm(self.terms.config.survival_ppm);
        let seat = |book| {
            let (terms, mid_doubled) = self.venue_terms(book, want)?;
            let mut ladder = book.ladder(takes);
            ladder.iter_mut().for_each(|level| *level = survival.thin(*level, mid_doubled));
            Some(Seat { book, ladder, terms })
        };
        self.books.iter().filter(|book| book.is_usable()).filter_map(seat).take(ROUTE_VENUES_MAX).collect()
    }

    /// How a venue counts for an order, with twice its mid; `None` when it may not be used for it.
    fn venue_terms(&self, book: &VenueBook, want: &Want) -> Option<(VenueTerms, i64)> {
        let allowance = self.look.allowance(book.name());
        let (price_scale, qty_scale) = book.scales();
        let (tick, lot) = book.steps();
        let mut cap = None;
        if want.is_entry {
            let share_ppm = parts_per_million(allowance?.share)?;
            if share_ppm < MILLION {
                let qty = at_scale(want.qty, qty_scale).saturating_mul(share_ppm) / MILLION;
                cap = Some(Qty(i64::try_from(qty).unwrap_or(i64::MAX)));
            }
        }
        let terms = VenueTerms {
            price_scale,
            qty_scale,
            tick,
            lot,
            min_qty: 0,
            min_notional: self.terms.min_notional.of(book.venue()).at_scale(price_scale),
            fee: self.terms.fees.rate(book.venue(), Role::Taker)?,
            fixed_cost: 0,
            latency_risk_ppb: self.latency_risk_ppb(allowance),
            cap,
        };
        Some((terms, book.mid_doubled()?))
    }

    fn latency_risk_ppb(&self, allowance: Option<&VenueAllowance>) -> u32 {
        let latency = allowance.and_then(|allowance| allowance.latency_secs.ok());
        let latency = latency.filter(|secs| secs.is_finite()).unwrap_or(LATENCY_SECS_UNKNOWN);
        let risk = self.look.outlook.volatility.and_then(|sigma| {
            latency_risk_ppb(self.terms.config.latency_phi, sigma, latency.max(LATENCY_SECS_MIN))
        });
        // Without a volatility the venues are not told apart by it.
        risk.unwrap_or(0)
    }

    /// The mid that costs are measured against, and half its spread: of the candidate's instrument, else of the first venue.
    fn price(&self, seats: &[Seat<'_>]) -> Option<(f64, Measure)> {
        let candidate = self.look.outlook.candidate.as_ref().map(|candidate| &candidate.instrument);
        let is_candidate = |seat: &&Seat<'_>| Some(seat.book.name()) == candidate;
        let book = seats.iter().find(is_candidate).or(seats.first())?.book;
        let (bid, ask) = (book.best(Side::Bid)?, book.best(Side::Ask)?);
        let spread = i128::from(ask.price.0) - i128::from(bid.price.0);
        let doubled = book.mid_doubled()?;
        Some((book.mid()?, finite(1e4 * to_f64(spread) / to_f64(doubled.into()))))
    }

    /// Stage 3's square-root law, taken from its quantity to this one.
    fn sqrt_law_bps(&self, qty: Amount) -> Measure {
        let assessment = self.look.assessment;
        let judged = scaled(assessment.qty.into(), assessment.qty_scale);
        let ratio = scaled(qty.units.into(), qty.scale) / judged;
        assessment.sqrt_law_bps.and_then(|law| finite(law * ratio.sqrt()))
    }

    /// The queue in which a part of an entry may wait: that of the candidate's instrument.
    fn queued(&self, want: &Want, seats: &[Seat<'_>]) -> Option<Queued<impl Outflow>> {
        let queue = self.queue.filter(|_| want.is_entry)?;
        let (venue, seat) =
            seats.iter().enumerate().find(|(_, seat)| seat.book.name() == queue.instrument())?;
        let side = match want.side {
            Aggressor::Buy => Side::Bid,
            Aggressor::Sell => Side::Ask,
        };
        let (_, qty_scale) = seat.book.scales();
        Some(Queued {
            venue,
            best: seat.book.best(side)?,
            qty_scale,
            maker_fee: self.terms.fees.rate(seat.book.venue(), Role::Maker)?,
            outflow: queue.outflow(side, scaled(1, qty_scale), &self.terms.config)?,
        })
    }
}

/// A queue in which a part may wait.
struct Queued<O> {
    venue: usize,
    best: Level,
    qty_scale: u8,
    maker_fee: FeeRate,
    outflow: O,
}

const MILLION: i128 = 1_000_000;

/// A share in parts per million, rounded down; `None` for nothing.
fn parts_per_million(share: f64) -> Option<i128> {
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and a million, and NaN becomes 0")]
    let parts = (share.clamp(0.0, 1.0) * 1e6) as i128;
    (parts > 0).then_some(parts)
}

/// A quantity in units of another scale, rounded down.
fn at_scale(qty: Amount, scale: u8) -> i128 {
    let power = |places: u8| 10i128.pow(u32::from(places.min(SCALE_MAX)));
    let units = i128::from(qty.units);
    if scale >= qty.scale {
        units.saturating_mul(power(scale - qty.scale))
    } else {
        units / power(qty.scale - scale)
    }
}

/// The coarsest lot of the venues that is not above the quantity, in units of the quantity's scale, rounded up; the finest
/// when all are above. At least 1.
fn coarsest_lot(seats: &[Seat<'_>], qty: Amount) -> i64 {
    let lot = |seat: &Seat<'_>| {
        let own = Amount { units: seat.terms.lot.max(1), scale: seat.terms.qty_scale };
        let lot = i64::try_from(at_scale(own, qty.scale)).unwrap_or(i64::MAX);
        let is_exact = at_scale(Amount { units: lot, scale: qty.scale }, own.scale) == own.units.into();
        lot.saturating_add(i64::from(!is_exact)).max(1)
    };
    let fits = seats.iter().map(lot).filter(|lot| *lot <= qty.units).max();
    fits.or_else(|| seats.iter().map(lot).min()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_carried_to_another_scale() {
        let qty = Amount { units: 1_250, scale: 3 };
        assert_eq!([2, 3, 5].map(|scale| at_scale(qty, scale)), [125, 1_250, 125_000]);
        assert_eq!(at_scale(Amount { units: 1_259, scale: 3 }, 2), 125);
        assert_eq!(
            at_scale(Amount { units: i64::MAX, scale: 0 }, u8::MAX),
            i128::from(i64::MAX) * 10i128.pow(18)
        );
    }

    #[test]
    fn a_share_below_a_millionth_is_nothing() {
        assert_eq!(
            [1.0, 2.0, 0.5, 1e-7, 0.0, -1.0, f64::NAN].map(parts_per_million),
            [Some(MILLION), Some(MILLION), Some(500_000), None, None, None, None]
        );
    }
}
