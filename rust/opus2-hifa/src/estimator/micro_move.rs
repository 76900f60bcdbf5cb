//! How many standard deviations the mid has moved over a short lag.

use crate::exact::to_f64;
use crate::{Absent, Measure, measure::finite};

/// The lags, ms: methods reference 2.10.
pub const LAGS_MS: [u32; 3] = [100, 250, 1_000];

/// A move of the mid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MicroMove {
    /// Log return.
    pub ret: f64,
    /// The return in standard deviations of its lag.
    pub z: f64,
}

/// `ln(m1 / m0)` of two mids given doubled, in `Price` units.
///
/// Through the exact integer difference, so that a move of half a tick keeps all its digits.
///
/// # Errors
/// [`Absent::BadNumber`] for a mid that is not positive.
pub fn log_return(mid0_doubled: i64, mid1_doubled: i64) -> Measure {
    if mid0_doubled <= 0 || mid1_doubled <= 0 {
        return Err(Absent::BadNumber);
    }
    let change = i128::from(mid1_doubled) - i128::from(mid0_doubled);
    if change == 0 {
        return Ok(0.0);
    }
    finite((to_f64(change) / to_f64(mid0_doubled.into())).ln_1p())
}

/// The standard deviation of a log return over `dt_secs`, at least half a tick: what moves are measured in.
///
/// `sigma` is per square root of a second, `tick` in `Price` units.
#[must_use]
pub fn move_scale(mid0_doubled: i64, dt_secs: f64, sigma: f64, tick: i64) -> f64 {
    // Half a tick over the mid is one tick over the doubled mid.
    let floor = to_f64(tick.into()) / to_f64(mid0_doubled.max(1).into());
    (sigma * dt_secs.max(0.0).sqrt()).max(floor)
}

/// `z = ln(m1 / m0) / max(sigma * sqrt(dt), tick / (2 * m0))`.
///
/// `sigma` must rest on data from before `m0`, or the move would hide itself. Mids are given doubled, in `Price` units.
///
/// # Errors
/// [`Absent::BadNumber`] for a mid that is not positive or a result that is not finite.
///
/// # Source
/// Methods reference 2.10 (defined by the project).
pub fn micro_move(
    mid0_doubled: i64,
    mid1_doubled: i64,
    dt_secs: f64,
    sigma: f64,
    tick: i64,
) -> Result<MicroMove, Absent> {
    let ret = log_return(mid0_doubled, mid1_doubled)?;
    let z = finite(ret / move_scale(mid0_doubled, dt_secs, sigma, tick))?;
    Ok(MicroMove { ret, z })
}
