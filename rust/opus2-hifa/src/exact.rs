//! From exact integers to the one float at the end, and from times to bins.

use opus2_types::SCALE_MAX;

const POW10: [f64; SCALE_MAX as usize + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

/// Nanoseconds in a millisecond.
pub(crate) const MILLI: i64 = 1_000_000;

/// The nearest float. Sums over windows nearly always fit 64 bits, whose conversion is one instruction.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "a feature is an estimate; amounts stay integers")]
pub(crate) fn to_f64(units: i128) -> f64 {
    match i64::try_from(units) {
        Ok(units) => units as f64,
        Err(_) => wide_to_f64(units),
    }
}

/// Apart, or the compiler does the slow conversion always and then throws it away.
#[cold]
#[inline(never)]
#[expect(clippy::cast_precision_loss, reason = "a feature is an estimate; amounts stay integers")]
fn wide_to_f64(units: i128) -> f64 {
    units as f64
}

/// `units * 10^-scale`. A scale above [`SCALE_MAX`] counts as [`SCALE_MAX`].
#[inline]
pub(crate) fn scaled(units: i128, scale: u8) -> f64 {
    to_f64(units) / POW10[usize::from(scale.min(SCALE_MAX))]
}

/// Nanoseconds as seconds.
#[inline]
pub(crate) fn seconds(nanos: i64) -> f64 {
    to_f64(i128::from(nanos)) / 1e9
}

/// The bin `(index - 1, index] * bin_ns` which holds `now`: windows are open on the left and closed on the right.
#[inline]
pub(crate) const fn bin_index(now: i64, bin_ns: i64) -> i64 {
    now.div_euclid(bin_ns) + (now.rem_euclid(bin_ns) != 0) as i64
}

/// Where bin `index` lies in a ring of `len` bins.
#[inline]
pub(crate) fn slot(index: i64, len: usize) -> usize {
    let len = i64::try_from(len).expect("a ring has a few hundred bins");
    usize::try_from(index.rem_euclid(len)).expect("a remainder is not negative")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_open_on_the_left_and_closed_on_the_right() {
        for (now, expect) in [(0, 0), (1, 1), (9, 1), (10, 1), (11, 2), (-1, 0), (-10, -1), (-9, 0)] {
            assert_eq!(bin_index(now, 10), expect, "{now}");
        }
        for time in [i64::MIN, i64::MAX] {
            assert!(bin_index(time, 10).abs() > 900_000_000_000_000_000);
        }
    }
}
