//! One venue's circuit breaker: a venue that is down is left alone, and the others never notice.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The pause doubles with every try in vain up to so many times the first.
const OPEN_FACTOR_MAX: u32 = 10;
/// A try that has not said how it ended after so long is taken for failed: another may be made.
const PROBE_MAX: Duration = Duration::from_secs(60);

/// Whether the venue may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// It works, as far as is known.
    Closed,
    /// It did not; one try is under way.
    HalfOpen,
    /// It does not: no tries for a while.
    Open,
}

impl BreakerState {
    /// The number in metrics.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// Counts failures in a row, over all of a venue's connections and requests for its list.
///
/// Closed until `failures_max` failures with no success between them; then open for `open`; then half open: one try is
/// let through. Its success closes the breaker, its failure opens it again, for twice as long.
#[derive(Debug)]
pub struct Breaker {
    failures_max: u32,
    open: Duration,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// How many times it has opened in a row.
    opened: u32,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { since: Instant },
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub const fn new(failures_max: u32, open: Duration) -> Self {
        Self {
            failures_max,
            open,
            inner: Mutex::new(Inner { phase: Phase::Closed { failures: 0 }, opened: 0 }),
        }
    }

    /// May the venue be tried now? Whoever is told so says afterwards how it went.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn permit(&self, now: Instant) -> Result<(), Duration> {
        self.with(|inner| match inner.phase {
            Phase::Closed { .. } => Ok(()),
            Phase::Open { until } if now < until => Err(until - now),
            Phase::HalfOpen { since } if now.duration_since(since) < PROBE_MAX => Err(PROBE_PAUSE),
            Phase::Open { .. } | Phase::HalfOpen { .. } => {
                inner.phase = Phase::HalfOpen { since: now };
                Ok(())
            }
        })
    }

    /// The venue has answered.
    pub fn succeeded(&self) {
        self.with(|inner| *inner = Inner { phase: Phase::Closed { failures: 0 }, opened: 0 });
    }

    /// A try has failed. True when this opened the breaker.
    pub fn failed(&self, now: Instant) -> bool {
        self.with(|inner| {
            match &mut inner.phase {
                Phase::Closed { failures } if *failures + 1 < self.failures_max => {
                    *failures += 1;
                    return false;
                }
                // Tries that began before it opened.
                Phase::Open { .. } => return false,
                Phase::Closed { .. } | Phase::HalfOpen { .. } => {}
            }
            let factor = (1_u32 << inner.opened.min(16)).min(OPEN_FACTOR_MAX);
            inner.opened = inner.opened.saturating_add(1);
            inner.phase = Phase::Open { until: now + self.open * factor };
            true
        })
    }

    /// What it is now.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.with(|inner| match inner.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How soon those who wait ask how the one try went.
const PROBE_PAUSE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    /// `f` a failure, `s` a success, `?` asks for a permit, `+5` lets five seconds pass; the outcome has the permit's
    /// answers and the state after every step.
    #[track_caller]
    fn check(steps: &str, expect: &str) {
        let breaker = Breaker::new(3, Duration::from_secs(10));
        let mut now = Instant::now();
        let mut seen = Vec::new();
        for step in steps.split(' ') {
            match step {
                "f" => seen.push(if breaker.failed(now) { "opened".to_owned() } else { "-".to_owned() }),
                "s" => breaker.succeeded(),
                "?" => seen.push(match breaker.permit(now) {
                    Ok(()) => format!("go:{}", breaker.state().code()),
                    Err(pause) => format!("wait{}:{}", pause.as_secs(), breaker.state().code()),
                }),
                secs => now += Duration::from_secs(secs[1..].parse().unwrap()),
            }
        }
        assert_eq!(seen.join(" "), expect, "{steps}");
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        check("f f ? f ?", "- - go:0 opened wait10:2");
        check("f f s f f ?", "- - - - go:0");
    }

    #[test]
    fn one_try_is_let_through_after_a_while() {
        check("f f f +10 ? ? s ?", "- - opened go:1 wait0:1 go:0");
    }

    #[test]
    fn a_try_in_vain_doubles_the_pause() {
        check("f f f +10 ? f +19 ? +1 ? f ?", "- - opened go:1 opened wait1:2 go:1 opened wait40:2");
    }

    #[test]
    fn late_failures_do_not_prolong_it_and_a_lost_try_is_replaced() {
        check("f f f f +10 ? +60 ?", "- - opened - go:1 go:1");
    }
}
