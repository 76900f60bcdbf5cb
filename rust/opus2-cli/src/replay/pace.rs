//! Waiting so that records go out as they came in.

use std::str::FromStr;
use std::time::{Duration, Instant};

use opus2_types::UnixNanos;

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Speed {
    /// So many times faster than it was recorded.
    Times(f64),
    /// As fast as possible.
    Max,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.trim_end_matches('x').parse::<f64>() {
            Ok(times) if times.is_finite() && times > 0.0 => Ok(Self::Times(times)),
            _ => Err(format!("{text:?} is neither a positive number nor \"max\"")),
        }
    }
}

/// The clock of a replay.
pub(super) struct Pace {
    speed: Speed,
    start: Option<(Instant, UnixNanos)>,
}

impl Pace {
    pub(super) const fn new(speed: Speed) -> Self {
        Self { speed, start: None }
    }

    /// Sleeps until a record of this time is due. The schedule is absolute: a late record does not delay the next.
    pub(super) fn wait_for(&mut self, recv_ts: UnixNanos) {
        let Speed::Times(times) = self.speed else { return };
        let (started, first) = *self.start.get_or_insert_with(|| (Instant::now(), recv_ts));
        let nanos = u64::try_from(recv_ts.since(first)).unwrap_or(0);
        let due = started + Duration::from_nanos(nanos).div_f64(times);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_positive_numbers_or_max() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("10".parse(), Ok(Speed::Times(10.0)));
        assert_eq!("2.5x".parse(), Ok(Speed::Times(2.5)));
        for text in ["0", "-1", "fast", "inf", "NaN", ""] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }
}
