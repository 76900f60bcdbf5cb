//! How sure a Sharpe ratio is, also after many trials.
//!
//! All ratios here are per period, not annualised; kurtosis is raw, 3 for a normal distribution.

use super::normal::{cdf, quantile};
use super::sample::{Shape, finite, sharpe, size};

/// Euler's constant, of the expected maximum of normal trials.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// A Sharpe ratio and the shape of the returns it was taken of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharpeEstimate {
    /// Mean over standard deviation, a period.
    pub sharpe: f64,
    /// How many periods it was taken of.
    pub periods: usize,
    /// Of the returns.
    pub shape: Shape,
}

/// Standard errors of a Sharpe ratio.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StandardErrors {
    /// As if returns were independent and normal: `sqrt((1 + SR^2 / 2) / T)`.
    pub iid_normal: Option<f64>,
    /// For returns of any shape: `sqrt((1 - skew SR + (kurt - 1) / 4 SR^2) / (T - 1))`.
    pub general: Option<f64>,
}

impl SharpeEstimate {
    /// Of a sample of returns; `None` without dispersion.
    #[must_use]
    pub fn of(returns: &[f64]) -> Option<Self> {
        let shape = Shape::of(returns)?;
        Some(Self { sharpe: sharpe(returns)?, periods: returns.len(), shape })
    }

    /// `1 - skew SR + (kurt - 1) / 4 SR^2`; `None` when moments that no sample has make it negative.
    fn variance_factor(&self) -> Option<f64> {
        let Shape { skewness, kurtosis } = self.shape;
        let factor = 1.0 - skewness * self.sharpe + (kurtosis - 1.0) / 4.0 * self.sharpe * self.sharpe;
        finite(factor).filter(|factor| *factor > 0.0)
    }

    /// `T - 1` as a float; `None` below two periods.
    fn degrees(&self) -> Option<f64> {
        self.periods.checked_sub(1).filter(|degrees| *degrees > 0).map(size)
    }

    /// How far the ratio may be from the truth.
    ///
    /// # Source
    /// Lo (2002), FAJ 58(4); Mertens (2002); methods reference 9.
    #[must_use]
    pub fn standard_errors(&self) -> StandardErrors {
        let normal = (1.0 + self.sharpe * self.sharpe / 2.0) / size(self.periods);
        let general = || finite((self.variance_factor()? / self.degrees()?).sqrt());
        StandardErrors { iid_normal: finite(normal.sqrt()), general: general() }
    }

    /// The probabilistic Sharpe ratio: the probability that the true ratio is above `benchmark`.
    ///
    /// `None` below two periods, or for moments that no sample has.
    ///
    /// # Source
    /// Bailey and Lopez de Prado (2012), J. Risk 15(2); methods reference 9.
    #[must_use]
    pub fn probabilistic(&self, benchmark: f64) -> Option<f64> {
        cdf((self.sharpe - benchmark) * self.degrees()?.sqrt() / self.variance_factor()?.sqrt())
    }

    /// The deflated Sharpe ratio: [`Self::probabilistic`] against what the best of the trials would have by luck.
    ///
    /// # Source
    /// Bailey and Lopez de Prado (2014), JPM 40(5); methods reference 9.
    #[must_use]
    pub fn deflated(&self, trials: &Trials) -> Option<f64> {
        self.probabilistic(trials.expected_maximum()?)
    }

    /// The least number of periods after which the ratio is above `benchmark` with this confidence. The estimate's own
    /// number of periods plays no part.
    ///
    /// `None` when the ratio is not above the benchmark, which no length of record helps, or unless
    /// `0 < confidence < 1`.
    ///
    /// # Source
    /// Bailey and Lopez de Prado (2012); methods reference 9.
    #[must_use]
    pub fn min_track_record(&self, benchmark: f64, confidence: f64) -> Option<f64> {
        if self.sharpe > benchmark {
            let z = quantile(confidence)?;
            finite(1.0 + self.variance_factor()? * (z / (self.sharpe - benchmark)).powi(2))
        } else {
            None
        }
    }
}

/// Every configuration that was ever tried on the data, abandoned ones included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trials {
    /// How many, or how many clusters of them when they are alike.
    pub count: usize,
    /// The variance of their Sharpe ratios, a period.
    pub variance: f64,
}

