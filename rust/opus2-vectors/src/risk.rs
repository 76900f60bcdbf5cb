//! Stage 3: costs, impact, limits, sizing.

use crate::Adapter;

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[];
