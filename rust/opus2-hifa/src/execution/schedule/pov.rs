//! As much as a share of the volume that is seen.

use super::to_units;
use crate::Absent;
use crate::exact::to_f64;

/// What to send now to have done `participation` of the volume since the start: never more than what is left.
///
/// `volume` is what others traded since the start, `done` what was sent since then, `total` the whole, all in one unit
/// and not negative. Being ahead of the volume gives zero. The target is rounded to units, halves away from zero, from
/// the start each time, so that roundings do not add up. The usual share is 0.05 to 0.1.
///
/// # Errors
/// [`Absent::BadNumber`] for a share outside `(0, 1]` or a negative amount.
///
/// # Source
/// Methods reference 5.3.
pub fn pov_slice(participation: f64, volume: i64, done: i64, total: i64) -> Result<i64, Absent> {
    // Written so that NaN is refused.
    let is_share = participation > 0.0 && participation <= 1.0;
    if !is_share || volume < 0 || done < 0 || total < 0 {
        return Err(Absent::BadNumber);
    }
    let target = to_units(participation * to_f64(volume.into())).min(total);
    Ok((target - done).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_volume_is_sent_until_the_whole_is_done() {
        for (volume, done, expect) in
            [(0, 0, 0), (100, 0, 10), (100, 10, 0), (155, 10, 6), (9_999, 16, 84), (9_999, 200, 0)]
        {
            assert_eq!(pov_slice(0.1, volume, done, 100), Ok(expect), "{volume} {done}");
        }
        assert_eq!(pov_slice(1.0, i64::MAX, 0, i64::MAX), Ok(i64::MAX));
        for share in [0.0, -0.1, 1.1, f64::NAN] {
            assert_eq!(pov_slice(share, 1, 0, 1), Err(Absent::BadNumber));
        }
        assert_eq!(pov_slice(0.1, -1, 0, 1), Err(Absent::BadNumber));
    }
}
