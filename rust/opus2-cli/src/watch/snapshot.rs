//! What a monitor knows at one moment, for the picture, for a summary and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::latency::Percentiles;

/// The steps of the data path that are counted, in the order of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Messages the simulated venue sent.
    Simulated,
    /// Frames that reached the ingest daemon.
    Received,
    /// Raw records it handed to its producer.
    Published,
    /// Raw records the broker acknowledged; without a daemon, the growth of the raw topics.
    Acked,
    /// Raw records that left Flink's source.
    Consumed,
    /// Records in `market_data_normalized`.
    Normalized,
    /// Records in `hifa_stage1_signals`.
    Signals,
}

impl Step {
    pub(crate) const ALL: [Self; 7] = [
        Self::Simulated,
        Self::Received,
        Self::Published,
        Self::Acked,
        Self::Consumed,
        Self::Normalized,
        Self::Signals,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Received => "received",
            Self::Published => "published",
            Self::Acked => "acked",
            Self::Consumed => "consumed",
            Self::Normalized => "normalized",
            Self::Signals => "signals",
        }
    }
}

/// One step's count and rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct StepCount {
    pub(crate) step: Step,
    /// Since the monitor began, or since the step's process began if that was later. `None`: no source tells it.
    pub(crate) count: Option<u64>,
    /// Over the last seconds.
    pub(crate) per_second: Option<f64>,
    /// The rate once a second, oldest first.
    #[serde(skip)]
    pub(crate) history: Vec<u64>,
}

/// The parts of the way from the venue's clock to this process, for stage 1 signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Latencies {
    /// `recv_ts - exch_ts`: the venue's clock to our socket.
    pub(crate) venue_to_receive: Percentiles,
    /// Now - `recv_ts`: our socket through broker, Flink and broker to this process.
    pub(crate) receive_to_read: Percentiles,
    /// Now - `exch_ts`.
    pub(crate) end_to_end: Percentiles,
}

/// The last signal of an instrument.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LastSignal {
    pub(crate) instrument: String,
    pub(crate) recv_ts: i64,
    /// Decimal text, as published.
    pub(crate) mid: Option<String>,
    pub(crate) queue_imbalance: Option<f64>,
    pub(crate) ofi: Option<f64>,
    /// Signals of this instrument read so far.
    pub(crate) count: u64,
    /// State of its book, when the normalized topic has told it.
    pub(crate) book: Option<String>,
}

/// Something a detector saw, once or several times in close succession.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Detection {
    pub(crate) instrument: String,
    /// The first time.
    pub(crate) recv_ts: i64,
    /// The last time.
    pub(crate) last_ts: i64,
    /// What was seen, for people: `↑ micro_move 250 ms`.
    pub(crate) text: String,
    pub(crate) count: u64,
}

/// Where a monitor gets its numbers from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Simulator,
    Ingest,
    Broker,
    Flink,
}

impl Source {
    pub(crate) const ALL: [Self; 4] = [Self::Simulator, Self::Ingest, Self::Broker, Self::Flink];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::Ingest => "ingest",
            Self::Broker => "broker",
            Self::Flink => "flink",
        }
    }
}

/// Whether a source answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub(crate) enum SourceState {
    /// Nobody asked for it.
    Off,
    /// Not asked yet.
    Waiting,
    /// It answers.
    Up { note: String },
    /// It does not answer, or not as expected.
    Missing { reason: String, todo: String },
}

/// A source, where it is and how it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SourceStatus {
    pub(crate) source: Source,
    /// The address a person would open; empty when the source is off.
    pub(crate) address: String,
    #[serde(flatten)]
    pub(crate) state: SourceState,
}

/// The Flink job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct JobStatus {
    pub(crate) id: String,
    pub(crate) name: String,
    /// As Flink says it: `RUNNING`, `RESTARTING`, …
    pub(crate) state: String,
    pub(crate) restarts_count: Option<u64>,
    pub(crate) checkpoints_count: u64,
    pub(crate) checkpoints_failed_count: u64,
    /// The last completed checkpoint.
    pub(crate) checkpoint_ms: Option<u64>,
    pub(crate) checkpoint_bytes: Option<u64>,
}

/// Everything a monitor knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Snapshot {
    /// Since the monitor began.
    pub(crate) elapsed_ms: u64,
    /// This process's clock when the snapshot was taken, ns.
    pub(crate) now_ts: i64,
    /// In the order of [`Step::ALL`].
    pub(crate) steps: Vec<StepCount>,
    /// Over the sliding window.
    pub(crate) latency: Latencies,
    /// Since the last restart of the counts.
    pub(crate) latency_total: Latencies,
    /// Signals whose venue time was ahead of our clock: when there are many, latencies from the venue's clock say nothing.
    pub(crate) ahead_count: u64,
    /// Width of the sliding window.
    pub(crate) window_secs: u64,
    /// Instruments by the state of their book.
    pub(crate) books: BTreeMap<String, u64>,
    /// By reason, as the ingest daemon counts them.
    pub(crate) resyncs: BTreeMap<String, u64>,
    pub(crate) drops: BTreeMap<String, u64>,
    pub(crate) reconnects: BTreeMap<String, u64>,
    /// By reason, as found in `dead_letters`.
    pub(crate) dead_letters: BTreeMap<String, u64>,
    /// Records this process passed over because it could not keep up, and objects it could not read.
    pub(crate) skipped_count: u64,
    pub(crate) unreadable_count: u64,
    /// Records of each topic since the monitor began (since the topic began, if that was later), from its offsets.
    pub(crate) topics: BTreeMap<String, u64>,
    pub(crate) job: Option<JobStatus>,
    /// The busiest instruments first.
    pub(crate) signals: Vec<LastSignal>,
    /// The latest to begin first.
    pub(crate) detections: Vec<Detection>,
    /// In the order of [`Source::ALL`].
    pub(crate) sources: Vec<SourceStatus>,
}

impl Snapshot {
    /// The count of a step; `None` while no source tells it.
    #[cfg(test)]
    pub(crate) fn count(&self, step: Step) -> Option<u64> {
        self.steps.iter().find(|count| count.step == step).and_then(|count| count.count)
    }
    /// The first step that stands still although the one before it does not, with that one. Steps nobody tells of are
    /// passed over.
    pub(crate) fn stalled(&self) -> Option<(Step, Step)> {
        let known: Vec<_> =
            self.steps.iter().filter_map(|step| Some((step.step, step.per_second?))).collect();
        known.windows(2).find(|pair| pair[0].1 > 0.0 && pair[1].1 <= 0.0).map(|pair| (pair[0].0, pair[1].0))
    }
}
