//! How far a feed can be trusted: the data quality score, 0 to 100.
//!
//! The score measures the feed, not the truth of the market. Who counts, and over which window, is the caller's affair.

/// One of the six things the score is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Nothing is missing by the venue's own numbering.
    Completeness,
    /// Messages come soon after they happened.
    Timeliness,
    /// What they say can be true: positive, on tick, uncrossed.
    Validity,
    /// It agrees with the venue's checksum, and with other venues.
    Consistency,
    /// Everything comes once.
    Uniqueness,
    /// Everything comes in order.
    Ordering,
}

impl Component {
    /// Every component, in the order of [`QualityScore::components`].
    pub const ALL: [Self; 6] = [
        Self::Completeness,
        Self::Timeliness,
        Self::Validity,
        Self::Consistency,
        Self::Uniqueness,
        Self::Ordering,
    ];

    /// The name in records and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completeness => "completeness",
            Self::Timeliness => "timeliness",
            Self::Validity => "validity",
            Self::Consistency => "consistency",
            Self::Uniqueness => "uniqueness",
            Self::Ordering => "ordering",
        }
    }

    /// Its weight in the mean; the weights add up to one.
    #[must_use]
    pub const fn weight(self) -> f64 {
        match self {
            Self::Completeness => 0.25,
            Self::Timeliness | Self::Validity => 0.20,
            Self::Consistency => 0.15,
            Self::Uniqueness | Self::Ordering => 0.10,
        }
    }
}

/// A component below this caps the score at [`SCORE_CAP`].
pub const COMPONENT_MIN: f64 = 0.5;
/// The most points a feed can have one of whose components is below [`COMPONENT_MIN`].
pub const SCORE_CAP: f64 = 50.0;

/// What was counted of one feed in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QualityCounts {
    /// Numbers missing, by the venue's own numbering.
    pub missing: u64,
    /// Numbers there should have been, those missing included; 0 where the venue has no numbering.
    pub expected: u64,
    /// Messages received.
    pub received: u64,
    /// Messages received soon enough, of `timed`.
    pub on_time: u64,
    /// Messages whose delay is known; as `received` where every message carries the venue's time.
    pub timed: u64,
    /// Messages that can be true, of `judged`.
    pub valid: u64,
    /// Messages whose content was looked at; as `received` where all are of one kind.
    pub judged: u64,
    /// Comparisons made, with a checksum or another venue.
    pub checks: u64,
    /// Comparisons passed.
    pub checks_passed: u64,
    /// Messages that had been there before.
    pub duplicates: u64,
    /// Messages, or times in them, before an earlier one.
    pub out_of_order: u64,
}

impl QualityCounts {
    /// Each component from 0 to 1, in the order of [`Component::ALL`]; `None` where nothing could be observed.
    #[must_use]
    pub fn components(&self) -> [Option<f64>; 6] {
        [
            share_left(self.missing, self.expected),
            share(self.on_time, self.timed),
            share(self.valid, self.judged),
            share(self.checks_passed, self.checks),
            share_left(self.duplicates, self.received),
            share_left(self.out_of_order, self.received),
        ]
    }
}

/// `part / whole` between 0 and 1; `None` of nothing.
#[must_use]
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| crate::exact::to_f64(part.min(whole).into()) / crate::exact::to_f64(whole.into()))
}

/// `1 - part / whole` between 0 and 1; `None` of nothing.
#[must_use]
pub fn share_left(part: u64, whole: u64) -> Option<f64> {
    share(part, whole).map(|part| 1.0 - part)
}

/// The data quality score of one feed over one window.
///
/// The weighted mean of the components that could be observed, times 100: without sequence numbers completeness cannot be
/// seen, so it is `None` and the other weights stand for all. A component below [`COMPONENT_MIN`] caps the score at
/// [`SCORE_CAP`]: five good components must not hide a bad one.
///
/// ```
/// use opus2_hifa::quality::{QualityCounts, QualityScore};
///
/// let counts = QualityCounts { received: 10, on_time: 10, timed: 10, valid: 10, judged: 10, ..QualityCounts::default() };
/// assert_eq!(QualityScore::of(counts.components()).score, Some(100.0));
/// ```
///
/// # Source
/// A definition of this project: methods reference, section 4.8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QualityScore {
    /// Each component from 0 to 1, in the order of [`Component::ALL`]; `None` where nothing could be observed.
    pub components: [Option<f64>; 6],
    /// Points from 0 to 100; `None` when no component could be observed.
    pub score: Option<f64>,
    /// Points that the cap took from the weighted mean; 0 where it did not apply.
    pub capped_points: f64,
    weights: [f64; 6],
}

