//! From a stated probability to the share that came true.

use serde::{Deserialize, Serialize};

use super::FitError;
use super::combine::{clip, logit, probability};
use super::logistic::{FitSettings, Samples, fit_logistic};
use crate::exact::to_f64;
use crate::{Absent, Measure};

/// From how many independent samples on the isotonic map is fitted; below, Platt's two parameters. Methods reference 6.2.
pub const ISOTONIC_SAMPLES_MIN: f64 = 1_000.0;

/// Knots of an isotonic map at most.
pub const KNOTS_MAX: usize = 4_096;

/// The best non-decreasing fit to numbers in their order, by least squares: pool adjacent violators.
///
/// For calibration the numbers are labels sorted by forecast. None give none.
///
/// # Errors
/// `BadNumber` for a number that is not finite, or numbers whose mean is not.
///
/// # Source
/// Ayer et al. (1955); Zadrozny & Elkan (2002); methods reference 6.2.
pub fn isotonic_fit(values: &[f64]) -> Result<Vec<f64>, FitError> {
    let mut fit = Vec::with_capacity(values.len());
    for block in pool(values.iter().map(|value| (*value, 1.0)))? {
        fit.resize(fit.len() + block.members, block.mean());
    }
    Ok(fit)
}

/// Neighbours that share one fitted value.
struct Block {
    sum: f64,
    weight: f64,
    members: usize,
}

impl Block {
    fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

/// Pools values with weights above zero.
fn pool(values: impl Iterator<Item = (f64, f64)>) -> Result<Vec<Block>, FitError> {
    let mut blocks: Vec<Block> = Vec::new();
    for (value, weight) in values {
        let mut block = Block { sum: value * weight, weight, members: 1 };
        while let Some(left) = blocks.pop_if(|left| left.mean() >= block.mean()) {
            block = Block {
                sum: left.sum + block.sum,
                weight: left.weight + block.weight,
                members: left.members + block.members,
            };
        }
        if !block.mean().is_finite() {
            return Err(FitError::BadNumber);
        }
        blocks.push(block);
    }
    Ok(blocks)
}

/// A non-decreasing map through knots `[stated, calibrated]`: constant over each pooled block, straight between
/// blocks, constant beyond the ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IsotonicMap {
    knots: Vec<[f64; 2]>,
}

impl IsotonicMap {
    /// Fits the map to stated probabilities and labels 0 to 1, in any order. Equal probabilities are pooled first.
    ///
    /// # Errors
    /// `Empty`, `Shape`, `BadNumber`, or `TooManyKnots` for more than [`KNOTS_MAX`].
    pub fn fit(stated: &[f64], labels: &[f64]) -> Result<Self, FitError> {
        let mut pairs = pairs(stated, labels)?;
        pairs.sort_by(|left, right| left.0.total_cmp(&right.0));
        // Samples that state the same: probability, mean label, how many.
        let ties: Vec<(f64, f64, f64)> = pairs
            .chunk_by(|left, right| left.0.total_cmp(&right.0).is_eq())
            .filter_map(|tie| {
                let count = to_f64(i128::try_from(tie.len()).ok()?);
                Some((tie.first()?.0, tie.iter().map(|pair| pair.1).sum::<f64>() / count, count))
            })
            .collect();
        let mut knots: Vec<[f64; 2]> = Vec::new();
        let mut rest = ties.as_slice();
        for block in pool(ties.iter().map(|(_, value, weight)| (*value, *weight)))? {
            let Some((members, after)) = rest.split_at_checked(block.members) else { break };
            rest = after;
            let value = block.mean().clamp(0.0, 1.0);
            let ends = [members.first(), members.last().filter(|_| members.len() > 1)];
            knots.extend(ends.into_iter().flatten().map(|member| [member.0, value]));
        }
        if knots.len() > KNOTS_MAX { Err(FitError::TooManyKnots) } else { Ok(Self { knots }) }
    }

    /// The knots, by stated probability.
    #[must_use]
    pub fn knots(&self) -> &[[f64; 2]] {
        &self.knots
    }

    fn apply(&self, p: f64) -> Measure {
        let after = self.knots.partition_point(|knot| knot[0] <= p);
        let left = after.checked_sub(1).and_then(|at| self.knots.get(at));
        match (left, self.knots.get(after)) {
            (Some(left), Some(right)) => {
                let share = (p - left[0]) / (right[0] - left[0]);
                // Rounding must not leave the two ends.
                Ok((left[1] + share * (right[1] - left[1])).clamp(left[1], right[1].max(left[1])))
            }
            (Some(end), None) | (None, Some(end)) => Ok(end[1]),
            (None, None) => Err(Absent::BadNumber),
        }
    }

