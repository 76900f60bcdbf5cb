//! Where a number from 0 to 1 stands among its own past.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Absent, Measure, measure::finite};

/// Bins between 0 and 1: ranks are good to half of one.
const BINS: u16 = 200;

/// A histogram of numbers from 0 to 1 whose past fades.
///
/// Each observation multiplies the weight of those before it by `2^(-1 / half_life)`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PercentileHistory {
    weights: Box<[f64]>,
}

impl Default for PercentileHistory {
    fn default() -> Self {
        Self { weights: vec![0.0; BINS.into()].into_boxed_slice() }
    }
}

impl PercentileHistory {
    /// Takes the same `value` `count` times. One that is not finite is passed over; one beyond 0 or 1 counts as that end.
    pub fn add(&mut self, value: f64, count: u64, half_life_observations: f64) {
        if !value.is_finite() || count == 0 {
            return;
        }
        let keep = if half_life_observations > 0.0 { (-1.0 / half_life_observations).exp2() } else { 0.0 };
        let count = crate::exact::to_f64(count.into());
        let kept = keep.powf(count);
        let added = if keep < 1.0 { (1.0 - kept) / (1.0 - keep) } else { count };
        for weight in &mut self.weights {
            *weight *= kept;
        }
        if let Some(weight) = self.weights.get_mut(bin(value)) {
            *weight += added;
        }
    }

    /// The share of the past that is below `value`, 0 to 1; its own bin counts half.
    ///
    /// # Errors
    /// [`Absent::Cold`] while the weight of the past is below `weight_min`; [`Absent::BadNumber`] for a value that is not
    /// finite.
    pub fn rank(&self, value: f64, weight_min: f64) -> Measure {
        if !value.is_finite() {
            return Err(Absent::BadNumber);
        }
        let total = self.n_eff();
        if !(total > 0.0 && total >= weight_min) {
            return Err(Absent::Cold);
        }
        let bin = bin(value);
        let below: f64 = self.weights.iter().take(bin).sum();
        let level = self.weights.get(bin).copied().unwrap_or_default();
        finite(((below + 0.5 * level) / total).clamp(0.0, 1.0))
    }

    /// The weight of all observations, the newest of which counts one.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        self.weights.iter().sum()
    }
}

/// Truncation puts a value into its bin; 1 belongs to the last.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the number of bins; the cast saturates"
)]
fn bin(value: f64) -> usize {
    ((value.clamp(0.0, 1.0) * f64::from(BINS)) as usize).min(usize::from(BINS) - 1)
}

#[derive(Deserialize)]
struct Saved {
    weights: Vec<f64>,
}

impl<'de> Deserialize<'de> for PercentileHistory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let weights = Saved::deserialize(deserializer)?.weights;
        let is_weight = |weight: &f64| (0.0..1e18).contains(weight);
        if weights.len() != usize::from(BINS) || !weights.iter().all(is_weight) {
            return Err(serde::de::Error::custom("a history that cannot be"));
        }
        Ok(Self { weights: weights.into_boxed_slice() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[(f64, u64)], half_life: f64, of: f64, expect: Measure) {
        let mut history = PercentileHistory::default();
        for (value, count) in values {
            history.add(*value, *count, half_life);
        }
        match (history.rank(of, 2.0), expect) {
            (Ok(found), Ok(expect)) => assert!((found - expect).abs() < 1e-12, "{found} {expect}"),
            (found, expect) => assert_eq!(found, expect),
        }
    }

    #[test]
    fn a_value_ranks_among_its_past() {
        let past = [(0.1, 1), (0.2, 1), (0.3, 1), (0.4, 1)];
        check(&past, f64::INFINITY, 0.35, Ok(0.75));
        check(&past, f64::INFINITY, 0.0, Ok(0.0));
        check(&past, f64::INFINITY, 1.0, Ok(1.0));
        check(&past, f64::INFINITY, 0.2, Ok(0.375));
        check(&past, f64::INFINITY, f64::NAN, Err(Absent::BadNumber));
        check(&past[..1], f64::INFINITY, 0.5, Err(Absent::Cold));
        check(&[(f64::NAN, 5), (0.5, 0)], f64::INFINITY, 0.5, Err(Absent::Cold));
    }

    #[test]
    fn the_past_fades() {
        // Weights 1/4, 1/2, 1 and as much again of the newest.
        check(&[(0.1, 1), (0.2, 1), (0.3, 1)], 1.0, 0.15, Err(Absent::Cold));
        check(&[(0.1, 10), (0.3, 10)], 10.0, 0.2, Ok(1.0 / 3.0));
    }

    #[test]
    fn many_at_once_are_many_in_a_row() {
        let (mut once, mut row) = (PercentileHistory::default(), PercentileHistory::default());
        for history in [&mut once, &mut row] {
            history.add(0.7, 3, 20.0);
        }
        once.add(0.2, 40, 20.0);
        for _ in 0..40 {
            row.add(0.2, 1, 20.0);
        }
        assert!((once.rank(0.5, 1.0).unwrap() - row.rank(0.5, 1.0).unwrap()).abs() < 1e-12);
        assert!((once.n_eff() - row.n_eff()).abs() < 1e-9);
    }
}
