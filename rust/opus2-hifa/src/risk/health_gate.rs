//! What a venue's health allows there: a cap factor that falls at once and rises slowly.

use serde::{Deserialize, Serialize};

use crate::{Absent, Measure};

/// The lines of a venue's health score, 0 to 100, and how long it must stay above where it was.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthLines {
    /// From this score on the whole cap may be used.
    pub full: f64,
    /// At this score half of the cap may be used, below it nothing new; in between linearly.
    pub half: f64,
    /// Below this score what is held there is to be closed, if the venue can be reached.
    pub flatten: f64,
    /// For how long a score must have been better before it counts, s.
    pub recovery_secs: u32,
    /// Scores further apart than this do not show that it was better in between, s.
    pub silence_secs: u32,
}

impl Default for HealthLines {
    fn default() -> Self {
        Self { full: 80.0, half: 60.0, flatten: 30.0, recovery_secs: 60, silence_secs: 10 }
    }
}

/// What may be done at a venue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HealthCap {
    /// The share of the cap that may be used, 0 to 1; zero: no new exposure.
    pub factor: f64,
    /// True when what is held there is to be closed.
    pub must_flatten: bool,
}

impl HealthCap {
    /// What a score allows by itself. One that is not a number allows nothing, and what is held is to be closed: as for
    /// [`exchange_health`](crate::exchange_health), what is not known cannot be relied upon.
    #[must_use]
    pub fn of(score: f64, lines: &HealthLines) -> Self {
        let score = if score.is_nan() { 0.0 } else { score };
        let factor = if score >= lines.full {
            1.0
        } else if score >= lines.half {
            0.5 + 0.5 * ((score - lines.half) / (lines.full - lines.half)).clamp(0.0, 1.0)
        } else {
            0.0
        };
        Self { factor, must_flatten: score < lines.flatten }
    }
}

/// The score of one venue with hysteresis.
///
/// A worse score counts at once. A better one counts when the score has been better than the one that counts for
/// `recovery_secs` without interruption, and then as the worst of that time: so at every line a venue recovers only after
/// so long above it.
///
/// # Source
/// Methods reference 4.7; how hysteresis acts between the lines is a choice of this project.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct HealthGate {
    /// The score that counts.
    held: Option<f64>,
    updated_at: i64,
    rising: Option<Rising>,
}

/// A time during which the score was better than the one that counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Rising {
    since: i64,
    worst: f64,
}

impl HealthGate {
    /// Takes the venue's score at `now`. One that is not a number counts as zero.
    pub fn update(&mut self, now: i64, score: f64, lines: &HealthLines) {
        let score = if score.is_nan() { 0.0 } else { score.clamp(0.0, 100.0) };
        let is_silent = now.saturating_sub(self.updated_at) > secs(lines.silence_secs);
        self.updated_at = now;
        let Some(held) = self.held.filter(|held| score > *held) else {
            (self.held, self.rising) = (Some(score), None);
            return;
        };
        let rising = match self.rising {
            Some(rising) if !is_silent => Rising { worst: rising.worst.min(score), ..rising },
            _ => Rising { since: now, worst: score },
        };
        let is_over = now.saturating_sub(rising.since) >= secs(lines.recovery_secs);
        self.rising = (!is_over).then_some(rising);
        self.held = Some(if is_over { rising.worst } else { held });
    }

    /// What may be done at the venue.
    ///
    /// # Errors
    /// [`Absent::Cold`] before the first score.
    pub fn measure(&self, lines: &HealthLines) -> Result<HealthCap, Absent> {
        self.held.map(|held| HealthCap::of(held, lines)).ok_or(Absent::Cold)
    }

    /// False for loaded state that cannot have come about.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let is_score = |score: f64| (0.0..=100.0).contains(&score);
        self.held.is_none_or(is_score) && self.rising.is_none_or(|rising| is_score(rising.worst))
    }
}

