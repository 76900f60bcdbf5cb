//! The threshold of the CUSUM that rings as often as wanted.

use std::ops::Range;

use opus2_hifa::SignalConfig;
use opus2_hifa::estimator::mid_path::{MidPath, PathRules};

/// How often the CUSUM is wanted to ring. Methods reference 2.10.
pub const ALARMS_PER_HOUR: f64 = 6.0;

/// Thresholds are tried from here on, standard deviations of one step.
const H_MIN: f64 = 2.0;

/// How many thresholds are tried, each this much higher than the one before: up to about 60.
const RUNGS: i32 = 24;
const RATIO: f64 = 1.16;

/// The shortest time that says anything of a rate, ns.
const SPAN_NS_MIN: i64 = 600_000_000_000;

/// The live path of the mid, once for each threshold that is tried.
///
/// Returns of a mid are neither normal nor independent: how often a threshold rings is counted, with the code that rings.
#[derive(Debug)]
pub struct AlarmLadder {
    rungs: Vec<Rung>,
}

#[derive(Debug)]
struct Rung {
    config: SignalConfig,
    path: MidPath,
    alarms: Vec<i64>,
}

impl AlarmLadder {
    /// Under a configuration, whose own threshold does not matter.
    #[must_use]
    pub fn new(config: &SignalConfig) -> Self {
        let rung = |step: i32| Rung {
            config: SignalConfig { cusum_h: H_MIN * RATIO.powi(step), ..*config },
            path: MidPath::default(),
            alarms: Vec::new(),
        };
        Self { rungs: (0..RUNGS).map(rung).collect() }
    }

    /// At `now`, ns, the mid is `mid_doubled`, in `Price` units, of an instrument with this tick; `None` when there is none.
    pub fn observe(&mut self, now: i64, mid_doubled: Option<i64>, tick: i64) {
        for rung in &mut self.rungs {
            let rules = PathRules::new(&rung.config, tick);
            let alarm = match mid_doubled {
                Some(mid) => rung.path.observe(now, mid, &rules),
                None => rung.path.advance(now, &rules),
            };
            if alarm.is_some() {
                rung.alarms.push(now);
            }
        }
    }

    /// Data was lost.
    pub fn reset_reference(&mut self) {
        for rung in &mut self.rungs {
            rung.path.reset_reference();
        }
    }

    /// The lowest threshold that rang at most so often within a training window; `None` when the window is shorter than ten
    /// minutes, or none was high enough.
    ///
    /// # Source
    /// Methods reference 2.10.
    #[must_use]
    pub fn threshold(&self, train: &Range<i64>, alarms_per_hour: f64) -> Option<f64> {
        let span = train.end.checked_sub(train.start).filter(|span| *span >= SPAN_NS_MIN)?;
        #[expect(clippy::cast_precision_loss, reason = "a span of time")]
        let hours = span as f64 / 3.6e12;
        let rate = |rung: &Rung| {
            let rung = rung.alarms.iter().filter(|at| train.contains(at)).count();
            crate::statistics::sample::size(rung) / hours
        };
        self.rungs.iter().find(|rung| rate(rung) <= alarms_per_hour).map(|rung| rung.config.cusum_h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::Random;

    const STEP: i64 = 100_000_000;

    /// A walk of ten steps a second: so many seconds.
    fn walked(secs: i64) -> AlarmLadder {
        let mut random = Random::seeded(11);
        let mut ladder = AlarmLadder::new(&SignalConfig::default());
        let mut mid = 20_000_000;
        for step in 1..=secs * 10 {
            let sum: f64 = (0..12).map(|_| random.unit()).sum();
            #[expect(clippy::cast_possible_truncation, reason = "a few hundred")]
            let by = ((sum - 6.0) * 200.0) as i64;
            mid += by;
            ladder.observe(step * STEP, Some(mid), 1);
        }
        ladder
    }

    #[track_caller]
    fn check(ladder: &AlarmLadder, range: Range<i64>, per_hour: f64, expect: Option<Range<f64>>) {
        let found = ladder.threshold(&range, per_hour);
        match (found, expect) {
            (Some(found), Some(expect)) => assert!(expect.contains(&found), "{found}"),
            (found, expect) => assert_eq!(found.is_some(), expect.is_some(), "{found:?}"),
        }
    }

    #[test]
    fn the_threshold_rings_as_often_as_wanted() {
        let ladder = walked(7_200);
        let hours = 0..7_200 * 10 * STEP;
        // Independent normal steps ring once in 465 at five: 77 an hour. Six an hour need about 7.6.
        check(&ladder, hours.clone(), 80.0, Some(4.5..5.7));
        check(&ladder, hours.clone(), ALARMS_PER_HOUR, Some(6.3..9.0));
        check(&ladder, hours.clone(), -1.0, None);
        check(&ladder, 0..100 * 10 * STEP, ALARMS_PER_HOUR, None);
    }

    #[test]
    fn what_rang_outside_the_window_does_not_count() {
        let mut ladder = walked(900);
        let quiet = 900 * 10 * STEP..1_800 * 10 * STEP;
        ladder.observe(quiet.end, None, 1);
        check(&ladder, quiet.start + STEP..quiet.end, 0.0, Some(1.9..2.1));
        check(&ladder, 0..quiet.start, 0.0, Some(4.0..30.0));
    }
}
