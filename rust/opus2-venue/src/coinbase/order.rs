//! The order-by-order messages: `full`'s objects, `level3`'s arrays, and the REST book of every order.

use opus2_types::{InstrumentSpec, Order, OrderId, Price, Qty, Side, TradeEvent, UnixNanos};
use serde::{Deserialize, Serialize};

use super::message::{
    aggressor, check_text, positive_price, positive_quantity, quantity, read_object, required, side, time,
};
use crate::Reject;
use crate::json::Scanner;

/// One message of an instrument's numbered stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMessage {
    /// One more than that of the message before.
    pub sequence: u64,
    /// When the venue says so.
    pub exch_ts: Option<UnixNanos>,
    /// What it does to the book.
    pub event: OrderEvent,
}

/// What a message does to the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderEvent {
    /// An order rests, behind all others of its price.
    Open(Side, Order),
    /// A part of a resting order is executed.
    Match(OrderId, Qty),
    /// An order has another quantity and perhaps another price. It need not rest (yet).
    Change(OrderId, Option<Price>, Qty),
    /// An order is over. It need not have rested.
    Done(OrderId),
    /// Nothing: the message only takes up a number.
    Nothing,
}

/// Reads an object of the `full` channel; of a match the trade too. `None` for a message outside the numbered stream.
///
/// # Errors
/// Anything but a complete, well-formed message of this instrument.
///
/// # Source
/// Coinbase Exchange, "Full channel", read November 2026.
pub fn read_full(
    frame: &[u8],
    spec: &InstrumentSpec,
) -> Result<Option<(OrderMessage, Option<TradeEvent>)>, Reject> {
    let mut found = Found::default();
    read_object(frame, spec, |scanner, key| {
        let at = *scanner;
        match key {
            b"type" => {
                found.name = scanner.string()?;
                return Ok(());
            }
            b"sequence" if scanner.peek() != b'"' => {
                found.sequence = Some(scanner.u64()?);
                return Ok(());
            }
            b"time" => {
                found.exch_ts = time(scanner)?;
                return Ok(());
            }
            b"trade_id" => {
                found.trade_id = Some(scanner.u64()?);
                return Ok(());
            }
            b"order_id" => found.order = Some(at),
            b"maker_order_id" => found.maker = Some(at),
            b"side" => found.side = Some(at),
            b"price" => found.price = Some(at),
            b"size" | b"remaining_size" => found.size = Some(at),
            b"new_price" => found.new_price = Some(at),
            b"new_size" => found.new_size = Some(at),
            _ => {}
        }
        scanner.skip_value()
    })?;
    found.message(spec)
}

/// The fields of a message, those that only some kinds need not yet read.
#[derive(Default)]
struct Found<'a> {
    name: &'a [u8],
    sequence: Option<u64>,
    exch_ts: Option<UnixNanos>,
    trade_id: Option<u64>,
    order: Option<Scanner<'a>>,
    maker: Option<Scanner<'a>>,
    side: Option<Scanner<'a>>,
    price: Option<Scanner<'a>>,
    size: Option<Scanner<'a>>,
    new_price: Option<Scanner<'a>>,
    new_size: Option<Scanner<'a>>,
}

impl Found<'_> {
    fn message(self, spec: &InstrumentSpec) -> Result<Option<(OrderMessage, Option<TradeEvent>)>, Reject> {
        // A stop order's activation is for its owner's eyes and has no number.
        let (Some(sequence), false) = (self.sequence, self.name == b"heartbeat" || self.name == b"ticker")
        else {
            let needs_number = matches!(self.name, b"received" | b"open" | b"done" | b"match" | b"change");
            return if needs_number { Err(Reject::MissingField { field: "sequence" }) } else { Ok(None) };
        };
        let mut trade = None;
        let event = match self.name {
            b"open" => {
                let order = Order {
                    id: id(&mut required(self.order, "order_id")?)?,
                    price: positive_price(&mut required(self.price, "price")?, spec)?,
                    qty: positive_quantity(&mut required(self.size, "remaining_size")?, spec)?,
                };
                OrderEvent::Open(side(&mut required(self.side, "side")?)?, order)
            }
            b"match" => {
                let qty = positive_quantity(&mut required(self.size, "size")?, spec)?;
                let maker = side(&mut required(self.side, "side")?)?;
                trade = Some(TradeEvent {
                    trade_id: required(self.trade_id, "trade_id")?,
                    price: positive_price(&mut required(self.price, "price")?, spec)?,
                    qty,
                    aggressor: aggressor(maker),
                    maker: None,
                });
                OrderEvent::Match(id(&mut required(self.maker, "maker_order_id")?)?, qty)
            }
            b"change" => self.change(spec)?,
            b"done" => OrderEvent::Done(id(&mut required(self.order, "order_id")?)?),
            _ => OrderEvent::Nothing,
        };
        Ok(Some((OrderMessage { sequence, exch_ts: self.exch_ts, event }, trade)))
    }

    /// A change of a market order names funds, or a price of `null`: such an order does not rest.
    fn change(&self, spec: &InstrumentSpec) -> Result<OrderEvent, Reject> {
        let order = id(&mut required(self.order, "order_id")?)?;
        let Some(mut size) = self.new_size.filter(|size| is_string(*size)) else {
            return Ok(OrderEvent::Nothing);
        };
        let price = self.new_price.or(self.price).filter(|price| is_string(*price));
        let price = price.map(|mut price| positive_price(&mut price, spec)).transpose()?;
        Ok(OrderEvent::Change(order, price, quantity(&mut size, spec)?))
    }
}

