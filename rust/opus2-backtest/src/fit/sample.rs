//! What was known at each step of a grid, and what the mid did after it.

use std::collections::VecDeque;

use opus2_hifa::Measure;
use serde::Serialize;

use super::config::FitConfig;
use super::{MILLI_NS, move_bps};

/// The most rows that are kept: three weeks of one a second.
pub const SAMPLES_MAX: usize = 2_000_000;

/// What the stages say of a market at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The market's time, ns.
    pub now: i64,
    /// The instrument whose mid it is.
    pub instrument: &'a str,
    /// The mid, quote units.
    pub mid: f64,
    /// Half the spread, basis points.
    pub half_spread_bps: f64,
    /// The features' values, not standardised.
    pub values: &'a [Measure],
}

/// One row: the newest look at or before a step of the grid, and what came after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The step of the grid, ns. A decision upon this row is made here.
    pub at: i64,
    /// When the look was, ns; not after `at`.
    pub now: i64,
    /// The mid in force at the step, quote units.
    pub mid: f64,
    /// Half the spread, basis points.
    pub half_spread_bps: f64,
    /// The features' values, not standardised.
    pub values: Box<[Measure]>,
    /// The log return of the mid from the step to the end of the horizon, basis points; `None` when it is not known: the
    /// data ended or were lost in between, or the market's instrument changed.
    pub move_bps: Option<f64>,
}

impl Sample {
    /// The share of its features that are missing, 0 to 1; 1 without features.
    #[must_use]
    pub fn missing_share(&self) -> f64 {
        use crate::statistics::sample::size;
        if self.values.is_empty() {
            return 1.0;
        }
        let missing = self.values.iter().filter(|value| value.is_err()).count();
        size(missing) / size(self.values.len())
    }
}

/// What happened while samples were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SampleCounts {
    /// Looks that were taken.
    pub looks: u64,
    /// Looks that were passed over: older than the one before, or without a positive mid.
    pub passed_over: u64,
    /// How often the mid was lost: fences, gaps, silences, another instrument.
    pub gaps: u64,
    /// Rows whose label is not known.
    pub unlabelled: u64,
    /// Rows that had no room.
    pub beyond_limit: u64,
}

/// Takes rows on a grid of the market's time, and labels each when its horizon has passed.
///
/// A step has a row when there was a look since the step before. The row's label is the mid in force at the end of its
/// horizon, which is known only when a *later* look arrives; a row whose horizon is cut by a gap never gets one.
#[derive(Debug)]
pub struct Sampler {
    step_ns: i64,
    horizon_ns: i64,
    silence_ns_max: i64,
    limit: usize,
    held: Held,
    /// Rows without a label, in order.
    waiting: VecDeque<usize>,
    samples: Vec<Sample>,
    counts: SampleCounts,
}

/// The newest look.
#[derive(Debug)]
struct Held {
    is_known: bool,
    is_sampled: bool,
    now: i64,
    instrument: String,
    mid: f64,
    half_spread_bps: f64,
    values: Vec<Measure>,
}

impl Sampler {
    /// Nothing taken yet.
    #[must_use]
    pub fn new(config: &FitConfig) -> Self {
        Self {
            step_ns: config.step_ns().max(1),
            horizon_ns: config.horizon_ns(),
            silence_ns_max: i64::from(config.silence_ms_max) * MILLI_NS,
            limit: SAMPLES_MAX,
            held: Held {
                is_known: false,
                is_sampled: false,
                now: i64::MIN,
                instrument: String::new(),
                mid: 0.0,
                half_spread_bps: 0.0,
                values: Vec::new(),
            },
            waiting: VecDeque::new(),
            samples: Vec::new(),
            counts: SampleCounts::default(),
        }
    }

    /// Takes the next look.
    pub fn look(&mut self, look: &Look<'_>) {
        let is_sound = look.mid.is_finite() && look.mid > 0.0 && look.now >= self.held.now;
        if !is_sound {
            self.counts.passed_over += 1;
            return;
        }
        self.counts.looks += 1;
        if self.held.is_known {
            if look.now.saturating_sub(self.held.now) > self.silence_ns_max {
                self.lose(self.held.now.saturating_add(self.silence_ns_max));
            } else if self.held.instrument != look.instrument {
                self.lose(look.now);
            } else {
                self.pass_time(look.now);
            }
        }
        let held = &mut self.held;
        (held.is_known, held.is_sampled, held.now) = (true, false, look.now);
        (held.mid, held.half_spread_bps) = (look.mid, look.half_spread_bps);
        if held.instrument != look.instrument {
            look.instrument.clone_into(&mut held.instrument);
        }
        held.values.clear();
        held.values.extend_from_slice(look.values);
    }

    /// From `now` on the mid is not known.
    pub fn lose(&mut self, now: i64) {
        if !self.held.is_known {
            return;
        }
        self.pass_time(now);
        self.held.is_known = false;
        self.held.now = self.held.now.max(now);
        self.counts.gaps += 1;
        self.give_up_waiting();
    }

    fn give_up_waiting(&mut self) {
        self.counts.unlabelled += u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        self.waiting.clear();
    }

    /// Everything that the held look decides before `now`: its row, and the labels of older ones.
    fn pass_time(&mut self, now: i64) {
        self.sample_before(now);
        while let Some(index) = self.waiting.front().copied() {
            let Some(sample) = self.samples.get_mut(index) else { break };
            if sample.at.saturating_add(self.horizon_ns) >= now {
                break;
            }
            sample.move_bps = move_bps(sample.mid, self.held.mid);
            self.waiting.pop_front();
        }
    }

