//! What a frame of Kraken is about: which instrument it belongs to, or what it says about the connection.
//!
//! Both generations of the protocol are told apart by their form: v2 messages are objects with `channel` or `method`, v1
//! messages are arrays, or objects with `event`.

use opus2_types::Channel;

use super::v1;
use crate::Reject;
use crate::json::Scanner;

/// The largest message that is read. The largest the venue sends, a `level3` snapshot of a thousand levels a side or the
/// list of all pairs, is below 4 MiB.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// What a WebSocket frame is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message of one instrument.
    Instrument {
        /// Its symbol, as the venue writes it.
        symbol: &'a str,
        /// What kind of message.
        channel: Channel,
        /// Which of the venue's books it belongs to, if it belongs to one.
        book: Option<Book>,
    },
    /// A message of the v2 channel `instrument`: see [`read_pairs`](super::read_pairs).
    Pairs,
    /// A message about the connection.
    Control(Control<'a>),
}

/// The venue's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Book {
    /// v2 `book`. Its depth is in the subscription's [`Ack`].
    Levels,
    /// v2 `level3`, order by order. Its depth is in the subscription's [`Ack`].
    Orders,
    /// v1 `book-N`.
    V1 {
        /// The `N`.
        depth: u16,
    },
}

/// A message about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control<'a> {
    /// A subscription was made, ended or refused: one message for each symbol.
    Ack(Ack<'a>),
    /// What the trading engine does: sent on connect and when it changes.
    Status {
        /// `online`, `cancel_only`, `maintenance`, `post_only`.
        system: &'a str,
    },
    /// The connection is alive: about once a second while nothing else is sent and something is subscribed.
    Heartbeat,
    /// Answer to a ping.
    Pong,
    /// A request that was neither a subscription nor a ping was refused, or a v1 error.
    Error {
        /// The venue's words, escapes not resolved.
        message: &'a str,
    },
}

/// What became of a subscription request for one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ack<'a> {
    /// True for `subscribe`, false for `unsubscribe`.
    pub is_subscribe: bool,
    /// True when it was done.
    pub is_success: bool,
    /// The channel; may be missing in a refusal.
    pub channel: Option<&'a str>,
    /// The symbol; may be missing in a refusal, and is in acknowledgements of `instrument`.
    pub symbol: Option<&'a str>,
    /// The depth granted, of a book.
    pub depth: Option<u16>,
    /// The venue's words, in a refusal.
    pub error: Option<&'a str>,
    /// The request's `req_id`.
    pub request: Option<u64>,
}

/// Finds out what a frame is about, reading no more of it than that takes.
///
/// That the rest of the frame is well formed is found out by the instrument's [`Feed`](crate::Feed).
///
/// A v2 message is taken to be about the symbol of its first entry; the venue sends one message for each symbol.
///
/// # Errors
/// Too large, not UTF-8, not JSON, or none of the venue's messages.
///
/// # Source
/// Kraken WebSocket v2, "General messaging", "Status", "Heartbeat", "Ping" and the channels' pages; v1 pages for arrays.
pub fn classify(frame: &[u8]) -> Result<Frame<'_>, Reject> {
    check_text(frame)?;
    let mut scanner = Scanner::new(frame);
    if scanner.eat_text(b"{\"channel\":\"heartbeat\"}") {
        scanner.finish()?;
        return Ok(Frame::Control(Control::Heartbeat));
    }
    for (head, channel, book) in HEADS {
        if scanner.eat_text(head) {
            return Ok(Frame::Instrument { symbol: string(&mut scanner)?, channel, book });
        }
    }
    if scanner.peek() == b'[' { v1::classify(frame) } else { classify_object(scanner) }
}

