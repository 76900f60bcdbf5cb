//! Asking for streams: stream names, the address of a combined connection, and SUBSCRIBE messages.
//!
//! As many streams as fit go into the address, so that they are open when the connection is; the rest follow as
//! SUBSCRIBE messages, which the session paces ([`CONTROL_FRAMES_PER_SEC_MAX`]).

use std::fmt::Write as _;

/// The most streams one connection may have. Source: Binance WebSocket streams, "Limits", read November 2026.
pub const STREAMS_PER_CONNECTION_MAX: usize = 1024;

/// How many messages a second we send at most. The venue disconnects above five, and counts our pongs too.
pub const CONTROL_FRAMES_PER_SEC_MAX: u32 = 3;

/// The longest address we ask for. Proxies and servers refuse request lines from 8 KiB upwards.
pub const ADDRESS_BYTES_MAX: usize = 4096;

/// The longest SUBSCRIBE message we send. Longer ones have been refused as a payload too long.
pub const SUBSCRIBE_BYTES_MAX: usize = 4096;

/// The streams of an instrument that we follow, in the order in which they are asked for: depth first, because a book
/// may only be joined with a snapshot that was taken after its deltas began.
pub const STREAMS: [&str; 3] = ["depth@100ms", "trade", "bookTicker"];

/// The most instruments one connection can follow.
pub const INSTRUMENTS_PER_CONNECTION_MAX: usize = STREAMS_PER_CONNECTION_MAX / STREAMS.len();

/// More instruments than one connection may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{instruments} instruments have more than the {STREAMS_PER_CONNECTION_MAX} streams a connection may have; \
     give a connection at most {INSTRUMENTS_PER_CONNECTION_MAX} instruments"
)]
pub struct TooManyStreams {
    /// How many were asked for.
    pub instruments: usize,
}

/// How one connection asks for the streams of its instruments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// What follows the host in the connection's address, percent-encoded: `/stream?streams=…&timeUnit=MICROSECOND`.
    pub path: String,
    /// SUBSCRIBE messages for the streams that did not fit, to be sent in order, paced.
    pub messages: Vec<String>,
}

impl Subscription {
    /// The subscription for these symbols, as the venue writes them (`BTCUSDT`).
    ///
    /// Timestamps are asked for in microseconds. A stream is named by the symbol in (ASCII) lower case; symbols may be any
    /// UTF-8 text, and what an address cannot carry is percent-encoded.
    ///
    /// # Errors
    /// More instruments than [`INSTRUMENTS_PER_CONNECTION_MAX`].
    ///
    /// # Source
    /// Binance WebSocket streams, "General information" and "Live subscribing/unsubscribing", read November 2026.
    ///
    /// ```
    /// let subscription = opus2_venue::binance::Subscription::new(["BTCUSDT"])?;
    /// assert_eq!(
    ///     subscription.path,
    ///     "/stream?streams=btcusdt@depth@100ms/btcusdt@trade/btcusdt@bookTicker&timeUnit=MICROSECOND"
    /// );
    /// # Ok::<(), opus2_venue::binance::TooManyStreams>(())
    /// ```
    pub fn new<'a>(symbols: impl IntoIterator<Item = &'a str>) -> Result<Self, TooManyStreams> {
        let symbols: Vec<String> = symbols.into_iter().map(str::to_ascii_lowercase).collect();
        if symbols.len() > INSTRUMENTS_PER_CONNECTION_MAX {
            return Err(TooManyStreams { instruments: symbols.len() });
        }
        let streams = symbols.iter().flat_map(|symbol| STREAMS.map(|stream| format!("{symbol}@{stream}")));
        let mut path = String::from("/stream?streams=");
        let mut messages = Messages::default();
        let mut is_address_full = false;
        let mut separator = "";
        for stream in streams {
            let encoded = percent_encode(&stream);
            is_address_full |=
                path.len() + separator.len() + encoded.len() + TIME_UNIT.len() > ADDRESS_BYTES_MAX;
            if is_address_full {
                messages.add(&stream);
            } else {
                path.push_str(separator);
                path.push_str(&encoded);
                separator = "/";
            }
        }
        path.push_str(TIME_UNIT);
        Ok(Self { path, messages: messages.finish() })
    }
}

