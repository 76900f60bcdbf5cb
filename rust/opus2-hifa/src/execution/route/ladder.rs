//! The venues' levels in one unit of price and one of quantity, exact.

use opus2_types::{Aggressor, Price, Qty, SCALE_MAX};

use super::{PPB, ROUTE_VENUES_MAX, RouteCost, RouteError, RouteRequest, RouteVenue, VenueSlice, VenueTerms};

/// No amount may come near the end of 128 bits: sums of a few must fit.
const AMOUNT_MAX: i128 = i128::MAX / 64;

/// One level in common units.
#[derive(Debug, Clone, Copy)]
struct Rung {
    price: i128,
    qty: i128,
    own_price: Price,
}

/// One venue in common units.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seat {
    /// Which of the venues given.
    pub(super) venue: usize,
    first: usize,
    end: usize,
    /// Common units in one of the venue's own.
    own_unit: i128,
    pub(super) lot: i128,
    /// The least it takes, a multiple of the lot and at least one.
    pub(super) minimum: i128,
    /// The most it takes, a multiple of the lot; zero when it takes nothing.
    pub(super) cap: i128,
    /// What a unit of notional counts for the objective: `±PPB + fee + latency risk`.
    weight: i128,
    fee: i128,
    latency_risk: i128,
    pub(super) fixed: i128,
}

/// How far a venue's ladder has been taken.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    rung: usize,
    used: i128,
    pub(super) qty: i128,
    pub(super) notional: i128,
}

/// What the next lots of a venue cost a unit, compared exactly: a quotient and the remainder over the lot.
#[derive(Debug, Clone, Copy)]
pub(super) struct NextCost {
    quotient: i128,
    remainder: i128,
    lot: i128,
    /// How many lots there are at it.
    pub(super) lots: i128,
}

impl NextCost {
    pub(super) const fn is_below(&self, other: &Self) -> bool {
        self.quotient < other.quotient
            || (self.quotient == other.quotient && self.remainder * other.lot < other.remainder * self.lot)
    }
}

/// All venues that are routed over, in the order of their names.
#[derive(Debug, Clone)]
pub(super) struct Ladders {
    rungs: Vec<Rung>,
    levels_max: usize,
    seats: [Seat; ROUTE_VENUES_MAX],
    count: usize,
    pub(super) side: Aggressor,
    pub(super) price_scale: u8,
    pub(super) qty_scale: u8,
    /// What is to be taken, in the common unit.
    pub(super) target: i128,
}

impl Ladders {
    pub(super) fn new(levels_max: usize) -> Self {
        Self {
            rungs: Vec::with_capacity(levels_max.saturating_mul(ROUTE_VENUES_MAX)),
            levels_max,
            seats: [Seat::default(); ROUTE_VENUES_MAX],
            count: 0,
            side: Aggressor::Buy,
            price_scale: 0,
            qty_scale: 0,
            target: 0,
        }
    }

    pub(super) fn seats(&self) -> &[Seat] {
        self.seats.get(..self.count).unwrap_or_default()
    }