impl QualityScore {
    /// The weight of each component, in the order of [`Component::ALL`].
    pub const WEIGHTS: [f64; 6] = {
        let mut weights = [0.0; 6];
        let mut at = 0;
        while at < weights.len() {
            weights[at] = Component::ALL[at].weight();
            at += 1;
        }
        weights
    };

    /// The score of these components, with the weights of the system.
    #[must_use]
    pub fn of(components: [Option<f64>; 6]) -> Self {
        Self::weighted(components, Self::WEIGHTS)
    }

    /// The score of these components with other weights, in the order of [`Component::ALL`]. They need not add up to one.
    #[must_use]
    pub fn weighted(components: [Option<f64>; 6], weights: [f64; 6]) -> Self {
        let observed =
            || weights.into_iter().zip(components).filter_map(|(weight, value)| Some((weight, value?)));
        let weight: f64 = observed().map(|(weight, _)| weight).sum();
        if weight <= 0.0 || weight.is_nan() {
            return Self { components, score: None, capped_points: 0.0, weights };
        }
        let mean = 100.0 * observed().map(|(weight, value)| weight * value).sum::<f64>() / weight;
        let is_capped = observed().any(|(_, value)| value < COMPONENT_MIN);
        let score = if is_capped { mean.min(SCORE_CAP) } else { mean };
        Self { components, score: Some(score), capped_points: mean - score, weights }
    }

    /// The points that a component's shortfall takes from 100, before any cap; 0 for one that could not be observed.
    #[must_use]
    pub fn points_lost(&self, component: Component) -> f64 {
        let observed = self.weights.iter().zip(&self.components).filter(|(_, value)| value.is_some());
        let total: f64 = observed.map(|(weight, _)| weight).sum();
        let at = component as usize;
        match self.components[at] {
            Some(value) if total > 0.0 => 100.0 * self.weights[at] * (1.0 - value) / total,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(components: [Option<f64>; 6], expect: Option<f64>, capped_points: f64) {
        check_score(QualityScore::of(components), expect, capped_points);
    }

    #[track_caller]
    fn check_score(score: QualityScore, expect: Option<f64>, capped_points: f64) {
        assert_eq!(score.score.map(|score| (score * 1e9).round()), expect.map(|score| (score * 1e9).round()));
        assert!((score.capped_points - capped_points).abs() < 1e-9, "{}", score.capped_points);
        let lost: f64 = Component::ALL.into_iter().map(|component| score.points_lost(component)).sum();
        let total = score.score.map_or(100.0, |points| points + lost + score.capped_points);
        assert!((total - 100.0).abs() < 1e-9, "score and deductions add up to 100: {total}");
    }

    #[test]
    fn score_and_deductions_add_up() {
        let all = Some(1.0);
        check([all; 6], Some(100.0), 0.0);
        check([None; 6], None, 0.0);
        check([None, all, all, all, all, all], Some(100.0), 0.0);
        check([None, Some(0.5), all, all, all, all], Some(100.0 - 100.0 * 0.1 / 0.75), 0.0);
        check([all, all, all, Some(0.4), all, all], Some(50.0), 41.0);
        check([Some(0.0), Some(0.0), Some(0.0), all, all, all], Some(35.0), 0.0);
    }

    #[test]
    fn other_weights_weigh_otherwise() {
        let half = [Some(1.0), Some(1.0), Some(0.5), Some(1.0), None, Some(1.0)];
        let weighted = |weights| QualityScore::weighted(half, weights);
        check_score(weighted([1.0, 1.0, 2.0, 0.0, 9.0, 0.0]), Some(75.0), 0.0);
        check_score(weighted([0.0, 0.0, 0.0, 0.0, 9.0, 0.0]), None, 0.0);
        check_score(weighted(QualityScore::WEIGHTS), QualityScore::of(half).score, 0.0);
    }
}
