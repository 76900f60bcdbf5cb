//! Everything fitted, in one value that a file holds and a hash names.

use serde::{Deserialize, Serialize};

use super::calibration::CalibrationMap;
use super::combine::{
    ClassProbabilities, Combined, FEATURES_MAX, StageFactors, Standardiser, Term, combine, score_of,
};
use super::reliability::{ECE_MAX, SKILL_MIN};
use crate::estimator::microprice::MicropriceTable;
use crate::estimator::multi_level_ofi::LIVE_RANKS;
use crate::{Absent, Measure};

/// The form of model that this build reads.
pub const MODEL_SCHEMA: u32 = 1;

/// The market of a model that is meant for every market.
pub const ANY_MARKET: &str = "*";

/// Longest name, hash or market, bytes.
pub const TEXT_MAX: usize = 256;

/// Longest horizon, ms: a day.
pub const HORIZON_MS_MAX: u32 = 86_400_000;

/// A feature's place in the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFeature {
    /// Its name, as stages 1 and 2 publish it.
    pub name: String,
    /// Mean over the training window.
    pub mean: f64,
    /// Standard deviation over the training window, above zero.
    pub sd: f64,
    /// Logit per standard deviation.
    pub weight: f64,
}

/// What a model was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelOrigin {
    /// Hash of the data segment; empty when there was none.
    pub data_hash: String,
    /// The segment's beginning, which does not belong to it, ns.
    pub from_ns: i64,
    /// The segment's end, which does, ns.
    pub until_ns: i64,
    /// Every configuration that was ever evaluated on that data, the abandoned ones too: it deflates the Sharpe ratio.
    pub trials: u32,
}

/// What a trade is worth before costs, over the training window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payoff {
    /// Mean gain of a right one, basis points.
    pub gain_bps: f64,
    /// Mean loss of a wrong one, basis points, positive.
    pub loss_bps: f64,
}

/// Thresholds that were calibrated on the training window; one that is absent stays at the configuration's.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelThresholds {
    /// Threshold of the CUSUM, standard deviations of one step.
    pub cusum_h: Option<f64>,
    /// Volume of a VPIN bucket, base units.
    pub vpin_bucket_volume: Option<f64>,
}

/// How the model did on its last walk-forward test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Brier skill against the base rate.
    pub skill: f64,
    /// Expected calibration error.
    pub ece: f64,
    /// Brier score.
    pub brier: f64,
    /// Folds.
    pub folds: u32,
    /// Independent labels: span over horizon.
    pub n_eff: f64,
}

/// A decision model: features to a calibrated probability of an upward move within a horizon.
///
/// The probability is conditional: of an upward move among those that exceed `class_threshold_bps` either way.
///
/// # Source
/// Methods reference 6.1, 6.2, 6.4.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// [`MODEL_SCHEMA`].
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// What it was made from.
    pub origin: ModelOrigin,
    /// The market it is for, or [`ANY_MARKET`].
    pub market: String,
    /// How far ahead it looks, ms.
    pub horizon_ms: u32,
    /// The features, in the order of their `missing` bits.
    pub features: Vec<ModelFeature>,
    /// Logit when every feature is at its training mean.
    pub bias: f64,
    /// What a move must exceed to be up or down, basis points.
    pub class_threshold_bps: f64,
    /// The share of the training window's moves that do not, 0 to 1.
    pub flat_share: f64,
    /// From the combination's probability to one that can be believed.
    pub calibration: CalibrationMap,
    /// What a trade is worth.
    pub payoff: Payoff,
    /// Calibrated thresholds.
    #[serde(default)]
    pub thresholds: ModelThresholds,
    /// How it did; `None` when it was never tested.
    pub validation: Option<Validation>,
    /// Stage 1's micro-price; without one it has no value. Left out of the canonical bytes when there is none, so that the
    /// hashes of models from before it hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microprice: Option<MicropriceTable>,
    /// The weight of each rank in stage 1's integrated OFI, best first; absolute values sum to one. Without them the
    /// configuration's are used, and they are left out as the micro-price is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ofi_weights: Option<[f64; LIVE_RANKS]>,
}

