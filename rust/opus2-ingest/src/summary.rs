//! What a run came to.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// Sockets ended whose connection went on, by reason.
    pub socket_ends: BTreeMap<&'static str, u64>,
    /// Books lost while their connection stayed, by reason.
    pub resyncs: BTreeMap<&'static str, u64>,
    /// Snapshots asked for, by result.
    pub snapshots: BTreeMap<&'static str, u64>,
}

impl Summary {
    /// The sums over all venues.
    pub(crate) fn of(venues: &[Arc<Metrics>]) -> Self {
        let sum = |count: fn(&Metrics) -> u64| venues.iter().map(|metrics| count(metrics)).sum();
        let by_reason = |counts: fn(&Metrics) -> BTreeMap<&'static str, u64>| {
            let mut total = BTreeMap::new();
            for (reason, count) in venues.iter().flat_map(|metrics| counts(metrics)) {
                *total.entry(reason).or_insert(0) += count;
            }
            total
        };
        Self {
            frames_received: sum(|metrics| metrics.frames_received.sum()),
            records_published: sum(|metrics| metrics.records_published.sum()),
            records_acked: sum(|metrics| metrics.records_acked.sum()),
            published_by_channel: by_reason(|metrics| {
                Channel::ALL
                    .iter()
                    .map(|channel| (channel.as_str(), metrics.records_published.get(*channel)))
                    .collect()
            }),
            dead_letters: sum(|metrics| metrics.dead_letters.get()),
            dropped: by_reason(|metrics| metrics.dropped.not_zero()),
            rejected: by_reason(|metrics| metrics.rejected.not_zero()),
            reconnects: by_reason(|metrics| metrics.reconnects.not_zero()),
            socket_ends: by_reason(|metrics| metrics.socket_ends.not_zero()),
            resyncs: by_reason(|metrics| metrics.resyncs.not_zero()),
            snapshots: by_reason(|metrics| metrics.snapshots.not_zero()),
        }
    }
}
