//! The exchanges we know.

use std::fmt;
use std::str::FromStr;

/// An exchange's matching system, as one source of truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Venue {
    /// Binance spot.
    Binance,
    /// Coinbase, Exchange and Advanced Trade feeds alike.
    Coinbase,
    /// Kraken spot.
    Kraken,
}

impl Venue {
    /// Every venue, in the order of [`Venue::code`].
    pub const ALL: [Self; 3] = [Self::Binance, Self::Coinbase, Self::Kraken];

    /// The lower-case name used in topics, headers, metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::Coinbase => "coinbase",
            Self::Kraken => "kraken",
        }
    }

    /// A number that never changes, for binary encodings.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Binance => 0,
            Self::Coinbase => 1,
            Self::Kraken => 2,
        }
    }

    /// The venue of a [`code`](Self::code); `None` for a number that was never given out.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Binance),
            1 => Some(Self::Coinbase),
            2 => Some(Self::Kraken),
            _ => None,
        }
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A venue's name that we do not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown venue {0:?}; one of: binance, coinbase, kraken")]
pub struct UnknownVenue(pub String);

impl FromStr for Venue {
    type Err = UnknownVenue;

    fn from_str(text: &str) -> Result<Self, UnknownVenue> {
        Self::ALL
            .into_iter()
            .find(|venue| venue.as_str() == text)
            .ok_or_else(|| UnknownVenue(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_venue_survives_its_name_and_its_code() {
        for venue in Venue::ALL {
            assert_eq!(venue.as_str().parse(), Ok(venue));
            assert_eq!(Venue::from_code(venue.code()), Some(venue));
        }
        assert_eq!("BINANCE".parse::<Venue>(), Err(UnknownVenue("BINANCE".into())));
        assert_eq!(Venue::from_code(3), None);
    }
}
