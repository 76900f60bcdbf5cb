//! A linear model of several regressors that learns point by point.

use serde::{Deserialize, Serialize};

use crate::{Absent, Measure, measure::finite};

/// How many regressors there can be: ten levels and a constant, and one to spare.
pub const RLS_REGRESSORS_MAX: usize = 12;

/// Rounding makes the covariance lopsided; so often it is made symmetric again.
const SYMMETRY_STEPS: u64 = 1_000;

type Row = [f64; RLS_REGRESSORS_MAX];

/// How the model forgets and starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RlsSettings {
    /// What one point leaves of the weight of those before it, above 0 and up to 1.
    pub forgetting: f64,
    /// The covariance it starts from, on the diagonal: large when nothing is known of the weights.
    pub initial_covariance: f64,
    /// How many times its first trace the covariance's trace may reach. Without new information it would grow for ever,
    /// and the next point would throw the weights anywhere.
    pub trace_growth_max: f64,
}

impl Default for RlsSettings {
    fn default() -> Self {
        // A half-life of 600 points, as of Kyle's lambda on bars of a second.
        Self { forgetting: 0.998_845, initial_covariance: 1e3, trace_growth_max: 1e3 }
    }
}

/// Recursive least squares with forgetting.
///
/// `k = P x / (f + x' P x)`, `w <- w + k (y - w' x)`, `P <- (P - k x' P) / f`, from `w = 0` and `P = delta I`. No memory is
/// taken beyond its own size. A covariance that rounding has made useless starts again; the weights stay.
///
/// # Source
/// Ljung & Söderström (1983); Haykin, Adaptive Filter Theory; methods reference 3.3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rls {
    regressors: u8,
    steps: u64,
    weights: Row,
    /// Symmetric; beyond the regressors zero.
    covariance: [Row; RLS_REGRESSORS_MAX],
}

impl Rls {
    /// A model of so many regressors; `None` when there are more than [`RLS_REGRESSORS_MAX`].
    #[must_use]
    pub fn new(regressors: usize, settings: &RlsSettings) -> Option<Self> {
        if regressors > RLS_REGRESSORS_MAX {
            return None;
        }
        let mut rls = Self {
            regressors: u8::try_from(regressors).ok()?,
            steps: 0,
            weights: Row::default(),
            covariance: [Row::default(); RLS_REGRESSORS_MAX],
        };
        rls.restart_covariance(settings);
        Some(rls)
    }

    /// Takes the next point; gives the error of the model's forecast before it learned from it.
    ///
    /// # Errors
    /// [`Absent::DataType`] when there are not as many regressors as the model has; [`Absent::BadNumber`] for a point that
    /// is not finite or too large to square. Nothing is learned then.
    pub fn update(&mut self, x: &[f64], y: f64, settings: &RlsSettings) -> Measure {
        let error = finite(y - self.predict(x)?)?;
        let forgetting = settings.forgetting;
        if !(forgetting > 0.0 && forgetting <= 1.0) {
            return Err(Absent::BadNumber);
        }
        let mut spread = Row::default();
        for (spread, row) in spread.iter_mut().zip(&self.covariance) {
            *spread = dot(row, x);
        }
        let denominator = forgetting + dot(&spread, x);
        if !denominator.is_finite() {
            return Err(Absent::BadNumber);
        }
        if denominator <= 0.0 {
            self.restart_covariance(settings);
            return Ok(error);
        }
        let mut next = *self;
        next.steps = self.steps.saturating_add(1);
        for ((weight, row), gain) in next.weights.iter_mut().zip(&mut next.covariance).zip(spread) {
            let gain = gain / denominator;
            *weight += gain * error;
            for (cell, spread) in row.iter_mut().zip(spread) {
                *cell = (*cell - gain * spread) / forgetting;
            }
        }
        next.tidy(settings);
        if !next.is_consistent() {
            return Err(Absent::BadNumber);
        }
        *self = next;
        Ok(error)
    }

    fn restart_covariance(&mut self, settings: &RlsSettings) {
        self.covariance = [Row::default(); RLS_REGRESSORS_MAX];
        for (at, row) in self.covariance.iter_mut().enumerate().take(self.regressors.into()) {
            if let Some(cell) = row.get_mut(at) {
                *cell = settings.initial_covariance;
            }
        }
    }

    fn tidy(&mut self, settings: &RlsSettings) {
        if self.steps.is_multiple_of(SYMMETRY_STEPS) {
            let lopsided = self.covariance;
            for (row, cells) in self.covariance.iter_mut().enumerate() {
                for (cell, mirrored) in cells.iter_mut().zip(&lopsided) {
                    *cell = 0.5 * (*cell + mirrored.get(row).copied().unwrap_or_default());
                }
            }
        }
        let trace = self.trace();
        let first = settings.initial_covariance * f64::from(self.regressors);
        let limit = settings.trace_growth_max * first;
        if trace > limit {
            for cell in self.covariance.iter_mut().flatten() {
                *cell *= limit / trace;
            }
        }
    }

