//! How much leaves a queue before the horizon: a distribution, assumed or seen.

use serde::{Deserialize, Deserializer, Serialize};

use crate::Absent;
use crate::exact::{seconds, to_f64};
use crate::measure::finite;

/// The distribution of an outflow, in the caller's unit of quantity.
pub trait Outflow {
    /// The probability of at most `x`; zero below zero, never falls.
    fn cdf(&self, x: f64) -> f64;
    /// The smallest outflow with at least the probability `p`. `p` is cut to `[0, 1]`; the result is finite unless the
    /// distribution has no end and `p` is one.
    fn quantile(&self, p: f64) -> f64;
    /// How much of the part between `from` and `to` leaves on average: the integral of `1 - F`. It is the expected fill
    /// of an order that has `from` ahead and ends at `to`.
    fn mean_excess(&self, from: f64, to: f64) -> f64;
}

/// An outflow of which only the mean is known: exponential.
///
/// # Source
/// Methods reference 5.2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExponentialOutflow {
    mean: f64,
}

impl ExponentialOutflow {
    /// An outflow of a mean, in the caller's unit of quantity.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] for a mean that is not positive and finite.
    pub fn new(mean: f64) -> Result<Self, Absent> {
        if finite(mean)? > 0.0 { Ok(Self { mean }) } else { Err(Absent::BadNumber) }
    }
}

impl Outflow for ExponentialOutflow {
    fn cdf(&self, x: f64) -> f64 {
        if x <= 0.0 { 0.0 } else { -(-x / self.mean).exp_m1() }
    }

    fn quantile(&self, p: f64) -> f64 {
        -self.mean * (-p.clamp(0.0, 1.0)).ln_1p()
    }

    fn mean_excess(&self, from: f64, to: f64) -> f64 {
        let (from, to) = (from.max(0.0), to.max(0.0));
        -self.mean * (-from / self.mean).exp() * (-(to - from).max(0.0) / self.mean).exp_m1()
    }
}

/// How long an [`OutflowHistogram`] remembers, and from when on it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutflowSettings {
    /// After so long a horizon counts half, seconds.
    pub half_life_secs: f64,
    /// Fewer horizons than this, as they still count, are too few.
    pub observations_min: f64,
}

impl Default for OutflowSettings {
    fn default() -> Self {
        Self { half_life_secs: 600.0, observations_min: 50.0 }
    }
}

/// How many ranges of outflow are told apart beside none at all.
const BINS: usize = 128;

/// Ranges to a doubling: each is 19 % wide.
const BINS_PER_OCTAVE: f64 = 4.0;

/// The outflow that was seen over past horizons, in a fixed number of ranges that grow with the outflow.
///
/// The caller feeds what left the queue at a best price during each horizon, trades and cancels ahead together, in whole
/// units (lots). Older horizons count less. Within a range the outflow is taken to be even, so the distribution has no
/// jump but that of horizons in which nothing left. Outflow beyond `2^32` units counts as that.
///
/// Nothing is differenced here: after a gap the caller drops the horizon that was cut, and the rest stays true.
///
/// # Source
/// Methods reference 5.2 (empirical outflow).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutflowHistogram {
    /// Horizons without outflow.
    none: f64,
    bins: Vec<f64>,
    total: f64,
    newest: Option<i64>,
}

impl Default for OutflowHistogram {
    fn default() -> Self {
        Self { none: 0.0, bins: vec![0.0; BINS], total: 0.0, newest: None }
    }
}

impl OutflowHistogram {
    /// Takes the outflow of a horizon that ended at `now`, in units. A negative one is passed over; a time before the
    /// newest counts as the newest.
    pub fn update(&mut self, now: i64, units: i64, settings: &OutflowSettings) {
        if units < 0 {
            return;
        }
        let elapsed = self.newest.map_or(0, |newest| now.saturating_sub(newest)).max(0);
        self.newest = Some(self.newest.map_or(now, |newest| newest.max(now)));
        let keep = (-seconds(elapsed) / settings.half_life_secs.max(f64::MIN_POSITIVE)).exp2();
        let keep = if keep.is_finite() { keep.clamp(0.0, 1.0) } else { 1.0 };
        self.none *= keep;
        self.bins.iter_mut().for_each(|weight| *weight *= keep);
        match bin_of(units).and_then(|at| self.bins.get_mut(at)) {
            Some(weight) => *weight += 1.0,
            None => self.none += 1.0,
        }
        // Added up anew, so that it cannot drift from its parts.
        self.total = self.none + self.bins.iter().sum::<f64>();
    }

