//! Why a message is not used.

use opus2_types::NumberError;

/// Why a message of a venue was not used. Each is counted under [`Reject::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// Not JSON, or cut off.
    #[error("not valid JSON at byte {at}")]
    BadJson {
        /// Where reading stopped.
        at: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Larger than any message this venue sends.
    #[error("{bytes} bytes are above the limit of {limit}")]
    Oversize {
        /// The message's size.
        bytes: usize,
        /// [`FRAME_BYTES_MAX`](crate::binance::FRAME_BYTES_MAX).
        limit: usize,
    },
    /// A field that must be there is not.
    #[error("field {field:?} is missing")]
    MissingField {
        /// The venue's name of the field.
        field: &'static str,
    },
    /// A price or quantity that is no number of the instrument.
    #[error("bad number")]
    BadNumber(#[source] NumberError),
    /// A price that is zero or negative.
    #[error("price is not positive")]
    NonPositivePrice,
    /// A negative quantity, or a trade of nothing.
    #[error("quantity is negative, or zero in a trade")]
    BadQuantity,
    /// A snapshot whose levels are not sorted best first.
    #[error("levels out of order")]
    LevelsOutOfOrder,
    /// A message of another instrument than its record says.
    #[error("message of another symbol")]
    WrongSymbol,
    /// Update numbers that run backwards within a message.
    #[error("first update number {first} is above the last, {last}")]
    BadSequence {
        /// `U`.
        first: u64,
        /// `u`.
        last: u64,
    },
    /// A time that is neither milliseconds nor microseconds of this century.
    #[error("time {value} is neither milliseconds nor microseconds since 1970")]
    BadTime {
        /// The venue's number.
        value: u64,
    },
    /// A time that is not RFC 3339 text of the years 1970 to 2262.
    #[error("time is not RFC 3339 text of the years 1970 to 2262")]
    BadTimeText,
    /// A snapshot from before the first delta that was kept: ask again.
    #[error("snapshot is older than the first delta kept")]
    SnapshotTooOld,
    /// A best quote with an empty side.
    #[error("quote with an empty side")]
    OneSidedQuote,
    /// The venue's checksum of a message is not that of our book after it.
    #[error("checksum of our book is {ours}, the venue's is {venue}")]
    BadChecksum {
        /// Of our book.
        ours: u32,
        /// The venue's.
        venue: u32,
    },
    /// An order's id of another form than the venue's.
    #[error("order id is not of the venue's form")]
    BadOrderId,
    /// An order came to rest whose id rests already: our book is not the venue's.
    #[error("an order with this id rests already")]
    DuplicateOrder,
    /// An order was executed that does not rest: our book is not the venue's.
    #[error("the order executed is not in the book")]
    UnknownOrder,
    /// More orders than a book holds.
    #[error("more orders than a book holds")]
    TooManyOrders,
    /// A feed that this build cannot follow.
    #[error("this feed cannot be followed by this build")]
    UnsupportedFeed,
    /// A message while the connection is down.
    #[error("message without a connection")]
    NotConnected,
}

impl Reject {
    /// Every name [`Reject::as_str`] can give, in one fixed order.
    pub const NAMES: [&'static str; 23] = [
        "bad_json",
        "not_utf8",
        "oversize",
        "missing_field",
        "number_malformed",
        "number_too_fine",
        "number_too_large",
        "number_other",
        "non_positive_price",
        "bad_quantity",
        "levels_out_of_order",
        "wrong_symbol",
        "bad_sequence",
        "bad_time",
        "snapshot_too_old",
        "one_sided_quote",
        "not_connected",
        "unsupported_feed",
        "bad_checksum",
        "bad_order_id",
        "duplicate_order",
        "unknown_order",
        "too_many_orders",
    ];

    /// The reason's name in counters, metrics and dead letters.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The reason's place in [`Reject::NAMES`].
    #[must_use]
    pub const fn index(&self) -> usize {
        match self {
            Self::BadJson { .. } => 0,
            Self::NotUtf8 => 1,
            Self::Oversize { .. } => 2,
            Self::MissingField { .. } => 3,
            Self::BadNumber(NumberError::Malformed) => 4,
            Self::BadNumber(NumberError::TooFine { .. }) => 5,
            Self::BadNumber(NumberError::TooLarge { .. }) => 6,
            Self::BadNumber(_) => 7,
            Self::NonPositivePrice => 8,
            Self::BadQuantity => 9,
            Self::LevelsOutOfOrder => 10,
            Self::WrongSymbol => 11,
            Self::BadSequence { .. } => 12,
            Self::BadTime { .. } | Self::BadTimeText => 13,
            Self::SnapshotTooOld => 14,
            Self::OneSidedQuote => 15,
            Self::NotConnected => 16,
            Self::UnsupportedFeed => 17,
            Self::BadChecksum { .. } => 18,
            Self::BadOrderId => 19,
            Self::DuplicateOrder => 20,
            Self::UnknownOrder => 21,
            Self::TooManyOrders => 22,
        }
    }
}

impl From<NumberError> for Reject {
    fn from(error: NumberError) -> Self {
        Self::BadNumber(error)
    }
}
