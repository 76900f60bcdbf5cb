//! Laws of stage 2 that hold for every input: methods reference, section 13.

use opus2_hifa::context::{
    Bar, BarSeries, BarSpan, ContextEvidence, ContextMultiplier, ContextSettings, FeatureFrame,
    FrameSettings, InstrumentContext, InstrumentScales, MultiplierSettings,
};
use opus2_hifa::estimator::amihud::{Amihud, illiquidity};
use opus2_hifa::estimator::bulk_volume::{MoveLaw, buy_fraction, split_volume};
use opus2_hifa::estimator::ew_moments::EwMoments;
use opus2_hifa::estimator::ew_regression::EwRegression;
use opus2_hifa::estimator::kyle::{KyleLambda, LambdaSettings};
use opus2_hifa::estimator::percentile_history::PercentileHistory;
use opus2_hifa::estimator::realised::{Realised, RealisedWindow};
use opus2_hifa::estimator::riskmetrics::RiskMetrics;
use opus2_hifa::estimator::rls::{Rls, RlsSettings};
use opus2_hifa::estimator::trailing_volume::{TrailingSpan, TrailingVolume};
use opus2_hifa::estimator::vpin::{Tilt, Vpin, VpinSettings};
use opus2_hifa::{Absent, Direction, Measure};
use opus2_types::{Aggressor, Price, Qty};
use proptest::collection::vec;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;
const VPIN: VpinSettings = VpinSettings { buckets: 4, history_weight_min: 1.0, ..VpinSettings::INTRADAY };

/// Any float, the awkward ones often.
fn garbage() -> impl Strategy<Value = f64> {
    let awkward = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        0.0,
        -0.0,
        1e200,
        -1e160,
    ];
    prop_oneof![
        2 => proptest::sample::select(awkward.to_vec()),
        2 => -10.0..10.0f64,
        1 => proptest::num::f64::ANY,
    ]
}

/// Any integer, the awkward ones often.
fn any_integer() -> impl Strategy<Value = i64> {
    prop_oneof![
        1 => proptest::sample::select(vec![i64::MIN, i64::MAX, -1, 0, 1]),
        3 => 1i64..100_000,
        1 => any::<i64>(),
    ]
}

fn measures() -> impl Strategy<Value = Measure> {
    prop_oneof![3 => garbage().prop_map(Ok), 1 => Just(Err(Absent::Cold)), 1 => Just(Err(Absent::Resync))]
}

#[track_caller]
fn check_finite(found: impl IntoIterator<Item = Measure>) {
    for found in found {
        assert!(found.is_err() || found.is_ok_and(f64::is_finite), "{found:?}");
    }
}

/// VPIN after trades of volume and share that bought, all volumes and the buckets times `factor`.
fn vpin_of(trades: &[(i64, f64)], factor: i64) -> Vpin {
    let mut vpin = Vpin::new(&VPIN);
    for (volume, fraction) in trades {
        let tilt = Tilt::from_buy_fraction(*fraction).expect("a share of a whole");
        vpin.take(volume * factor, tilt, 50 * factor, &VPIN, |_| ());
    }
    vpin
}

fn trades() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let fraction = prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0f64];
    vec((prop_oneof![10 => 1i64..60, 1 => 60i64..2_000], fraction), 1..80)
}

