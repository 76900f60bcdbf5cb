//! What stage 2 tells the stages after it.

use arrayvec::ArrayString;
use serde::{Deserialize, Serialize};

use crate::decision::combine::FEATURES_MAX;
use crate::{Absent, Measure};

/// Longest name of an instrument in a record between stages, bytes: `venue:symbol`. A longer one is cut.
pub const INSTRUMENT_NAME_MAX: usize = 48;

/// An instrument's name, `venue:symbol`, without heap memory.
pub type InstrumentName = ArrayString<INSTRUMENT_NAME_MAX>;

/// What the model says of a market at one moment, before any risk is weighed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The instrument whose mid is predicted: the market's most traded one.
    pub instrument: InstrumentName,
    /// Its mid, quote units.
    pub mid: f64,
    /// Half its spread, basis points of the mid.
    pub half_spread_bps: f64,
    /// The logit before the context multiplier.
    pub logit: f64,
    /// Probability of an upward move before calibration, 0 to 1.
    pub p_raw: f64,
    /// Probability of an upward move, calibrated, 0 to 1.
    pub p_up: f64,
    /// `2 p_up - 1`.
    pub score: f64,
    /// Of the model's features, in its order: 1 where the value was missing and the training mean was taken.
    pub missing: u64,
    /// How many features the model has.
    pub features_count: u8,
    /// The features' values before standardising, in the model's order.
    #[serde(with = "values")]
    pub values: [Measure; FEATURES_MAX],
}

impl Candidate {
    /// The share of the model's features that are missing, 0 to 1; 1 for a model without features.
    #[must_use]
    pub fn missing_share(&self) -> f64 {
        if self.features_count == 0 {
            return 1.0;
        }
        f64::from(self.missing.count_ones()) / f64::from(self.features_count)
    }

    /// The values of the model's features, in its order.
    pub fn values(&self) -> &[Measure] {
        self.values.get(..usize::from(self.features_count)).unwrap_or_default()
    }
}

/// The circumstances of a market at one moment.
///
/// There is one for every event of the market, and one of its own at the end of every second; everything but the
/// candidate, and the multiplier that follows its direction, changes at those ends only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// The market's time, ns.
    pub now: i64,
    /// The end of the second that this record closes; `None` at an event.
    pub bar_end: Option<i64>,
    /// What the model says; `None` while the market has no instrument with a mid, or behind fences.
    pub candidate: Option<Candidate>,
    /// The context multiplier of the candidate's direction, 0.25 to 1.5.
    pub multiplier: f64,
    /// VPIN's percentile of its own history, 0 to 1, of the candidate's instrument.
    pub toxicity: Measure,
    /// Whether the last quarter of an hour had a jump.
    pub has_jump: bool,
    /// Volatility of the candidate's mid, log return per square root of a second: the fast one.
    pub volatility: Measure,
    /// The slow one.
    pub volatility_slow: Measure,
    /// Kyle's lambda, quote units per base unit.
    pub lambda: Measure,
    /// Volume of the market's instruments together, base units per second, over the trailing hour or what is known of it.
    pub volume_rate: Measure,
    /// Amihud's illiquidity, return per million quote units.
    pub illiquidity: Measure,
}

impl Outlook {
    /// Of a market of which nothing is known.
    #[must_use]
    pub const fn unknown(now: i64) -> Self {
        Self {
            now,
            bar_end: None,
            candidate: None,
            multiplier: 1.0,
            toxicity: Err(Absent::Cold),
            has_jump: false,
            volatility: Err(Absent::Cold),
            volatility_slow: Err(Absent::Cold),
            lambda: Err(Absent::Cold),
            volume_rate: Err(Absent::Cold),
            illiquidity: Err(Absent::Cold),
        }
    }
}

/// Arrays as long as this are none of serde's: written as a sequence without the tail that was never set.
mod values {
    use serde::de::{SeqAccess, Visitor};
    use serde::ser::SerializeSeq;
    use serde::{Deserializer, Serializer};

    use super::{Absent, FEATURES_MAX, Measure};

    /// What stands after the last value.
    const UNSET: Measure = Err(Absent::Cold);

    pub(super) fn serialize<S: Serializer>(
        values: &[Measure; FEATURES_MAX],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let used = values.iter().rposition(|value| *value != UNSET).map_or(0, |last| last + 1);
        let mut seq = serializer.serialize_seq(Some(used))?;
        for value in &values[..used] {
            seq.serialize_element(value)?;
        }
        seq.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[Measure; FEATURES_MAX], D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = [Measure; FEATURES_MAX];

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, "at most {FEATURES_MAX} values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut values = [UNSET; FEATURES_MAX];
                for slot in &mut values {
                    match seq.next_element()? {
                        Some(value) => *slot = value,
                        None => return Ok(values),
                    }
                }
                match seq.next_element::<Measure>()? {
                    None => Ok(values),
                    Some(_) => Err(serde::de::Error::invalid_length(FEATURES_MAX + 1, &self)),
                }
            }
        }

        deserializer.deserialize_seq(Values)
    }
}