fn is_string(mut at: Scanner<'_>) -> bool {
    at.peek() == b'"'
}

/// An order's id: a UUID.
fn id(scanner: &mut Scanner<'_>) -> Result<OrderId, Reject> {
    OrderId::from_uuid(scanner.string()?).ok_or(Reject::BadOrderId)
}

/// The most fields of an array of the `level3` channel.
const COLUMNS_MAX: usize = 16;

/// What a field of an array means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
enum Column {
    #[default]
    Unknown,
    Product,
    Sequence,
    Order,
    Side,
    Price,
    Size,
    Time,
}

type Columns = [Column; COLUMNS_MAX];

/// What the fields of the `level3` channel's arrays mean, by kind of message: the channel's first message says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Schema {
    open: Columns,
    matched: Columns,
    change: Columns,
    done: Columns,
    noop: Columns,
}

impl Schema {
    /// Reads the channel's first message.
    ///
    /// # Errors
    /// Not a schema, or one that lacks what a kind cannot do without.
    pub fn read(frame: &[u8]) -> Result<Self, Reject> {
        check_text(frame)?;
        let mut schema = Self::default();
        let mut scanner = Scanner::new(frame);
        scanner.object(|scanner, key| match key {
            b"schema" => scanner.object(|scanner, kind| match schema.columns_mut(kind) {
                Some(columns) => read_columns(scanner, columns),
                None => scanner.skip_value(),
            }),
            _ => scanner.skip_value(),
        })?;
        scanner.finish()?;
        let needs = |columns: &Columns, needed: &[Column]| needed.iter().all(|one| columns.contains(one));
        let base = [Column::Product, Column::Sequence];
        let is_complete = [schema.open, schema.matched, schema.change, schema.done, schema.noop]
            .iter()
            .all(|columns| needs(columns, &base))
            && needs(&schema.open, &[Column::Order, Column::Side, Column::Price, Column::Size])
            && needs(&schema.matched, &[Column::Order, Column::Size])
            && needs(&schema.change, &[Column::Order, Column::Size])
            && needs(&schema.done, &[Column::Order]);
        if is_complete { Ok(schema) } else { Err(Reject::MissingField { field: "schema" }) }
    }

    fn columns_mut(&mut self, kind: &[u8]) -> Option<&mut Columns> {
        Some(match kind {
            b"open" => &mut self.open,
            b"match" => &mut self.matched,
            b"change" => &mut self.change,
            b"done" => &mut self.done,
            b"noop" => &mut self.noop,
            _ => return None,
        })
    }

    /// Reads an array of the `level3` channel. It has no trade number and no side: trades come by `matches`.
    ///
    /// # Errors
    /// Anything but a complete, well-formed message of this instrument.
    ///
    /// # Source
    /// Coinbase Exchange, "Level3 channel", read November 2026.
    pub fn read_array(&self, frame: &[u8], spec: &InstrumentSpec) -> Result<OrderMessage, Reject> {
        check_text(frame)?;
        let mut scanner = Scanner::new(frame);
        let (mut at, mut kind, mut columns) = (0, &b""[..], Columns::default());
        let (mut is_ours, mut sequence, mut exch_ts) = (None, None, None);
        let (mut order, mut of_side, mut price, mut size) = (None, None, None, None);
        scanner.array(|scanner| {
            if at == 0 {
                kind = scanner.string()?;
                columns = match kind {
                    b"open" => self.open,
                    b"match" => self.matched,
                    b"change" => self.change,
                    b"done" => self.done,
                    // A kind invented later has the fields that all have where `noop` has them.
                    _ => self.noop,
                };
            } else {
                match columns.get(at).copied().unwrap_or_default() {
                    Column::Product => is_ours = Some(scanner.string()? == spec.symbol.as_bytes()),
                    Column::Sequence => sequence = Some(number(scanner)?),
                    Column::Order => order = Some(id(scanner)?),
                    Column::Side => of_side = Some(side(scanner)?),
                    Column::Price if scanner.peek() == b'"' => price = Some(positive_price(scanner, spec)?),
                    Column::Size if scanner.peek() == b'"' => size = Some(quantity(scanner, spec)?),
                    Column::Time => exch_ts = time(scanner)?,
                    _ => scanner.skip_value()?,
                }
            }
            at += 1;
            Ok(())
        })?;
        scanner.finish()?;
        if !required(is_ours, "product_id")? {
            return Err(Reject::WrongSymbol);
        }
        let size_of_something = || match required(size, "size")? {
            Qty(0) => Err(Reject::BadQuantity),
            qty => Ok(qty),
        };
        let event = match kind {
            b"open" => {
                let id = required(order, "order_id")?;
                let order = Order { id, price: required(price, "price")?, qty: size_of_something()? };
                OrderEvent::Open(required(of_side, "side")?, order)
            }
            b"match" => OrderEvent::Match(required(order, "maker_order_id")?, size_of_something()?),
            // Without a size it is a market order's, which does not rest.
            b"change" => match size {
                Some(size) => OrderEvent::Change(required(order, "order_id")?, price, size),
                None => OrderEvent::Nothing,
            },
            b"done" => OrderEvent::Done(required(order, "order_id")?),
            _ => OrderEvent::Nothing,
        };
        Ok(OrderMessage { sequence: required(sequence, "sequence")?, exch_ts, event })
    }
}

