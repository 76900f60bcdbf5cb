//! How the calendar is cut.

use std::ops::Range;

use serde::Serialize;

use super::config::FitConfig;
use crate::statistics::walk_forward::{WalkForward, unsealed};

/// One fold, in ns; half open ranges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimeFold {
    /// Everything is fitted to these rows.
    pub train: Range<i64>,
    /// And tested on these, which begin an embargo after training ends.
    pub test: Range<i64>,
}

/// The cuts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The first row's time.
    pub from: i64,
    /// What comes from here on is not looked at: not a row, and not a mid.
    pub until: i64,
    /// The end of the data.
    pub data_until: i64,
    /// In order; tests touch, so that they join into one curve.
    pub folds: Vec<TimeFold>,
    /// What the model that is kept is fitted to: as long as a fold's training, up to the end of what may be looked at.
    pub last_train: Range<i64>,
    /// What lies between training and test.
    pub embargo_ns: i64,
}

/// There is too little data.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "too little data: {have_secs} s, of which the last fifth stays sealed; {folds} folds need about {need_secs} s. \
     Record longer, or ask for fewer folds"
)]
pub struct TooShort {
    /// The span of the rows, s.
    pub have_secs: i64,
    /// The span that is needed, s.
    pub need_secs: i64,
    /// For so many folds.
    pub folds: u32,
}

impl Plan {
    /// Cuts the calendar from the first row to the last, both included, into folds of training and test 60:40.
    ///
    /// # Errors
    /// A training window would have fewer steps than it needs labels.
    ///
    /// # Source
    /// Methods reference 9.
    pub fn new(first: i64, last: i64, config: &FitConfig) -> Result<Self, TooShort> {
        let step = config.step_ns();
        let periods_of = |ns: i64| usize::try_from(ns.div_euclid(step)).unwrap_or(0);
        let embargo = periods_of(config.embargo_ns().saturating_add(step - 1));
        let all = periods_of(last.saturating_sub(first)).saturating_add(1);
        let periods = if config.use_sealed { all } else { unsealed(all) };
        let folds = usize::try_from(config.folds).unwrap_or(usize::MAX);
        let too_short = || {
            // The shortest calendar: training of the least labels, its tests, and the seal.
            let labels = i64::from(config.train_labels_min);
            let windows = (labels + 1) * (3 + 2 * i64::from(config.folds)) / 3 + 1;
            let embargo = i64::try_from(embargo).unwrap_or(i64::MAX);
            let need = windows.saturating_add(embargo).saturating_mul(5) / 4 + 2;
            let secs = |periods: i64| periods.saturating_mul(step) / 1_000_000_000;
            TooShort {
                have_secs: secs(i64::try_from(all).unwrap_or(i64::MAX)),
                need_secs: secs(need) + 1,
                folds: config.folds,
            }
        };
        let plan = longest(periods, embargo, folds).ok_or_else(too_short)?;
        if plan.train < usize::try_from(config.train_labels_min).unwrap_or(usize::MAX) {
            return Err(too_short());
        }
        let time = |period: usize| {
            let period = i64::try_from(period).unwrap_or(i64::MAX);
            first.saturating_add(period.saturating_mul(step))
        };
        let range = |range: Range<usize>| time(range.start)..time(range.end);
        let folds = plan.folds(periods).take(folds);
        let folds = folds.map(|fold| TimeFold { train: range(fold.train), test: range(fold.test) });
        Ok(Self {
            from: first,
            until: time(periods),
            data_until: time(all),
            folds: folds.collect(),
            last_train: range(periods - plan.train..periods),
            embargo_ns: config.embargo_ns(),
        })
    }
}

/// The longest windows of which so many folds fit.
fn longest(periods: usize, embargo: usize, folds: usize) -> Option<WalkForward> {
    // Training is three fifths, and every fold's test two fifths of a window.
    let room = periods.checked_sub(embargo)?;
    let window = room.checked_mul(5)? / folds.checked_mul(2)?.checked_add(3)?;
    (0..=2)
        .filter_map(|less| Some(WalkForward::rolling_60_40(window.checked_sub(less)?, embargo)))
        .find(|plan| plan.folds(periods).count() >= folds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[track_caller]
    fn check(secs: i64, folds: u32, expect: Result<[i64; 4], i64>) {
        let config = FitConfig { folds, folds_min: 1, ..FitConfig::default() };
        let found = Plan::new(0, (secs - 1) * SECOND, &config)
            .map(|plan| {
                let fold = plan.folds.first().unwrap();
                [fold.train.end, fold.test.start, fold.test.end, plan.until].map(|at| at / SECOND)
            })
            .map_err(|error| error.need_secs);
        assert_eq!(found, expect);
    }

    #[test]
    fn a_calendar_is_cut_60_to_40_with_an_embargo_and_a_sealed_end() {
        // 4 000 s may be looked at; 3 985 after the embargo are 1.0 + 4 * 0.4 windows.
        check(5_000, 5, Ok([919, 934, 1_547, 4_000]));
        check(5_000, 1, Ok([2_391, 2_406, 4_000, 4_000]));
    }

    #[test]
    fn too_short_a_calendar_says_how_long_it_must_be() {
        check(600, 5, Err(1_111));
        check(0, 5, Err(1_111));
        check(1_111, 5, Ok([201, 216, 350, 888]));
    }

    proptest! {
        #[test]
        fn nothing_is_tested_within_an_embargo_of_its_training_or_after_the_seal(
            secs in 0i64..200_000, folds in 1u32..30, step_ms in 10u32..5_000,
            horizon_ms in 1u32..120_000, embargo_ms in 0u32..60_000, use_sealed in any::<bool>(),
        ) {
            let config = FitConfig {
                step_ms, horizon_ms, embargo_ms, folds, folds_min: 1, use_sealed, ..FitConfig::default()
            };
            let plan = match Plan::new(7, 7 + secs * SECOND, &config) {
                Ok(plan) => plan,
                Err(error) => {
                    prop_assert!(error.have_secs < error.need_secs);
                    prop_assert!(Plan::new(7, 7 + error.need_secs * SECOND, &config).is_ok());
                    return Ok(());
                }
            };
            prop_assert_eq!(plan.folds.len(), usize::try_from(folds).unwrap());
            let mut tested = plan.from;
            for fold in &plan.folds {
                let gap = fold.test.start - fold.train.end;
                prop_assert!(gap >= i64::from(horizon_ms) * 1_000_000 && gap >= i64::from(embargo_ms) * 1_000_000);
                prop_assert!(fold.train.start >= plan.from && fold.test.start >= tested);
                prop_assert!(fold.test.end <= plan.until);
                tested = fold.test.end;
            }
            prop_assert_eq!(plan.last_train.end, plan.until);
            let sealed = plan.data_until - plan.until;
            let whole = plan.data_until - plan.from;
            if use_sealed {
                prop_assert_eq!(sealed, 0);
            } else {
                prop_assert!(sealed * 5 >= whole);
            }
        }
    }
}
