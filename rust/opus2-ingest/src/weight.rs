//! How much may be asked of the venue's REST interface.

use opus2_types::UnixNanos;

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The first snapshot of an instrument on a connection, or the instrument list.
    Start,
    /// A snapshot because a book was lost. May use half of the budget, so that one flapping connection cannot starve
    /// the others' start.
    Resync,
    /// A larger snapshot for a book in step. May use half of the budget, in even steps over the window: a trickle that
    /// always leaves something for what is needed more.
    Deepen,
}

/// The weight that one process may use of the venue's limit per address.
///
/// The venue counts in fixed windows of the wall clock (observed by others, not documented), so the budget does too, and
/// takes the venue's own count from every answer when it is higher than ours: others may share our address.
#[derive(Debug)]
pub struct WeightBudget {
    budget: u32,
    interval_nanos: i64,
    window: i64,
    used: u32,
    used_by_resyncs: u32,
    used_by_deepens: u32,
    paused_until: UnixNanos,
}

/// Waiting this long past the window's end makes up for the difference between our clock and the venue's.
const WINDOW_MARGIN_NANOS: i64 = NANOS_PER_SEC / 4;

impl WeightBudget {
    /// A budget of `weight` every `interval_secs`.
    #[must_use]
    pub fn new(weight: u32, interval_secs: u32) -> Self {
        Self {
            budget: weight,
            interval_nanos: i64::from(interval_secs.max(1)) * NANOS_PER_SEC,
            window: i64::MIN,
            used: 0,
            used_by_resyncs: 0,
            used_by_deepens: 0,
            paused_until: UnixNanos::MIN,
        }
    }

    /// Replaces the limit, keeping what has been used.
    pub fn set_limit(&mut self, weight: u32, interval_secs: u32) {
        self.budget = weight;
        self.interval_nanos = i64::from(interval_secs.max(1)) * NANOS_PER_SEC;
    }

    /// Takes `weight`, or says until when to wait. A request above the whole budget is let through alone, at the start
    /// of a window: refusing it for ever would help nobody.
    ///
    /// # Errors
    /// The time from which it is worth asking again.
    pub fn take(&mut self, weight: u32, purpose: Purpose, now: UnixNanos) -> Result<(), UnixNanos> {
        if now < self.paused_until {
            return Err(self.paused_until);
        }
        self.turn(now);
        let fits = self.used == 0 || self.used.saturating_add(weight) <= self.budget;
        let half = self.budget / 2;
        let resync_fits = purpose != Purpose::Resync
            || self.used_by_resyncs == 0
            || self.used_by_resyncs.saturating_add(weight) <= half;
        if !(fits && resync_fits) {
            return Err(self.window_end());
        }
        if purpose == Purpose::Deepen {
            self.trickle(weight, half, now)?;
        }
        self.used = self.used.saturating_add(weight);
        match purpose {
            Purpose::Start => {}
            Purpose::Resync => self.used_by_resyncs = self.used_by_resyncs.saturating_add(weight),
            Purpose::Deepen => self.used_by_deepens = self.used_by_deepens.saturating_add(weight),
        }
        Ok(())
    }

    /// Of half the budget, no more than the part of the window that has passed.
    fn trickle(&self, weight: u32, half: u32, now: UnixNanos) -> Result<(), UnixNanos> {
        let wanted = i128::from(self.used_by_deepens.saturating_add(weight));
        if wanted > i128::from(half) {
            // What is larger than half of the budget is let through alone, late in a window.
            let is_alone =
                self.used_by_deepens == 0 && now.0 >= self.window_end().0 - self.interval_nanos / 2;
            return if is_alone { Ok(()) } else { Err(self.next_half(now)) };
        }
        let start = self.window_end().0 - self.interval_nanos;
        let due =
            i128::from(self.interval_nanos) * i128::from(self.used_by_deepens) / i128::from(half.max(1));
        let due = UnixNanos(start.saturating_add(i64::try_from(due).unwrap_or(i64::MAX)));
        if now < due { Err(due) } else { Ok(()) }
    }

    /// The middle of this window or, when that has passed, its end.
    fn next_half(&self, now: UnixNanos) -> UnixNanos {
        let middle = UnixNanos(self.window_end().0 - self.interval_nanos / 2);
        if now < middle { middle } else { self.window_end() }
    }

    /// The venue says how much has been used in the present window.
    pub fn observe(&mut self, used: u32, now: UnixNanos) {
        self.turn(now);
        self.used = self.used.max(used);
    }

    /// The venue wants silence until then. A shorter pause never ends a longer one.
    pub fn pause(&mut self, until: UnixNanos) {
        self.paused_until = self.paused_until.max(until);
    }

