//! Backtest realism: latency, queues, fees, round trips.

use crate::Adapter;

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[];
