//! What is written down of a laboratory market: a line of JSON each.

use opus2_types::{Side, Venue};
use serde::{Deserialize, Serialize};

use super::settings::Injections;

/// A line of the truth log. The first one is the settings, the lines after it the markets; then what happened, in the order
/// in which it ended; the last one is the recording that it is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TruthLine {
    /// What was stated.
    Settings(TruthSettings),
    /// A market, and what follows for it from the settings.
    Market(TruthMarket),
    /// The signal of a market took a value.
    Signal {
        /// Wall time, ns.
        at_ns: i64,
        /// The market.
        market: String,
        /// The value, -1 or 1.
        signal: i8,
    },
    /// The price of a market jumped.
    Jump {
        /// Wall time at a venue that does not lag, ns.
        at_ns: i64,
        /// The market.
        market: String,
        /// Up or down by so many steps.
        steps: i64,
        /// The signal at that time.
        signal: i8,
    },
    /// A wall.
    Wall(Injected),
    /// A sweep.
    Sweep(Injected),
    /// An iceberg.
    Iceberg(Injected),
    /// Layering.
    Layering(Injected),
    /// The end, written by who records: the recording beside the log has so many lines.
    Recording {
        /// Lines of the recording.
        lines: u64,
    },
}

/// Every setting of a laboratory market. Units as in [`Laboratory`](super::Laboratory).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthSettings {
    /// Always true: nothing of this is a real market.
    pub synthetic: bool,
    /// The seed of everything.
    pub seed: u64,
    /// The planted edge, basis points of the log mid per second.
    pub edge_bps: f64,
    /// Mean time for which the signal is held, s.
    pub persistence_secs: f64,
    /// Jumps per second.
    pub jumps_per_sec: f64,
    /// Steps of a jump.
    pub jump_steps: u32,
    /// What the flow tells.
    pub flow_bias: f64,
    /// Levels of a side.
    pub levels: u32,
    /// Median size of a level, dollars.
    pub level_dollars: f64,
    /// Standard deviation of its logarithm.
    pub size_sigma: f64,
    /// Redraws of a level per second.
    pub redraws_per_sec: f64,
    /// Nothing is injected before, s.
    pub warm_up_secs: f64,
    /// Episodes per hour and instrument.
    pub inject: Injections,
}

/// What follows from the settings for a market.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthMarket {
    /// Its name, such as `BTC/USD*`.
    pub market: String,
    /// Its instruments, `venue:symbol`. Lengths in basis points are those of the first.
    pub instruments: Vec<String>,
    /// A step of the lattice, basis points of the opening price.
    pub step_bps: f64,
    /// A jump goes up with probability `1/2 + tilt signal / 2`.
    pub tilt: f64,
}

/// An injected episode that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Injected {
    /// Unique within the log.
    pub id: u64,
    /// Where.
    #[serde(with = "lower_case_venue")]
    pub venue: Venue,
    /// The venue's symbol.
    pub symbol: String,
    /// The side on which it rests; of a sweep, the side it takes from.
    #[serde(with = "lower_case_side")]
    pub side: Side,
    /// Its price; of several the one nearest to the spread.
    pub price: String,
    /// Of several prices, the one furthest from the spread.
    pub price_last: String,
    /// What was put there, or taken by a sweep: base units.
    pub qty: String,
    /// The same in median sizes of a level.
    pub multiple: f64,
    /// Wall time, ns.
    pub begin_ns: i64,
    /// Wall time, ns.
    pub end_ns: i64,
    /// How it ended: `pulled`, `executed` (a jump took it), `cleared` (a jump cancelled it), `done`, `open` (the log ended).
    pub end: String,
    /// Levels of a sweep or of layering, refills of an iceberg, 1 for a wall.
    pub count: u32,
    /// Layering: the share of what was laid that was cancelled; 1 for a wall that was pulled or cleared, else 0.
    pub cancelled_share: f64,
}

/// `bid` and `ask`, as records of the pipeline spell them.
mod lower_case_side {
    use opus2_types::Side;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(super) fn serialize<S: Serializer>(side: &Side, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match side {
            Side::Bid => "bid",
            Side::Ask => "ask",
        })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Side, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "bid" => Ok(Side::Bid),
            "ask" => Ok(Side::Ask),
            other => Err(de::Error::unknown_variant(other, &["bid", "ask"])),
        }
    }
}

/// `binance` and its like.
mod lower_case_venue {
    use opus2_types::Venue;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(super) fn serialize<S: Serializer>(venue: &Venue, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(venue.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Venue, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