proptest! {
    #[test]
    fn vpin_is_between_zero_and_one(trades in trades()) {
        let vpin = vpin_of(&trades, 1);
        if let Ok(value) = vpin.measure() {
            prop_assert!((0.0..=1.0).contains(&value));
            prop_assert!(vpin.percentile(&VPIN).is_ok_and(|rank| (0.0..=1.0).contains(&rank)));
        }
        let total: i64 = trades.iter().map(|(volume, _)| volume).sum();
        prop_assert_eq!(vpin.partial_volume(), total % 50);
        prop_assert_eq!(vpin.is_warm(), total >= 4 * 50);
    }

    #[test]
    fn flow_of_one_side_has_vpin_one(volumes in vec(1i64..500, 200..250), buys in any::<bool>()) {
        let fraction = f64::from(u8::from(buys));
        let trades: Vec<_> = volumes.into_iter().map(|volume| (volume, fraction)).collect();
        prop_assert_eq!(vpin_of(&trades, 1).measure(), Ok(1.0));
    }

    #[test]
    fn sizes_in_another_unit_leave_vpin(trades in trades(), factor in 1i64..1_000_000_000) {
        match (vpin_of(&trades, 1).measure(), vpin_of(&trades, factor).measure()) {
            (Ok(one), Ok(other)) => prop_assert!((one - other).abs() < 1e-12),
            (one, other) => prop_assert_eq!(one, other),
        }
    }

    /// However a flow is cut into trades, the buckets are the same.
    #[test]
    fn a_trade_in_parts_is_the_trade(trades in trades(), part in 1i64..50) {
        let mut parts = Vec::new();
        for (volume, fraction) in &trades {
            for _ in 0..volume / part {
                parts.push((part, *fraction));
            }
            parts.push((volume % part, *fraction));
        }
        let (whole, parts) = (vpin_of(&trades, 1), vpin_of(&parts, 1));
        prop_assert_eq!(whole.measure(), parts.measure());
        prop_assert_eq!(whole.partial_volume(), parts.partial_volume());
    }

    #[test]
    fn a_regression_without_decay_is_ordinary_least_squares(
        points in vec((-1e3..1e3f64, -1e3..1e3f64), 3..60),
    ) {
        let mut line = EwRegression::default();
        for (x, y) in &points {
            line.update(*x, *y, 1.0);
        }
        // The textbook's two passes.
        let n = f64::from(u32::try_from(points.len()).unwrap());
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
        let (mx, my) = (mean(&|p| p.0), mean(&|p| p.1));
        let xx = n * mean(&|p| (p.0 - mx).powi(2));
        let xy = n * mean(&|p| (p.0 - mx) * (p.1 - my));
        let yy = n * mean(&|p| (p.1 - my).powi(2));
        prop_assume!(xx > 1.0 && yy > 1.0);
        prop_assert!((line.slope().unwrap() - xy / xx).abs() < 1e-9 * (1.0 + (yy / xx).sqrt()));
        prop_assert!((line.r2().unwrap() - xy * xy / (xx * yy)).abs() < 1e-9);
        prop_assert!((line.n_eff() - n).abs() < 1e-9 && (line.weight() - n).abs() < 1e-9);
    }

    /// Old points under decay weigh as if each had been given with its weight.
    #[test]
    fn a_regression_with_decay_is_weighted_least_squares(
        points in vec((-10.0..10.0f64, -10.0..10.0f64), 3..40), decay in 0.7..1.0f64,
    ) {
        let mut line = EwRegression::default();
        let mut sums = [0.0f64; 5];
        for (x, y) in &points {
            line.update(*x, *y, decay);
            for (sum, term) in sums.iter_mut().zip([1.0, *x, *y, x * x, x * y]) {
                *sum = decay * *sum + term;
            }
        }
        let [w, x, y, xx, xy] = sums;
        let spread = xx - x * x / w;
        prop_assume!(spread > 0.1);
        prop_assert!((line.slope().unwrap() - (xy - x * y / w) / spread).abs() < 1e-8);
    }

    #[test]
    fn recursive_least_squares_follow_any_plane(
        weights in (-5.0..5.0f64, -5.0..5.0f64), xs in vec(-3.0..3.0f64, 60..80),
    ) {
        let settings = RlsSettings { initial_covariance: 1e6, ..RlsSettings::default() };
        let mut rls = Rls::new(2, &settings).unwrap();
        for x in &xs {
            rls.update(&[1.0, *x], weights.0 + weights.1 * x, &settings).unwrap();
        }
        prop_assert!((rls.predict(&[1.0, 0.5]).unwrap() - (weights.0 + 0.5 * weights.1)).abs() < 1e-3);
    }

    #[test]
    fn variances_are_never_negative(returns in vec(-0.1..0.1f64, 0..60), zeros in 0usize..5) {
        let returns = returns.iter().copied().chain(std::iter::repeat_n(0.0, zeros));
        let found = Realised::of(returns);
        for part in [found.variance, found.bipower, found.tripower] {
            prop_assert!(part.is_err() || part.is_ok_and(|part| part >= 0.0));
        }
        prop_assert!(found.relative_jump.is_err() || found.relative_jump.is_ok_and(|share| share <= 1.0));
    }

    #[test]
    fn a_bar_is_split_without_rest(volume in 0.0..1e6f64, change in -5.0..5.0f64, degrees in 0.1..50.0f64) {
        for law in [MoveLaw::Normal, MoveLaw::StudentT { degrees }] {
            let found = split_volume(volume, change, 1.0, law).unwrap();
            prop_assert!((found.buy + found.sell - volume).abs() <= 1e-9 * volume);
            prop_assert!(found.buy >= 0.0 && found.sell >= 0.0);
            prop_assert!((found.buy > found.sell) == (change > 0.0) || volume * change.abs() < 1e-6);
            let (up, down) = (buy_fraction(change, 1.0, law).unwrap(), buy_fraction(-change, 1.0, law).unwrap());
            prop_assert!((up + down - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_multiplier_is_never_beyond_its_limits(
        agreement in measures(), lead_z in measures(), percentile in measures(), jump in any::<Option<bool>>(),
    ) {
        let evidence = ContextEvidence {
            agreement,
            lead_z,
            vpin_percentile: percentile,
            is_jump: jump.ok_or(Absent::Cold),
        };
        for direction in [Direction::Up, Direction::Down] {
            let found = ContextMultiplier::of(&evidence.towards(direction), &MultiplierSettings::default());
            prop_assert!((0.25..=1.5).contains(&found.value), "{:?}", found);
            prop_assert!(found.unclamped.is_finite());
            let sum: f64 = found.parts().into_iter().filter_map(|(_, part)| part.ok()).sum();
            prop_assert!((1.0 + sum - found.unclamped).abs() < 1e-12);
        }
    }

    #[test]
    fn a_frame_never_disagrees_with_itself(
        rows in vec((measures(), measures(), measures()), 1..100), conflation_ms in 0u32..20_000,
    ) {
        let settings = FrameSettings { weight_min: 3.0, ..FrameSettings::default() };
        let mut frame = FeatureFrame::default();
        for row in rows {
            let found = frame.observe(row.into(), conflation_ms, None, &settings);
            check_finite(found.windows.iter().flat_map(|window| [window.value, window.z]));
            prop_assert!(found.agreement.is_err() || found.agreement.is_ok_and(|a| (-1.0..=1.0).contains(&a)));
            for (window, ms) in found.windows.iter().zip([1_000, 5_000, 15_000]) {
                prop_assert_eq!(window.value == Err(Absent::DataType), conflation_ms > ms);
            }
            prop_assert!(frame.is_consistent());
        }
    }

    /// Bars of five seconds hold what their seconds hold, whatever the pattern of silence and loss.
    #[test]
    fn longer_bars_are_the_sum_of_their_seconds(
        steps in vec((1i64..8, -500i64..500, 0u8..12), 20..120),
    ) {
        let mut series = BarSeries::default();
        let mut seconds: Vec<Bar> = Vec::new();
        let mut now = 0;
        for (silent, qty, kind) in steps {
            match kind {
                0 => series.interrupt(),
                1..=5 => series.observe_mid(1_000 + qty),
                _ => {
                    let aggressor = if qty > 0 { Aggressor::Buy } else { Aggressor::Sell };
                    series.observe_trade(Price(7), Qty(qty.abs()), aggressor);
                }
            }
            now += silent * SECOND;
            let mut longer = Vec::new();
            series.close(now, |span, bar| match span {
                BarSpan::Second => seconds.push(*bar),
                BarSpan::FiveSeconds => longer.push((*bar, seconds.clone())),
                BarSpan::Minute => (),
            });
            for (bar, before) in longer {
                let parts = &before[before.len() - 5..];
                prop_assert_eq!(bar.end % (5 * SECOND), 0);
                prop_assert_eq!(bar.signed_volume, parts.iter().map(|part| part.signed_volume).sum::<i128>());
                prop_assert_eq!(bar.notional, parts.iter().map(|part| part.notional).sum::<i128>());
                prop_assert_eq!(bar.trades, parts.iter().map(|part| part.trades).sum::<u64>());
                prop_assert_eq!(bar.is_broken, parts.iter().any(|part| part.is_broken));
                prop_assert_eq!(bar.mid_close_doubled, parts[4].mid_close_doubled);
            }
        }
        let grid: Vec<i64> = seconds.iter().map(|bar| bar.end).collect();
        prop_assert!(grid.windows(2).all(|pair| pair[1] - pair[0] == SECOND));
        for pair in seconds.windows(2) {
            // Each bar opens where the one before closed, unless there was no mid.
            if let Some(close) = pair[0].mid_close_doubled {
                prop_assert_eq!(pair[1].mid_open_doubled, Some(close));
            }
        }
    }

    #[test]
    fn no_garbage_makes_an_estimator_give_anything_but_numbers(
        values in vec((garbage(), garbage(), garbage(), any_integer()), 1..120),
    ) {
        let lambda_settings = LambdaSettings { weight_min: 2.0, ..LambdaSettings::default() };
        let rls_settings = RlsSettings::default();
        let mut line = EwRegression::default();
        let mut kyle = KyleLambda::default();
        let mut rls = Rls::new(2, &rls_settings).unwrap();
        let (mut amihud, mut realised) = (Amihud::default(), RealisedWindow::default());
        let (mut metrics, mut moments) = (RiskMetrics::default(), EwMoments::default());
        let mut history = PercentileHistory::default();
        for (x, y, z, count) in &values {
            for law in [MoveLaw::Normal, MoveLaw::StudentT { degrees: *z }] {
                let found = buy_fraction(*x, *y, law);
                check_finite([found]);
                prop_assert!(found.is_err() || found.is_ok_and(|share| (0.0..=1.0).contains(&share)));
                let split = split_volume(*z, *x, *y, law);
                check_finite([split.map(|bar| bar.buy), split.map(|bar| bar.sell)]);
            }
            for decay in [*z, 0.9] {
                line.update(*x, *y, decay);
                metrics.update(*x, decay);
                moments.update(*x, decay);
            }
            kyle.update(*x, *y, &lambda_settings);
            check_finite([rls.update(&[*x, *y], *z, &rls_settings), rls.predict(&[*y, *z])]);
            amihud.update(*x, *y);
            realised.update(*x);
            history.add(*x, count.unsigned_abs(), *y);
            check_finite([history.rank(*z, 1.0), history.rank(0.5, *z)]);
            check_finite([line.slope(), line.intercept(), line.r2()]);
            check_finite([kyle.measure(&lambda_settings), kyle.r2(&lambda_settings)]);
            let impact = kyle.impact(*z, &lambda_settings);
            check_finite([impact, kyle.bps_per_100k_quote(*z, &lambda_settings)]);
            prop_assert!(impact.is_err() || impact.is_ok_and(|impact| impact >= 0.0));
            check_finite([amihud.measure(), metrics.measure(), moments.mean(), moments.sd()]);
            prop_assert!(line.is_consistent() && kyle.is_consistent() && rls.is_consistent());
        }
        for found in [realised.measure(), Realised::of(values.iter().map(|value| value.1))] {
            check_finite([found.variance, found.bipower, found.relative_jump, found.tripower, found.z_ratio]);
        }
        check_finite([illiquidity(values.iter().map(|value| (value.0, value.2)))]);
    }

    #[test]
    fn no_garbage_of_events_breaks_the_context_of_an_instrument(
        events in vec((0u8..6, any_integer(), any_integer(), -5i64..400), 1..200),
        scales in (any::<u8>(), any::<u8>()),
    ) {
        let settings = ContextSettings { vpin: VPIN, ..ContextSettings::default() };
        let scales = InstrumentScales { price: scales.0, qty: scales.1 };
        let mut context = InstrumentContext::new(&settings);
        let mut volume = TrailingVolume::new(TrailingSpan::HOUR);
        let mut now = 0i64;
        for (kind, a, b, secs) in events {
            match kind {
                0 => context.observe_mid(a),
                1 => context.observe_trade(Price(a), Qty(b), Aggressor::Buy, &settings),
                2 => context.observe_trade(Price(a), Qty(b), Aggressor::Sell, &settings),
                3 => context.reset_reference(),
                4 => context.close(a, scales, &settings),
                _ => {
                    now += secs * SECOND;
                    context.close(now, scales, &settings);
                }
            }
            volume.add(a);
            volume.advance(b, TrailingSpan::HOUR);
            prop_assert!(volume.part(7, TrailingSpan::HOUR).is_err() || volume.part(7, TrailingSpan::HOUR) >= Ok(1));
            let found = context.reading(scales, &settings);
            check_finite([found.vpin, found.vpin_percentile, found.lambda, found.lambda_r2]);
            check_finite([found.illiquidity_per_million, found.slow_volatility, found.realised.z_ratio]);
            prop_assert!(context.is_consistent());
        }
        let saved = serde_json::to_string(&context).unwrap();
        let loaded: InstrumentContext = serde_json::from_str(&saved).unwrap();
        prop_assert_eq!(&loaded, &context);
        prop_assert_eq!(serde_json::to_string(&loaded).unwrap(), saved);
    }
}
