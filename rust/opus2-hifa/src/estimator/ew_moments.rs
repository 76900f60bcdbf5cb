//! Mean and standard deviation with fading memory.

use serde::{Deserialize, Serialize};

use crate::{Absent, Measure, measure::finite};

/// Weighted Welford moments: each observation multiplies the weight of those before it by a decay.
///
/// # Source
/// West (1979), CACM 22; methods reference, section 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EwMoments {
    weight: f64,
    mean: f64,
    /// Weighted sum of squared deviations.
    moment: f64,
}

impl EwMoments {
    /// Takes the next observation. One that is not finite, or whose square is not, is passed over; so is every one under
    /// a decay outside `(0, 1]`.
    pub fn update(&mut self, value: f64, decay: f64) {
        if !(decay > 0.0 && decay <= 1.0) {
            return;
        }
        let weight = decay * self.weight + 1.0;
        let difference = value - self.mean;
        let mean = self.mean + difference / weight;
        let next = Self { weight, mean, moment: decay * self.moment + difference * (value - mean) };
        if next.is_consistent() {
            *self = next;
        }
    }

    /// The weighted mean.
    ///
    /// # Errors
    /// [`Absent::Cold`] before the first observation.
    pub fn mean(&self) -> Measure {
        if self.weight > 0.0 { finite(self.mean) } else { Err(Absent::Cold) }
    }

    /// The weighted standard deviation, with the weight as denominator.
    ///
    /// # Errors
    /// [`Absent::Cold`] before the first observation.
    pub fn sd(&self) -> Measure {
        if self.weight > 0.0 { finite((self.moment / self.weight).sqrt()) } else { Err(Absent::Cold) }
    }

    /// The weight of all observations, the newest of which counts one.
    #[must_use]
    pub const fn n_eff(&self) -> f64 {
        self.weight
    }

    /// True when the observations weigh at least `weight_min`.
    #[must_use]
    pub fn is_warm(&self, weight_min: f64) -> bool {
        self.weight > 0.0 && self.weight >= weight_min
    }

    /// False for a loaded state that no observations can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.mean.is_finite()
            && [self.weight, self.moment].into_iter().all(|part| part.is_finite() && part >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], decay: f64, mean: Measure, sd: Measure) {
        let mut moments = EwMoments::default();
        for value in values {
            moments.update(*value, decay);
        }
        for (found, expect) in [(moments.mean(), mean), (moments.sd(), sd)] {
            match (found, expect) {
                (Ok(found), Ok(expect)) => assert!((found - expect).abs() < 1e-12, "{found} {expect}"),
                (found, expect) => assert_eq!(found, expect),
            }
        }
    }

    #[test]
    fn without_decay_they_are_the_plain_moments() {
        check(&[], 1.0, Err(Absent::Cold), Err(Absent::Cold));
        check(&[3.0], 1.0, Ok(3.0), Ok(0.0));
        check(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 1.0, Ok(5.0), Ok(2.0));
    }

    #[test]
    fn the_newest_weighs_most() {
        // Weights 1/4, 1/2, 1.
        let mean = (0.25 + 1.0 + 4.0) / 1.75;
        let square = (0.25 + 2.0 + 16.0) / 1.75;
        check(&[1.0, 2.0, 4.0], 0.5, Ok(mean), Ok((square - mean * mean).sqrt()));
    }

    #[test]
    fn what_is_no_number_is_passed_over() {
        check(&[1.0, f64::NAN, f64::INFINITY, 1e200, 3.0], 1.0, Ok(2.0), Ok(1.0));
        check(&[1.0, 2.0], f64::NAN, Err(Absent::Cold), Err(Absent::Cold));
    }
}
