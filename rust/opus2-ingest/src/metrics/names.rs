//! Every metric's name, kind, label and meaning.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric's name and meaning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) label: Option<&'static str>,
    pub(super) help: &'static str,
}

pub(super) const fn counter(name: &'static str, label: Option<&'static str>, help: &'static str) -> Spec {
    Spec { name, kind: Kind::Counter, label, help }
}

pub(super) const fn gauge(name: &'static str, label: Option<&'static str>, help: &'static str) -> Spec {
    Spec { name, kind: Kind::Gauge, label, help }
}

pub(super) const FRAMES_RECEIVED: Spec = counter(
    "opus2_ingest_frames_received_total",
    Some("channel"),
    "Messages of instruments received: frames by their channel, bodies of snapshots as `snapshot`.",
);
pub(super) const RECEIVED_BYTES: Spec = counter(
    "opus2_ingest_received_bytes_total",
    None,
    "Bytes of the messages received, unreadable ones included.",
);
pub(super) const RECORDS_PUBLISHED: Spec = counter(
    "opus2_ingest_records_published_total",
    Some("channel"),
    "Raw records handed to the broker client. `instrument` are the specifications that begin every connection.",
);
pub(super) const PUBLISHED_BYTES: Spec =
    counter("opus2_ingest_published_bytes_total", None, "Bytes of the raw records published, values alone.");
pub(super) const RECORDS_ACKED: Spec = counter(
    "opus2_ingest_records_acked_total",
    Some("channel"),
    "Raw records that the broker has acknowledged.",
);
pub(super) const DEAD_LETTERS: Spec =
    counter("opus2_ingest_dead_letters_total", None, "Dead letters handed to the broker client.");
pub(super) const DROPS: Spec = counter(
    "opus2_ingest_drops_total",
    Some("reason"),
    "Messages that did not reach the raw topic. Those a dead letter tells of: unreadable ones and `unknown_symbol`. \
     Losses: `backpressure` (the one in hand when a connection was given up), `delivery` (the broker did not take a \
     record in time), `record_too_large`, `broker_refused`, `unconfirmed` (the broker took a later record of the partition and \
     never said that it has this one).",
);
pub(super) const REJECTS: Spec = counter(
    "opus2_ingest_rejects_total",
    Some("reason"),
    "Messages of instruments that are on the raw topic but of no use to a book.",
);
pub(super) const RECONNECTS: Spec = counter(
    "opus2_ingest_reconnects_total",
    Some("reason"),
    "Connections ended, or not come about, and why.",
);
pub(super) const RESYNCS: Spec = counter(
    "opus2_ingest_resyncs_total",
    Some("reason"),
    "Books lost while their connection stayed. Each asks for a snapshot.",
);
pub(super) const SNAPSHOTS: Spec =
    counter("opus2_ingest_snapshot_requests_total", Some("result"), "Depth snapshots asked for over REST.");
pub(super) const VENUE_ERRORS: Spec =
    counter("opus2_ingest_venue_errors_total", None, "Error frames from the venue.");
pub(super) const BROKER_ERRORS: Spec =
    counter("opus2_ingest_broker_errors_total", None, "Errors that the broker client told of by itself.");
pub(super) const CLOCK_HELD: Spec = counter(
    "opus2_ingest_clock_held_total",
    None,
    "Receive times held at the one before, because the wall clock had gone back.",
);
pub(super) const QUEUE_FULL: Spec = counter(
    "opus2_ingest_queue_full_total",
    None,
    "Times a connection stopped reading because too much was on its way to the broker.",
);
pub(super) const QUEUE_RECORDS: Spec =
    gauge("opus2_ingest_queue_records", None, "Records on their way to the broker, dead letters included.");
pub(super) const QUEUE_BYTES: Spec = gauge("opus2_ingest_queue_bytes", None, "Their bytes, values alone.");
pub(super) const CONNECTIONS: Spec =
    gauge("opus2_ingest_connections", None, "Connections that there should be.");
pub(super) const CONNECTIONS_OPEN: Spec =
    gauge("opus2_ingest_connections_open", None, "Connections that are up.");
