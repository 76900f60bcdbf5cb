//! The rest of stage 1: trades, multi-level OFI, micro-price, Hawkes.

use crate::Adapter;

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[];
