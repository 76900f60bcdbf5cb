//! When the seconds of a market end.

use serde::{Deserialize, Serialize};

/// A second, ns.
pub const SECOND_NANOS: i64 = 1_000_000_000;

/// For how long after a market's last event its seconds are still closed, s: so that what rests on them may let go of a
/// position in a market that has gone silent.
pub const QUIET_SECONDS_MAX: i64 = 60;

/// The time of a market, and which of its seconds is open.
///
/// The time is the largest receive time among the market's events; a second is `(end - 1 s, end]`. Seconds close in their
/// order, each once: before an event beyond its end, or by a timer, whichever is first. Silent ones close too, up to
/// [`QUIET_SECONDS_MAX`] after the last event; then nothing does until the next. So which seconds there are follows
/// from the events alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SecondClock {
    time: i64,
    /// The end of the open second; `None` before the first event and when the market has gone silent.
    next_end: Option<i64>,
    closed_until: i64,
}

impl Default for SecondClock {
    fn default() -> Self {
        Self { time: i64::MIN, next_end: None, closed_until: i64::MIN }
    }
}

impl SecondClock {
    /// The market's time, ns.
    pub(super) const fn time(&self) -> i64 {
        self.time
    }

    /// The end of the newest second that has closed, ns; the beginning of time before the first.
    pub(super) const fn closed_until(&self) -> i64 {
        self.closed_until
    }

    /// The end of the open second: when to be woken.
    pub(super) const fn next_end(&self) -> Option<i64> {
        self.next_end
    }

    /// Ends the open second when that is at `until` or before; gives its end.
    pub(super) fn close(&mut self, until: i64) -> Option<i64> {
        let end = self.next_end.filter(|end| *end <= until)?;
        let limit = second_end(self.time).saturating_add(QUIET_SECONDS_MAX * SECOND_NANOS);
        let next = end.saturating_add(SECOND_NANOS);
        self.next_end = Some(next).filter(|next| *next > end && *next <= limit);
        self.closed_until = end;
        Some(end)
    }

    /// An event comes. True when it is late. Every second that ends before it must have been closed.
    pub(super) fn see(&mut self, recv_ts: i64) -> bool {
        let is_late = recv_ts < self.time;
        self.time = self.time.max(recv_ts);
        let end = second_end(self.time);
        if end > self.closed_until && self.next_end.is_none_or(|next| next < end) {
            self.next_end = Some(end);
        }
        is_late
    }

    /// False for a loaded state that no events can have led to.
    pub(super) fn is_consistent(&self) -> bool {
        let first = second_end(self.time);
        let last = first.saturating_add(QUIET_SECONDS_MAX * SECOND_NANOS);
        let is_whole = |end: i64| end.rem_euclid(SECOND_NANOS) == 0 || end == i64::MAX || end == i64::MIN;
        self.next_end.is_none_or(|end| end >= first && end <= last && is_whole(end))
    }
}

/// The end of the second that holds `time`: the first whole second at or after it.
const fn second_end(time: i64) -> i64 {
    crate::exact::bin_index(time, SECOND_NANOS).saturating_mul(SECOND_NANOS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times in ms: an event at each, closing before it what ends before; `!` and a time is a timer. Gives the ends, s.
    #[track_caller]
    fn check(script: &str, expect: &[i64]) -> SecondClock {
        let (mut clock, mut ends) = (SecondClock::default(), Vec::new());
        for word in script.split_whitespace() {
            let (text, is_timer) = word.strip_prefix('!').map_or((word, false), |text| (text, true));
            let now = text.parse::<i64>().unwrap() * 1_000_000;
            let until = if is_timer { now } else { now - 1 };
            ends.extend(std::iter::from_fn(|| clock.close(until)).map(|end| end / SECOND_NANOS));
            if !is_timer {
                clock.see(now);
            }
            assert!(clock.is_consistent(), "{clock:?}");
        }
        assert_eq!(ends, expect);
        clock
    }

    #[test]
    fn a_second_ends_before_an_event_beyond_it_or_by_a_timer() {
        check("100 1000 1001", &[1]);
        check("100 !1000 1001", &[1]);
        check("100 !999 1000 !1000", &[1]);
    }

    #[test]
    fn silent_seconds_end_in_their_order_whoever_is_first() {
        check("100 3500", &[1, 2, 3]);
        check("100 !1000 !2000 3500", &[1, 2, 3]);
        check("100 !3000 3500", &[1, 2, 3]);
    }

    #[test]
    fn after_a_minute_of_silence_nothing_ends_until_the_next_event() {
        let minute: Vec<i64> = (1..=61).collect();
        check("100 !70000", &minute);
        check("100 !30000 !99000", &minute);
        let clock = check("100 500000 500100 !501000", &[minute, vec![500, 501]].concat());
        assert_eq!((clock.time(), clock.closed_until()), (500_100_000_000, 501_000_000_000));
        assert_eq!(clock.next_end(), Some(502_000_000_000));
    }

    #[test]
    fn a_late_event_opens_nothing_again() {
        check("100 1500 900 2500", &[1, 2]);
        let mut clock = check("100 !5000 4000 !6000", &[1, 2, 3, 4, 5, 6]);
        assert!(clock.see(0) && !clock.see(clock.time()));
    }

    #[test]
    fn the_ends_of_time_are_safe() {
        let mut clock = SecondClock::default();
        clock.see(i64::MIN);
        clock.see(i64::MAX);
        assert_eq!(clock.close(i64::MAX), Some(i64::MAX));
        assert_eq!(clock.close(i64::MAX), None);
        clock.see(i64::MAX);
        assert_eq!(clock.next_end(), None);
    }
}
