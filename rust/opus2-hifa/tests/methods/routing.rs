//! Laws of routing: methods reference, sections 5.1 and 13.

use microlp::{ComparisonOp, OptimizationDirection, Problem};
use opus2_hifa::execution::fees::FeeRate;
use opus2_hifa::execution::route::{Route, RouteRequest, RouteVenue, Router, VenueTerms};
use opus2_types::{Aggressor, Level, Qty};
use proptest::prelude::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Debug, Clone)]
struct Market {
    side: Aggressor,
    qty: i64,
    venues: Vec<(Vec<Level>, VenueTerms)>,
}

impl Market {
    fn venues(&self) -> Vec<RouteVenue<'_>> {
        let named = self.venues.iter().zip(NAMES);
        named.map(|((levels, terms), name)| RouteVenue { name, levels, terms: *terms }).collect()
    }

    fn route(&self) -> Route {
        let request = RouteRequest { side: self.side, qty: Qty(self.qty), qty_scale: 0 };
        Router::new(20).route(&request, &self.venues()).expect("these are books")
    }

    /// What a venue's notional counts, in parts per billion: with fee and risk, a sale's with a minus.
    fn weight(&self, terms: &VenueTerms) -> i128 {
        let more = i128::from(terms.fee.ppb()) + i128::from(terms.latency_risk_ppb);
        i128::from(self.side.sign()) * 1_000_000_000 + more
    }

    /// The objective of a quantity at one venue, walked by hand; `None` when the venue would not take it.
    fn objective(&self, at: usize, qty: i64) -> Option<i128> {
        let (levels, terms) = &self.venues[at];
        if qty == 0 {
            return Some(0);
        }
        let (mut missing, mut notional) = (qty, 0i128);
        for level in levels {
            let take = missing.min(level.qty.0);
            missing -= take;
            notional += i128::from(take) * i128::from(level.price.0);
        }
        let is_allowed = missing == 0
            && qty % terms.lot.max(1) == 0
            && qty >= terms.min_qty
            && notional >= i128::from(terms.min_notional)
            && terms.cap.is_none_or(|cap| qty <= cap.0);
        is_allowed.then(|| self.weight(terms) * notional + i128::from(terms.fixed_cost) * 1_000_000_000)
    }

    /// The best of all splits: how much is filled, at which objective.
    fn best_of_all(&self) -> (i64, i128) {
        let mut best = (0, 0);
        let mut split = vec![0i64; self.venues.len()];
        loop {
            let filled: i64 = split.iter().sum();
            let parts = split.iter().enumerate().map(|(at, qty)| self.objective(at, *qty));
            if filled <= self.qty
                && let Some(objective) = parts.sum::<Option<i128>>()
                && (best.0, objective) < (filled, best.1)
            {
                best = (filled, objective);
            }
            // The next split, as a number whose digits are the quantities.
            let Some(digit) = split.iter().position(|qty| *qty < self.qty) else { return best };
            split[digit] += 1;
            split[..digit].fill(0);
        }
    }
}

fn levels(side: Aggressor, most: usize, deepest: i64) -> impl Strategy<Value = Vec<Level>> {
    let steps = proptest::collection::vec((0i64..60, 0..=deepest), 0..most);
    (9_900i64..10_100, steps).prop_map(move |(start, steps)| {
        let mut price = start;
        let level = |(step, qty)| {
            price += side.sign() * step;
            Level::new(price, qty)
        };
        steps.into_iter().map(level).collect()
    })
}

fn side() -> impl Strategy<Value = Aggressor> {
    prop_oneof![Just(Aggressor::Buy), Just(Aggressor::Sell)]
}

/// Books without lots, minimums or fixed costs.
fn convex() -> impl Strategy<Value = Market> {
    let cap = proptest::option::of(0i64..60);
    let terms = (-500i32..4_000, 0u32..1_000_000, cap).prop_map(|(fee, latency_risk_ppb, cap)| VenueTerms {
        price_scale: 2,
        fee: FeeRate::from_ppm(fee).expect("below 100 %"),
        latency_risk_ppb,
        cap: cap.map(Qty),
        ..VenueTerms::default()
    });
    (side(), 0i64..200).prop_flat_map(move |(side, qty)| {
        proptest::collection::vec((levels(side, 8, 40), terms.clone()), 0..=4)
            .prop_map(move |venues| Market { side, qty, venues })
    })
}

