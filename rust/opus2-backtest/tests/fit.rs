//! A fit finds what is there, does not find what is not, and never looks ahead.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use opus2_backtest::fit::config::FitConfig;
use opus2_backtest::fit::sample::{Look, Sample, Sampler};
use opus2_backtest::fit::walk::{Fitted, Identity, WalkError, walk_forward};
use opus2_hifa::{Absent, Measure};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

/// What is seen at one moment: the mid, and two features that say something and one that does not.
#[derive(Debug, Clone, Copy)]
struct Seen {
    now: i64,
    mid: f64,
    values: [Measure; 3],
}

/// Numbers that the same seed gives again.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Nearly normal: the sum of twelve.
    fn normal(&mut self) -> f64 {
        let unit = |bits: u64| f64::from(u32::try_from(bits >> 32).unwrap()) / 4_294_967_296.0;
        (0..12).map(|_| unit(self.bits())).sum::<f64>() - 6.0
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            let other = self.bits() % (at as u64 + 1);
            list.swap(at, usize::try_from(other).unwrap());
        }
    }
}

/// One look a second, 0.3 s after it. The mid's next move is `strength * (a - b / 2)` and noise, basis points.
fn market(secs: i64, strength: f64, seed: u64) -> Vec<Seen> {
    let mut random = Random(seed);
    let mut mid = 20_000.0;
    let mut looks = Vec::new();
    for second in 0..secs {
        let [a, b, c] = [(); 3].map(|()| random.normal());
        // Features have units, and one is missing now and then.
        let b_value = if second % 17 == 3 { Err(Absent::NoEvents) } else { Ok(50.0 - 8.0 * b) };
        looks.push(Seen {
            now: second * SECOND + 300_000_000,
            mid,
            values: [Ok(3.0 + 2.0 * a), b_value, Ok(c)],
        });
        mid *= (strength * (a - b / 2.0) + 2.0 * random.normal()).mul_add(1e-4, 1.0);
    }
    looks
}

fn config() -> FitConfig {
    FitConfig { horizon_ms: 1_000, ..FitConfig::default() }
}

fn sampled(seen: &[Seen]) -> Vec<Sample> {
    let mut sampler = Sampler::new(&config());
    for Seen { now, mid, values } in seen {
        let look = Look { now: *now, instrument: "binance:A", mid: *mid, half_spread_bps: 0.5, values };
        sampler.look(&look);
    }
    sampler.finish().0
}

fn fitted(samples: &[Sample]) -> Result<Fitted, WalkError> {
    let names = ["a", "b", "c"].map(str::to_owned);
    let identity = Identity {
        name: "test".to_owned(),
        market: "A/USD*".to_owned(),
        data_hash: "0".repeat(64),
        trials: 1,
    };
    walk_forward(samples, &names, &config(), &identity)
}

/// What was said about every row whose label was known at `until`, as exact bits.
fn said(fitted: &Fitted, until: i64) -> Vec<(i64, u64)> {
    let is_past = |at: i64| at + SECOND < until;
    fitted
        .predictions
        .iter()
        .filter(|found| is_past(found.at))
        .map(|found| (found.at, found.p_up.to_bits()))
        .collect()
}

#[test]
fn a_planted_signal_is_found_with_its_signs_and_probabilities() {
    let found = fitted(&sampled(&market(12_000, 1.5, 1))).unwrap();
    let [a, b, c] = [0, 1, 2].map(|at| found.model.features[at].clone());
    assert!(a.weight > 0.8 && b.weight > 0.3 && c.weight.abs() < 0.1, "{a:?} {b:?} {c:?}");
    assert!((a.mean - 3.0).abs() < 0.1 && (a.sd - 2.0).abs() < 0.1 && (b.sd - 8.0).abs() < 0.3);
    let curve = &found.report.out_of_sample;
    assert!(curve.skill > 0.1 && curve.ece < 0.03 && found.model.is_proven(), "{curve:?}");
    assert!(curve.ic_pearson.unwrap().is_positive() && curve.ic_spearman.unwrap().is_positive());
    let hit = curve.hit_rate.unwrap();
    // Signal and noise have deviations of 1.68 and 2: the right side is known with 1/2 + atan(0.84)/pi.
    assert!(hit.interval.lo < 0.722 && 0.722 < hit.interval.hi, "{hit:?}");
    assert!(curve.groups.first().unwrap().move_bps < -1.0 && curve.groups.last().unwrap().move_bps > 1.0);
    assert!(found.report.folds.iter().all(|fold| fold.failure.is_none() && fold.skill.unwrap() > 0.0));
}

#[test]
fn labels_that_were_shuffled_are_not_predicted() {
    for seed in 1..4 {
        let mut samples = sampled(&market(6_000, 1.5, seed));
        let mut moves: Vec<_> = samples.iter().map(|sample| sample.move_bps).collect();
        Random(seed).shuffle(&mut moves);
        for (sample, move_bps) in samples.iter_mut().zip(moves) {
            sample.move_bps = move_bps;
        }
        let curve = fitted(&samples).unwrap().report.out_of_sample;
        assert!(curve.skill < 0.005, "{curve:?}");
        for ic in [curve.ic_pearson, curve.ic_spearman].into_iter().flatten() {
            assert!(ic.lo < 0.0 && 0.0 < ic.hi, "{ic:?}");
        }
    }
}

