//! The standard normal distribution.

use statrs::distribution::{ContinuousCDF, Normal};

/// `P(Z <= x)`, between 0 and 1; `None` for what is not a number.
pub(super) fn cdf(x: f64) -> Option<f64> {
    (!x.is_nan()).then(|| Normal::standard().cdf(x).clamp(0.0, 1.0))
}

/// The `x` with `P(Z <= x) = p`; `None` unless `0 < p < 1`.
pub(crate) fn quantile(p: f64) -> Option<f64> {
    (p > 0.0 && p < 1.0).then(|| Normal::standard().inverse_cdf(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_agree() {
        for (p, x) in [(0.5, 0.0), (0.975, 1.959_963_984_540_054), (0.95, 1.644_853_626_951_472_7)] {
            assert!((quantile(p).unwrap() - x).abs() < 1e-13);
            // The library's own accuracy.
            assert!((cdf(x).unwrap() - p).abs() < 1e-11);
        }
        assert_eq!(cdf(f64::INFINITY), Some(1.0));
        assert_eq!(cdf(f64::NAN), None);
        for p in [0.0, 1.0, -1.0, f64::NAN] {
            assert_eq!(quantile(p), None);
        }
    }
}
