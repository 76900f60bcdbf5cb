//! Which periods train and which test, and whether parameters hold still.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::sample::{finite, mean, size};

/// Parameters that a refit moves by more than this are unstable.
pub const DRIFT_MAX: f64 = 0.3;

/// How periods are cut into folds, all in periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkForward {
    /// Length of training.
    pub train: usize,
    /// Length of testing.
    pub test: usize,
    /// From one fold to the next.
    pub step: usize,
    /// Left out between training and testing: at least the horizon and the longest window.
    pub embargo: usize,
}

/// One fold: trained on the first range, tested on the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Half open.
    pub train: Range<usize>,
    /// Half open; begins an embargo after training ends.
    pub test: Range<usize>,
}

impl WalkForward {
    /// Train and test 60:40 of `window` periods, each fold one test length after the last, so that the tests join into one
    /// curve.
    #[must_use]
    pub const fn rolling_60_40(window: usize, embargo: usize) -> Self {
        // Quotient and rest apart, so that no window overflows.
        let train = window / 5 * 3 + window % 5 * 3 / 5;
        let test = window - train;
        Self { train, test, step: test, embargo }
    }

    /// True when no period is tested twice: only then may the tests be joined into one out-of-sample curve.
    #[must_use]
    pub const fn has_disjoint_tests(&self) -> bool {
        self.step >= self.test
    }

    /// The folds of `periods` periods, in order; a fold that would end after the last period is none. No folds when a
    /// length is zero.
    ///
    /// # Source
    /// Pardo (2008); embargo: Lopez de Prado (2018), chapter 7; methods reference 9.
    pub fn folds(self, periods: usize) -> impl Iterator<Item = Fold> {
        let is_possible = self.train > 0 && self.test > 0 && self.step > 0;
        let starts =
            std::iter::successors(is_possible.then_some(0usize), move |start| start.checked_add(self.step));
        starts.map_while(move |start| self.fold_at(start, periods))
    }

    fn fold_at(&self, start: usize, periods: usize) -> Option<Fold> {
        let trained = start.checked_add(self.train)?;
        let tested_from = trained.checked_add(self.embargo)?;
        let tested = tested_from.checked_add(self.test).filter(|end| *end <= periods)?;
        Some(Fold { train: start..trained, test: tested_from..tested })
    }
}

/// The periods that may be looked at: all but the last fifth, which stays sealed until a single last run.
///
/// # Source
/// Methods reference 9.
#[must_use]
pub const fn unsealed(periods: usize) -> usize {
    periods - periods / 5 - (!periods.is_multiple_of(5)) as usize
}

/// How far parameters moved from refit to refit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ParameterDrift {
    /// Of each refit after the first: the root mean square of the steps, each over its search range.
    pub steps: Vec<f64>,
    /// Their mean.
    pub mean: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

impl ParameterDrift {
    /// `params` is one row a refit; `lo` and `hi` bound the search. A parameter that was not searched (`hi <= lo`) is left out.
    ///
    /// `None` for rows of another length than the bounds, for numbers that are not finite, or when no parameter was
    /// searched though there were refits to compare. Fewer than two refits give no steps.
    ///
    /// # Source
    /// Methods reference 9 (defined by the project).
    #[must_use]
    pub fn of<R: AsRef<[f64]>>(params: &[R], lo: &[f64], hi: &[f64]) -> Option<Self> {
        let is_regular =
            |row: &R| row.as_ref().len() == lo.len() && row.as_ref().iter().all(|x| x.is_finite());
        if lo.len() != hi.len() || !params.iter().all(is_regular) {
            return None;
        }
        let ranges: Vec<f64> = lo.iter().zip(hi).map(|(lo, hi)| hi - lo).collect();
        let step = |pair: &[R]| {
            let moves = pair[0].as_ref().iter().zip(pair[1].as_ref()).zip(&ranges);
            let shares =
                moves.filter(|(_, range)| **range > 0.0).map(|((from, to), range)| (to - from) / range);
            let (count, squares) =
                shares.fold((0usize, 0.0), |(count, sum), share| (count + 1, sum + share * share));
            finite((squares / size(count)).sqrt())
        };
        let steps: Vec<f64> = params.windows(2).map(step).collect::<Option<_>>()?;
        let max = steps.iter().copied().reduce(f64::max);
        Some(Self { mean: mean(&steps), max, steps })
    }

