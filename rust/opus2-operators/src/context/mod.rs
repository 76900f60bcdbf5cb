//! Operator 2, `context`: what stage 1 knows of a market's instruments in, stage 2 of the market out.
//!
//! Every event goes on to stage 3 with the market's outlook; every second gives one record on the topic
//! `hifa_stage2_context` (docs/contracts/context.md), and a frame of its own with the outlook at its end.
//!
//! What is measured, and what it means, is `opus2-hifa`'s; this folder holds frames, timers and JSON.

mod market;
mod tally;
#[cfg(test)]
mod tests;
mod view;

use opus2_hifa::context::{ContextConfig, ContextRules};
use opus2_wire::ContentHash;
use serde::Deserialize as _;

use crate::OperatorError;
use crate::create::take_model;
use crate::stage::Stage;
use market::Market;
use tally::Tally;

pub(crate) const NAME: &str = "context";

/// See the module's documentation.
pub(crate) type Context = Stage<Market>;

/// What the configuration and the model say.
#[derive(Debug)]
pub(crate) struct Settings {
    rules: ContextRules,
    model_hash: ContentHash,
}

impl Context {
    pub(crate) fn create(mut config: toml::Table) -> Result<Self, OperatorError> {
        let wrong = |reason: String| OperatorError::Config { operator: NAME, reason };
        let (model, model_hash) = take_model(NAME, &mut config)?;
        let config = ContextConfig::deserialize(config).map_err(|error| wrong(error.to_string()))?;
        config.validate().map_err(|error| wrong(error.to_string()))?;
        let rules = ContextRules::new(&config, model).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::new(Settings { rules, model_hash }, Tally::new()))
    }
}
