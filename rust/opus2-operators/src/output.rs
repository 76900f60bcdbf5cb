//! What an operator gives back: records on named channels, and timers.
//!
//! An [`Output`] is one byte buffer that is reused for every record, laid out so that a host across a language
//! boundary can walk it without understanding a payload:
//!
//! ```text
//! record: u8 1 | u8 channel | u16 key length | u32 payload length | i64 event time, ns | key | payload
//! timer:  u8 2 | i64 event time, ns
//! ```
//!
//! All integers are little-endian.

use opus2_types::UnixNanos;
use opus2_wire::topic;

const RECORD: u8 = 1;
const TIMER: u8 = 2;
const RECORD_HEADER_BYTES: usize = 16;

/// Where a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OutputChannel {
    /// To the next operator.
    Main,
    /// To the topic `market_data_normalized`.
    Normalized,
    /// To the topic `hifa_stage1_signals`.
    Signals,
    /// To the topic `dead_letters`.
    DeadLetters,
    /// To the topic `quality_scores`.
    Quality,
    /// To the topic `hifa_stage2_context`.
    Context,
    /// To the topic `hifa_stage3_risk`.
    Risk,
    /// To the topic `trading_signals_final`.
    Decisions,
}

impl OutputChannel {
    /// Every channel, in the order of [`OutputChannel::code`].
    pub const ALL: [Self; 8] = [
        Self::Main,
        Self::Normalized,
        Self::Signals,
        Self::DeadLetters,
        Self::Quality,
        Self::Context,
        Self::Risk,
        Self::Decisions,
    ];

    /// A number that never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Main => 0,
            Self::Normalized => 1,
            Self::Signals => 2,
            Self::DeadLetters => 3,
            Self::Quality => 4,
            Self::Context => 5,
            Self::Risk => 6,
            Self::Decisions => 7,
        }
    }

    /// The topic of the channel; `None` for [`OutputChannel::Main`].
    #[must_use]
    pub const fn topic(self) -> Option<&'static str> {
        match self {
            Self::Main => None,
            Self::Normalized => Some(topic::MARKET_DATA_NORMALIZED),
            Self::Signals => Some(topic::HIFA_STAGE1_SIGNALS),
            Self::DeadLetters => Some(topic::DEAD_LETTERS),
            Self::Quality => Some(topic::QUALITY_SCORES),
            Self::Context => Some(topic::HIFA_STAGE2_CONTEXT),
            Self::Risk => Some(topic::HIFA_STAGE3_RISK),
            Self::Decisions => Some(topic::TRADING_SIGNALS_FINAL),
        }
    }
}

/// One thing in an [`Output`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A record for a channel.
    Record {
        /// Where it goes.
        channel: OutputChannel,
        /// Its key on a topic: the instrument, `venue:symbol`.
        key: &'a str,
        /// Its event time.
        event_time: UnixNanos,
        /// Its bytes.
        payload: &'a [u8],
    },
    /// Wake the key that was processed at this event time.
    Timer(UnixNanos),
}

/// What one call of an operator gave.
#[derive(Debug)]
pub struct Output {
    bytes: Vec<u8>,
}

/// Memory of a new output: what nearly every call gives fits, so that it need not grow in the middle of a market's day.
const BYTES_AT_FIRST: usize = 64 << 10;

impl Default for Output {
    fn default() -> Self {
        Self { bytes: Vec::with_capacity(BYTES_AT_FIRST) }
    }
}

impl Output {
    /// An empty output.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The entries as one byte string, in the layout of the module's documentation.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a record whose payload `write` appends to the buffer it is given.
    ///
    /// When `write` fails, the output is as before.
    ///
    /// # Errors
    /// What `write` returns.
    ///
    /// # Panics
    /// A key above 64 KiB or a payload above 4 GiB: both are far beyond the limits of their producers.
    pub fn record<E>(
        &mut self,
        channel: OutputChannel,
        key: &str,
        event_time: UnixNanos,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        let key_len = u16::try_from(key.len()).expect("a key is a venue's symbol, limited on receipt");
        self.bytes.push(RECORD);
        self.bytes.push(channel.code());
        self.bytes.extend_from_slice(&key_len.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&event_time.0.to_le_bytes());
        self.bytes.extend_from_slice(key.as_bytes());
        let payload_at = self.bytes.len();
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(start);
            return Err(error);
        }
        let payload_len =
            u32::try_from(self.bytes.len() - payload_at).expect("a payload is limited on receipt");
        self.bytes[start + 4..start + 8].copy_from_slice(&payload_len.to_le_bytes());
        Ok(())
    }

    /// Asks to be woken for the current key at `event_time`.
    pub fn timer(&mut self, event_time: UnixNanos) {
        self.bytes.push(TIMER);
        self.bytes.extend_from_slice(&event_time.0.to_le_bytes());
    }

    /// The entries in the order they were added.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (entry, after) = next_entry(rest)?;
            rest = after;
            Some(entry)
        })
    }
}

fn next_entry(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    if *bytes.first()? == TIMER {
        let (head, rest) = bytes.split_at_checked(9)?;
        let time = i64::from_le_bytes(head[1..].try_into().ok()?);
        return Some((Entry::Timer(UnixNanos(time)), rest));
    }
    let (head, rest) = bytes.split_at_checked(RECORD_HEADER_BYTES)?;
    let key_len = usize::from(u16::from_le_bytes(head[2..4].try_into().ok()?));
    let payload_len = usize::try_from(u32::from_le_bytes(head[4..8].try_into().ok()?)).ok()?;
    let event_time = UnixNanos(i64::from_le_bytes(head[8..16].try_into().ok()?));
    let (key, rest) = rest.split_at_checked(key_len)?;
    let (payload, rest) = rest.split_at_checked(payload_len)?;
    let channel = *OutputChannel::ALL.get(usize::from(head[1]))?;
    Some((Entry::Record { channel, key: std::str::from_utf8(key).ok()?, event_time, payload }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_in_order_and_a_failed_write_leaves_no_trace() {
        let mut out = Output::new();
        let ok = |bytes: &mut Vec<u8>| -> Result<(), ()> {
            bytes.extend_from_slice(b"payload");
            Ok(())
        };
        out.record(OutputChannel::Main, "k", UnixNanos(1), ok).unwrap();
        out.record(OutputChannel::Signals, "k", UnixNanos(2), |_| Err(())).unwrap_err();
        out.timer(UnixNanos(-3));
        out.record(OutputChannel::DeadLetters, "", UnixNanos(4), ok).unwrap();
        let payload = &b"payload"[..];
        assert_eq!(
            out.entries().collect::<Vec<_>>(),
            [
                Entry::Record { channel: OutputChannel::Main, key: "k", event_time: UnixNanos(1), payload },
                Entry::Timer(UnixNanos(-3)),
                Entry::Record {
                    channel: OutputChannel::DeadLetters,
                    key: "",
                    event_time: UnixNanos(4),
                    payload
                },
            ]
        );
        out.clear();
        assert_eq!(out.entries().count(), 0);
    }
}
