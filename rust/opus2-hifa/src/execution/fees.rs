//! What a venue takes of a trade: exact rates, a dated table, and the cost of a round trip.

use std::fmt;
use std::str::FromStr;

use opus2_types::{Scaled, Venue, parse_scaled};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Measure;
use crate::exact::scaled;
use crate::measure::finite;

/// Decimal places of a [`FeeRate`].
const RATE_SCALE: u8 = 9;

/// A fee as an exact share of the notional, in parts per billion. Negative is a rebate.
///
/// Read from decimal text or a decimal number (`"0.001"` is 0.1 %), exact to nine places, below 100 % either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FeeRate(i32);

impl FeeRate {
    /// No fee.
    pub const ZERO: Self = Self(0);
    /// Below 100 %.
    const PPB_MAX: i64 = 999_999_999;

    /// A rate of so many millionths (100 are one basis point); `None` from 100 % on.
    #[must_use]
    pub const fn from_ppm(ppm: i32) -> Option<Self> {
        match ppm.checked_mul(1_000) {
            Some(ppb) if (ppb.unsigned_abs() as i64) <= Self::PPB_MAX => Some(Self(ppb)),
            _ => None,
        }
    }

    /// Parts per billion.
    #[must_use]
    pub const fn ppb(self) -> i32 {
        self.0
    }

    /// The share, for estimates.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        scaled(self.0.into(), RATE_SCALE)
    }

    /// Basis points, for estimates.
    #[must_use]
    pub fn bps(self) -> f64 {
        scaled(self.0.into(), RATE_SCALE - 4)
    }
}

/// A text that is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fee {text:?} is not a share below 1 with at most nine decimals; write 0.1 % as \"0.001\"")]
pub struct FeeRateError {
    text: String,
}

impl FromStr for FeeRate {
    type Err = FeeRateError;

    fn from_str(text: &str) -> Result<Self, FeeRateError> {
        parse_scaled(text.as_bytes(), RATE_SCALE)
            .ok()
            .filter(|ppb| (-Self::PPB_MAX..=Self::PPB_MAX).contains(ppb))
            .and_then(|ppb| i32::try_from(ppb).ok())
            .map(Self)
            .ok_or_else(|| FeeRateError { text: text.to_owned() })
    }
}

impl fmt::Display for FeeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Scaled::new(self.0.into(), RATE_SCALE).fmt(f)
    }
}

impl Serialize for FeeRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FeeRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// A number's shortest text is the one that was written.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(f64),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Number(number) => number.to_string(),
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether an order takes what rests, or rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// It rests until somebody takes it.
    Maker,
    /// It takes what rests.
    Taker,
}

/// What a venue takes at one tier of its table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeTier {
    /// The tier's name.
    pub name: String,
    /// Of orders that rest.
    pub maker: FeeRate,
    /// Of orders that take.
    pub taker: FeeRate,
}

/// The tiers of one venue and which of them is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueFees {
    /// The name of the tier in force.
    pub tier: String,
    /// Every tier that is known.
    pub tiers: Vec<FeeTier>,
}

impl VenueFees {
    /// The tier in force; `None` when its name is not in the table.
    #[must_use]
    pub fn current(&self) -> Option<&FeeTier> {
        self.tiers.iter().find(|tier| tier.name == self.tier)
    }
}

/// What every venue takes, and since when the figures are known.
///
/// The defaults are spot fees at the entry tier as public comparison pages of 2025 and 2026 gave them, where pages
/// differ the dearest; they are to be checked against the venues before money depends on them.
///
/// # Source
/// Methods reference 5.4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeeSchedule {
    /// When the figures were read: `2026`, `2026-03` or `2026-03-31`.
    pub as_of: String,
    /// Binance.
    pub binance: VenueFees,
    /// Coinbase.
    pub coinbase: VenueFees,
    /// Kraken.
    pub kraken: VenueFees,
}

