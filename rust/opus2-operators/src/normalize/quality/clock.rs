//! How a window's time was spent: with a usable book, with a stale one, or with none.

use opus2_types::BookState;
use serde::{Deserialize, Serialize};

use super::rules::Rules;

const MILLI: i64 = 1_000_000;
/// How many messages a window needs before their distance says how quiet the instrument is.
const MESSAGES_MIN: u64 = 20;

/// The time of one instrument, from window to window. All times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clock {
    /// Up to where time has been told apart.
    cursor: i64,
    /// The newest message.
    last_message: i64,
    /// The instrument's typical distance of messages in the windows before; 0 before the first window with any.
    typical: i64,
    /// When the book was first live.
    first_live: Option<i64>,
    /// Of the open window:
    observed: i64,
    stale: i64,
    out_of_step: i64,
    messages: u64,
}

/// The time of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    /// Time since the instrument was announced, or the window's beginning.
    pub(super) observed: i64,
    /// Of it, with a live book that had not heard anything for too long.
    pub(super) stale: i64,
    /// Of it, without a live book.
    pub(super) out_of_step: i64,
}

impl Clock {
    /// The clock of an instrument that is announced now.
    pub(super) const fn new(now: i64) -> Self {
        Self {
            cursor: now,
            last_message: now,
            typical: 0,
            first_live: None,
            observed: 0,
            stale: 0,
            out_of_step: 0,
            messages: 0,
        }
    }

    /// A message came at `now`, while the book was in `state`.
    pub(super) fn message(&mut self, now: i64, state: BookState, rules: &Rules) {
        self.advance(now, state, rules);
        self.last_message = self.last_message.max(now);
        self.messages += 1;
    }

    /// The book is live at `now`.
    pub(super) fn live(&mut self, now: i64) {
        self.first_live.get_or_insert(now);
    }

    /// Tells the time up to `now` apart. A time before the cursor has been told already.
    fn advance(&mut self, now: i64, state: BookState, rules: &Rules) {
        let from = self.cursor;
        if now <= from {
            return;
        }
        let stale_from = self.last_message.saturating_add(self.stale_limit(rules));
        self.cursor = now;
        self.observed += now - from;
        if state == BookState::Live {
            self.stale += now.saturating_sub(stale_from.max(from)).max(0);
        } else {
            self.out_of_step += now - from;
        }
    }

    /// The longest silence that this instrument's own habit explains.
    fn stale_limit(&self, rules: &Rules) -> i64 {
        let floor = i64::from(rules.stale_ms) * MILLI;
        let typical = match self.typical {
            0 if self.messages >= MESSAGES_MIN => {
                self.observed / i64::try_from(self.messages).unwrap_or(i64::MAX)
            }
            // Nothing is known yet of an instrument that has hardly spoken: its silence may be its habit.
            0 => return i64::MAX,
            typical => typical,
        };
        floor.max(typical.saturating_mul(rules.stale_intervals.into()))
    }

    /// Ends the window at `end` and begins the next. Also says whether at least half of the window lies after the book was
    /// first live.
    pub(super) fn close(&mut self, end: i64, window: i64, state: BookState, rules: &Rules) -> (Spent, bool) {
        self.advance(end, state, rules);
        let spent = Spent { observed: self.observed, stale: self.stale, out_of_step: self.out_of_step };
        // A window of silence says nothing of the habit: a feed that freezes must not make its silence normal.
        if self.messages > 0 {
            let interval = self.observed / i64::try_from(self.messages).unwrap_or(i64::MAX);
            let typical =
                if self.typical == 0 { interval } else { self.typical - self.typical / 4 + interval / 4 };
            self.typical = typical.max(1);
        }
        (self.observed, self.stale, self.out_of_step, self.messages) = (0, 0, 0, 0);
        let is_telling = self.first_live.is_some_and(|live| end.saturating_sub(live) >= window / 2);
        (spent, is_telling)
    }

    /// Time that no window covers, because the market had gone quiet, is nobody's.
    pub(super) fn skip_to(&mut self, start: i64) {
        self.cursor = self.cursor.max(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Messages at these seconds, then the state of the silence up to the window's end at 60 s.
    #[track_caller]
    fn check(messages: &[i64], state: BookState, expect_stale: i64, expect_out: i64) {
        let (mut clock, rules) = (Clock::new(0), Rules::default());
        for at in messages {
            clock.message(at * SECOND, BookState::Live, &rules);
        }
        let (spent, _) = clock.close(60 * SECOND, 60 * SECOND, state, &rules);
        let expect =
            Spent { observed: 60 * SECOND, stale: expect_stale * SECOND, out_of_step: expect_out * SECOND };
        assert_eq!(spent, expect, "{messages:?}");
    }

    #[test]
    fn silence_is_judged_by_the_instruments_own_habit() {
        let busy: Vec<i64> = (0..20).flat_map(|second| [second; 10]).collect();
        check(&busy, BookState::Live, 60 - 19 - 10, 0);
        check(&busy, BookState::Gap, 0, 60 - 19);
        check(&[1], BookState::Live, 0, 0);
        let quiet: Vec<i64> = (0..20).collect();
        check(&quiet, BookState::Live, 60 - 19 - 19, 0);
    }

    #[test]
    fn a_feed_that_freezes_is_stale_in_the_windows_after() {
        let (mut clock, rules) = (Clock::new(0), Rules::default());
        for at in 0..=600 {
            clock.message(at * SECOND / 10, BookState::Live, &rules);
        }
        clock.close(60 * SECOND, 60 * SECOND, BookState::Live, &rules);
        for window in 2..5 {
            let (spent, _) = clock.close(window * 60 * SECOND, 60 * SECOND, BookState::Live, &rules);
            let expect = if window == 2 { 50 } else { 60 };
            assert_eq!(spent.stale, expect * SECOND, "window {window}");
        }
    }
}
