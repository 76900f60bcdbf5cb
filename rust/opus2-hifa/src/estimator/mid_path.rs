//! The mid of the last second on a grid, and the estimators that live on that grid.
//!
//! Updates come at any rate; a grid of 10 ms bounds memory and work, keeps the returns of the variance at least 10 ms
//! long, and makes them a function of the mid's path alone, however often it was looked at.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Coverage;
use super::cusum::{Cusum, CusumStep};
use super::micro_move::{LAGS_MS, log_return, micro_move, move_scale};
use super::volatility::{EwVariance, VarianceMemory};
use crate::exact::{MILLI, bin_index, seconds, slot};
use crate::{Absent, Measure, SignalConfig, measure::finite};

/// Distance of the samples, ms.
pub const SAMPLE_MS: u32 = 10;
const SAMPLE_NANOS: i64 = SAMPLE_MS as i64 * MILLI;
/// The longest lag, the sample at its start, and the open one.
const KEPT: u16 = 102;
const SAMPLES_KEPT: usize = KEPT as usize;
const SAMPLES_KEPT_I64: i64 = KEPT as i64;

/// The mid in force at the end of one step of the grid, and the variance rate known then.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Sample {
    mid_doubled: i64,
    rate: Option<f64>,
}

/// The path of one instrument's mid.
///
/// Sample `k` is the mid in force at `k * 10 ms`, with the variance rate of all returns up to there. A move over a lag
/// `D` starts at the newest sample that is at least `D` old, so it measures over `D..D + 10 ms`, says so in its scale, and
/// takes a volatility that ends before it. The CUSUM takes one return per `cusum_step_ms`, in standard deviations known at
/// the return's start; its alarm is seen at the first event after the step.
///
/// After [`reset_reference`](Self::reset_reference) no return crosses the moment, and lags wait until they lie after it;
/// the variance and the CUSUM keep what they have.
#[derive(Debug, Clone, PartialEq)]
pub struct MidPath {
    coverage: Coverage,
    /// The mid in force, doubled; `None` before the first.
    mid: Option<i64>,
    /// The mid at the end of the newest closed bin.
    closed_mid: i64,
    /// The open bin, and the first one that will have a sample.
    head: i64,
    first: i64,
    samples: Box<[Sample]>,
    /// What was known at the CUSUM's last step.
    step: Option<Sample>,
    variance: EwVariance,
    cusum: Cusum,
}

impl Default for MidPath {
    fn default() -> Self {
        Self {
            coverage: Coverage::default(),
            mid: None,
            closed_mid: 0,
            head: 0,
            first: 0,
            samples: vec![Sample::default(); SAMPLES_KEPT].into_boxed_slice(),
            step: None,
            variance: EwVariance::default(),
            cusum: Cusum::default(),
        }
    }
}

/// What the estimators on the grid need to know.
#[derive(Debug, Clone, Copy)]
pub struct PathRules {
    memory: VarianceMemory,
    cusum_step: i64,
    cusum_k: f64,
    cusum_h: f64,
    tick: i64,
}

impl PathRules {
    /// From the configuration and the instrument's tick in `Price` units; one that is unknown counts as one unit.
    #[must_use]
    pub fn new(config: &SignalConfig, tick: i64) -> Self {
        Self {
            memory: VarianceMemory {
                tau_secs: config.volatility_tau_secs.into(),
                warm_up_secs: config.volatility_warm_up_secs.into(),
            },
            cusum_step: i64::from(config.cusum_step_ms / SAMPLE_MS).max(1),
            cusum_k: config.cusum_k,
            cusum_h: config.cusum_h,
            tick: tick.max(1),
        }
    }
}

impl MidPath {
    /// From `now` on the mid is `mid_doubled`, in `Price` units. Gives the CUSUM's alarm, if the time since rang one.
    pub fn observe(&mut self, now: i64, mid_doubled: i64, rules: &PathRules) -> Option<CusumStep> {
        let alarm = self.advance(now, rules);
        if self.mid.is_none() {
            self.closed_mid = mid_doubled;
            self.head = bin_index(now, SAMPLE_NANOS);
            self.first = self.head;
        }
        self.mid = Some(mid_doubled);
        self.coverage.start(now);
        alarm
    }

    /// Lets the time until `now` pass, with the mid in force. Gives the CUSUM's alarm, if one rang.
    pub fn advance(&mut self, now: i64, rules: &PathRules) -> Option<CusumStep> {
        let mid = self.mid?;
        let index = bin_index(now, SAMPLE_NANOS);
        if index <= self.head {
            return None;
        }
        let mut alarm = self.close_bin(mid, rules);
        let quiet = index - self.head;
        if quiet > SAMPLES_KEPT_I64 {
            alarm = self.close_quiet_bins(quiet - SAMPLES_KEPT_I64, mid, rules).or(alarm);
        }
        while self.head < index {
            alarm = self.close_bin(mid, rules).or(alarm);
        }
        alarm
    }

    fn close_bin(&mut self, mid: i64, rules: &PathRules) -> Option<CusumStep> {
        if let Ok(r) = log_return(self.closed_mid, mid) {
            self.variance.update(r, seconds(SAMPLE_NANOS), &rules.memory);
        }
        self.closed_mid = mid;
        self.samples[slot(self.head, SAMPLES_KEPT)] = Sample { mid_doubled: mid, rate: self.variance.rate() };
        let is_step = self.head.rem_euclid(rules.cusum_step) == 0;
        self.head += 1;
        if is_step { self.close_step(mid, rules) } else { None }
    }

