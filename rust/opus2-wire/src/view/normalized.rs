//! A [`MarketEvent`] as published on `market_data_normalized`. Contract: docs/contracts/normalized.md.

use opus2_types::{BookState, BookView, EventBody, Level, MarketEvent, OrderId};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use super::json::{serialize_decimal, write_json};
use crate::WireError;
use crate::position::EQUITY_SCALE;

/// How many levels of each side a published book view shows.
pub const PUBLISHED_LEVELS: usize = 10;

/// The changed levels of a book event: what a consumer needs to keep a full book of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes<B, A> {
    /// True when these are all levels of a new book, false when they are new absolute quantities at some prices.
    pub is_snapshot: bool,
    /// Bids; a quantity of zero removes the price.
    pub bids: B,
    /// Asks.
    pub asks: A,
}

impl Changes<std::iter::Empty<Level>, std::iter::Empty<Level>> {
    /// For events that are not of a book.
    #[must_use]
    pub const fn none() -> Self {
        Self { is_snapshot: false, bids: std::iter::empty(), asks: std::iter::empty() }
    }
}

/// Appends the event as one JSON object. `changes` is written for book events only.
///
/// # Errors
/// None of its own: the signature is that of every writer into an output.
pub fn write_normalized<B, A>(
    event: &MarketEvent<'_>,
    market: &str,
    state: BookState,
    changes: Changes<B, A>,
    bytes: &mut Vec<u8>,
) -> Result<(), WireError>
where
    B: Iterator<Item = Level> + Clone,
    A: Iterator<Item = Level> + Clone,
{
    let scales = (event.price_scale, event.qty_scale);
    let text = |units| Text { units, scale: event.price_scale };
    let qty_text = |units| Text { units, scale: event.qty_scale };
    let mut object = Object::<B, A> {
        id: event.id,
        kind: event.body.kind(),
        venue: event.venue.as_str(),
        instrument: event.symbol,
        market,
        exch_ts: event.exch_ts.map(|ts| ts.0),
        recv_ts: event.recv_ts.0,
        first: event.seq.first,
        last: event.seq.last,
        flags: Flags(event.flags),
        state: state.as_str(),
        is_snapshot: None,
        bids: None,
        asks: None,
        view: None,
        trade_id: None,
        price: None,
        qty: None,
        aggressor: None,
        maker_order: None,
        maker_shown: None,
        quote: None,
        from: None,
        equity: None,
    };
    match &event.body {
        EventBody::Book(view) => {
            object.is_snapshot = Some(changes.is_snapshot);
            object.bids = Some(Levels { levels: changes.bids, scales });
            object.asks = Some(Levels { levels: changes.asks, scales });
            object.view = Some(View { view, scales });
        }
        EventBody::Trade(trade) => {
            object.trade_id = Some(trade.trade_id);
            object.price = Some(text(trade.price.0));
            object.qty = Some(qty_text(trade.qty.0));
            object.aggressor = Some(trade.aggressor.as_str());
            object.maker_order = trade.maker.map(|maker| Uuid(maker.order));
            object.maker_shown = trade.maker.map(|maker| qty_text(maker.shown.0));
        }
        EventBody::Quote(quote) => {
            let level = |level: Level| (text(level.price.0), qty_text(level.qty.0));
            object.quote = Some(Quote { bid: level(quote.bid), ask: level(quote.ask) });
        }
        EventBody::Status(status) => object.from = Some(status.from.as_str()),
        EventBody::Position(position) => {
            object.qty = Some(qty_text(position.qty.0));
            object.price = position.entry_price.map(|price| text(price.0));
            object.equity = position.equity_micros.map(|units| Text { units, scale: EQUITY_SCALE });
        }
        // Published by a view of its own.
        EventBody::Quality(_) => {}
    }
    write_json(&object, bytes);
    Ok(())
}

#[derive(Serialize)]
#[serde(bound = "B: Iterator<Item = Level> + Clone, A: Iterator<Item = Level> + Clone")]
struct Object<'a, B, A> {
    id: &'a str,
    kind: &'static str,
    venue: &'static str,
    instrument: &'a str,
    market: &'a str,
    exch_ts: Option<i64>,
    recv_ts: i64,
    first: u64,
    last: u64,
    flags: Flags,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_snapshot: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bids: Option<Levels<B>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asks: Option<Levels<A>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    view: Option<View<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trade_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qty: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggressor: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maker_order: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maker_shown: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<Quote>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    equity: Option<Text>,
}

#[derive(Serialize)]
struct Quote {
    bid: (Text, Text),
    ask: (Text, Text),
}

/// Exact decimal text.
struct Text {
    units: i64,
    scale: u8,
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_decimal(self.units.into(), self.scale, serializer)
    }
}

/// The id of an order. The only feed that tells the order of a trade names orders by UUIDs.
struct Uuid(OrderId);

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_uuid();
        serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

struct Flags(opus2_types::QualityFlags);

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.names())
    }
}

struct Levels<I> {
    levels: I,
    scales: (u8, u8),
}

impl<I: Iterator<Item = Level> + Clone> Serialize for Levels<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for level in self.levels.clone() {
            let price = Text { units: level.price.0, scale: self.scales.0 };
            seq.serialize_element(&(price, Text { units: level.qty.0, scale: self.scales.1 }))?;
        }
        seq.end()
    }
}

struct View<'a> {
    view: &'a BookView,
    scales: (u8, u8),
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(bound = "B: Iterator<Item = Level> + Clone, A: Iterator<Item = Level> + Clone")]
        struct Sides<B, A> {
            bids: Levels<B>,
            asks: Levels<A>,
        }
        Sides {
            bids: Levels {
                levels: self.view.bids().iter().copied().take(PUBLISHED_LEVELS),
                scales: self.scales,
            },
            asks: Levels {
                levels: self.view.asks().iter().copied().take(PUBLISHED_LEVELS),
                scales: self.scales,
            },
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use opus2_types::{
        Aggressor, MakerFill, Price, Qty, QualityFlags, SeqRange, TradeEvent, UnixNanos, Venue,
    };

    use super::*;

    #[test]
    fn a_trade_names_the_order_it_filled_where_the_feed_does() {
        let order = OrderId(0x60de_12d8_f80b_4848_adbc_2b17_375a_9216);
        for (maker, expect) in [
            (None, r#""aggressor":"sell"}"#),
            (
                Some(MakerFill { order, shown: Qty(1_500) }),
                r#""aggressor":"sell","maker_order":"60de12d8-f80b-4848-adbc-2b17375a9216","maker_shown":"1.5"}"#,
            ),
        ] {
            let (price, qty, aggressor) = (Price(10_050), Qty(250), Aggressor::Sell);
            let event = MarketEvent {
                id: "coinbase:BTC-USD:c:1",
                venue: Venue::Coinbase,
                symbol: "BTC-USD",
                price_scale: 2,
                qty_scale: 3,
                tick: Price(1),
                lot: Qty(1),
                exch_ts: None,
                recv_ts: UnixNanos(7),
                seq: SeqRange::default(),
                flags: QualityFlags::default(),
                body: EventBody::Trade(TradeEvent { trade_id: 3, price, qty, aggressor, maker }),
            };
            let mut bytes = Vec::new();
            write_normalized(&event, "BTC/USD*", BookState::Live, Changes::none(), &mut bytes).unwrap();
            let text = String::from_utf8(bytes).unwrap();
            let (_, trade) = text.split_once(r#""trade_id":3,"price":"100.5","qty":"0.25","#).unwrap();
            assert_eq!(trade, expect);
        }
    }
}
