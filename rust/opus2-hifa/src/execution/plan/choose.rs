//! The rule of choice.

use opus2_types::{Aggressor, Price, Qty};

use super::resting::resting_part;
use super::{CostSplit, ExecutionConfig, ExecutionPlan, PlanError, PlanInput, PlanSlice, Reason, Style};
use crate::exact::{scaled, to_f64};
use crate::execution::route::{ROUTE_VENUES_MAX, Route, RouteRequest, Router, VenueTerms};
use crate::execution::schedule::almgren_chriss::{AlmgrenChriss, Liquidation};
use crate::execution::schedule::jitter::slice_times;
use crate::execution::schedule::twap::twap;
use crate::execution::schedule::{SLICES_MAX, to_units};
use crate::measure::finite;

/// Makes plans. Keeps its memory from plan to plan and allocates none.
#[derive(Debug, Clone)]
pub struct Planner {
    router: Router,
}

impl Planner {
    /// A planner that looks at the best `levels_max` levels of each venue.
    #[must_use]
    pub fn new(levels_max: usize) -> Self {
        Self { router: Router::new(levels_max) }
    }

    /// Chooses how to trade a quantity.
    ///
    /// All at once when walking the books costs at most [`walk_factor_max`](ExecutionConfig::walk_factor_max) times the
    /// half-spread and the square-root law, or when there is no time for two slices; else in slices, after Almgren and
    /// Chriss with a half-life not longer than the signal's, or evenly when the volatility or the impact is not known.
    /// What is sent at once may in part rest when there is no urgency.
    ///
    /// # Errors
    /// [`PlanError`]: an input that is no book or no number, nothing to trade, or books that do not hold what would have
    /// to be sent now.
    ///
    /// # Source
    /// Methods reference 5.2 and 5.3 (rule of choice), 4.2 (the walk holds the half-spread, the square-root law does not).
    pub fn plan(
        &mut self,
        input: &PlanInput<'_>,
        config: &ExecutionConfig,
    ) -> Result<ExecutionPlan, PlanError> {
        let qty = checked(input)?;
        // A number that is not finite is not known.
        let input = &PlanInput {
            half_spread_bps: input.half_spread_bps.and_then(finite),
            sqrt_law_bps: input.sqrt_law_bps.and_then(finite),
            sigma: input.sigma.and_then(finite),
            ..*input
        };
        let walk = self.route(input, qty)?;
        let walk_cost = CostSplit::of(&walk, input.mid);
        let walk_bps = Some(walk_cost.market_bps()).filter(|bps| walk.unfilled == 0 && bps.is_finite());
        let schedule_bps =
            input.half_spread_bps.and_then(|half| input.sqrt_law_bps.and_then(|law| finite(half + law))).ok();
        let slices = slices_of(input, config, qty);
        let (is_now, reason) = match (walk_bps, schedule_bps) {
            _ if slices <= 1 => (true, Reason::NoTime),
            (None, _) => (false, Reason::BooksAreThin),
            (Some(_), None) => (true, Reason::NoComparison),
            (Some(walk), Some(schedule)) if walk <= config.walk_factor_max * schedule => {
                (true, Reason::WalkIsCheap)
            }
            _ => (false, Reason::WalkIsDear),
        };
        let draft = ExecutionPlan {
            style: Style::Now,
            reason,
            first: walk,
            limits: [None; ROUTE_VENUES_MAX],
            resting: None,
            slices: [PlanSlice::default(); SLICES_MAX],
            slices_count: 0,
            left_out: Qty(input.request.qty.0 - qty),
            expires_after_ms: config.taker_expiry_ms.into(),
            expected: walk_cost,
            walk_bps,
            schedule_bps,
            risk_aversion: None,
        };
        let mut plan = if is_now {
            self.at_once(input, config, qty, draft)?
        } else {
            self.in_slices(input, config, qty, slices, draft)?
        };
        plan.limits = limits(&plan.first, input, config);
        Ok(plan)
    }

    fn route(&mut self, input: &PlanInput<'_>, qty: i64) -> Result<Route, PlanError> {
        let request = RouteRequest { qty: Qty(qty), ..input.request };
        Ok(self.router.route(&request, input.venues)?)
    }

