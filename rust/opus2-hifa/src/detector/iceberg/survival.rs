//! How much of an iceberg is left: the Kaplan-Meier estimate of how large icebergs become.

use crate::exact::to_f64;
use crate::{Absent, Measure, measure::finite};

/// One iceberg that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcebergLife {
    /// What it executed in all, in `Qty` units.
    pub size: i64,
    /// It was executed to its end. Otherwise it was cancelled or lost sight of, and would have become larger: its size is
    /// right-censored.
    pub is_complete: bool,
}

/// Where the estimate falls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurvivalStep {
    /// The size at which icebergs were completed.
    pub size: i64,
    /// The share of icebergs that become larger than it, in `[0, 1]`.
    pub survival: f64,
}

/// `S(x)`: the share of icebergs that become larger than `x`.
///
/// `S(x) = prod over sizes s <= x of (1 - d_s / n_s)`, with `d_s` icebergs completed at `s` and `n_s` that came at least
/// so far; those censored at `s` are among them. Fitted on past icebergs, not online.
///
/// # Source
/// Kaplan and Meier (1958), JASA 53; methods reference 3.7.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survival {
    steps: Vec<SurvivalStep>,
    /// The largest size seen, complete or not: nothing is known beyond it.
    size_max: i64,
}

impl Survival {
    /// From icebergs in any order. A size below zero counts as zero.
    #[must_use]
    pub fn fit(lives: &[IcebergLife]) -> Self {
        let mut lives = lives.to_vec();
        for life in &mut lives {
            life.size = life.size.max(0);
        }
        lives.sort_unstable_by_key(|life| life.size);
        let mut steps = Vec::new();
        let mut survival = 1.0;
        let mut at_risk = lives.len();
        for same in lives.chunk_by(|one, next| one.size == next.size) {
            let completed = same.iter().filter(|life| life.is_complete).count();
            if let Some(first) = same.first().filter(|_| completed > 0) {
                survival *= 1.0 - count(completed) / count(at_risk);
                steps.push(SurvivalStep { size: first.size, survival });
            }
            at_risk -= same.len();
        }
        Self { steps, size_max: lives.last().map_or(0, |life| life.size) }
    }

    /// Where the estimate falls, by size.
    #[must_use]
    pub fn steps(&self) -> &[SurvivalStep] {
        &self.steps
    }

    /// `S(size)`, in `[0, 1]`; 1 before the first step.
    #[must_use]
    pub fn at(&self, size: i64) -> f64 {
        let passed = self.steps.partition_point(|step| step.size <= size);
        passed.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(1.0, |step| step.survival)
    }

    /// How many more peaks of `peak` are to be expected of an iceberg that has executed `executed`:
    /// `sum of S(y) / S(executed)` over `y = executed + peak, executed + 2 peak, …` up to the largest size seen. A lower
    /// bound when that one was censored.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when no iceberg became larger than `executed`, [`Absent::BadNumber`] for a peak that is not
    /// positive.
    pub fn expected_peaks(&self, executed: i64, peak: i64) -> Measure {
        if peak <= 0 {
            return Err(Absent::BadNumber);
        }
        let now = self.at(executed);
        if now <= 0.0 || executed >= self.size_max {
            return Err(Absent::NoEvents);
        }
        // Multiples of the peak are counted step by step: there may be any number of them.
        let peaks_up_to = |size: i64| (i128::from(size) - i128::from(executed)).max(0) / i128::from(peak);
        let passed = self.steps.partition_point(|step| step.size <= executed);
        let mut sum = 0.0;
        let (mut counted, mut survival) = (0, now);
        for step in self.steps.iter().skip(passed) {
            // S has fallen at the step itself already.
            let before = peaks_up_to(step.size.saturating_sub(1));
            sum += survival * to_f64(before - counted);
            (counted, survival) = (before, step.survival);
        }
        sum += survival * to_f64(peaks_up_to(self.size_max) - counted);
        finite(sum / now)
    }
}

fn count(items: usize) -> f64 {
    i128::try_from(items).map_or(f64::INFINITY, to_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lives(sizes: &[(i64, bool)]) -> Vec<IcebergLife> {
        sizes
            .iter()
            .map(|(size, is_complete)| IcebergLife { size: *size, is_complete: *is_complete })
            .collect()
    }

    #[track_caller]
    fn check(sizes: &[(i64, bool)], executed: i64, peak: i64, expect: Measure) {
        let found = Survival::fit(&lives(sizes)).expected_peaks(executed, peak);
        match (found, expect) {
            (Ok(found), Ok(expect)) => assert!((found - expect).abs() < 1e-12, "{found} is not {expect}"),
            (found, expect) => assert_eq!(found, expect),
        }
    }

    #[test]
    fn without_censoring_it_is_the_share_that_became_larger() {
        let survival = Survival::fit(&lives(&[(4, true), (1, true), (2, true), (2, true)]));
        for (size, expect) in [(0, 1.0), (1, 0.75), (2, 0.25), (3, 0.25), (4, 0.0), (9, 0.0)] {
            assert!((survival.at(size) - expect).abs() < 1e-12, "{size}");
        }
    }

    #[test]
    fn the_cancelled_count_as_far_as_they_came() {
        let survival = Survival::fit(&lives(&[(1, false), (2, true), (2, false), (5, false)]));
        assert_eq!(survival.steps().len(), 1);
        assert!((survival.at(2) - 2.0 / 3.0).abs() < 1e-12);
        assert!(Survival::fit(&[]).at(7) >= 1.0);
        assert_eq!(Survival::fit(&lives(&[(3, false)])).steps(), []);
    }

    #[test]
    fn what_is_expected_are_the_peaks_that_survive() {
        let sizes = [(10, true), (20, true), (40, true), (40, true)];
        // S(20) = 1/2, S(30) = 1/2, S(40) = 0, over S(10) = 3/4.
        check(&sizes, 10, 10, Ok((0.5 + 0.5) / 0.75));
        check(&sizes, 0, 10, Ok(0.75 + 0.5 + 0.5));
        check(&sizes, 0, 1_000, Ok(0.0));
        check(&sizes, 40, 10, Err(Absent::NoEvents));
        check(&sizes, 10, 0, Err(Absent::BadNumber));
        check(&[], 10, 10, Err(Absent::NoEvents));
        check(&[(40, false)], 0, 10, Ok(4.0));
    }
}
