//! A raw record: one message of a venue, untouched, with what we know about it in headers.
//!
//! On a topic this is a Kafka record (key, headers, value; see docs/contracts/topics.md). Inside a process, and across
//! the boundary with Java, it is one byte string, which the Flink source writes without understanding it:
//!
//! ```text
//! u16 key length | key | u8 header count | headers: (u8 name length | name | u16 value length | value)… | u32 value length | value
//! ```
//!
//! All integers are little-endian. Header values are text, so that any Kafka tool shows them.

use opus2_types::{Channel, UnixNanos, Venue};

use crate::WireError;
use crate::reader::{Reader, utf8};

/// Name of the header with the receive time, decimal nanoseconds since the Unix epoch.
pub const HEADER_RECV_TS: &str = "recv_ts";
/// Name of the header with the venue's name.
pub const HEADER_VENUE: &str = "venue";
/// Name of the header with the [`Channel`]'s name.
pub const HEADER_CHANNEL: &str = "channel";
/// Name of the header with the market, by which Flink keys the stream.
pub const HEADER_MARKET: &str = "market";
/// Name of the header with the connection's name, unique over all daemons and restarts.
pub const HEADER_CONN: &str = "conn";
/// Name of the header with the running number, per instrument and connection, from 1.
pub const HEADER_NUMBER: &str = "number";

/// One message of a venue and its metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// The venue's symbol of the instrument; with `venue`, the instrument's identity and the record's key.
    pub symbol: &'a str,
    /// The venue.
    pub venue: Venue,
    /// What kind of message it is.
    pub channel: Channel,
    /// The instrument's market.
    pub market: &'a str,
    /// The connection that received it. A new name means that the book must start again.
    pub conn: &'a str,
    /// Counts the records of this instrument on this connection, from 1, without holes.
    pub number: u64,
    /// When our socket read returned.
    pub recv_ts: UnixNanos,
    /// The venue's own text.
    pub value: &'a [u8],
}

/// The Kafka key of an instrument's records: `binance:BTCUSDT`.
#[must_use]
pub fn record_key(venue: Venue, symbol: &str) -> String {
    format!("{venue}:{symbol}")
}

impl<'a> RawRecord<'a> {
    /// The headers in the order they are written, without heap memory: `visit(name, value)`.
    pub fn visit_headers(&self, mut visit: impl FnMut(&'static str, &[u8])) {
        let mut recv_ts = Decimal64::default();
        let mut number = Decimal64::default();
        visit(HEADER_RECV_TS, recv_ts.write_signed(self.recv_ts.0));
        visit(HEADER_VENUE, self.venue.as_str().as_bytes());
        visit(HEADER_CHANNEL, self.channel.as_str().as_bytes());
        visit(HEADER_MARKET, self.market.as_bytes());
        visit(HEADER_CONN, self.conn.as_bytes());
        visit(HEADER_NUMBER, number.write(self.number));
    }

    /// Appends the record as one byte string.
    ///
    /// # Errors
    /// A field is longer than its length prefix can say.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let key_len = self.venue.as_str().len() + 1 + self.symbol.len();
        put_len::<u16>(out, "key", key_len)?;
        out.extend_from_slice(self.venue.as_str().as_bytes());
        out.push(b':');
        out.extend_from_slice(self.symbol.as_bytes());
        let count_at = out.len();
        out.push(0);
        let mut result = Ok(());
        self.visit_headers(|name, value| {
            if result.is_ok() {
                out[count_at] += 1;
                result = put_header(out, name, value);
            }
        });
        result?;
        put_len::<u32>(out, "value", self.value.len())?;
        out.extend_from_slice(self.value);
        Ok(())
    }

    /// Reads one byte string, borrowing from it.
    ///
    /// Headers may come in any order; unknown ones are skipped, of repeated ones the last counts.
    ///
    /// # Errors
    /// Truncated or over-long bytes, a missing or unreadable header, a key of another venue.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let key_len = reader.u16("key length")?;
        let key = utf8("key", reader.take("key", usize::from(key_len))?)?;
        let headers = Headers::decode(&mut reader)?;
        let value_len = reader.u32("value length")?;
        let value_len = usize::try_from(value_len).unwrap_or(usize::MAX);
        let value = reader.take("value", value_len)?;
        reader.finish("raw record")?;
        let venue: Venue = parsed(HEADER_VENUE, headers.venue, |text| text.parse().ok())?;
        let symbol = key.strip_prefix(venue.as_str()).and_then(|rest| rest.strip_prefix(':'));
        let symbol = symbol.filter(|symbol| !symbol.is_empty()).ok_or_else(|| WireError::Invalid {
            what: "record key",
            reason: format!("{key:?} is not {venue}:SYMBOL"),
        })?;
        Ok(Self {
            symbol,
            venue,
            channel: parsed(HEADER_CHANNEL, headers.channel, Channel::from_name)?,
            market: parsed(HEADER_MARKET, headers.market, Some)?,
            conn: parsed(HEADER_CONN, headers.conn, Some)?,
            number: parsed(HEADER_NUMBER, headers.number, |text| text.parse().ok())?,
            recv_ts: parsed(HEADER_RECV_TS, headers.recv_ts, |text| text.parse().ok().map(UnixNanos))?,
            value,
        })
    }
}

