//! Fold after fold, and the model that is kept.

use opus2_hifa::decision::combine::StageFactors;
use opus2_hifa::decision::model::{
    MODEL_SCHEMA, Model, ModelError, ModelOrigin, ModelThresholds, Validation,
};
use serde::Serialize;

use super::config::{FitConfig, FitConfigError};
use super::judge::{OutOfSample, Prediction};
use super::plan::{Plan, TimeFold, TooShort};
use super::sample::Sample;
use super::train::{Trained, Window, WindowError, rows, train};
use crate::statistics::walk_forward::ParameterDrift;

/// Weights of standardised features are compared as if they had been searched from minus to plus this.
const WEIGHT_RANGE: f64 = 1.0;

/// What the model is of, which the rows do not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The model's name.
    pub name: String,
    /// The market.
    pub market: String,
    /// Hash of the data segment.
    pub data_hash: String,
    /// Every configuration that was ever evaluated on the data, this one included.
    pub trials: u32,
}

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] FitConfigError),
    /// No rows.
    #[error("there are no rows: the market never had an instrument with a mid and two looks at it")]
    NoSamples,
    /// Too short.
    #[error(transparent)]
    TooShort(#[from] TooShort),
    /// Folds that could not be trained or tested.
    #[error(
        "too little data: {usable} of {planned} folds could be fitted and tested, {needed} are needed; fold {fold}: {reason}"
    )]
    TooFewFolds {
        /// Folds with predictions.
        usable: usize,
        /// Folds planned.
        planned: usize,
        /// Folds needed.
        needed: u32,
        /// The first that could not, from 1.
        fold: usize,
        /// Why.
        reason: String,
    },
    /// The window of the model that is kept.
    #[error("the last training window cannot be fitted: {0}")]
    LastWindow(WindowError),
    /// A model that cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// One fold of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoldReport {
    /// Its ranges.
    pub ranges: TimeFold,
    /// Why it could not be trained or tested.
    pub failure: Option<String>,
    /// Moves up or down in training.
    pub train_labels: usize,
    /// Its ridge.
    pub ridge: Option<f64>,
    /// Its calibration map's kind.
    pub calibration: &'static str,
    /// Predictions.
    pub predictions: usize,
    /// Brier skill of its test.
    pub skill: Option<f64>,
    /// Hit rate of its test.
    pub hit_rate: Option<f64>,
    /// Correlation of score and move in its test.
    pub ic: Option<f64>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FitReport {
    /// How.
    pub config: FitConfig,
    /// The cuts.
    pub plan: Plan,
    /// Rows.
    pub samples: usize,
    /// The folds.
    pub folds: Vec<FoldReport>,
    /// The tests' predictions as one curve.
    pub out_of_sample: OutOfSample,
    /// How far weights moved from fold to fold, as shares of a range of ±1 logit per deviation.
    pub drift: Option<ParameterDrift>,
    /// Moves up or down in the training window of the model that is kept.
    pub last_labels: usize,
    /// Its ridge.
    pub last_ridge: f64,
}

/// A model and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The model, fitted to the last training window.
    pub model: Model,
    /// How the folds did.
    pub report: FitReport,
    /// The tests' predictions, in order of time.
    pub predictions: Vec<Prediction>,
}

/// Walks forward over rows in order of time, and fits the model that is kept to the last training window.
///
/// Nothing at or after the plan's `until` is looked at: neither rows, nor mids through labels.
///
/// # Errors
/// [`WalkError`].
///
/// # Source
/// Methods reference 6.1, 6.2, 7.6, 9.
pub fn walk_forward(
    samples: &[Sample],
    names: &[String],
    config: &FitConfig,
    identity: &Identity,
) -> Result<Fitted, WalkError> {
    config.validate()?;
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Err(WalkError::NoSamples);
    };
    let plan = Plan::new(first.at, last.at, config)?;
    let walk = Walk { samples, names, config, identity, plan: &plan };
    let (mut folds, mut predictions, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for (index, fold) in plan.folds.iter().enumerate() {
        let (report, found) = walk.fold(index, fold, &mut weights);
        folds.push(report);
        predictions.extend(found);
    }
    let usable = folds.iter().filter(|fold| fold.failure.is_none()).count();
    let needed = usize::try_from(config.folds_min).unwrap_or(usize::MAX);
    let judged = OutOfSample::of(&predictions, config);
    let (Some(out_of_sample), true) = (judged, usable >= needed) else {
        let failed = folds.iter().position(|fold| fold.failure.is_some());
        let reason = failed.and_then(|index| folds.get(index)?.failure.clone());
        return Err(WalkError::TooFewFolds {
            usable,
            planned: folds.len(),
            needed: config.folds_min,
            fold: failed.unwrap_or(0) + 1,
            reason: reason.unwrap_or_else(|| "its test has no move up or down".to_owned()),
        });
    };
    let trained = walk.train(plan.last_train.clone(), plan.until).map_err(WalkError::LastWindow)?;
    let validation = out_of_sample.validation(u32::try_from(usable).unwrap_or(u32::MAX));
    let model = walk.model(&trained, Some(validation));
    model.validate()?;
    let bounds = [vec![-WEIGHT_RANGE; names.len()], vec![WEIGHT_RANGE; names.len()]];
    let report = FitReport {
        config: *config,
        samples: samples.len(),
        folds,
        out_of_sample,
        drift: ParameterDrift::of(&weights, &bounds[0], &bounds[1]),
        last_labels: trained.labels,
        last_ridge: trained.ridge,
        plan,
    };
    Ok(Fitted { model, report, predictions })
}

