//! Combination, calibration and decision.

use crate::Adapter;

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[];
