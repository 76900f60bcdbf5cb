//! How unusual a size is: the robust z-score of its logarithm.

use crate::{Absent, Measure, measure::finite};

/// The MAD of a normal distribution times this is its standard deviation.
const MAD_TO_SD: f64 = 1.4826;
/// The mean absolute deviation of a normal distribution times this is its standard deviation.
const MEAN_DEVIATION_TO_SD: f64 = 1.2533;
/// The least spread, in units of the logarithm: sizes that are all alike differ by 5 %.
const SCALE_MIN: f64 = 0.05;

/// Centre and spread of the logarithms of sizes.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RobustFit {
    /// Median of the logarithms.
    pub median: f64,
    /// Median of their distances from the median.
    pub mad: f64,
    /// The spread by which distances are divided, at least 0.05.
    pub scale: f64,
}

impl RobustFit {
    /// `scale = 1.4826 * mad`, or `1.2533 * mean_deviation` when the MAD is zero; at least 0.05.
    pub(crate) fn new(median: f64, mad: f64, mean_deviation: f64) -> Self {
        let scale = if mad > 0.0 { MAD_TO_SD * mad } else { MEAN_DEVIATION_TO_SD * mean_deviation };
        Self { median, mad, scale: scale.max(SCALE_MIN) }
    }

    /// From the sizes themselves, in any unit. Those that are not finite or not positive are passed over.
    ///
    /// Sorts a copy: for research and tests. Online, [`LogHistogram::fit`](super::super::log_histogram::LogHistogram::fit)
    /// gives the same within a bin's width.
    ///
    /// # Errors
    /// [`Absent::Cold`] when no size is left.
    ///
    /// # Source
    /// Hampel (1974), JASA 69; Iglewicz and Hoaglin (1993), of log sizes; methods reference 2.8.
    pub fn exact(sizes: &[f64]) -> Result<Self, Absent> {
        let usable = sizes.iter().filter(|size| size.is_finite() && **size > 0.0);
        let mut values: Vec<f64> = usable.map(|size| size.ln()).collect();
        let median = median(&mut values).ok_or(Absent::Cold)?;
        for value in &mut values {
            *value = (*value - median).abs();
        }
        let mean = values.iter().sum::<f64>() / values.iter().map(|_| 1.0).sum::<f64>();
        let mad = self::median(&mut values).ok_or(Absent::Cold)?;
        Ok(Self::new(median, mad, mean))
    }

    /// `(ln size - median) / scale`, `size` in the unit of the fit.
    ///
    /// # Errors
    /// [`Absent::ZeroSize`] for a size that is not positive, [`Absent::BadNumber`] for one that is not finite.
    pub fn z(&self, size: f64) -> Measure {
        if size <= 0.0 {
            return Err(Absent::ZeroSize);
        }
        finite((size.ln() - self.median) / self.scale)
    }

    /// The size at which `z` is reached, in the unit of the fit.
    pub(crate) fn size_at(&self, z: f64) -> f64 {
        (self.median + z * self.scale).exp().min(f64::MAX)
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.median.is_finite() && self.mad.is_finite() && self.scale.is_finite() && self.scale >= SCALE_MIN
    }
}

/// The middle of the sorted values; of an even number, the mean of the middle two.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*values.get(values.len() / 2 - 1)?, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sizes: &[f64], size: f64, expect: Measure) {
        let found = RobustFit::exact(sizes).and_then(|fit| fit.z(size));
        match (found, expect) {
            (Ok(found), Ok(expect)) => assert!((found - expect).abs() < 1e-12, "{found} is not {expect}"),
            (found, expect) => assert_eq!(found, expect),
        }
    }

    #[test]
    fn a_size_is_measured_in_spreads_above_the_median() {
        let e = std::f64::consts::E;
        // Logarithms 0, 1, 2: median 1, MAD 1.
        check(&[1.0, e, e * e], e * e, Ok(1.0 / 1.4826));
        // An even number: the median lies between the middle two.
        check(&[1.0, e], e, Ok(0.5 / (1.4826 * 0.5)));
        // Half are alike: the mean distance, 0.4, takes the place of the MAD.
        check(&[1.0, 1.0, 1.0, e, e], e, Ok(1.0 / (1.2533 * 0.4)));
        check(&[1.0], e, Ok(1.0 / 0.05));
    }

    #[test]
    fn without_a_size_there_is_no_z() {
        check(&[], 1.0, Err(Absent::Cold));
        check(&[0.0, -1.0, f64::NAN], 1.0, Err(Absent::Cold));
        check(&[1.0, f64::INFINITY], 0.0, Err(Absent::ZeroSize));
        check(&[1.0], f64::NAN, Err(Absent::BadNumber));
    }
}
