//! Weights and a calibration of one training window.

use std::ops::Range;

use opus2_hifa::decision::FitError;
use opus2_hifa::decision::calibration::CalibrationMap;
use opus2_hifa::decision::combine::{MoveClass, Standardiser, log_loss, probability};
use opus2_hifa::decision::logistic::{FitSettings, LogisticFit, Samples, fit_logistic};
use opus2_hifa::decision::model::{ModelFeature, Payoff};
use serde::Serialize;

use super::config::{FitConfig, RIDGES};
use super::sample::Sample;
use crate::statistics::sample::size;

/// A standard deviation below this share of the largest value is rounding.
const ROUNDING: f64 = 1e-12;

/// Why a training window gives no model.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum WindowError {
    /// Too few moves.
    #[error(
        "{found} rows moved up or down, {needed} are needed; {flat} stayed flat, {missing} lacked features"
    )]
    TooFewLabels {
        /// Rows that moved.
        found: usize,
        /// How many are needed.
        needed: u32,
        /// Rows that did not move far enough.
        flat: usize,
        /// Rows with too many features missing.
        missing: usize,
    },
    /// The regression.
    #[error(transparent)]
    Fit(#[from] FitError),
}

/// What a training window gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trained {
    /// The features with their means, deviations and weights; a feature without dispersion has no weight.
    pub features: Vec<ModelFeature>,
    /// Logit when every feature is at its mean.
    pub bias: f64,
    /// Fitted to the held-out end of the window.
    pub calibration: CalibrationMap,
    /// The ridge that did best on the inner split.
    pub ridge: f64,
    /// The share of the window's moves within the threshold.
    pub flat_share: f64,
    /// What the window's right and wrong directions were worth.
    pub payoff: Payoff,
    /// Rows that moved up or down.
    pub labels: usize,
}

/// What trains: rows in order of time, and how far labels may reach.
#[derive(Debug, Clone)]
pub struct Window<'a> {
    /// Every row there is.
    pub samples: &'a [Sample],
    /// Rows at these steps train.
    pub range: Range<i64>,
    /// No label may end after it, ns.
    pub labels_until: i64,
}

/// A row that moved.
#[derive(Debug, Clone, Copy)]
struct Moved<'a> {
    sample: &'a Sample,
    label: f64,
    move_bps: f64,
}

/// Fits a window: standardisers, ridge, weights on its first part, the calibration on its held-out end.
///
/// # Errors
/// [`WindowError`]: too few moves, or moves of one direction only.
///
/// # Source
/// Methods reference 6.1, 6.2.
pub fn train(window: &Window<'_>, names: &[String], config: &FitConfig) -> Result<Trained, WindowError> {
    let (moved, flat) = moved(window, config)?;
    let Range { start, end } = window.range;
    let fit_end = before_share(start..end, config.held_out_share);
    let embargo = config.embargo_ns();
    let fitting = part(&moved, start..fit_end.saturating_sub(embargo));
    let held_out = part(&moved, fit_end..end);
    let ridge = choose_ridge(fitting, start..fit_end.saturating_sub(embargo), names, config);
    let standardisers = standardisers(fitting, names.len());
    let fit = regress(fitting, &standardisers, ridge)?;
    let linear = Linear { standardisers, fit };
    let calibration = calibrate(held_out, &linear, config);
    let labels = moved.len();
    let payoff = payoff(&moved, &linear, &calibration);
    let Linear { standardisers, fit } = linear;
    let features = names.iter().zip(&standardisers).zip(&fit.weights).map(|((name, scale), weight)| {
        let Standardiser { mean, sd } = *scale;
        // A feature that said nothing keeps its place, and no weight.
        let (sd, weight) = if sd > 0.0 { (sd, *weight) } else { (1.0, 0.0) };
        ModelFeature { name: name.clone(), mean, sd, weight }
    });
    Ok(Trained {
        features: features.collect(),
        bias: fit.bias,
        calibration,
        ridge,
        flat_share: size(flat) / size((flat + labels).max(1)),
        payoff,
        labels,
    })
}

/// The rows at steps of a range.
#[must_use]
pub fn rows(samples: &[Sample], range: Range<i64>) -> &[Sample] {
    let from = samples.partition_point(|sample| sample.at < range.start);
    let until = samples.partition_point(|sample| sample.at < range.end).max(from);
    samples.get(from..until).unwrap_or_default()
}

/// The rows that moved, and how many did not.
fn moved<'a>(window: &Window<'a>, config: &FitConfig) -> Result<(Vec<Moved<'a>>, usize), WindowError> {
    let (mut moved, mut flat, mut missing) = (Vec::new(), 0, 0);
    for sample in rows(window.samples, window.range.clone()) {
        let is_known = sample.at.saturating_add(config.horizon_ns()) <= window.labels_until;
        let Some(move_bps) = sample.move_bps.filter(|_| is_known) else { continue };
        if sample.missing_share() > config.missing_share_max {
            missing += 1;
            continue;
        }
        match MoveClass::of(move_bps, config.class_threshold_bps).ok().and_then(MoveClass::label) {
            Some(label) => moved.push(Moved { sample, label, move_bps }),
            None => flat += 1,
        }
    }
    let needed = config.train_labels_min;
    if moved.len() < usize::try_from(needed).unwrap_or(usize::MAX) {
        return Err(WindowError::TooFewLabels { found: moved.len(), needed, flat, missing });
    }
    Ok((moved, flat))
}

/// Where the last `share` of a range begins.
fn before_share(range: Range<i64>, share: f64) -> i64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a span of time, to a microsecond"
    )]
    let held_out = ((range.end - range.start) as f64 * share) as i64;
    range.end - held_out
}

