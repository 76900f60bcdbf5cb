//! Where the integers of the book meet the floats of the model.
//!
//! Randomness, values and intensities are floats; prices and quantities are integers. They are converted here and
//! nowhere else, and always saturating.

/// Beyond this an `f64` no longer holds every integer.
const EXACT_LIMIT: f64 = 9_007_199_254_740_992.0;

/// The nearest integer; saturates at ±2^53, and a value that is not a number is zero.
#[expect(clippy::cast_possible_truncation, reason = "clamped to the integers an f64 holds exactly")]
pub(crate) fn to_units(value: f64) -> i64 {
    if value.is_nan() { 0 } else { value.round().clamp(-EXACT_LIMIT, EXACT_LIMIT) as i64 }
}

/// An integer as a float, for comparing with a fair price; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "prices and quantities of the simulation stay below 2^53")]
pub(crate) fn to_float(units: i64) -> f64 {
    units as f64
}

/// A duration in seconds as whole nanoseconds; saturates at ten years, so that sums stay far from the end of `u64`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 … ten years")]
pub(crate) fn to_nanos(seconds: f64) -> u64 {
    (seconds * 1e9).clamp(0.0, 3.2e17) as u64
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "model time; a nanosecond in a hundred days does not matter")]
pub(crate) fn to_seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// A count as a float; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of the simulation stay below 2^53")]
pub(crate) fn count_to_float(count: usize) -> f64 {
    count as f64
}
