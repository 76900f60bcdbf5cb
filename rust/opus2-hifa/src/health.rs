//! How far a venue can be relied upon at present: one number of six components.

/// What is known of a venue's recent past.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ExchangeVitals {
    /// Age of the newest message, seconds.
    pub age_secs: f64,
    /// Books lost, a minute.
    pub gaps_per_min: f64,
    /// The 99th percentile of the time from the venue's own stamp to ours, milliseconds. Below zero when the clocks
    /// disagree, which counts as zero.
    pub latency_ms_p99: f64,
    /// The share of books that are crossed, 0 to 1.
    pub crossed_fraction: f64,
    /// The share of messages that were of no use, 0 to 1.
    pub rejected_fraction: f64,
    /// Connections that ended without having been asked to, an hour.
    pub reconnects_per_hour: f64,
}

/// What each component is measured against. Weights need not sum to one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HealthSettings {
    /// Up to this age the venue is fresh, seconds.
    pub age_ok_secs: f64,
    /// Beyond it freshness falls by e in so many seconds.
    pub age_tau_secs: f64,
    /// Gaps a minute at which the component has fallen by e.
    pub gap_scale: f64,
    /// Up to this latency nothing is wrong, milliseconds.
    pub latency_ok_ms: f64,
    /// At this latency the component is zero, milliseconds.
    pub latency_max_ms: f64,
    /// The share of crossed books at which the component is zero.
    pub crossed_scale: f64,
    /// The share of rejected messages at which the component is zero.
    pub reject_scale: f64,
    /// Reconnects an hour at which the component has fallen by e.
    pub reconnect_scale: f64,
    /// How much each component counts, in the order of [`HEALTH_COMPONENTS`].
    pub weights: [f64; 6],
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            age_ok_secs: 0.5,
            age_tau_secs: 2.0,
            gap_scale: 3.0,
            latency_ok_ms: 50.0,
            latency_max_ms: 500.0,
            crossed_scale: 0.01,
            reject_scale: 0.05,
            reconnect_scale: 4.0,
            weights: [0.25, 0.2, 0.2, 0.1, 0.15, 0.1],
        }
    }
}

/// The names of the components, in their order.
pub const HEALTH_COMPONENTS: [&str; 6] = ["staleness", "gaps", "latency", "crossed", "rejects", "reconnects"];

/// A component never counts as less, so that one dead component kills the score without making the others unreadable.
const COMPONENT_MIN: f64 = 1e-6;

/// A venue's health.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExchangeHealth {
    /// 0 to 1 each, 1 is best, in the order of [`HEALTH_COMPONENTS`].
    pub components: [f64; 6],
    /// 0 to 100: the weighted geometric mean of the components.
    pub score: f64,
}

/// The health of a venue. Pure; the same vitals give the same score.
///
/// A vital sign that is not a number (nothing has been measured) counts as the worst there is: what is not known cannot
/// be relied upon. Weights that sum to nothing give a score of zero.
///
/// # Source
/// The methods reference, section 4.7 "Counterparty / exchange health", vector `exchange_health`.
///
/// ```
/// use opus2_hifa::{ExchangeVitals, HealthSettings, exchange_health};
/// let health = exchange_health(&ExchangeVitals::default(), &HealthSettings::default());
/// assert!((health.score - 100.0).abs() < 1e-9);
/// ```
#[must_use]
pub fn exchange_health(vitals: &ExchangeVitals, settings: &HealthSettings) -> ExchangeHealth {
    let decay = |value: f64, scale: f64| (-value.max(0.0) / scale).exp();
    let linear = |value: f64, scale: f64| 1.0 - value.max(0.0) / scale;
    let components = [
        decay(known(vitals.age_secs) - settings.age_ok_secs, settings.age_tau_secs),
        decay(known(vitals.gaps_per_min), settings.gap_scale),
        linear(
            known(vitals.latency_ms_p99) - settings.latency_ok_ms,
            settings.latency_max_ms - settings.latency_ok_ms,
        ),
        linear(known(vitals.crossed_fraction), settings.crossed_scale),
        linear(known(vitals.rejected_fraction), settings.reject_scale),
        decay(known(vitals.reconnects_per_hour), settings.reconnect_scale),
    ]
    .map(|component| if component.is_nan() { 0.0 } else { component.clamp(0.0, 1.0) });
    let total: f64 = settings.weights.iter().sum();
    let logs = components
        .iter()
        .zip(settings.weights)
        .map(|(component, weight)| component.max(COMPONENT_MIN).ln() * weight)
        .sum::<f64>();
    let score = if total > 0.0 { 100.0 * (logs / total).exp() } else { 0.0 };
    ExchangeHealth { components, score }
}

const fn known(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(change: impl FnOnce(&mut ExchangeVitals)) -> f64 {
        let mut vitals = ExchangeVitals::default();
        change(&mut vitals);
        exchange_health(&vitals, &HealthSettings::default()).score
    }

    #[test]
    fn one_dead_component_kills_the_score() {
        assert!(score(|vitals| vitals.age_secs = 60.0) < 5.0);
        assert!(score(|vitals| vitals.latency_ms_p99 = 1000.0) < 10.0);
        assert!(score(|vitals| vitals.rejected_fraction = 0.1) < 20.0);
    }

    #[test]
    fn what_is_not_known_is_the_worst_there_is() {
        let unknown = score(|vitals| vitals.age_secs = f64::NAN);
        let endless = score(|vitals| vitals.age_secs = f64::INFINITY);
        assert!((unknown - endless).abs() < 1e-9);
        assert!(unknown < 5.0);
    }

    #[test]
    fn a_clock_that_is_ahead_of_the_venues_is_no_latency() {
        assert!((score(|vitals| vitals.latency_ms_p99 = -20.0) - 100.0).abs() < 1e-9);
    }
}