fn read_columns(scanner: &mut Scanner<'_>, columns: &mut Columns) -> Result<(), Reject> {
    let mut at = 0;
    scanner.array(|scanner| {
        let name = scanner.string()?;
        let bad = scanner.bad();
        *columns.get_mut(at).ok_or(bad)? = match name {
            b"product_id" => Column::Product,
            b"sequence" => Column::Sequence,
            b"order_id" | b"maker_order_id" => Column::Order,
            b"side" => Column::Side,
            b"price" => Column::Price,
            b"size" => Column::Size,
            b"time" => Column::Time,
            _ => Column::Unknown,
        };
        at += 1;
        Ok(())
    })
}

/// A whole number, with or without quotes.
fn number(scanner: &mut Scanner<'_>) -> Result<u64, Reject> {
    if scanner.peek() != b'"' {
        return scanner.u64();
    }
    let mut inner = Scanner::new(scanner.string()?);
    let number = inner.u64()?;
    inner.finish()?;
    Ok(number)
}

/// The head of a REST book; its orders go to the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderSnapshot {
    /// The number of the last message it includes.
    pub sequence: u64,
    /// When the venue says so.
    pub exch_ts: Option<UnixNanos>,
}

/// Reads the body of `GET /products/{id}/book?level=3`. Orders of one price come in the order of their queue.
///
/// The body names no instrument: that it belongs to this one is its record's word.
///
/// # Errors
/// Anything but a complete answer with positive prices and quantities, each side sorted best first.
pub fn read_order_snapshot(
    body: &[u8],
    spec: &InstrumentSpec,
    bids: &mut Vec<Order>,
    asks: &mut Vec<Order>,
) -> Result<OrderSnapshot, Reject> {
    check_text(body)?;
    let (mut sequence, mut exch_ts, mut has_bids, mut has_asks) = (None, None, false, false);
    let mut scanner = Scanner::new(body);
    scanner.object(|scanner, key| {
        match key {
            b"sequence" => sequence = Some(number(scanner)?),
            b"time" => exch_ts = time(scanner)?,
            b"bids" => {
                has_bids = true;
                read_orders(scanner, spec, bids)?;
            }
            b"asks" => {
                has_asks = true;
                read_orders(scanner, spec, asks)?;
            }
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    scanner.finish()?;
    if !(has_bids && has_asks) {
        return Err(Reject::MissingField { field: if has_bids { "asks" } else { "bids" } });
    }
    let is_sorted = bids.windows(2).all(|pair| pair[0].price >= pair[1].price)
        && asks.windows(2).all(|pair| pair[0].price <= pair[1].price);
    if !is_sorted {
        return Err(Reject::LevelsOutOfOrder);
    }
    Ok(OrderSnapshot { sequence: required(sequence, "sequence")?, exch_ts })
}

fn read_orders(
    scanner: &mut Scanner<'_>,
    spec: &InstrumentSpec,
    orders: &mut Vec<Order>,
) -> Result<(), Reject> {
    orders.clear();
    scanner.array(|scanner| {
        scanner.expect(b'[')?;
        let price = positive_price(scanner, spec)?;
        scanner.expect(b',')?;
        let qty = positive_quantity(scanner, spec)?;
        scanner.expect(b',')?;
        let id = id(scanner)?;
        while scanner.eat(b',') {
            scanner.skip_value()?;
        }
        orders.push(Order { id, price, qty });
        scanner.expect(b']')
    })
}