    /// Closes `count` bins in which nothing happened at once: a long silence costs no more than a short one.
    fn close_quiet_bins(&mut self, count: i64, mid: i64, rules: &PathRules) -> Option<CusumStep> {
        let steps_until = |head: i64| (head - 1).div_euclid(rules.cusum_step);
        let steps = steps_until(self.head + count) - steps_until(self.head);
        self.variance.update(0.0, seconds(SAMPLE_NANOS.saturating_mul(count)), &rules.memory);
        self.head += count;
        if steps == 0 {
            return None;
        }
        // Only the first of the steps can hold a return.
        let alarm = self.close_step(mid, rules);
        if self.variance.is_warm() {
            self.cusum.update_zeros(steps - 1, rules.cusum_k);
        }
        alarm
    }

    fn close_step(&mut self, mid: i64, rules: &PathRules) -> Option<CusumStep> {
        let now = Sample { mid_doubled: mid, rate: self.variance.rate() };
        let start = self.step.replace(now)?;
        let secs = seconds(SAMPLE_NANOS.saturating_mul(rules.cusum_step));
        let scale = move_scale(start.mid_doubled, secs, start.rate?.sqrt(), rules.tick);
        let x = log_return(start.mid_doubled, mid).ok()? / scale;
        let step = self.cusum.update(x, rules.cusum_k, rules.cusum_h);
        step.alarm.is_some().then_some(step)
    }

    /// Data was lost: no return may cross this moment.
    pub fn reset_reference(&mut self) {
        self.mid = None;
        self.step = None;
        self.coverage.interrupt();
    }

    /// The move over the last `lag_ms` (up to 1000), in standard deviations. `now` is the time of the last call; a tick
    /// that is unknown counts as one unit.
    ///
    /// # Errors
    /// [`Absent::Cold`] or [`Absent::Resync`] until the path reaches back that far and the variance is warm.
    pub fn measure_move(&self, now: i64, lag_ms: u32, tick: i64) -> Measure {
        let reason = self.coverage.reason();
        let mid = self.mid.ok_or(reason)?;
        let start = now.saturating_sub(i64::from(lag_ms) * MILLI).div_euclid(SAMPLE_NANOS);
        if start < self.first || start >= self.head || start < self.head - SAMPLES_KEPT_I64 {
            return Err(reason);
        }
        let sample = self.samples[slot(start, SAMPLES_KEPT)];
        let sigma = sample.rate.ok_or(Absent::Cold)?.sqrt();
        let elapsed = seconds(now.saturating_sub(start * SAMPLE_NANOS));
        micro_move(sample.mid_doubled, mid, elapsed, sigma, tick.max(1)).map(|found| found.z)
    }

    /// Standard deviation of log returns per square root of a second.
    ///
    /// # Errors
    /// [`Absent::Cold`] during the warm-up.
    pub fn measure_volatility(&self) -> Measure {
        finite(self.variance.per_sqrt_second().ok_or(Absent::Cold)?)
    }

    /// The CUSUM's sums: upper, lower.
    ///
    /// # Errors
    /// [`Absent::Cold`] before its first return.
    pub fn measure_cusum(&self) -> Result<(f64, f64), Absent> {
        if self.cusum.is_warm() { Ok(self.cusum.sums()) } else { Err(Absent::Cold) }
    }

    /// The effective number of returns in the variance.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        self.variance.n_eff()
    }

    /// True when moves over every lag have a value at `now`.
    #[must_use]
    pub fn is_warm(&self, now: i64) -> bool {
        LAGS_MS.into_iter().all(|lag_ms| self.measure_move(now, lag_ms, 0).is_ok())
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.variance.is_consistent() && self.cusum.is_consistent()
    }
}

#[derive(Serialize, Deserialize)]
struct Saved {
    coverage: Coverage,
    mid: Option<i64>,
    closed_mid: i64,
    head: i64,
    /// Oldest first; the last one is of the bin before `head`.
    samples: Vec<Sample>,
    step: Option<Sample>,
    variance: EwVariance,
    cusum: Cusum,
}

impl Serialize for MidPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let oldest = self.first.max(self.head - SAMPLES_KEPT_I64);
        // Without a mid, samples are never looked at again.
        let kept = if self.mid.is_some() { oldest..self.head } else { 0..0 };
        let samples = kept.map(|index| self.samples[slot(index, SAMPLES_KEPT)]).collect();
        Saved {
            coverage: self.coverage,
            mid: self.mid,
            closed_mid: self.closed_mid,
            head: self.head,
            samples,
            step: self.step,
            variance: self.variance,
            cusum: self.cusum,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MidPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |what| serde::de::Error::custom(what);
        let saved = Saved::deserialize(deserializer)?;
        let is_rate = |sample: &Sample| sample.rate.is_none_or(|rate| rate.is_finite() && rate >= 0.0);
        // No time in nanoseconds has a bin beyond this.
        let is_time = saved.head.unsigned_abs() <= i64::MAX.unsigned_abs() / 1_000;
        if !is_time
            || saved.samples.len() > SAMPLES_KEPT
            || !saved.samples.iter().chain(&saved.step).all(is_rate)
        {
            return Err(wrong("a path of the mid that cannot be"));
        }
        let mut path = Self {
            coverage: saved.coverage,
            mid: saved.mid,
            closed_mid: saved.closed_mid,
            head: saved.head,
            first: saved.head,
            step: saved.step,
            variance: saved.variance,
            cusum: saved.cusum,
            ..Self::default()
        };
        for sample in saved.samples.into_iter().rev() {
            path.first -= 1;
            path.samples[slot(path.first, SAMPLES_KEPT)] = sample;
        }
        Ok(path)
    }
}
