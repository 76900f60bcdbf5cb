//! Laws of execution plans, for sane and for senseless input.

use opus2_hifa::Absent;
use opus2_hifa::execution::fees::FeeRate;
use opus2_hifa::execution::maker_taker::ExponentialOutflow;
use opus2_hifa::execution::plan::{ExecutionConfig, ExecutionPlan, PlanInput, Planner, RestingInput, Style};
use opus2_hifa::execution::route::{RouteRequest, RouteVenue, VenueTerms};
use opus2_types::{Aggressor, Level, Price, Qty};
use proptest::prelude::*;

/// Half-spread, square-root law, volatility, horizon, half-life, urgency times 20, queue and mean outflow.
fn numbers() -> impl Strategy<Value = [f64; 8]> {
    let sane = (0.1..5.0, 0.1..20.0, 1e-5..1e-3, 0.0..60.0, 0.5..60.0, 0.0..20.0, 0.0..100.0, 10.0..1e3);
    let sane = sane.prop_map(|(a, b, c, d, e, f, g, h)| [a, b, c, d, e, f, g, h]);
    prop_oneof![sane, proptest::array::uniform8(garbage())]
}

/// Any float at all.
fn garbage() -> impl Strategy<Value = f64> {
    prop_oneof![2 => any::<f64>(), 1 => Just(0.0), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 4 => 0.0..20.0]
}

fn ladder() -> impl Strategy<Value = Vec<Level>> {
    proptest::collection::vec((0i64..50, 0i64..400), 0..8).prop_map(|steps| {
        let mut price = 10_001;
        let level = |(step, qty)| {
            price += step;
            Level::new(price, qty)
        };
        steps.into_iter().map(level).collect()
    })
}

fn terms() -> impl Strategy<Value = VenueTerms> {
    (0i64..40, -100i32..3_000, 0i64..3, proptest::option::of(0i64..500)).prop_map(
        |(min_qty, fee, fixed, cap)| VenueTerms {
            price_scale: 2,
            min_qty,
            fee: FeeRate::from_ppm(fee).expect("below 100 %"),
            fixed_cost: fixed,
            cap: cap.map(Qty),
            ..VenueTerms::default()
        },
    )
}

fn check(input: &PlanInput<'_>, config: &ExecutionConfig, plan: &ExecutionPlan) {
    let slices: i64 = plan.slices().iter().map(|slice| slice.qty.0).sum();
    let rests = plan.resting.map_or(0, |order| order.request_qty.0);
    assert_eq!(slices + rests + plan.left_out.0, input.request.qty.0);
    assert!(plan.left_out.0 < input.lot);
    assert!(plan.slices().iter().all(|slice| slice.qty.0 > 0));
    assert!(plan.slices().is_sorted_by_key(|slice| slice.after_ns));
    assert_eq!(plan.first.unfilled, 0);
    assert_eq!(plan.first.filled, plan.slices().first().map_or(0, |slice| i128::from(slice.qty.0)));
    assert_eq!(plan.resting.is_some(), plan.style == Style::MakerTaker);
    assert!(plan.slices().len() <= usize::try_from(config.slices_max).expect("a small number"));
    let cost = plan.expected;
    let parts = [cost.spread_bps, cost.slippage_bps, cost.fee_bps, cost.latency_bps];
    assert!(parts.iter().all(|part| part.is_finite()), "{cost:?}");
    for (slice, limit) in plan.first.venues.iter().zip(plan.limits) {
        assert_eq!(slice.worst.is_some(), limit.is_some());
        assert!(slice.worst <= limit, "a purchase's limit is not below what is planned");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn a_plan_adds_up_and_keeps_its_bounds(
        ladders in proptest::collection::vec((ladder(), terms()), 0..4),
        numbers in numbers(),
        mid in 99.0..101.0,
        (qty, lot, seed) in (0i64..1_000, 1i64..30, any::<u64>()),
        (is_cold, rests) in (any::<bool>(), any::<bool>()),
    ) {
        let named = ladders.iter().zip(["a", "b", "c"]);
        let venues: Vec<RouteVenue<'_>> =
            named.map(|((levels, terms), name)| RouteVenue { name, levels, terms: *terms }).collect();
        let [half_spread, law, sigma, horizon, half_life, urgency, queue_ahead, mean] = numbers;
        let outflow = ExponentialOutflow::new(mean).ok();
        let outflow = outflow.as_ref().filter(|_| rests);
        let resting = outflow.map(|outflow| RestingInput {
            venue: usize::from(seed % 2 == 0),
            price: Price(9_999),
            queue_ahead,
            maker_fee: FeeRate::ZERO,
            outflow,
        });
        let input = PlanInput {
            request: RouteRequest { side: Aggressor::Buy, qty: Qty(qty), qty_scale: 0 },
            lot,
            venues: &venues,
            mid,
            half_spread_bps: Ok(half_spread),
            sqrt_law_bps: if is_cold { Err(Absent::Cold) } else { Ok(law) },
            sigma: Ok(sigma),
            horizon_secs: horizon,
            signal_half_life_secs: half_life,
            urgency: urgency / 20.0,
            resting,
            seed,
        };
        let config = ExecutionConfig::default();
        if let Ok(plan) = Planner::new(20).plan(&input, &config) {
            check(&input, &config, &plan);
        }
    }
}
