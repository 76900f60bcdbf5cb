//! Which venues to use at all, and the result.

use super::allocate::{Allocation, Members, allocate};
use super::ladder::Ladders;
use super::{ROUTE_VENUES_MAX, Route, RouteCost, RouteError, RouteRequest, RouteVenue, VenueSlice};

/// Finds the cheapest split of a quantity over venues. Keeps its memory from request to request and allocates none.
///
/// # Source
/// Methods reference 5.1, with its proof.
///
/// ```
/// use opus2_hifa::execution::route::{RouteRequest, RouteVenue, Router, VenueTerms};
/// use opus2_types::{Aggressor, Level, Qty};
///
/// let terms = VenueTerms { fee: "0.001".parse().unwrap(), ..VenueTerms::default() };
/// let free = VenueTerms::default();
/// let venues = [
///     RouteVenue { name: "a", levels: &[Level::new(10_000, 5)], terms },
///     RouteVenue { name: "b", levels: &[Level::new(10_009, 2)], terms: free },
/// ];
/// let request = RouteRequest { side: Aggressor::Buy, qty: Qty(3), qty_scale: 0 };
/// let route = Router::new(20).route(&request, &venues).unwrap();
/// assert_eq!((route.venues[0].qty, route.venues[1].qty), (Qty(1), Qty(2)));
/// ```
#[derive(Debug, Clone)]
pub struct Router {
    ladders: Ladders,
}

impl Router {
    /// A router that looks at the best `levels_max` levels of each venue.
    #[must_use]
    pub fn new(levels_max: usize) -> Self {
        Self { ladders: Ladders::new(levels_max) }
    }

    /// Splits a request. What no venue can take, for want of depth, for a minimum or for a lot, is left unfilled.
    ///
    /// More filled is better than cheaper; then the objective decides (cash and latency risk), then names. It is the optimum when all lots are of one size; else it may miss it by the price difference of a
    /// coarsest lot. Never worse than the best single venue.
    ///
    /// # Errors
    /// [`RouteError`] says which input is not what it should be. An empty side or a request of zero is no error.
    pub fn route(&mut self, request: &RouteRequest, venues: &[RouteVenue<'_>]) -> Result<Route, RouteError> {
        self.ladders.read(request, venues)?;
        let allocation = best(&self.ladders);
        report(&self.ladders, &allocation)
    }
}

fn best(ladders: &Ladders) -> Allocation {
    let seats = ladders.seats();
    let usable: Members =
        seats.iter().enumerate().filter(|(_, seat)| seat.cap > 0).map(|(at, _)| 1 << at).sum();
    let mut best = Allocation::default();
    let is_valid = |allocation: &Allocation| {
        seats.iter().zip(allocation.qty).all(|(seat, qty)| qty == 0 || qty >= seat.minimum)
    };
    let has_fixed = seats.iter().any(|seat| seat.cap > 0 && seat.fixed > 0);
    // Without minimums and fixed costs the set of all venues holds the answer.
    let all = allocate(ladders, usable, false).filter(is_valid);
    if let Some(all) = all {
        best = all;
    }
    // Lots of different size may have left more than they had to.
    let lots = || seats.iter().filter(|seat| seat.cap > 0).map(|seat| seat.lot);
    let is_filled = lots().min() == lots().max() || lots().all(|lot| lot > ladders.target - best.filled);
    let is_settled = all.is_some() && is_filled && !has_fixed;
    for members in 1..=usable {
        let is_tried = if is_settled { members.is_power_of_two() } else { true };
        if members & !usable == 0
            && is_tried
            && let Some(found) = allocate(ladders, members, true)
            && found.is_better_than(&best)
        {
            best = found;
        }
    }
    best
}

fn report(ladders: &Ladders, allocation: &Allocation) -> Result<Route, RouteError> {
    let mut route = Route {
        side: ladders.side,
        price_scale: ladders.price_scale,
        qty_scale: ladders.qty_scale,
        venues: [VenueSlice::default(); ROUTE_VENUES_MAX],
        filled: allocation.filled,
        unfilled: ladders.target - allocation.filled,
        cost: RouteCost::default(),
        marginal: None,
        best_single: None,
        smallest_order: None,
    };
    let mut dearest: Option<i128> = None;
    let mut cheapest: Option<(usize, i128)> = None;
    for (at, (seat, qty)) in ladders.seats().iter().zip(allocation.qty).enumerate() {
        let (slice, worst) = ladders.slice(seat, qty)?;
        route.cost = route.cost.plus(slice.cost);
        dearest = dearest.max(worst);
        if let Some(slot) = route.venues.get_mut(seat.venue) {
            *slot = slice;
        }
        if seat.cap == 0 {
            continue;
        }
        route.smallest_order =
            Some(route.smallest_order.map_or(seat.minimum, |least| least.min(seat.minimum)));
        if seat.cap >= allocation.filled
            && allocation.filled >= seat.minimum
            && allocation.filled % seat.lot == 0
        {
            let objective = ladders.objective(seat, allocation.filled);
            if cheapest.is_none_or(|(_, least)| objective < least) {
                cheapest = Some((at, objective));
            }
        }
    }
    // A sale's prices count with a minus in the objective.
    route.marginal = dearest.map(|price| price * i128::from(ladders.side.sign()));
    route.best_single = cheapest.and_then(|(at, _)| {
        let seat = ladders.seats().get(at)?;
        Some((seat.venue, ladders.cost(seat, allocation.filled)))
    });
    Ok(route)
}

#[cfg(test)]
mod tests {
    use opus2_types::{Aggressor, Level, Price, Qty};

