//! Laws that hold for every input, garbage included: methods reference, section 13.

use opus2_backtest::statistics::block_length::{BlockRule, politis_white};
use opus2_backtest::statistics::bootstrap::{BootstrapSettings, Interval, bootstrap, stationary_indices};
use opus2_backtest::statistics::monte_carlo::{PermutationSettings, permutation_drawdown, placebo_p_value};
use opus2_backtest::statistics::overfitting::pbo_cscv;
use opus2_backtest::statistics::performance::Performance;
use opus2_backtest::statistics::proportion::{break_even, break_even_symmetric, wilson};
use opus2_backtest::statistics::sample::{Shape, autocorrelations};
use opus2_backtest::statistics::sharpe::{SharpeEstimate, Trials, time_aggregation};
use opus2_backtest::statistics::walk_forward::{Efficiency, ParameterDrift, WalkForward};
use proptest::prelude::*;

/// Any number at all, small ones most of the time.
fn garbage() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -2.0..2.0f64,
        2 => Just(0.0),
        1 => any::<f64>(),
        1 => prop_oneof![
            Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(f64::MAX), Just(f64::MIN_POSITIVE),
        ],
    ]
}

fn garbage_list() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        2 => proptest::collection::vec(garbage(), 0..12),
        2 => proptest::collection::vec(-2.0..2.0f64, 0..60),
        1 => proptest::collection::vec(prop_oneof![Just(1.0), Just(0.0)], 0..40),
        1 => proptest::collection::vec(any::<f64>(), 0..12),
    ]
}

fn all_finite(values: impl IntoIterator<Item = Option<f64>>) -> bool {
    values.into_iter().flatten().all(f64::is_finite)
}

fn ends(interval: Option<Interval>) -> [Option<f64>; 3] {
    [interval.map(|found| found.lo), interval.map(|found| found.median), interval.map(|found| found.hi)]
}

fn is_ordered(interval: Option<Interval>) -> bool {
    interval.is_none_or(|found| found.lo <= found.median && found.median <= found.hi)
}

/// Few enough trades that all orders are walked quickly, or so many that orders are drawn.
fn trades() -> impl Strategy<Value = Vec<i32>> {
    prop_oneof![0usize..7, 10usize..14].prop_flat_map(|len| proptest::collection::vec(-50i32..50, len))
}

