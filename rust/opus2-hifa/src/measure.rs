//! A number, or why there is none.

use serde::{Deserialize, Serialize};

/// What an estimator gives: a finite number, or the reason why there is none. Never zero in place of a reason.
pub type Measure = Result<f64, Absent>;

/// Why a feature has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Absent {
    /// Not enough has been seen since the instrument's first event.
    Cold,
    /// Not enough has been seen since data was lost, or the book was out of step.
    Resync,
    /// A side of the book has no level.
    EmptySide,
    /// A best level is shown with quantity zero.
    ZeroSize,
    /// Best bid above best ask.
    Crossed,
    /// The feed cannot carry it: no book, an unknown tick, or updates further apart than the window is long.
    DataType,
    /// The spread is wider than the feature is good for.
    WideSpread,
    /// Nothing happened in the window over which to average.
    NoEvents,
    /// A price that is not positive, a negative quantity, or a result that is not finite.
    BadNumber,
    /// It needs a model that has not been fitted to the instrument.
    NoModel,
}

impl Absent {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Cold,
        Self::Resync,
        Self::EmptySide,
        Self::ZeroSize,
        Self::Crossed,
        Self::DataType,
        Self::WideSpread,
        Self::NoEvents,
        Self::BadNumber,
        Self::NoModel,
    ];

    /// The name used in JSON and in counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Resync => "resync",
            Self::EmptySide => "empty_side",
            Self::ZeroSize => "zero_size",
            Self::Crossed => "crossed",
            Self::DataType => "data_type",
            Self::WideSpread => "wide_spread",
            Self::NoEvents => "no_events",
            Self::BadNumber => "bad_number",
            Self::NoModel => "no_model",
        }
    }
}

/// Which way a detection points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Upward pressure, `+1`.
    Up,
    /// Downward pressure, `-1`.
    Down,
}

impl Direction {
    /// `"up"` or `"down"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// The direction of a number that is not zero; zero points up.
    #[must_use]
    pub const fn of(value: f64) -> Self {
        if value < 0.0 { Self::Down } else { Self::Up }
    }
}

/// The last step of every estimator: nothing that is not finite leaves, and there is no negative zero.
pub(crate) fn finite(value: f64) -> Measure {
    if value.is_finite() { Ok(value + 0.0) } else { Err(Absent::BadNumber) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_not_finite_leaves() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(finite(value), Err(Absent::BadNumber));
        }
        assert_eq!(finite(-0.0).map(f64::is_sign_negative), Ok(false));
    }
}
