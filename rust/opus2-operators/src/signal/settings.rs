//! What a market is measured by: the configuration, and what was fitted to its past.

use opus2_hifa::decision::model::Model;
use opus2_hifa::signal::SignalModel;
use opus2_hifa::{ConfigError, SignalConfig};

/// What one market is measured by.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: SignalConfig,
    pub(super) model: SignalModel,
}

/// What each market is measured by: a model may be meant for one of them, and says nothing of the others.
#[derive(Debug)]
pub(super) struct SettingsByMarket {
    unfitted: Settings,
    fitted: Settings,
    model: Model,
}

impl SettingsByMarket {
    pub(super) fn new(config: &SignalConfig, model: &Model) -> Result<Self, ConfigError> {
        config.validate()?;
        let cusum_h = model.thresholds.cusum_h.unwrap_or(config.cusum_h);
        let fitted = Settings { config: SignalConfig { cusum_h, ..*config }, model: SignalModel::of(model) };
        fitted.config.validate()?;
        let unfitted = Settings { config: *config, model: SignalModel::NONE };
        Ok(Self { unfitted, fitted, model: model.clone() })
    }

    pub(super) fn of(&self, market: &str) -> &Settings {
        if self.model.is_for(market) { &self.fitted } else { &self.unfitted }
    }

    /// The configuration without what a model changes in it.
    pub(super) const fn config(&self) -> &SignalConfig {
        &self.unfitted.config
    }
}
