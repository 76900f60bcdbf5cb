//! One regression, judged in the sample it was fitted to, by blocks of time, and outside.

use opus2_hifa::estimator::integrated_ofi::integrated;

use super::fit::{Fit, Method, variation};
use super::newey_west;
use crate::statistics::sample::{finite, mean, size};
use crate::statistics::walk_forward::WalkForward;

/// What is regressed on what: rows and `y` of equal number, in order of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// Columns of each bar.
    pub rows: Vec<Vec<f64>>,
    /// What they are to explain.
    pub y: Vec<f64>,
    /// The block of time of each bar; does not go back.
    pub blocks: Vec<i64>,
}

/// How a regression is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// Bars of a whole block; blocks of less than half as many are left out of the mean over blocks.
    pub block_bars: usize,
    /// What is fitted and what is tested, in bars.
    pub walk_forward: WalkForward,
}

/// A regression and how well it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    /// Bars it was fitted to.
    pub bars: usize,
    /// Of the whole sample.
    pub fit: Fit,
    /// The slope over its standard error, errors taken to be alike and independent; `None` when there are several slopes.
    pub t_plain: Option<f64>,
    /// The same after Newey and West.
    pub t_hac: Option<f64>,
    /// Their lags.
    pub hac_lags: usize,
    /// In sample: fitted to the bars it explains.
    pub r2: Option<f64>,
    /// In sample, less what so many columns explain by chance.
    pub r2_adjusted: Option<f64>,
    /// In sample: the mean over blocks of time, each with a fit of its own.
    pub r2_blocks_mean: Option<f64>,
    /// How many blocks.
    pub blocks: usize,
    /// Out of sample: errors of each fold's fit on its test bars, against the mean of its train bars. Negative when the
    /// mean is better.
    pub r2_out_of_sample: Option<f64>,
    /// Bars tested.
    pub bars_out_of_sample: usize,
}

impl Regression {
    /// Fits and judges; `None` when the whole sample cannot be fitted.
    ///
    /// # Source
    /// Cont, Kukanov & Stoikov (2014), section 3 (blocks of half an hour); out of sample: Campbell & Thompson (2008),
    /// with the folds of methods reference 9.
    #[must_use]
    pub fn of(method: Method, sample: &Sample, judgement: &Judgement) -> Option<Self> {
        let Sample { rows, y, .. } = sample;
        let fit = Fit::of(method, rows, y)?;
        let r2 = fit.r2(rows, y);
        let (bars, columns) = (rows.len(), fit.slopes.len());
        let hac_lags = newey_west::lags(bars);
        let (mut t_plain, mut t_hac) = (None, None);
        if let [slope] = *fit.slopes {
            // The component itself, not what it explains.
            let weights: Vec<f64> = fit.weights.iter().map(|weight| weight / slope).collect();
            let x: Vec<f64> = rows.iter().map(|row| integrated(&weights, row)).collect();
            t_plain = opus2_hifa::estimator::ofi_regression::fit_line(&x, y).and_then(|line| line.t_beta);
            t_hac = newey_west::slope_t(&x, y, hac_lags);
        }
        let freedom = bars.checked_sub(columns + 1).filter(|freedom| *freedom > 0);
        let r2_adjusted = r2
            .zip(freedom)
            .and_then(|(r2, freedom)| finite(1.0 - (1.0 - r2) * size(bars - 1) / size(freedom)));
        let in_blocks = in_blocks(method, sample, judgement.block_bars);
        let (r2_out_of_sample, bars_out_of_sample) = out_of_sample(method, sample, judgement.walk_forward);
        Some(Self {
            bars,
            fit,
            t_plain,
            t_hac,
            hac_lags,
            r2,
            r2_adjusted,
            r2_blocks_mean: mean(&in_blocks),
            blocks: in_blocks.len(),
            r2_out_of_sample,
            bars_out_of_sample,
        })
    }
}