/// Why a model cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Another form of model.
    #[error("model schema {found} is not {MODEL_SCHEMA}; fit the model again with this build")]
    Schema {
        /// What the model says.
        found: u32,
    },
    /// A feature that nothing computes.
    #[error("model feature {name:?} is not one that is computed; remove it or correct its name")]
    UnknownFeature {
        /// Its name.
        name: String,
    },
    /// A feature that is listed twice.
    #[error("model feature {name:?} is listed twice")]
    RepeatedFeature {
        /// Its name.
        name: String,
    },
    /// More features than can be combined.
    #[error("the model has {found} features; at most {FEATURES_MAX} are allowed")]
    TooManyFeatures {
        /// How many.
        found: usize,
    },
    /// A text that is empty or too long.
    #[error("model {key} must have 1 to {TEXT_MAX} bytes")]
    Text {
        /// Which.
        key: &'static str,
    },
    /// A number out of its bounds.
    #[error("model {key} = {value} is out of bounds; expected {expected}")]
    Number {
        /// Which, with the feature's name where it is one's.
        key: String,
        /// Its value.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// A calibration map that is not finite, or would turn the order of probabilities round.
    #[error("model calibration is not a non-decreasing map of finite numbers; fit it again")]
    Calibration,
}

/// What a model says at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opinion {
    /// The combination, whose probability is not calibrated.
    pub combined: Combined,
    /// Calibrated probability of an upward move.
    pub p_up: f64,
    /// `2 p_up - 1`, -1 to 1.
    pub score: f64,
    /// `|score| * risk_gate`, 0 to 1.
    pub confidence: f64,
    /// The three classes.
    pub classes: ClassProbabilities,
}

impl Model {
    /// A prior for a market nobody has fitted yet: it shows what a decision looks like and can never be proven.
    ///
    /// | feature | unit of its deviation | weight | why |
    /// | --- | --- | --- | --- |
    /// | `queue_imbalance_ewma` | 0.5 | 0.40 | predicts the next mid move best of what one book shows (2.1) |
    /// | `depth_imbalance_5` | 0.5 | 0.20 | the same deeper, largely collinear with it (2.2) |
    /// | `ofi_normalised_1s` | 2 | 0.30 | pressure of the last second in units of the best depth (2.3) |
    /// | `ofi_normalised_5s` | 4 | 0.15 | the same over longer, weaker (2.3) |
    ///
    /// Means and bias are zero because swapping the sides of the book must mirror the probability. The deviations are of the
    /// features' ranges, not of data; the weights are chosen so that all features at one deviation give about 0.74. A payoff
    /// of 2.7 bp is the mean move within 15 s at 50 % a year (section 9), below any taker's cost: it is never entered.
    #[must_use]
    pub fn unfitted() -> Self {
        let feature = |name: &str, sd, weight| ModelFeature { name: name.to_owned(), mean: 0.0, sd, weight };
        Self {
            schema: MODEL_SCHEMA,
            name: "unfitted".to_owned(),
            origin: ModelOrigin::default(),
            market: ANY_MARKET.to_owned(),
            horizon_ms: 15_000,
            features: vec![
                feature("queue_imbalance_ewma", 0.5, 0.40),
                feature("depth_imbalance_5", 0.5, 0.20),
                feature("ofi_normalised_1s", 2.0, 0.30),
                feature("ofi_normalised_5s", 4.0, 0.15),
            ],
            bias: 0.0,
            class_threshold_bps: 0.0,
            flat_share: 0.0,
            calibration: CalibrationMap::None,
            payoff: Payoff { gain_bps: 2.7, loss_bps: 2.7 },
            thresholds: ModelThresholds::default(),
            validation: None,
            microprice: None,
            ofi_weights: None,
        }
    }

