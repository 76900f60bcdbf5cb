//! How to spread a quantity over time: slices that add up to it exactly.
//!
//! | file | spreads |
//! | --- | --- |
//! | [`twap`] | evenly |
//! | [`vwap`] | like the volume that is expected |
//! | [`pov`] | as a share of the volume that is seen |
//! | [`almgren_chriss`] | faster at first, the more so the more the risk of waiting counts |
//! | [`jitter`] | the moments of the slices, moved a little so that they cannot be foreseen |
//!
//! A schedule is a cumulative target that is rounded; slices are its differences, so nothing is left over.

pub mod almgren_chriss;
pub mod jitter;
pub mod pov;
pub mod twap;
pub mod vwap;

use crate::Absent;

/// The most slices of one schedule.
pub const SLICES_MAX: usize = 32;

/// The nearest integer to a finite number that fits, halves away from zero; beyond 64 bits the nearest there is.
pub(in crate::execution) fn to_units(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "rounded, and a cast to an integer saturates")]
    let units = value.round() as i64;
    units
}

/// Writes slices whose sums follow `share`, the part of `total` that is done after slice `k`: finite, and not falling.
/// The last slice takes what is left.
fn fill(total: i64, slices: &mut [i64], share: impl Fn(usize) -> f64) -> Result<(), Absent> {
    let Some(last) = slices.len().checked_sub(1) else { return Err(Absent::NoEvents) };
    let mut done = 0i64;
    for (at, slice) in slices.iter_mut().enumerate() {
        let target = if at == last {
            total
        } else {
            let target = to_units(crate::exact::to_f64(total.into()) * share(at));
            // Rounding must never turn a slice around.
            if total >= 0 { target.clamp(done, total) } else { target.clamp(total, done) }
        };
        *slice = target.checked_sub(done).ok_or(Absent::BadNumber)?;
        done = target;
    }
    Ok(())
}
