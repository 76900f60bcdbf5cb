//! Detections with an episode: walls, sweeps, icebergs, absorption.

use crate::Adapter;

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[];