    fn at_once(
        &mut self,
        input: &PlanInput<'_>,
        config: &ExecutionConfig,
        qty: i64,
        mut plan: ExecutionPlan,
    ) -> Result<ExecutionPlan, PlanError> {
        let mut takes = qty;
        if let Some(part) = resting_part(input, config, qty, &plan.expected) {
            let rest = qty - part.order.request_qty.0;
            let first = self.route(input, rest)?;
            // What is left to take may be too small for any venue: then nothing rests.
            if first.unfilled == 0 {
                let share = to_f64(rest.into()) / to_f64(qty.into());
                plan.expected = CostSplit::of(&first, input.mid).weighted(share).plus(&part.cost);
                plan.style = Style::MakerTaker;
                plan.first = first;
                plan.resting = Some(part.order);
                plan.expires_after_ms = config.resting_expiry_ms.max(config.taker_expiry_ms).into();
                takes = rest;
            }
        }
        if plan.first.unfilled > 0 {
            return Err(PlanError::Unfilled { unfilled: plan.first.unfilled });
        }
        push(&mut plan, PlanSlice { after_ns: 0, qty: Qty(takes) });
        Ok(plan)
    }

    fn in_slices(
        &mut self,
        input: &PlanInput<'_>,
        config: &ExecutionConfig,
        qty: i64,
        count: usize,
        mut plan: ExecutionPlan,
    ) -> Result<ExecutionPlan, PlanError> {
        let (mut lots, mut times) = ([0i64; SLICES_MAX], [0u64; SLICES_MAX]);
        let (lots, times) =
            (lots.get_mut(..count).unwrap_or_default(), times.get_mut(..count).unwrap_or_default());
        let total = qty / input.lot;
        let schedule = front_loaded(input, qty, count);
        if let Some(schedule) = schedule.filter(|schedule| schedule.spread(total, lots).is_ok()) {
            (plan.style, plan.risk_aversion) = (Style::AlmgrenChriss, Some(schedule.risk_aversion()));
        } else {
            plan.style = Style::Twap;
            twap(total, 1, lots).map_err(|_| PlanError::Input("horizon"))?;
        }
        let horizon_ns = to_units(input.horizon_secs * 1e9).unsigned_abs();
        let interval_ns = horizon_ns / u64::try_from(count).unwrap_or(1).max(1);
        slice_times(interval_ns, config.slice_jitter, input.seed, times);
        let least = least_lots(&plan.first, input);
        collect(&mut plan, input.lot, least, lots, times);
        let first = plan.slices().first().map_or(0, |slice| slice.qty.0);
        plan.first = self.route(input, first)?;
        if plan.first.unfilled > 0 {
            return Err(PlanError::Unfilled { unfilled: plan.first.unfilled });
        }
        plan.expires_after_ms = (horizon_ns / 1_000_000).saturating_add(config.taker_expiry_ms.into());
        let first = CostSplit::of(&plan.first, input.mid);
        plan.expected = CostSplit {
            spread_bps: input.half_spread_bps.unwrap_or(first.spread_bps),
            // Of two estimates the larger, never their sum.
            slippage_bps: input.sqrt_law_bps.map_or(first.slippage_bps, |law| law.max(first.slippage_bps)),
            ..first
        };
        Ok(plan)
    }
}

/// The quantity in whole lots.
fn checked(input: &PlanInput<'_>) -> Result<i64, PlanError> {
    // Written so that NaN is refused.
    if !(input.mid.is_finite() && input.mid > 0.0) {
        return Err(PlanError::Input("mid"));
    }
    if !(input.horizon_secs.is_finite() && input.horizon_secs >= 0.0) {
        return Err(PlanError::Input("horizon"));
    }
    if input.lot <= 0 || input.request.qty.0 < 0 {
        return Err(PlanError::Input("quantity or lot"));
    }
    let qty = input.request.qty.0 - input.request.qty.0 % input.lot;
    if qty == 0 { Err(PlanError::Nothing) } else { Ok(qty) }
}