proptest! {
    #[test]
    fn bootstrap_indices_are_in_range(n in 0usize..50, p in garbage(), u in garbage_list(), v in garbage_list()) {
        let found = stationary_indices(n, p, &u, &v);
        prop_assert!(found.iter().all(|index| *index < n));
        prop_assert_eq!(found.len(), if n == 0 { 0 } else { u.len().min(v.len()) });
    }

    #[test]
    fn test_ranges_are_disjoint_and_follow_training_by_an_embargo(
        train in 0usize..40, test in 0usize..40, extra in 0usize..10, embargo in 0usize..10, periods in 0usize..400,
    ) {
        let plan = WalkForward { train, test, step: test + extra, embargo };
        prop_assert!(plan.has_disjoint_tests());
        let mut tested = 0;
        for fold in plan.folds(periods) {
            prop_assert_eq!((fold.train.len(), fold.test.len()), (train, test));
            prop_assert_eq!(fold.test.start, fold.train.end + embargo);
            prop_assert!(fold.test.start >= tested && fold.test.end <= periods);
            tested = fold.test.end;
        }
    }

    #[test]
    fn wilson_lies_in_the_unit_interval_and_holds_the_share(
        trials in 0usize..2_000, share in 0.0..=1.0f64, confidence in garbage(),
    ) {
        let successes = (0..trials).filter(|at| f64::from(u32::try_from(*at).expect("few")) < share * 2_000.0).count();
        if let Some(found) = wilson(successes, trials, confidence) {
            let exact = f64::from(u32::try_from(successes).expect("few")) / f64::from(u32::try_from(trials).expect("few"));
            prop_assert!(0.0 <= found.lo && found.lo <= exact && exact <= found.hi && found.hi <= 1.0);
        }
        prop_assert_eq!(wilson(successes, trials, 0.95).is_none(), trials == 0);
    }

    #[test]
    fn drawdowns_of_reordered_trades_lie_between_the_total_and_all_losses(pnl in trades(), seed in any::<u64>()) {
        // The deepest drawdown of an order is at least what the total alone costs, and at most what all losses cost.
        let list: Vec<f64> = pnl.iter().copied().map(f64::from).collect();
        let found = permutation_drawdown(&list, 1_000.0, &PermutationSettings { samples: 50, seed }).expect("finite");
        let total = f64::from(pnl.iter().sum::<i32>());
        let losses = f64::from(pnl.iter().copied().filter(|x| *x < 0).sum::<i32>());
        let least = (-total / 1_000.0).max(0.0);
        prop_assert!(found.mean >= least - 1e-12 && found.mean <= found.max + 1e-12 && found.p95 <= found.max);
        prop_assert!(found.max <= -losses / 1_000.0 + 1e-12);
        if found.is_exhaustive {
            prop_assert_eq!(found.count, (1..=pnl.len()).product::<usize>());
        }
    }

    #[test]
    fn performance_is_finite_or_none(equity in garbage_list(), per_year in garbage(), span_days in garbage()) {
        let found = Performance::of(&equity, per_year);
        for shown in [found, found.reported(span_days)] {
            prop_assert!(all_finite([
                shown.total_return, shown.mean, shown.sd, shown.sharpe_period, shown.sharpe_annual,
                shown.sortino_annual, shown.max_drawdown, shown.cagr, shown.calmar,
            ]));
            prop_assert!(shown.longest_underwater_periods <= equity.len());
        }
    }

    #[test]
    fn sharpe_statistics_are_finite_or_none_and_probabilities_are_probabilities(
        numbers in proptest::array::uniform6(garbage()), periods in 0usize..500, count in 0usize..300,
    ) {
        let [sharpe, skewness, kurtosis, benchmark, variance, confidence] = numbers;
        let estimate = SharpeEstimate { sharpe, periods, shape: Shape { skewness, kurtosis } };
        let trials = Trials { count, variance };
        let errors = estimate.standard_errors();
        let probabilities = [estimate.probabilistic(benchmark), estimate.deflated(&trials)];
        prop_assert!(probabilities.into_iter().flatten().all(|p| (0.0..=1.0).contains(&p)));
        prop_assert!(all_finite([
            errors.iid_normal, errors.general, estimate.min_track_record(benchmark, confidence),
            trials.expected_maximum(),
        ]));
    }

    #[test]
    fn more_trials_never_flatter(count in 1usize..5_000, variance in 0.0..1.0f64) {
        let expected = |count| Trials { count, variance }.expected_maximum().expect("valid");
        prop_assert!(expected(count) <= expected(count + 1) + 1e-9);
    }

    #[test]
    fn samples_are_finite_or_none(sample in garbage_list(), lags in 0usize..20, periods in 0usize..40) {
        let rho = autocorrelations(&sample, lags);
        prop_assert!(rho.iter().flatten().all(|rho| rho.abs() <= 1.0 + 1e-9));
        prop_assert!(time_aggregation(&sample, periods).is_none_or(f64::is_finite));
        prop_assert!(politis_white(&sample).is_none_or(|length| length.is_finite() && length >= 1.0));
        if let Some(estimate) = SharpeEstimate::of(&sample) {
            prop_assert!(estimate.sharpe.is_finite() && estimate.probabilistic(0.0).is_none_or(f64::is_finite));
        }
    }

    #[test]
    fn overfitting_is_a_probability_or_refused(
        rows in proptest::collection::vec(proptest::collection::vec(-2.0..2.0f64, 3), 0..20),
        odd in garbage(),
        blocks in 0usize..9,
    ) {
        let mut dirty = rows.clone();
        for rows in [rows, { dirty.extend([vec![odd; 3]]); dirty }] {
            if let Ok(found) = pbo_cscv(&rows, blocks) {
                prop_assert!((0.0..=1.0).contains(&found.pbo));
                prop_assert!(found.logits.iter().all(|logit| logit.is_finite()));
            }
        }
    }

    #[test]
    fn walk_forward_statistics_are_finite_or_none(inside in garbage_list(), outside in garbage_list()) {
        let found = Efficiency::of(&inside, &outside);
        prop_assert!(all_finite([found.wfe, found.positive_fraction]));
        let rows: Vec<[f64; 1]> = inside.iter().map(|x| [*x]).collect();
        let lo = outside.first().copied().unwrap_or(0.0);
        if let Some(drift) = ParameterDrift::of(&rows, &[lo], &[lo + 1.0]) {
            prop_assert!(all_finite(drift.steps.into_iter().map(Some).chain([drift.mean, drift.max])));
        }
    }

    #[test]
    fn small_figures_are_finite_or_none(a in garbage(), b in garbage(), placebos in garbage_list()) {
        prop_assert!(all_finite([break_even(a, b), break_even_symmetric(a, b)]));
        prop_assert!(placebo_p_value(a, &placebos).is_none_or(|p| p > 0.0 && p <= 1.0));
        let found = permutation_drawdown(&placebos[..placebos.len().min(6)], a, &PermutationSettings::default());
        prop_assert!(all_finite([found.map(|found| found.mean), found.map(|found| found.max)]));
    }

    #[test]
    fn bootstrap_intervals_are_ordered_and_finite(returns in garbage_list(), length in garbage(), seed in any::<u64>()) {
        let block_length = BlockRule::Fixed(length).length(&returns);
        let settings =
            BootstrapSettings { resamples: 20, seed, confidence: 0.9, block_length, periods_per_year: 365.0 };
        if let Some(found) = bootstrap(&returns, &settings) {
            let intervals = [found.total_return, found.sharpe_annual, found.max_drawdown];
            for interval in intervals {
                prop_assert!(is_ordered(interval) && all_finite(ends(interval)));
            }
        }
    }
}
