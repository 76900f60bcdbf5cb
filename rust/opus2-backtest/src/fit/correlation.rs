//! How a score goes with what followed it, and how sure that is when horizons overlap.

use serde::Serialize;

use crate::statistics::sample::{finite, mean, size};

/// The normal quantile of a two-sided interval of 95 %.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// The most lags of the error's kernel.
const LAGS_MAX: usize = 1_000;

/// A correlation with its error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Correlation {
    /// The correlation, -1 to 1.
    pub value: f64,
    /// Its standard error, which knows of the overlap.
    pub standard_error: f64,
    /// The lower end of the interval of 95 %.
    pub lo: f64,
    /// The upper end.
    pub hi: f64,
    /// How many pairs.
    pub count: usize,
}

/// How far pairs depend on each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlap {
    /// How many pairs in a row share a horizon.
    pub lags: usize,
    /// How many independent pairs all of them are worth at least.
    pub n_eff: f64,
}

impl Correlation {
    /// The product-moment correlation of pairs in their order of time.
    ///
    /// The error is that of a mean of the pairs' influences with Bartlett's kernel over the overlap, but never smaller than
    /// that of `n_eff` independent pairs. `None` for lists that do not fit, fewer than three independent pairs, a number
    /// that is not finite, or without dispersion.
    ///
    /// # Source
    /// Newey & West (1987); methods reference 6.2 for the effective number.
    #[must_use]
    pub fn pearson(x: &[f64], y: &[f64], overlap: Overlap) -> Option<Self> {
        if x.len() != y.len() || overlap.n_eff.is_nan() || overlap.n_eff < 3.0 {
            return None;
        }
        let (x, y) = (standardised(x)?, standardised(y)?);
        let products: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x * y).collect();
        let value = mean(&products)?.clamp(-1.0, 1.0);
        let influences: Vec<f64> =
            x.iter().zip(&y).map(|(x, y)| x * y - value * (x * x + y * y) / 2.0).collect();
        let by_kernel = finite(long_run_variance(&influences, overlap.lags).max(0.0) / size(x.len()))?;
        let by_number = (1.0 - value * value) / overlap.n_eff;
        let standard_error = by_kernel.max(by_number).sqrt();
        Some(Self {
            value,
            standard_error,
            lo: (value - Z_95 * standard_error).max(-1.0),
            hi: (value + Z_95 * standard_error).min(1.0),
            count: x.len(),
        })
    }

    /// The same of the ranks; equal numbers share the mean of theirs.
    #[must_use]
    pub fn spearman(x: &[f64], y: &[f64], overlap: Overlap) -> Option<Self> {
        Self::pearson(&ranks(x)?, &ranks(y)?, overlap)
    }

    /// Whether the interval lies above zero.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.lo > 0.0
    }
}

/// Deviations from the mean in standard deviations with `n`; `None` without dispersion.
fn standardised(sample: &[f64]) -> Option<Vec<f64>> {
    let centre = mean(sample)?;
    let squares: f64 = sample.iter().map(|x| (x - centre).powi(2)).sum();
    let sd = finite((squares / size(sample.len())).sqrt())?;
    let largest = sample.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    // What is below is the rounding of the mean.
    (sd > 1e-13 * largest).then(|| sample.iter().map(|x| (x - centre) / sd).collect())
}

fn long_run_variance(influences: &[f64], lags: usize) -> f64 {
    let lags = lags.min(LAGS_MAX).min(influences.len().saturating_sub(1));
    let n = size(influences.len());
    let covariance =
        |lag: usize| influences.iter().zip(influences.iter().skip(lag)).map(|(a, b)| a * b).sum::<f64>() / n;
    let weight = |lag: usize| 1.0 - size(lag) / size(lags + 1);
    covariance(0) + 2.0 * (1..=lags).map(|lag| weight(lag) * covariance(lag)).sum::<f64>()
}