    /// How many horizons it rests on, as they still count.
    #[must_use]
    pub const fn n_eff(&self) -> f64 {
        self.total
    }

    /// True when it rests on enough.
    #[must_use]
    pub fn is_warm(&self, settings: &OutflowSettings) -> bool {
        self.total > 0.0 && self.total >= settings.observations_min
    }

    /// The distribution that was seen.
    ///
    /// # Errors
    /// [`Absent::Cold`] while it rests on too little.
    pub fn distribution(&self, settings: &OutflowSettings) -> Result<SeenOutflow<'_>, Absent> {
        if self.is_warm(settings) { Ok(SeenOutflow(self)) } else { Err(Absent::Cold) }
    }

    /// The ranges with their weights.
    fn ranges(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        self.bins.iter().enumerate().map(|(at, weight)| (edge(at), edge(at + 1), *weight))
    }
}

/// The distribution of an [`OutflowHistogram`] that rests on enough.
#[derive(Debug, Clone, Copy)]
pub struct SeenOutflow<'a>(&'a OutflowHistogram);

/// The range of an outflow: `2^(at / 4)` to the next. `None` for none.
fn bin_of(units: i64) -> Option<usize> {
    if units <= 0 {
        return None;
    }
    (0..BINS).rev().find(|at| edge(*at) <= to_f64(units.into())).or(Some(0))
}

/// Where a range begins. The first begins at zero: a unit is the smallest there is.
fn edge(at: usize) -> f64 {
    if at == 0 { 0.0 } else { (to_f64(i128::try_from(at).unwrap_or(0)) / BINS_PER_OCTAVE).exp2() }
}

impl Outflow for SeenOutflow<'_> {
    fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() || x < 0.0 {
            return 0.0;
        }
        let mut below = self.0.none;
        for (from, to, weight) in self.0.ranges() {
            if x < to {
                below += weight * (x - from) / (to - from);
                break;
            }
            below += weight;
        }
        (below / self.0.total).clamp(0.0, 1.0)
    }

    fn quantile(&self, p: f64) -> f64 {
        let want = p.clamp(0.0, 1.0) * self.0.total;
        let (mut below, mut last) = (self.0.none, 0.0);
        if want <= below {
            return 0.0;
        }
        for (from, to, weight) in self.0.ranges().filter(|(.., weight)| *weight > 0.0) {
            if want <= below + weight {
                return from + (to - from) * ((want - below) / weight).clamp(0.0, 1.0);
            }
            below += weight;
            last = to;
        }
        last
    }

    fn mean_excess(&self, from: f64, to: f64) -> f64 {
        let (mut below, mut sum) = (self.0.none, 0.0);
        for (start, end, weight) in self.0.ranges() {
            let (low, high) = (from.max(start), to.min(end));
            if high > low {
                // The distribution is straight within a range: its middle is its mean.
                let middle = below + weight * (low.midpoint(high) - start) / (end - start);
                sum += (high - low) * (1.0 - middle / self.0.total).max(0.0);
            }
            below += weight;
        }
        sum
    }
}

/// What is loaded, before it is believed.
#[derive(Deserialize)]
struct Saved {
    none: f64,
    bins: Vec<f64>,
    total: f64,
    newest: Option<i64>,
}

