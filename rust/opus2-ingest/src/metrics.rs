//! Every metric of the daemon, as a typed field. docs/contracts/metrics.md is made from this file ([`render_page`]).
//!
//! Warnings, drops and reconnects are counted and logged in one place each, so that log and metric cannot disagree.
//! Children of labelled metrics are resolved once, here: counting on the path of a frame is one atomic addition.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use opus2_types::{BookState, Channel, Venue};
use opus2_venue::Reject;
use opus2_venue::session::ResyncReason;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::connection::End;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric's name and meaning.
#[derive(Debug, Clone, Copy)]
struct Spec {
    name: &'static str,
    kind: Kind,
    label: Option<&'static str>,
    help: &'static str,
}

const fn counter(name: &'static str, label: Option<&'static str>, help: &'static str) -> Spec {
    Spec { name, kind: Kind::Counter, label, help }
}

const fn gauge(name: &'static str, label: Option<&'static str>, help: &'static str) -> Spec {
    Spec { name, kind: Kind::Gauge, label, help }
}

const FRAMES_RECEIVED: Spec = counter(
    "opus2_ingest_frames_received_total",
    Some("channel"),
    "Messages of instruments received: frames by their channel, bodies of snapshots as `snapshot`.",
);
const RECEIVED_BYTES: Spec = counter(
    "opus2_ingest_received_bytes_total",
    None,
    "Bytes of the messages received, unreadable ones included.",
);
const RECORDS_PUBLISHED: Spec = counter(
    "opus2_ingest_records_published_total",
    Some("channel"),
    "Raw records handed to the broker client. `instrument` are the specifications that begin every connection.",
);
const PUBLISHED_BYTES: Spec =
    counter("opus2_ingest_published_bytes_total", None, "Bytes of the raw records published, values alone.");
const RECORDS_ACKED: Spec = counter(
    "opus2_ingest_records_acked_total",
    Some("channel"),
    "Raw records that the broker has acknowledged.",
);
const DEAD_LETTERS: Spec =
    counter("opus2_ingest_dead_letters_total", None, "Dead letters handed to the broker client.");
const DROPS: Spec = counter(
    "opus2_ingest_drops_total",
    Some("reason"),
    "Messages that did not reach the raw topic. Those a dead letter tells of: unreadable ones and `unknown_symbol`. \
     Losses: `backpressure` (the one in hand when a connection was given up), `delivery` (the broker did not take a \
     record in time), `record_too_large`, `broker_refused`.",
);
const REJECTS: Spec = counter(
    "opus2_ingest_rejects_total",
    Some("reason"),
    "Messages of instruments that are on the raw topic but of no use to a book.",
);
const RECONNECTS: Spec = counter(
    "opus2_ingest_reconnects_total",
    Some("reason"),
    "Connections ended, or not come about, and why.",
);
const RESYNCS: Spec = counter(
    "opus2_ingest_resyncs_total",
    Some("reason"),
    "Books lost while their connection stayed. Each asks for a snapshot.",
);
const SNAPSHOTS: Spec =
    counter("opus2_ingest_snapshot_requests_total", Some("result"), "Depth snapshots asked for over REST.");
const VENUE_ERRORS: Spec = counter("opus2_ingest_venue_errors_total", None, "Error frames from the venue.");
const BROKER_ERRORS: Spec =
    counter("opus2_ingest_broker_errors_total", None, "Errors that the broker client told of by itself.");
const CLOCK_HELD: Spec = counter(
    "opus2_ingest_clock_held_total",
    None,
    "Receive times held at the one before, because the wall clock had gone back.",
);
const QUEUE_FULL: Spec = counter(
    "opus2_ingest_queue_full_total",
    None,
    "Times a connection stopped reading because too much was on its way to the broker.",
);
const QUEUE_RECORDS: Spec =
    gauge("opus2_ingest_queue_records", None, "Records on their way to the broker, dead letters included.");
const QUEUE_BYTES: Spec = gauge("opus2_ingest_queue_bytes", None, "Their bytes, values alone.");
const CONNECTIONS: Spec = gauge("opus2_ingest_connections", None, "Connections that there should be.");
const CONNECTIONS_OPEN: Spec = gauge("opus2_ingest_connections_open", None, "Connections that are up.");
const BOOKS: Spec = gauge(
    "opus2_ingest_books",
    Some("state"),
    "Books by their state; their sum is the number of instruments.",
);
const REST_WEIGHT_USED: Spec = gauge(
    "opus2_ingest_rest_weight_used",
    None,
    "REST weight used in the venue's present window, by its count or ours, whichever is higher.",
);
const REST_WEIGHT_BUDGET: Spec = gauge(
    "opus2_ingest_rest_weight_budget",
    None,
    "REST weight that this process allows itself in a window.",
);
const WIRE_TO_ACK: Spec = Spec {
    name: "opus2_ingest_wire_to_ack_seconds",
    kind: Kind::Histogram,
    label: None,
    help: "From the return of the socket read to the broker's acknowledgement, of frames and snapshots.",
};