    /// The sum of the covariance's diagonal: how little is known of the weights.
    #[must_use]
    pub fn trace(&self) -> f64 {
        self.covariance.iter().enumerate().filter_map(|(at, row)| row.get(at)).sum()
    }

    /// The weights, one a regressor.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        self.weights.get(..self.regressors.into()).unwrap_or(&self.weights)
    }

    /// What the model expects at `x`.
    ///
    /// # Errors
    /// [`Absent::DataType`] when there are not as many regressors as the model has; [`Absent::BadNumber`] for a result
    /// that is not finite.
    pub fn predict(&self, x: &[f64]) -> Measure {
        if x.len() != usize::from(self.regressors) {
            return Err(Absent::DataType);
        }
        finite(dot(&self.weights, x))
    }

    /// How many points it has learned from.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        crate::exact::to_f64(self.steps.into())
    }

    /// True when it has learned from more points than it has weights.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.steps > u64::from(self.regressors)
    }

    /// False for a loaded state that no points can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        usize::from(self.regressors) <= RLS_REGRESSORS_MAX
            && self.weights.iter().chain(self.covariance.iter().flatten()).all(|value| value.is_finite())
    }
}

fn dot(row: &Row, x: &[f64]) -> f64 {
    row.iter().zip(x).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANTED: [f64; 3] = [0.5, -2.0, 3.0];

    /// Regressors that go round, a constant first.
    fn point(step: u32) -> [f64; 3] {
        [1.0, f64::from(step % 5) - 2.0, f64::from(step % 3) - 1.0]
    }

    fn planted(x: &[f64; 3]) -> f64 {
        PLANTED.iter().zip(x).map(|(w, x)| w * x).sum()
    }

    #[track_caller]
    fn check(rls: &Rls, tolerance: f64) {
        for (found, expect) in rls.weights().iter().zip(PLANTED) {
            assert!((found - expect).abs() < tolerance, "{:?}", rls.weights());
        }
        let saved = serde_json::to_string(rls).unwrap();
        let loaded: Rls = serde_json::from_str(&saved).unwrap();
        assert!(loaded.is_consistent());
        assert_eq!(serde_json::to_string(&loaded).unwrap(), saved);
    }

    #[test]
    fn planted_weights_are_found() {
        let settings = RlsSettings::default();
        let mut rls = Rls::new(3, &settings).unwrap();
        for step in 0..5_000 {
            let x = point(step);
            rls.update(&x, planted(&x), &settings).unwrap();
        }
        check(&rls, 1e-6);
        assert!(rls.is_warm());
    }

    #[test]
    fn without_excitation_the_covariance_is_bounded() {
        let settings = RlsSettings { forgetting: 0.9, trace_growth_max: 10.0, ..RlsSettings::default() };
        let mut rls = Rls::new(3, &settings).unwrap();
        for step in 0..200 {
            let x = point(step);
            rls.update(&x, planted(&x), &settings).unwrap();
        }
        for _ in 0..100_000 {
            rls.update(&[0.0; 3], 0.0, &settings).unwrap();
        }
        assert!(rls.trace() <= 30_000.0 * (1.0 + 1e-9), "{}", rls.trace());
        check(&rls, 1e-6);
    }

    #[test]
    fn what_is_no_point_teaches_nothing() {
        let settings = RlsSettings::default();
        let mut rls = Rls::new(2, &settings).unwrap();
        rls.update(&[1.0, 2.0], 1.0, &settings).unwrap();
        let before = rls;
        for bad in [f64::NAN, f64::INFINITY, 1e200] {
            assert_eq!(rls.update(&[1.0, bad], 1.0, &settings), Err(Absent::BadNumber));
        }
        assert_eq!(rls.update(&[1.0, 1.0], f64::NAN, &settings), Err(Absent::BadNumber));
        assert_eq!(rls.update(&[1.0], 1.0, &settings), Err(Absent::DataType));
        let never = RlsSettings { forgetting: 0.0, ..settings };
        assert_eq!(rls.update(&[1.0, 1.0], 1.0, &never), Err(Absent::BadNumber));
        assert_eq!(rls, before);
        assert_eq!(Rls::new(RLS_REGRESSORS_MAX + 1, &settings), None);
        assert_eq!(Rls::new(0, &settings).map(|mut rls| rls.update(&[], 1.0, &settings)), Some(Ok(1.0)));
    }
}
