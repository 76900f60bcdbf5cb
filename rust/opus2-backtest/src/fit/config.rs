//! How a model is fitted.

use serde::Serialize;

use super::MILLI_NS;

/// Ridges that are tried on the inner split of a training window, strongest first: of two that are as good the stronger stays.
pub const RIDGES: [f64; 5] = [1.0, 0.1, 0.01, 1e-3, 1e-4];

/// How a model is fitted. Everything in it is part of a trial: a change is another configuration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FitConfig {
    /// Distance of the rows, ms of the market's time.
    pub step_ms: u32,
    /// How far ahead the model looks, ms.
    pub horizon_ms: u32,
    /// What a move must exceed to be up or down, basis points.
    pub class_threshold_bps: f64,
    /// Left out between training and whatever is predicted with it, ms; a longer horizon counts as this.
    pub embargo_ms: u32,
    /// After a silence longer than this the mid is not taken to be in force any more, ms.
    pub silence_ms_max: u32,
    /// How many folds the calendar is cut into.
    pub folds: u32,
    /// How many of them must be fit to be tested.
    pub folds_min: u32,
    /// Moves up or down that a training window must have.
    pub train_labels_min: u32,
    /// The last part of a training window, which calibrates what the rest has fitted, 0 to 1; of the rest the same share
    /// chooses the ridge.
    pub held_out_share: f64,
    /// A row of which more features are missing is left out, as a decision would be.
    pub missing_share_max: f64,
    /// Looks at the last fifth of the calendar too. Once.
    pub use_sealed: bool,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            step_ms: 1_000,
            horizon_ms: 5_000,
            class_threshold_bps: 0.0,
            embargo_ms: 15_000,
            silence_ms_max: 60_000,
            folds: 5,
            folds_min: 3,
            train_labels_min: 200,
            held_out_share: 0.25,
            missing_share_max: 0.5,
            use_sealed: false,
        }
    }
}

/// A parameter out of its bounds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key} = {value} is out of bounds; expected {expected}")]
pub struct FitConfigError {
    /// Its name.
    pub key: &'static str,
    /// Its value.
    pub value: f64,
    /// What is allowed.
    pub expected: &'static str,
}

impl FitConfig {
    /// Checks every parameter against its bounds.
    ///
    /// # Errors
    /// The first parameter out of bounds, with its value and what is allowed.
    pub fn validate(&self) -> Result<(), FitConfigError> {
        let within = |key, value: f64, low: f64, high: f64, expected| {
            // Written so that NaN is refused.
            if value >= low && value <= high { Ok(()) } else { Err(FitConfigError { key, value, expected }) }
        };
        let (hour, day) = (3_600_000.0, 86_400_000.0);
        within("step_ms", self.step_ms.into(), 10.0, hour, "10 to 3600000")?;
        within("horizon_ms", self.horizon_ms.into(), 1.0, day, "1 to 86400000")?;
        within("class_threshold_bps", self.class_threshold_bps, 0.0, 1_000.0, "0 to 1000")?;
        within("embargo_ms", self.embargo_ms.into(), 0.0, day, "0 to 86400000")?;
        within("silence_ms_max", self.silence_ms_max.into(), 1_000.0, day, "1000 to 86400000")?;
        within("folds", self.folds.into(), 1.0, 100.0, "1 to 100")?;
        within("folds_min", self.folds_min.into(), 1.0, self.folds.into(), "1 to folds")?;
        within("train_labels_min", self.train_labels_min.into(), 20.0, 1e6, "20 to 1000000")?;
        within("held_out_share", self.held_out_share, 0.05, 0.5, "0.05 to 0.5")?;
        within("missing_share_max", self.missing_share_max, 0.0, 1.0, "0 to 1")
    }

    /// Distance of the rows, ns.
    #[must_use]
    pub const fn step_ns(&self) -> i64 {
        self.step_ms as i64 * MILLI_NS
    }

    /// How far ahead the model looks, ns.
    #[must_use]
    pub const fn horizon_ns(&self) -> i64 {
        self.horizon_ms as i64 * MILLI_NS
    }

    /// The embargo in force, ns: at least the horizon.
    #[must_use]
    pub const fn embargo_ns(&self) -> i64 {
        let longer = if self.embargo_ms > self.horizon_ms { self.embargo_ms } else { self.horizon_ms };
        longer as i64 * MILLI_NS
    }

    /// How many independent labels so many rows are worth: rows nearer to each other than the horizon share most of it.
    #[must_use]
    pub fn effective(&self, rows: usize) -> f64 {
        let rows = crate::statistics::sample::size(rows);
        let share = f64::from(self.step_ms) / f64::from(self.horizon_ms.max(1));
        rows * share.min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut FitConfig), expect: &str) {
        let mut config = FitConfig::default();
        change(&mut config);
        assert_eq!(config.validate().err().map(|error| error.to_string()).unwrap_or_default(), expect);
    }

    #[test]
    fn a_parameter_out_of_bounds_is_named_with_its_value() {
        check(|_| {}, "");
        check(|config| config.step_ms = 0, "step_ms = 0 is out of bounds; expected 10 to 3600000");
        check(|config| config.folds_min = 6, "folds_min = 6 is out of bounds; expected 1 to folds");
        check(
            |config| config.class_threshold_bps = f64::NAN,
            "class_threshold_bps = NaN is out of bounds; expected 0 to 1000",
        );
    }

    #[test]
    fn the_embargo_is_never_shorter_than_the_horizon() {
        let config = FitConfig { horizon_ms: 60_000, ..FitConfig::default() };
        assert_eq!(config.embargo_ns(), 60_000 * MILLI_NS);
        assert_eq!(FitConfig::default().embargo_ns(), 15_000 * MILLI_NS);
    }

    #[test]
    fn rows_within_a_horizon_count_as_one() {
        let config = FitConfig::default();
        assert!((config.effective(500) - 100.0).abs() < 1e-12);
        let sparse = FitConfig { step_ms: 10_000, ..config };
        assert!((sparse.effective(500) - 500.0).abs() < 1e-12);
    }
}
