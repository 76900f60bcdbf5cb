//! What the configuration and the model come to for stage 2, computed once.

use crate::context::{
    ContextConfig, ContextSettings, FrameSettings, Moments, MultiplierSettings, VpinHorizon, WINDOWS_COUNT,
};
use crate::cross_venue::CrossVenueRules;
use crate::decision::model::{Model, ModelError};

use super::features::{FRAMES, SIGNAL_FEATURES, WINDOW_NAMES, feature_names};

/// The rules that all markets share.
#[derive(Debug, Clone)]
pub struct ContextRules {
    pub(super) instrument: ContextSettings,
    pub(super) frames: FrameSettings,
    /// By frame: what the model says is usual, when it says so of all its windows.
    pub(super) moments: [Option<[Moments; WINDOWS_COUNT]>; FRAMES.len()],
    pub(super) multiplier: MultiplierSettings,
    pub(super) across: CrossVenueRules,
    pub(super) vpin_horizon: VpinHorizon,
    pub(super) primary_half_life_secs: f64,
    pub(super) primary_margin: f64,
    pub(super) pressure_half_life_secs: f64,
    pub(super) model: Model,
    /// The places of the model's features among [`feature_names`].
    pub(super) places: Box<[usize]>,
    /// The model asks for what only stage 2 knows.
    pub(super) asks_for_context: bool,
}

impl ContextRules {
    /// From a configuration that has been validated, and a model.
    ///
    /// # Errors
    /// The model is not sound, or asks for a feature that nothing computes: by name.
    pub fn new(config: &ContextConfig, model: Model) -> Result<Self, ModelError> {
        let places = model.bind(&feature_names())?;
        let mut instrument = config.instrument();
        instrument.vpin_bucket_volume = model.thresholds.vpin_bucket_volume;
        Ok(Self {
            instrument,
            frames: config.frames(),
            moments: FRAMES.map(|frame| moments(&model, frame)),
            multiplier: MultiplierSettings::default(),
            across: CrossVenueRules::new(&config.cross_venue()),
            vpin_horizon: config.vpin_horizon,
            primary_half_life_secs: config.primary_half_life_secs.into(),
            primary_margin: config.primary_margin,
            pressure_half_life_secs: config.pressure_half_life_secs,
            asks_for_context: places.iter().any(|place| *place >= SIGNAL_FEATURES),
            places,
            model,
        })
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }
}

/// What the model says is usual of a frame's windows; `None` unless it says it of all.
fn moments(model: &Model, frame: &str) -> Option<[Moments; WINDOWS_COUNT]> {
    let mut found = [Moments { mean: 0.0, sd: 0.0 }; WINDOWS_COUNT];
    for (moments, window) in found.iter_mut().zip(WINDOW_NAMES) {
        let is_it =
            |name: &str| name.strip_prefix(frame).and_then(|rest| rest.strip_prefix('_')) == Some(window);
        let feature = model.features.iter().find(|feature| is_it(&feature.name))?;
        *moments = Moments { mean: feature.mean, sd: feature.sd };
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::model::ModelFeature;

    #[track_caller]
    fn check(extra: &[&str], expect: Result<[bool; FRAMES.len()], &str>) {
        let mut model = Model::unfitted();
        for (name, mean) in extra.iter().zip(1u8..) {
            let name = (*name).to_owned();
            model.features.push(ModelFeature { name, mean: mean.into(), sd: 2.0, weight: 0.1 });
        }
        let found = ContextRules::new(&ContextConfig::default(), model);
        let found = found.map(|rules| rules.moments.map(|moments| moments.is_some()));
        assert_eq!(found.map_err(|error| error.to_string()), expect.map_err(str::to_owned));
    }

    #[test]
    fn a_feature_that_nothing_computes_is_refused_by_name() {
        check(&[], Ok([false, false]));
        check(&["vpin", "market_ofi"], Ok([false, false]));
        check(
            &["moon_phase"],
            Err("model feature \"moon_phase\" is not one that is computed; remove it or correct its name"),
        );
    }

    #[test]
    fn a_model_that_knows_all_windows_says_what_is_usual() {
        check(&["ofi_normalised_15s"], Ok([true, false]));
        let mut model = Model::unfitted();
        let feature = |name: &str, mean| ModelFeature { name: name.to_owned(), mean, sd: 2.0, weight: 0.0 };
        model.features.push(feature("ofi_normalised_15s", 7.0));
        model.features.push(feature("sweep_pressure", 0.0));
        let rules = ContextRules::new(&ContextConfig::default(), model).unwrap();
        let moments = rules.moments[0].unwrap();
        assert_eq!(moments.map(|moments| (moments.mean, moments.sd)), [(0.0, 2.0), (0.0, 4.0), (7.0, 2.0)]);
        assert!(rules.asks_for_context);
    }
}
