//! The risk gate: one number between 0 and 1, and what it is bound by.

use serde::{Deserialize, Serialize};

use super::block::{BlockReason, Blocks};
use super::parts::GateParts;

/// Which part of the gate is the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindingConstraint {
    /// Expected shortfall.
    EsHeadroom,
    /// Depth and resilience of the book.
    Liquidity,
    /// Health of the venue.
    Health,
    /// Quality of the data.
    Quality,
    /// Slippage.
    Slippage,
}

impl BindingConstraint {
    /// Every constraint. Of equal parts the first binds.
    pub const ALL: [Self; 5] =
        [Self::EsHeadroom, Self::Liquidity, Self::Health, Self::Quality, Self::Slippage];

    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EsHeadroom => "es_headroom",
            Self::Liquidity => "liquidity",
            Self::Health => "health",
            Self::Quality => "quality",
            Self::Slippage => "slippage",
        }
    }
}

/// How much of what is wanted may be done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskGate {
    /// From 0, nothing, to 1, all: the smallest part, or 0 when there is a hard block.
    pub value: f64,
    /// The smallest part, blocked or not; a part that is absent counts as 0, and is a block.
    pub binding: BindingConstraint,
    /// What shuts the gate whatever the parts say.
    pub blocks: Blocks,
    /// The parts.
    pub parts: GateParts,
}

impl RiskGate {
    /// The gate of these parts and hard blocks. The minimum and not a product, because it names what binds.
    ///
    /// # Source
    /// Methods reference 4.9.
    #[must_use]
    pub fn of(parts: GateParts, blocks: Blocks) -> Self {
        let blocks = blocks.with(parts.blocks());
        let values = [parts.es_headroom, parts.liquidity, parts.health, parts.quality, parts.slippage];
        let (mut binding, mut smallest) = (BindingConstraint::EsHeadroom, f64::INFINITY);
        for (constraint, value) in BindingConstraint::ALL.into_iter().zip(values) {
            let value = value.ok().filter(|value| value.is_finite()).unwrap_or(0.0).clamp(0.0, 1.0);
            if value < smallest {
                (binding, smallest) = (constraint, value);
            }
        }
        Self { value: if blocks.is_empty() { smallest } else { 0.0 }, binding, blocks, parts }
    }

    /// The first hard block, for a record that has room for one.
    #[must_use]
    pub fn block(&self) -> Option<BlockReason> {
        self.blocks.iter().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Absent, Measure};

    const OPEN: GateParts = GateParts {
        es_headroom: Ok(1.0),
        liquidity: Ok(1.0),
        health: Ok(1.0),
        quality: Ok(1.0),
        slippage: Ok(1.0),
    };

    #[track_caller]
    fn check(parts: GateParts, blocks: &[BlockReason], value: f64, binding: &str, block: Option<&str>) {
        let gate = RiskGate::of(parts, blocks.iter().copied().collect());
        assert_eq!(gate.value.to_bits(), value.to_bits(), "{gate:?}");
        assert_eq!((gate.binding.as_str(), gate.block().map(BlockReason::as_str)), (binding, block));
    }

    #[test]
    fn the_smallest_part_binds() {
        check(OPEN, &[], 1.0, "es_headroom", None);
        check(GateParts { slippage: Ok(0.5), health: Ok(0.4), ..OPEN }, &[], 0.4, "health", None);
        check(GateParts { slippage: Ok(0.4), quality: Ok(0.4), ..OPEN }, &[], 0.4, "quality", None);
    }

    #[test]
    fn a_hard_block_shuts_the_gate() {
        let rejects = [BlockReason::Rejects, BlockReason::StaleData];
        check(OPEN, &rejects, 0.0, "es_headroom", Some("stale_data"));
        let cold: Measure = Err(Absent::Cold);
        check(GateParts { liquidity: cold, ..OPEN }, &[], 0.0, "liquidity", Some("no_book"));
        check(GateParts { health: Ok(f64::NAN), ..OPEN }, &[], 0.0, "health", Some("health"));
    }
}
