//! How much the edge would bear: Kelly's fraction, cut down.

use serde::{Deserialize, Serialize};

use super::tail::normal_quantile;
use crate::{Absent, Measure, measure::finite};

/// A bet with two outcomes. Gains, losses and costs are fractions of the notional.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bet {
    /// Probability of the gain: a lower bound of it ([`lower_probability`]), not its mean.
    pub probability: f64,
    /// Gain when it comes, before costs.
    pub gain: f64,
    /// Loss when it does not, before costs; positive.
    pub loss: f64,
    /// Costs of the round trip.
    pub cost: f64,
}

/// How much of Kelly's fraction is used.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct KellySettings {
    /// The part of Kelly's fraction that is taken.
    pub fraction: f64,
    /// The most that is taken, as notional over equity.
    pub cap: f64,
    /// One-sided confidence of the probability's lower bound.
    pub confidence: f64,
}

impl Default for KellySettings {
    fn default() -> Self {
        Self { fraction: 0.25, cap: 0.1, confidence: 0.8 }
    }
}

/// What Kelly says about a [`Bet`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kelly {
    /// The probability at which the bet is worth nothing: `l / (g + l)`, above one when costs eat the gain.
    pub breakeven_probability: Measure,
    /// What the bet is worth: `p g - (1 - p) l`, a fraction of the notional.
    pub edge: f64,
    /// The full fraction `edge / (g l)`, as notional over equity; negative when the bet is bad. Absent when costs eat the
    /// gain: there is no bet.
    pub full: Measure,
    /// What may be used of it, from zero to the cap.
    pub used: f64,
}

impl Kelly {
    /// Kelly's fraction net of costs, `g = gain - cost` and `l = loss + cost`.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] for a probability outside [0, 1] or anything that is not finite.
    ///
    /// # Source
    /// Kelly (1956); Thorp (2006); methods reference 4.6.
    pub fn of(bet: &Bet, settings: &KellySettings) -> Result<Self, Absent> {
        let p = bet.probability;
        if !(0.0..=1.0).contains(&p) {
            return Err(Absent::BadNumber);
        }
        let (g, l) = (finite(bet.gain - bet.cost)?, finite(bet.loss + bet.cost)?);
        let edge = finite(p * g - (1.0 - p) * l)?;
        let is_bet = g > 0.0 && l > 0.0;
        let full = if is_bet { finite(edge / (g * l)) } else { Err(Absent::NoEvents) };
        let part = settings.fraction * full.unwrap_or(0.0);
        // `max` and `min` turn what is not a number into the other side: no stake rather than any.
        let used = part.max(0.0).min(settings.cap.max(0.0));
        Ok(Self { breakeven_probability: finite(l / (g + l)), edge, full, used })
    }
}

/// The lower bound of a probability: one-sided Wilson score bound at `confidence`.
///
/// `probability` is calibrated on `n_eff` independent-looking outcomes. Wilson's bound does not leave [0, 1], and unlike
/// the normal one it does not become certain at 0 or 1.
///
/// # Errors
/// [`Absent::Cold`] without outcomes; [`Absent::BadNumber`] for a probability outside [0, 1], or a confidence outside
/// [0.5, 1).
///
/// # Source
/// Wilson (1927), JASA 22; methods reference 4.6, "lower 80 % bound".
pub fn lower_probability(probability: f64, n_eff: f64, confidence: f64) -> Measure {
    if !(0.0..=1.0).contains(&probability) || n_eff.is_nan() || confidence < 0.5 {
        return Err(Absent::BadNumber);
    }
    let z = normal_quantile(confidence)?;
    if n_eff <= 0.0 {
        return Err(Absent::Cold);
    }
    let per = z * z / n_eff;
    let half = (z / n_eff.sqrt()) * (probability * (1.0 - probability) + per / 4.0).sqrt();
    finite(((probability + per / 2.0 - half) / (1.0 + per)).clamp(0.0, probability))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BET: Bet = Bet { probability: 0.75, gain: 0.002, loss: 0.0015, cost: 0.0006 };

    #[track_caller]
    fn check(change: impl FnOnce(&mut Bet), used: Result<f64, Absent>, has_fraction: bool) {
        let mut bet = BET;
        change(&mut bet);
        let kelly = Kelly::of(&bet, &KellySettings::default());
        assert_eq!(kelly.map(|kelly| kelly.used), used);
        assert_eq!(kelly.is_ok_and(|kelly| kelly.full.is_ok()), has_fraction);
    }

    #[test]
    fn a_bad_bet_gets_nothing_and_a_good_one_the_cap() {
        check(|_| (), Ok(0.1), true);
        check(|bet| bet.probability = 0.59, Ok(0.0), true);
        check(|bet| bet.cost = 0.002, Ok(0.0), false);
        check(|bet| bet.gain = -1.0, Ok(0.0), false);
        check(|bet| bet.probability = 1.1, Err(Absent::BadNumber), false);
        check(|bet| bet.loss = f64::NAN, Err(Absent::BadNumber), false);
    }

    #[test]
    fn a_small_fraction_is_used_as_it_is() {
        let bet = Bet { probability: 0.6, gain: 1.0, loss: 1.0, cost: 0.0 };
        let kelly = Kelly::of(&bet, &KellySettings::default()).unwrap();
        assert!((kelly.used - 0.05).abs() < 1e-12);
    }

    #[test]
    fn a_bound_rises_to_the_probability_with_evidence() {
        let bound = |n_eff| lower_probability(0.6, n_eff, 0.8).unwrap();
        assert!(bound(1.0) < bound(10.0) && bound(10.0) < bound(1_000.0) && bound(1e12) < 0.6);
        assert!((bound(100.0) - 0.557_962).abs() < 1e-3, "{}", bound(100.0));
        assert!((bound(1e12) - 0.6).abs() < 1e-5);
        assert!(lower_probability(1.0, 10.0, 0.8).unwrap() < 0.94);
        assert_eq!(lower_probability(0.0, 10.0, 0.8), Ok(0.0));
        assert_eq!(lower_probability(0.6, 0.0, 0.8), Err(Absent::Cold));
        assert_eq!(lower_probability(0.6, f64::NAN, 0.8), Err(Absent::BadNumber));
        assert_eq!(lower_probability(0.6, 5.0, 0.4), Err(Absent::BadNumber));
    }
}
