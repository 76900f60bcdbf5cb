//! Reading v2 `level3` messages of one instrument: every order.

use opus2_types::{InstrumentSpec, Order, OrderId, Side, UnixNanos};

use super::book::{BookHead, for_each_entry, level, read_checksum, time};
use super::message::required;
use crate::Reject;
use crate::json::Scanner;

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderAction {
    /// It rests; in snapshots, every order does.
    Add,
    /// Its quantity, or its price, is another.
    Modify,
    /// It is gone. Price and quantity mean nothing and may be zero.
    Delete,
}

/// One entry of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderEvent {
    /// What happened.
    pub action: OrderAction,
    /// The order's side.
    pub side: Side,
    /// The order as it is now.
    pub order: Order,
    /// When it was inserted or last amended.
    pub order_ts: UnixNanos,
}

/// Reads a `level3` message of the instrument, snapshot or update, into `events`: bids, then asks, in the venue's order.
///
/// Entries of other instruments in the same message are passed over.
///
/// # Errors
/// Anything but a complete, well-formed message; [`Reject::WrongSymbol`] when it has no entry of this instrument.
pub fn read_orders(
    frame: &[u8],
    spec: &InstrumentSpec,
    events: &mut Vec<OrderEvent>,
) -> Result<BookHead, Reject> {
    events.clear();
    let mut head = None;
    for_each_entry(frame, |scanner| {
        let kept = events.len();
        let (mut is_ours, mut checksum, mut exch_ts, mut sides) = (None, None, None, 0);
        scanner.object(|scanner, key| {
            let side = match key {
                b"bids" => Side::Bid,
                b"asks" => Side::Ask,
                b"symbol" => {
                    is_ours = Some(scanner.string()? == spec.symbol.as_bytes());
                    return Ok(());
                }
                b"checksum" => {
                    checksum = Some(read_checksum(scanner)?);
                    return Ok(());
                }
                b"timestamp" => {
                    exch_ts = Some(time(scanner)?);
                    return Ok(());
                }
                _ => return scanner.skip_value(),
            };
            sides += 1;
            scanner.array(|scanner| {
                events.push(read_event(scanner, spec, side)?);
                Ok(())
            })
        })?;
        if !required(is_ours, "symbol")? {
            events.truncate(kept);
        } else if sides == 0 {
            return Err(Reject::MissingField { field: "bids or asks" });
        } else {
            head = Some(BookHead { exch_ts, checksum: required(checksum, "checksum")? });
        }
        Ok(())
    })?;
    head.ok_or(Reject::WrongSymbol)
}

fn read_event(scanner: &mut Scanner<'_>, spec: &InstrumentSpec, side: Side) -> Result<OrderEvent, Reject> {
    let (mut action, mut id, mut price, mut qty, mut order_ts) = (OrderAction::Add, None, None, None, None);
    scanner.object(|scanner, key| {
        match key {
            b"event" => {
                action = match scanner.string()? {
                    b"add" => OrderAction::Add,
                    b"modify" => OrderAction::Modify,
                    b"delete" => OrderAction::Delete,
                    _ => return Err(scanner.bad()),
                };
            }
            b"order_id" => id = Some(OrderId::from_text(scanner.string()?).ok_or(scanner.bad())?),
            b"limit_price" => price = Some(scanner.number(spec.price_scale)?),
            b"order_qty" => qty = Some(scanner.number(spec.qty_scale)?),
            b"timestamp" => order_ts = Some(time(scanner)?),
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    let id = required(id, "order_id")?;
    let order = if action == OrderAction::Delete {
        Order { id, ..Order::default() }
    } else {
        let level = level(required(price, "limit_price")?, required(qty, "order_qty")?)?;
        if level.qty.0 == 0 {
            return Err(Reject::BadQuantity);
        }
        Order { id, price: level.price, qty: level.qty }
    };
    Ok(OrderEvent { action, side, order, order_ts: required(order_ts, "timestamp")? })
}
