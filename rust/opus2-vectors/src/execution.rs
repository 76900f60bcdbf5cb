//! Stage 4: routing, order types, schedules.

use crate::Adapter;

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[];
