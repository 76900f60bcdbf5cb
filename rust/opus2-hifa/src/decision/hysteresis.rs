//! Flat, long or short, without chattering.

use serde::{Deserialize, Serialize};

use crate::exact::seconds;
use crate::{Absent, Direction, Measure};

/// What is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// Nothing.
    Flat,
    /// A rise is bet upon, `+1`.
    Long,
    /// A fall is bet upon, `-1`.
    Short,
}

impl Position {
    /// The position that bets on a direction.
    #[must_use]
    pub const fn of(direction: Direction) -> Self {
        match direction {
            Direction::Up => Self::Long,
            Direction::Down => Self::Short,
        }
    }

    /// 1 long, 0 flat, -1 short.
    #[must_use]
    pub const fn sign(self) -> i8 {
        match self {
            Self::Flat => 0,
            Self::Long => 1,
            Self::Short => -1,
        }
    }

    /// `"flat"`, `"long"` or `"short"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Long => "long",
            Self::Short => "short",
        }
    }
}

/// Why a position was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leave {
    /// A stop, a kill switch, a gap: at once, whatever the minimum hold.
    Stop,
    /// It was held as long as it may be.
    MaxHold,
    /// Its probability fell to the exit threshold, and it was held as long as it must be.
    Probability,
}

impl Leave {
    /// `"stop"`, `"max_hold"` or `"probability"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::MaxHold => "max_hold",
            Self::Probability => "probability",
        }
    }
}

/// Thresholds and times of a [`Hysteresis`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HysteresisSettings {
    /// A flat state enters from this probability of its direction on.
    pub p_in: f64,
    /// A held one leaves at this probability of its direction or below.
    pub p_out: f64,
    /// How long nothing is entered after an exit, ns.
    pub cool_down_ns: i64,
    /// How long the probability alone cannot end a position, ns.
    pub min_hold_ns: i64,
    /// How long one is held at most, ns.
    pub max_hold_ns: i64,
}

/// One observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Receive time, ns.
    pub now: i64,
    /// Probability of an upward move; one that is absent or not finite neither enters nor leaves.
    pub p_up: Measure,
    /// Whether everything besides the probability and the cool-down allows an entry.
    pub may_enter: bool,
    /// Whether a held position must go now.
    pub must_leave: bool,
}

/// What one observation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Stay,
    /// From flat.
    Entered(Direction),
    /// To flat.
    Left {
        /// The direction that was held.
        from: Direction,
        /// Why.
        why: Leave,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Flat { left_at: Option<i64> },
    Held { direction: Direction, since: i64 },
}

/// A Schmitt trigger with a cool-down, for both directions.
///
/// Flat enters a direction whose probability is at least `p_in`, once `cool_down` has passed since the last exit. Held
/// leaves at `p_out` or below after `min_hold`, after `max_hold` in any case, and at a stop at once. An exit and an entry never
/// share an observation, so one direction turns into the other through flat only.
///
/// # Source
/// Project definition, methods reference 6.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hysteresis {
    phase: Phase,
    /// When it first observed, and how often it changed since.
    first_at: Option<i64>,
    changes: u64,
}

impl Default for Hysteresis {
    fn default() -> Self {
        Self { phase: Phase::Flat { left_at: None }, first_at: None, changes: 0 }
    }
}

impl Hysteresis {
    /// Takes an observation.
    pub fn step(&mut self, observation: Observation, settings: &HysteresisSettings) -> Change {
        let Observation { now, .. } = observation;
        self.first_at.get_or_insert(now);
        let change = match self.phase {
            Phase::Flat { .. } => self.entry(observation, settings),
            Phase::Held { direction, since } => {
                match exit(direction, now.saturating_sub(since), observation, settings) {
                    Some(why) => Change::Left { from: direction, why },
                    None => Change::Stay,
                }
            }
        };
        match change {
            Change::Stay => return change,
            Change::Entered(direction) => self.phase = Phase::Held { direction, since: now },
            Change::Left { .. } => self.phase = Phase::Flat { left_at: Some(now) },
        }
        self.changes = self.changes.saturating_add(1);
        change
    }

    fn entry(&self, observation: Observation, settings: &HysteresisSettings) -> Change {
        if !observation.may_enter || self.is_cooling_down(observation.now, settings.cool_down_ns) {
            return Change::Stay;
        }
        let reaches = |direction: &Direction| {
            probability_of(*direction, observation.p_up).is_some_and(|p| p >= settings.p_in)
        };
        [Direction::Up, Direction::Down].into_iter().find(reaches).map_or(Change::Stay, Change::Entered)
    }

    /// True when flat, and too soon after an exit to enter again.
    #[must_use]
    pub fn is_cooling_down(&self, now: i64, cool_down_ns: i64) -> bool {
        match self.phase {
            Phase::Flat { left_at: Some(left_at) } => now.saturating_sub(left_at) < cool_down_ns,
            _ => false,
        }
    }