impl<'de> Deserialize<'de> for OutflowHistogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        let is_weight = |weight: &f64| weight.is_finite() && *weight >= 0.0 && *weight <= 1e15;
        let sum = saved.none + saved.bins.iter().sum::<f64>();
        let is_sum = (sum - saved.total).abs() <= 1e-9 * sum.max(1.0);
        if saved.bins.len() != BINS
            || !saved.bins.iter().chain([&saved.none, &saved.total]).all(is_weight)
            || !is_sum
        {
            return Err(serde::de::Error::custom("a histogram that no outflow can have"));
        }
        let Saved { none, bins, total, newest } = saved;
        Ok(Self { none, bins, total, newest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: OutflowSettings = OutflowSettings { half_life_secs: 10.0, observations_min: 1.0 };

    fn seen(units: &[i64]) -> OutflowHistogram {
        let mut histogram = OutflowHistogram::default();
        for units in units {
            histogram.update(0, *units, &SETTINGS);
        }
        histogram
    }

    #[track_caller]
    fn check_cdf(outflow: &dyn Outflow, x: f64, expect: f64) {
        let found = outflow.cdf(x);
        assert!((found - expect).abs() < 1e-9, "F({x}) = {found}, not {expect}");
    }

    #[track_caller]
    fn check(histogram: &OutflowHistogram, x: f64, expect: f64) {
        check_cdf(&histogram.distribution(&SETTINGS).unwrap(), x, expect);
    }

    #[test]
    fn the_distribution_is_that_of_what_was_seen() {
        let histogram = seen(&[0, 1, 16, 1_000]);
        check(&histogram, -1.0, 0.0);
        check(&histogram, 0.0, 0.25);
        check(&histogram, 2.0, 0.5);
        check(&histogram, 15.0, 0.5);
        check(&histogram, 100.0, 0.75);
        check(&histogram, 1e12, 1.0);
        check(&seen(&[i64::MAX]), 1e8, 0.0);
        assert!((histogram.n_eff() - 4.0).abs() < 1e-12);
    }

    #[test]
    fn quantile_and_distribution_undo_each_other() {
        let histogram = seen(&[1, 3, 3, 9, 100, 5_000]);
        let distribution = histogram.distribution(&SETTINGS).unwrap();
        for step in 1..100 {
            let p = f64::from(step) / 100.0;
            check_cdf(&distribution, distribution.quantile(p), p);
            let exponential = ExponentialOutflow::new(12.0).unwrap();
            check_cdf(&exponential, exponential.quantile(p), p);
        }
        assert!(seen(&[0, 0, 5]).distribution(&SETTINGS).unwrap().quantile(0.5) <= 0.0);
    }

    #[test]
    fn the_mean_fill_is_the_integral_of_the_survival() {
        let exponential = ExponentialOutflow::new(10.0).unwrap();
        let histogram = seen(&[1, 3, 9, 12, 40]);
        for outflow in [&exponential as &dyn Outflow, &histogram.distribution(&SETTINGS).unwrap()] {
            let steps = 100_000;
            let (from, to) = (2.0, 30.0);
            let width = (to - from) / f64::from(steps);
            let sum: f64 =
                (0..steps).map(|step| 1.0 - outflow.cdf(from + (f64::from(step) + 0.5) * width)).sum();
            assert!((outflow.mean_excess(from, to) - sum * width).abs() < 1e-4);
            assert!(outflow.mean_excess(5.0, 5.0).abs() <= 0.0);
        }
    }

    #[test]
    fn old_horizons_count_less() {
        let mut histogram = OutflowHistogram::default();
        assert_eq!(histogram.distribution(&SETTINGS).err(), Some(Absent::Cold));
        histogram.update(0, 0, &SETTINGS);
        histogram.update(10_000_000_000, 100, &SETTINGS);
        check(&histogram, 50.0, 1.0 / 3.0);
        histogram.update(5, -3, &SETTINGS);
        assert!((histogram.n_eff() - 1.5).abs() < 1e-12);
    }

    #[test]
    fn equal_histograms_have_equal_bytes_and_a_broken_one_is_refused() {
        let histogram = seen(&[1, 5, 9]);
        let text = serde_json::to_string(&histogram).unwrap();
        assert_eq!(serde_json::from_str::<OutflowHistogram>(&text).unwrap(), histogram);
        for broken in [text.replacen("1.0", "-1.0", 1), text.replace("\"total\":3.0", "\"total\":9.0")] {
            assert!(serde_json::from_str::<OutflowHistogram>(&broken).is_err(), "{broken}");
        }
        assert!(serde_json::from_str::<OutflowHistogram>(&text.replacen('[', "[0.0,", 1)).is_err());
    }
}