/// Small books with lots, minimums and fixed costs. Lots are `lots` to choose from.
fn lumpy(lots: &'static [i64]) -> impl Strategy<Value = Market> {
    let terms = (-500i32..4_000, 0..lots.len(), 0i64..6, 0i64..60_000, 0i64..200, any::<bool>()).prop_map(
        |(fee, lot, min_qty, min_notional, fixed_cost, is_plain)| VenueTerms {
            price_scale: 0,
            lot: lots[lot],
            min_qty: if is_plain { 0 } else { min_qty },
            min_notional: if is_plain { 0 } else { min_notional },
            fixed_cost: if is_plain { 0 } else { fixed_cost },
            fee: FeeRate::from_ppm(fee).expect("below 100 %"),
            ..VenueTerms::default()
        },
    );
    (side(), 0i64..16).prop_flat_map(move |(side, qty)| {
        proptest::collection::vec((levels(side, 5, 9), terms.clone()), 1..=3).prop_map(move |venues| Market {
            side,
            qty,
            venues,
        })
    })
}

/// Any terms and levels at all, the larger ones rarer.
fn senseless() -> impl Strategy<Value = (RouteRequest, Vec<(Vec<Level>, VenueTerms)>)> {
    let number = || prop_oneof![4 => 0i64..1_000, 2 => 0i64..1_000_000_000_000, 1 => any::<i64>()];
    let scale = || prop_oneof![6 => 0u8..9, 1 => 0u8..20];
    let level = (number(), number()).prop_map(|(price, qty)| Level::new(price, qty));
    let levels =
        (proptest::collection::vec(level, 0..6), any::<bool>()).prop_map(|(mut levels, is_sorted)| {
            if is_sorted {
                levels.sort_unstable_by_key(|level| level.price);
            }
            levels
        });
    let amounts = (number(), number(), number(), number(), number(), proptest::option::of(number()));
    let rates = (-999_999i32..1_000_000, any::<u32>(), scale(), scale());
    let terms = (amounts, rates, any::<bool>()).prop_map(|(amounts, rates, is_free)| {
        let (tick, lot, min_qty, min_notional, fixed_cost, cap) = amounts;
        let (fee, risk, price_scale, qty_scale) = rates;
        let terms = VenueTerms {
            price_scale,
            qty_scale,
            fee: FeeRate::from_ppm(fee).expect("below 100 %"),
            latency_risk_ppb: risk >> 3,
            ..VenueTerms::default()
        };
        if is_free {
            return terms;
        }
        VenueTerms { tick, lot, min_qty, min_notional, fixed_cost, cap: cap.map(Qty), ..terms }
    });
    let request = (side(), number(), scale()).prop_map(|(side, qty, qty_scale)| RouteRequest {
        side,
        qty: Qty(qty),
        qty_scale,
    });
    (request, proptest::collection::vec((levels, terms), 0..=4))
}

fn check_parts(market: &Market, route: &Route) {
    let sum: i128 = route.venues.iter().map(|slice| i128::from(slice.qty.0)).sum();
    assert_eq!(sum + route.unfilled, i128::from(market.qty));
    assert_eq!(sum, route.filled);
    let parts: Option<Vec<i128>> =
        (0..market.venues.len()).map(|at| market.objective(at, route.venues[at].qty.0)).collect();
    let parts = parts.expect("every venue is given what it takes");
    assert_eq!(parts.iter().sum::<i128>(), route.cost.objective(market.side));
    for at in 0..market.venues.len() {
        let alone = i64::try_from(route.filled).ok().and_then(|filled| market.objective(at, filled));
        if let Some(alone) = alone {
            assert!(route.cost.objective(market.side) <= alone, "venue {at} alone costs {alone}");
        }
    }
    if route.filled > 0 && route.best_single.is_some() {
        assert!(route.saving().expect("there is one") >= 0.0);
    }
}

fn float(units: i128) -> f64 {
    f64::from(i32::try_from(units).expect("a small number"))
}

