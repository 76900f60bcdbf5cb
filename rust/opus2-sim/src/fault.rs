//! Things that go wrong on purpose.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::binance::stream::{StreamId, StreamKind};

/// Faults waiting for their message.
const ARMED_LIMIT: usize = 1000;

/// What goes wrong. The first three happen to the next messages of a stream, the others to connections, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The message is never sent.
    Drop,
    /// The message is sent twice.
    Duplicate,
    /// The message is cut in the middle: not JSON any more.
    Garbage,
    /// The connection ends without a close frame.
    Disconnect,
    /// The connection is told `serverShutdown` and closed after the notice.
    ServerShutdown,
    /// Nothing is written for a time; the connection stays open and its queue grows.
    Stall,
}

impl FaultKind {
    /// Whether it happens to messages, not to connections.
    pub(crate) const fn is_for_messages(self) -> bool {
        matches!(self, Self::Drop | Self::Duplicate | Self::Garbage)
    }
}

/// The body of `POST /sim/fault`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRequest {
    /// What goes wrong.
    pub kind: FaultKind,
    /// The instrument; without it, any (messages), or every connection.
    pub symbol: Option<String>,
    /// The stream of the message; without it, any.
    pub stream: Option<StreamKind>,
    /// How many messages; 1 without it.
    #[serde(default = "one")]
    pub count: u32,
    /// How long a stall lasts, in milliseconds; 5000 without it.
    #[serde(default = "five_seconds")]
    pub millis: u64,
}

const fn one() -> u32 {
    1
}

const fn five_seconds() -> u64 {
    5000
}

#[derive(Debug)]
struct Armed {
    kind: FaultKind,
    instrument: Option<usize>,
    stream: Option<StreamKind>,
    left: u32,
}

/// Faults that wait for a message, and a count of those that have happened.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: VecDeque<Armed>,
    happened: BTreeMap<FaultKind, u64>,
}

impl Faults {
    /// Arms a fault for messages; `false` when too many are waiting.
    pub(crate) fn arm(&mut self, request: &FaultRequest, instrument: Option<usize>) -> bool {
        debug_assert!(request.kind.is_for_messages());
        if self.armed.len() >= ARMED_LIMIT {
            return false;
        }
        let (kind, stream, left) = (request.kind, request.stream, request.count);
        self.armed.push_back(Armed { kind, instrument, stream, left });
        true
    }

    /// The fault for a message that is about to be sent to somebody; the oldest that fits is used up.
    pub(crate) fn take(&mut self, stream: StreamId) -> Option<FaultKind> {
        let fits = |armed: &Armed| {
            armed.left > 0
                && armed.instrument.is_none_or(|instrument| instrument == stream.instrument)
                && armed.stream.is_none_or(|kind| kind == stream.kind)
        };
        let index = self.armed.iter().position(fits)?;
        let armed = &mut self.armed[index];
        let kind = armed.kind;
        armed.left -= 1;
        if armed.left == 0 {
            self.armed.remove(index);
        }
        self.count(kind, 1);
        Some(kind)
    }

    /// Notes faults that happened.
    pub(crate) fn count(&mut self, kind: FaultKind, times: u64) {
        *self.happened.entry(kind).or_default() += times;
    }

    /// How many have happened, by kind.
    pub(crate) const fn happened(&self) -> &BTreeMap<FaultKind, u64> {
        &self.happened
    }

    /// How many are waiting.
    pub(crate) fn waiting(&self) -> usize {
        self.armed.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> FaultRequest {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_fault_waits_for_its_message() {
        let mut faults = Faults::default();
        assert!(
            faults.arm(&request(r#"{"kind":"drop","symbol":"ETHUSDT","stream":"trade","count":2}"#), Some(1))
        );
        assert!(faults.arm(&request(r#"{"kind":"garbage"}"#), None));
        let stream = |instrument, kind| StreamId { instrument, kind };
        let took = [
            faults.take(stream(1, StreamKind::Trade)),
            faults.take(stream(1, StreamKind::Depth100Ms)),
            faults.take(stream(0, StreamKind::Trade)),
            faults.take(stream(1, StreamKind::Trade)),
            faults.take(stream(1, StreamKind::Trade)),
        ];
        let (drop, garbage) = (Some(FaultKind::Drop), Some(FaultKind::Garbage));
        assert_eq!(took, [drop, garbage, None, drop, None]);
        assert_eq!(faults.happened(), &BTreeMap::from([(FaultKind::Drop, 2), (FaultKind::Garbage, 1)]));
    }

    #[test]
    fn an_unknown_fault_is_refused_with_the_known_ones() {
        let error = serde_json::from_str::<FaultRequest>(r#"{"kind":"flood"}"#).unwrap_err().to_string();
        assert!(error.contains("unknown variant `flood`") && error.contains("`server_shutdown`"), "{error}");
    }
}
