//! Where a monitor looks, and its limits.

use std::time::Duration;

use super::snapshot::Source;

/// Where a monitor looks. A source that is `None` is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MonitorConfig {
    /// Bootstrap servers of the broker, `host:port` separated by commas.
    pub(crate) brokers: Option<String>,
    /// Flink's REST address, which is also its web UI: `http://127.0.0.1:8081`.
    pub(crate) flink: Option<String>,
    /// The ingest daemon's metrics page: `http://127.0.0.1:9464/metrics`.
    pub(crate) ingest: Option<String>,
    /// The simulated venue: `http://127.0.0.1:9500`.
    pub(crate) simulator: Option<String>,
    /// Width of the sliding window of latencies.
    pub(crate) window: Duration,
}

impl MonitorConfig {
    pub(super) fn address(&self, source: Source) -> Option<&str> {
        match source {
            Source::Simulator => self.simulator.as_deref(),
            Source::Ingest => self.ingest.as_deref(),
            Source::Broker => self.brokers.as_deref(),
            Source::Flink => self.flink.as_deref(),
        }
    }
}

/// How often HTTP sources and topic offsets are asked.
pub(super) const POLL_PERIOD: Duration = Duration::from_secs(1);
/// How long an answer may take before its source counts as missing.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// The largest answer of an HTTP source that is read.
pub(super) const ANSWER_BYTES_LIMIT: usize = 4 << 20;
/// Records behind the end of the topics at which the reader jumps to the end.
pub(super) const LAG_RECORDS_LIMIT: u64 = 50_000;
/// What the Kafka client may fetch ahead of us.
pub(super) const FETCHED_KBYTES_LIMIT: u32 = 16 << 10;
/// Instruments remembered; more are counted but not shown.
pub(super) const INSTRUMENTS_LIMIT: usize = 4096;
/// Detections remembered.
pub(super) const DETECTIONS_LIMIT: usize = 100;
/// Distinct reasons remembered for each kind of loss; others are counted as `other`.
pub(super) const REASONS_LIMIT: usize = 64;
