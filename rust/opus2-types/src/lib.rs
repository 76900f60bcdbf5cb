//! The nouns of OPUS 2: price, quantity, side, time, sequence, venue, instrument, market and market event.
//!
//! Everything that crosses a crate boundary in the core is made of these types. They hold integers: a [`Price`] or a
//! [`Qty`] is a count of `10^-scale` units, and the scale belongs to the instrument ([`InstrumentSpec`]). Text from a
//! venue becomes an integer exactly once ([`parse_scaled`]); a number that does not fit is refused, never rounded.
//!
//! Nothing here reads a clock, allocates on the hot path, or knows what a JSON document is.

mod book_view;
mod event;
mod feed_kind;
mod instrument;
mod number;
mod order;
mod record;
mod side;
mod time;
mod venue;

pub use book_view::{BookView, VIEW_LEVELS};
pub use event::{
    BookState, EventBody, MakerFill, MarketEvent, PositionEvent, QualityEvent, QualityFlags, QuoteEvent,
    SeqRange, StatusEvent, TradeEvent,
};
pub use feed_kind::FeedKind;
pub use instrument::{InstrumentSpec, SpecError, SpecOrigin, market_name, quote_family};
pub use number::{Level, NumberError, Price, Qty, SCALE_MAX, Scaled, parse_scaled, significant_decimals};
pub use order::{ORDER_ID_TEXT_MAX, Order, OrderId};
pub use record::Channel;
pub use side::{Aggressor, Side};
pub use time::UnixNanos;
pub use venue::{UnknownVenue, Venue};
