//! Laws of schedules and of the maker/taker split: methods reference, section 13.

use opus2_hifa::execution::fees::round_trip_cost_bps;
use opus2_hifa::execution::maker_taker::{
    ExponentialOutflow, MakerTakerCosts, Outflow, OutflowHistogram, OutflowSettings, split_at_one_venue,
};
use opus2_hifa::execution::schedule::almgren_chriss::{AlmgrenChriss, Liquidation};
use opus2_hifa::execution::schedule::jitter::slice_times;
use opus2_hifa::execution::schedule::{pov::pov_slice, twap::twap, vwap::vwap};
use proptest::prelude::*;

fn liquidation() -> impl Strategy<Value = Liquidation> {
    let numbers = (1.0..1e7, 0.01..1e4, 1usize..=32, 1e-4..100.0, 0.0..1.0, 1e-9..1e-3);
    numbers.prop_map(|(quantity, horizon, slices, sigma, epsilon, eta)| Liquidation {
        quantity,
        horizon,
        slices,
        sigma,
        epsilon,
        gamma: eta / horizon,
        eta,
    })
}

/// Any float at all.
fn garbage() -> impl Strategy<Value = f64> {
    prop_oneof![4 => any::<f64>(), 1 => Just(0.0), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 2 => -10.0..10.0]
}

fn check_slices(total: i64, slices: &[i64]) {
    assert_eq!(slices.iter().map(|slice| i128::from(*slice)).sum::<i128>(), i128::from(total));
    let is_forward = |slice: &i64| if total >= 0 { *slice >= 0 } else { *slice <= 0 };
    assert!(slices.iter().all(is_forward), "{slices:?}");
}

