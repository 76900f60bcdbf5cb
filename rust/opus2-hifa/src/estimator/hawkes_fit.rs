//! Hawkes intensity along a train window: likelihood, fit and goodness of fit.

use super::hawkes::{Excitation, HawkesParams};

/// A fit never has a branching ratio of more: the process would explode.
const BRANCHING_MAX: f64 = 0.999;
/// Events that a fit needs.
const EVENTS_MIN: usize = 20;
/// Steps of a fit.
const STEPS_MAX: usize = 1_000;
/// A step that gains less log-likelihood per event is the last.
const GAIN_MIN: f64 = 1e-10;

/// A self-exciting process along given events.
#[derive(Debug, Clone, PartialEq)]
pub struct HawkesPath {
    /// The intensity just before each event, per second.
    pub before_events: Vec<f64>,
    /// The intensity at the end, per second.
    pub at_end: f64,
    /// The integral of the intensity from 0 to the end: how many events were to be expected.
    pub compensator: f64,
    /// The integral between successive events, the first from 0: exponential with mean one where the process is the true
    /// one.
    pub increments: Vec<f64>,
    /// `None` when an event had no intensity to happen.
    pub log_likelihood: Option<f64>,
    /// The intensity at the end over its long-run mean; `None` where there is none.
    pub burst_ratio_at_end: Option<f64>,
}

/// Intensity, compensator and log-likelihood of events at `times` (s, ascending, from 0) seen until `end`.
///
/// Events after `end` have not been seen. Events at equal times excite each other here: [merge](merge_times) them first,
/// or the branching ratio is biased upwards.
///
/// # Source
/// Hawkes (1971); Ozaki (1979); methods reference 2.11.
#[must_use]
pub fn hawkes_path(times: &[f64], end: f64, params: &HawkesParams) -> HawkesPath {
    let HawkesParams { mu, beta, .. } = *params;
    let mut excitation = Excitation::default();
    let mut path = HawkesPath {
        before_events: Vec::new(),
        at_end: 0.0,
        compensator: 0.0,
        increments: Vec::new(),
        log_likelihood: None,
        burst_ratio_at_end: None,
    };
    let (mut last, mut logs, mut expected) = (0.0, 0.0, mu * end);
    for at in times.iter().copied().filter(|at| *at <= end) {
        let dt_secs = (at - last).max(0.0);
        let faded = -(-beta * dt_secs).exp_m1();
        path.increments.push(mu * dt_secs + params.branching() * faded * excitation.value());
        excitation.fade(dt_secs, beta);
        let intensity = params.intensity(&excitation);
        path.before_events.push(intensity);
        logs += intensity.ln();
        expected += params.branching() * -(-beta * (end - at)).exp_m1();
        excitation.excite();
        last = at;
    }
    excitation.fade(end - last, beta);
    path.at_end = params.intensity(&excitation);
    path.compensator = expected;
    path.log_likelihood = Some(logs - expected).filter(|likelihood| likelihood.is_finite());
    path.burst_ratio_at_end = params.burst_ratio(&excitation);
    path
}

/// One event for all at the same time; `times` ascend.
#[must_use]
pub fn merge_times(times: &[f64]) -> Vec<f64> {
    let mut merged = times.to_vec();
    merged.dedup();
    merged
}

/// A fitted process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HawkesFit {
    /// The process.
    pub params: HawkesParams,
    /// Of the merged events.
    pub log_likelihood: f64,
    /// The Kolmogorov-Smirnov distance of the compensator's increments from the exponential distribution; above
    /// `1.36 / sqrt(events)` the process is not the true one, at 5 %.
    pub distance: f64,
    /// Merged events.
    pub events: usize,
}

/// Why no process can be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HawkesError {
    /// The times.
    #[error("times of a Hawkes fit must rise from 0 to the end of the window, and be finite")]
    Times,
    /// The number of events.
    #[error("a Hawkes fit needs {EVENTS_MIN} events at different times")]
    TooFew,
    /// The likelihood has no maximum that can be found.
    #[error("no Hawkes process explains these events")]
    NotFound,
}