    /// Whether it may trade: skill above zero and a calibration error below 0.03 on its last walk-forward test.
    ///
    /// # Source
    /// Methods reference 6.2.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.validation.is_some_and(|found| {
            found.folds > 0 && found.n_eff > 0.0 && found.skill > SKILL_MIN && found.ece < ECE_MAX
        })
    }

    /// Whether it is meant for a market.
    #[must_use]
    pub fn is_for(&self, market: &str) -> bool {
        self.market == ANY_MARKET || self.market == market
    }

    /// Checks the model, and gives for each of its features its place in `known`, the names that are computed.
    ///
    /// # Errors
    /// What is wrong first, by name.
    pub fn bind(&self, known: &[&str]) -> Result<Box<[usize]>, ModelError> {
        self.validate()?;
        let place = |feature: &ModelFeature| {
            let found = known.iter().position(|name| *name == feature.name);
            found.ok_or_else(|| ModelError::UnknownFeature { name: feature.name.clone() })
        };
        self.features.iter().map(place).collect()
    }

    /// Checks all that can be checked without the names that are computed.
    ///
    /// # Errors
    /// What is wrong first, by name.
    pub fn validate(&self) -> Result<(), ModelError> {
        if self.schema != MODEL_SCHEMA {
            return Err(ModelError::Schema { found: self.schema });
        }
        for (key, text) in [("name", &self.name), ("market", &self.market)] {
            if text.is_empty() || text.len() > TEXT_MAX {
                return Err(ModelError::Text { key });
            }
        }
        if self.origin.data_hash.len() > TEXT_MAX {
            return Err(ModelError::Text { key: "origin.data_hash" });
        }
        self.validate_features()?;
        if !self.calibration.is_sound() {
            return Err(ModelError::Calibration);
        }
        self.validate_numbers()
    }

    fn validate_features(&self) -> Result<(), ModelError> {
        if self.features.len() > FEATURES_MAX {
            return Err(ModelError::TooManyFeatures { found: self.features.len() });
        }
        for (at, feature) in self.features.iter().enumerate() {
            let name = &feature.name;
            if name.is_empty() || name.len() > TEXT_MAX {
                return Err(ModelError::Text { key: "features.name" });
            }
            if self.features.iter().take(at).any(|other| other.name == *name) {
                return Err(ModelError::RepeatedFeature { name: name.clone() });
            }
            let key = |part: &str| format!("features.{name}.{part}");
            within(&key("mean"), feature.mean, -FINITE, FINITE, "a finite number")?;
            within(&key("sd"), feature.sd, f64::MIN_POSITIVE, FINITE, "a number above 0")?;
            within(&key("weight"), feature.weight, -WEIGHT_MAX, WEIGHT_MAX, "-1000 to 1000")?;
        }
        Ok(())
    }

    fn validate_numbers(&self) -> Result<(), ModelError> {
        let bps = |key: &str, value| within(key, value, 0.0, 10_000.0, "0 to 10000");
        within("horizon_ms", self.horizon_ms.into(), 1.0, HORIZON_MS_MAX.into(), "1 to 86400000")?;
        within("bias", self.bias, -WEIGHT_MAX, WEIGHT_MAX, "-1000 to 1000")?;
        within("flat_share", self.flat_share, 0.0, 1.0, "0 to 1")?;
        bps("class_threshold_bps", self.class_threshold_bps)?;
        bps("payoff.gain_bps", self.payoff.gain_bps)?;
        bps("payoff.loss_bps", self.payoff.loss_bps)?;
        if let Some(h) = self.thresholds.cusum_h {
            within("thresholds.cusum_h", h, 0.1, 1_000.0, "0.1 to 1000")?;
        }
        if let Some(volume) = self.thresholds.vpin_bucket_volume {
            let expected = "a number above 0";
            within("thresholds.vpin_bucket_volume", volume, f64::MIN_POSITIVE, FINITE, expected)?;
        }
        if let Some(weights) = self.ofi_weights {
            let sum = weights.iter().map(|weight| weight.abs()).sum();
            within("ofi_weights", sum, 1.0 - 1e-6, 1.0 + 1e-6, "absolute values that sum to 1")?;
        }
        if let Some(found) = self.validation {
            within("validation.skill", found.skill, -FINITE, 1.0, "a finite number up to 1")?;
            within("validation.ece", found.ece, 0.0, 1.0, "0 to 1")?;
            within("validation.brier", found.brier, 0.0, 1.0, "0 to 1")?;
            within("validation.n_eff", found.n_eff, 0.0, FINITE, "a finite number from 0 on")?;
        }
        Ok(())
    }

    /// Combines the features' values, in the model's order; a value that is absent, or not given, is missing.
    ///
    /// # Errors
    /// See [`combine`].
    pub fn combine(
        &self,
        values: impl IntoIterator<Item = Measure>,
        factors: StageFactors,
    ) -> Result<Combined, Absent> {
        let values = values.into_iter().chain(std::iter::repeat(Err(Absent::Cold)));
        let terms = self.features.iter().zip(values).map(|(feature, value)| Term {
            weight: feature.weight,
            value: Standardiser { mean: feature.mean, sd: feature.sd }.standardise(value),
        });
        combine(terms, self.bias, factors)
    }

    /// Combines and calibrates. Allocates nothing.
    ///
    /// # Errors
    /// See [`combine`]; `BadNumber` from a calibration map that is not sound.
    pub fn opine(
        &self,
        values: impl IntoIterator<Item = Measure>,
        factors: StageFactors,
    ) -> Result<Opinion, Absent> {
        let combined = self.combine(values, factors)?;
        let p_up = self.calibration.apply(combined.p_up)?;
        let (score, confidence) = score_of(p_up, factors.risk_gate);
        let classes = ClassProbabilities::new(p_up, self.flat_share);
        Ok(Opinion { combined, p_up, score, confidence, classes })
    }
}