    fn is_sound(&self) -> bool {
        let are_within = self.knots.iter().flatten().all(|value| (0.0..=1.0).contains(value));
        let do_rise = self.knots.windows(2).all(|pair| pair[0][0] < pair[1][0] && pair[0][1] <= pair[1][1]);
        !self.knots.is_empty() && self.knots.len() <= KNOTS_MAX && are_within && do_rise
    }
}

/// What makes a stated probability one that can be believed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CalibrationMap {
    /// Nothing: it stays as stated.
    #[default]
    None,
    /// `sigmoid(slope * logit(p) + intercept)`.
    Platt {
        /// Not below zero, or the order of probabilities would turn round.
        slope: f64,
        /// Logit at a stated probability of one half.
        intercept: f64,
    },
    /// Non-decreasing steps.
    Isotonic {
        /// The knots.
        map: IsotonicMap,
    },
}

impl CalibrationMap {
    /// Fits the map that the number of independent samples allows: Platt's below [`ISOTONIC_SAMPLES_MIN`], else the isotonic.
    /// To be fitted on a slice of the training window that the weights have not seen.
    ///
    /// # Errors
    /// See [`platt`](Self::platt) and [`IsotonicMap::fit`].
    ///
    /// # Source
    /// Methods reference 6.2.
    pub fn fit(stated: &[f64], labels: &[f64], n_eff: f64) -> Result<Self, FitError> {
        if n_eff >= ISOTONIC_SAMPLES_MIN {
            Ok(Self::Isotonic { map: IsotonicMap::fit(stated, labels)? })
        } else {
            Self::platt(stated, labels)
        }
    }

    /// Platt's two parameters by Newton's method, with his targets `(n1 + 1) / (n1 + 2)` and `1 / (n0 + 2)` in place of 1 and
    /// 0, which keep separable samples finite. A slope that comes out below zero becomes zero: the forecasts say nothing,
    /// and the share of labels is all that is left.
    ///
    /// # Errors
    /// `Empty`, `Shape`, `BadNumber`, `OneClass`; `Singular` when every probability is the same.
    ///
    /// # Source
    /// Platt (1999); Lin, Lin & Weng (2007); methods reference 6.2.
    pub fn platt(stated: &[f64], labels: &[f64]) -> Result<Self, FitError> {
        let pairs = pairs(stated, labels)?;
        let count = to_f64(i128::try_from(pairs.len()).map_err(|_| FitError::Shape)?);
        let ones: f64 = labels.iter().sum();
        if ones <= 0.0 || ones >= count {
            return Err(FitError::OneClass);
        }
        let (high, low) = ((ones + 1.0) / (ones + 2.0), 1.0 / (count - ones + 2.0));
        let rows: Vec<f64> = pairs.iter().map(|pair| logit(pair.0)).collect();
        let targets: Vec<f64> = pairs.iter().map(|pair| low + (high - low) * pair.1).collect();
        let settings = FitSettings { l2: 0.0, ..FitSettings::default() };
        let fit = fit_logistic(Samples { rows: &rows, width: 1, labels: &targets }, &settings)?;
        let slope = fit.weights.first().copied().ok_or(FitError::Shape)?;
        if slope >= 0.0 {
            return Ok(Self::Platt { slope, intercept: fit.bias });
        }
        let base: f64 = targets.iter().sum::<f64>() / count;
        Ok(Self::Platt { slope: 0.0, intercept: logit(base) })
    }

    /// The calibrated probability, within the bounds of [`super::combine::probability`].
    ///
    /// # Errors
    /// `BadNumber` when `stated` is not a number from 0 to 1, or the map is not sound.
    pub fn apply(&self, stated: f64) -> Measure {
        if !(0.0..=1.0).contains(&stated) {
            return Err(Absent::BadNumber);
        }
        match self {
            Self::None => Ok(clip(stated)),
            Self::Platt { slope, intercept } => probability(slope * logit(stated) + intercept),
            Self::Isotonic { map } => map.apply(stated).map(clip),
        }
    }

    /// True when the map is one that a fit can give: finite, and it keeps the order of probabilities.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self {
            Self::None => true,
            Self::Platt { slope, intercept } => slope.is_finite() && *slope >= 0.0 && intercept.is_finite(),
            Self::Isotonic { map } => map.is_sound(),
        }
    }

    /// `"none"`, `"platt"` or `"isotonic"`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Platt { .. } => "platt",
            Self::Isotonic { .. } => "isotonic",
        }
    }
}

