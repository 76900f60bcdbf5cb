//! What a run came to.

use std::collections::BTreeMap;

use opus2_types::Channel;
use serde::Serialize;

use crate::metrics::Metrics;

/// The counters at the end of a run. On an orderly stop `records_published` equals `records_acked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Messages of instruments received, snapshots included.
    pub frames_received: u64,
    /// Raw records handed to the broker client: the frames, and a specification of every instrument per connection.
    pub records_published: u64,
    /// Raw records acknowledged by the broker.
    pub records_acked: u64,
    /// Raw records published, by channel.
    pub published_by_channel: BTreeMap<&'static str, u64>,
    /// Dead letters.
    pub dead_letters: u64,
    /// Messages not on the raw topic, by reason; reasons without any are left out.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Messages on the raw topic that are of no use to a book, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Connections ended, by reason.
    pub reconnects: BTreeMap<&'static str, u64>,
    /// Books lost while their connection stayed, by reason.
    pub resyncs: BTreeMap<&'static str, u64>,
    /// Snapshots asked for, by result.
    pub snapshots: BTreeMap<&'static str, u64>,
}

impl Summary {
    pub(crate) fn of(metrics: &Metrics) -> Self {
        Self {
            frames_received: metrics.frames_received.sum(),
            records_published: metrics.records_published.sum(),
            records_acked: metrics.records_acked.sum(),
            published_by_channel: Channel::ALL
                .iter()
                .map(|channel| (channel.as_str(), metrics.records_published.get(*channel)))
                .collect(),
            dead_letters: metrics.dead_letters.get(),
            dropped: metrics.dropped.not_zero(),
            rejected: metrics.rejected.not_zero(),
            reconnects: metrics.reconnects.not_zero(),
            resyncs: metrics.resyncs.not_zero(),
            snapshots: metrics.snapshots.not_zero(),
        }
    }
}
