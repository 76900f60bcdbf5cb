//! How spoof-like the walls of the last hour were.

use serde::{Deserialize, Serialize};

use crate::detector::bounded::Bounded;
use crate::exact::to_f64;

const MINUTE_NANOS: i64 = 60 * 1_000_000_000;
/// How far it reaches back.
const MINUTES: usize = 60;
const MINUTES_I64: i64 = 60;
const MILLION: f64 = 1e6;

/// The ended walls of one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Minute {
    index: i64,
    walls: u32,
    /// Sum of likenesses, in millionths.
    likeness: u64,
}

/// The average spoof-likeness of the walls that ended in the last hour, on one side of one instrument's book; minutes
/// expire as wholes.
///
/// # Source
/// Methods reference 2.8 (project definition).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct SpoofMemory {
    minutes: Bounded<Minute, MINUTES>,
}

impl SpoofMemory {
    /// A wall has ended at `now`.
    pub(crate) fn add(&mut self, now: i64, likeness: f64) {
        let index = now.div_euclid(MINUTE_NANOS);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million"
        )]
        let likeness = (likeness.clamp(0.0, 1.0) * MILLION).round() as u64;
        match self.minutes.as_mut_slice().last_mut() {
            Some(last) if last.index >= index => {
                last.walls = last.walls.saturating_add(1);
                last.likeness = last.likeness.saturating_add(likeness);
            }
            _ => {
                self.minutes.push_evicting(Minute { index, walls: 1, likeness });
            }
        }
    }

    /// The average at `now`, in `[0, 1]`; zero when no wall has ended, for nothing then speaks against walls.
    pub(crate) fn average(&self, now: i64) -> f64 {
        let oldest = now.div_euclid(MINUTE_NANOS).saturating_sub(MINUTES_I64 - 1);
        let kept = self.minutes.as_slice().iter().filter(|minute| minute.index >= oldest);
        let (walls, likeness) = kept.fold((0u64, 0u64), |(walls, likeness), minute| {
            (walls.saturating_add(minute.walls.into()), likeness.saturating_add(minute.likeness))
        });
        if walls == 0 { 0.0 } else { (to_f64(likeness.into()) / MILLION / to_f64(walls.into())).min(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_is_remembered_for_an_hour() {
        let mut memory = SpoofMemory::default();
        assert!(memory.average(0) <= 0.0);
        memory.add(0, 0.8);
        memory.add(30 * MINUTE_NANOS, 0.2);
        for (minute, expect) in [(30, 0.5), (59, 0.5), (60, 0.2), (89, 0.2), (90, 0.0)] {
            let found = memory.average(minute * MINUTE_NANOS);
            assert!((found - expect).abs() < 1e-9, "{minute}: {found}");
        }
        for minute in 100..300 {
            memory.add(minute * MINUTE_NANOS, 1.0);
        }
        assert!((memory.average(299 * MINUTE_NANOS) - 1.0).abs() < 1e-9);
    }
}
