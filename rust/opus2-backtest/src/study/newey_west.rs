//! The standard error of a slope whose errors may differ in size and follow each other.

use crate::statistics::sample::size;

/// How many lags are looked at for so many points: `floor(4 (n / 100)^(2/9))`.
///
/// # Source
/// Newey & West (1994), "Automatic lag selection in covariance matrix estimation", rule of thumb for Bartlett weights.
#[must_use]
pub fn lags(points: usize) -> usize {
    let lags = (4.0 * (size(points) / 100.0).powf(2.0 / 9.0)).floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and not negative")]
    let lags = lags as usize;
    lags.min(points.saturating_sub(1))
}

/// The slope of `y` on `x` over its standard error after Newey and West, with Bartlett weights and no correction for the
/// number of points.
///
/// `None` when they differ in length, there are fewer than three points, `x` does not vary, nothing is left unexplained,
/// or a number is not finite.
///
/// # Source
/// Newey & West (1987), "A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent covariance
/// matrix".
#[must_use]
pub fn slope_t(x: &[f64], y: &[f64], lags: usize) -> Option<f64> {
    let fit = opus2_hifa::estimator::ofi_regression::fit_line(x, y).filter(|_| x.len() > 2)?;
    let mean = x.iter().sum::<f64>() / size(x.len());
    // The slope's share of each moment condition: all that its own variance needs, the intercept being free.
    let moments: Vec<f64> =
        x.iter().zip(y).map(|(x, y)| (x - mean) * (y - fit.alpha - fit.beta * x)).collect();
    let product = |lag: usize| -> f64 {
        moments.iter().skip(lag).zip(&moments).map(|(later, earlier)| later * earlier).sum()
    };
    let weighted = |lag: usize| 2.0 * (1.0 - size(lag) / size(lags + 1)) * product(lag);
    let middle = product(0) + (1..=lags.min(x.len() - 1)).map(weighted).sum::<f64>();
    let squares: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
    Some(fit.beta * squares / middle.sqrt()).filter(|t| t.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_of_thumb_grows_slowly() {
        for (points, expect) in [(0, 0), (2, 1), (100, 4), (359, 5), (1031, 6)] {
            assert_eq!(lags(points), expect, "{points}");
        }
    }

    #[test]
    fn without_lags_it_is_white() {
        // x̄ = 1, slope 1, intercept 1/3: residuals -1/3, 2/3, -1/3, moments 1/3, 0, -1/3.
        let t = slope_t(&[0.0, 1.0, 2.0], &[0.0, 2.0, 2.0], 0).unwrap();
        assert!((t - 2.0 / (2.0f64 / 9.0).sqrt()).abs() < 1e-12, "{t}");
    }

    #[test]
    fn errors_that_follow_each_other_make_a_slope_less_sure() {
        let x: Vec<f64> = (0..64).map(|at| f64::from(at / 8 % 2)).collect();
        let y: Vec<f64> = (0..64).map(|at| f64::from(at / 8 % 2) + f64::from(at / 16 % 2)).collect();
        assert!(slope_t(&x, &y, 6).unwrap() < 0.7 * slope_t(&x, &y, 0).unwrap());
    }

    #[test]
    fn nothing_to_be_sure_of_is_none() {
        assert_eq!(slope_t(&[0.0, 1.0, 2.0], &[0.0, 1.0, 2.0], 1), None);
        assert_eq!(slope_t(&[1.0; 3], &[0.0, 1.0, 2.0], 1), None);
        assert_eq!(slope_t(&[0.0, 1.0], &[0.0, 1.0], 0), None);
        assert_eq!(slope_t(&[0.0, 1.0, f64::NAN], &[0.0, 1.0, 5.0], 0), None);
    }
}