/// As many slices as are allowed, have time, and have a lot each.
fn slices_of(input: &PlanInput<'_>, config: &ExecutionConfig, qty: i64) -> usize {
    let by_time = to_units((input.horizon_secs * 1e3 / f64::from(config.slice_gap_ms_min.max(1))).floor());
    let most = i64::from(config.slices_max).min(by_time).min(qty / input.lot).max(0);
    usize::try_from(most).unwrap_or(0).min(SLICES_MAX)
}

/// The schedule that is done to the greater part before the signal is. The temporary impact is the line through the
/// square-root law's cost of the whole at an even pace; with the half-life given it does not change the shape.
fn front_loaded(input: &PlanInput<'_>, qty: i64, count: usize) -> Option<AlmgrenChriss> {
    let quantity = scaled(qty.into(), input.request.qty_scale);
    let market = Liquidation {
        quantity,
        horizon: input.horizon_secs,
        slices: count,
        sigma: input.sigma.ok()? * input.mid,
        epsilon: input.half_spread_bps.ok()? / 1e4 * input.mid,
        gamma: 0.0,
        eta: input.sqrt_law_bps.ok()? / 1e4 * input.mid * input.horizon_secs / quantity,
    };
    AlmgrenChriss::with_half_life(market, input.signal_half_life_secs).ok()
}

/// The smallest order that any venue takes, in lots of the input, rounded up.
fn least_lots(walk: &Route, input: &PlanInput<'_>) -> i64 {
    let places = u32::from(walk.qty_scale.saturating_sub(input.request.qty_scale));
    let lot = 10i128.checked_pow(places).and_then(|unit| unit.checked_mul(input.lot.into()));
    let lots = lot.zip(walk.smallest_order).map_or(1, |(lot, least)| least.saturating_add(lot - 1) / lot);
    i64::try_from(lots).unwrap_or(i64::MAX)
}

/// Writes the slices; what is too small for an order waits for the next, the last of it joins the one before.
fn collect(plan: &mut ExecutionPlan, lot: i64, least: i64, lots: &[i64], times: &[u64]) {
    let mut waiting = 0;
    for (lots, after_ns) in lots.iter().zip(times) {
        waiting += lots;
        if waiting >= least.max(1) {
            push(plan, PlanSlice { after_ns: *after_ns, qty: Qty(waiting * lot) });
            waiting = 0;
        }
    }
    if waiting > 0 {
        match plan.slices.get_mut(..plan.slices_count).and_then(<[PlanSlice]>::last_mut) {
            Some(slice) => slice.qty.0 += waiting * lot,
            None => push(plan, PlanSlice { after_ns: 0, qty: Qty(waiting * lot) }),
        }
    }
}

fn push(plan: &mut ExecutionPlan, slice: PlanSlice) {
    if slice.qty.0 > 0
        && let Some(slot) = plan.slices.get_mut(plan.slices_count)
    {
        *slot = slice;
        plan.slices_count += 1;
    }
}

fn limits(
    route: &Route,
    input: &PlanInput<'_>,
    config: &ExecutionConfig,
) -> [Option<Price>; ROUTE_VENUES_MAX] {
    let mut limits = [None; ROUTE_VENUES_MAX];
    for ((limit, slice), venue) in limits.iter_mut().zip(&route.venues).zip(input.venues) {
        *limit = slice
            .worst
            .and_then(|worst| limit_price(worst, route.side, config.limit_slack_bps, &venue.terms));
    }
    limits
}

/// The worst price allowed: the slack beyond the worst price planned, rounded towards it to a tick.
fn limit_price(worst: Price, side: Aggressor, slack_bps: f64, terms: &VenueTerms) -> Option<Price> {
    let tick = i128::from(terms.tick.max(1));
    let slack = i128::from(worst.0) * i128::from(to_units(slack_bps * 1e5).max(0)) / 1_000_000_000;
    let limit = i128::from(worst.0) + i128::from(side.sign()) * (slack - slack % tick);
    i64::try_from(limit.max(tick)).ok().map(Price)
}

#[cfg(test)]
mod tests {
    use opus2_types::Level;