/// Ranks from 1 on; `None` with a number that is not finite.
pub(crate) fn ranks(sample: &[f64]) -> Option<Vec<f64>> {
    if !sample.iter().all(|x| x.is_finite()) {
        return None;
    }
    let mut order: Vec<usize> = (0..sample.len()).collect();
    // Minus zero is zero.
    let key = |at: usize| sample.get(at).map_or(0.0, |x| x + 0.0);
    order.sort_by(|a, b| key(*a).total_cmp(&key(*b)));
    let mut ranks = vec![0.0; sample.len()];
    let mut before = 0;
    for tie in order.chunk_by(|a, b| key(*a).total_cmp(&key(*b)).is_eq()) {
        let rank = size(before) + f64::midpoint(size(tie.len()), 1.0);
        for at in tie {
            if let Some(slot) = ranks.get_mut(*at) {
                *slot = rank;
            }
        }
        before += tie.len();
    }
    Some(ranks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Overlap = Overlap { lags: 0, n_eff: 1e9 };

    #[track_caller]
    fn check(x: &[f64], y: &[f64], pearson: f64, spearman: f64) {
        for (found, expect) in
            [(Correlation::pearson(x, y, FREE), pearson), (Correlation::spearman(x, y, FREE), spearman)]
        {
            let found = found.unwrap();
            assert!((found.value - expect).abs() < 1e-12, "{found:?} for {expect}");
            assert!(found.lo <= found.value && found.value <= found.hi);
        }
    }

    #[test]
    fn correlations_worked_by_hand() {
        check(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0], 1.0, 1.0);
        check(&[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0], 0.8, 0.8);
        // Ties share rank 1.5.
        check(&[1.0, 1.0, 2.0], &[1.0, 2.0, 3.0], 3f64.sqrt() / 2.0, 3f64.sqrt() / 2.0);
        check(&[0.0, -0.0, 1.0], &[1.0, 3.0, 0.0], -4.0 / 28f64.sqrt(), -(3f64.sqrt()) / 2.0);
    }

    #[test]
    fn without_dispersion_or_independence_there_is_none() {
        assert_eq!(Correlation::pearson(&[1.0; 9], &[1.0, 2.0, 3.0].repeat(3), FREE), None);
        assert_eq!(Correlation::pearson(&[1.0, 2.0], &[1.0], FREE), None);
        assert_eq!(Correlation::spearman(&[1.0, f64::NAN], &[1.0, 2.0], FREE), None);
        let few = Overlap { lags: 0, n_eff: 2.9 };
        assert_eq!(Correlation::pearson(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0], few), None);
    }

    #[test]
    fn the_error_of_independent_pairs_is_one_over_the_root_of_their_number() {
        // Each sign with each: no correlation at all.
        let x = [1.0, 1.0, -1.0, -1.0].repeat(100);
        let y = [1.0, -1.0].repeat(200);
        let found = Correlation::pearson(&x, &y, FREE).unwrap();
        assert!(
            (found.standard_error - 0.05).abs() < 1e-12 && found.value.abs() < 1e-12 && !found.is_positive()
        );
    }

    #[test]
    fn pairs_that_repeat_do_not_make_it_surer() {
        let once: (Vec<f64>, Vec<f64>) =
            (0..200).map(|n| (f64::from(n * 37 % 101), f64::from(n * 53 % 97))).unzip();
        let repeated = |list: &[f64]| list.iter().flat_map(|x| [*x; 10]).collect::<Vec<_>>();
        let single = Correlation::pearson(&once.0, &once.1, FREE).unwrap().standard_error;
        let (x, y) = (repeated(&once.0), repeated(&once.1));
        let naive = Correlation::pearson(&x, &y, FREE).unwrap().standard_error;
        let kernel = Correlation::pearson(&x, &y, Overlap { lags: 20, ..FREE }).unwrap().standard_error;
        let number = Correlation::pearson(&x, &y, Overlap { lags: 0, n_eff: 200.0 }).unwrap().standard_error;
        assert!((naive * 10f64.sqrt() - single).abs() < 1e-3 * single);
        assert!(kernel > 0.7 * single && number > 0.7 * single, "{kernel} {number} {single}");
    }
}
