//! What a frame of Coinbase Advanced Trade is about, and what those with price levels and trades say.
//!
//! Every message is an envelope around a list of events, which may be about several products.

use opus2_types::{Channel, InstrumentSpec, Level, TradeEvent, UnixNanos};

use super::message::{
    aggressor, check_text, positive_price, positive_quantity, quantity, required, side, time,
};
use crate::Reject;
use crate::feed::Levels;
use crate::json::Scanner;

/// What a WebSocket frame of the Advanced Trade feed is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvancedFrame<'a> {
    /// A numbered message.
    Message {
        /// The connection's running number: one more than that of the message before, whatever its channel.
        sequence: u64,
        /// What kind of message.
        kind: AdvancedKind,
    },
    /// A request, or the connection, has an error.
    Error {
        /// The venue's words, escapes not resolved.
        message: &'a str,
    },
}

/// The kinds of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvancedKind {
    /// `l2_data`: levels, all of them or those that changed.
    Levels,
    /// `market_trades`.
    Trades,
    /// `heartbeats`, once a second.
    Heartbeats,
    /// `subscriptions`: the complete list, after every change of it.
    Subscriptions,
    /// `ticker`, `candles`, `status`, and what is invented later.
    Other,
}

impl AdvancedKind {
    /// The channel on which a message is published for each instrument that it touches.
    #[must_use]
    pub const fn channel(self) -> Channel {
        match self {
            Self::Levels => Channel::Depth,
            Self::Trades => Channel::Trade,
            _ => Channel::Other,
        }
    }
}

