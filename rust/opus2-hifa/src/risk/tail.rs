//! Value at risk and expected shortfall. Losses are positive, returns are fractions.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};

use crate::exact::to_f64;
use crate::{Absent, Measure, measure::finite};

/// Confidences beyond these are refused: nothing that is estimated from data says anything there.
const CONFIDENCE_MIN: f64 = 1e-7;
const CONFIDENCE_MAX: f64 = 1.0 - 1e-7;

/// Above this the quantile of Student's t comes from its expansion about the normal one, whose error is below 1e-10 there;
/// the inversion of the incomplete beta function loses digits from about 1e5, and all of them at 1e7.
const DEGREES_EXPANDED_MIN: f64 = 1_000.0;

/// A tail of a loss distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tail {
    /// Value at risk: the loss that is not exceeded with the confidence asked for.
    pub var: f64,
    /// Expected shortfall: the mean of the losses from there on.
    pub es: f64,
}

/// The returns of a position over its horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReturnModel {
    /// Standard deviation over one period.
    pub sigma: f64,
    /// Mean over one period; zero unless there is a good reason.
    pub mu: f64,
    /// How many periods: the longer of the time it is held and the time it takes to get out.
    pub periods: f64,
}

impl ReturnModel {
    /// Value at risk and expected shortfall of normal returns.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] for a negative `sigma` or `periods`, a confidence outside (0, 1), or anything not finite.
    ///
    /// # Source
    /// `McNeil`, Frey & Embrechts (2015), Quantitative Risk Management, 2.3; methods reference 4.5.
    pub fn normal_tail(&self, confidence: f64) -> Result<Tail, Absent> {
        let quantile = normal_quantile(confidence)?;
        self.tail(quantile, standard_normal().pdf(quantile) / (1.0 - confidence))
    }

    /// The same of Student's t with `degrees` degrees of freedom, scaled to unit variance: `sigma` stays the standard
    /// deviation.
    ///
    /// # Errors
    /// As [`normal_tail`](Self::normal_tail); [`Absent::BadNumber`] for `degrees` of two or less, which have no variance.
    ///
    /// # Source
    /// `McNeil`, Frey & Embrechts (2015), 2.3; methods reference 4.5.
    pub fn student_tail(&self, confidence: f64, degrees: f64) -> Result<Tail, Absent> {
        if degrees.is_nan() || degrees <= 2.0 {
            return Err(Absent::BadNumber);
        }
        if degrees.is_infinite() {
            return self.normal_tail(confidence);
        }
        let quantile = student_quantile(confidence, degrees)?;
        let shrink = ((degrees - 2.0) / degrees).sqrt();
        let beyond = student(degrees)?.pdf(quantile) / (1.0 - confidence) * (degrees + quantile * quantile)
            / (degrees - 1.0);
        self.tail(shrink * quantile, shrink * beyond)
    }

    /// From the quantile and the tail mean of a distribution of unit variance.
    fn tail(&self, quantile: f64, beyond: f64) -> Result<Tail, Absent> {
        if !(self.sigma >= 0.0 && self.periods >= 0.0) {
            return Err(Absent::BadNumber);
        }
        let (deviation, drift) = (self.sigma * self.periods.sqrt(), self.mu * self.periods);
        let var = finite(deviation * quantile - drift)?;
        // A tail mean is never below its quantile; rounding may say otherwise.
        Ok(Tail { var, es: finite(deviation * beyond - drift)?.max(var) })
    }
}

/// Value at risk with skewness and excess kurtosis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CornishFisher {
    /// The adjusted quantile of standardised returns; negative.
    pub quantile: f64,
    /// The loss, in the unit of `sigma`.
    pub var: f64,
}