impl Trials {
    /// The Sharpe ratio that the best of them is expected to have when none has any skill.
    ///
    /// Zero for one trial, which was not chosen among others. `None` for none, or a variance that is negative or not finite.
    ///
    /// # Source
    /// Bailey and Lopez de Prado (2014), with the expected maximum of normal variables; methods reference 9.
    #[must_use]
    pub fn expected_maximum(&self) -> Option<f64> {
        if self.count == 0 || self.variance.is_nan() || self.variance < 0.0 {
            return None;
        }
        if self.count == 1 {
            return Some(0.0);
        }
        let tail = size(self.count).recip();
        let (first, second) = (quantile(1.0 - tail)?, quantile(1.0 - tail / std::f64::consts::E)?);
        finite(self.variance.sqrt() * ((1.0 - EULER_GAMMA) * first + EULER_GAMMA * second))
    }
}

/// The factor from the Sharpe ratio of one period to that of `periods` together, when returns remember:
/// `q / sqrt(q + 2 sum (q - k) rho_k)`, `rho_k` being the autocorrelation at lag `k`, from one.
///
/// Lags that are not given count as zero, and those of `periods` or more do not matter. `None` for no periods, or
/// autocorrelations that no series has.
///
/// # Source
/// Lo (2002), FAJ 58(4); methods reference 8.
#[must_use]
pub fn time_aggregation(autocorrelations: &[f64], periods: usize) -> Option<f64> {
    let q = size(periods);
    let weighted = autocorrelations.iter().zip(1..periods).map(|(rho, lag)| (q - size(lag)) * rho);
    let variance = q + 2.0 * weighted.sum::<f64>();
    if variance > 0.0 { finite(q / variance.sqrt()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(sharpe: f64, periods: usize, skewness: f64, kurtosis: f64) -> SharpeEstimate {
        SharpeEstimate { sharpe, periods, shape: Shape { skewness, kurtosis } }
    }

    #[test]
    fn a_ratio_at_its_benchmark_is_as_likely_above_as_below() {
        assert_eq!(estimate(0.1, 100, 0.0, 3.0).probabilistic(0.1), Some(0.5));
    }

    #[test]
    fn the_least_record_is_where_the_probability_reaches_the_confidence() {
        let found = estimate(0.1, 0, -0.5, 6.0).min_track_record(0.0, 0.95).unwrap();
        assert!((found - 288.463_991_997).abs() < 1e-8);
        let at = |periods| estimate(0.1, periods, -0.5, 6.0).probabilistic(0.0).unwrap();
        assert!(at(288) < 0.95 && at(289) > 0.95);
    }

    #[test]
    fn what_no_record_can_show_is_none() {
        let poor = estimate(0.1, 1, 0.0, 3.0);
        assert_eq!(poor.min_track_record(0.1, 0.95), None);
        assert_eq!(poor.min_track_record(0.0, 1.0), None);
        assert_eq!(poor.probabilistic(0.0), None);
        assert_eq!(poor.standard_errors().general, None);
        assert_eq!(estimate(1.0, 100, 9.0, 1.0).probabilistic(0.0), None);
        assert_eq!(estimate(1.0, 0, 0.0, 3.0).standard_errors(), StandardErrors::default());
        assert_eq!(SharpeEstimate::of(&[0.0; 50]), None);
    }

    #[test]
    fn one_trial_is_not_deflated_and_none_cannot_be() {
        let one = estimate(0.1, 100, 0.0, 3.0);
        assert_eq!(one.deflated(&Trials { count: 1, variance: 0.5 }), one.probabilistic(0.0));
        for (count, variance) in [(0, 0.1), (5, -0.1), (5, f64::NAN), (5, f64::INFINITY)] {
            assert_eq!(one.deflated(&Trials { count, variance }), None);
        }
    }

    #[test]
    fn aggregation_needs_a_variance() {
        assert_eq!(time_aggregation(&[], 0), None);
        assert_eq!(time_aggregation(&[], 4), Some(2.0));
        assert_eq!(time_aggregation(&[0.9; 50], 1), Some(1.0));
        assert_eq!(time_aggregation(&[-0.9], 4), None);
        assert_eq!(time_aggregation(&[f64::NAN], 4), None);
    }
}
