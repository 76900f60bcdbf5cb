//! Which of two venues the price is found at.

use serde::{Deserialize, Serialize};

use crate::{Absent, Measure, measure::finite};

/// How far apart the bounds of an information share may be before it says nothing.
pub const UNDETERMINED_SPREAD: f64 = 0.5;
/// A pull back to the common price of less than this is none.
const PULL_MIN: f64 = 1e-12;

/// How two venues' prices correct their difference, and what else moves them.
///
/// With `z = p1 - p2`: `dp1 = alpha1 z + .. + e1`, `dp2 = alpha2 z + .. + e2`; expected is `alpha1 <= 0 <= alpha2`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ErrorCorrection {
    /// How the first price answers to the difference, per step.
    pub alpha1: f64,
    /// How the second one does.
    pub alpha2: f64,
    /// Standard deviation of `e1`.
    pub s1: f64,
    /// Standard deviation of `e2`.
    pub s2: f64,
    /// Correlation of `e1` and `e2`.
    pub rho: f64,
}

/// Shares of the first venue; those of the second are one minus them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PriceDiscovery {
    /// Component share: in `[0, 1]` when `alpha1 <= 0 <= alpha2`. Estimates of a venue that does not answer at all have
    /// either sign, so that those of a pure leader lie on both sides of 1.
    pub component: f64,
    /// Information share when the venue is put first: what both share is counted as its own.
    pub information_upper: f64,
    /// Information share when the venue is put last. Above the former when the residuals are correlated negatively.
    pub information_lower: f64,
    /// The middle of both.
    pub information_mid: f64,
    /// Information leadership share, from the middle; [`Absent::NoEvents`] where it is zero over zero.
    pub leadership: Measure,
}

impl PriceDiscovery {
    /// False when the bounds of the information share are so far apart that a finer grid is needed.
    #[must_use]
    pub fn is_determined(&self) -> bool {
        (self.information_upper - self.information_lower).abs() <= UNDETERMINED_SPREAD
    }
}

/// The shares of the first of two venues in the discovery of their common price.
///
/// # Errors
/// [`Absent::NoEvents`] when the prices are not pulled together (`alpha2 - alpha1` is zero or negative) or nothing moves
/// the common price; [`Absent::BadNumber`] when an input is not finite, a deviation is negative or `|rho| > 1`.
///
/// # Source
/// Gonzalo & Granger (1995), JBES 13(1); Hasbrouck (1995), J. Finance 50(4); algebra of two venues: Baillie, Booth, Tse &
/// Zabotina (2002), J. Financial Markets 5(3); leadership: Putnins (2013), J. Empirical Finance 23; methods
/// reference 3.12.
pub fn price_discovery(model: &ErrorCorrection) -> Result<PriceDiscovery, Absent> {
    let ErrorCorrection { alpha1, alpha2, s1, s2, rho } = *model;
    let is_finite = [alpha1, alpha2, s1, s2, rho].into_iter().all(f64::is_finite);
    if !is_finite || s1 < 0.0 || s2 < 0.0 || rho.abs() > 1.0 {
        return Err(Absent::BadNumber);
    }
    let pull = alpha2 - alpha1;
    if pull <= PULL_MIN {
        return Err(Absent::NoEvents);
    }
    let (component, other) = (alpha2 / pull, -alpha1 / pull);
    // Weighted deviations, and what of them is not shared with the other venue.
    let (own, theirs, unshared) = (component * s1, other * s2, (1.0 - rho * rho).sqrt());
    let upper = (own + theirs * rho).powi(2);
    let total = upper + (theirs * unshared).powi(2);
    if total <= 0.0 {
        return Err(Absent::NoEvents);
    }
    let information_upper = finite(upper / total)?;
    let information_lower = finite((own * unshared).powi(2) / total)?;
    let information_mid = f64::midpoint(information_upper, information_lower);
    Ok(PriceDiscovery {
        component: finite(component)?,
        information_upper,
        information_lower,
        information_mid,
        leadership: leadership(information_mid, component, other),
    })
}

/// `IL1 / (IL1 + IL2)` with `IL1 = |IS1/IS2 * CS2/CS1|` and `IL2` its inverse.
fn leadership(information: f64, component: f64, other: f64) -> Measure {
    let (numerator, denominator) = ((information * other).abs(), ((1.0 - information) * component).abs());
    if numerator == 0.0 || denominator == 0.0 {
        return Err(Absent::NoEvents);
    }
    let first = numerator / denominator;
    finite(first / (first + first.recip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: [f64; 5], expect: Result<[f64; 3], Absent>) {
        let [alpha1, alpha2, s1, s2, rho] = model;
        let found = price_discovery(&ErrorCorrection { alpha1, alpha2, s1, s2, rho });
        assert_eq!(
            found.map(|found| [found.component, found.information_upper, found.information_lower]),
            expect
        );
    }

    #[test]
    fn a_venue_that_follows_has_no_share() {
        check([0.0, 0.2, 1.0, 1.0, 0.0], Ok([1.0, 1.0, 1.0]));
        check([-0.2, 0.0, 1.0, 1.0, 0.0], Ok([0.0, 0.0, 0.0]));
        check([-0.2, 0.2, 1.0, 1.0, 0.0], Ok([0.5, 0.5, 0.5]));
    }

    #[test]
    fn prices_that_are_not_pulled_together_have_no_shares() {
        check([0.1, 0.1, 1.0, 1.0, 0.5], Err(Absent::NoEvents));
        check([0.1, -0.1, 1.0, 1.0, 0.5], Err(Absent::NoEvents));
        check([-0.1, 0.1, 0.0, 0.0, 0.5], Err(Absent::NoEvents));
        check([-0.1, 0.1, 1.0, 1.0, -1.0], Err(Absent::NoEvents));
    }

    #[test]
    fn what_is_no_deviation_or_correlation_is_refused() {
        for model in [
            [f64::NAN, 0.1, 1.0, 1.0, 0.0],
            [-0.1, f64::INFINITY, 1.0, 1.0, 0.0],
            [-0.1, 0.1, -1.0, 1.0, 0.0],
            [-0.1, 0.1, 1.0, 1.0, 1.1],
        ] {
            check(model, Err(Absent::BadNumber));
        }
    }

    #[test]
    fn bounds_far_apart_are_undetermined() {
        let model = |rho| ErrorCorrection { alpha1: -0.1, alpha2: 0.1, s1: 1.0, s2: 1.0, rho };
        assert!(price_discovery(&model(0.2)).unwrap().is_determined());
        assert!(!price_discovery(&model(0.9)).unwrap().is_determined());
    }
}