    use super::super::{VenueTerms, latency_risk_ppb};
    use super::*;
    use crate::execution::fees::FeeRate;

    const PLAIN: VenueTerms = VenueTerms {
        price_scale: 2,
        qty_scale: 0,
        tick: 0,
        lot: 0,
        min_qty: 0,
        min_notional: 0,
        fee: FeeRate::ZERO,
        fixed_cost: 0,
        latency_risk_ppb: 0,
        cap: None,
    };

    /// Routes a purchase over venues named a, b, c, …; gives what each takes and what is left.
    #[track_caller]
    fn check(qty: i64, venues: &[(&[(i64, i64)], VenueTerms)], expect: &[i64], unfilled: i128) -> Route {
        let ladders: Vec<Vec<Level>> = venues
            .iter()
            .map(|(levels, _)| levels.iter().map(|(price, qty)| Level::new(*price, *qty)).collect())
            .collect();
        let venues: Vec<RouteVenue<'_>> = venues
            .iter()
            .zip(&ladders)
            .zip(["a", "b", "c", "d"])
            .map(|(((_, terms), levels), name)| RouteVenue { name, levels, terms: *terms })
            .collect();
        let request = RouteRequest { side: Aggressor::Buy, qty: Qty(qty), qty_scale: 0 };
        let route = Router::new(20).route(&request, &venues).unwrap();
        let found: Vec<i64> = route.venues.iter().take(venues.len()).map(|slice| slice.qty.0).collect();
        assert_eq!(found, expect);
        assert_eq!(route.unfilled, unfilled);
        route
    }

    #[test]
    fn equal_prices_are_taken_in_the_order_of_names() {
        check(3, &[(&[(100, 2)], PLAIN), (&[(100, 5)], PLAIN)], &[2, 1], 0);
    }

    #[test]
    fn a_fee_makes_the_better_price_the_dearer_one() {
        let dear = VenueTerms { fee: FeeRate::from_ppm(20_000).unwrap(), ..PLAIN };
        let route = check(2, &[(&[(100, 2)], dear), (&[(101, 2)], PLAIN)], &[0, 2], 0);
        assert_eq!(route.best_single.map(|(venue, _)| venue), Some(1));
        assert!((route.average_all_in().unwrap() - 1.01).abs() < 1e-12);
        assert!((route.marginal_price().unwrap() - 1.01).abs() < 1e-12);
        assert_eq!(route.saving(), Ok(0.0));
    }

    #[test]
    fn latency_risk_makes_a_slow_venue_dearer_and_is_no_cash() {
        let risk = latency_risk_ppb(0.4, 0.5, 0.01).unwrap();
        assert_eq!(risk, 20_000_000);
        let slow = VenueTerms { latency_risk_ppb: risk, ..PLAIN };
        let route = check(3, &[(&[(100, 2)], slow), (&[(101, 2)], PLAIN)], &[1, 2], 0);
        assert!((route.cash() - 3.02).abs() < 1e-12);
        for (sigma, latency) in [(f64::NAN, 1.0), (-1.0, 1.0), (1.0, -1.0)] {
            assert!(latency_risk_ppb(0.4, sigma, latency).is_err());
        }
    }

    #[test]
    fn a_cap_sends_the_rest_elsewhere_or_nowhere() {
        let capped = VenueTerms { cap: Some(Qty(1)), ..PLAIN };
        check(5, &[(&[(100, 9)], capped), (&[(200, 3)], PLAIN)], &[1, 3], 1);
        check(5, &[(&[(100, 9)], VenueTerms { cap: Some(Qty(0)), ..PLAIN })], &[0], 5);
    }