proptest! {
    #[test]
    fn twap_adds_up_in_lots_that_differ_by_one(lots in -1_000_000i64..1_000_000, lot in 1i64..1_000, count in 1usize..64) {
        let mut slices = vec![0; count];
        twap(lots * lot, lot, &mut slices).unwrap();
        check_slices(lots * lot, &slices);
        prop_assert!(slices.iter().all(|slice| slice % lot == 0));
        let (least, most) = (slices.iter().min().unwrap(), slices.iter().max().unwrap());
        prop_assert!(most - least <= lot);
    }

    #[test]
    fn twap_of_any_numbers_does_not_panic(total: i64, lot: i64, count in 0usize..64) {
        let found = twap(total, lot, &mut vec![0; count]);
        prop_assert!(found.is_ok() || count == 0 || lot < 2 || total.unsigned_abs() > u64::MAX / 4);
    }

    #[test]
    fn vwap_adds_up(total in -(1i64 << 53)..1i64 << 53, profile in proptest::collection::vec(0.0..1e6, 1..48)) {
        let mut slices = vec![0; profile.len()];
        if vwap(total, &profile, &mut slices).is_ok() {
            check_slices(total, &slices);
        } else {
            prop_assert!(profile.iter().sum::<f64>() <= 0.0);
        }
    }

    #[test]
    fn vwap_of_any_profile_adds_up_or_is_refused(total: i64, profile in proptest::collection::vec(garbage(), 0..8)) {
        let mut slices = vec![0; profile.len()];
        if vwap(total, &profile, &mut slices).is_ok() {
            check_slices(total, &slices);
        }
    }

    #[test]
    fn a_share_of_volume_never_exceeds_what_is_left(share in garbage(), volume: i64, done: i64, total: i64) {
        if let Ok(slice) = pov_slice(share, volume, done, total) {
            prop_assert!(slice >= 0);
            prop_assert!(slice == 0 || slice <= total - done);
        }
    }

    #[test]
    fn almgren_chriss_holdings_fall_and_lots_add_up(
        market in liquidation(), risk_aversion in 0.0..1e3, total in -1_000_000i64..1_000_000,
    ) {
        let schedule = AlmgrenChriss::new(market, risk_aversion).unwrap();
        prop_assert!((schedule.holding(0) - market.quantity).abs() <= 1e-12 * market.quantity);
        prop_assert!(schedule.holding(market.slices).abs() <= 0.0);
        let sum: f64 = (0..market.slices).map(|j| schedule.trade(j)).sum();
        prop_assert!((sum - market.quantity).abs() <= 1e-9 * market.quantity);
        for j in 0..market.slices {
            prop_assert!(schedule.trade(j) >= 0.0, "{j}: {}", schedule.trade(j));
            // Never slower later: what is traded falls.
            prop_assert!(j == 0 || schedule.trade(j) <= schedule.trade(j - 1) + 1e-9 * market.quantity);
        }
        let mut slices = vec![0; market.slices];
        schedule.spread(total, &mut slices).unwrap();
        check_slices(total, &slices);
    }

    #[test]
    fn almgren_chriss_becomes_twap_without_risk_aversion(market in liquidation()) {
        let even = market.quantity / f64::from(u32::try_from(market.slices).unwrap());
        let off = |risk_aversion: f64| {
            let schedule = AlmgrenChriss::new(market, risk_aversion).unwrap();
            (0..market.slices).map(|j| (schedule.trade(j) - even).abs()).fold(0.0, f64::max) / market.quantity
        };
        prop_assert!(off(0.0) <= 1e-12);
        // A `kappa horizon` of a thousandth: just before the straight line is taken.
        let scale = market.eta / (market.sigma * market.sigma) / (market.horizon * market.horizon);
        prop_assert!(off(1e-6 * scale) <= 1e-5);
        prop_assert!(off(1e-14 * scale) <= 1e-9);
    }

    #[test]
    fn almgren_chriss_is_the_least_cost_among_neighbours(market in liquidation(), shift in -0.01..0.01, at in 1usize..32) {
        // Moving quantity between two slices never lowers cost plus weighted variance.
        prop_assume!(market.slices >= 3);
        let risk_aversion = market.eta / (market.sigma * market.sigma) * 4.0 / (market.horizon * market.horizon);
        let schedule = AlmgrenChriss::new(market, risk_aversion).unwrap();
        let tau = market.horizon / f64::from(u32::try_from(market.slices).unwrap());
        let utility = |holdings: &[f64]| {
            let trades = holdings.windows(2).map(|pair| pair[0] - pair[1]);
            let cost: f64 = trades.map(|trade| schedule.eta_tilde() / tau * trade * trade).sum();
            let risk: f64 = holdings[1..].iter().map(|held| tau * held * held).sum();
            cost + risk_aversion * market.sigma * market.sigma * risk
        };
        let mut holdings: Vec<f64> = (0..=market.slices).map(|j| schedule.holding(j)).collect();
        let best = utility(&holdings);
        holdings[1 + at % (market.slices - 1)] += shift * market.quantity;
        prop_assert!(utility(&holdings) >= best * (1.0 - 1e-12));
    }

    #[test]
    fn no_number_makes_a_schedule_that_is_not_finite(
        numbers in proptest::array::uniform8(garbage()), slices in 0usize..40,
    ) {
        let [quantity, horizon, sigma, epsilon, gamma, eta, risk_aversion, half_life] = numbers;
        let market = Liquidation { quantity, horizon, slices, sigma, epsilon, gamma, eta };
        let made = [AlmgrenChriss::new(market, risk_aversion), AlmgrenChriss::with_half_life(market, half_life)];
        for schedule in made.into_iter().flatten() {
            prop_assert!((0..=slices).all(|j| schedule.holding(j).is_finite()));
            prop_assert!((0..slices).all(|j| schedule.trade(j).is_finite()));
            for measure in [schedule.half_life(), schedule.expected_cost(), schedule.variance()] {
                prop_assert!(measure.is_err() || measure.is_ok_and(f64::is_finite));
            }
            let mut lots = vec![0; slices];
            schedule.spread(1_000, &mut lots).unwrap();
            check_slices(1_000, &lots);
        }
    }

    #[test]
    fn moments_never_go_back(interval: u64, jitter in garbage(), seed: u64) {
        let mut times = [0; 32];
        slice_times(interval, jitter, seed, &mut times);
        prop_assert!(times.is_sorted());
    }

    #[test]
    fn a_split_adds_up_and_follows_the_penalty(
        target in 0.0..1e6, queue in 0.0..1e6, mean in 1.0..1e6, half_spread in 0.0..10.0,
        fee in 0.0..10.0, rebate in -1.0..1.0, penalty in 0.0..100.0, seen in proptest::collection::vec(0i64..2_000_000, 1..40),
    ) {
        let settings = OutflowSettings { observations_min: 1.0, ..OutflowSettings::default() };
        let mut histogram = OutflowHistogram::default();
        for outflow in &seen {
            histogram.update(0, *outflow, &settings);
        }
        let exponential = ExponentialOutflow::new(mean).unwrap();
        for outflow in [&exponential as &dyn Outflow, &histogram.distribution(&settings).unwrap()] {
            let limit = |shortfall_penalty| {
                let costs = MakerTakerCosts { half_spread, taker_fee: fee, maker_rebate: rebate, shortfall_penalty };
                let split = split_at_one_venue(target, queue, &costs, outflow).unwrap();
                assert!(split.limit >= 0.0 && split.market >= 0.0, "{split:?}");
                assert!((split.limit + split.market - target).abs() <= 1e-9 * target.max(1.0), "{split:?}");
                split.limit
            };
            prop_assert!(limit(penalty * 1.5) <= limit(penalty) + 1e-6 * target.max(1.0));
        }
    }

    #[test]
    fn no_number_makes_a_split_that_is_not_finite(numbers in proptest::array::uniform7(garbage())) {
        let [target, queue, half_spread, taker_fee, maker_rebate, shortfall_penalty, mean] = numbers;
        let costs = MakerTakerCosts { half_spread, taker_fee, maker_rebate, shortfall_penalty };
        let Ok(outflow) = ExponentialOutflow::new(mean) else { return Ok(()) };
        if let Ok(split) = split_at_one_venue(target, queue, &costs, &outflow) {
            prop_assert!(split.limit >= 0.0 && split.market >= 0.0);
            prop_assert!(split.limit <= target && split.market <= target);
        }
        let cost = round_trip_cost_bps(target, queue, half_spread, taker_fee);
        prop_assert!(cost.is_err() || cost.is_ok_and(f64::is_finite));
    }
}