struct Walk<'a> {
    samples: &'a [Sample],
    names: &'a [String],
    config: &'a FitConfig,
    identity: &'a Identity,
    plan: &'a Plan,
}

impl Walk<'_> {
    fn train(&self, range: std::ops::Range<i64>, labels_until: i64) -> Result<Trained, WindowError> {
        train(&Window { samples: self.samples, range, labels_until }, self.names, self.config)
    }

    fn model(&self, trained: &Trained, validation: Option<Validation>) -> Model {
        let Identity { name, market, data_hash, trials } = self.identity.clone();
        Model {
            schema: MODEL_SCHEMA,
            name,
            origin: ModelOrigin {
                data_hash,
                // The beginning does not belong to the segment, and the first row does.
                from_ns: self.plan.from.saturating_sub(1),
                until_ns: self.plan.until,
                trials,
            },
            market,
            horizon_ms: self.config.horizon_ms,
            features: trained.features.clone(),
            bias: trained.bias,
            class_threshold_bps: self.config.class_threshold_bps,
            flat_share: trained.flat_share,
            calibration: trained.calibration.clone(),
            payoff: trained.payoff,
            thresholds: ModelThresholds::default(),
            microprice: None,
            ofi_weights: None,
            validation,
        }
    }

    fn fold(
        &self,
        index: usize,
        fold: &TimeFold,
        weights: &mut Vec<Vec<f64>>,
    ) -> (FoldReport, Vec<Prediction>) {
        let mut report = FoldReport {
            ranges: fold.clone(),
            failure: None,
            train_labels: 0,
            ridge: None,
            calibration: "none",
            predictions: 0,
            skill: None,
            hit_rate: None,
            ic: None,
        };
        let trained = match self.train(fold.train.clone(), fold.test.start) {
            Ok(trained) => trained,
            Err(error) => {
                report.failure = Some(error.to_string());
                return (report, Vec::new());
            }
        };
        report.train_labels = trained.labels;
        report.ridge = Some(trained.ridge);
        report.calibration = trained.calibration.as_str();
        weights.push(trained.features.iter().map(|feature| feature.weight).collect());
        let predictions = self.predict(index, fold, &self.model(&trained, None));
        report.predictions = predictions.len();
        match OutOfSample::of(&predictions, self.config) {
            Some(found) => {
                report.skill = Some(found.skill);
                report.hit_rate = found.hit_rate.map(|hit| hit.rate);
                report.ic = found.ic_pearson.map(|ic| ic.value);
            }
            None => report.failure = Some("its test has no move up or down".to_owned()),
        }
        (report, predictions)
    }

    fn predict(&self, index: usize, fold: &TimeFold, model: &Model) -> Vec<Prediction> {
        let say = |sample: &Sample| {
            let is_whole = sample.missing_share() <= self.config.missing_share_max;
            let opinion = model.opine(sample.values.iter().copied(), StageFactors::default()).ok()?;
            is_whole.then_some(opinion.p_up)
        };
        let mut before = None;
        let mut predictions = Vec::new();
        for sample in rows(self.samples, fold.test.clone()) {
            let p_up = say(sample);
            let p_up_delayed = std::mem::replace(&mut before, p_up);
            let is_known = sample.at.saturating_add(self.config.horizon_ns()) <= self.plan.until;
            let (Some(p_up), Some(move_bps)) = (p_up, sample.move_bps.filter(|_| is_known)) else { continue };
            let half_spread_bps = sample.half_spread_bps;
            predictions.push(Prediction {
                at: sample.at,
                fold: index,
                p_up,
                p_up_delayed,
                move_bps,
                half_spread_bps,
            });
        }
        predictions
    }
}