const SPECS: [&Spec; 23] = [
    &FRAMES_RECEIVED,
    &RECEIVED_BYTES,
    &RECORDS_PUBLISHED,
    &PUBLISHED_BYTES,
    &RECORDS_ACKED,
    &DEAD_LETTERS,
    &DROPS,
    &REJECTS,
    &RECONNECTS,
    &RESYNCS,
    &SNAPSHOTS,
    &VENUE_ERRORS,
    &BROKER_ERRORS,
    &CLOCK_HELD,
    &QUEUE_FULL,
    &QUEUE_RECORDS,
    &QUEUE_BYTES,
    &CONNECTIONS,
    &CONNECTIONS_OPEN,
    &BOOKS,
    &REST_WEIGHT_USED,
    &REST_WEIGHT_BUDGET,
    &WIRE_TO_ACK,
];

/// Upper bounds of [`Metrics::wire_to_ack`], seconds: close together where the aim is (p50 below 5 ms).
const WIRE_TO_ACK_SECS: [f64; 18] = [
    0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
    5.0, 30.0,
];

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
}

impl Loss {
    /// Every loss.
    pub const ALL: [Self; 5] =
        [Self::UnknownSymbol, Self::Backpressure, Self::Delivery, Self::RecordTooLarge, Self::BrokerRefused];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSymbol => "unknown_symbol",
            Self::Backpressure => "backpressure",
            Self::Delivery => "delivery",
            Self::RecordTooLarge => "record_too_large",
            Self::BrokerRefused => "broker_refused",
        }
    }
}

/// What came of asking for a snapshot.
pub const SNAPSHOT_RESULTS: [&str; 7] =
    ["ok", "unreachable", "rate_limited", "forbidden", "refused", "server_error", "too_large"];

/// One counter for every value of a label, resolved once.
#[derive(Debug)]
pub struct ByLabel<T>(HashMap<&'static str, T>);

impl ByLabel<IntCounter> {
    /// Adds one under `value`. A value that was not announced at the start counts nowhere; the tests try them all.
    pub fn add_one(&self, value: &'static str) {
        if let Some(counter) = self.0.get(value) {
            counter.inc();
        }
    }

    /// The count under `value`.
    #[must_use]
    pub fn get(&self, value: &str) -> u64 {
        self.0.get(value).map_or(0, IntCounter::get)
    }

    /// Every count that is not zero.
    #[must_use]
    pub fn not_zero(&self) -> BTreeMap<&'static str, u64> {
        self.0
            .iter()
            .map(|(value, counter)| (*value, counter.get()))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

/// One counter for every channel, by position.
#[derive(Debug)]
pub struct ByChannel([IntCounter; Channel::ALL.len()]);

impl ByChannel {
    /// Adds one.
    pub fn add_one(&self, channel: Channel) {
        if let Some(counter) = self.of(channel) {
            counter.inc();
        }
    }

    /// The count of one.
    #[must_use]
    pub fn get(&self, channel: Channel) -> u64 {
        self.of(channel).map_or(0, IntCounter::get)
    }

    fn of(&self, channel: Channel) -> Option<&IntCounter> {
        let index = Channel::ALL.iter().position(|other| *other == channel)?;
        self.0.get(index)
    }

    /// The sum over all channels.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().map(IntCounter::get).sum()
    }
}

/// The daemon's metrics. What each means is in docs/contracts/metrics.md.
#[derive(Debug)]
#[expect(missing_docs, reason = "each field is described by its metric")]
pub struct Metrics {
    registry: Registry,
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
    pub broker_errors: IntCounter,
    pub clock_held: IntCounter,
    pub queue_full: IntCounter,
    pub queue_records: IntGauge,
    pub queue_bytes: IntGauge,
    pub connections: IntGauge,
    pub connections_open: IntGauge,
    books: [IntGauge; BookState::ALL.len()],
    pub rest_weight_used: IntGauge,
    pub rest_weight_budget: IntGauge,
    wire_to_ack: Histogram,
}

impl Metrics {
    /// All metrics of a daemon for this venue, at zero.
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
            broker_errors: maker.counter(&BROKER_ERRORS),
            clock_held: maker.counter(&CLOCK_HELD),
            queue_full: maker.counter(&QUEUE_FULL),
            queue_records: maker.gauge(&QUEUE_RECORDS),
            queue_bytes: maker.gauge(&QUEUE_BYTES),
            connections: maker.gauge(&CONNECTIONS),
            connections_open: maker.gauge(&CONNECTIONS_OPEN),
            books: maker.books(),
            rest_weight_used: maker.gauge(&REST_WEIGHT_USED),
            rest_weight_budget: maker.gauge(&REST_WEIGHT_BUDGET),
            wire_to_ack: maker.histogram(&WIRE_TO_ACK),
            registry: maker.0,
        }
    }

    /// The page that Prometheus reads.
    ///
    /// # Panics
    /// Never: what has been registered can be encoded.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut page = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut page)
            .expect("metrics with names always encode");
        page
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

    /// So many books begin in `Empty`.
    pub fn books_begin(&self, count: usize) {
        self.book(BookState::Empty).set(i64::try_from(count).unwrap_or(i64::MAX));
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

/// Makes metrics and registers each as it is made.
struct Maker(Registry);

impl Maker {
    fn register<C: Collector + Clone + 'static>(&self, metric: Result<C, prometheus::Error>) -> C {
        let metric = metric.expect("the names in this file are valid metric names");
        self.0.register(Box::new(metric.clone())).expect("the names in this file are distinct");
        metric
    }

    fn counter(&self, spec: &Spec) -> IntCounter {
        self.register(IntCounter::new(spec.name, spec.help))
    }

    fn gauge(&self, spec: &Spec) -> IntGauge {
        self.register(IntGauge::new(spec.name, spec.help))
    }

    fn counters(&self, spec: &Spec) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(spec.name, spec.help), spec.label.as_slice()))
    }

    fn by_label(&self, spec: &Spec, values: impl IntoIterator<Item = &'static str>) -> ByLabel<IntCounter> {
        let counters = self.counters(spec);
        ByLabel(values.into_iter().map(|value| (value, counters.with_label_values(&[value]))).collect())
    }

    fn by_channel(&self, spec: &Spec) -> ByChannel {
        let counters = self.counters(spec);
        ByChannel(Channel::ALL.map(|channel| counters.with_label_values(&[channel.as_str()])))
    }

    fn books(&self) -> [IntGauge; BookState::ALL.len()] {
        let gauges: IntGaugeVec =
            self.register(IntGaugeVec::new(Opts::new(BOOKS.name, BOOKS.help), BOOKS.label.as_slice()));
        BookState::ALL.map(|state| gauges.with_label_values(&[state.as_str()]))
    }

    fn histogram(&self, spec: &Spec) -> Histogram {
        let opts = HistogramOpts::new(spec.name, spec.help).buckets(WIRE_TO_ACK_SECS.to_vec());
        self.register(Histogram::with_opts(opts))
    }
}