fn pairs(stated: &[f64], labels: &[f64]) -> Result<Vec<(f64, f64)>, FitError> {
    if stated.len() != labels.len() {
        return Err(FitError::Shape);
    }
    if stated.is_empty() {
        return Err(FitError::Empty);
    }
    if stated.iter().chain(labels).any(|value| !(0.0..=1.0).contains(value)) {
        return Err(FitError::BadNumber);
    }
    // Minus zero is zero, also to an order of bits.
    Ok(stated.iter().zip(labels).map(|(p, y)| (p + 0.0, y + 0.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(map: &CalibrationMap, points: &[(f64, f64)]) {
        assert!(map.is_sound(), "{map:?}");
        for (stated, expect) in points {
            let found = map.apply(*stated).unwrap();
            assert!((found - expect).abs() < 1e-5, "{stated}: {found} for {expect}");
        }
        for wrong in [-0.1, 1.1, f64::NAN] {
            assert_eq!(map.apply(wrong), Err(Absent::BadNumber));
        }
    }

    #[test]
    fn an_isotonic_map_is_flat_within_blocks_and_straight_between() {
        let map = IsotonicMap::fit(&[0.4, 0.2, 0.6, 0.8, 0.6], &[0.0, 0.5, 0.5, 1.0, 1.0]).unwrap();
        assert_eq!(map.knots(), [[0.2, 0.25], [0.4, 0.25], [0.6, 0.75], [0.8, 1.0]]);
        let map = CalibrationMap::Isotonic { map };
        check(&map, &[(0.0, 0.25), (0.3, 0.25), (0.5, 0.5), (0.6, 0.75), (0.7, 0.875), (1.0, 1.0)]);
    }

    #[test]
    fn platt_undoes_odds_that_are_too_bold() {
        // Stated 0.9 and 0.1, true shares 0.75 and 0.25: the logits are twice too large.
        let stated = [vec![0.9; 400], vec![0.1; 400]].concat();
        let labels = [vec![1.0; 300], vec![0.0; 100], vec![1.0; 100], vec![0.0; 300]].concat();
        let map = CalibrationMap::fit(&stated, &labels, 800.0).unwrap();
        let CalibrationMap::Platt { slope, intercept } = map else { panic!("{map:?}") };
        assert!((slope - 0.5).abs() < 0.01 && intercept.abs() < 1e-9, "{slope} {intercept}");
        let backwards: Vec<f64> = labels.iter().map(|y| 1.0 - y).collect();
        let map = CalibrationMap::platt(&stated, &backwards).unwrap();
        check(&map, &[(0.1, 0.5), (0.9, 0.5)]);
    }

    #[test]
    fn without_a_map_only_the_ends_move() {
        check(&CalibrationMap::None, &[(0.0, 1e-6), (0.3, 0.3), (1.0, 1.0 - 1e-6)]);
    }

    #[test]
    fn what_cannot_be_calibrated_is_said() {
        let fit = |stated: &[f64], labels: &[f64], n_eff| CalibrationMap::fit(stated, labels, n_eff).err();
        for n_eff in [1.0, 1e6] {
            assert_eq!(fit(&[], &[], n_eff), Some(FitError::Empty));
            assert_eq!(fit(&[0.5], &[], n_eff), Some(FitError::Shape));
            assert_eq!(fit(&[f64::NAN], &[1.0], n_eff), Some(FitError::BadNumber));
            assert_eq!(fit(&[0.5], &[2.0], n_eff), Some(FitError::BadNumber));
        }
        assert_eq!(fit(&[0.5, 0.6], &[1.0, 1.0], 1.0), Some(FitError::OneClass));
        assert_eq!(fit(&[0.5, 0.5], &[0.0, 1.0], 1.0), Some(FitError::Singular));
        assert_eq!(isotonic_fit(&[]), Ok(vec![]));
        assert_eq!(isotonic_fit(&[1.0, f64::NAN]), Err(FitError::BadNumber));
        assert_eq!(isotonic_fit(&[f64::MAX, f64::MAX, f64::MIN]), Err(FitError::BadNumber));
    }

    #[test]
    fn a_map_that_would_turn_the_order_round_is_not_sound() {
        let isotonic =
            |knots: &[[f64; 2]]| CalibrationMap::Isotonic { map: IsotonicMap { knots: knots.to_vec() } };
        assert!(!CalibrationMap::Platt { slope: -1.0, intercept: 0.0 }.is_sound());
        assert!(!CalibrationMap::Platt { slope: 1.0, intercept: f64::NAN }.is_sound());
        for knots in [&[][..], &[[0.1, 0.5], [0.2, 0.4]], &[[0.2, 0.1], [0.2, 0.2]], &[[0.2, f64::NAN]]] {
            assert!(!isotonic(knots).is_sound(), "{knots:?}");
        }
        assert_eq!(isotonic(&[]).apply(0.5), Err(Absent::BadNumber));
    }
}
