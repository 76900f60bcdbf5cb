//! How much trades in a day or an hour, from what was seen of the last one.

use serde::{Deserialize, Serialize};

use super::ring::Ring;
use crate::Absent;
use crate::exact::bin_index;

/// How long a trailing window is, and when it is good for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailingSpan {
    /// Width of a bin, s.
    pub bin_secs: u32,
    /// How many bins make the window.
    pub bins: u16,
    /// From how much time seen on it is scaled up to the whole window, s.
    pub warm_up_secs: u32,
}

impl TrailingSpan {
    /// 24 hours in quarters of an hour, known after one hour.
    pub const DAY: Self = Self { bin_secs: 900, bins: 96, warm_up_secs: 3_600 };
    /// An hour in minutes, known after ten.
    pub const HOUR: Self = Self { bin_secs: 60, bins: 60, warm_up_secs: 600 };

    const fn bin_nanos(self) -> i64 {
        self.bin_secs as i64 * NANOS
    }
}

const NANOS: i64 = 1_000_000_000;

/// One bin: what traded in it, and how much of it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Bin {
    volume: i64,
    seen_nanos: i64,
}

/// The volume of the last day or hour, in `Qty` units.
///
/// Time is told by [`advance`](Self::advance), once a second or so. Time in which data was lost counts neither as seen nor
/// as quiet: what traded is scaled from the time seen to the whole window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrailingVolume {
    closed: Ring<Bin>,
    open: Bin,
    /// Until when time has passed, and the bin that holds it; `None` before the first time.
    at: Option<i64>,
    head: i64,
    /// The time since `at` has not been seen.
    is_interrupted: bool,
}

impl TrailingVolume {
    /// An empty window.
    #[must_use]
    pub fn new(span: TrailingSpan) -> Self {
        Self { closed: Ring::new(span.bins), open: Bin::default(), at: None, head: 0, is_interrupted: false }
    }

    /// `volume` traded, in `Qty` units, since the last call of [`advance`](Self::advance). What is not positive is passed
    /// over.
    pub fn add(&mut self, volume: i64) {
        self.open.volume = self.open.volume.saturating_add(volume.max(0));
    }

    /// Time has passed until `now`. A time before the last one is passed over.
    pub fn advance(&mut self, now: i64, span: TrailingSpan) {
        let bin_nanos = span.bin_nanos().max(1);
        let index = bin_index(now, bin_nanos);
        let Some(mut at) = self.at else {
            (self.at, self.head, self.is_interrupted) = (Some(now), index, false);
            return;
        };
        if now <= at {
            return;
        }
        let kept = i64::from(span.bins);
        if index.saturating_sub(self.head) > kept.saturating_add(1) {
            // What traded lies before everything that is kept.
            self.open = Bin::default();
            self.head = index - kept - 1;
            at = at.max(self.head.saturating_sub(1).saturating_mul(bin_nanos));
        }
        while self.head < index {
            let end = self.head.saturating_mul(bin_nanos);
            self.see(at, end);
            self.closed.push(std::mem::take(&mut self.open));
            at = at.max(end);
            self.head += 1;
        }
        self.see(at, now);
        (self.at, self.is_interrupted) = (Some(now), false);
    }

    fn see(&mut self, from: i64, until: i64) {
        if !self.is_interrupted {
            self.open.seen_nanos = self.open.seen_nanos.saturating_add(until.saturating_sub(from).max(0));
        }
    }

    /// Data was lost at some time since the last call of [`advance`](Self::advance).
    pub const fn reset_reference(&mut self) {
        self.is_interrupted = true;
    }

    /// The window's volume over `parts`, in `Qty` units, at least 1.
    ///
    /// # Errors
    /// [`Absent::Cold`] until enough time has been seen; [`Absent::NoEvents`] when nothing traded in it, or `parts` is 0.
    pub fn part(&self, parts: u16, span: TrailingSpan) -> Result<i64, Absent> {
        let (volume, seen) = self.totals();
        if seen <= 0 || seen < i128::from(span.warm_up_secs) * i128::from(NANOS) {
            return Err(Absent::Cold);
        }
        if volume <= 0 || parts == 0 {
            return Err(Absent::NoEvents);
        }
        let window = i128::from(span.bins) * i128::from(span.bin_nanos());
        // By milliseconds: 96 bins of 64 bits times a day of nanoseconds would be beyond 128.
        let milli = i128::from(crate::exact::MILLI);
        let part = volume.saturating_mul(window / milli) / (seen / milli).max(1) / i128::from(parts);
        Ok(i64::try_from(part).unwrap_or(i64::MAX).max(1))
    }

    fn totals(&self) -> (i128, i128) {
        let bins = self.closed.iter().chain([self.open]);
        bins.fold((0, 0), |(volume, seen), bin| {
            (volume + i128::from(bin.volume), seen + i128::from(bin.seen_nanos))
        })
    }

    /// Hours of the window that have been seen.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        crate::exact::to_f64(self.totals().1) / 3.6e12
    }

    /// True when enough time has been seen.
    #[must_use]
    pub fn is_warm(&self, span: TrailingSpan) -> bool {
        self.part(1, span) != Err(Absent::Cold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: TrailingSpan = TrailingSpan { bin_secs: 10, bins: 6, warm_up_secs: 15 };

    /// Times in seconds, with what traded just before each; a negative volume is an interruption.
    #[track_caller]
    fn check(steps: &[(i64, i64)], expect: Result<i64, Absent>) {
        let mut volume = TrailingVolume::new(SPAN);
        for (secs, traded) in steps {
            if *traded < 0 {
                volume.reset_reference();
            }
            volume.add(*traded);
            volume.advance(secs * NANOS, SPAN);
        }
        assert_eq!(volume.part(1, SPAN), expect);
        let saved = serde_json::to_string(&volume).unwrap();
        assert_eq!(serde_json::from_str::<TrailingVolume>(&saved).unwrap(), volume);
    }

    #[test]
    fn what_was_seen_is_scaled_to_the_window() {
        check(&[], Err(Absent::Cold));
        check(&[(0, 0), (10, 50)], Err(Absent::Cold));
        check(&[(0, 0), (20, 50)], Ok(150));
        check(&[(0, 0), (30, 0)], Err(Absent::NoEvents));
        check(&[(0, 0), (30, 60), (60, 60)], Ok(120));
    }

    #[test]
    fn what_is_old_is_forgotten() {
        // Seven bins count while the seventh is open; (0, 10] goes when (70, 80] is opened.
        let steps = [(0, 0), (4, 0), (5, 700), (64, 0), (65, 70), (70, 0), (80, 0)];
        check(&steps[..6], Ok(660));
        check(&steps, Ok(60));
        check(&[(0, 0), (5, 700), (100_000, 0)], Err(Absent::NoEvents));
    }

    #[test]
    fn lost_time_is_not_quiet_time() {
        check(&[(0, 0), (20, 40), (40, -1)], Ok(120));
        check(&[(0, 0), (20, 40), (10, 0), (i64::MIN / NANOS, 0)], Ok(120));
        check(&[(0, 0), (20, i64::MAX), (21, i64::MAX)], Ok(i64::MAX));
    }
}
