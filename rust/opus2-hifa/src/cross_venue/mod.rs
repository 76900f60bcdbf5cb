//! Stage 2 across venues: who moves together, who moves first, and where the price is found.
//!
//! [`VenuePairs`] is what a market uses: it is told of every mid of its venues and compares each with the primary one. The
//! rest is what it is built of, usable by itself:
//!
//! | what | says | how often |
//! | --- | --- | --- |
//! | [`correlate`] | Hayashi-Yoshida correlation of [`MidChanges`] | when asked |
//! | [`LeadLagJob`] | lead or lag in ms, and whether chance would give it | a few minutes, in small steps |
//! | [`LaggedCorrelation`] | the best lag of binned returns | every event |
//! | [`Vecm`] | shares of [`price_discovery`] | every hour |
//!
//! Times are receive times of one host: they answer "can I act on it", and hold the difference of the feeds' latencies,
//! which belongs beside every lag that is shown.

mod cholesky;
mod common_window;
mod hayashi_yoshida;
mod lag_products;
mod lagged_correlation;
mod lead_lag;
mod lead_lag_job;
mod mid_changes;
mod pairs;
mod price_discovery;
mod vecm;

pub use common_window::{INCREMENTS_MIN, NOISE_AUTOCORRELATION, VenueCorrelation, correlate};
pub use hayashi_yoshida::{
    Covariation, Increment, covariance, hayashi_yoshida, increments, realised_variance,
};
pub use lag_products::{
    BinMemory, HALF_LIFE_SECS_MIN, LAGS_MAX, LagFinding, LagProducts, LeadWeights, Leg, SIGNIFICANT_ERRORS,
};
pub use lagged_correlation::{LagRules, LaggedCorrelation};
pub use lead_lag::{Contrast, LeadLag, Time, lead_lag};
pub use lead_lag_job::{LeadLagFinding, LeadLagJob, NULL_SHIFTS, SCAN_CHANGES_MIN, SCAN_LAGS};
pub use mid_changes::{CHANGES_MAX, GRID_MS, MidChanges};
pub use pairs::{
    CrossVenueRules, CrossVenueSettings, INSTRUMENTS_MAX, LaggedFeature, PairFeatures, VenuePairs,
};
pub use price_discovery::{ErrorCorrection, PriceDiscovery, UNDETERMINED_SPREAD, price_discovery};
pub use vecm::{PULL_ERRORS_MIN, VECM_LAGS, VECM_LOOKS_MIN, Vecm, VecmEstimate};
