//! How a quantity came about, for the record.

use serde::{Deserialize, Serialize};

use crate::Measure;
use crate::context::InstrumentName;
use crate::risk::position::{InventoryBound, InventoryLimit};

/// What bounds the quantity that is wanted, before the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeBound {
    /// Nothing is wanted: there is no candidate.
    NoCandidate,
    /// Something that bounds it is not known.
    Unknown,
    /// Kelly's fraction, which may be nothing.
    Kelly,
    /// The cap on Kelly's fraction.
    KellyCap,
    /// The expected shortfall of what would be held.
    Shortfall,
    /// The depth by which one would get out again.
    Depth,
    /// What may be held at the venue.
    VenueCap,
    /// The depth near the mid.
    Participation,
}

impl SizeBound {
    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCandidate => "no_candidate",
            Self::Unknown => "unknown",
            Self::Kelly => "kelly",
            Self::KellyCap => "kelly_cap",
            Self::Shortfall => "shortfall",
            Self::Depth => "depth",
            Self::VenueCap => "venue_cap",
            Self::Participation => "participation",
        }
    }
}

impl From<InventoryBound> for SizeBound {
    fn from(bound: InventoryBound) -> Self {
        match bound {
            InventoryBound::Shortfall => Self::Shortfall,
            InventoryBound::Depth => Self::Depth,
            InventoryBound::VenueCap => Self::VenueCap,
        }
    }
}

/// How the quantity of an [`Assessment`](crate::risk::Assessment) came about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sizing {
    /// The instrument whose book is walked: the cheapest one that may be used.
    pub instrument: Option<InstrumentName>,
    /// The quantity that costs and gate are of, in the assessment's units: what is wanted, or the probe.
    pub judged_qty: i64,
    /// Nothing is wanted, and the costs are those of the probe.
    pub is_probe: bool,
    /// What bounds the quantity wanted.
    pub bound: SizeBound,
    /// Kelly's whole fraction, as notional over equity.
    pub kelly_full: Measure,
    /// The probability at which the bet is worth nothing.
    pub breakeven_probability: Measure,
    /// Volatility that everything here rests upon, per square root of a second: the larger of the fast and the slow one.
    pub sigma: Measure,
    /// The longer of the model's horizon and the time to get out, s.
    pub horizon_secs: Measure,
    /// The most that may be held, and by what.
    pub inventory: Result<InventoryLimit, crate::Absent>,
    /// A taker's fee at the instrument, a share.
    pub taker_fee: Measure,
    /// What the entry alone costs before fees, half-spread included: what the slippage gate judges, basis points.
    pub entry_bps: Measure,
}