/// The path and query of a depth snapshot: `/api/v3/depth?symbol=BTCUSDT&limit=1000`.
#[must_use]
pub fn snapshot_path(symbol: &str, levels: u16) -> String {
    format!("/api/v3/depth?symbol={}&limit={levels}", percent_encode(symbol))
}

/// The path and query of the instrument list.
pub const EXCHANGE_INFO_PATH: &str = "/api/v3/exchangeInfo?showPermissionSets=false";

const TIME_UNIT: &str = "&timeUnit=MICROSECOND";

/// SUBSCRIBE messages, each filled as far as it may be.
#[derive(Default)]
struct Messages {
    done: Vec<String>,
    open: String,
}

impl Messages {
    fn add(&mut self, stream: &str) {
        let name = serde_json::Value::from(stream).to_string();
        if !self.open.is_empty() && self.open.len() + name.len() + CLOSING_BYTES > SUBSCRIBE_BYTES_MAX {
            self.close();
        }
        self.open.push_str(if self.open.is_empty() { r#"{"method":"SUBSCRIBE","params":["# } else { "," });
        self.open.push_str(&name);
    }

    fn close(&mut self) {
        let id = self.done.len() + 1;
        let mut message = std::mem::take(&mut self.open);
        write!(message, r#"],"id":{id}}}"#).expect("writing to a string cannot fail");
        self.done.push(message);
    }

    fn finish(mut self) -> Vec<String> {
        if !self.open.is_empty() {
            self.close();
        }
        self.done
    }
}

/// Room for `],"id":1024}` and the comma before the last name.
const CLOSING_BYTES: usize = 13;

/// Keeps what RFC 3986 allows in a query, without `&`, `=`, `+` and `/`, which mean something there.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => {
                encoded.push(byte as char);
            }
            _ => write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The streams asked for, in order, whichever way.
    fn streams(subscription: &Subscription) -> Vec<String> {
        let in_address =
            subscription.path.strip_prefix("/stream?streams=").unwrap().strip_suffix(TIME_UNIT).unwrap();
        let mut streams: Vec<String> = in_address.split('/').map(str::to_owned).collect();
        for (index, message) in subscription.messages.iter().enumerate() {
            let message: serde_json::Value = serde_json::from_str(message).unwrap();
            assert_eq!(message["method"], "SUBSCRIBE");
            assert_eq!(message["id"], index + 1);
            streams.extend(
                message["params"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()),
            );
        }
        streams
    }

    #[test]
    fn every_stream_is_asked_for_once_and_no_limit_is_passed() {
        for count in [1, 30, 60, 61, 200, INSTRUMENTS_PER_CONNECTION_MAX] {
            let symbols: Vec<String> = (0..count).map(|index| format!("COIN{index}USDT")).collect();
            let subscription = Subscription::new(symbols.iter().map(String::as_str)).unwrap();
            assert!(subscription.path.len() <= ADDRESS_BYTES_MAX);
            assert!(subscription.messages.iter().all(|message| message.len() <= SUBSCRIBE_BYTES_MAX));
            let expect: Vec<String> = symbols
                .iter()
                .flat_map(|symbol| STREAMS.map(|stream| format!("{}@{stream}", symbol.to_ascii_lowercase())))
                .collect();
            assert_eq!(streams(&subscription), expect);
        }
    }

    #[test]
    fn a_symbol_that_no_address_can_carry_is_encoded() {
        let subscription = Subscription::new(["币A&B"]).unwrap();
        assert_eq!(
            subscription.path,
            "/stream?streams=%E5%B8%81a%26b@depth@100ms/%E5%B8%81a%26b@trade/%E5%B8%81a%26b@bookTicker&timeUnit=MICROSECOND"
        );
        assert_eq!(snapshot_path("币", 5000), "/api/v3/depth?symbol=%E5%B8%81&limit=5000");
    }

    #[test]
    fn too_many_instruments_say_how_many_there_may_be() {
        let symbols: Vec<String> =
            (0..=INSTRUMENTS_PER_CONNECTION_MAX).map(|index| index.to_string()).collect();
        assert_eq!(
            Subscription::new(symbols.iter().map(String::as_str)).unwrap_err().to_string(),
            "342 instruments have more than the 1024 streams a connection may have; \
             give a connection at most 341 instruments"
        );
    }
}
