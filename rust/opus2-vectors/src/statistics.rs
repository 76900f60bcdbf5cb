//! Performance and its validation.

use crate::Adapter;

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[];