    #[test]
    fn a_venue_below_its_minimum_is_left_out_or_filled_up() {
        let picky = VenueTerms { min_qty: 4, ..PLAIN };
        // One unit at the better price is not enough for an order there.
        check(5, &[(&[(100, 1), (190, 9)], picky), (&[(150, 9)], PLAIN)], &[0, 5], 0);
        check(5, &[(&[(100, 3), (160, 9)], picky), (&[(150, 9)], PLAIN)], &[4, 1], 0);
        let notional = VenueTerms { min_notional: 301, ..PLAIN };
        check(5, &[(&[(100, 3), (160, 9)], notional), (&[(150, 9)], PLAIN)], &[4, 1], 0);
        check(2, &[(&[(100, 9)], picky)], &[0], 2);
    }

    #[test]
    fn a_fixed_cost_must_be_earned() {
        let fixed = VenueTerms { fixed_cost: 100, ..PLAIN };
        check(1, &[(&[(100, 9)], fixed), (&[(150, 9)], PLAIN)], &[0, 1], 0);
        let route = check(3, &[(&[(100, 9)], fixed), (&[(150, 9)], PLAIN)], &[3, 0], 0);
        assert!((route.cash() - 4.0).abs() < 1e-12);
    }

    #[test]
    fn lots_of_different_size_are_made_to_add_up() {
        let tens = VenueTerms { lot: 10, ..PLAIN };
        // The cheap venue gives back what the coarse lot needs.
        check(15, &[(&[(100, 12)], PLAIN), (&[(101, 50)], tens)], &[5, 10], 0);
        check(15, &[(&[(100, 50)], tens)], &[10], 5);
        check(15, &[(&[(100, 50)], tens), (&[(900, 2)], PLAIN)], &[10, 2], 3);
    }

    #[test]
    fn scales_of_venues_and_request_need_not_agree() {
        let fine = VenueTerms { price_scale: 4, qty_scale: 3, ..PLAIN };
        let levels = [Level::new(10_000, 1_500)];
        let coarse = [Level::new(101, 9)];
        let venues = [
            RouteVenue { name: "fine", levels: &levels, terms: fine },
            RouteVenue { name: "coarse", levels: &coarse, terms: PLAIN },
        ];
        let request = RouteRequest { side: Aggressor::Buy, qty: Qty(25), qty_scale: 1 };
        let route = Router::new(20).route(&request, &venues).unwrap();
        assert_eq!((route.venues[0].qty, route.venues[1].qty), (Qty(1_500), Qty(1)));
        assert_eq!((route.filled, route.unfilled), (2_500, 0));
        assert_eq!(route.venues[1].worst, Some(Price(101)));
        assert!((route.cash() - 2.51).abs() < 1e-12);
    }

    #[test]
    fn a_sale_takes_the_best_bids_after_fees() {
        let dear = VenueTerms { fee: FeeRate::from_ppm(20_000).unwrap(), ..PLAIN };
        let (a, b) = ([Level::new(101, 2)], [Level::new(100, 1), Level::new(99, 1)]);
        let venues = [
            RouteVenue { name: "a", levels: &a, terms: dear },
            RouteVenue { name: "b", levels: &b, terms: PLAIN },
        ];
        let request = RouteRequest { side: Aggressor::Sell, qty: Qty(2), qty_scale: 0 };
        let route = Router::new(20).route(&request, &venues).unwrap();
        assert_eq!((route.venues[0].qty, route.venues[1].qty), (Qty(0), Qty(2)));
        assert!((route.cash() - 1.99).abs() < 1e-12);
        assert!((route.marginal_price().unwrap() - 0.99).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_ladder_is_refused_and_nothing_is_no_error() {
        let request = RouteRequest { side: Aggressor::Buy, qty: Qty(2), qty_scale: 0 };
        let mut router = Router::new(20);
        let mut route = |levels: &[Level], terms| {
            router.route(&request, &[RouteVenue { name: "a", levels, terms }]).map(|route| route.filled)
        };
        assert_eq!(route(&[], PLAIN), Ok(0));
        assert_eq!(route(&[Level::new(5, 0)], PLAIN), Ok(0));
        assert_eq!(route(&[Level::new(5, 1), Level::new(4, 1)], PLAIN), Err(RouteError::Ladder { venue: 0 }));
        assert_eq!(route(&[Level::new(0, 1)], PLAIN), Err(RouteError::Ladder { venue: 0 }));
        assert_eq!(route(&[], VenueTerms { lot: -1, ..PLAIN }), Err(RouteError::Terms { venue: 0 }));
        let wide = VenueTerms { qty_scale: 18, ..PLAIN };
        assert_eq!(route(&[Level::new(i64::MAX, i64::MAX)], wide), Err(RouteError::TooLarge));
        assert_eq!(router.route(&request, &[]).map(|route| route.unfilled), Ok(2));
    }
}
