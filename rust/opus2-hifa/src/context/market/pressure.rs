//! How much of something there was lately.

use serde::{Deserialize, Serialize};

use crate::exact::seconds;

/// A signed sum that fades by half in a half-life.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Pressure {
    level: f64,
    at: i64,
}

impl Pressure {
    /// Adds `amount` at `now`. What is not finite is passed over.
    pub(super) fn add(&mut self, now: i64, amount: f64, half_life_secs: f64) {
        let level = self.level(now, half_life_secs) + amount;
        if level.is_finite() {
            *self = Self { level, at: self.at.max(now) };
        }
    }

    /// Becomes `level` at `now`. What is not finite is passed over.
    pub(super) fn set(&mut self, now: i64, level: f64) {
        if level.is_finite() {
            *self = Self { level, at: now };
        }
    }

    /// What is left of it. A time before the newest counts as the newest.
    pub(super) fn level(&self, now: i64, half_life_secs: f64) -> f64 {
        let age = seconds(now.saturating_sub(self.at).max(0));
        self.level * (-age / half_life_secs).exp2() + 0.0
    }

    pub(super) fn is_consistent(&self) -> bool {
        self.level.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_it_is_left_after_a_half_life() {
        let mut pressure = Pressure::default();
        let check = |pressure: &Pressure, now, expect: f64| {
            assert!((pressure.level(now, 2.0) - expect).abs() < 1e-12, "{pressure:?} {now}");
        };
        check(&pressure, 5, 0.0);
        pressure.add(0, 1.0, 2.0);
        check(&pressure, 2_000_000_000, 0.5);
        pressure.add(2_000_000_000, -1.0, 2.0);
        check(&pressure, 4_000_000_000, -0.25);
        check(&pressure, 0, -0.5);
        pressure.add(i64::MAX, f64::NAN, 2.0);
        check(&pressure, i64::MAX, 0.0);
        pressure.set(i64::MAX, 0.5);
        check(&pressure, i64::MIN, 0.5);
        assert!(pressure.is_consistent());
    }
}
