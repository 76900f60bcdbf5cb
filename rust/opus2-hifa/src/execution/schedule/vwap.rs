//! As much in every interval as its share of the volume that is expected.

use super::fill;
use crate::Absent;

/// Spreads `total` in proportion to `profile`, the volume expected in the interval of each slice.
///
/// The profile is of the past, for example the mean of each minute over the seven days before: the volume of the day
/// itself is not known when it is needed. Targets are rounded to units, halves away from zero; the slices add up to `total`. A
/// negative total (a sale) gives negative slices.
///
/// # Errors
/// [`Absent::NoEvents`] for an empty profile or one without volume; [`Absent::BadNumber`] for a volume that is negative
/// or not finite, or another number of slices. The slices are then unspecified.
///
/// # Source
/// Berkowitz, Logue and Noser 1988; Kissell and Glantz 2003; methods reference 5.3.
pub fn vwap(total: i64, profile: &[f64], slices: &mut [i64]) -> Result<(), Absent> {
    if profile.len() != slices.len() || profile.iter().any(|volume| !(volume.is_finite() && *volume >= 0.0)) {
        return Err(Absent::BadNumber);
    }
    // The same order of additions below, so that the last share is one.
    let whole: f64 = profile.iter().sum();
    if !whole.is_finite() {
        return Err(Absent::BadNumber);
    }
    if whole <= 0.0 {
        return Err(Absent::NoEvents);
    }
    // A profile is a few dozen numbers: adding them up again is cheaper than a place to keep the sums.
    fill(total, slices, |at| profile.iter().take(at + 1).sum::<f64>() / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(total: i64, profile: &[f64], expect: Result<&[i64], Absent>) {
        let mut slices = vec![0; profile.len()];
        let found = vwap(total, profile, &mut slices).map(|()| slices.as_slice());
        assert_eq!(found, expect);
    }

    #[test]
    fn slices_follow_the_profile_and_add_up() {
        check(100, &[5.0, 3.0, 2.0], Ok(&[50, 30, 20]));
        check(-100, &[5.0, 3.0, 2.0], Ok(&[-50, -30, -20]));
        check(10, &[1.0, 1.0, 1.0], Ok(&[3, 4, 3]));
        check(7, &[0.0, 1.0, 0.0], Ok(&[0, 7, 0]));
        check(0, &[1.0, 1.0], Ok(&[0, 0]));
    }

    #[test]
    fn a_profile_without_volume_is_refused() {
        check(100, &[0.0, 0.0], Err(Absent::NoEvents));
        check(100, &[], Err(Absent::NoEvents));
        check(100, &[2.0, -1.0], Err(Absent::BadNumber));
        check(100, &[f64::NAN], Err(Absent::BadNumber));
        check(100, &[f64::MAX, f64::MAX], Err(Absent::BadNumber));
        assert_eq!(vwap(100, &[1.0], &mut [0, 0]), Err(Absent::BadNumber));
    }
}
