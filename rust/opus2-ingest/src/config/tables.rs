//! The configuration as people write it: every key, what it means, its default. A venue's keys are in `venues.rs`.

use serde::{Deserialize, Serialize};

use super::{Secrets, VenuesTable};

/// The configuration as people write it. Every key has a default; an unknown key is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawConfig {
    /// Whom to listen to, and to what.
    pub venue: VenuesTable,
    /// Where to publish.
    pub kafka: KafkaTable,
    /// How to hold WebSocket connections.
    pub connection: ConnectionTable,
    /// How to use the venues' REST interfaces.
    pub rest: RestTable,
    /// Where metrics are read.
    pub metrics: MetricsTable,
    /// What is logged.
    pub log: LogTable,
    /// Keys of accounts, from the environment. Never printed.
    #[serde(skip)]
    pub secrets: Secrets,
}

/// Where to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaTable {
    /// Brokers to ask first, `host:port`, separated by commas.
    pub brokers: String,
    /// How long a record waits for company before it is sent.
    pub linger_ms: u32,
    /// `none`, `gzip` or `lz4`.
    pub compression: String,
    /// Records that may be on their way to the broker. At this limit the sockets are not read.
    pub in_flight_records_limit: usize,
    /// Bytes that may be on their way to the broker. At this limit the sockets are not read.
    pub in_flight_bytes_limit: usize,
    /// The largest record. A whole book is one: 5 MiB of Coinbase's BTC-USD by levels, 10 MiB order by order. The topics'
    /// `max.message.bytes` must allow it.
    pub record_bytes_limit: usize,
    /// How long a connection waits at the limits before it is given up, with what it would have brought.
    pub full_secs_max: u64,
    /// How long the broker client tries to deliver a record.
    pub delivery_secs_max: u64,
    /// How long to wait for the broker at the start.
    pub startup_secs_max: u64,
    /// How long to wait for records on their way when stopping.
    pub flush_secs_max: u64,
    /// Make topics that are missing. For local brokers; elsewhere topics have owners.
    pub create_topics: bool,
    /// How many partitions a topic that is made here gets.
    pub partitions: u32,
}

impl Default for KafkaTable {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".into(),
            linger_ms: 1,
            compression: "none".into(),
            in_flight_records_limit: 20_000,
            in_flight_bytes_limit: 64 << 20,
            record_bytes_limit: 32 << 20,
            full_secs_max: 5,
            delivery_secs_max: 30,
            startup_secs_max: 60,
            flush_secs_max: 10,
            create_topics: false,
            partitions: 16,
        }
    }
}

/// How to hold WebSocket connections, at every venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionTable {
    /// The largest message. A larger one costs the connection; the largest known is a book of 5 MB.
    pub message_bytes_limit: usize,
    /// How long connecting may take.
    pub connect_secs_max: u64,
    /// The first retry comes within this time; the limit doubles with every failure in a row.
    pub backoff_ms_min: u64,
    /// No retry is put off longer.
    pub backoff_secs_max: u64,
    /// So much data makes a connection healthy, and the count of failures start again.
    pub healthy_secs_min: u64,
    /// The pause between the first connects of several connections.
    pub stagger_ms: u64,
    /// So many failures in a row at one venue, with no success between them, and it is left alone for a while.
    pub breaker_failures: u32,
    /// For how long at first; twice as long after every try in vain, up to ten times.
    pub breaker_open_secs: u64,
}

impl Default for ConnectionTable {
    fn default() -> Self {
        Self {
            message_bytes_limit: 64 << 20,
            connect_secs_max: 10,
            backoff_ms_min: 250,
            backoff_secs_max: 30,
            healthy_secs_min: 30,
            stagger_ms: 250,
            breaker_failures: 10,
            breaker_open_secs: 15,
        }
    }
}

/// How to use the venues' REST interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestTable {
    /// How long one request may take.
    pub timeout_secs: u64,
    /// The largest answer that is read.
    pub body_bytes_limit: usize,
    /// Requests at a time to one venue.
    pub requests_limit: usize,
}

impl Default for RestTable {
    fn default() -> Self {
        Self { timeout_secs: 10, body_bytes_limit: 64 << 20, requests_limit: 4 }
    }
}

/// Where metrics are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsTable {
    /// Address of `/metrics` and `/healthz`. Port 0 takes a free one, which is logged.
    pub listen: String,
}

impl Default for MetricsTable {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9464".into() }
    }
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogTable {
    /// A filter of the form `info,opus2_ingest=debug`.
    pub filter: String,
    /// `text` or `json`.
    pub format: String,
}

impl Default for LogTable {
    fn default() -> Self {
        Self { filter: "info".into(), format: "text".into() }
    }
}