    /// Reads a request. Nothing of an earlier one is left.
    pub(super) fn read(
        &mut self,
        request: &RouteRequest,
        venues: &[RouteVenue<'_>],
    ) -> Result<(), RouteError> {
        self.rungs.clear();
        self.count = 0;
        if venues.len() > ROUTE_VENUES_MAX {
            return Err(RouteError::TooManyVenues { count: venues.len() });
        }
        if request.qty.0 < 0 || request.qty_scale > SCALE_MAX {
            return Err(RouteError::Request);
        }
        for (at, venue) in venues.iter().enumerate() {
            if !is_sound(&venue.terms) {
                return Err(RouteError::Terms { venue: at });
            }
        }
        let scales = || venues.iter().map(|venue| &venue.terms);
        self.side = request.side;
        self.price_scale = scales().map(|terms| terms.price_scale).max().unwrap_or(0);
        self.qty_scale = scales().map(|terms| terms.qty_scale).fold(request.qty_scale, u8::max);
        self.target = at_scale(request.qty.0, request.qty_scale, self.qty_scale)?;
        let mut order = [0usize; ROUTE_VENUES_MAX];
        for (at, slot) in order.iter_mut().enumerate() {
            *slot = at;
        }
        let order = order.get_mut(..venues.len()).unwrap_or_default();
        order.sort_unstable_by_key(|at| (venues.get(*at).map(|venue| venue.name), *at));
        for at in order.iter().copied() {
            let Some(venue) = venues.get(at) else { continue };
            let seat = self.seat(at, venue)?;
            if let Some(slot) = self.seats.get_mut(self.count) {
                *slot = seat;
                self.count += 1;
            }
        }
        Ok(())
    }

    fn seat(&mut self, at: usize, venue: &RouteVenue<'_>) -> Result<Seat, RouteError> {
        let terms = &venue.terms;
        let (fee, latency_risk) = (i128::from(terms.fee.ppb()), i128::from(terms.latency_risk_ppb));
        let own_unit = at_scale(1, terms.qty_scale, self.qty_scale)?;
        let lot = at_scale(terms.lot.max(1), terms.qty_scale, self.qty_scale)?;
        // Two lots are multiplied when costs are compared.
        lot.checked_mul(lot).ok_or(RouteError::TooLarge)?;
        let mut seat = Seat {
            venue: at,
            first: self.rungs.len(),
            own_unit,
            lot,
            weight: i128::from(self.side.sign()) * PPB + fee + latency_risk,
            fee,
            latency_risk,
            fixed: self
                .quote_amount(terms.fixed_cost, terms)?
                .checked_mul(PPB)
                .ok_or(RouteError::TooLarge)?,
            ..Seat::default()
        };
        if seat.fixed > AMOUNT_MAX {
            return Err(RouteError::TooLarge);
        }
        let depth = self.climb(at, venue)?;
        seat.end = self.rungs.len();
        let cap = match terms.cap {
            Some(cap) => at_scale(cap.0.max(0), terms.qty_scale, self.qty_scale)?,
            None => self.target,
        };
        let cap = cap.min(depth).min(self.target);
        seat.cap = cap - cap % lot;
        seat.minimum = self.minimum(&seat, terms)?;
        if seat.minimum > seat.cap {
            seat.cap = 0;
        }
        Ok(seat)
    }

    /// Pushes a venue's levels until they hold the target; gives their sum.
    fn climb(&mut self, at: usize, venue: &RouteVenue<'_>) -> Result<i128, RouteError> {
        let (mut depth, mut last) = (0i128, None::<Price>);
        for level in venue.levels.iter().take(self.levels_max) {
            let is_worse = last.is_none_or(|last| match self.side {
                Aggressor::Buy => level.price >= last,
                Aggressor::Sell => level.price <= last,
            });
            if level.price.0 <= 0 || level.qty.0 < 0 || !is_worse {
                return Err(RouteError::Ladder { venue: at });
            }
            last = Some(level.price);
            if level.qty.0 == 0 {
                continue;
            }
            let price = at_scale(level.price.0, venue.terms.price_scale, self.price_scale)?;
            // The cost of the whole target at this price bounds every sum below.
            let cost = price.checked_mul(3 * PPB).and_then(|unit| unit.checked_mul(self.target));
            if cost.is_none_or(|cost| cost > AMOUNT_MAX) {
                return Err(RouteError::TooLarge);
            }
            let qty = at_scale(level.qty.0, venue.terms.qty_scale, self.qty_scale)?;
            self.rungs.push(Rung { price, qty, own_price: level.price });
            depth = depth.saturating_add(qty);
            if depth >= self.target {
                break;
            }
        }
        Ok(depth)
    }

    /// An amount of quote currency in `10^-(price_scale + qty_scale)`.
    fn quote_amount(&self, amount: i64, terms: &VenueTerms) -> Result<i128, RouteError> {
        let unit = at_scale(1, 0, self.qty_scale)?;
        at_scale(amount, terms.price_scale, self.price_scale)?.checked_mul(unit).ok_or(RouteError::TooLarge)
    }

    /// The smallest order: minimum quantity and minimum notional, rounded up to a lot. Beyond the cap when none is
    /// large enough.
    fn minimum(&self, seat: &Seat, terms: &VenueTerms) -> Result<i128, RouteError> {
        let mut need = at_scale(terms.min_qty, terms.qty_scale, self.qty_scale)?.max(1);
        let mut missing = self.quote_amount(terms.min_notional, terms)?;
        let mut qty = 0i128;
        for rung in self.rungs_of(seat) {
            if missing <= 0 {
                break;
            }
            let take = missing.div_euclid(rung.price) + i128::from(missing.rem_euclid(rung.price) != 0);
            let take = take.min(rung.qty);
            qty = qty.saturating_add(take);
            missing -= take.saturating_mul(rung.price);
        }
        need = if missing > 0 { i128::MAX } else { need.max(qty) };
        let rest = need % seat.lot;
        Ok(if rest == 0 { need } else { need.saturating_add(seat.lot - rest) })
    }

    fn rungs_of(&self, seat: &Seat) -> &[Rung] {
        self.rungs.get(seat.first..seat.end).unwrap_or_default()
    }

    /// Takes `qty` more; the caller keeps within the cap.
    pub(super) fn take(&self, seat: &Seat, cursor: &mut Cursor, qty: i128) {
        let rungs = self.rungs_of(seat);
        let mut missing = qty;
        while missing > 0 {
            let Some(rung) = rungs.get(cursor.rung) else { return };
            let take = missing.min(rung.qty - cursor.used);
            cursor.used += take;
            cursor.qty += take;
            cursor.notional += take * rung.price;
            missing -= take;
            if cursor.used == rung.qty {
                *cursor = Cursor { rung: cursor.rung + 1, used: 0, ..*cursor };
            }
        }
    }

    /// The ladder taken from its best price until `qty`.
    pub(super) fn taken(&self, seat: &Seat, qty: i128) -> Cursor {
        let mut cursor = Cursor::default();
        self.take(seat, &mut cursor, qty);
        cursor
    }

    /// What the next lots cost; `None` at the end of the ladder.
    pub(super) fn next_cost(&self, seat: &Seat, cursor: &Cursor) -> Option<NextCost> {
        let rung = self.rungs_of(seat).get(cursor.rung)?;
        let left = rung.qty - cursor.used;
        let lot = seat.lot;
        if left >= lot {
            return Some(NextCost {
                quotient: seat.weight * rung.price,
                remainder: 0,
                lot,
                lots: left / lot,
            });
        }
        let mut after = *cursor;
        self.take(seat, &mut after, lot);
        let cost = seat.weight * (after.notional - cursor.notional);
        Some(NextCost { quotient: cost.div_euclid(lot), remainder: cost.rem_euclid(lot), lot, lots: 1 })
    }

    /// What a quantity at one venue adds to the objective.
    pub(super) fn objective(&self, seat: &Seat, qty: i128) -> i128 {
        if qty == 0 { 0 } else { seat.weight * self.taken(seat, qty).notional + seat.fixed }
    }

    /// The exact cost of a quantity at one venue.
    pub(super) fn cost(&self, seat: &Seat, qty: i128) -> RouteCost {
        if qty == 0 {
            return RouteCost::default();
        }
        let notional = self.taken(seat, qty).notional;
        RouteCost {
            notional: notional * PPB,
            fees: notional * seat.fee,
            fixed: seat.fixed,
            latency_risk: notional * seat.latency_risk,
        }
    }

    /// What a venue is told, and its dearest price in the objective's unit.
    pub(super) fn slice(&self, seat: &Seat, qty: i128) -> Result<(VenueSlice, Option<i128>), RouteError> {
        if qty == 0 {
            return Ok((VenueSlice::default(), None));
        }
        let cursor = self.taken(seat, qty);
        let rungs = self.rungs_of(seat);
        // The cursor stands behind a rung that is used up.
        let last = if cursor.used > 0 { cursor.rung } else { cursor.rung.saturating_sub(1) };
        let worst = rungs.get(last);
        let own = i64::try_from(qty / seat.own_unit).map_err(|_| RouteError::TooLarge)?;
        let touch = rungs.first().map_or(0, |rung| rung.price);
        let slice = VenueSlice {
            qty: Qty(own),
            worst: worst.map(|rung| rung.own_price),
            cost: self.cost(seat, qty),
            notional_at_touch: touch * qty * PPB,
        };
        Ok((slice, worst.map(|rung| seat.weight * rung.price)))
    }
}

/// Scales are known, amounts not negative, fee and risk within the bounds that keep costs in 128 bits.
fn is_sound(terms: &VenueTerms) -> bool {
    let amounts = [terms.tick, terms.lot, terms.min_qty, terms.min_notional, terms.fixed_cost];
    terms.price_scale <= SCALE_MAX
        && terms.qty_scale <= SCALE_MAX
        && amounts.iter().all(|amount| *amount >= 0)
        && i128::from(terms.latency_risk_ppb) <= PPB
}

/// A count of `10^-from` units as one of `10^-to`; `to` is not coarser.
fn at_scale(units: i64, from: u8, to: u8) -> Result<i128, RouteError> {
    10i128
        .checked_pow(u32::from(to.saturating_sub(from)))
        .and_then(|unit| unit.checked_mul(units.into()))
        .ok_or(RouteError::TooLarge)
}
