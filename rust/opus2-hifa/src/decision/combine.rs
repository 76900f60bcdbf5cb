//! Standardised features to one logit, one probability, one confidence.

use serde::{Deserialize, Serialize};

use crate::{Absent, Measure};

/// Probabilities are kept this far from zero and one, so that no loss and no odds are infinite. Methods reference 0 (d).
pub const PROBABILITY_MIN: f64 = 1e-6;

/// The other end.
pub const PROBABILITY_MAX: f64 = 1.0 - PROBABILITY_MIN;

/// A standardised feature counts as at most this many standard deviations. Methods reference 12.
pub const STANDARDISED_MAX: f64 = 5.0;

/// How many features may be combined: a set bit each tells which are missing.
pub const FEATURES_MAX: usize = 64;

/// The probability of a logit, from [`PROBABILITY_MIN`] to [`PROBABILITY_MAX`], computed without overflow.
///
/// # Errors
/// `BadNumber` for a logit that is not a number. An infinite one gives the end of the range.
///
/// # Source
/// Methods reference 0, numerical rule (d).
pub fn probability(logit: f64) -> Measure {
    if logit.is_nan() {
        return Err(Absent::BadNumber);
    }
    Ok(clip(sigmoid(logit)))
}

/// The same without the bounds; not a number stays so.
pub(super) fn sigmoid(logit: f64) -> f64 {
    let small = (-logit.abs()).exp();
    if logit >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

/// The logit of a probability, after clipping it to the range that [`probability`] gives. Not a number for such a one.
#[must_use]
pub fn logit(p: f64) -> f64 {
    let p = clip(p);
    p.ln() - (-p).ln_1p()
}

/// The logarithmic loss of the probability of a logit, given the label `y` in 0 to 1, through softplus.
///
/// The logit is bounded as the probability is: the worst loss is about 13.8.
#[must_use]
pub fn log_loss(at: f64, y: f64) -> f64 {
    let end = logit(PROBABILITY_MAX);
    let z = at.clamp(-end, end);
    softplus(z) - y * z
}

/// `ln(1 + e^z)` without overflow.
pub(super) fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// Bounds a probability. Not a number stays so.
pub(super) const fn clip(p: f64) -> f64 {
    p.clamp(PROBABILITY_MIN, PROBABILITY_MAX)
}

/// Mean and standard deviation of a feature over the training window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Standardiser {
    /// Mean, in the feature's unit.
    pub mean: f64,
    /// Standard deviation, above zero.
    pub sd: f64,
}

/// A feature as the combiner takes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standardised {
    /// Standard deviations from the training mean, within ±[`STANDARDISED_MAX`]; 0, the training mean, when missing.
    pub x: f64,
    /// The feature had no value.
    pub is_missing: bool,
}

impl Standardised {
    /// The training mean in place of a value.
    pub const MISSING: Self = Self { x: 0.0, is_missing: true };

    /// A value that is standardised already; missing when not finite. It is not clipped again.
    #[must_use]
    pub const fn of(x: f64) -> Self {
        if x.is_finite() { Self { x, is_missing: false } } else { Self::MISSING }
    }
}

impl Standardiser {
    /// Standardises and clips a value; one that is absent becomes the training mean, marked as missing.
    ///
    /// With a standard deviation that is not above zero nothing can be said, and every value is missing.
    #[must_use]
    pub fn standardise(&self, value: Measure) -> Standardised {
        let Ok(value) = value else { return Standardised::MISSING };
        let x = (value - self.mean) / self.sd;
        if self.sd > 0.0 && value.is_finite() && !x.is_nan() {
            Standardised { x: x.clamp(-STANDARDISED_MAX, STANDARDISED_MAX), is_missing: false }
        } else {
            Standardised::MISSING
        }
    }
}

/// One feature of the combination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// Its weight, logit per standard deviation.
    pub weight: f64,
    /// Its value.
    pub value: Standardised,
}

/// What the stages before make of the logit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageFactors {
    /// The context multiplier: a temperature on the logit, not below zero, so that it never changes the direction.
    pub ctx_mult: f64,
    /// The risk gate, 0 to 1; what is outside counts as the nearer end.
    pub risk_gate: f64,
}

