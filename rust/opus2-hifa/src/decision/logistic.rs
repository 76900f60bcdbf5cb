//! The weights of a logistic regression: learnt one label at a time, or fitted to a training window.

use serde::{Deserialize, Serialize};

use super::combine::{FEATURES_MAX, log_loss, probability, sigmoid, softplus};
use super::{FitError, cholesky};
use crate::exact::to_f64;
use crate::measure::finite;
use crate::{Absent, Measure};

/// How the learning rate goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateDecay {
    /// It stays.
    Constant,
    /// At update `n`, from 1 on, it is `eta / sqrt(n)`.
    InverseSqrt,
}

/// How weights learn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearningSettings {
    /// Learning rate.
    pub eta: f64,
    /// How it goes on.
    pub decay: RateDecay,
    /// Pull of the weights to zero.
    pub l2: f64,
}

impl Default for LearningSettings {
    fn default() -> Self {
        Self { eta: 0.01, decay: RateDecay::InverseSqrt, l2: 1e-4 }
    }
}

/// Weights that learn by stochastic gradient descent on the logarithmic loss.
///
/// `w <- w - eta ((p - y) x + l2 w)`, with the probability `p` taken *before* the update, so that the running loss is one
/// of forecasts (prequential). A constant first feature of 1 is the bias; it is pulled to zero as the others are.
///
/// # Source
/// Robbins & Monro (1951); Dawid (1984) for the evaluation; methods reference 6.2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnlineLogistic {
    weights: Box<[f64]>,
    updates: u64,
    loss_sum: f64,
}

impl OnlineLogistic {
    /// Weights of zero, one a feature, at most [`FEATURES_MAX`] and one for the bias.
    #[must_use]
    pub fn new(width: usize) -> Self {
        let weights = vec![0.0; width.min(FEATURES_MAX + 1)].into_boxed_slice();
        Self { weights, updates: 0, loss_sum: 0.0 }
    }

    /// The weights, in the order of the features.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The probability of a label of 1.
    ///
    /// # Errors
    /// `BadNumber` for features that are not as many as the weights, or not finite.
    pub fn predict(&self, x: &[f64]) -> Measure {
        probability(self.logit(x)?)
    }

    fn logit(&self, x: &[f64]) -> Measure {
        if x.len() != self.weights.len() {
            return Err(Absent::BadNumber);
        }
        finite(self.weights.iter().zip(x).map(|(weight, x)| weight * x).sum())
    }

    /// Learns one label `y`, 0 to 1, and gives the probability that was stated before.
    ///
    /// # Errors
    /// `BadNumber`, and nothing is learnt: features as in [`predict`](Self::predict), a label outside 0 to 1, or a step
    /// that would leave weights that are not finite.
    pub fn update(&mut self, x: &[f64], y: f64, settings: &LearningSettings) -> Measure {
        if !(0.0..=1.0).contains(&y) {
            return Err(Absent::BadNumber);
        }
        let z = self.logit(x)?;
        let p = probability(z)?;
        let eta = match settings.decay {
            RateDecay::Constant => settings.eta,
            RateDecay::InverseSqrt => {
                settings.eta / to_f64(i128::from(self.updates.saturating_add(1))).sqrt()
            }
        };
        let step = |weight: f64, x: f64| weight - eta * ((p - y) * x + settings.l2 * weight);
        if !self.weights.iter().zip(x).all(|(weight, x)| step(*weight, *x).is_finite()) {
            return Err(Absent::BadNumber);
        }
        for (weight, x) in self.weights.iter_mut().zip(x) {
            *weight = step(*weight, *x);
        }
        self.updates = self.updates.saturating_add(1);
        self.loss_sum += log_loss(z, y);
        Ok(p)
    }

    /// The mean logarithmic loss of the probabilities stated before each update.
    ///
    /// # Errors
    /// `Cold` before the first.
    pub fn log_loss(&self) -> Measure {
        if self.updates == 0 { Err(Absent::Cold) } else { finite(self.loss_sum / self.n_eff()) }
    }

    /// How many labels it has learnt. Labels whose horizons overlap are dependent: see
    /// [`effective_samples`](super::reliability::effective_samples).
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        to_f64(self.updates.into())
    }

    /// True when loaded weights are ones that learning could have left.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.weights.len() <= FEATURES_MAX + 1
            && self.weights.iter().all(|weight| weight.is_finite())
            && self.loss_sum.is_finite()
            && self.loss_sum >= 0.0
    }
}

/// A training window: `labels.len()` rows of `width` features each, one row after the other, without a bias column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Samples<'a> {
    /// The features.
    pub rows: &'a [f64],
    /// Features a row, at most [`FEATURES_MAX`].
    pub width: usize,
    /// The labels, 0 to 1.
    pub labels: &'a [f64],
}