/// The text of docs/contracts/metrics.md.
///
/// # Panics
/// Never: writing to a string cannot fail.
#[must_use]
pub fn render_page() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         Made from `rust/opus2-ingest/src/metrics.rs`; do not edit. A test checks that it is fresh; to make it anew:\n\
         `cargo run -qp opus2-ingest --example metrics_page >docs/contracts/metrics.md`\n\n\
         `opus2 ingest` serves them at `/metrics` of the address in `metrics.listen`. Every metric carries the label \
         `venue`.\nUnits are base units (seconds, bytes).\n\n\
         | metric | kind | label | meaning |\n| --- | --- | --- | --- |\n",
    );
    for spec in SPECS {
        let kind = match spec.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let label = spec.label.map_or_else(String::new, |label| format!("`{label}`"));
        writeln!(page, "| `{}` | {kind} | {label} | {} |", spec.name, spec.help)
            .expect("writing to a string cannot fail");
    }
    page.push_str("\n## Values of labels\n\n| metric | values |\n| --- | --- |\n");
    for (spec, values) in label_values() {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        writeln!(page, "| `{}` | {} |", spec.name, values.join(", "))
            .expect("writing to a string cannot fail");
    }
    page
}

fn label_values() -> Vec<(&'static Spec, Vec<&'static str>)> {
    let channels = Channel::ALL.map(Channel::as_str).to_vec();
    let dropped = Reject::NAMES.into_iter().chain(Loss::ALL.map(Loss::as_str)).collect();
    vec![
        (&FRAMES_RECEIVED, channels.clone()),
        (&RECORDS_PUBLISHED, channels.clone()),
        (&RECORDS_ACKED, channels),
        (&DROPS, dropped),
        (&REJECTS, Reject::NAMES.to_vec()),
        (&RECONNECTS, End::NAMES.to_vec()),
        (&RESYNCS, ResyncReason::ALL.map(ResyncReason::as_str).to_vec()),
        (&SNAPSHOTS, SNAPSHOT_RESULTS.to_vec()),
        (&BOOKS, BookState::ALL.map(BookState::as_str).to_vec()),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_is_on_the_page_and_every_name_keeps_the_rules() {
        let page = String::from_utf8(Metrics::new(Venue::Binance).render()).unwrap();
        let names: BTreeSet<&str> = SPECS.iter().map(|spec| spec.name).collect();
        assert_eq!(names.len(), SPECS.len());
        let served: BTreeSet<&str> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        assert_eq!(served, names);
        for spec in SPECS {
            assert!(spec.name.starts_with("opus2_ingest_"), "{}", spec.name);
            assert_eq!(spec.name.ends_with("_total"), spec.kind == Kind::Counter, "{}", spec.name);
        }
    }

    #[test]
    fn every_value_of_a_label_counts_from_the_start() {
        let metrics = Metrics::new(Venue::Binance);
        let page = String::from_utf8(metrics.render()).unwrap();
        for (spec, values) in label_values() {
            let label = spec.label.unwrap();
            for value in values {
                let line = format!("{}{{{label}=\"{value}\",venue=\"binance\"}} 0", spec.name);
                assert!(page.lines().any(|served| served == line), "{line}");
            }
        }
    }

    #[test]
    fn the_contract_page_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/contracts/metrics.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert_eq!(page, render_page(), "run the example `metrics_page`");
    }
}
