//! Moments and autocorrelations of a sample.

/// A count as a float.
#[expect(clippy::cast_precision_loss, reason = "no sample has 2^53 elements")]
pub(crate) fn size(count: usize) -> f64 {
    count as f64
}

/// The last step of every statistic: nothing that is not finite leaves, and there is no negative zero.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value + 0.0)
}

/// The mean; `None` for an empty sample, or one with what is not finite.
#[must_use]
pub fn mean(sample: &[f64]) -> Option<f64> {
    finite(sample.iter().sum::<f64>() / size(sample.len()))
}

/// The standard deviation with `n - 1`; `None` below two elements, or with what is not finite.
#[must_use]
pub fn standard_deviation(sample: &[f64]) -> Option<f64> {
    if sample.len() < 2 {
        return None;
    }
    let mean = mean(sample)?;
    let squares: f64 = sample.iter().map(|x| (x - mean).powi(2)).sum();
    finite((squares / size(sample.len() - 1)).sqrt())
}

/// A standard deviation below this share of the sample's largest element is the rounding of its mean, not dispersion.
const ROUNDING: f64 = 1e-13;

/// Mean over standard deviation, not annualised; `None` without dispersion.
#[must_use]
pub fn sharpe(sample: &[f64]) -> Option<f64> {
    let deviation = standard_deviation(sample)?;
    let largest = sample.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    if deviation <= ROUNDING * largest {
        return None;
    }
    finite(mean(sample)? / deviation)
}

/// The shape of a sample, for the standard error of its Sharpe ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// `m3 / m2^1.5`, central moments with `n`.
    pub skewness: f64,
    /// `m4 / m2^2`, raw: 3 for a normal distribution.
    pub kurtosis: f64,
}

impl Shape {
    /// `None` without dispersion.
    #[must_use]
    pub fn of(sample: &[f64]) -> Option<Self> {
        sharpe(sample)?;
        let mean = mean(sample)?;
        let moment =
            |power: i32| sample.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / size(sample.len());
        let variance = moment(2);
        let skewness = finite(moment(3) / variance.powf(1.5))?;
        Some(Self { skewness, kurtosis: finite(moment(4) / variance.powi(2))? })
    }
}

/// The autocovariances at lags `0..=lags`, each with `n` in the denominator; `None` when there are no more elements than
/// lags, or one is not finite.
#[must_use]
pub fn autocovariances(sample: &[f64], lags: usize) -> Option<Vec<f64>> {
    if sample.len() <= lags {
        return None;
    }
    let mean = mean(sample)?;
    let at = |lag: usize| {
        let products = sample.iter().zip(sample.iter().skip(lag)).map(|(x, y)| (x - mean) * (y - mean));
        finite(products.sum::<f64>() / size(sample.len()))
    };
    (0..=lags).map(at).collect()
}

/// The autocorrelations at lags `1..=lags`; `None` where [`autocovariances`] is, or without dispersion.
#[must_use]
pub fn autocorrelations(sample: &[f64], lags: usize) -> Option<Vec<f64>> {
    sharpe(sample)?;
    let covariances = autocovariances(sample, lags)?;
    let (variance, rest) = covariances.split_first()?;
    rest.iter().map(|covariance| finite(covariance / variance)).collect()
}

/// The element at rank `ceil(p n)` of a sorted sample, counted from one; `None` for an empty one.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank, clamped to the sample; a cast saturates"
)]
pub fn nearest_rank(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    // A product such as 0.95 * 20 = 19.000000000000004 is meant to be 19.
    let exact = p * size(sorted.len());
    let nearest = exact.round();
    let rank = if (exact - nearest).abs() < 1e-9 { nearest } else { exact.ceil() };
    sorted.get((rank as usize).saturating_sub(1).min(last)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_without_dispersion_has_no_sharpe_and_no_shape() {
        let compounding: Vec<f64> = (0..20).map(|n| 1.01f64.powi(n + 1) / 1.01f64.powi(n) - 1.0).collect();
        for sample in [&[][..], &[1.0], &[0.0; 9], &[0.1; 9], &compounding, &[1.0, f64::NAN], &[1e308; 3]] {
            assert_eq!(sharpe(sample), None, "{sample:?}");
            assert_eq!(Shape::of(sample), None, "{sample:?}");
            assert_eq!(autocorrelations(sample, 1), None, "{sample:?}");
        }
    }

    #[test]
    fn moments_agree_with_a_sample_worked_by_hand() {
        let sample = [1.0, 2.0, 3.0, 6.0];
        assert_eq!(mean(&sample), Some(3.0));
        assert!((standard_deviation(&sample).unwrap() - (14.0f64 / 3.0).sqrt()).abs() < 1e-15);
        let shape = Shape::of(&sample).unwrap();
        assert!((shape.skewness - 4.5 / 3.5f64.powf(1.5)).abs() < 1e-14);
        assert!((shape.kurtosis - 24.5 / 3.5f64.powi(2)).abs() < 1e-14);
        assert_eq!(autocovariances(&sample, 2), Some(vec![3.5, 0.5, -0.75]));
        assert_eq!(autocovariances(&sample, 4), None);
    }

    #[test]
    fn the_nearest_rank_is_an_element() {
        let sorted: Vec<f64> = (1..=20).map(f64::from).collect();
        for (p, expect) in
            [(0.0, 1.0), (0.05, 1.0), (0.051, 2.0), (0.95, 19.0), (0.951, 20.0), (1.0, 20.0), (9.0, 20.0)]
        {
            assert_eq!(nearest_rank(&sorted, p), Some(expect), "{p}");
        }
        assert_eq!(nearest_rank(&[], 0.5), None);
        assert_eq!(nearest_rank(&sorted, f64::NAN), Some(1.0));
    }
}
