//! What the simulator did, as JSON: `GET /sim/stats`, and the result of [`serve`](crate::serve).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fault::FaultKind;
use crate::hub::CloseReason;
use crate::stream::StreamKind;

/// Counts of a simulation since its start.
#[derive(Debug, Clone, Serialize)]
pub struct SimStats {
    /// The seed of the market.
    pub seed: u64,
    /// Messages per second asked for.
    pub rate_target: f64,
    /// Simulated time so far, in seconds; it stands still during a pause.
    pub sim_seconds: f64,
    /// Whether the market is paused.
    pub is_paused: bool,
    /// Orders and interval ends played.
    pub steps: u64,
    /// Frames published on all streams, whether or not anybody listened.
    pub published: u64,
    /// Frames of streams written to all connections.
    pub sent: u64,
    /// REST snapshots served.
    pub snapshots: u64,
    /// How late the schedule was served.
    pub lag: LagStats,
    /// By venue.
    pub venues: BTreeMap<&'static str, VenueStats>,
    /// By instrument.
    pub instruments: Vec<InstrumentStats>,
    /// Open connections, then the latest hundred closed ones.
    pub connections: Vec<ConnectionStats>,
    /// Connections accepted.
    pub connections_accepted: u64,
    /// Connections that ended, by reason.
    pub connections_closed: ClosedCounts,
    /// Faults that happened, by kind.
    pub faults: BTreeMap<FaultKind, u64>,
    /// Faults waiting for their message.
    pub faults_waiting: usize,
}

/// How late the schedule was served: the simulator's own part of any delay a client sees before `E`.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct LagStats {
    /// The most a step was late, in nanoseconds.
    pub lag_ns_max: u64,
    /// Steps more than 5 ms late.
    pub steps_late: u64,
    /// Times the schedule was given up because it was seconds behind (the machine slept).
    pub schedule_resets: u64,
}

/// Counts of one venue.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VenueStats {
    /// How many instruments it lists.
    pub instruments: usize,
    /// Frames published on all its streams, whether or not anybody listened.
    pub published: u64,
    /// Frames of its streams written to all connections.
    pub sent: u64,
    /// Books served over REST.
    pub snapshots: u64,
    /// Open connections.
    pub connections: usize,
}

/// Counts of one instrument.
#[derive(Debug, Clone, Serialize)]
pub struct InstrumentStats {
    /// The venue's name.
    pub venue: &'static str,
    /// The venue's symbol.
    pub symbol: String,
    /// Number of the last change of the book; at Coinbase, the last sequence number.
    pub last_update_id: u64,
    /// Number of the last trade.
    pub last_trade_id: u64,
    /// Frames published, by stream; streams with none are left out, except Binance's.
    pub published: BTreeMap<StreamKind, u64>,
    /// Frames written to all connections, by stream.
    pub sent: BTreeMap<StreamKind, u64>,
    /// REST snapshots served.
    pub snapshots: u64,
}

/// Counts of one connection.
///
/// `sent` counts frames that have left for the socket. It is exact while the connection is open, and when it ended with
/// `stopped`; when it was cut, the last few dozen frames may have arrived or not, and are not counted.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectionStats {
    /// Running number, from 1.
    pub id: u64,
    /// The client's address.
    pub peer: String,
    /// Why it ended; null while it is open.
    pub closed: Option<CloseReason>,
    /// The venue it speaks to.
    pub venue: &'static str,
    /// Streams subscribed now, those that do not exist included.
    pub streams: usize,
    /// Frames of streams sent.
    pub sent: u64,
    /// Frames waiting.
    pub queued: usize,
    /// Bytes waiting.
    pub queued_bytes: usize,
    /// Replies and notices sent.
    pub notices_sent: u64,
    /// Pings sent.
    pub pings_sent: u64,
    /// Pongs that answered one of them.
    pub pongs_received: u64,
    /// Frames received, of any kind.
    pub messages_received: u64,
    /// Payload bytes sent.
    pub bytes_sent: u64,
    /// Frames sent, by stream name.
    pub sent_by_stream: BTreeMap<String, u64>,
}

/// Connections that ended.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct ClosedCounts {
    by_reason: BTreeMap<CloseReason, ClosedSum>,
}

/// Sum over connections that ended for one reason.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct ClosedSum {
    /// How many.
    pub connections: u64,
    /// Frames of streams they were sent.
    pub sent: u64,
    /// Frames that were still in their queues.
    pub discarded: u64,
}

impl ClosedCounts {
    pub(crate) fn count(&mut self, reason: CloseReason, stats: &ConnectionStats) {
        let sum = self.by_reason.entry(reason).or_default();
        sum.connections += 1;
        sum.sent += stats.sent;
        sum.discarded += stats.queued as u64;
    }

    /// The sum for a reason.
    #[must_use]
    pub fn get(&self, reason: CloseReason) -> ClosedSum {
        self.by_reason.get(&reason).copied().unwrap_or_default()
    }
}