/// The least objective of `filled` units as a linear programme: one variable a level, between nothing and its quantity.
fn linear_programme(market: &Market, filled: i128) -> f64 {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let mut all = Vec::new();
    for (levels, terms) in &market.venues {
        let mut own = Vec::new();
        for level in levels {
            let price = float(market.weight(terms)) / 1e9 * float(level.price.0.into()) / 1e2;
            own.push((problem.add_var(price, (0.0, float(level.qty.0.into()))), 1.0));
        }
        if let Some(cap) = terms.cap.filter(|_| !own.is_empty()) {
            problem.add_constraint(&own, ComparisonOp::Le, float(cap.0.into()));
        }
        all.extend(own);
    }
    problem.add_constraint(&all, ComparisonOp::Eq, float(filled));
    let outcome = problem.solve().expect("what was routed is feasible");
    outcome.into_solution().expect("no time limit was set").objective()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn slices_add_up_and_no_single_venue_is_cheaper(market in convex()) {
        check_parts(&market, &market.route());
    }

    #[test]
    fn the_route_is_the_optimum_of_the_linear_programme(market in convex()) {
        let route = market.route();
        let depth = |(levels, terms): &(Vec<Level>, VenueTerms)| {
            let depth: i64 = levels.iter().map(|level| level.qty.0).sum();
            terms.cap.map_or(depth, |cap| depth.min(cap.0))
        };
        let reachable: i64 = market.venues.iter().map(depth).sum();
        prop_assert_eq!(route.filled, i128::from(reachable.min(market.qty)));
        if route.filled > 0 {
            let optimum = linear_programme(&market, route.filled);
            let found = route.amount(route.cost.objective(market.side));
            prop_assert!((found - optimum).abs() <= 1e-9 * optimum.abs(), "{found} is not {optimum}");
        }
    }

    #[test]
    fn the_marginal_price_bounds_what_is_used_and_what_is_not(market in convex()) {
        let route = market.route();
        let Some(marginal) = route.marginal else { return Ok(()) };
        let marginal = marginal * i128::from(market.side.sign());
        for ((levels, terms), slice) in market.venues.iter().zip(&route.venues) {
            let mut missing = slice.qty.0;
            for level in levels.iter().filter(|level| level.qty.0 > 0) {
                let price = market.weight(terms) * i128::from(level.price.0);
                if missing > 0 {
                    prop_assert!(price <= marginal);
                }
                let is_capped = terms.cap.is_some_and(|cap| cap.0 <= slice.qty.0);
                if missing < level.qty.0 && !is_capped && route.unfilled == 0 {
                    prop_assert!(price >= marginal);
                }
                missing = (missing - level.qty.0).max(0);
            }
        }
    }

    #[test]
    fn with_minimums_and_equal_lots_it_is_the_best_of_all_splits(market in lumpy(&[2])) {
        let route = market.route();
        check_parts(&market, &route);
        let (filled, objective) = market.best_of_all();
        prop_assert_eq!((route.filled, route.cost.objective(market.side)), (filled.into(), objective));
    }

    #[test]
    fn with_lots_of_different_size_it_is_near_the_best_of_all_splits(market in lumpy(&[1, 2, 4])) {
        let route = market.route();
        check_parts(&market, &route);
        let (filled, objective) = market.best_of_all();
        prop_assert_eq!(route.filled, i128::from(filled));
        let prices = market.venues.iter().flat_map(|(levels, terms)| {
            levels.iter().map(|level| market.weight(terms) * i128::from(level.price.0))
        });
        let range = prices.clone().max().unwrap_or(0) - prices.min().unwrap_or(0);
        let fixed: i128 = market.venues.iter().map(|(_, terms)| i128::from(terms.fixed_cost)).sum();
        let found = route.cost.objective(market.side);
        prop_assert!(found >= objective);
        prop_assert!(found - objective <= 4 * range + fixed * 1_000_000_000, "{found} for {objective}");
    }

    #[test]
    fn no_input_makes_it_panic_or_lose_a_unit((request, venues) in senseless()) {
        let named = venues.iter().zip(NAMES);
        let given: Vec<RouteVenue<'_>> =
            named.map(|((levels, terms), name)| RouteVenue { name, levels, terms: *terms }).collect();
        if let Ok(route) = Router::new(20).route(&request, &given) {
            let unit = |scale: u8| 10i128.pow(u32::from(route.qty_scale - scale));
            let taken = venues.iter().zip(&route.venues);
            let taken: i128 =
                taken.map(|((_, terms), slice)| i128::from(slice.qty.0) * unit(terms.qty_scale)).sum();
            prop_assert_eq!(taken, route.filled);
            let asked = i128::from(request.qty.0) * unit(request.qty_scale);
            prop_assert_eq!(route.filled + route.unfilled, asked);
            prop_assert!(route.unfilled >= 0);
            prop_assert!(route.cash().is_finite());
        }
    }
}