impl Default for FeeSchedule {
    fn default() -> Self {
        let tier = |name: &str, maker_ppm: i32, taker_ppm: i32| FeeTier {
            name: name.to_owned(),
            maker: FeeRate(maker_ppm * 1_000),
            taker: FeeRate(taker_ppm * 1_000),
        };
        let venue = |tiers| VenueFees { tier: "entry".to_owned(), tiers };
        Self {
            as_of: "2026".to_owned(),
            binance: venue(vec![tier("entry", 1_000, 1_000), tier("entry_paid_in_bnb", 750, 750)]),
            coinbase: venue(vec![tier("entry", 6_000, 12_000), tier("entry_low", 4_000, 6_000)]),
            kraken: venue(vec![tier("entry", 2_500, 4_000)]),
        }
    }
}

/// What is wrong with a [`FeeSchedule`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeeError {
    /// The date is not one.
    #[error("fees.as_of = {as_of:?} is no date; write 2026, 2026-03 or 2026-03-31")]
    AsOf {
        /// What it says.
        as_of: String,
    },
    /// The tier in force is not in the table.
    #[error("fees.{venue}.tier = {tier:?} is none of the venue's tiers")]
    NoTier {
        /// The venue.
        venue: Venue,
        /// The name.
        tier: String,
    },
    /// Two tiers of one name.
    #[error("fees.{venue} has two tiers named {tier:?}")]
    TwoTiers {
        /// The venue.
        venue: Venue,
        /// The name.
        tier: String,
    },
    /// A rate that no venue has.
    #[error("fees.{venue}, tier {tier:?}: {rate} is out of bounds; expected -0.01 to 0.05")]
    Rate {
        /// The venue.
        venue: Venue,
        /// The tier.
        tier: String,
        /// The rate.
        rate: FeeRate,
    },
}

impl FeeSchedule {
    /// The tiers of a venue; `None` for a venue that has no table.
    #[must_use]
    pub const fn of(&self, venue: Venue) -> Option<&VenueFees> {
        match venue {
            Venue::Binance => Some(&self.binance),
            Venue::Coinbase => Some(&self.coinbase),
            Venue::Kraken => Some(&self.kraken),
            _ => None,
        }
    }

    /// The rate in force; `None` for a venue that has no table or names no tier of it.
    #[must_use]
    pub fn rate(&self, venue: Venue, role: Role) -> Option<FeeRate> {
        let tier = self.of(venue)?.current()?;
        Some(match role {
            Role::Maker => tier.maker,
            Role::Taker => tier.taker,
        })
    }

    /// Checks the date, that every venue's tier exists once, and the bounds of the rates.
    ///
    /// # Errors
    /// The first fault, by venue and tier.
    pub fn validate(&self) -> Result<(), FeeError> {
        if !is_date(&self.as_of) {
            return Err(FeeError::AsOf { as_of: self.as_of.clone() });
        }
        for venue in Venue::ALL {
            let Some(fees) = self.of(venue) else { continue };
            if fees.current().is_none() {
                return Err(FeeError::NoTier { venue, tier: fees.tier.clone() });
            }
            for (at, tier) in fees.tiers.iter().enumerate() {
                if fees.tiers.iter().skip(at + 1).any(|other| other.name == tier.name) {
                    return Err(FeeError::TwoTiers { venue, tier: tier.name.clone() });
                }
                for rate in [tier.maker, tier.taker] {
                    if !(-10_000_000..=50_000_000).contains(&rate.0) {
                        return Err(FeeError::Rate { venue, tier: tier.name.clone(), rate });
                    }
                }
            }
        }
        Ok(())
    }
}

/// `2026`, `2026-03` or `2026-03-31`.
fn is_date(text: &str) -> bool {
    let part = |part: Option<&str>, len: usize, max: u32| match part {
        None => true,
        Some(part) => {
            let is_digits = part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit());
            is_digits && part.parse().is_ok_and(|number: u32| (1..=max).contains(&number))
        }
    };
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    parts.next().is_none() && part(year, 4, 9_999) && part(month, 2, 12) && part(day, 2, 31)
}