    /// True when a refit moved the parameters by more than [`DRIFT_MAX`].
    #[must_use]
    pub fn is_unstable(&self) -> bool {
        self.max.is_some_and(|max| max > DRIFT_MAX)
    }
}

/// What is left of in-sample results out of sample.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Efficiency {
    /// Mean Sharpe ratio out of sample over that in sample: suspicious above 1, poor below 0.3. `None` unless the latter is
    /// positive.
    pub wfe: Option<f64>,
    /// The share of folds with a positive ratio out of sample; `None` without folds.
    pub positive_fraction: Option<f64>,
}

impl Efficiency {
    /// Of the Sharpe ratios of the folds. One that is not finite leaves nothing to say.
    ///
    /// # Source
    /// Pardo (2008); methods reference 9.
    #[must_use]
    pub fn of(in_sample: &[f64], out_of_sample: &[f64]) -> Self {
        let Some(outside) = mean(out_of_sample) else { return Self::default() };
        let inside = mean(in_sample).filter(|inside| *inside > 0.0);
        let positive = out_of_sample.iter().filter(|ratio| **ratio > 0.0).count();
        Self {
            wfe: inside.and_then(|inside| finite(outside / inside)),
            positive_fraction: finite(size(positive) / size(out_of_sample.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check([train, test, step, embargo]: [usize; 4], periods: usize, expect: &[[usize; 4]]) {
        let folds = WalkForward { train, test, step, embargo }.folds(periods);
        let found: Vec<[usize; 4]> =
            folds.map(|fold| [fold.train.start, fold.train.end, fold.test.start, fold.test.end]).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn folds_roll_until_a_test_would_not_be_whole() {
        check([3, 2, 2, 1], 10, &[[0, 3, 4, 6], [2, 5, 6, 8], [4, 7, 8, 10]]);
        check([3, 2, 2, 1], 9, &[[0, 3, 4, 6], [2, 5, 6, 8]]);
        check([3, 2, 2, 1], 5, &[]);
    }

    #[test]
    fn lengths_that_cannot_be_give_no_folds() {
        check([0, 2, 2, 0], 10, &[]);
        check([3, 0, 2, 0], 10, &[]);
        check([3, 2, 0, 0], 10, &[]);
        check([usize::MAX, 1, 1, 1], usize::MAX, &[]);
        check([1, 1, usize::MAX, 0], 5, &[[0, 1, 1, 2]]);
    }

    #[test]
    fn a_rolling_window_is_cut_60_to_40_and_a_fifth_stays_sealed() {
        let plan = WalkForward::rolling_60_40(500, 10);
        assert_eq!(plan, WalkForward { train: 300, test: 200, step: 200, embargo: 10 });
        assert!(plan.has_disjoint_tests());
        assert_eq!([0, 1, 5, 7, 100].map(unsealed), [0, 0, 4, 5, 80]);
    }

    #[test]
    fn drift_is_relative_to_what_was_searched() {
        let drift = |params: &[[f64; 2]], hi: [f64; 2]| ParameterDrift::of(params, &[0.0, 0.0], &hi);
        let found = drift(&[[1.0, 5.0], [2.0, 9.0]], [10.0, 0.0]).unwrap();
        assert!((found.steps[0] - 0.1).abs() < 1e-15 && !found.is_unstable());
        assert!(drift(&[[1.0, 5.0], [9.0, 5.0]], [10.0, 0.0]).unwrap().is_unstable());
        assert_eq!(drift(&[[1.0, 5.0]], [10.0, 10.0]), Some(ParameterDrift::default()));
        assert_eq!(drift(&[], [10.0, 10.0]), Some(ParameterDrift::default()));
        assert_eq!(drift(&[[1.0, 5.0], [2.0, 9.0]], [0.0, 0.0]), None);
        assert_eq!(drift(&[[1.0, f64::NAN]], [1.0, 1.0]), None);
        assert_eq!(ParameterDrift::of(&[[1.0]], &[0.0, 0.0], &[1.0, 1.0]), None);
    }

    #[test]
    fn efficiency_is_none_unless_the_sample_was_good() {
        let of = Efficiency::of;
        assert_eq!(of(&[], &[]), Efficiency::default());
        assert_eq!(of(&[2.0], &[1.0]), Efficiency { wfe: Some(0.5), positive_fraction: Some(1.0) });
        assert_eq!(of(&[-2.0], &[0.0]), Efficiency { wfe: None, positive_fraction: Some(0.0) });
        assert_eq!(of(&[2.0], &[f64::NAN]), Efficiency::default());
    }
}
