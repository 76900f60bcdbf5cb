//! Stage 2 of one venue: VPIN, lambda, volatility.

use crate::Adapter;

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[];