/// Finds out what a frame is about. `touch` is called with the product of each event and of each trade, so that one may
/// come several times.
///
/// # Errors
/// Too large, not UTF-8, not JSON, or not an envelope.
///
/// # Source
/// Coinbase Advanced Trade, "WebSocket channels", read November 2026.
pub fn classify_advanced<'a>(
    frame: &'a [u8],
    mut touch: impl FnMut(&'a str),
) -> Result<AdvancedFrame<'a>, Reject> {
    check_text(frame)?;
    let (mut channel, mut sequence, mut name, mut message) = (None, None, None, "");
    let mut scanner = Scanner::new(frame);
    scanner.object(|scanner, key| {
        match key {
            b"channel" => channel = Some(scanner.string()?),
            b"sequence_num" => sequence = Some(scanner.u64()?),
            b"type" => name = Some(scanner.string()?),
            b"message" if scanner.peek() == b'"' => message = scanner.text()?,
            b"events" if scanner.peek() == b'[' => {
                scanner.array(|scanner| {
                    if scanner.peek() != b'{' {
                        return scanner.skip_value();
                    }
                    scanner.object(|scanner, key| match key {
                        b"product_id" => scanner.text().map(&mut touch),
                        b"trades" if scanner.peek() == b'[' => read_products(scanner, &mut touch),
                        _ => scanner.skip_value(),
                    })
                })?;
            }
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    scanner.finish()?;
    let Some(channel) = channel else {
        return match name {
            Some(b"error") => Ok(AdvancedFrame::Error { message }),
            _ => Err(Reject::MissingField { field: "channel" }),
        };
    };
    let kind = match channel {
        b"l2_data" => AdvancedKind::Levels,
        b"market_trades" => AdvancedKind::Trades,
        b"heartbeats" => AdvancedKind::Heartbeats,
        b"subscriptions" => AdvancedKind::Subscriptions,
        _ => AdvancedKind::Other,
    };
    Ok(AdvancedFrame::Message { sequence: required(sequence, "sequence_num")?, kind })
}

fn read_products<'a>(scanner: &mut Scanner<'a>, touch: &mut impl FnMut(&'a str)) -> Result<(), Reject> {
    scanner.array(|scanner| {
        scanner.object(|scanner, key| match key {
            b"product_id" => scanner.text().map(&mut *touch),
            _ => scanner.skip_value(),
        })
    })
}

/// What an `l2_data` message says of one instrument; its levels go to [`Levels`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AdvancedLevels {
    /// True when the levels are the whole book.
    pub is_snapshot: bool,
    /// True when the message says something of this instrument.
    pub is_ours: bool,
    /// When the newest level changed, or else when the message was sent.
    pub exch_ts: Option<UnixNanos>,
    /// The envelope's number.
    pub sequence: u64,
    /// Levels of a snapshot without a quantity that makes sense: left out.
    pub left_out: u64,
}

/// Reads the instrument's part of an `l2_data` message. Quantities are absolute; zero removes a level. Where the message
/// has several events of the instrument, a later snapshot replaces what came before it in the message, and later updates
/// follow in the same lists.
///
/// # Errors
/// Anything but a complete, well-formed envelope whose events of this instrument have positive prices.
pub fn read_advanced_levels(
    frame: &[u8],
    spec: &InstrumentSpec,
    levels: &mut Levels,
) -> Result<AdvancedLevels, Reject> {
    check_text(frame)?;
    levels.clear();
    let mut read = AdvancedLevels::default();
    let (mut sent, mut sequence) = (None, None);
    let mut scanner = Scanner::new(frame);
    scanner.object(|scanner, key| {
        match key {
            b"timestamp" => sent = time(scanner)?,
            b"sequence_num" => sequence = Some(scanner.u64()?),
            b"events" => scanner.array(|scanner| read_level_event(scanner, spec, levels, &mut read))?,
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    scanner.finish()?;
    read.exch_ts = read.exch_ts.or(sent);
    read.sequence = required(sequence, "sequence_num")?;
    Ok(read)
}

fn read_level_event(
    scanner: &mut Scanner<'_>,
    spec: &InstrumentSpec,
    levels: &mut Levels,
    read: &mut AdvancedLevels,
) -> Result<(), Reject> {
    let (mut is_snapshot, mut is_ours, mut updates) = (None, None, None);
    scanner.object(|scanner, key| {
        match key {
            b"type" => is_snapshot = Some(scanner.string()? == b"snapshot"),
            b"product_id" => is_ours = Some(scanner.string()? == spec.symbol.as_bytes()),
            b"updates" => {
                updates = Some(*scanner);
                // The venue names the product first: only what is ours is read twice.
                scanner.skip_value()?;
            }
            _ => scanner.skip_value()?,
        }
        Ok(())
    })?;
    if !required(is_ours, "product_id")? {
        return Ok(());
    }
    read.is_ours = true;
    let is_snapshot = required(is_snapshot, "type")?;
    if is_snapshot {
        levels.clear();
        read.is_snapshot = true;
    }
    let mut changed_at = None;
    required(updates, "updates")?.array(|scanner| {
        let (mut of_side, mut price, mut qty) = (None, None, None);
        scanner.object(|scanner, key| {
            match key {
                b"side" => of_side = Some(side(scanner)?),
                b"price_level" => price = Some(positive_price(scanner, spec)?),
                b"new_quantity" => qty = Some(*scanner),
                b"event_time" => changed_at = Some(*scanner),
                _ => {}
            }
            if matches!(key, b"side" | b"price_level") { Ok(()) } else { scanner.skip_value() }
        })?;
        let (of_side, price) = (required(of_side, "side")?, required(price, "price_level")?);
        match quantity(&mut required(qty, "new_quantity")?, spec) {
            Ok(qty) => levels.side_mut(of_side).push(Level { price, qty }),
            Err(Reject::BadQuantity | Reject::BadNumber(_)) if is_snapshot => read.left_out += 1,
            Err(reject) => return Err(reject),
        }
        Ok(())
    })?;
    // A snapshot may say 1970 of its levels: then the time of the message is the best there is.
    if let Some(mut changed_at) = changed_at {
        read.exch_ts = time(&mut changed_at)?.or(read.exch_ts);
    }
    Ok(())
}

/// One trade of a `market_trades` message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvancedTrade {
    /// The trade.
    pub event: TradeEvent,
    /// When the venue says so.
    pub exch_ts: Option<UnixNanos>,
    /// True in the list of past trades with which the channel begins.
    pub is_of_the_past: bool,
}

/// Reads the instrument's part of a `market_trades` message into `trades`, oldest first.
///
/// The venue names the **maker's** side: `SELL` means that the aggressor bought. In the recording of August 2026 the
/// trades at the best ask are the `SELL`s, as they are then.
///
/// # Errors
/// Anything but a complete, well-formed envelope whose trades of this instrument have positive prices and quantities.
pub fn read_advanced_trades(
    frame: &[u8],
    spec: &InstrumentSpec,
    trades: &mut Vec<AdvancedTrade>,
) -> Result<(), Reject> {
    check_text(frame)?;
    trades.clear();
    let mut scanner = Scanner::new(frame);
    scanner.object(|scanner, key| match key {
        b"events" => scanner.array(|scanner| {
            let (mut is_snapshot, first) = (false, trades.len());
            scanner.object(|scanner, key| match key {
                b"type" => scanner.string().map(|name| is_snapshot = name == b"snapshot"),
                b"trades" => scanner.array(|scanner| read_trade(scanner, spec, trades)),
                _ => scanner.skip_value(),
            })?;
            trades[first..].iter_mut().for_each(|trade| trade.is_of_the_past = is_snapshot);
            Ok(())
        }),
        _ => scanner.skip_value(),
    })?;
    scanner.finish()?;
    trades.sort_unstable_by_key(|trade| trade.event.trade_id);
    Ok(())
}

fn read_trade(
    scanner: &mut Scanner<'_>,
    spec: &InstrumentSpec,
    trades: &mut Vec<AdvancedTrade>,
) -> Result<(), Reject> {
    let (mut is_ours, mut trade_id, mut price, mut qty) = (None, None, None, None);
    let (mut maker, mut at) = (None, None);
    scanner.object(|scanner, key| {
        let here = Some(*scanner);
        match key {
            b"product_id" => {
                is_ours = Some(scanner.string()? == spec.symbol.as_bytes());
                return Ok(());
            }
            b"trade_id" => trade_id = here,
            b"price" => price = here,
            b"size" => qty = here,
            b"side" => maker = here,
            b"time" => at = here,
            _ => {}
        }
        scanner.skip_value()
    })?;
    // Another instrument's numbers may have another scale.
    if !required(is_ours, "product_id")? {
        return Ok(());
    }
    let mut id = Scanner::new(required(trade_id, "trade_id")?.string()?);
    let trade_id = id.u64()?;
    id.finish()?;
    let event = TradeEvent {
        trade_id,
        price: positive_price(&mut required(price, "price")?, spec)?,
        qty: positive_quantity(&mut required(qty, "size")?, spec)?,
        aggressor: aggressor(side(&mut required(maker, "side")?)?),
        maker: None,
    };
    let exch_ts = at.map_or(Ok(None), |mut at| time(&mut at))?;
    trades.push(AdvancedTrade { event, exch_ts, is_of_the_past: false });
    Ok(())
}
