//! The same quantity in every interval.

use crate::Absent;

/// Spreads `total` evenly over `slices`, in multiples of `lot`: `round(total (k + 1) / n / lot) lot`, differenced.
///
/// Exact in integers, halves round away from zero: 10 over four slices are 3, 2, 3, 2. The slices add up to `total` when
/// it is a multiple of the lot, else to the multiple nearest to it. A negative total (a sale) gives the slices of the
/// purchase with a minus.
///
/// # Errors
/// [`Absent::NoEvents`] without slices; [`Absent::BadNumber`] for a lot that is not positive, or a total whose nearest
/// multiple does not fit. The slices are then unspecified.
///
/// # Source
/// Methods reference 5.3 (definition).
///
/// ```
/// let mut slices = [0; 4];
/// opus2_hifa::execution::schedule::twap::twap(10, 1, &mut slices).unwrap();
/// assert_eq!(slices, [3, 2, 3, 2]);
/// ```
pub fn twap(total: i64, lot: i64, slices: &mut [i64]) -> Result<(), Absent> {
    let count = i128::try_from(slices.len()).map_err(|_| Absent::BadNumber)?;
    if count == 0 {
        return Err(Absent::NoEvents);
    }
    if lot <= 0 {
        return Err(Absent::BadNumber);
    }
    let (total, lot) = (i128::from(total), i128::from(lot));
    let (mut done, mut part) = (0i128, 0i128);
    for slice in slices {
        part += 1;
        let whole = count.checked_mul(lot).ok_or(Absent::BadNumber)?;
        let target = total.checked_mul(part).map(|scaled| divide(scaled, whole) * lot);
        let target = target.ok_or(Absent::BadNumber)?;
        *slice = i64::try_from(target - done).map_err(|_| Absent::BadNumber)?;
        done = target;
    }
    Ok(())
}

/// The integer nearest to a quotient, halves away from zero. The divisor is positive.
const fn divide(value: i128, by: i128) -> i128 {
    let rest = value % by;
    let is_away = rest.abs() >= by - rest.abs();
    value / by + if is_away { value.signum() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(total: i64, lot: i64, expect: &[i64]) {
        let mut slices = vec![0; expect.len()];
        assert_eq!(twap(total, lot, &mut slices), Ok(()));
        assert_eq!(slices, expect);
    }

    #[test]
    fn halves_round_away_from_zero_and_nothing_is_left_over() {
        check(10, 1, &[3, 2, 3, 2]);
        check(-10, 1, &[-3, -2, -3, -2]);
        check(10, 1, &[10]);
        check(3, 1, &[1, 0, 1, 0, 1]);
        check(0, 1, &[0, 0]);
        check(1_000, 100, &[300, 400, 300]);
        // Not a multiple of the lot: to the nearest.
        check(10, 4, &[4, 8]);
        check(i64::MAX, 1, &[i64::MAX]);
    }

    #[test]
    fn what_cannot_be_spread_is_refused() {
        assert_eq!(twap(10, 1, &mut []), Err(Absent::NoEvents));
        assert_eq!(twap(10, 0, &mut [0]), Err(Absent::BadNumber));
    }
}
