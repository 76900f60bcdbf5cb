//! The windows over which a market's data quality is judged.

use serde::{Deserialize, Serialize};

/// After this many windows without a record of the market, no further one is opened until the next record: three low scores
/// say that a market is silent, and a stream that has ended ends.
const QUIET_WINDOWS_MAX: u8 = 3;

/// The open window of a market: `(end - length, end]`, with `end` a multiple of the length. All times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Windows {
    /// The largest receive time of the market's records.
    time: i64,
    /// The end of the open window.
    open: Option<i64>,
    quiet: u8,
    is_heard: bool,
}

impl Default for Windows {
    fn default() -> Self {
        Self { time: i64::MIN, open: None, quiet: 0, is_heard: false }
    }
}

impl Windows {
    /// A record was received at `recv_ts`: gives the market's time.
    pub(super) fn reach(&mut self, recv_ts: i64) -> i64 {
        self.time = self.time.max(recv_ts);
        self.time
    }

    /// Closes the open window when it ends at `until` or before, and gives its end. The next one is open then, unless the
    /// market has gone quiet.
    pub(super) fn close(&mut self, until: i64, length: i64) -> Option<i64> {
        let end = self.open.take_if(|end| *end <= until)?;
        self.quiet = if std::mem::take(&mut self.is_heard) { 0 } else { self.quiet + 1 };
        if self.quiet < QUIET_WINDOWS_MAX {
            self.open = Some(end.saturating_add(length));
        }
        Some(end)
    }

    /// Notes a record in the window of the market's time. Gives its beginning and end when it had to be opened.
    pub(super) fn hear(&mut self, length: i64) -> Option<(i64, i64)> {
        self.is_heard = true;
        if self.open.is_some() {
            return None;
        }
        let windows = self.time.div_euclid(length) + i64::from(self.time.rem_euclid(length) != 0);
        let end = windows.saturating_mul(length);
        (self.open, self.quiet) = (Some(end), 0);
        Some((end.saturating_sub(length), end))
    }

    /// The end of the open window.
    pub(super) const fn open(&self) -> Option<i64> {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_that_went_quiet_is_judged_three_times_more() {
        let mut windows = Windows::default();
        assert_eq!(windows.close(i64::MAX, 60), None);
        windows.reach(61);
        assert_eq!(windows.hear(60), Some((60, 120)));
        windows.reach(60);
        assert_eq!(windows.hear(60), None, "the window is that of the market's time");
        assert_eq!(windows.close(119, 60), None);
        let closed: Vec<i64> = std::iter::from_fn(|| windows.close(i64::MAX, 60)).collect();
        assert_eq!(closed, [120, 180, 240, 300]);
        windows.reach(1_000);
        assert_eq!(windows.hear(60), Some((960, 1_020)));
    }
}
