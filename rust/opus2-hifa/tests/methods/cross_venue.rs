//! Stage 2 across venues: laws that hold for every input (methods reference, section 13), and a market from end to end.

use opus2_hifa::cross_venue::{
    BinMemory, CHANGES_MAX, CrossVenueRules, CrossVenueSettings, ErrorCorrection, LAGS_MAX, LagProducts,
    LagRules, LaggedCorrelation, Leg, PairFeatures, VenuePairs, hayashi_yoshida, lead_lag, price_discovery,
};
use opus2_hifa::estimator::window::WINDOWS;
use proptest::prelude::*;

const MILLI: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLI;

type Path = Vec<(i64, f64)>;

/// Whole steps at distances within `gaps`; sums and products of them are exact.
fn path(gaps: std::ops::Range<i64>, len: std::ops::Range<usize>) -> impl Strategy<Value = Path> {
    proptest::collection::vec((gaps, -50i32..50), len).prop_map(|steps| {
        let (mut at, mut level) = (0, 0.0);
        steps
            .into_iter()
            .map(|(gap, step)| {
                at += gap;
                level += f64::from(step);
                (at, level)
            })
            .collect()
    })
}

/// A path that moves at every step.
fn moving_path() -> impl Strategy<Value = Path> {
    path(12..40, 20..60).prop_map(|mut path| {
        path.iter_mut().step_by(2).for_each(|(_, level)| *level += 0.5);
        path
    })
}

