//! Every metric of the daemon, as a typed field. docs/contracts/metrics.md is made from `names.rs` ([`render_page`]).
//!
//! Warnings, drops and reconnects are counted and logged in one place each, so that log and metric cannot disagree.
//! Children of labelled metrics are resolved once: counting on the path of a frame is one atomic addition. Each venue has
//! metrics of its own; what the venues share, the way to the broker, is in [`ProcessMetrics`].

mod labels;
mod latency;
mod names;
mod page;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opus2_hifa::ExchangeHealth;
use opus2_types::{BookState, Channel, Venue};
use opus2_venue::Reject;
use opus2_venue::session::{ResyncReason, SnapshotPurpose};
use prometheus::{Encoder, Gauge, Histogram, IntCounter, IntGauge, Registry, TextEncoder};

use crate::breaker::BreakerState;
use crate::end::End;
use labels::Maker;
pub use labels::{ByChannel, ByLabel};
pub use latency::{FeedLatency, LATENCY_BUCKETS, latency_nanos_p99};
use names::{
    BOOKS, BREAKER, BROKER_ERRORS, CLOCK_HELD, CONNECTIONS, CONNECTIONS_OPEN, DEAD_LETTERS, DROPS,
    DUPLICATES, FEED_LATENCY, FRAMES_RECEIVED, HEALTH, HEALTH_COMPONENTS, HOLES, INSTRUMENTS_STALE,
    LISTING_CHANGES, LISTING_POLLS, PUBLISHED_BYTES, QUARANTINES, QUEUE_BYTES, QUEUE_FULL, QUEUE_RECORDS,
    RECEIVED_BYTES, RECONNECTS, RECORDS_ACKED, RECORDS_PUBLISHED, REJECTS, REST_WEIGHT_BUDGET,
    REST_WEIGHT_USED, RESYNCS, SNAPSHOTS, SNAPSHOTS_WAITING, SOCKET_ENDS, SOCKETS_OPEN, VENUE_ERRORS,
    WIRE_TO_ACK,
};
pub use page::render_page;

/// Why a message did not reach the raw topic, beyond what [`DeadLetter`](opus2_venue::session::DeadLetter) knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Its symbol is not one of the connection's.
    UnknownSymbol,
    /// Too much was on its way to the broker for too long.
    Backpressure,
    /// The broker did not take it in time.
    Delivery,
    /// Larger than a record may be.
    RecordTooLarge,
    /// The broker client refused it.
    BrokerRefused,
    /// The broker client infers that the broker has it, and the broker never said so: see
    /// [`is_confirmed`](crate::publisher::is_confirmed).
    Unconfirmed,
}

