//! Mean and spread of what came lately, with fading weights.

use serde::{Deserialize, Serialize};

use crate::{Absent, Measure, measure::finite};

/// Weighted mean and variance by West's update; every old weight is multiplied by `keep` at each new value.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct DecayedMoments {
    weight: f64,
    weight_squared: f64,
    mean: f64,
    squares: f64,
}

impl DecayedMoments {
    /// Takes a value; one that is not finite, or that the sums could not hold, is passed over.
    pub(crate) fn update(&mut self, value: f64, keep: f64) {
        let keep = if keep.is_nan() { 0.0 } else { keep.clamp(0.0, 1.0) };
        let weight = keep * self.weight + 1.0;
        let off = value - self.mean;
        let mean = self.mean + off / weight;
        let next = Self {
            weight,
            weight_squared: keep * keep * self.weight_squared + 1.0,
            mean,
            squares: keep * self.squares + off * (value - mean),
        };
        if next.is_consistent() {
            *self = next;
        }
    }

    /// The effective number of values.
    pub(crate) fn n_eff(&self) -> f64 {
        if self.weight_squared > 0.0 { self.weight * self.weight / self.weight_squared } else { 0.0 }
    }

    /// The mean, once `n_eff` is at least `n_min`.
    pub(crate) fn mean(&self, n_min: f64) -> Measure {
        if self.weight > 0.0 && self.n_eff() >= n_min { finite(self.mean) } else { Err(Absent::Cold) }
    }

    /// The standard deviation, once `n_eff` is at least `n_min`.
    pub(crate) fn deviation(&self, n_min: f64) -> Measure {
        self.mean(n_min)?;
        finite((self.squares / self.weight).sqrt())
    }

    pub(crate) fn is_consistent(&self) -> bool {
        let is_positive = |value: f64| value.is_finite() && value >= 0.0;
        self.mean.is_finite() && [self.weight, self.weight_squared, self.squares].into_iter().all(is_positive)
    }
}

/// `2^(-dt / half_life)`: what is kept of a weight. Time that goes back keeps all of it.
pub(crate) fn kept(dt_secs: f64, half_life_secs: f64) -> f64 {
    if half_life_secs > 0.0 { (-dt_secs.max(0.0) / half_life_secs).exp2() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_fading_it_is_the_plain_mean_and_deviation() {
        let mut moments = DecayedMoments::default();
        assert_eq!(moments.mean(0.0), Err(Absent::Cold));
        for value in [1.0, f64::NAN, 2.0, f64::INFINITY, 6.0, f64::MAX] {
            moments.update(value, 1.0);
        }
        assert_eq!(moments.mean(3.0), Ok(3.0));
        assert!((moments.deviation(3.0).unwrap() - (14.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(moments.mean(3.1), Err(Absent::Cold));
    }

    #[test]
    fn old_values_fade() {
        let mut moments = DecayedMoments::default();
        for value in [100.0, 1.0, 1.0, 1.0] {
            moments.update(value, 0.001);
        }
        assert!((moments.mean(1.0).unwrap() - 1.0).abs() < 1e-3);
        assert!(moments.n_eff() < 1.01);
        assert!((kept(10.0, 10.0) - 0.5).abs() < 1e-12);
        assert!((kept(-10.0, 10.0) - 1.0).abs() < 1e-12);
    }
}