    fn sample_before(&mut self, now: i64) {
        let held = &mut self.held;
        let rest = held.now.rem_euclid(self.step_ns);
        let at = held.now.saturating_add(if rest == 0 { 0 } else { self.step_ns - rest });
        if held.is_sampled || at >= now {
            return;
        }
        held.is_sampled = true;
        if self.samples.len() >= self.limit {
            self.counts.beyond_limit += 1;
            return;
        }
        self.waiting.push_back(self.samples.len());
        self.samples.push(Sample {
            at,
            now: held.now,
            mid: held.mid,
            half_spread_bps: held.half_spread_bps,
            values: held.values.as_slice().into(),
            move_bps: None,
        });
    }

    /// The rows, in order of time; the last ones have no label.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Sample>, SampleCounts) {
        self.give_up_waiting();
        (self.samples, self.counts)
    }
}

#[cfg(test)]
mod tests {
    use opus2_hifa::Absent;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Looks at `(time in tenths of a second, mid)`; a mid of zero is a loss, a negative one of another instrument.
    fn taken(looks: &[(i64, f64)]) -> (Vec<Sample>, SampleCounts) {
        let config = FitConfig { horizon_ms: 2_000, ..FitConfig::default() };
        let mut sampler = Sampler::new(&config);
        for (tenths, mid) in looks {
            let now = tenths * SECOND / 10;
            let instrument = if *mid < 0.0 { "kraken:B" } else { "binance:A" };
            match mid.abs() {
                0.0 => sampler.lose(now),
                mid => sampler.look(&Look {
                    now,
                    instrument,
                    mid,
                    half_spread_bps: 1.0,
                    values: &[Ok(mid), Err(Absent::Cold)],
                }),
            }
        }
        sampler.finish()
    }

    /// Each row as `(step in s, mid, mid at the end of its horizon)`; 0 when that is not known.
    #[track_caller]
    fn check(looks: &[(i64, f64)], expect: &[(i64, f64, f64)]) {
        let (samples, counts) = taken(looks);
        assert_eq!(samples.len(), expect.len(), "{samples:?}");
        for (sample, (at, mid, end)) in samples.iter().zip(expect) {
            assert_eq!((sample.at, sample.mid.total_cmp(mid)), (at * SECOND, std::cmp::Ordering::Equal));
            assert!(sample.now <= sample.at);
            assert_eq!(sample.move_bps, move_bps(*mid, *end), "{sample:?}");
        }
        let unlabelled = samples.iter().filter(|sample| sample.move_bps.is_none()).count();
        assert_eq!(counts.unlabelled, unlabelled as u64);
    }

    #[test]
    fn a_row_is_the_newest_look_and_its_label_the_mid_in_force_later() {
        // Steps at 1, 2, 3, 4 s. The mid at 3 s, end of the first horizon, is that of 2.9 s.
        check(
            &[(3, 100.0), (8, 101.0), (15, 102.0), (29, 103.0), (31, 104.0), (42, 105.0)],
            &[(1, 101.0, 103.0), (2, 102.0, 104.0), (3, 103.0, 0.0), (4, 104.0, 0.0)],
        );
    }

    #[test]
    fn a_look_at_the_step_itself_belongs_to_it() {
        check(&[(5, 100.0), (10, 101.0), (11, 102.0), (31, 103.0)], &[(1, 101.0, 102.0), (2, 102.0, 0.0)]);
    }

    #[test]
    fn a_label_is_not_known_before_a_later_look() {
        // The horizon of the row at 1 s ends at 3 s; the last look is exactly then.
        check(&[(10, 100.0), (20, 101.0), (30, 102.0)], &[(1, 100.0, 0.0), (2, 101.0, 0.0)]);
        check(
            &[(10, 100.0), (20, 101.0), (30, 102.0), (31, 103.0)],
            &[(1, 100.0, 102.0), (2, 101.0, 0.0), (3, 102.0, 0.0)],
        );
    }

    #[test]
    fn a_gap_leaves_what_it_cuts_without_a_label() {
        check(
            &[(10, 100.0), (11, 101.0), (25, 0.0), (28, 0.0), (26, 7.0), (30, 102.0), (60, 103.0)],
            &[(1, 100.0, 0.0), (2, 101.0, 0.0), (3, 102.0, 102.0)],
        );
        let (_, counts) = taken(&[(10, 100.0), (11, 101.0), (25, 0.0), (28, 0.0), (26, 7.0)]);
        assert_eq!((counts.gaps, counts.looks, counts.passed_over), (1, 3, 0));
    }

    #[test]
    fn another_instrument_is_a_gap() {
        check(
            &[(10, 100.0), (11, 101.0), (25, -50.0), (60, -51.0)],
            &[(1, 100.0, 0.0), (2, 101.0, 0.0), (3, 50.0, 50.0)],
        );
    }

    #[test]
    fn a_long_silence_is_a_gap() {
        check(&[(10, 100.0), (580, 101.0), (590, 102.0)], &[(1, 100.0, 100.0), (58, 101.0, 0.0)]);
        check(&[(10, 100.0), (880, 101.0), (890, 102.0)], &[(1, 100.0, 100.0), (88, 101.0, 0.0)]);
        let (_, counts) = taken(&[(10, 100.0), (880, 101.0)]);
        assert_eq!(counts.gaps, 1);
    }

    #[test]
    fn what_cannot_be_used_is_passed_over() {
        let (samples, counts) = taken(&[(10, 100.0), (9, 101.0), (12, f64::NAN), (15, 102.0)]);
        assert_eq!((samples.len(), counts.passed_over), (1, 2));
        assert!((samples[0].missing_share() - 0.5).abs() < 1e-15);
    }
}