impl Loss {
    /// Every loss.
    pub const ALL: [Self; 6] = [
        Self::UnknownSymbol,
        Self::Backpressure,
        Self::Delivery,
        Self::RecordTooLarge,
        Self::BrokerRefused,
        Self::Unconfirmed,
    ];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSymbol => "unknown_symbol",
            Self::Backpressure => "backpressure",
            Self::Delivery => "delivery",
            Self::RecordTooLarge => "record_too_large",
            Self::BrokerRefused => "broker_refused",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// What came of asking for a snapshot.
pub const SNAPSHOT_RESULTS: [&str; 7] =
    ["ok", "unreachable", "rate_limited", "forbidden", "refused", "server_error", "too_large"];
/// What came of asking for the list of instruments.
pub const LISTING_RESULTS: [&str; 2] = ["ok", "failed"];
/// What changed in it.
pub const LISTING_CHANGE_KINDS: [&str; 3] = ["added", "removed", "respecified"];
/// What became of a hole on one socket.
pub const HOLE_OUTCOMES: [&str; 2] = ["filled", "unfilled"];
/// Why snapshots wait.
const PURPOSES: [&str; 3] = ["start", "resync", "deepen"];

/// What the venues share.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is described by its metric")]
pub struct ProcessMetrics {
    registry: Registry,
    pub broker_errors: IntCounter,
    pub clock_held: IntCounter,
    pub queue_records: IntGauge,
    pub queue_bytes: IntGauge,
}

impl Default for ProcessMetrics {
    fn default() -> Self {
        let maker = Maker(Registry::new());
        Self {
            broker_errors: maker.counter(&BROKER_ERRORS),
            clock_held: maker.counter(&CLOCK_HELD),
            queue_records: maker.gauge(&QUEUE_RECORDS),
            queue_bytes: maker.gauge(&QUEUE_BYTES),
            registry: maker.0,
        }
    }
}

/// The page that Prometheus reads: the process and every venue.
///
/// # Panics
/// Never: what has been registered can be encoded.
#[must_use]
pub fn render(process: &ProcessMetrics, venues: &[Arc<Metrics>]) -> Vec<u8> {
    let mut families = process.registry.gather();
    for venue in venues {
        for mut family in venue.registry.gather() {
            match families.iter_mut().find(|other| other.name() == family.name()) {
                Some(same) => same.mut_metric().extend(family.take_metric()),
                None => families.push(family),
            }
        }
    }
    let mut page = Vec::new();
    TextEncoder::new().encode(&families, &mut page).expect("metrics with names always encode");
    page
}

/// A venue's metrics. What each means is in docs/contracts/metrics.md.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is described by its metric")]
pub struct Metrics {
    registry: Registry,
    venue: Venue,
    pub frames_received: ByChannel,
    pub received_bytes: IntCounter,
    pub records_published: ByChannel,
    pub published_bytes: IntCounter,
    pub records_acked: ByChannel,
    pub dead_letters: IntCounter,
    pub dropped: ByLabel<IntCounter>,
    pub rejected: ByLabel<IntCounter>,
    pub reconnects: ByLabel<IntCounter>,
    pub resyncs: ByLabel<IntCounter>,
    pub snapshots: ByLabel<IntCounter>,
    pub venue_errors: IntCounter,
    pub queue_full: IntCounter,
    pub connections: IntGauge,
    pub connections_open: IntGauge,
    books: [IntGauge; BookState::ALL.len()],
    pub rest_weight_used: IntGauge,
    pub rest_weight_budget: IntGauge,
    wire_to_ack: Histogram,
    pub sockets_open: IntGauge,
    pub socket_ends: ByLabel<IntCounter>,
    pub duplicates: IntCounter,
    pub holes: ByLabel<IntCounter>,
    pub instruments_stale: IntGauge,
    quarantines: IntCounter,
    breaker: IntGauge,
    pub listing_polls: ByLabel<IntCounter>,
    pub listing_changes: ByLabel<IntCounter>,
    snapshots_waiting: [IntGauge; PURPOSES.len()],
    pub feed_latency: FeedLatency,
    feed_latency_p99: Gauge,
    health: Gauge,
    health_components: [Gauge; opus2_hifa::HEALTH_COMPONENTS.len()],
}

impl Metrics {
    /// All metrics of this venue, at zero.
    ///
    /// # Panics
    /// Never: the names in this file are valid and distinct, which a test checks.
    #[must_use]
    pub fn new(venue: Venue) -> Self {
        let labels = HashMap::from([("venue".to_owned(), venue.to_string())]);
        let maker =
            Maker(Registry::new_custom(None, Some(labels)).expect("a label without a prefix is valid"));
        let resyncs = ResyncReason::ALL.map(ResyncReason::as_str);
        let losses = Loss::ALL.map(Loss::as_str);
        Self {
            frames_received: maker.by_channel(&FRAMES_RECEIVED),
            received_bytes: maker.counter(&RECEIVED_BYTES),
            records_published: maker.by_channel(&RECORDS_PUBLISHED),
            published_bytes: maker.counter(&PUBLISHED_BYTES),
            records_acked: maker.by_channel(&RECORDS_ACKED),
            dead_letters: maker.counter(&DEAD_LETTERS),
            dropped: maker.by_label(&DROPS, Reject::NAMES.into_iter().chain(losses)),
            rejected: maker.by_label(&REJECTS, Reject::NAMES),
            reconnects: maker.by_label(&RECONNECTS, End::NAMES),
            resyncs: maker.by_label(&RESYNCS, resyncs),
            snapshots: maker.by_label(&SNAPSHOTS, SNAPSHOT_RESULTS),
            venue_errors: maker.counter(&VENUE_ERRORS),
            queue_full: maker.counter(&QUEUE_FULL),
            connections: maker.gauge(&CONNECTIONS),
            connections_open: maker.gauge(&CONNECTIONS_OPEN),
            books: maker.gauges(&BOOKS, BookState::ALL.map(BookState::as_str)),
            rest_weight_used: maker.gauge(&REST_WEIGHT_USED),
            rest_weight_budget: maker.gauge(&REST_WEIGHT_BUDGET),
            wire_to_ack: maker.histogram(&WIRE_TO_ACK),
            sockets_open: maker.gauge(&SOCKETS_OPEN),
            socket_ends: maker.by_label(&SOCKET_ENDS, End::NAMES),
            duplicates: maker.counter(&DUPLICATES),
            holes: maker.by_label(&HOLES, HOLE_OUTCOMES),
            instruments_stale: maker.gauge(&INSTRUMENTS_STALE),
            quarantines: maker.counter(&QUARANTINES),
            breaker: maker.gauge(&BREAKER),
            listing_polls: maker.by_label(&LISTING_POLLS, LISTING_RESULTS),
            listing_changes: maker.by_label(&LISTING_CHANGES, LISTING_CHANGE_KINDS),
            snapshots_waiting: maker.gauges(&SNAPSHOTS_WAITING, PURPOSES),
            feed_latency: FeedLatency::default(),
            feed_latency_p99: maker.float(&FEED_LATENCY),
            health: maker.float(&HEALTH),
            health_components: maker.floats(&HEALTH_COMPONENTS, opus2_hifa::HEALTH_COMPONENTS),
            registry: maker.0,
            venue,
        }
    }

    /// Whose metrics they are.
    #[must_use]
    pub const fn venue(&self) -> Venue {
        self.venue
    }

