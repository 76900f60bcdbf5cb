//! What a venue lists: its instruments, how they count, and how much it may be asked.
//!
//! Each venue's module has a parser for its own metadata; what they make is the same.

use std::fmt;

use opus2_types::{InstrumentSpec, NumberError, SpecError, Venue};

/// What a venue says that it lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The instruments, in the venue's order.
    pub instruments: Vec<ListedInstrument>,
    /// Entries of the list that could not be used, in the venue's order. The others are not affected.
    pub refused: Vec<RefusedInstrument>,
    /// The limit on the weight of REST requests from one IP address, if the venue states one.
    pub request_weight: Option<WeightLimit>,
}

/// One instrument of the venue's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedInstrument {
    /// Its scales, tick and lot.
    pub spec: InstrumentSpec,
    /// What may be done with it at present.
    pub status: ListingStatus,
    /// False for instruments that are listed for other than spot trading.
    pub is_spot: bool,
    /// The symbol under which the venue publishes this instrument's market data, where that is another one.
    pub alias_of: Option<String>,
}

impl ListedInstrument {
    /// True when its streams can be expected to speak: it is trading, on spot.
    #[must_use]
    pub fn is_trading(&self) -> bool {
        self.is_spot && self.status == ListingStatus::Trading
    }
}

/// An instrument's `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListingStatus {
    /// Orders are matched.
    Trading,
    /// Anything else, as the venue wrote it: `HALT`, `offline`, `BREAK`, `CANCEL_ONLY`, or a word invented later.
    NotTrading(String),
}

impl fmt::Display for ListingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Trading => "TRADING",
            Self::NotTrading(status) => status,
        })
    }
}

/// An entry of the list that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedInstrument {
    /// Its symbol, or its position in the list when it has none.
    pub symbol: String,
    /// What is wrong with it.
    pub reason: InstrumentError,
}

/// How much REST weight one IP address may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightLimit {
    /// The weight per interval.
    pub weight: u32,
    /// The length of the interval, seconds.
    pub interval_secs: u32,
}

/// The body is not a list of instruments.
#[derive(Debug, thiserror::Error)]
#[error("not an instrument list of {venue}; expected {expected}")]
pub struct ListingError {
    /// Whose list it should be.
    pub venue: Venue,
    /// What was expected.
    pub expected: &'static str,
    /// What is wrong with it.
    #[source]
    pub source: serde_json::Error,
}

/// Why one entry cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstrumentError {
    /// A field is missing or of another type.
    #[error("unreadable: {0}")]
    Unreadable(String),
    /// A tick or step that is not a number.
    #[error("{field} {text:?}: {source}")]
    Number {
        /// The venue's name of the field.
        field: &'static str,
        /// Its text.
        text: String,
        /// What is wrong with it.
        source: NumberError,
    },
    /// The parts do not make a specification.
    #[error(transparent)]
    Spec(#[from] SpecError),
}