impl Default for StageFactors {
    /// No context, no risk.
    fn default() -> Self {
        Self { ctx_mult: 1.0, risk_gate: 1.0 }
    }
}

/// The features as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Combined {
    /// `bias + sum w x`, before the context.
    pub logit: f64,
    /// Probability of an upward move, [`PROBABILITY_MIN`] to [`PROBABILITY_MAX`].
    pub p_up: f64,
    /// `2 p - 1`, -1 to 1.
    pub score: f64,
    /// `|2 p - 1| * risk_gate`, 0 to 1.
    pub confidence: f64,
    /// Bit `k` is set when feature `k` was missing and its training mean stood in.
    pub missing: u64,
    /// How many features there were.
    pub features: u32,
}

impl Combined {
    /// The share of the features that were missing, 0 to 1; 0 without features.
    #[must_use]
    pub fn missing_share(&self) -> f64 {
        if self.features == 0 { 0.0 } else { f64::from(self.missing.count_ones()) / f64::from(self.features) }
    }
}

/// `score` and `confidence` of a probability under a risk gate.
#[must_use]
pub fn score_of(p_up: f64, risk_gate: f64) -> (f64, f64) {
    let score = 2.0 * p_up - 1.0;
    (score, score.abs() * risk_gate.clamp(0.0, 1.0))
}

/// `z = bias + sum w_k x_k`, `p_up = sigmoid(z * ctx_mult)`.
///
/// Without features the bias alone speaks. [`Model::combine`](super::model::Model::combine) calls it for a model.
///
/// # Errors
/// `BadNumber` for more than [`FEATURES_MAX`] features, a context multiplier below zero, or a number that is not finite.
///
/// # Source
/// Project definition, methods reference 6.1.
pub fn combine(
    terms: impl IntoIterator<Item = Term>,
    bias: f64,
    factors: StageFactors,
) -> Result<Combined, Absent> {
    let (mut z, mut missing, mut features) = (bias, 0u64, 0u32);
    for term in terms {
        let bit = 1u64.checked_shl(features).ok_or(Absent::BadNumber)?;
        z += term.weight * term.value.x;
        if term.value.is_missing {
            missing |= bit;
        }
        features += 1;
    }
    let StageFactors { ctx_mult, risk_gate } = factors;
    let is_sound = z.is_finite() && ctx_mult.is_finite() && ctx_mult >= 0.0 && !risk_gate.is_nan();
    if !is_sound {
        return Err(Absent::BadNumber);
    }
    let p_up = probability(z * ctx_mult)?;
    let (score, confidence) = score_of(p_up, risk_gate);
    Ok(Combined { logit: z + 0.0, p_up, score, confidence, missing, features })
}

/// What the mid did over the horizon, against a threshold that a trade must exceed to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveClass {
    /// Above `+c`.
    Up,
    /// From `-c` to `+c`, both included.
    Flat,
    /// Below `-c`.
    Down,
}

impl MoveClass {
    /// The class of a move, both in basis points. A threshold below zero counts as zero.
    ///
    /// # Errors
    /// `BadNumber` when either is not finite.
    pub fn of(move_bps: f64, threshold_bps: f64) -> Result<Self, Absent> {
        if !move_bps.is_finite() || !threshold_bps.is_finite() {
            return Err(Absent::BadNumber);
        }
        let threshold = threshold_bps.max(0.0);
        Ok(if move_bps > threshold {
            Self::Up
        } else if move_bps < -threshold {
            Self::Down
        } else {
            Self::Flat
        })
    }

    /// The label of the two-class probability: 1 up, 0 down; a flat move teaches it nothing.
    #[must_use]
    pub const fn label(self) -> Option<f64> {
        match self {
            Self::Up => Some(1.0),
            Self::Flat => None,
            Self::Down => Some(0.0),
        }
    }

    /// `"up"`, `"flat"` or `"down"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Flat => "flat",
            Self::Down => "down",
        }
    }
}

/// Probabilities of the three classes; they sum to one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassProbabilities {
    /// Of a move above `+c`.
    pub up: f64,
    /// Of neither.
    pub flat: f64,
    /// Of a move below `-c`.
    pub down: f64,
}