impl<'a> Samples<'a> {
    /// Features and label of each; the features are none when the width is 0.
    fn iter(self) -> impl Iterator<Item = (&'a [f64], f64)> {
        let Self { rows, width, labels } = self;
        labels.iter().enumerate().map(move |(at, y)| (&rows[at * width..(at + 1) * width], *y))
    }
}

/// How a fit is regularised, and when it gives up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitSettings {
    /// Ridge: half of it times the squared weights is added to the mean loss. The bias is free.
    pub l2: f64,
    /// Newton steps at most.
    pub steps_max: u32,
    /// Done when no component of the gradient of the mean loss is larger.
    pub gradient_max: f64,
}

impl Default for FitSettings {
    fn default() -> Self {
        Self { l2: 1e-4, steps_max: 50, gradient_max: 1e-9 }
    }
}

/// Fitted weights.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticFit {
    /// Bias.
    pub bias: f64,
    /// Weights, in the order of the features.
    pub weights: Vec<f64>,
    /// Mean logarithmic loss on the training window, without the ridge.
    pub loss: f64,
    /// Newton steps taken.
    pub steps: u32,
}

/// Fits weights to a training window by Newton's method (iteratively reweighted least squares) with a ridge.
///
/// A step that does not lower the objective is halved until it does. Meant for refits of a walk-forward.
///
/// # Errors
/// Data that cannot be fitted; see [`FitError`]. With a ridge above zero and both labels present only numbers so large that they are
/// lost in rounding fail to converge.
///
/// # Source
/// Methods reference 6.2 ("freeze between refits").
pub fn fit_logistic(samples: Samples<'_>, settings: &FitSettings) -> Result<LogisticFit, FitError> {
    check(samples, settings)?;
    let mut newton = Newton::new(samples, settings.l2);
    let mut at = vec![0.0; samples.width + 1];
    let mut objective = newton.objective(&at);
    for steps in 0..=settings.steps_max {
        newton.differentiate(&at);
        let is_done = newton.gradient.iter().all(|part| part.abs() <= settings.gradient_max);
        // Also when done: parameters that the samples do not determine are not given.
        cholesky::solve(&mut newton.hessian, &mut newton.gradient).ok_or(FitError::Singular)?;
        if is_done {
            let weights = at.split_off(1);
            let loss = newton.loss(at[0], &weights);
            return Ok(LogisticFit { bias: at[0], weights, loss, steps });
        }
        objective = newton.descend(&mut at, objective).ok_or(FitError::NotConverged)?;
    }
    Err(FitError::NotConverged)
}

fn check(samples: Samples<'_>, settings: &FitSettings) -> Result<(), FitError> {
    let Samples { rows, width, labels } = samples;
    let first = *labels.first().ok_or(FitError::Empty)?;
    if width > FEATURES_MAX || labels.len().checked_mul(width) != Some(rows.len()) {
        return Err(FitError::Shape);
    }
    let are_sound = rows.iter().all(|x| x.is_finite()) && labels.iter().all(|y| (0.0..=1.0).contains(y));
    if !are_sound || !settings.l2.is_finite() || settings.l2 < 0.0 {
        return Err(FitError::BadNumber);
    }
    // The bias of labels that are all 0, or all 1, has no finite best value.
    if (first <= 0.0 || first >= 1.0) && labels.iter().all(|y| y.total_cmp(&first).is_eq()) {
        return Err(FitError::OneClass);
    }
    Ok(())
}

/// How often a Newton step is halved before it is given up: below it the step is lost in rounding.
const HALVINGS_MAX: u32 = 60;

/// What the objective may rise in a step by rounding alone, as a share of it.
const ROUNDING: f64 = 1e-14;

/// Gradient and Hessian of the mean loss and ridge; the bias is parameter 0.
struct Newton<'a> {
    samples: Samples<'a>,
    l2: f64,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
}

impl<'a> Newton<'a> {
    fn new(samples: Samples<'a>, l2: f64) -> Self {
        let parameters = samples.width + 1;
        Self { samples, l2, gradient: vec![0.0; parameters], hessian: vec![0.0; parameters * parameters] }
    }

    fn count(&self) -> f64 {
        to_f64(i128::try_from(self.samples.labels.len()).unwrap_or(i128::MAX))
    }

    fn loss(&self, bias: f64, weights: &[f64]) -> f64 {
        let loss = |(row, y): (&[f64], f64)| {
            let z = logit_of(bias, weights, row);
            softplus(z) - y * z
        };
        self.samples.iter().map(loss).sum::<f64>() / self.count()
    }

    fn objective(&self, at: &[f64]) -> f64 {
        let Some((bias, weights)) = at.split_first() else { return f64::NAN };
        self.loss(*bias, weights) + self.l2 / 2.0 * weights.iter().map(|weight| weight * weight).sum::<f64>()
    }