/// Beyond it sums and squares of a model's numbers could overflow.
const FINITE: f64 = 1e100;

/// No weight of standardised features is larger.
const WEIGHT_MAX: f64 = 1_000.0;

fn within(key: &str, value: f64, low: f64, high: f64, expected: &'static str) -> Result<(), ModelError> {
    // Written so that NaN is refused.
    if value >= low && value <= high {
        return Ok(());
    }
    Err(ModelError::Number { key: key.to_owned(), value, expected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Features;

    fn known() -> Vec<&'static str> {
        Features::SPECS.iter().map(|spec| spec.name).collect()
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Model), expect: &str) {
        let mut model = Model::unfitted();
        change(&mut model);
        let found = model.bind(&known()).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(found, expect);
    }

    #[test]
    fn what_is_wrong_with_a_model_is_said_by_name() {
        check(|_| {}, "");
        check(|model| model.schema = 2, "model schema 2 is not 1; fit the model again with this build");
        check(
            |model| model.features[1].name = "moon_phase".to_owned(),
            "model feature \"moon_phase\" is not one that is computed; remove it or correct its name",
        );
        check(
            |model| model.features[1] = model.features[0].clone(),
            "model feature \"queue_imbalance_ewma\" is listed twice",
        );
        check(
            |model| model.features[0].sd = 0.0,
            "model features.queue_imbalance_ewma.sd = 0 is out of bounds; expected a number above 0",
        );
        check(|model| model.bias = f64::NAN, "model bias = NaN is out of bounds; expected -1000 to 1000");
        check(
            |model| model.ofi_weights = Some([0.5, 0.5, 0.5, 0.0, 0.0]),
            "model ofi_weights = 1.5 is out of bounds; expected absolute values that sum to 1",
        );
        check(|model| model.market.clear(), "model market must have 1 to 256 bytes");
        check(
            |model| model.calibration = CalibrationMap::Platt { slope: -1.0, intercept: 0.0 },
            "model calibration is not a non-decreasing map of finite numbers; fit it again",
        );
        check(
            |model| model.features = vec![model.features[0].clone(); FEATURES_MAX + 1],
            "the model has 65 features; at most 64 are allowed",
        );
    }

    #[test]
    fn the_place_of_each_feature_is_found() {
        let places = Model::unfitted().bind(&known()).unwrap();
        let names: Vec<&str> = places.iter().map(|place| known()[*place]).collect();
        let expect = ["queue_imbalance_ewma", "depth_imbalance_5", "ofi_normalised_1s", "ofi_normalised_5s"];
        assert_eq!(names, expect);
    }

    #[test]
    fn only_a_good_test_proves_a_model() {
        let mut model = Model::unfitted();
        assert!(!model.is_proven());
        let good = Validation { skill: 0.01, ece: 0.029, brier: 0.24, folds: 5, n_eff: 900.0 };
        for (validation, expect) in [
            (good, true),
            (Validation { skill: 0.0, ..good }, false),
            (Validation { ece: 0.03, ..good }, false),
            (Validation { folds: 0, ..good }, false),
            (Validation { skill: f64::NAN, ..good }, false),
        ] {
            model.validation = Some(validation);
            assert_eq!(model.is_proven(), expect, "{validation:?}");
        }
    }

    #[test]
    fn the_prior_is_symmetric_and_silent_without_features() {
        let model = Model::unfitted();
        let p = |values: [f64; 4]| model.opine(values.map(Ok), StageFactors::default()).unwrap().p_up;
        let (up, down) = (p([0.5, 0.5, 2.0, 4.0]), p([-0.5, -0.5, -2.0, -4.0]));
        assert!((up + down - 1.0).abs() < 1e-12 && (up - 0.74).abs() < 0.01, "{up} {down}");
        let silent = model.opine([], StageFactors::default()).unwrap();
        assert_eq!((silent.combined.missing, silent.combined.features), (0b1111, 4));
        assert!((silent.p_up - 0.5).abs() < 1e-12 && silent.confidence.abs() < 1e-12);
    }

    #[test]
    fn the_model_in_the_configuration_is_the_prior() {
        let text = include_str!("../../../../config/model.json");
        assert_eq!(serde_json::from_str::<Model>(text).unwrap(), Model::unfitted());
        let canonical = serde_json::to_string(&Model::unfitted()).unwrap();
        assert!(canonical.ends_with(r#""validation":null}"#), "what is not fitted does not change a hash");
        let typo = text.replace("\"bias\"", "\"bais\"");
        assert!(serde_json::from_str::<Model>(&typo).is_err());
    }
}