fn secs(secs: u32) -> i64 {
    i64::from(secs) * 1_000_000_000
}

/// How far from one a currency that is pegged to the dollar may trade, as a fraction. Methods reference 4.7.
pub const PEG_DEVIATION_MAX: f64 = 0.005;

/// The factor on the caps of instruments quoted in a currency: one half when it is pegged to the dollar and trades more
/// than `deviation_max` away from it, else one.
///
/// `rate` is dollars for one unit; `None` for a currency that is pegged to nothing. A peg whose rate is absent is not
/// known to hold.
#[must_use]
pub fn peg_factor(rate: Option<Measure>, deviation_max: f64) -> f64 {
    let holds = |rate: Measure| rate.is_ok_and(|rate| (rate - 1.0).abs() <= deviation_max);
    if rate.is_none_or(holds) { 1.0 } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Scores from a second on, one a second until the next; the factor in the end.
    #[track_caller]
    fn check(scores: &[(i64, f64)], until: i64, factor: f64) {
        let lines = HealthLines::default();
        let mut gate = HealthGate::default();
        for second in 0..=until {
            let score = scores.iter().rev().find(|(from, _)| *from <= second).map(|(_, score)| *score);
            gate.update(second * SECOND, score.unwrap_or(100.0), &lines);
        }
        let found = gate.measure(&lines).unwrap().factor;
        assert!((found - factor).abs() < 1e-12, "{found}");
        assert!(gate.is_consistent());
    }

    #[test]
    fn a_score_allows_all_half_or_nothing() {
        for (score, factor, must_flatten) in [
            (100.0, 1.0, false),
            (80.0, 1.0, false),
            (70.0, 0.75, false),
            (60.0, 0.5, false),
            (59.9, 0.0, false),
            (29.9, 0.0, true),
            (f64::NAN, 0.0, true),
        ] {
            assert_eq!(HealthCap::of(score, &HealthLines::default()), HealthCap { factor, must_flatten });
        }
    }

    #[test]
    fn it_falls_at_once_and_recovers_after_a_minute_above() {
        check(&[], 0, 1.0);
        check(&[(10, 59.0)], 10, 0.0);
        check(&[(10, 59.0), (11, 95.0)], 70, 0.0);
        check(&[(10, 59.0), (11, 95.0)], 71, 1.0);
        check(&[(10, 70.0), (11, 95.0)], 70, 0.75);
        check(&[(10, 59.0), (11, 95.0), (40, 50.0), (41, 95.0)], 100, 0.0);
        check(&[(10, 59.0), (11, 95.0), (40, 70.0), (41, 95.0)], 71, 0.75);
        check(&[(10, 59.0), (11, 95.0), (40, 70.0), (41, 95.0)], 132, 1.0);
        check(&[(10, f64::NAN), (11, 95.0)], 71, 1.0);
    }

    #[test]
    fn silence_is_no_recovery() {
        let lines = HealthLines::default();
        let mut gate = HealthGate::default();
        assert_eq!(gate.measure(&lines), Err(Absent::Cold));
        for second in [0, 1, 100, 200] {
            gate.update(second * SECOND, if second == 0 { 10.0 } else { 90.0 }, &lines);
        }
        assert_eq!(gate.measure(&lines), Ok(HealthCap { factor: 0.0, must_flatten: true }));
        gate.update(i64::MIN, 90.0, &lines);
        gate.update(i64::MAX, 90.0, &lines);
        assert_eq!(gate.measure(&lines).map(|cap| cap.factor), Ok(0.0));
    }

    #[test]
    fn a_peg_that_does_not_hold_halves_the_caps() {
        let factor = |rate| peg_factor(rate, PEG_DEVIATION_MAX);
        let found =
            [None, Some(Ok(1.004)), Some(Ok(0.994)), Some(Err(Absent::Cold)), Some(Ok(f64::NAN))].map(factor);
        assert_eq!(found.map(|factor| factor < 1.0), [false, false, true, true, true]);
    }
}