/// What it costs to get in and out again, in basis points of the notional:
/// `1e4 (taker_in + taker_out) + 2 half_spread + 2 slip`. Positive is a cost.
///
/// Fees are shares (0.001 is 0.1 %), the half-spread and the slippage of one way are in basis points.
///
/// # Errors
/// [`Absent::BadNumber`](crate::Absent::BadNumber) when the result is not finite.
///
/// # Source
/// Methods reference 5.4 (definition).
pub fn round_trip_cost_bps(taker_in: f64, taker_out: f64, half_spread_bps: f64, slip_bps: f64) -> Measure {
    finite(1e4 * (taker_in + taker_out) + 2.0 * half_spread_bps + 2.0 * slip_bps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: &str) {
        let found = serde_json::from_str::<FeeSchedule>(json)
            .map_err(|error| error.to_string())
            .and_then(|fees| fees.validate().map_err(|error| error.to_string()))
            .err()
            .unwrap_or_default();
        assert!(if expect.is_empty() { found.is_empty() } else { found.contains(expect) }, "{found}");
    }

    #[test]
    fn a_table_that_cannot_be_relied_upon_is_refused() {
        let kraken = |tier: &str, maker: &str| {
            format!(
                r#"{{"kraken":{{"tier":"{tier}","tiers":[{{"name":"a","maker":{maker},"taker":0.004}}]}}}}"#
            )
        };
        check("{}", "");
        check(&kraken("a", "0.0025"), "");
        check(&kraken("a", "\"-0.0001\""), "");
        check(&kraken("b", "0.0025"), "fees.kraken.tier = \"b\" is none of the venue's tiers");
        check(&kraken("a", "0.2"), "0.2 is out of bounds");
        check(&kraken("a", "\"0.1 %\""), "write 0.1 % as");
        check(&kraken("a", "1e-10"), "at most nine decimals");
        check(r#"{"as_of":"2026-13"}"#, "is no date");
        check(r#"{"as_of":"yesterday"}"#, "is no date");
        check(r#"{"as_of":"2026-03-31"}"#, "");
        check(r#"{"bybit":{}}"#, "unknown field");
        check(r#"{"kraken":{"tier":"a","tiers":[],"discount":1}}"#, "unknown field");
    }

    #[test]
    fn two_tiers_of_one_name_are_refused() {
        let mut fees = FeeSchedule::default();
        let tier = fees.kraken.tiers[0].clone();
        fees.kraken.tiers.push(tier);
        assert!(matches!(fees.validate(), Err(FeeError::TwoTiers { venue: Venue::Kraken, .. })));
    }

    #[test]
    fn the_default_is_the_entry_tier_of_spot() {
        let fees = FeeSchedule::default();
        let rate = |venue, role| fees.rate(venue, role).unwrap().to_string();
        assert_eq!(rate(Venue::Binance, Role::Taker), "0.001");
        assert_eq!(rate(Venue::Coinbase, Role::Taker), "0.012");
        assert_eq!(rate(Venue::Kraken, Role::Maker), "0.0025");
        assert_eq!(fees.validate(), Ok(()));
    }

    #[test]
    fn a_rate_survives_its_text() {
        for ppm in [0, 1, -25, 1_000, 999_999] {
            let rate = FeeRate::from_ppm(ppm).unwrap();
            assert_eq!(rate.to_string().parse(), Ok(rate));
            assert_eq!(
                serde_json::from_str::<FeeRate>(&serde_json::to_string(&rate).unwrap()).unwrap(),
                rate
            );
        }
        assert_eq!(FeeRate::from_ppm(1_000_000), None);
        assert!((FeeRate::from_ppm(1_000).unwrap().bps() - 10.0).abs() < 1e-12);
    }

    #[test]
    fn a_round_trip_pays_two_fees_two_half_spreads_and_two_slippages() {
        assert!((round_trip_cost_bps(0.001, 0.001, 0.05, 0.5).unwrap() - 21.1).abs() < 1e-9);
        assert!(round_trip_cost_bps(f64::NAN, 0.0, 0.0, 0.0).is_err());
    }
}
