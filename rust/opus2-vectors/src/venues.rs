//! Stage 2 across venues: covariance, lead-lag, price discovery.

use crate::Adapter;

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[];