impl ClassProbabilities {
    /// From the probability of up among the moves that exceed the threshold, and the share that do not.
    ///
    /// A share outside 0 to 1 counts as the nearer end; one that is not a number as all flat.
    #[must_use]
    pub fn new(p_up: f64, flat_share: f64) -> Self {
        let flat = if flat_share.is_nan() { 1.0 } else { flat_share.clamp(0.0, 1.0) };
        Self { up: p_up * (1.0 - flat), flat, down: (1.0 - p_up) * (1.0 - flat) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: f64 = 1e300;

    #[track_caller]
    fn check(logit: f64, expect: Measure) {
        let found = probability(logit);
        match (found, expect) {
            (Ok(found), Ok(expect)) => assert!((found - expect).abs() < 1e-15, "{found} for {expect}"),
            (found, expect) => assert_eq!(found, expect),
        }
    }

    #[test]
    fn a_probability_never_reaches_its_ends() {
        check(0.0, Ok(0.5));
        check(-0.0, Ok(0.5));
        check(1.016, Ok(0.734_192_715_991_373_6));
        check(FAR, Ok(PROBABILITY_MAX));
        check(-FAR, Ok(PROBABILITY_MIN));
        check(f64::NEG_INFINITY, Ok(PROBABILITY_MIN));
        check(f64::NAN, Err(Absent::BadNumber));
    }

    #[test]
    fn the_worst_loss_is_that_of_the_end_of_the_range() {
        let worst = -PROBABILITY_MIN.ln();
        assert!((log_loss(FAR, 0.0) - worst).abs() < 1e-9);
        assert!((log_loss(-FAR, 1.0) - worst).abs() < 1e-9);
        assert!((log_loss(0.0, 1.0) - 2f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn a_missing_feature_is_the_training_mean_and_is_marked() {
        let scale = Standardiser { mean: 2.0, sd: 0.5 };
        assert_eq!(scale.standardise(Ok(3.0)), Standardised { x: 2.0, is_missing: false });
        assert_eq!(scale.standardise(Ok(-FAR)), Standardised { x: -STANDARDISED_MAX, is_missing: false });
        assert_eq!(scale.standardise(Err(Absent::Cold)), Standardised::MISSING);
        assert_eq!(scale.standardise(Ok(f64::NAN)), Standardised::MISSING);
        assert_eq!(Standardiser { mean: 0.0, sd: 0.0 }.standardise(Ok(1.0)), Standardised::MISSING);
        let terms = [1.0, f64::NAN].map(|x| Term { weight: 3.0, value: Standardised::of(x) });
        let combined = combine(terms, -3.0, StageFactors::default()).unwrap();
        assert_eq!((combined.missing, combined.features), (0b10, 2));
        assert!((combined.missing_share() - 0.5).abs() < 1e-15 && (combined.p_up - 0.5).abs() < 1e-15);
    }

    #[test]
    fn what_cannot_be_combined_is_refused() {
        let many = [Term { weight: 1.0, value: Standardised::MISSING }; FEATURES_MAX + 1];
        assert!(combine(many, 0.0, StageFactors::default()).is_err());
        assert!(combine(many.into_iter().take(FEATURES_MAX), 0.0, StageFactors::default()).is_ok());
        for (ctx_mult, risk_gate) in [(-0.1, 1.0), (f64::NAN, 1.0), (1.0, f64::NAN)] {
            assert_eq!(combine([], 0.0, StageFactors { ctx_mult, risk_gate }), Err(Absent::BadNumber));
        }
    }

    #[test]
    fn a_move_of_exactly_the_threshold_is_flat() {
        let classes = [2.1, 2.0, 0.0, -2.0, -2.1].map(|bps| MoveClass::of(bps, 2.0).unwrap().as_str());
        assert_eq!(classes, ["up", "flat", "flat", "flat", "down"]);
        assert_eq!(MoveClass::of(f64::NAN, 2.0), Err(Absent::BadNumber));
        let shares = ClassProbabilities::new(0.75, 0.2);
        assert!((shares.up - 0.6).abs() < 1e-15 && (shares.down - 0.2).abs() < 1e-15);
    }
}