    use super::*;
    use crate::Absent;
    use crate::execution::maker_taker::ExponentialOutflow;
    use crate::execution::plan::RestingInput;
    use crate::execution::route::RouteVenue;
    use crate::execution::seed_of;

    const TERMS: VenueTerms = VenueTerms {
        price_scale: 2,
        qty_scale: 0,
        tick: 1,
        lot: 1,
        min_qty: 0,
        min_notional: 0,
        fee: crate::execution::fees::FeeRate::ZERO,
        fixed_cost: 0,
        latency_risk_ppb: 0,
        cap: None,
    };

    /// A purchase of 100 units; the mid is 100, the ask a cent above it.
    fn input<'a>(venues: &'a [RouteVenue<'a>]) -> PlanInput<'a> {
        PlanInput {
            request: RouteRequest { side: Aggressor::Buy, qty: Qty(100), qty_scale: 0 },
            lot: 1,
            venues,
            mid: 100.0,
            half_spread_bps: Ok(1.0),
            sqrt_law_bps: Ok(2.0),
            sigma: Ok(1e-4),
            horizon_secs: 10.0,
            signal_half_life_secs: 4.0,
            urgency: 1.0,
            resting: None,
            seed: seed_of(b"signal"),
        }
    }

    #[track_caller]
    fn check(
        levels: &[(i64, i64)],
        terms: VenueTerms,
        change: impl FnOnce(&mut PlanInput<'_>),
        expect: Result<(Style, Reason), PlanError>,
    ) -> Option<ExecutionPlan> {
        let levels: Vec<Level> = levels.iter().map(|(price, qty)| Level::new(*price, *qty)).collect();
        let venues = [RouteVenue { name: "a", levels: &levels, terms }];
        let mut input = input(&venues);
        change(&mut input);
        let found = Planner::new(20).plan(&input, &ExecutionConfig::default());
        assert_eq!(found.map(|plan| (plan.style, plan.reason)), expect);
        let plan = found.ok()?;
        let taken: i64 = plan.slices().iter().map(|slice| slice.qty.0).sum();
        let rests = plan.resting.map_or(0, |order| order.request_qty.0);
        assert_eq!(taken + rests + plan.left_out.0, input.request.qty.0);
        assert!(plan.slices().is_sorted_by_key(|slice| slice.after_ns));
        Some(plan)
    }

    #[test]
    fn a_deep_book_is_walked_at_once() {
        let plan = check(&[(10_001, 500)], TERMS, |_| {}, Ok((Style::Now, Reason::WalkIsCheap))).unwrap();
        assert_eq!(plan.limits[0], Some(Price(10_002)));
        assert!((plan.expected.spread_bps - 1.0).abs() < 1e-9);
        assert!((plan.expected.total_bps() - 1.0).abs() < 1e-9);
        assert_eq!((plan.expires_after_ms, plan.slices().len()), (1_000, 1));
    }

    #[test]
    fn a_dear_walk_becomes_slices_that_are_larger_at_first() {
        let book = [(10_001, 30), (10_050, 500)];
        let plan = check(&book, TERMS, |_| {}, Ok((Style::AlmgrenChriss, Reason::WalkIsDear))).unwrap();
        let slices: Vec<i64> = plan.slices().iter().map(|slice| slice.qty.0).collect();
        assert!(slices.is_sorted_by(|earlier, later| earlier >= later), "{slices:?}");
        assert_eq!(plan.first.filled, i128::from(slices[0]));
        // Done to the greater part within the half-life of the signal.
        let early = plan.slices().iter().filter(|slice| slice.after_ns < 4_500_000_000);
        assert!(early.map(|slice| slice.qty.0).sum::<i64>() > 63, "{slices:?}");
        assert!((plan.expected.slippage_bps - 2.0).abs() < 1e-9);
        assert_eq!(plan.expires_after_ms, 11_000);
    }

    #[test]
    fn without_volatility_or_impact_slices_are_even() {
        let book = [(10_001, 20), (10_050, 500)];
        let cold = |input: &mut PlanInput<'_>| input.sigma = Err(Absent::Cold);
        let plan = check(&book, TERMS, cold, Ok((Style::Twap, Reason::WalkIsDear))).unwrap();
        assert!(plan.slices().iter().all(|slice| slice.qty.0 == 10));
        let thin = |input: &mut PlanInput<'_>| input.sqrt_law_bps = Err(Absent::Cold);
        check(&[(10_001, 50)], TERMS, thin, Ok((Style::Twap, Reason::BooksAreThin)));
        check(&[(10_001, 500)], TERMS, thin, Ok((Style::Now, Reason::NoComparison)));
    }

    #[test]
    fn without_time_all_is_sent_or_nothing() {
        let hurried = |input: &mut PlanInput<'_>| input.horizon_secs = 1.0;
        check(&[(10_001, 20), (10_050, 500)], TERMS, hurried, Ok((Style::Now, Reason::NoTime)));
        check(&[(10_001, 20)], TERMS, hurried, Err(PlanError::Unfilled { unfilled: 80 }));
        check(&[], TERMS, |_| {}, Err(PlanError::Unfilled { unfilled: 22 }));
    }

    #[test]
    fn a_slice_too_small_for_an_order_joins_another() {
        let picky = VenueTerms { min_qty: 30, ..TERMS };
        let book = [(10_001, 30), (10_050, 500)];
        let plan = check(&book, picky, |_| {}, Ok((Style::AlmgrenChriss, Reason::WalkIsDear))).unwrap();
        assert!(plan.slices().iter().all(|slice| slice.qty.0 >= 30), "{:?}", plan.slices());
        assert!(plan.slices().len() > 1);
    }

    #[test]
    fn a_part_rests_when_there_is_no_haste() {
        let outflow = ExponentialOutflow::new(60.0).unwrap();
        let rests = |urgency, queue_ahead, terms, expect| {
            let levels = [Level::new(10_001, 500)];
            let venues = [RouteVenue { name: "a", levels: &levels, terms }];
            let maker_fee = crate::execution::fees::FeeRate::ZERO;
            let resting =
                RestingInput { venue: 0, price: Price(9_999), queue_ahead, maker_fee, outflow: &outflow };
            let input = PlanInput { urgency, resting: Some(resting), ..input(&venues) };
            let plan = Planner::new(20).plan(&input, &ExecutionConfig::default()).unwrap();
            assert_eq!(plan.style, expect);
            plan
        };
        let plan = rests(0.0, 10.0, TERMS, Style::MakerTaker);
        let order = plan.resting.unwrap();
        assert_eq!(i128::from(order.qty.0) + plan.first.filled, 100);
        assert!(plan.expected.total_bps() < 1.0, "cheaper than taking all: {:?}", plan.expected);
        assert_eq!(plan.expires_after_ms, 5_000);
        rests(0.5, 10.0, TERMS, Style::Now);
        rests(f64::NAN, 10.0, TERMS, Style::Now);
        rests(0.0, 1e6, TERMS, Style::Now);
        rests(0.0, 10.0, VenueTerms { min_qty: 99, ..TERMS }, Style::Now);
    }

    #[test]
    fn what_is_below_a_lot_is_left_out_and_named() {
        let lots = |input: &mut PlanInput<'_>| input.lot = 30;
        let terms = VenueTerms { lot: 30, ..TERMS };
        let plan = check(&[(10_001, 500)], terms, lots, Ok((Style::Now, Reason::WalkIsCheap))).unwrap();
        assert_eq!(plan.left_out, Qty(10));
        check(&[], TERMS, |input| input.lot = 101, Err(PlanError::Nothing));
        check(&[], TERMS, |input| input.mid = f64::NAN, Err(PlanError::Input("mid")));
        check(&[], TERMS, |input| input.horizon_secs = -1.0, Err(PlanError::Input("horizon")));
    }

    #[test]
    fn a_limit_is_on_a_tick_and_never_better_than_the_plan() {
        let limit = |side, tick| limit_price(Price(10_000), side, 5.0, &VenueTerms { tick, ..TERMS });
        assert_eq!(limit(Aggressor::Buy, 0), Some(Price(10_005)));
        assert_eq!(limit(Aggressor::Sell, 2), Some(Price(9_996)));
        assert_eq!(limit(Aggressor::Buy, 10), Some(Price(10_000)));
    }
}