/// How the venue begins nearly all of its messages.
const HEADS: [(&[u8], Channel, Option<Book>); 6] = [
    (br#"{"channel":"book","type":"update","data":[{"symbol":"#, Channel::Depth, Some(Book::Levels)),
    (br#"{"channel":"level3","type":"update","data":[{"symbol":"#, Channel::Depth, Some(Book::Orders)),
    (br#"{"channel":"ticker","type":"update","data":[{"symbol":"#, Channel::Quote, None),
    (br#"{"channel":"trade","type":"update","data":[{"symbol":"#, Channel::Trade, None),
    (br#"{"channel":"book","type":"snapshot","data":[{"symbol":"#, Channel::Snapshot, Some(Book::Levels)),
    (br#"{"channel":"level3","type":"snapshot","data":[{"symbol":"#, Channel::Snapshot, Some(Book::Orders)),
];

/// The fields of an object, in any order, of either generation.
#[derive(Default)]
struct Found<'a> {
    channel: Option<&'a str>,
    kind: Option<&'a str>,
    method: Option<&'a str>,
    event: Option<&'a str>,
    /// `symbol` of the first entry of `data`.
    data_symbol: Option<&'a str>,
    /// `system` of the first entry of `data`, or `status` of a v1 message.
    system: Option<&'a str>,
    ack: Ack<'a>,
    v1: v1::Subscription<'a>,
}

fn classify_object(mut scanner: Scanner<'_>) -> Result<Frame<'_>, Reject> {
    let mut found = Found::default();
    scanner.object(|scanner, key| {
        match key {
            b"channel" => found.channel = Some(string(scanner)?),
            b"type" => found.kind = Some(string(scanner)?),
            b"method" => found.method = Some(string(scanner)?),
            b"event" => found.event = Some(string(scanner)?),
            b"data" if scanner.peek() == b'[' => read_first_entry(scanner, &mut found)?,
            b"result" if scanner.peek() == b'{' => read_result(scanner, &mut found.ack)?,
            b"success" => found.ack.is_success = scanner.bool()?,
            b"error" | b"errorMessage" if scanner.peek() == b'"' => found.ack.error = Some(string(scanner)?),
            b"symbol" if scanner.peek() == b'"' => found.ack.symbol = Some(string(scanner)?),
            b"req_id" if scanner.peek().is_ascii_digit() => found.ack.request = Some(scanner.u64()?),
            b"status" if scanner.peek() == b'"' => found.system = Some(string(scanner)?),
            _ => found.v1.read(scanner, key)?,
        }
        Ok(())
    })?;
    scanner.finish()?;
    if let Some(channel) = found.channel {
        return of_channel(channel, &found);
    }
    match (found.method, found.event) {
        (Some("subscribe"), _) => Ok(Frame::Control(Control::Ack(Ack { is_subscribe: true, ..found.ack }))),
        (Some("unsubscribe"), _) => Ok(Frame::Control(Control::Ack(found.ack))),
        (Some("pong"), _) | (_, Some("pong")) => Ok(Frame::Control(Control::Pong)),
        (_, Some("heartbeat")) => Ok(Frame::Control(Control::Heartbeat)),
        (_, Some("systemStatus")) => {
            Ok(Frame::Control(Control::Status { system: required(found.system, "status")? }))
        }
        (_, Some("subscriptionStatus")) => {
            let status = required(found.system, "status")?;
            Ok(Frame::Control(Control::Ack(found.v1.ack(status, found.ack.error))))
        }
        _ => match found.ack.error {
            Some(message) => Ok(Frame::Control(Control::Error { message })),
            None => Err(Reject::MissingField { field: "channel, method or event" }),
        },
    }
}

fn of_channel<'a>(channel: &str, found: &Found<'a>) -> Result<Frame<'a>, Reject> {
    let is_snapshot = found.kind == Some("snapshot");
    let (channel, book) = match channel {
        "heartbeat" => return Ok(Frame::Control(Control::Heartbeat)),
        "status" => {
            return Ok(Frame::Control(Control::Status { system: required(found.system, "system")? }));
        }
        "instrument" => return Ok(Frame::Pairs),
        "book" => (if is_snapshot { Channel::Snapshot } else { Channel::Depth }, Some(Book::Levels)),
        "level3" => (if is_snapshot { Channel::Snapshot } else { Channel::Depth }, Some(Book::Orders)),
        // A snapshot repeats trades of the past.
        "trade" if !is_snapshot => (Channel::Trade, None),
        "ticker" => (Channel::Quote, None),
        _ => (Channel::Other, None),
    };
    Ok(Frame::Instrument { symbol: required(found.data_symbol, "symbol")?, channel, book })
}

fn read_first_entry<'a>(scanner: &mut Scanner<'a>, found: &mut Found<'a>) -> Result<(), Reject> {
    let mut is_first = true;
    scanner.array(|scanner| {
        if !std::mem::take(&mut is_first) || scanner.peek() != b'{' {
            return scanner.skip_value();
        }
        scanner.object(|scanner, key| {
            match key {
                b"symbol" => found.data_symbol = Some(string(scanner)?),
                b"system" => found.system = Some(string(scanner)?),
                _ => scanner.skip_value()?,
            }
            Ok(())
        })
    })
}

fn read_result<'a>(scanner: &mut Scanner<'a>, ack: &mut Ack<'a>) -> Result<(), Reject> {
    scanner.object(|scanner, key| {
        match key {
            b"channel" => ack.channel = Some(string(scanner)?),
            b"symbol" if scanner.peek() == b'"' => ack.symbol = Some(string(scanner)?),
            b"depth" => ack.depth = Some(depth(scanner)?),
            _ => scanner.skip_value()?,
        }
        Ok(())
    })
}

pub(super) fn depth(scanner: &mut Scanner<'_>) -> Result<u16, Reject> {
    u16::try_from(scanner.u64()?).map_err(|_| scanner.bad())
}

/// The text of the next string, escapes not resolved.
pub(super) fn string<'a>(scanner: &mut Scanner<'a>) -> Result<&'a str, Reject> {
    text(scanner.string()?)
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, Reject> {
    std::str::from_utf8(bytes).map_err(|_| Reject::NotUtf8)
}

pub(super) fn check_text(frame: &[u8]) -> Result<(), Reject> {
    if frame.len() > FRAME_BYTES_MAX {
        return Err(Reject::Oversize { bytes: frame.len(), limit: FRAME_BYTES_MAX });
    }
    text(frame).map(|_| ())
}

pub(super) fn required<T>(value: Option<T>, field: &'static str) -> Result<T, Reject> {
    value.ok_or(Reject::MissingField { field })
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
