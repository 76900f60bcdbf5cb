//! What a sequence of looks says. One file each.
//!
//! Every estimator is a small state without a clock: it is told `now`, the receive time of its instrument, which never
//! goes back. Its parameters are passed in, so that what is saved is state alone. By convention it has
//!
//! - `measure…(now, …) -> Measure`: its number, or the reason why there is none;
//! - `n_eff()`: how many independent-looking observations the number rests on, and `is_warm(now)`;
//! - `reset_reference()`: data was lost; nothing may be differenced or averaged across this moment.
//!
//! Nothing here allocates after construction, but what studies a train window as a whole: the fits, and the matrices
//! that they use.

pub mod amihud;
pub mod bulk_volume;
mod coverage;
pub mod cusum;
pub mod depth_imbalance;
pub mod ew_moments;
pub mod ew_regression;
pub mod ewma_flow;
pub mod hawkes;
pub mod hawkes_fit;
pub mod integrated_ofi;
pub mod kyle;
pub mod micro_move;
pub mod microprice;
pub mod microprice_fit;
pub mod mid_path;
pub mod multi_level_ofi;
pub mod ofi;
pub mod ofi_regression;
pub mod percentile_history;
pub mod queue_imbalance;
pub mod realised;
pub mod ring;
pub mod riskmetrics;
pub mod rls;
pub mod signed_volume;
pub mod small_matrix;
pub mod trade_sign;
pub mod trailing_volume;
pub mod volatility;
pub mod vpin;
pub mod window;

pub(crate) use coverage::Coverage;