fn returns() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let value = || prop_oneof![2 => Just(0.0), 3 => -1e-3..1e-3f64, 1 => -1.0..1.0f64];
    proptest::collection::vec((value(), value()), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn on_a_common_grid_the_covariance_is_the_realised_one(
        steps in proptest::collection::vec((1i64..9, -1e-3..1e-3f64, -1e-3..1e-3f64), 0..60),
    ) {
        let (mut at, mut levels) = (0, [1.0, 2.0]);
        let (mut x, mut y) = (vec![(0, 1.0)], vec![(0, 2.0)]);
        for (gap, a, b) in &steps {
            at += gap;
            levels = [levels[0] + a, levels[1] + b];
            x.push((at, levels[0]));
            y.push((at, levels[1]));
        }
        let realised: f64 = steps.iter().map(|(_, a, b)| a * b).sum();
        let found = hayashi_yoshida(&x, &y).unwrap();
        prop_assert!((found.covariance - realised).abs() < 1e-12, "{} {realised}", found.covariance);
        // Roles do not matter, and here the correlation is bounded.
        prop_assert_eq!(hayashi_yoshida(&y, &x).unwrap().covariance.to_bits(), found.covariance.to_bits());
        if let Ok(correlation) = found.correlation() {
            prop_assert!(correlation.abs() <= 1.0 + 1e-9, "{correlation}");
        }
    }

    #[test]
    fn any_paths_give_the_sum_over_all_pairs(x in path(0..9, 0..40), y in path(0..9, 0..40)) {
        let mut direct = 0.0;
        for a in x.windows(2) {
            for b in y.windows(2) {
                if a[0].0.max(b[0].0) < a[1].0.min(b[1].0) {
                    direct += (a[1].1 - a[0].1) * (b[1].1 - b[0].1);
                }
            }
        }
        prop_assert_eq!(hayashi_yoshida(&x, &y).unwrap().covariance.to_bits(), f64::to_bits(direct));
    }

    #[test]
    fn an_injected_shift_is_recovered_and_mirrored_roles_negate_it(x in moving_path(), shift in -9i64..=9) {
        let y: Path = x.iter().map(|(at, level)| (at + shift, *level)).collect();
        let grid: Vec<i64> = (-12..=12).collect();
        let mirrored: Vec<i64> = grid.iter().map(|theta| -theta).collect();
        let found = lead_lag(&x, &y, &grid).unwrap();
        let other = lead_lag(&y, &x, &mirrored).unwrap();
        let (theta, correlation) = found.contrast.peak().unwrap();
        let at_shift = found.correlations[usize::try_from(shift + 12).unwrap()].unwrap();
        prop_assert!((at_shift - 1.0).abs() < 1e-12, "{at_shift}");
        // At the shift the intervals coincide; elsewhere neighbours are added, which may by chance give more.
        prop_assert!(correlation.abs() >= at_shift.abs());
        prop_assert_eq!(&found.correlations, &other.correlations);
        prop_assert_eq!(other.contrast.peak(), Some((-theta, correlation)));
        if let (Ok(ratio), Ok(inverse)) = (found.contrast.ratio(), other.contrast.ratio())
            && ratio > 0.0
        {
            prop_assert!((ratio * inverse - 1.0).abs() < 1e-9, "{ratio} {inverse}");
        }
    }

    #[test]
    fn lagged_correlations_stay_within_their_bounds(returns in returns(), kept in 0.5..1.0f64) {
        let memory = BinMemory::from_kept(kept);
        let mut products = LagProducts::default();
        for (x, y) in returns {
            products.take(x, y, &memory);
            for lag in -20..=20i32 {
                let Ok(correlation) = products.correlation(lag) else { continue };
                let bound = kept.powf(-f64::from(lag.abs()) / 2.0);
                prop_assert!(correlation.abs() <= bound * (1.0 + 1e-12), "{lag}: {correlation} {bound}");
                let error = products.standard_error(lag, &memory).unwrap();
                prop_assert!(error > 0.0, "{lag}: {error}");
            }
        }
        let mirrored = products.best_lag(LAGS_MAX).map(|(_, correlation)| correlation.abs());
        prop_assert!(mirrored.is_err() || mirrored.unwrap() >= products.correlation(0).unwrap().abs());
    }

    #[test]
    fn how_often_time_is_told_does_not_matter(
        steps in proptest::collection::vec((0i64..3_000, any::<bool>(), -1e-3..1e-3f64), 1..60),
    ) {
        let rules = LagRules::new(WINDOWS[1], 60.0);
        let (mut rarely, mut often) = (LaggedCorrelation::default(), LaggedCorrelation::default());
        rarely.start(0, &rules);
        often.start(0, &rules);
        let mut now = 0;
        for (after_ms, is_x, change) in steps {
            for _ in 0..10 {
                now += after_ms * MILLI / 10;
                often.advance(now, &rules);
            }
            let leg = if is_x { Leg::X } else { Leg::Y };
            rarely.add(now, leg, change, &rules);
            often.add(now, leg, change, &rules);
            prop_assert_eq!(rarely.n_eff(&rules).to_bits(), often.n_eff(&rules).to_bits());
            for lag in -20..=20 {
                let found = [rarely, often].map(|lagged| lagged.products().correlation(lag));
                let is_close = match found {
                    [Ok(a), Ok(b)] => (a - b).abs() < 1e-9,
                    [a, b] => a == b,
                };
                prop_assert!(is_close, "{lag}: {found:?}");
            }
        }
    }

    #[test]
    fn shares_are_shares(
        alphas in (-1.0..=0.0f64, 0.0..=1.0f64),
        deviations in (0.0..2.0f64, 0.0..2.0f64),
        rho in -1.0..=1.0f64,
    ) {
        let model = ErrorCorrection { alpha1: alphas.0, alpha2: alphas.1, s1: deviations.0, s2: deviations.1, rho };
        let mirrored = ErrorCorrection { alpha1: -alphas.1, alpha2: -alphas.0, s1: deviations.1, s2: deviations.0, rho };
        if let Ok(found) = price_discovery(&model) {
            let shares = [found.component, found.information_upper, found.information_lower, found.information_mid];
            for share in shares.into_iter().chain(found.leadership) {
                prop_assert!((-1e-12..=1.0 + 1e-12).contains(&share), "{found:?}");
            }
            let other = price_discovery(&mirrored).unwrap();
            prop_assert!((found.component + other.component - 1.0).abs() < 1e-9);
            prop_assert!((found.information_upper + other.information_lower - 1.0).abs() < 1e-9);
        }
    }
}

/// What a host may do to a market, garbage included.
#[derive(Debug, Clone)]
enum Act {
    Mid { index: usize, after_ms: i64, log_mid: f64 },
    Advance { after_ms: i64 },
    Reset { index: usize },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let log_mid = || {
        prop_oneof![
            20 => 10.9..11.1f64,
            1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-1e300), Just(99.0), Just(0.0), Just(-99.0)],
        ]
    };
    let after = || {
        prop_oneof![
            20 => 0i64..200,
            2 => -5_000i64..0,
            2 => 0i64..900_000,
            1 => prop_oneof![Just(0), Just(8_000_000_000_000), Just(-8_000_000_000_000)],
        ]
    };
    let act = prop_oneof![
        20 => (0usize..4, after(), log_mid())
            .prop_map(|(index, after_ms, log_mid)| Act::Mid { index, after_ms, log_mid }),
        5 => after().prop_map(|after_ms| Act::Advance { after_ms }),
        1 => (0usize..4).prop_map(|index| Act::Reset { index }),
    ];
    proptest::collection::vec(act, 1..200)
}