impl CornishFisher {
    /// The Cornish-Fisher expansion at `confidence`.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] outside `|skewness| < 1`, `excess_kurtosis < 4`, where it is not monotone, for a negative
    /// `sigma`, a confidence outside (0, 1), or anything not finite.
    ///
    /// # Source
    /// Cornish & Fisher (1937); Favre & Galeano (2002); methods reference 4.5.
    pub fn of(sigma: f64, skewness: f64, excess_kurtosis: f64, confidence: f64) -> Result<Self, Absent> {
        if !(sigma >= 0.0 && skewness.abs() < 1.0 && excess_kurtosis < 4.0) {
            return Err(Absent::BadNumber);
        }
        let z = -normal_quantile(confidence)?;
        let quantile = finite(
            z + (z * z - 1.0) * skewness / 6.0 + (z.powi(3) - 3.0 * z) * excess_kurtosis / 24.0
                - (2.0 * z.powi(3) - 5.0 * z) * skewness * skewness / 36.0,
        )?;
        Ok(Self { quantile, var: finite(-quantile * sigma)? })
    }
}

/// Value at risk and expected shortfall of losses that happened: the loss of rank `ceil(confidence * n)`, and the mean of
/// the losses that are not smaller. Sorts `losses`.
///
/// # Errors
/// [`Absent::NoEvents`] without losses; [`Absent::BadNumber`] for a loss that is not finite, which must not be left out,
/// or a confidence outside (0, 1).
///
/// # Source
/// Methods reference 4.5 (elementary definition).
pub fn historical_tail(losses: &mut [f64], confidence: f64) -> Result<Tail, Absent> {
    if losses.is_empty() {
        return Err(Absent::NoEvents);
    }
    check_confidence(confidence)?;
    if losses.iter().any(|loss| !loss.is_finite()) {
        return Err(Absent::BadNumber);
    }
    losses.sort_unstable_by(f64::total_cmp);
    let var = losses.iter().zip(1u32..).find(|(_, rank)| is_at_least(*rank, confidence, losses.len()));
    let var = var.map_or(losses[losses.len() - 1], |(loss, _)| *loss);
    let (mut mean, mut count) = (0.0, 0.0);
    for loss in losses.iter().filter(|loss| **loss >= var) {
        count += 1.0;
        mean += (loss - mean) / count;
    }
    Ok(Tail { var: finite(var)?, es: finite(mean)?.max(var) })
}

/// `rank >= confidence * n`, without being thrown off by the rounding of the product.
fn is_at_least(rank: u32, confidence: f64, count: usize) -> bool {
    let count = to_f64(i128::try_from(count).unwrap_or(i128::MAX));
    f64::from(rank) >= confidence * count * (1.0 - 4.0 * f64::EPSILON)
}

/// The quantile of the standard normal distribution.
///
/// # Errors
/// [`Absent::BadNumber`] for a probability that is not inside (0, 1).
pub fn normal_quantile(probability: f64) -> Measure {
    check_confidence(probability)?;
    finite(standard_normal().inverse_cdf(probability))
}

/// The quantile of Student's t with `degrees` degrees of freedom.
///
/// # Errors
/// [`Absent::BadNumber`] for a probability that is not inside (0, 1), or `degrees` below one.
pub fn student_quantile(probability: f64, degrees: f64) -> Measure {
    check_confidence(probability)?;
    if degrees.is_nan() || degrees < 1.0 {
        return Err(Absent::BadNumber);
    }
    if degrees <= DEGREES_EXPANDED_MIN {
        return finite(student(degrees)?.inverse_cdf(probability));
    }
    let z = normal_quantile(probability)?;
    let terms = [
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
    ];
    finite(z + terms[0] / degrees + terms[1] / degrees.powi(2) + terms[2] / degrees.powi(3))
}

fn check_confidence(confidence: f64) -> Result<(), Absent> {
    if (CONFIDENCE_MIN..=CONFIDENCE_MAX).contains(&confidence) { Ok(()) } else { Err(Absent::BadNumber) }
}

fn standard_normal() -> Normal {
    Normal::standard()
}

fn student(degrees: f64) -> Result<StudentsT, Absent> {
    StudentsT::new(0.0, 1.0, degrees).map_err(|_| Absent::BadNumber)
}

