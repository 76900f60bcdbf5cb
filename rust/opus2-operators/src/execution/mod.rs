//! Operator 4, `execution`: what the stages before found out, decisions out.
//!
//! At every frame the market's candidate is decided upon; what is entered or left comes with its order: venues, limits,
//! slices. Each decision is one record on `trading_signals_final` (docs/contracts/decisions.md), with everything that led to
//! it, sealed into the market's chain. Nothing goes on: this is the last stage.
//!
//! The rule and the orders are `opus2-hifa`'s; this folder holds configuration, state, chain and output.

mod emit;
mod market;
mod settings;
mod tally;

use crate::stage::Stage;
use crate::{Operator, OperatorError};
use market::Market;
use settings::Settings;
use tally::Tally;

pub(crate) const NAME: &str = "execution";

/// Makes the operator. `config` is its own table with the shared ones, `text` the whole configuration, whose hash every
/// decision carries.
pub(crate) fn create(config: toml::Table, text: &str) -> Result<Box<dyn Operator>, OperatorError> {
    Ok(Box::new(Stage::<Market>::new(Settings::new(config, text)?, Tally::new())))
}
