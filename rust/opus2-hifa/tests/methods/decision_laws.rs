//! Laws of combination, calibration and decision that hold for every input: methods reference, section 13.

use opus2_hifa::decision::calibration::{CalibrationMap, IsotonicMap, isotonic_fit};
use opus2_hifa::decision::combine::{
    ClassProbabilities, PROBABILITY_MAX, PROBABILITY_MIN, StageFactors, Standardised, Standardiser, Term,
    combine, log_loss, logit, probability,
};
use opus2_hifa::decision::config::DecisionConfig;
use opus2_hifa::decision::hysteresis::{Change, Hysteresis, HysteresisSettings, Observation, Position};
use opus2_hifa::decision::labels::LabelQueue;
use opus2_hifa::decision::logistic::{
    FitSettings, LearningSettings, OnlineLogistic, RateDecay, Samples, fit_logistic,
};
use opus2_hifa::decision::model::Model;
use opus2_hifa::decision::reliability::reliability;
use opus2_hifa::decision::rule::{DecisionRule, Proposal};
use opus2_hifa::{Absent, Measure};
use proptest::prelude::*;

/// Any float, with those that break arithmetic more often than chance would have it.
fn garbage() -> impl Strategy<Value = f64> {
    let odd =
        [0.0, -0.0, 1.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    prop_oneof![2 => any::<f64>(), 2 => -2.0..2.0, 1 => prop::sample::select(odd.to_vec())]
}

fn measure() -> impl Strategy<Value = Measure> {
    prop_oneof![4 => garbage().prop_map(Ok), 1 => Just(Err(Absent::Cold))]
}

fn labelled(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(f64, f64)>> {
    let p = prop_oneof![3 => 0.0..=1.0, 1 => prop::sample::select(vec![0.0, 0.1, 0.5, 0.7, 1.0])];
    let y = prop_oneof![3 => any::<bool>().prop_map(f64::from), 1 => 0.0..=1.0];
    prop::collection::vec((p, y), len)
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
}

proptest! {
    #[test]
    fn a_probability_is_within_its_bounds_and_rises_with_its_logit(a in garbage(), b in garbage()) {
        for z in [a, b] {
            match probability(z) {
                Ok(p) => prop_assert!((PROBABILITY_MIN..=PROBABILITY_MAX).contains(&p)),
                Err(_) => prop_assert!(z.is_nan()),
            }
        }
        if let (Ok(p), Ok(q)) = (probability(a), probability(b)) {
            prop_assert!((a <= b && p <= q) || (b <= a && q <= p));
            prop_assert!(a.abs() > 13.0 || (logit(p) - a).abs() < 1e-6);
            for y in [0.0, 1.0] {
                let plain = -(y * p.ln() + (1.0 - y) * (-p).ln_1p());
                prop_assert!((log_loss(a, y) - plain).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_combination_is_finite_or_refused(
        features in prop::collection::vec((garbage(), garbage(), garbage(), measure()), 0..70),
        bias in garbage(),
        ctx_mult in garbage(),
        risk_gate in garbage(),
    ) {
        let terms = features.iter().map(|(weight, mean, sd, value)| Term {
            weight: *weight,
            value: Standardiser { mean: *mean, sd: *sd }.standardise(*value),
        });
        if let Ok(found) = combine(terms, bias, StageFactors { ctx_mult, risk_gate }) {
            prop_assert!(found.logit.is_finite() && found.score.abs() <= 1.0);
            prop_assert!((PROBABILITY_MIN..=PROBABILITY_MAX).contains(&found.p_up));
            prop_assert!(found.confidence >= 0.0 && found.confidence <= found.score.abs());
            prop_assert!((0.0..=1.0).contains(&found.missing_share()));
        }
    }

    #[test]
    fn context_changes_confidence_and_never_the_direction(
        x in prop::collection::vec((-3.0..3.0f64, -5.0..5.0f64), 1..10),
        bias in -1.0..1.0f64,
        ctx_mult in 0.0..10.0f64,
    ) {
        let at = |ctx_mult| {
            let terms = x.iter().map(|(weight, x)| Term { weight: *weight, value: Standardised::of(*x) });
            combine(terms, bias, StageFactors { ctx_mult, risk_gate: 1.0 }).unwrap()
        };
        prop_assert!(at(1.0).score * at(ctx_mult).score >= 0.0);
        prop_assert!(at(ctx_mult).confidence <= at(ctx_mult + 1.0).confidence);
    }

    #[test]
    fn classes_sum_to_one(p in 0.0..=1.0f64, flat in garbage()) {
        let classes = ClassProbabilities::new(p, flat);
        prop_assert!(close(classes.up + classes.flat + classes.down, 1.0));
        prop_assert!([classes.up, classes.flat, classes.down].iter().all(|share| (0.0..=1.0).contains(share)));
    }

    #[test]
    fn pooling_gives_a_non_decreasing_fit_of_equal_mean(values in prop::collection::vec(-1e6..1e6f64, 0..200)) {
        let fit = isotonic_fit(&values).unwrap();
        prop_assert_eq!(fit.len(), values.len());
        prop_assert!(fit.windows(2).all(|pair| pair[0] <= pair[1]));
        let (sum, fitted): (f64, f64) = (values.iter().sum(), fit.iter().sum());
        prop_assert!((sum - fitted).abs() < 1e-3, "{} {}", sum, fitted);
        // What rises already stays.
        let again = isotonic_fit(&fit).unwrap();
        prop_assert!(fit.iter().zip(&again).all(|(left, right)| close(*left, *right)));
    }

    #[test]
    fn pooling_is_the_closest_non_decreasing_fit(
        labels in prop::collection::vec(any::<bool>().prop_map(f64::from), 1..40),
        mut other in prop::collection::vec(0.0..=1.0f64, 40),
    ) {
        other.sort_by(f64::total_cmp);
        let error = |fit: &[f64]| -> f64 { labels.iter().zip(fit).map(|(y, p)| (y - p).powi(2)).sum() };
        prop_assert!(error(&isotonic_fit(&labels).unwrap()) <= error(&other) + 1e-9);
    }

    #[test]
    fn a_calibration_keeps_order_and_bounds(pairs in labelled(1..120), probes in prop::collection::vec(0.0..=1.0f64, 2..20)) {
        let (stated, labels): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let isotonic = IsotonicMap::fit(&stated, &labels).map(|map| CalibrationMap::Isotonic { map });
        for map in [isotonic, CalibrationMap::platt(&stated, &labels), Ok(CalibrationMap::None)].into_iter().flatten() {
            prop_assert!(map.is_sound(), "{:?}", map);
            let mut probes = probes.clone();
            probes.sort_by(f64::total_cmp);
            let found: Vec<f64> = probes.iter().map(|p| map.apply(*p).unwrap()).collect();
            prop_assert!(found.windows(2).all(|pair| pair[0] <= pair[1]), "{:?} {:?}", map, found);
            prop_assert!(found.iter().all(|p| (PROBABILITY_MIN..=PROBABILITY_MAX).contains(p)));
        }
    }

    #[test]
    fn calibrated_on_its_own_samples_the_mean_is_the_base_rate(pairs in labelled(1..120)) {
        let (stated, labels): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let map = CalibrationMap::Isotonic { map: IsotonicMap::fit(&stated, &labels).unwrap() };
        let fitted: f64 = stated.iter().map(|p| map.apply(*p).unwrap()).sum();
        // Clipping moves each by no more than 1e-6.
        prop_assert!((fitted - labels.iter().sum::<f64>()).abs() < 2e-4);
    }

    #[test]
    fn the_base_rate_has_no_skill_and_no_error(
        labels in prop::collection::vec(any::<bool>().prop_map(f64::from), 1..200),
        bins in 1u32..50,
    ) {
        let count: f64 = labels.iter().map(|_| 1.0).sum();
        let base = labels.iter().sum::<f64>() / count;
        let found = reliability(&vec![base; labels.len()], &labels, bins).unwrap();
        prop_assert!(close(found.brier, found.uncertainty));
        prop_assert!(found.ece < 1e-12 && found.reliability < 1e-12 && found.resolution < 1e-12);
        prop_assert!(found.skill.map_or(found.uncertainty <= 0.0, |skill| skill.abs() < 1e-9));
    }

    #[test]
    fn murphys_parts_add_up_when_forecasts_are_constant_in_their_bins(
        pairs in prop::collection::vec((0u8..10, any::<bool>()), 1..200),
    ) {
        let forecasts: Vec<f64> = pairs.iter().map(|(bin, _)| f64::from(*bin) / 10.0 + 0.05).collect();
        let labels: Vec<f64> = pairs.iter().map(|(_, y)| f64::from(*y)).collect();
        let found = reliability(&forecasts, &labels, 10).unwrap();
        prop_assert!(close(found.brier, found.reliability - found.resolution + found.uncertainty));
        prop_assert_eq!(found.table.iter().map(|row| row.count).sum::<u64>(), found.count);
        prop_assert!(found.ece <= found.reliability.sqrt() + 1e-12);
    }

    #[test]
    fn learning_stays_finite_under_garbage(
        steps in prop::collection::vec((prop::collection::vec(garbage(), 0..4), garbage()), 0..60),
        eta in garbage(),
        l2 in garbage(),
        decays in any::<bool>(),
    ) {
        let decay = if decays { RateDecay::InverseSqrt } else { RateDecay::Constant };
        let mut online = OnlineLogistic::new(2);
        for (x, y) in steps {
            if let Ok(p) = online.update(&x, y, &LearningSettings { eta, decay, l2 }) {
                prop_assert!((PROBABILITY_MIN..=PROBABILITY_MAX).contains(&p));
            }
            prop_assert!(online.is_consistent());
        }
        prop_assert!(online.log_loss().is_ok() == (online.n_eff() > 0.0));
    }

    #[test]
    fn a_fit_is_where_the_gradient_vanishes(
        rows in prop::collection::vec((prop::collection::vec(-5.0..5.0f64, 3), any::<bool>()), 2..80),
        l2 in 1e-3..1.0f64,
    ) {
        let labels: Vec<f64> = rows.iter().map(|(_, y)| f64::from(*y)).collect();
        let flat: Vec<f64> = rows.iter().flat_map(|(x, _)| x.clone()).collect();
        prop_assume!(labels.contains(&0.0) && labels.contains(&1.0));
        let settings = FitSettings { l2, ..FitSettings::default() };
        let fit = fit_logistic(Samples { rows: &flat, width: 3, labels: &labels }, &settings).unwrap();
        let mut gradient = [0.0; 4];
        for (x, y) in &rows {
            let z = fit.bias + fit.weights.iter().zip(x).map(|(weight, x)| weight * x).sum::<f64>();
            let slope = 1.0 / (1.0 + (-z).exp()) - f64::from(*y);
            for (part, x) in gradient.iter_mut().zip([1.0].iter().chain(x)) {
                *part += slope * x;
            }
        }
        let count: f64 = labels.iter().map(|_| 1.0).sum();
        for (part, weight) in gradient.iter().zip([0.0].iter().chain(&fit.weights)) {
            prop_assert!((part / count + l2 * weight).abs() < 1e-8, "{:?}", fit);
        }
    }

    #[test]
    fn fits_take_garbage_without_panic(
        rows in prop::collection::vec(garbage(), 0..20),
        labels in prop::collection::vec(garbage(), 0..20),
        width in 0usize..3,
        l2 in garbage(),
    ) {
        let settings = FitSettings { l2, ..FitSettings::default() };
        if let Ok(fit) = fit_logistic(Samples { rows: &rows, width, labels: &labels }, &settings) {
            prop_assert!(fit.weights.iter().chain([&fit.bias, &fit.loss]).all(|value| value.is_finite()));
        }
        if let Ok(fit) = isotonic_fit(&rows) {
            prop_assert!(fit.iter().all(|value| value.is_finite()));
        }
        for n_eff in [0.0, 1e9] {
            if let Ok(map) = CalibrationMap::fit(&rows, &labels, n_eff) {
                prop_assert!(map.is_sound());
            }
        }
        if let Ok(found) = reliability(&rows, &labels, 10) {
            prop_assert!(found.brier <= 1.0 && found.ece <= 1.0);
        }
    }

    #[test]
    fn no_label_comes_before_its_time_and_none_twice(
        steps in prop::collection::vec((0i64..50, any::<bool>()), 1..100),
        horizon in 0i64..100,
    ) {
        let (mut queue, mut now) = (LabelQueue::new(1, 16), 0);
        let (mut pushed, mut taken) = (Vec::new(), Vec::new());
        for (after, is_push) in steps {
            now += after;
            while let Some(due) = queue.take_due(now, horizon) {
                prop_assert!(due.at + horizon < now);
                taken.push(due.at);
            }
            if is_push && queue.push(now, 1, &[0.0], 0.5) {
                pushed.push(now);
            }
        }
        while let Some(due) = queue.take_due(i64::MAX, horizon) {
            taken.push(due.at);
        }
        prop_assert_eq!(pushed, taken);
    }

    #[test]
    fn hysteresis_never_flips_sign_within_one_step(
        steps in prop::collection::vec((any::<i16>(), measure(), any::<bool>(), 0u8..10), 1..200),
        thresholds in (garbage(), garbage()),
        times in (any::<i8>(), any::<i8>(), any::<i8>()),
    ) {
        let settings = HysteresisSettings {
            p_in: thresholds.0,
            p_out: thresholds.1,
            cool_down_ns: times.0.into(),
            min_hold_ns: times.1.into(),
            max_hold_ns: times.2.into(),
        };
        let (mut state, mut now) = (Hysteresis::default(), 0i64);
        for (after, p_up, may_enter, stop) in steps {
            now += i64::from(after);
            let before = state;
            let change = state.step(Observation { now, p_up, may_enter, must_leave: stop == 0 }, &settings);
            let signs = (before.position().sign(), state.position().sign());
            prop_assert!(signs.0 * signs.1 != -1);
            prop_assert_eq!(change == Change::Stay, signs.0 == signs.1);
            prop_assert!(before.position() != Position::Flat || state.position() == Position::Flat || may_enter);
            prop_assert!(stop != 0 || before.position() == Position::Flat || state.position() == Position::Flat);
        }
        let text = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<Hysteresis>(&text).unwrap(), state);
    }

    #[test]
    fn a_decision_is_finite_and_never_enters_against_a_reason(
        numbers in prop::collection::vec(garbage(), 6),
        p_up in measure(),
        is_proven in any::<bool>(),
        must_leave in any::<bool>(),
        now in any::<i64>(),
    ) {
        let proposal = Proposal {
            now,
            p_up,
            flat_share: numbers[0],
            gain_bps: numbers[1] * 100.0,
            loss_bps: numbers[2],
            cost_bps: numbers[3],
            gate: numbers[4],
            missing_share: numbers[5],
            is_proven,
            must_leave,
        };
        let rule = DecisionRule::new(DecisionConfig::default()).unwrap();
        let mut state = Hysteresis::default();
        let decision = rule.decide(&mut state, &proposal);
        for value in [decision.p, decision.break_even, decision.p_in, decision.edge_bps].into_iter().flatten() {
            prop_assert!(value.is_finite());
        }
        prop_assert_eq!(decision.position == Position::Flat, !decision.rejections.is_empty(), "{:?}", decision);
        if decision.position != Position::Flat {
            prop_assert!(is_proven && !must_leave && proposal.gate > 0.3);
            prop_assert!(decision.edge_bps.unwrap() > 0.0 && decision.p.unwrap() >= decision.p_in.unwrap());
        }
    }

    #[test]
    fn a_model_gives_a_probability_for_any_values(values in prop::collection::vec(measure(), 0..6)) {
        let opinion = Model::unfitted().opine(values, StageFactors::default()).unwrap();
        prop_assert!((PROBABILITY_MIN..=PROBABILITY_MAX).contains(&opinion.p_up));
        prop_assert!(opinion.confidence.is_finite() && opinion.combined.features == 4);
    }
}