/// At which tail positions are measured, and how much of it there may be.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TailLimits {
    /// Confidence of the expected shortfall.
    pub confidence: f64,
    /// Degrees of freedom of Student's t.
    pub degrees: f64,
    /// The most expected shortfall of one position, as a share of equity.
    pub position_share_max: f64,
    /// The most expected shortfall of all positions together, taken as perfectly correlated, as a share of equity.
    pub total_share_max: f64,
}

impl Default for TailLimits {
    fn default() -> Self {
        Self { confidence: 0.975, degrees: 4.0, position_share_max: 0.01, total_share_max: 0.02 }
    }
}

impl TailLimits {
    /// Expected shortfall of `returns` at these limits' confidence and distribution, as a fraction of the notional.
    ///
    /// # Errors
    /// As [`ReturnModel::student_tail`].
    pub fn expected_shortfall(&self, returns: &ReturnModel) -> Measure {
        Ok(returns.student_tail(self.confidence, self.degrees)?.es)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: ReturnModel = ReturnModel { sigma: 0.03, mu: 0.0, periods: 1.0 };

    #[track_caller]
    fn check(found: Measure, expect: f64) {
        assert!((found.unwrap() - expect).abs() < 1e-9, "{found:?} instead of {expect}");
    }

    #[test]
    fn quantiles_agree_with_published_tables() {
        check(normal_quantile(0.975), 1.959_963_984_540_054);
        check(normal_quantile(0.01), -2.326_347_874_040_841);
        check(student_quantile(0.975, 4.0), 2.776_445_105_197_8);
        check(student_quantile(0.975, 1.0), 12.706_204_736_174_7);
        check(student_quantile(0.975, 30.0), 2.042_272_456_301_2);
        assert!((student_quantile(0.95, 120.0).unwrap() - 1.657_650_9).abs() < 1e-6);
    }

    #[test]
    fn the_two_ways_to_students_quantile_meet() {
        for probability in [1e-6, 0.01, 0.3, 0.6, 0.975, 0.9999] {
            let below = student_quantile(probability, 1_000.0).unwrap();
            let above = student_quantile(probability, 1_000.000_001).unwrap();
            assert!((below - above).abs() < 1e-8, "{probability}: {below} {above}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for confidence in [0.0, 1.0, -0.1, f64::NAN] {
            assert_eq!(DAY.normal_tail(confidence), Err(Absent::BadNumber));
            assert_eq!(historical_tail(&mut [1.0], confidence), Err(Absent::BadNumber));
        }
        assert_eq!(DAY.student_tail(0.99, 2.0), Err(Absent::BadNumber));
        assert_eq!(DAY.student_tail(0.99, f64::INFINITY), DAY.normal_tail(0.99));
        assert_eq!(ReturnModel { sigma: -1.0, ..DAY }.normal_tail(0.99), Err(Absent::BadNumber));
        assert_eq!(CornishFisher::of(0.03, 1.0, 3.0, 0.99), Err(Absent::BadNumber));
        assert_eq!(CornishFisher::of(0.03, 0.0, 4.0, 0.99), Err(Absent::BadNumber));
        assert_eq!(historical_tail(&mut [], 0.9), Err(Absent::NoEvents));
        assert_eq!(historical_tail(&mut [1.0, f64::NAN], 0.9), Err(Absent::BadNumber));
    }

    #[test]
    fn without_skewness_and_kurtosis_the_expansion_is_normal() {
        let found = CornishFisher::of(0.03, 0.0, 0.0, 0.99).unwrap();
        check(Ok(found.var), DAY.normal_tail(0.99).unwrap().var);
    }

    #[test]
    fn the_rank_is_not_thrown_off_by_rounding() {
        // 0.55 * 20 is 11.000000000000002 in floating point.
        let mut losses: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(historical_tail(&mut losses, 0.55), Ok(Tail { var: 11.0, es: 15.5 }));
        assert_eq!(historical_tail(&mut [3.0], 0.01), Ok(Tail { var: 3.0, es: 3.0 }));
        assert_eq!(historical_tail(&mut [2.0, 2.0, 1.0], 0.5), Ok(Tail { var: 2.0, es: 2.0 }));
    }
}