pub(super) const BOOKS: Spec = gauge(
    "opus2_ingest_books",
    Some("state"),
    "Books by their state; their sum is the number of instruments.",
);
pub(super) const REST_WEIGHT_USED: Spec = gauge(
    "opus2_ingest_rest_weight_used",
    None,
    "REST weight used in the venue's present window, by its count or ours, whichever is higher.",
);
pub(super) const REST_WEIGHT_BUDGET: Spec = gauge(
    "opus2_ingest_rest_weight_budget",
    None,
    "REST weight that this process allows itself in a window.",
);
pub(super) const WIRE_TO_ACK: Spec = Spec {
    name: "opus2_ingest_wire_to_ack_seconds",
    kind: Kind::Histogram,
    label: None,
    help: "From the return of the socket read to the broker's acknowledgement, of frames and snapshots.",
};

pub(super) const SOCKETS_OPEN: Spec =
    gauge("opus2_ingest_sockets_open", None, "Sockets that are up; a connection may have several.");
pub(super) const SOCKET_ENDS: Spec = counter(
    "opus2_ingest_socket_ends_total",
    Some("reason"),
    "Sockets ended whose connection went on with another, and why. `age` and `server_shutdown` are replacements in order.",
);
pub(super) const DUPLICATES: Spec = counter(
    "opus2_ingest_duplicates_total",
    None,
    "Messages that one socket of a connection brought after another had. They are not published.",
);
pub(super) const HOLES: Spec = counter(
    "opus2_ingest_holes_total",
    Some("outcome"),
    "Messages that skipped numbers on one socket and waited for another: `filled` by it, or `unfilled`.",
);
pub(super) const INSTRUMENTS_STALE: Spec = gauge(
    "opus2_ingest_instruments_stale",
    None,
    "Instruments of which nothing has been heard for `instrument_silence_secs_max`.",
);
pub(super) const BREAKER: Spec = gauge(
    "opus2_ingest_breaker",
    None,
    "The venue's circuit breaker: 0 closed (all is well), 1 half open (one try is under way), 2 open (the venue is left \
     alone for a while).",
);
pub(super) const QUARANTINES: Spec = counter(
    "opus2_ingest_quarantines_total",
    None,
    "Instruments left alone for a while, because the venue refused them or their book was lost again and again.",
);
pub(super) const LISTING_POLLS: Spec = counter(
    "opus2_ingest_listing_polls_total",
    Some("result"),
    "Times the venue's list of instruments was asked for.",
);
pub(super) const LISTING_CHANGES: Spec = counter(
    "opus2_ingest_listing_changes_total",
    Some("change"),
    "Instruments that were added or removed while running, or whose tick or scales changed.",
);
pub(super) const SNAPSHOTS_WAITING: Spec =
    gauge("opus2_ingest_snapshots_waiting", Some("purpose"), "Snapshots wanted that wait for weight.");
pub(super) const FEED_LATENCY: Spec = gauge(
    "opus2_ingest_feed_latency_p99_seconds",
    None,
    "The 99th percentile of the last minute of the time from the venue's own stamp to ours, of one message in sixteen.",
);
pub(super) const HEALTH: Spec = gauge(
    "opus2_ingest_exchange_health",
    None,
    "How far the venue can be relied upon, 0 to 100: the weighted geometric mean of its six components.",
);
pub(super) const HEALTH_COMPONENTS: Spec =
    gauge("opus2_ingest_exchange_health_component", Some("component"), "Each component, 0 to 1; 1 is best.");

pub(super) const SPECS: [&Spec; 36] = [
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
    &SOCKETS_OPEN,
    &SOCKET_ENDS,
    &DUPLICATES,
    &HOLES,
    &INSTRUMENTS_STALE,
    &BREAKER,
    &QUARANTINES,
    &LISTING_POLLS,
    &LISTING_CHANGES,
    &SNAPSHOTS_WAITING,
    &FEED_LATENCY,
    &HEALTH,
    &HEALTH_COMPONENTS,
];

/// Those of the process, without the label `venue`.
pub(super) const OF_PROCESS: [&Spec; 4] = [&BROKER_ERRORS, &CLOCK_HELD, &QUEUE_RECORDS, &QUEUE_BYTES];

/// Upper bounds of the time from wire to acknowledgement, seconds: close together where the aim is (p50 below 5 ms).
pub(super) const WIRE_TO_ACK_SECS: [f64; 18] = [
    0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
    5.0, 30.0,
];
