//! What was fitted to an instrument's past.

use serde::{Deserialize, Serialize};

use crate::decision::model::Model;
use crate::estimator::microprice::MicropriceTable;
use crate::estimator::multi_level_ofi::LIVE_RANKS;

/// The fitted parts of stage 1, of one instrument and one train window.
///
/// Without one ([`SignalModel::NONE`]) a feature that needs a fit is [`Absent::NoModel`](crate::Absent::NoModel), and one
/// that has a default uses the configuration's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalModel {
    /// The micro-price.
    pub microprice: Option<MicropriceTable>,
    /// The weight of each rank in the integrated OFI; absolute values sum to one. `None` uses the configuration's.
    pub ofi_weights: Option<[f64; LIVE_RANKS]>,
}

impl SignalModel {
    /// Nothing has been fitted.
    pub const NONE: Self = Self { microprice: None, ofi_weights: None };

    /// What of a decision model is of this stage.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        Self { microprice: model.microprice.clone(), ofi_weights: model.ofi_weights }
    }
}

impl Default for SignalModel {
    fn default() -> Self {
        Self::NONE
    }
}