fn play(pairs: &mut VenuePairs, acts: &[Act], now: &mut i64, rules: &CrossVenueRules) {
    for act in acts {
        match *act {
            Act::Mid { index, after_ms, log_mid } => {
                *now = now.saturating_add(after_ms.saturating_mul(MILLI));
                pairs.on_mid(index, *now, log_mid, rules);
            }
            Act::Advance { after_ms } => {
                *now = now.saturating_add(after_ms.saturating_mul(MILLI));
                pairs.advance(*now, rules);
            }
            Act::Reset { index } => pairs.reset(index),
        }
    }
}

/// Every number of the features of a pair.
fn numbers(features: &PairFeatures) -> Vec<f64> {
    let mut numbers = Vec::new();
    numbers.extend(features.correlation.map(|found| found.correlation));
    if let Ok(found) = features.lead_lag {
        numbers.push(found.correlation);
        numbers.extend(found.ratio);
    }
    for found in features.lagged.into_iter().flatten() {
        numbers.extend([found.finding.correlation, found.finding.standard_error]);
    }
    if let Ok(found) = features.vecm {
        numbers.extend([found.model.alpha1, found.model.alpha2, found.model.s1, found.model.s2]);
        numbers.extend([found.model.rho, found.pull_errors]);
    }
    if let Ok(found) = features.discovery {
        numbers.extend([found.component, found.information_upper, found.information_lower]);
        numbers.extend(found.leadership);
    }
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn garbage_leaves_numbers_finite_and_a_loaded_state_goes_on_the_same(acts in acts(), cut in any::<prop::sample::Index>()) {
        let rules = CrossVenueRules::new(&CrossVenueSettings { half_life_secs: 1, ..CrossVenueSettings::default() });
        let mut pairs = VenuePairs::new(3, 1).unwrap();
        let mut now = 1_700_000_000 * SECOND;
        let (before, after) = acts.split_at(cut.index(acts.len()));
        play(&mut pairs, before, &mut now, &rules);
        // Through values, because the text of a float does not come back to the bit.
        let saved = serde_json::to_value(&pairs).unwrap();
        let mut loaded: VenuePairs = serde_json::from_value(saved).unwrap();
        prop_assert!(loaded == pairs);
        let mut now_too = now;
        play(&mut pairs, after, &mut now, &rules);
        play(&mut loaded, after, &mut now_too, &rules);
        prop_assert!(loaded == pairs);
        for index in 0..4 {
            let features = pairs.features(index, &rules);
            prop_assert_eq!(features.is_none(), index == 1 || index == 3);
            let Some(features) = features else { continue };
            prop_assert!(numbers(&features).into_iter().all(f64::is_finite), "{features:?}");
            prop_assert!(pairs.changes(index).unwrap().len() <= CHANGES_MAX);
        }
    }
}

/// The mids of three venues for a bit more than an hour, as (time in ms, venue, log mid): the second one follows the primary
/// by 120 ms, the third is on its own.
fn market() -> Vec<(i64, usize, f64)> {
    let mut random = 11_u64;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from((random >> 33) % below).expect("small")
    };
    let mut mids = [11.0, 11.0];
    let mut events = Vec::new();
    let mut now = 0;
    while now < 3_700_000 {
        now += i64::from(150 + next(700));
        mids = mids.map(|mid| mid + f64::from(next(1_001) - 500) * 1e-8);
        events.push((now, 0, mids[0]));
        events.push((now + 3, 2, mids[1]));
        events.push((now + 120, 1, mids[0] + f64::from(next(11) - 5) * 1e-8));
    }
    events.sort_by_key(|event| event.0);
    events
}