fn part<'a, 'b>(moved: &'b [Moved<'a>], range: Range<i64>) -> &'b [Moved<'a>] {
    let from = moved.partition_point(|row| row.sample.at < range.start);
    let until = moved.partition_point(|row| row.sample.at < range.end).max(from);
    moved.get(from..until).unwrap_or_default()
}

/// Mean and standard deviation of each feature over the rows that have it; without dispersion the deviation is zero.
fn standardisers(rows: &[Moved<'_>], width: usize) -> Vec<Standardiser> {
    let of = |feature: usize| {
        let known = || rows.iter().filter_map(|row| row.sample.values.get(feature)?.ok());
        let (mut count, mut mean, mut squares, mut largest) = (0usize, 0.0, 0.0, 0.0f64);
        for value in known() {
            // Welford's update.
            count += 1;
            let from_mean = value - mean;
            mean += from_mean / size(count);
            squares += from_mean * (value - mean);
            largest = largest.max(value.abs());
        }
        let sd = if count > 1 { (squares / size(count - 1)).sqrt() } else { 0.0 };
        let is_sound = mean.is_finite() && sd.is_finite() && sd > ROUNDING * largest;
        if is_sound {
            Standardiser { mean, sd }
        } else {
            Standardiser { mean: if mean.is_finite() { mean } else { 0.0 }, sd: 0.0 }
        }
    };
    (0..width).map(of).collect()
}

/// Standardisers and weights: a logit for a row.
struct Linear {
    standardisers: Vec<Standardiser>,
    fit: LogisticFit,
}

impl Linear {
    fn logit(&self, sample: &Sample) -> f64 {
        let terms = self.fit.weights.iter().zip(standardised(sample, &self.standardisers));
        self.fit.bias + terms.map(|(weight, x)| weight * x).sum::<f64>()
    }
}

/// The features as the combination takes them; one that is missing is its mean.
fn standardised(sample: &Sample, standardisers: &[Standardiser]) -> impl Iterator<Item = f64> {
    sample.values.iter().zip(standardisers).map(|(value, scale)| scale.standardise(*value).x)
}

fn regress(rows: &[Moved<'_>], standardisers: &[Standardiser], ridge: f64) -> Result<LogisticFit, FitError> {
    let labels: Vec<f64> = rows.iter().map(|row| row.label).collect();
    let features: Vec<f64> = rows.iter().flat_map(|row| standardised(row.sample, standardisers)).collect();
    let samples = Samples { rows: &features, width: standardisers.len(), labels: &labels };
    fit_logistic(samples, &FitSettings { l2: ridge, ..FitSettings::default() })
}

/// The ridge whose weights do best on the end of `range`, fitted to its beginning; the strongest when none can be tried.
fn choose_ridge(rows: &[Moved<'_>], range: Range<i64>, names: &[String], config: &FitConfig) -> f64 {
    let fit_end = before_share(range.clone(), config.held_out_share);
    let fitting = part(rows, range.start..fit_end.saturating_sub(config.embargo_ns()));
    let judging = part(rows, fit_end..range.end);
    let standardisers = standardisers(fitting, names.len());
    let mut best = (RIDGES[0], f64::INFINITY);
    for ridge in RIDGES {
        let Ok(fit) = regress(fitting, &standardisers, ridge) else { continue };
        let linear = Linear { standardisers: standardisers.clone(), fit };
        let loss: f64 = judging.iter().map(|row| log_loss(linear.logit(row.sample), row.label)).sum();
        if loss < best.1 && !judging.is_empty() {
            best = (ridge, loss);
        }
    }
    best.0
}

/// The map for the held-out rows; none when they do not determine one.
fn calibrate(rows: &[Moved<'_>], linear: &Linear, config: &FitConfig) -> CalibrationMap {
    let stated: Option<Vec<f64>> =
        rows.iter().map(|row| probability(linear.logit(row.sample)).ok()).collect();
    let labels: Vec<f64> = rows.iter().map(|row| row.label).collect();
    let Some(stated) = stated else { return CalibrationMap::None };
    CalibrationMap::fit(&stated, &labels, config.effective(rows.len()))
        .or_else(|_| CalibrationMap::platt(&stated, &labels))
        .unwrap_or_default()
}

/// Mean gain of right directions, mean loss of wrong ones; where there is none of a kind, the mean move.
fn payoff(rows: &[Moved<'_>], linear: &Linear, calibration: &CalibrationMap) -> Payoff {
    let is_right = |row: &Moved<'_>| {
        let p = probability(linear.logit(row.sample)).and_then(|p| calibration.apply(p));
        p.is_ok_and(|p| (p >= 0.5) == (row.label > 0.5))
    };
    payoff_of(rows.iter().map(|row| (is_right(row), row.move_bps)))
}

/// Of directions that were right or wrong, and the moves they were of.
pub(super) fn payoff_of(directions: impl Iterator<Item = (bool, f64)>) -> Payoff {
    let mut sums = [(0usize, 0.0f64); 2];
    for (is_right, move_bps) in directions {
        let (count, sum) = &mut sums[usize::from(is_right)];
        *count += 1;
        *sum += move_bps.abs();
    }
    let [wrong, right] = sums;
    let mean = |(count, sum): (usize, f64)| if count > 0 { sum / size(count) } else { 0.0 };
    let any = mean((wrong.0 + right.0, wrong.1 + right.1));
    let or_any = |of: (usize, f64)| if of.0 > 0 { mean(of) } else { any };
    Payoff { gain_bps: or_any(right), loss_bps: or_any(wrong) }
}
