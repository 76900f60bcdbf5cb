//! What the refills of one level say together.

use opus2_types::Qty;
use serde::{Deserialize, Serialize};

use crate::exact::to_f64;
use crate::{Absent, Measure, measure::finite};

/// The parameters of refills.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefillSettings {
    /// How far back refills count, s.
    pub window_secs: u32,
    /// The least number of refills.
    pub refills_min: u32,
    /// The largest coefficient of variation of their sizes.
    pub cv_max: f64,
    /// The least share of the traded volume that was refilled.
    pub share_min: f64,
    /// How long after a fill what is put at its price may be a refill, ms.
    pub delay_ms: u32,
}

impl Default for RefillSettings {
    fn default() -> Self {
        Self { window_secs: 60, refills_min: 3, cv_max: 0.2, share_min: 0.5, delay_ms: 300 }
    }
}

/// `max(0, traded - (before - after))`: what must have been put at a price for so much to be shown. Negative quantities
/// count as zero.
#[must_use]
pub fn refill(before: Qty, traded: Qty, after: Qty) -> Qty {
    let gone = before.0.max(0).saturating_sub(after.0.max(0));
    Qty(traded.0.max(0).saturating_sub(gone).max(0))
}

/// The refills of one level, tallied.
///
/// # Source
/// Methods reference 3.7.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RefillTally {
    refills: u32,
    refilled: i128,
    traded: i128,
    /// Welford's mean and sum of squared distances of the refills, in `Qty` units.
    mean: f64,
    squares: f64,
}

impl RefillTally {
    /// Adds traded volume, and a refill unless it is zero.
    pub fn add(&mut self, traded: Qty, refill: Qty) {
        self.traded = self.traded.saturating_add(traded.0.max(0).into());
        if refill.0 <= 0 {
            return;
        }
        self.refills = self.refills.saturating_add(1);
        self.refilled = self.refilled.saturating_add(refill.0.into());
        let distance = to_f64(refill.0.into()) - self.mean;
        self.mean += distance / f64::from(self.refills);
        self.squares += distance * (to_f64(refill.0.into()) - self.mean);
    }

    /// How many refills there were.
    #[must_use]
    pub const fn refills(&self) -> u32 {
        self.refills
    }

    /// What was refilled, in `Qty` units.
    #[must_use]
    pub const fn refilled(&self) -> i128 {
        self.refilled
    }

    /// What was traded, in `Qty` units.
    #[must_use]
    pub const fn traded(&self) -> i128 {
        self.traded
    }

    /// The mean refill, in `Qty` units: what an iceberg shows at a time.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] without a refill.
    pub fn peak(&self) -> Measure {
        if self.refills == 0 { Err(Absent::NoEvents) } else { finite(self.mean) }
    }

    /// Refilled over traded volume.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when nothing was traded.
    pub fn refill_share(&self) -> Measure {
        if self.traded <= 0 {
            return Err(Absent::NoEvents);
        }
        finite(to_f64(self.refilled) / to_f64(self.traded))
    }

    /// Standard deviation of the refills (of these refills themselves: `n` in the denominator) over their mean.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] for fewer than two refills: one says nothing about how alike they are.
    pub fn peak_cv(&self) -> Measure {
        if self.refills < 2 {
            return Err(Absent::NoEvents);
        }
        finite((self.squares / f64::from(self.refills)).sqrt() / self.mean)
    }

    /// True when they look like an iceberg's: often enough, alike, and a good part of what was traded.
    #[must_use]
    pub fn is_iceberg(&self, settings: &RefillSettings) -> bool {
        self.refills >= settings.refills_min
            && self.peak_cv().is_ok_and(|cv| cv <= settings.cv_max)
            && self.refill_share().is_ok_and(|share| share >= settings.share_min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps `[before, traded, after]` to `refills refilled traded iceberg?`.
    #[track_caller]
    fn check(steps: &[[i64; 3]], expect: &str) -> RefillTally {
        let mut tally = RefillTally::default();
        for [before, traded, after] in steps {
            tally.add(Qty(*traded), refill(Qty(*before), Qty(*traded), Qty(*after)));
        }
        let is_iceberg = tally.is_iceberg(&RefillSettings::default());
        assert_eq!(format!("{} {} {} {is_iceberg}", tally.refills, tally.refilled, tally.traded), expect);
        tally
    }

    #[test]
    fn equal_refills_of_most_of_the_volume_are_an_iceberg() {
        check(&[[5, 5, 5], [5, 5, 5], [5, 5, 5]], "3 15 15 true");
        check(&[[5, 5, 5], [5, 5, 5]], "2 10 10 false");
        // Of sizes 5, 5 and 10: not alike.
        let tally = check(&[[5, 5, 5], [5, 5, 5], [5, 10, 5]], "3 20 20 false");
        let expect = (50.0f64 / 9.0).sqrt() / (20.0 / 3.0);
        assert!((tally.peak_cv().unwrap() - expect).abs() < 1e-12);
        // Most of what was traded was not put back.
        check(&[[5, 1, 5], [5, 1, 5], [5, 1, 5], [50, 40, 10]], "3 3 43 false");
    }

    #[test]
    fn without_events_there_are_no_ratios() {
        let tally = check(&[], "0 0 0 false");
        let absent = Err(Absent::NoEvents);
        assert_eq!((tally.peak(), tally.refill_share(), tally.peak_cv()), (absent, absent, absent));
        let tally = check(&[[5, 5, 5]], "1 5 5 false");
        assert_eq!((tally.peak(), tally.refill_share(), tally.peak_cv()), (Ok(5.0), Ok(1.0), absent));
    }
}