#[test]
fn a_follower_is_found_and_a_stranger_is_not() {
    let settings = CrossVenueSettings {
        lead_lag_every_secs: 2_000,
        lead_lag_units: 100,
        ..CrossVenueSettings::default()
    };
    let rules = CrossVenueRules::new(&settings);
    let mut pairs = VenuePairs::new(3, 0).unwrap();
    let mut second = 0;
    for (at_ms, index, log_mid) in market() {
        while second < at_ms / 1_000 {
            second += 1;
            pairs.advance(second * SECOND, &rules);
        }
        pairs.on_mid(index, at_ms * MILLI, log_mid, &rules);
    }
    assert!(pairs.features(0, &rules).is_none());

    let follower = pairs.features(1, &rules).unwrap();
    assert!(follower.correlation.unwrap().correlation > 0.5, "{follower:?}");
    let lead = follower.lead_lag.unwrap();
    assert!(lead.is_significant() && (110..=130).contains(&lead.theta_ms), "{lead:?}");
    assert!(lead.ratio.unwrap() > 1.0, "{lead:?}");
    for (lagged, lag_ms) in follower.lagged.into_iter().skip(1).zip([120, 120]) {
        let lagged = lagged.unwrap();
        assert!(lagged.is_significant && (lagged.lag_ms - lag_ms).abs() <= 30, "{lagged:?}");
    }
    let discovery = follower.discovery.unwrap();
    // An echo after 120 ms is mostly within the second of one look: the shared part of the news is nobody's.
    assert!(!discovery.is_determined() && discovery.information_upper > 0.99, "{discovery:?}");
    assert!((0.9..1.1).contains(&discovery.component), "{discovery:?}");

    let stranger = pairs.features(2, &rules).unwrap();
    assert!(stranger.correlation.unwrap().correlation.abs() < 0.3, "{stranger:?}");
    assert!(!stranger.lead_lag.unwrap().is_significant(), "{stranger:?}");
    assert!(stranger.lagged.into_iter().flatten().all(|lagged| !lagged.is_significant), "{stranger:?}");
    assert!(stranger.discovery.is_err(), "{stranger:?}");
}

#[test]
fn a_market_of_too_many_or_without_its_primary_is_refused() {
    for (count, primary, is_ok) in [(0, 0, false), (1, 0, true), (8, 7, true), (8, 8, false), (9, 0, false)] {
        assert_eq!(VenuePairs::new(count, primary).is_some(), is_ok, "{count} {primary}");
    }
}

#[test]
fn a_newcomer_and_another_primary_cost_no_more_than_they_must() {
    let rules = CrossVenueRules::new(&CrossVenueSettings::default());
    let mut pairs = VenuePairs::new(2, 0).unwrap();
    for (at_ms, index, log_mid) in market().into_iter().take(1_200).filter(|event| event.1 < 2) {
        pairs.on_mid(index, at_ms * MILLI, log_mid, &rules);
    }
    let before = pairs.features(1, &rules).unwrap();
    assert!(before.correlation.is_ok() && before.lagged[1].is_ok(), "{before:?}");
    // A third one comes before both.
    let pairs = pairs.rearranged(&[None, Some(0), Some(1)], 1).unwrap();
    assert_eq!((pairs.len(), pairs.primary()), (3, 1));
    assert_eq!(pairs.features(2, &rules), Some(before));
    assert!(pairs.features(0, &rules).unwrap().correlation.is_err());
    // Of another primary only the mids are known, and the correlation that is measured on them.
    let other = pairs.rearranged(&[Some(1), Some(2)], 1).unwrap();
    let found = other.features(0, &rules).unwrap();
    assert_eq!(found.correlation, before.correlation);
    assert!(found.lagged.into_iter().all(|lagged| lagged.is_err()), "{found:?}");
    assert!(other.rearranged(&[Some(0)], 1).is_none());
}

#[test]
fn venues_of_another_market_are_not_loaded() {
    let pairs = VenuePairs::new(3, 1).unwrap();
    let saved = serde_json::to_value(&pairs).unwrap();
    assert!(serde_json::from_value::<VenuePairs>(saved.clone()).unwrap() == pairs);
    for (key, value) in [
        ("primary", serde_json::json!(3)),
        ("turn", serde_json::json!(3)),
        ("instruments", serde_json::json!([])),
        ("pairs", serde_json::json!([])),
    ] {
        let mut wrong = saved.clone();
        wrong[key] = value;
        assert!(serde_json::from_value::<VenuePairs>(wrong).is_err(), "{key}");
    }
}
