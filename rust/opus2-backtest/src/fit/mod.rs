//! From recorded features to a model: fitted on the past, tested on what came after it.
//!
//! | module | does |
//! | --- | --- |
//! | [`config`] | says how: step, horizon, folds, embargo |
//! | [`sample`] | takes what was known at each step of a grid, and what the mid did after it |
//! | [`plan`] | cuts the calendar: training, embargo, test, and the fifth that stays sealed |
//! | [`train`] | makes weights and a calibration of one training window |
//! | [`walk`] | trains and tests fold after fold, and fits the model that is kept |
//! | [`judge`] | says what the tests' predictions were worth |
//! | [`correlation`] | how a score goes with what followed, and how sure that is when horizons overlap |
//! | [`alarms`] | finds the threshold of the CUSUM that rings as often as wanted |
//! | [`stage_one`] | fits what stage 1 has of parameters: micro-price, weights of the ranks |
//!
//! Nothing here looks ahead: a row is what the live operators had said by then, a label is used only where its horizon has
//! ended, and everything that is fitted (means, deviations, ridge, weights, calibration) is fitted to the training window
//! of its fold. Predictions are made by [`Model::opine`](opus2_hifa::decision::model::Model::opine), which is what runs live.

pub mod alarms;
pub mod config;
pub mod correlation;
pub mod judge;
pub mod plan;
pub mod sample;
pub mod stage_one;
pub mod train;
pub mod walk;

/// Basis points in one.
const BPS: f64 = 1e4;

/// Nanoseconds in a millisecond.
const MILLI_NS: i64 = 1_000_000;

/// The log return from one mid to another, basis points; `None` unless both are positive and finite.
fn move_bps(from: f64, to: f64) -> Option<f64> {
    let is_sound = from > 0.0 && to > 0.0;
    is_sound.then(|| (to / from).ln() * BPS).filter(|found| found.is_finite())
}