    /// A message was lost: counts it and logs it.
    pub fn lose(&self, loss: Loss, what: &str) {
        self.dropped.add_one(loss.as_str());
        let count = self.dropped.get(loss.as_str());
        if is_logged(count) {
            tracing::warn!(reason = loss.as_str(), what, count, "message lost");
        }
    }

    /// A message belongs to nobody: counts it and logs it. Its dead letter has the rest.
    pub fn put_aside(&self, reason: &'static str, id: &str) {
        self.dropped.add_one(reason);
        let count = self.dropped.get(reason);
        if is_logged(count) {
            tracing::warn!(reason, id, count, "message put aside");
        }
    }

    /// A message of an instrument is of no use to its book: counts it and logs it.
    pub fn reject(&self, reject: Reject, instrument: &str) {
        self.rejected.add_one(reject.as_str());
        let count = self.rejected.get(reject.as_str());
        if is_logged(count) {
            tracing::warn!(reason = reject.as_str(), instrument, count, error = %reject, "message of no use");
        }
    }

    /// A book was lost: counts it and logs it.
    pub fn resync(&self, reason: ResyncReason, instrument: &str) {
        self.resyncs.add_one(reason.as_str());
        let count = self.resyncs.get(reason.as_str());
        if is_logged(count) {
            tracing::warn!(reason = reason.as_str(), instrument, count, "book lost");
        }
    }

    /// A connection has ended, or did not come about: counts it and logs it.
    pub fn reconnect(&self, end: End, conn: &str, pause: Duration) {
        self.reconnects.add_one(end.as_str());
        let pause_ms = pause.as_millis();
        if end.is_orderly() {
            tracing::info!(reason = end.as_str(), conn, pause_ms, "connecting again");
        } else {
            tracing::warn!(reason = end.as_str(), conn, pause_ms, "connecting again");
        }
    }

    /// An instrument is left alone for so long: counts it and logs it.
    pub fn quarantine(&self, instrument: &str, retry_secs: i64) {
        self.quarantines.inc();
        tracing::error!(instrument, retry_secs, "instrument quarantined");
    }

    /// The venue sent an error frame: counts it and logs it.
    pub fn venue_error(&self, code: i64, message: &str, conn: &str) {
        self.venue_errors.inc();
        tracing::error!(code, message, conn, "venue sent an error");
    }

    /// The broker has acknowledged a raw record.
    pub fn acked(&self, channel: Channel, took: Duration) {
        self.records_acked.add_one(channel);
        if channel != Channel::Instrument {
            self.wire_to_ack.observe(took.as_secs_f64());
        }
    }

    /// A socket has ended, and its connection goes on: counts it and logs it.
    pub fn socket_ended(&self, end: End, conn: &str) {
        self.socket_ends.add_one(end.as_str());
        if end.is_orderly() {
            tracing::info!(reason = end.as_str(), conn, "socket replaced");
        } else {
            tracing::warn!(reason = end.as_str(), conn, "socket ended, the connection goes on");
        }
    }

    /// The circuit breaker is now in this state.
    pub fn set_breaker(&self, state: BreakerState) {
        self.breaker.set(state.code());
    }

    /// So many snapshots wait for this purpose.
    pub fn set_snapshots_waiting(&self, purpose: SnapshotPurpose, count: usize) {
        let gauge = &self.snapshots_waiting[purpose_index(purpose)];
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The venue's health at present, and the latency it was computed from.
    pub fn set_health(&self, health: &ExchangeHealth, latency_secs_p99: f64) {
        self.health.set(health.score);
        self.feed_latency_p99.set(latency_secs_p99);
        for (gauge, value) in self.health_components.iter().zip(health.components) {
            gauge.set(value);
        }
    }

    /// The health that was set last.
    #[must_use]
    pub fn health(&self) -> f64 {
        self.health.get()
    }

    /// So many books begin in `Empty`.
    pub fn books_begin(&self, count: usize) {
        self.book(BookState::Empty).add(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A book is no longer followed; it was in this state.
    pub fn book_ended(&self, state: BookState) {
        self.book(state).dec();
    }

    /// A book has gone from one state to another.
    pub fn book_moved(&self, from: BookState, to: BookState) {
        self.book(from).dec();
        self.book(to).inc();
    }

    /// How many books are in a state.
    #[must_use]
    pub fn books_in(&self, state: BookState) -> i64 {
        self.book(state).get()
    }

    fn book(&self, state: BookState) -> &IntGauge {
        &self.books[usize::from(state.code())]
    }
}

/// Which occurrences of one reason are logged: the first, the second, the fourth, the eighth, … A burst of a million
/// costs twenty lines, and every line says how many there have been.
const fn is_logged(count: u64) -> bool {
    count.is_power_of_two()
}

const fn purpose_index(purpose: SnapshotPurpose) -> usize {
    match purpose {
        SnapshotPurpose::Start => 0,
        SnapshotPurpose::Resync => 1,
        SnapshotPurpose::Deepen => 2,
    }
}