#[test]
fn shuffling_the_future_changes_nothing_before_it() {
    let seen = market(6_000, 1.5, 5);
    let whole = fitted(&sampled(&seen)).unwrap();
    for (fold, share) in [(0, 3), (2, 2), (4, 1)] {
        let test = &whole.report.plan.folds[fold].test;
        let until = test.start + (test.end - test.start) / share;
        let from = seen.partition_point(|seen| seen.now <= until);
        let mut shuffled = seen.clone();
        let mut later: Vec<_> = seen[from..].iter().map(|seen| (seen.mid, seen.values)).collect();
        Random(9).shuffle(&mut later);
        for (seen, (mid, values)) in shuffled[from..].iter_mut().zip(later) {
            (seen.mid, seen.values) = (mid, values);
        }
        let other = fitted(&sampled(&shuffled)).unwrap();
        assert!(said(&whole, until) == said(&other, until), "fold {fold}");
        assert!(!said(&whole, until).is_empty());
        // What comes after the last test is sealed.
        let is_changed = said(&whole, i64::MAX) != said(&other, i64::MAX);
        assert_eq!(is_changed, fold < 4);
    }
}

#[test]
fn the_sealed_fifth_changes_nothing() {
    let seen = market(5_000, 1.5, 6);
    let whole = fitted(&sampled(&seen)).unwrap();
    let until = whole.report.plan.until;
    let mut other = seen.clone();
    for seen in other.iter_mut().filter(|seen| seen.now > until) {
        seen.mid *= 2.0;
        seen.values = [Err(Absent::Cold), Ok(1e6), Ok(-1e6)];
    }
    let other = fitted(&sampled(&other)).unwrap();
    assert!(whole == other);
    assert!(whole.model.origin.until_ns == until && whole.report.plan.data_until > until);
}

#[test]
fn rows_within_an_embargo_teach_nothing() {
    let samples = sampled(&market(5_000, 1.5, 7));
    let whole = fitted(&samples).unwrap();
    let mut other = samples.clone();
    let fold = &whole.report.plan.folds[0];
    let first_test: Vec<_> = said(&whole, fold.test.end);
    for sample in other.iter_mut().filter(|row| (fold.train.end..fold.test.start).contains(&row.at)) {
        sample.values = [Ok(1e9), Ok(-1e9), Ok(1e9)].into();
    }
    assert!(first_test == said(&fitted(&other).unwrap(), fold.test.end));
}

#[test]
fn a_signal_that_comes_later_is_never_better() {
    // Features of the row before.
    let samples = sampled(&market(6_000, 1.5, 8));
    let curve = |samples: &[Sample]| fitted(samples).unwrap().report.out_of_sample;
    let honest = curve(&samples);
    let mut late = samples.clone();
    for (row, before) in late.iter_mut().skip(1).zip(&samples) {
        row.values.clone_from(&before.values);
    }
    let (honest_ic, late_ic) = (honest.ic_pearson.unwrap(), curve(&late).ic_pearson);
    assert!(late_ic.is_none_or(|late| late.value < honest_ic.value / 2.0 && late.lo < 0.0), "{late_ic:?}");
    assert!(honest.ic_delayed.unwrap().value < honest_ic.value / 2.0);
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let file = || serde_json::to_string(&fitted(&sampled(&market(5_000, 1.0, 9))).unwrap().model).unwrap();
    assert_eq!(file(), file());
}

#[test]
fn what_cannot_be_fitted_is_said() {
    let message =
        |seen: &[Seen]| fitted(&sampled(seen)).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message(&[]).starts_with("there are no rows"));
    assert!(
        message(&market(300, 1.0, 1)).starts_with("too little data: 299 s"),
        "{}",
        message(&market(300, 1.0, 1))
    );
    let mut still = market(3_000, 1.0, 1);
    for seen in &mut still {
        seen.mid = 7.0;
    }
    let found = message(&still);
    assert!(
        found.contains("0 of 5 folds") && found.contains("fold 1: 0 rows moved up or down, 200 are needed"),
        "{found}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_and_labels_rest_on_nothing_later(
        looks in proptest::collection::vec((0i64..4_000, 90u32..110), 1..60), cut in 0i64..60_000,
    ) {
        let mut now = 0;
        let seen: Vec<Seen> = looks
            .iter()
            .map(|(after_ms, mid)| {
                now += after_ms * 1_000_000;
                Seen { now, mid: f64::from(*mid), values: [Ok(f64::from(*mid)), Ok(0.0), Ok(1.0)] }
            })
            .collect();
        let cut = cut * 1_000_000;
        let past: Vec<Seen> = seen.iter().filter(|seen| seen.now <= cut).copied().collect();
        let (whole, part) = (sampled(&seen), sampled(&past));
        // Whatever is known at the cut is what is known in the end.
        for row in &part {
            let same = whole.iter().find(|other| other.at == row.at).unwrap();
            prop_assert_eq!(&row.values, &same.values);
            prop_assert!(row.now <= row.at && row.at <= cut);
            if row.move_bps.is_some() {
                prop_assert_eq!(row.move_bps, same.move_bps);
            }
        }
        prop_assert!(whole.is_sorted_by(|a, b| a.at < b.at));
    }
}
