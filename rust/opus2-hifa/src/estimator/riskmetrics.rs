//! Variance per period with exponentially fading memory.

use serde::{Deserialize, Serialize};

use crate::{Absent, Measure, measure::finite};

/// The decay that `RiskMetrics` gives daily returns.
pub const DAILY_DECAY: f64 = 0.94;

/// `v <- decay v + (1 - decay) r²` over returns of equal periods.
///
/// For irregular times there is [`EwVariance`](super::volatility::EwVariance).
///
/// # Source
/// `RiskMetrics` (1996); methods reference 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RiskMetrics {
    variance: Option<f64>,
    steps: u64,
}

impl RiskMetrics {
    /// From a variance known before the first return; without one, or with one that is no variance, the first squared
    /// return is it.
    #[must_use]
    pub fn new(variance: Option<f64>) -> Self {
        Self { variance: variance.filter(|value| value.is_finite() && *value >= 0.0), steps: 0 }
    }

    /// Takes the next return. One that is not finite, or whose square is not, is passed over; so is every one under a
    /// decay outside `[0, 1]`.
    pub fn update(&mut self, log_return: f64, decay: f64) {
        let square = log_return * log_return;
        if !square.is_finite() || !(0.0..=1.0).contains(&decay) {
            return;
        }
        self.variance = Some(match self.variance {
            Some(variance) => decay * variance + (1.0 - decay) * square,
            None => square,
        });
        self.steps = self.steps.saturating_add(1);
    }

    /// Standard deviation of the next period's return.
    ///
    /// # Errors
    /// [`Absent::Cold`] without a first variance and before the first return.
    pub fn measure(&self) -> Measure {
        finite(self.variance.ok_or(Absent::Cold)?.sqrt())
    }

    /// The effective number of returns: those seen, but no more than the decay remembers.
    #[must_use]
    pub fn n_eff(&self, decay: f64) -> f64 {
        let seen = crate::exact::to_f64(self.steps.into());
        if (0.0..1.0).contains(&decay) { seen.min((1.0 + decay) / (1.0 - decay)) } else { seen }
    }

    /// True when it has a value.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.variance.is_some()
    }

    /// False for a loaded state that no returns can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.variance.is_none_or(|value| value.is_finite() && value >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(first: Option<f64>, returns: &[f64], expect: Measure) {
        let mut found = RiskMetrics::new(first);
        for value in returns {
            found.update(*value, 0.5);
        }
        assert_eq!(found.measure(), expect);
        assert!(found.is_consistent());
    }

    #[test]
    fn the_first_variance_is_given_or_the_first_square() {
        check(None, &[], Err(Absent::Cold));
        check(Some(4.0), &[], Ok(2.0));
        check(None, &[-3.0], Ok(3.0));
        check(Some(1.0), &[1.0, -7.0], Ok(5.0));
        check(Some(f64::NAN), &[2.0], Ok(2.0));
        check(Some(-1.0), &[2.0], Ok(2.0));
    }

    #[test]
    fn what_is_no_return_is_passed_over() {
        check(Some(4.0), &[f64::NAN, f64::INFINITY, 1e200, -1e300], Ok(2.0));
    }
}