    fn differentiate(&mut self, at: &[f64]) {
        let Some((bias, weights)) = at.split_first() else { return };
        let (n, parameters) = (self.count(), at.len());
        self.gradient.fill(0.0);
        self.hessian.fill(0.0);
        for (row, y) in self.samples.iter() {
            let p = sigmoid(logit_of(*bias, weights, row));
            let (slope, curvature) = ((p - y) / n, p * (1.0 - p) / n);
            let x = |at: usize| if at == 0 { 1.0 } else { row[at - 1] };
            for i in 0..parameters {
                self.gradient[i] += slope * x(i);
                for j in 0..=i {
                    self.hessian[i * parameters + j] += curvature * x(i) * x(j);
                }
            }
        }
        for (at, weight) in weights.iter().enumerate() {
            self.gradient[at + 1] += self.l2 * weight;
            self.hessian[(at + 1) * (parameters + 1)] += self.l2;
        }
    }

    /// Goes along the solved step until the objective falls, and gives it there.
    fn descend(&self, at: &mut [f64], objective: f64) -> Option<f64> {
        let mut share = 1.0;
        for _ in 0..HALVINGS_MAX {
            let next: Vec<f64> =
                at.iter().zip(&self.gradient).map(|(value, step)| value - share * step).collect();
            let found = self.objective(&next);
            if found <= objective + ROUNDING * objective.abs() {
                at.copy_from_slice(&next);
                return Some(found);
            }
            share /= 2.0;
        }
        None
    }
}

fn logit_of(bias: f64, weights: &[f64], row: &[f64]) -> f64 {
    bias + weights.iter().zip(row).map(|(weight, x)| weight * x).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rows: &[f64], width: usize, labels: &[f64], expect: Result<(f64, &[f64]), FitError>) {
        let settings = FitSettings { l2: 0.0, ..FitSettings::default() };
        let found = fit_logistic(Samples { rows, width, labels }, &settings);
        match (&found, expect) {
            (Ok(found), Ok((bias, weights))) => {
                let pairs = found.weights.iter().zip(weights).chain([(&found.bias, &bias)]);
                assert!(pairs.into_iter().all(|(x, y)| (x - y).abs() < 1e-6), "{found:?}");
            }
            _ => assert_eq!(found.map(|_| ()), expect.map(|_| ())),
        }
    }

    #[test]
    fn a_fit_finds_the_odds_of_each_group() {
        // Two groups with shares of 1/4 and 3/4: logits -ln 3 and ln 3.
        let rows = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let labels = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0];
        let ln3 = 3f64.ln();
        check(&rows, 1, &labels, Ok((-ln3, &[2.0 * ln3])));
        check(&[], 0, &[1.0, 0.0, 0.0, 0.0], Ok((-ln3, &[])));
    }

    #[test]
    fn what_cannot_be_fitted_is_said() {
        check(&[], 1, &[], Err(FitError::Empty));
        check(&[1.0], 1, &[1.0, 0.0], Err(FitError::Shape));
        check(&[1.0, f64::NAN], 1, &[1.0, 0.0], Err(FitError::BadNumber));
        check(&[1.0, 2.0], 1, &[1.0, 2.0], Err(FitError::BadNumber));
        check(&[1.0, 2.0], 1, &[1.0, 1.0], Err(FitError::OneClass));
        check(&[1.0, 1.0], 1, &[1.0, 0.0], Err(FitError::Singular));
    }

    #[test]
    fn a_ridge_keeps_separable_data_finite() {
        let samples = Samples { rows: &[-1.0, 1.0], width: 1, labels: &[0.0, 1.0] };
        let fit = fit_logistic(samples, &FitSettings::default()).unwrap();
        assert!(fit.weights[0] > 3.0 && fit.weights[0] < 10.0 && fit.bias.abs() < 1e-6, "{fit:?}");
    }

    #[test]
    fn the_rate_falls_with_the_root_of_the_updates() {
        let settings = LearningSettings { eta: 0.1, decay: RateDecay::InverseSqrt, l2: 0.0 };
        let mut online = OnlineLogistic::new(1);
        assert_eq!(online.log_loss(), Err(Absent::Cold));
        for count in [1.0, 2.0f64] {
            let before = online.weights()[0];
            let p = online.update(&[1.0], 1.0, &settings).unwrap();
            assert!((online.weights()[0] - before - 0.1 / count.sqrt() * (1.0 - p)).abs() < 1e-15);
        }
        let before = online.clone();
        for (x, y) in [(&[1.0][..], 1.5), (&[f64::NAN], 1.0), (&[], 1.0), (&[1.0], f64::NAN)] {
            assert_eq!(online.update(x, y, &settings), Err(Absent::BadNumber));
        }
        assert_eq!(online, before);
    }
}