/// The most likely process for events of one side at `times` (s, ascending, from 0) seen until `end`.
///
/// By expectation-maximisation, which never leaves the bounds and never loses likelihood, from a slow, a middling and a fast
/// start; the best of the three is it. Equal times are merged. A base rate that is not constant over the window makes the
/// branching ratio too large: fit windows of an hour or less.
///
/// # Errors
/// [`HawkesError`].
///
/// # Source
/// Veen & Schoenberg (2008), "Estimation of space-time branching process models in seismology using an EM-type algorithm";
/// methods reference 2.11; on the caution Filimonov & Sornette (2012).
pub fn fit_hawkes(times: &[f64], end: f64) -> Result<HawkesFit, HawkesError> {
    // Written so that NaN is refused.
    let is_sound = times.iter().all(|at| (0.0..=end).contains(at)) && end.is_finite() && times.is_sorted();
    if !is_sound {
        return Err(HawkesError::Times);
    }
    let times = merge_times(times);
    if times.len() < EVENTS_MIN {
        return Err(HawkesError::TooFew);
    }
    let rate = f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX)) / end;
    let found = [0.3, 3.0, 30.0]
        .into_iter()
        .filter_map(|speed| climb(&times, end, HawkesParams::with_mean_rate(rate, 0.5, speed * rate)))
        .reduce(|best, next| if next.1 > best.1 { next } else { best });
    let (params, log_likelihood) = found.ok_or(HawkesError::NotFound)?;
    let increments = hawkes_path(&times, end, &params).increments;
    let distance = exponential_distance(&increments).ok_or(HawkesError::NotFound)?;
    Ok(HawkesFit { params, log_likelihood, distance, events: times.len() })
}

/// Steps until there is nothing more to gain.
fn climb(times: &[f64], end: f64, start: HawkesParams) -> Option<(HawkesParams, f64)> {
    let mut best = (start, hawkes_path(times, end, &start).log_likelihood?);
    for _ in 0..STEPS_MAX {
        let next = step(times, end, &best.0)?;
        let likelihood = hawkes_path(times, end, &next).log_likelihood?;
        let gain = likelihood - best.1;
        if gain > 0.0 {
            best = (next, likelihood);
        }
        if gain <= GAIN_MIN * f64::from(u32::try_from(times.len()).ok()?) {
            break;
        }
    }
    Some(best)
}

/// One step of expectation-maximisation: which events the base rate, and which earlier events, are answerable for.
fn step(times: &[f64], end: f64, params: &HawkesParams) -> Option<HawkesParams> {
    let HawkesParams { mu, alpha, beta } = *params;
    let (mut excitation, mut ages) = (Excitation::default(), 0.0);
    // How many events are the base rate's, how many are excited, the sum of the latter's ages, and what the events that
    // were excited after the end would have been.
    let (mut based, mut excited, mut waited) = (0.0, 0.0, 0.0);
    let (mut seen, mut seen_late) = (0.0, 0.0);
    let mut last = 0.0;
    for at in times {
        let dt_secs = at - last;
        // The sum of (t - t_i) exp(-beta (t - t_i)), by the recursion of the excitation.
        let fade = (-beta * dt_secs).exp();
        ages = fade * (ages + dt_secs * excitation.value());
        excitation.fade(dt_secs, beta);
        let intensity = params.intensity(&excitation);
        based += mu / intensity;
        excited += alpha * excitation.value() / intensity;
        waited += alpha * ages / intensity;
        let rest = end - at;
        seen += -(-beta * rest).exp_m1();
        seen_late += rest * (-beta * rest).exp();
        excitation.excite();
        last = *at;
    }
    let branching = (excited / seen).min(BRANCHING_MAX);
    let beta = excited / (waited + branching * seen_late);
    let next = HawkesParams { mu: based / end, alpha: branching * beta, beta };
    let is_sound = [next.mu, next.alpha, next.beta].iter().all(|value| value.is_finite() && *value >= 0.0);
    (is_sound && next.beta > 0.0).then_some(next)
}