/// The R² of each block that is long enough and can be fitted.
fn in_blocks(method: Method, sample: &Sample, block_bars: usize) -> Vec<f64> {
    let mut found = Vec::new();
    let mut start = 0;
    for block in sample.blocks.chunk_by(PartialEq::eq) {
        let range = start..start + block.len();
        start = range.end;
        if block.len().saturating_mul(2) < block_bars {
            continue;
        }
        let (Some(rows), Some(y)) = (sample.rows.get(range.clone()), sample.y.get(range)) else { continue };
        found.extend(Fit::of(method, rows, y).and_then(|fit| fit.r2(rows, y)));
    }
    found
}

fn out_of_sample(method: Method, sample: &Sample, folds: WalkForward) -> (Option<f64>, usize) {
    let (mut missed, mut varied, mut bars) = (0.0, 0.0, 0);
    for fold in folds.folds(sample.y.len()) {
        let part =
            |range: std::ops::Range<usize>| Some((sample.rows.get(range.clone())?, sample.y.get(range)?));
        let (Some((old_rows, old_y)), Some((rows, y))) = (part(fold.train), part(fold.test)) else {
            continue;
        };
        let (Some(fit), Some(centre)) = (Fit::of(method, old_rows, old_y), mean(old_y)) else { continue };
        missed += fit.unexplained(rows, y);
        varied += variation(y, centre);
        bars += y.len();
    }
    let r2 = if varied > 0.0 { finite(1.0 - missed / varied) } else { None };
    (r2, bars)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUDGEMENT: Judgement =
        Judgement { block_bars: 10, walk_forward: WalkForward::rolling_60_40(10, 1) };

    /// A column that runs through 0 to 6 again and again, and what `y` makes of it and of the bar's number.
    #[track_caller]
    fn check(bars: u8, y: impl Fn(f64, u8) -> f64, expect: impl Fn(&Regression)) {
        let x = |at: u8| f64::from(at * 3 % 7);
        let sample = Sample {
            rows: (0..bars).map(|at| vec![x(at)]).collect(),
            y: (0..bars).map(|at| y(x(at), at)).collect(),
            blocks: (0..bars).map(|at| i64::from(at / 10)).collect(),
        };
        expect(&Regression::of(Method::LeastSquares, &sample, &JUDGEMENT).unwrap());
    }

    #[test]
    fn what_holds_everywhere_holds_out_of_sample() {
        check(
            34,
            |x, _| 2.0 * x - 1.0,
            |found| {
                assert_eq!((found.bars, found.blocks, found.bars_out_of_sample), (34, 3, 24));
                for r2 in [found.r2, found.r2_adjusted, found.r2_blocks_mean, found.r2_out_of_sample] {
                    assert!((r2.unwrap() - 1.0).abs() < 1e-12, "{found:?}");
                }
            },
        );
    }

    #[test]
    fn a_slope_that_turns_is_seen_in_blocks_and_not_out_of_sample() {
        check(
            40,
            |x, at| if at / 10 % 2 == 0 { x } else { -x },
            |found| {
                assert!(found.r2_blocks_mean.unwrap() > 0.999, "{found:?}");
                assert!(found.r2.unwrap() < 0.2, "{found:?}");
                assert!(found.r2_out_of_sample.unwrap() < 0.0, "{found:?}");
            },
        );
    }

    #[test]
    fn few_bars_have_no_blocks_and_no_test() {
        check(
            4,
            |x, at| x + f64::from(at % 2),
            |found| {
                assert_eq!((found.blocks, found.bars_out_of_sample), (0, 0));
                assert_eq!((found.r2_blocks_mean, found.r2_out_of_sample), (None, None));
                assert!(found.r2_adjusted.unwrap() < found.r2.unwrap());
                assert!(found.t_plain.unwrap() > 1.0 && found.t_hac.is_some());
            },
        );
    }
}