    /// What is held.
    #[must_use]
    pub const fn position(&self) -> Position {
        match self.phase {
            Phase::Flat { .. } => Position::Flat,
            Phase::Held { direction, .. } => Position::of(direction),
        }
    }

    /// Since when it is held, ns; `None` when flat.
    #[must_use]
    pub const fn held_since(&self) -> Option<i64> {
        match self.phase {
            Phase::Flat { .. } => None,
            Phase::Held { since, .. } => Some(since),
        }
    }

    /// Entries and exits so far.
    #[must_use]
    pub const fn flips(&self) -> u64 {
        self.changes
    }

    /// Entries and exits an hour since the first observation: the measure of chattering.
    ///
    /// # Errors
    /// `Cold` until a minute has passed, because a rate over less says nothing.
    pub fn flips_per_hour(&self, now: i64) -> Measure {
        let span = self.first_at.map_or(0, |first_at| now.saturating_sub(first_at));
        if span < MINUTE {
            return Err(Absent::Cold);
        }
        Ok(crate::exact::to_f64(self.changes.into()) * 3_600.0 / seconds(span))
    }
}

const MINUTE: i64 = 60_000_000_000;

fn exit(
    direction: Direction,
    held_ns: i64,
    observation: Observation,
    settings: &HysteresisSettings,
) -> Option<Leave> {
    let has_fallen = || probability_of(direction, observation.p_up).is_some_and(|p| p <= settings.p_out);
    if observation.must_leave {
        Some(Leave::Stop)
    } else if held_ns >= settings.max_hold_ns {
        Some(Leave::MaxHold)
    } else if held_ns >= settings.min_hold_ns && has_fallen() {
        Some(Leave::Probability)
    } else {
        None
    }
}

/// The probability of a direction.
pub(super) fn probability_of(direction: Direction, p_up: Measure) -> Option<f64> {
    let p_up = p_up.ok().filter(|p| p.is_finite())?;
    Some(match direction {
        Direction::Up => p_up,
        Direction::Down => 1.0 - p_up,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: HysteresisSettings =
        HysteresisSettings { p_in: 0.6, p_out: 0.5, cool_down_ns: 20, min_hold_ns: 10, max_hold_ns: 100 };

    fn observe(now: i64, p_up: f64) -> Observation {
        Observation { now, p_up: Ok(p_up), may_enter: true, must_leave: false }
    }

    #[track_caller]
    fn check(observations: &[(i64, f64)], expect: &[i8]) {
        let mut state = Hysteresis::default();
        let found: Vec<i8> = observations
            .iter()
            .map(|(now, p)| {
                state.step(observe(*now, *p), &SETTINGS);
                state.position().sign()
            })
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn thresholds_and_times_are_inclusive() {
        check(&[(0, 0.6), (9, 0.1), (10, 0.5), (29, 0.9), (30, 0.4)], &[1, 1, 0, 0, -1]);
        check(&[(0, 0.599), (1, 0.401), (2, 0.4), (12, 0.499)], &[0, 0, -1, -1]);
        check(&[(0, 0.9), (99, 0.9), (100, 0.9), (100, 0.9)], &[1, 1, 0, 0]);
        check(&[(0, f64::NAN), (1, 0.9), (50, f64::NAN), (101, f64::NAN)], &[0, 1, 1, 0]);
    }

    #[test]
    fn a_stop_leaves_before_the_minimum_hold() {
        let mut state = Hysteresis::default();
        assert_eq!(state.step(Observation { may_enter: false, ..observe(0, 0.9) }, &SETTINGS), Change::Stay);
        assert_eq!(state.step(observe(0, 0.9), &SETTINGS), Change::Entered(Direction::Up));
        let stop = Observation { must_leave: true, ..observe(1, 0.9) };
        assert_eq!(state.step(stop, &SETTINGS), Change::Left { from: Direction::Up, why: Leave::Stop });
        assert_eq!(state.step(stop, &SETTINGS), Change::Stay);
    }

    #[test]
    fn a_clock_that_goes_back_ends_nothing() {
        let mut state = Hysteresis::default();
        state.step(observe(i64::MAX, 0.9), &SETTINGS);
        assert_eq!(state.step(observe(i64::MIN, 0.1), &SETTINGS), Change::Stay);
    }

    #[test]
    fn flips_are_entries_and_exits() {
        let mut state = Hysteresis::default();
        for (now, p) in [(0, 0.9), (10, 0.1), (30, 0.1)] {
            state.step(observe(now, p), &SETTINGS);
        }
        assert_eq!((state.flips(), state.flips_per_hour(MINUTE - 1)), (3, Err(Absent::Cold)));
        assert_eq!(state.flips_per_hour(30 * MINUTE), Ok(6.0));
    }
}