#[derive(Default)]
struct Headers<'a> {
    recv_ts: Option<&'a [u8]>,
    venue: Option<&'a [u8]>,
    channel: Option<&'a [u8]>,
    market: Option<&'a [u8]>,
    conn: Option<&'a [u8]>,
    number: Option<&'a [u8]>,
}

impl<'a> Headers<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let mut headers = Self::default();
        for _ in 0..reader.u8("header count")? {
            let name_len = reader.u8("header name length")?;
            let name = reader.take("header name", usize::from(name_len))?;
            let value_len = reader.u16("header value length")?;
            let value = Some(reader.take("header value", usize::from(value_len))?);
            match name {
                b"recv_ts" => headers.recv_ts = value,
                b"venue" => headers.venue = value,
                b"channel" => headers.channel = value,
                b"market" => headers.market = value,
                b"conn" => headers.conn = value,
                b"number" => headers.number = value,
                _ => {}
            }
        }
        Ok(headers)
    }
}

fn parsed<'a, T>(
    name: &'static str,
    value: Option<&'a [u8]>,
    parse: impl FnOnce(&'a str) -> Option<T>,
) -> Result<T, WireError> {
    let value = value.ok_or(WireError::HeaderMissing { name })?;
    std::str::from_utf8(value).ok().filter(|text| !text.is_empty()).and_then(parse).ok_or_else(|| {
        WireError::HeaderUnreadable { name, value: String::from_utf8_lossy(value).chars().take(80).collect() }
    })
}

fn put_header(out: &mut Vec<u8>, name: &'static str, value: &[u8]) -> Result<(), WireError> {
    put_len::<u8>(out, "header name", name.len())?;
    out.extend_from_slice(name.as_bytes());
    put_len::<u16>(out, "header value", value.len())?;
    out.extend_from_slice(value);
    Ok(())
}

trait Length: TryFrom<usize> {
    fn put(self, out: &mut Vec<u8>);
}

impl Length for u8 {
    fn put(self, out: &mut Vec<u8>) {
        out.push(self);
    }
}

impl Length for u16 {
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Length for u32 {
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

fn put_len<L: Length>(out: &mut Vec<u8>, what: &'static str, len: usize) -> Result<(), WireError> {
    let len = L::try_from(len).map_err(|_| WireError::Invalid {
        what,
        reason: format!("{len} bytes do not fit its length prefix"),
    })?;
    len.put(out);
    Ok(())
}

/// The text of a 64-bit number, in place.
#[derive(Default)]
struct Decimal64 {
    digits: [u8; 20],
}

impl Decimal64 {
    fn write(&mut self, value: u64) -> &[u8] {
        let at = self.put_digits(value);
        &self.digits[at..]
    }

    fn write_signed(&mut self, value: i64) -> &[u8] {
        let mut at = self.put_digits(value.unsigned_abs());
        if value < 0 {
            at -= 1;
            self.digits[at] = b'-';
        }
        &self.digits[at..]
    }

    fn put_digits(&mut self, mut value: u64) -> usize {
        let mut at = self.digits.len();
        loop {
            at -= 1;
            self.digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                return at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> RawRecord<'static> {
        RawRecord {
            symbol: "BTCUSDT",
            venue: Venue::Binance,
            channel: Channel::Depth,
            market: "BTC/USD*",
            conn: "c1",
            number: u64::MAX,
            recv_ts: UnixNanos(i64::MIN),
            value: br#"{"e":"depthUpdate"}"#,
        }
    }

    #[test]
    fn a_record_survives_its_bytes_and_every_truncation_is_an_error() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes).unwrap();
        assert_eq!(RawRecord::decode(&bytes), Ok(sample()));
        for end in 0..bytes.len() {
            assert!(RawRecord::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        bytes.push(0);
        assert_eq!(RawRecord::decode(&bytes), Err(WireError::LeftOver { what: "raw record", left: 1 }));
    }

    #[test]
    fn a_missing_header_says_what_to_do() {
        let bytes = [1, 0, b'x', 0, 0, 0, 0, 0];
        let error = RawRecord::decode(&bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            "record header \"venue\" is missing; write records with `opus2 ingest` or `opus2 replay`"
        );
    }
}