/// The largest distance of the increments' distribution from the exponential one with mean one: the
/// Kolmogorov-Smirnov statistic. `None` without increments, or with one that is no number.
#[must_use]
pub fn exponential_distance(increments: &[f64]) -> Option<f64> {
    if increments.is_empty() || increments.iter().any(|increment| increment.is_nan()) {
        return None;
    }
    let mut sorted = increments.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = f64::from(u32::try_from(sorted.len()).ok()?);
    let mut distance = 0.0f64;
    for (below, increment) in (0u32..).zip(&sorted) {
        let expected = -(-increment.max(0.0)).exp_m1();
        let (low, high) = (f64::from(below) / count, f64::from(below + 1) / count);
        distance = distance.max(expected - low).max(high - expected);
    }
    Some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: HawkesParams = HawkesParams { mu: 0.5, alpha: 1.5, beta: 3.0 };

    /// Events of a process, by thinning with a small generator.
    fn simulate(params: &HawkesParams, end: f64) -> Vec<f64> {
        let mut random = 88_172_645_463_325_252u64;
        let mut uniform = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            f64::from(u32::try_from(random >> 32).unwrap()) / f64::from(u32::MAX)
        };
        let (mut now, mut excitation, mut times) = (0.0, Excitation::default(), Vec::new());
        loop {
            let bound = params.intensity(&excitation);
            let wait = -(1.0 - uniform() * 0.999_999_9).ln() / bound;
            now += wait;
            if now > end {
                return times;
            }
            excitation.fade(wait, params.beta);
            if uniform() * bound <= params.intensity(&excitation) {
                excitation.excite();
                times.push(now);
            }
        }
    }

    #[test]
    fn a_fit_finds_the_process_that_made_the_events() {
        let end = 3_000.0;
        let times = simulate(&PARAMS, end);
        let fit = fit_hawkes(&times, end).unwrap();
        assert!((fit.params.branching() - 0.5).abs() < 0.06, "{fit:?}");
        assert!((fit.params.mu - 0.5).abs() < 0.08 && (fit.params.beta - 3.0).abs() < 0.6, "{fit:?}");
        assert!(fit.log_likelihood >= hawkes_path(&times, end, &PARAMS).log_likelihood.unwrap());
        let critical = 1.36 / f64::from(u32::try_from(fit.events).unwrap()).sqrt();
        assert!(fit.distance < critical, "{fit:?}");
        let steady = HawkesParams { alpha: 0.0, mu: 1.0, beta: 1.0 };
        let wrong = hawkes_path(&times, end, &steady).increments;
        assert!(
            exponential_distance(&wrong).unwrap() > critical,
            "a process without excitement does not explain them"
        );
    }

    #[test]
    fn prints_at_equal_times_do_not_pass_for_excitement() {
        let once = simulate(&PARAMS, 500.0);
        let thrice: Vec<f64> = once.iter().flat_map(|at| [*at; 3]).collect();
        assert_eq!(fit_hawkes(&once, 500.0), fit_hawkes(&thrice, 500.0));
    }

    #[test]
    fn times_that_cannot_be_are_refused() {
        assert_eq!(fit_hawkes(&[], 10.0), Err(HawkesError::TooFew));
        assert_eq!(fit_hawkes(&[1.0; 50], 10.0), Err(HawkesError::TooFew));
        for (times, end) in
            [(&[2.0, 1.0][..], 10.0), (&[1.0], f64::NAN), (&[f64::NAN], 10.0), (&[11.0], 10.0)]
        {
            assert_eq!(fit_hawkes(times, end), Err(HawkesError::Times));
        }
    }

    #[test]
    fn without_events_only_the_base_rate_is_expected() {
        let path = hawkes_path(&[], 4.0, &PARAMS);
        assert_eq!((path.compensator, path.at_end, path.log_likelihood), (2.0, 0.5, Some(-2.0)));
        assert_eq!(path.burst_ratio_at_end, Some(0.5));
        assert_eq!(exponential_distance(&[]), None);
        let exploding = HawkesParams { alpha: 4.0, ..PARAMS };
        assert_eq!(hawkes_path(&[1.0], 4.0, &exploding).burst_ratio_at_end, None);
        assert_eq!(exploding.mean_rate(), None);
    }
}