    /// The weight used in the present window, by the higher of the two counts.
    #[must_use]
    pub const fn used(&self) -> u32 {
        self.used
    }

    fn turn(&mut self, now: UnixNanos) {
        let window = now.0.saturating_sub(WINDOW_MARGIN_NANOS).div_euclid(self.interval_nanos);
        if window != self.window {
            self.window = window;
            self.used = 0;
            self.used_by_resyncs = 0;
            self.used_by_deepens = 0;
        }
    }

    fn window_end(&self) -> UnixNanos {
        let end = self.window.saturating_add(1).saturating_mul(self.interval_nanos);
        UnixNanos(end.saturating_add(WINDOW_MARGIN_NANOS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: i64) -> UnixNanos {
        UnixNanos(secs * NANOS_PER_SEC)
    }

    const NEXT_MINUTE: UnixNanos = UnixNanos(120 * NANOS_PER_SEC + WINDOW_MARGIN_NANOS);

    #[test]
    fn the_budget_is_per_window_of_the_wall_clock() {
        let mut budget = WeightBudget::new(100, 60);
        assert_eq!(budget.take(60, Purpose::Start, at(61)), Ok(()));
        assert_eq!(budget.take(60, Purpose::Start, at(62)), Err(NEXT_MINUTE));
        assert_eq!(budget.take(40, Purpose::Start, at(119)), Ok(()));
        assert_eq!(budget.take(60, Purpose::Start, at(120)), Err(NEXT_MINUTE));
        assert_eq!(budget.take(60, Purpose::Start, NEXT_MINUTE), Ok(()));
    }

    #[test]
    fn resyncs_have_half() {
        let mut budget = WeightBudget::new(100, 60);
        assert_eq!(budget.take(50, Purpose::Resync, at(61)), Ok(()));
        assert_eq!(budget.take(5, Purpose::Resync, at(61)), Err(NEXT_MINUTE));
        assert_eq!(budget.take(50, Purpose::Start, at(61)), Ok(()));
    }

    #[test]
    fn deepening_is_a_trickle_of_half() {
        let mut budget = WeightBudget::new(100, 60);
        // The window began a margin late.
        let mut now = UnixNanos(60 * NANOS_PER_SEC + WINDOW_MARGIN_NANOS);
        let mut taken = Vec::new();
        for _ in 0..5 {
            match budget.take(10, Purpose::Deepen, now) {
                Ok(()) => taken.push((now.0 - WINDOW_MARGIN_NANOS) / NANOS_PER_SEC),
                Err(until) => {
                    assert!(until > now);
                    now = until;
                    assert_eq!(budget.take(10, Purpose::Deepen, now), Ok(()));
                    taken.push((now.0 - WINDOW_MARGIN_NANOS) / NANOS_PER_SEC);
                }
            }
        }
        assert_eq!(taken, [60, 72, 84, 96, 108]);
    }

    #[test]
    fn one_large_deepening_goes_alone_in_the_second_half() {
        let mut budget = WeightBudget::new(100, 60);
        let middle = UnixNanos(90 * NANOS_PER_SEC + WINDOW_MARGIN_NANOS);
        assert_eq!(budget.take(60, Purpose::Deepen, at(61)), Err(middle));
        assert_eq!(budget.take(60, Purpose::Deepen, middle), Ok(()));
        assert_eq!(budget.take(60, Purpose::Deepen, middle), Err(NEXT_MINUTE));
        assert_eq!(budget.take(40, Purpose::Start, middle), Ok(()));
    }

    #[test]
    fn the_venues_count_wins_when_higher() {
        let mut budget = WeightBudget::new(100, 60);
        budget.observe(90, at(61));
        assert_eq!(budget.take(20, Purpose::Start, at(61)), Err(NEXT_MINUTE));
        budget.observe(5, at(62));
        assert_eq!(budget.used(), 90);
    }

    #[test]
    fn a_pause_stops_everything_until_its_end() {
        let mut budget = WeightBudget::new(100, 60);
        budget.pause(at(200));
        budget.pause(at(100));
        assert_eq!(budget.take(1, Purpose::Start, at(199)), Err(at(200)));
        assert_eq!(budget.take(1, Purpose::Start, at(200)), Ok(()));
    }

    #[test]
    fn a_request_above_the_budget_goes_alone() {
        let mut budget = WeightBudget::new(100, 60);
        assert_eq!(budget.take(250, Purpose::Resync, at(61)), Ok(()));
        assert_eq!(budget.take(1, Purpose::Start, at(61)), Err(NEXT_MINUTE));
    }
}
