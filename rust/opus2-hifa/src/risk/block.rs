//! Why nothing may be traded: the hard blocks.

use serde::{Deserialize, Serialize};

/// Why the gate is shut, whatever its parts say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BlockReason {
    /// There is no book in step with its venue.
    NoBook,
    /// The book does not hold the quantity.
    Unfilled,
    /// The quantity is too large a share of the depth near the mid.
    Participation,
    /// The newest data is too old.
    StaleData,
    /// The day's loss has reached its limit.
    DailyLoss,
    /// The loss since the highest equity has reached its limit.
    Drawdown,
    /// Too many orders in a row were rejected.
    Rejects,
    /// The venue's health allows nothing new, or is not known.
    Health,
    /// The data quality score is too low, or is not known.
    QualityFence,
    /// There is no volatility, so no expected shortfall.
    NoVolatility,
    /// The model has not shown that it can forecast.
    ModelUnproven,
    /// The trade is expected to cost more than it is worth.
    CostExceedsEdge,
    /// The order would be below the venue's minimum.
    MinSize,
    /// The position would be above its limit.
    Inventory,
}

impl BlockReason {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::NoBook,
        Self::Unfilled,
        Self::Participation,
        Self::StaleData,
        Self::DailyLoss,
        Self::Drawdown,
        Self::Rejects,
        Self::Health,
        Self::QualityFence,
        Self::NoVolatility,
        Self::ModelUnproven,
        Self::CostExceedsEdge,
        Self::MinSize,
        Self::Inventory,
    ];

    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoBook => "no_book",
            Self::Unfilled => "unfilled",
            Self::Participation => "participation",
            Self::StaleData => "stale_data",
            Self::DailyLoss => "daily_loss",
            Self::Drawdown => "drawdown",
            Self::Rejects => "rejects",
            Self::Health => "health",
            Self::QualityFence => "quality_fence",
            Self::NoVolatility => "no_volatility",
            Self::ModelUnproven => "model_unproven",
            Self::CostExceedsEdge => "cost_exceeds_edge",
            Self::MinSize => "min_size",
            Self::Inventory => "inventory",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of [`BlockReason`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Blocks(u32);

impl Blocks {
    /// No reason.
    pub const NONE: Self = Self(0);

    /// Adds a reason.
    pub const fn insert(&mut self, reason: BlockReason) {
        self.0 |= reason.bit();
    }

    /// Adds a reason when `is_so`.
    pub const fn insert_if(&mut self, is_so: bool, reason: BlockReason) {
        if is_so {
            self.insert(reason);
        }
    }

    /// Takes a reason away.
    pub const fn remove(&mut self, reason: BlockReason) {
        self.0 &= !reason.bit();
    }

    /// These reasons and those.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// True when the reason is among them.
    #[must_use]
    pub const fn contains(self, reason: BlockReason) -> bool {
        self.0 & reason.bit() != 0
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }

    /// The reasons, in the order of [`BlockReason::ALL`].
    pub fn iter(self) -> impl Iterator<Item = BlockReason> {
        BlockReason::ALL.into_iter().filter(move |reason| self.contains(*reason))
    }
}

impl FromIterator<BlockReason> for Blocks {
    fn from_iter<I: IntoIterator<Item = BlockReason>>(reasons: I) -> Self {
        let mut blocks = Self::NONE;
        reasons.into_iter().for_each(|reason| blocks.insert(reason));
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_each_reason_once_and_in_order() {
        let all: Blocks = BlockReason::ALL.into_iter().chain(BlockReason::ALL).collect();
        assert!(all.iter().eq(BlockReason::ALL));
        let mut blocks = Blocks::NONE;
        blocks.insert_if(false, BlockReason::Health);
        assert!(blocks.is_empty());
        blocks.insert_if(true, BlockReason::Health);
        assert!(blocks.contains(BlockReason::Health) && !blocks.contains(BlockReason::Drawdown));
        blocks.remove(BlockReason::Health);
        assert!(blocks.is_empty());
        assert!(Blocks(1 << 31).is_empty(), "bits of no reason are none");
    }

    #[test]
    fn names_are_those_of_the_saved_form() {
        for reason in BlockReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
