//! The configuration as the crate uses it, and the checks that make it from text.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use super::{ConfigError, ConnectionTable, KafkaTable, RawConfig, RestTable, VenueConfig};
use crate::backoff::BackoffSettings;

/// The configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The venues to listen to; at least one.
    pub venues: Vec<VenueConfig>,
    /// Where to publish.
    pub publish: PublishSettings,
    /// How to hold connections.
    pub connection: ConnectionSettings,
    /// How to use REST.
    pub rest: RestSettings,
    /// Where metrics are read.
    pub metrics_listen: SocketAddr,
    /// What is logged.
    pub log_filter: String,
    /// True for one JSON object a line.
    pub log_is_json: bool,
}

/// Where and how to publish.
#[derive(Debug, Clone)]
pub struct PublishSettings {
    /// Brokers to ask first.
    pub brokers: String,
    /// How long a record waits for company.
    pub linger_ms: u32,
    /// The codec's name.
    pub compression: String,
    /// Records on their way.
    pub in_flight_records_limit: usize,
    /// Bytes on their way.
    pub in_flight_bytes_limit: usize,
    /// The largest record.
    pub record_bytes_limit: usize,
    /// How long a connection waits at the limits.
    pub full_max: Duration,
    /// How long a record may take.
    pub delivery_max: Duration,
    /// How long to wait for the broker at the start.
    pub startup_max: Duration,
    /// How long to wait when stopping.
    pub flush_max: Duration,
    /// Partitions of topics to be made; `None` when topics are not ours to make.
    pub create_partitions: Option<u32>,
}

/// How to hold connections, at every venue.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionSettings {
    /// The largest message.
    pub message_bytes_limit: usize,
    /// How long connecting may take.
    pub connect_max: Duration,
    /// When to connect again.
    pub backoff: BackoffSettings,
    /// The pause between first connects.
    pub stagger: Duration,
    /// Failures in a row at one venue before it is left alone.
    pub breaker_failures: u32,
    /// For how long at first.
    pub breaker_open: Duration,
}

/// How to use REST.
#[derive(Debug, Clone, Copy)]
pub struct RestSettings {
    /// How long one request may take.
    pub timeout: Duration,
    /// The largest answer.
    pub body_bytes_limit: usize,
    /// Requests at a time to one venue.
    pub requests_limit: usize,
}

impl RawConfig {
    /// Checks every value and turns text into types. Reads the files of credentials that are named.
    ///
    /// # Errors
    /// [`ConfigError::Value`] names the first key whose value is out of bounds, and the bounds.
    pub fn validate(&self) -> Result<Config, ConfigError> {
        let venues = self.venue.checked(&self.secrets)?;
        if venues.is_empty() {
            return Err(bad("venue.binance.enabled", &false, "at least one venue to be enabled"));
        }
        Ok(Config {
            venues,
            publish: self.kafka.checked()?,
            connection: self.connection.checked()?,
            rest: self.rest.checked()?,
            metrics_listen: self.metrics.listen.parse().map_err(|_| {
                bad("metrics.listen", &self.metrics.listen, "an address with a port, as in 127.0.0.1:9464")
            })?,
            log_filter: self.log.filter.clone(),
            log_is_json: match self.log.format.as_str() {
                "text" => false,
                "json" => true,
                other => return Err(bad("log.format", other, "text or json")),
            },
        })
    }
}

impl KafkaTable {
    fn checked(&self) -> Result<PublishSettings, ConfigError> {
        if self.brokers.split(',').any(|broker| !broker.trim().contains(':')) {
            return Err(bad("kafka.brokers", &self.brokers, "host:port, several separated by commas"));
        }
        if !["none", "gzip", "lz4"].contains(&self.compression.as_str()) {
            return Err(bad("kafka.compression", &self.compression, "none, gzip or lz4"));
        }
        within("kafka.linger_ms", self.linger_ms, 0, 1_000)?;
        within("kafka.in_flight_records_limit", self.in_flight_records_limit, 1, 10_000_000)?;
        within("kafka.record_bytes_limit", self.record_bytes_limit, 1_000, 100 << 20)?;
        within("kafka.in_flight_bytes_limit", self.in_flight_bytes_limit, self.record_bytes_limit, 2 << 30)?;
        within("kafka.partitions", self.partitions, 1, 100_000)?;
        Ok(PublishSettings {
            brokers: self.brokers.clone(),
            linger_ms: self.linger_ms,
            compression: self.compression.clone(),
            in_flight_records_limit: self.in_flight_records_limit,
            in_flight_bytes_limit: self.in_flight_bytes_limit,
            record_bytes_limit: self.record_bytes_limit,
            full_max: secs("kafka.full_secs_max", self.full_secs_max, 1, 40)?,
            delivery_max: secs("kafka.delivery_secs_max", self.delivery_secs_max, 1, 3_600)?,
            startup_max: secs("kafka.startup_secs_max", self.startup_secs_max, 1, 3_600)?,
            flush_max: secs("kafka.flush_secs_max", self.flush_secs_max, 1, 600)?,
            create_partitions: self.create_topics.then_some(self.partitions),
        })
    }
}

impl ConnectionTable {
    fn checked(&self) -> Result<ConnectionSettings, ConfigError> {
        within("connection.message_bytes_limit", self.message_bytes_limit, 1 << 16, 1 << 30)?;
        within("connection.backoff_ms_min", self.backoff_ms_min, 10, 10_000)?;
        within("connection.stagger_ms", self.stagger_ms, 0, 10_000)?;
        within("connection.breaker_failures", self.breaker_failures, 1, 1_000)?;
        Ok(ConnectionSettings {
            message_bytes_limit: self.message_bytes_limit,
            connect_max: secs("connection.connect_secs_max", self.connect_secs_max, 1, 60)?,
            backoff: BackoffSettings {
                min: Duration::from_millis(self.backoff_ms_min),
                max: secs("connection.backoff_secs_max", self.backoff_secs_max, 1, 600)?,
                healthy_min: secs("connection.healthy_secs_min", self.healthy_secs_min, 1, 600)?,
            },
            stagger: Duration::from_millis(self.stagger_ms),
            breaker_failures: self.breaker_failures,
            breaker_open: secs("connection.breaker_open_secs", self.breaker_open_secs, 1, 600)?,
        })
    }
}

impl RestTable {
    fn checked(&self) -> Result<RestSettings, ConfigError> {
        within("rest.body_bytes_limit", self.body_bytes_limit, 1 << 16, 1 << 30)?;
        within("rest.requests_limit", self.requests_limit, 1, 64)?;
        Ok(RestSettings {
            timeout: secs("rest.timeout_secs", self.timeout_secs, 1, 120)?,
            body_bytes_limit: self.body_bytes_limit,
            requests_limit: self.requests_limit,
        })
    }
}

pub(crate) fn bad(
    key: impl Into<String>,
    value: &(impl ToString + ?Sized),
    expected: impl Into<String>,
) -> ConfigError {
    ConfigError::Value { key: key.into(), value: value.to_string(), expected: expected.into() }
}

pub(super) fn within<T: Copy + PartialOrd + Display>(
    key: &str,
    value: T,
    min: T,
    max: T,
) -> Result<(), ConfigError> {
    if value < min || value > max { Err(bad(key, &value, format!("{min} to {max}"))) } else { Ok(()) }
}

pub(super) fn secs(key: &str, value: u64, min: u64, max: u64) -> Result<Duration, ConfigError> {
    within(key, value, min, max)?;
    Ok(Duration::from_secs(value))
}

pub(super) fn base_url(key: &str, url: &str, schemes: [&str; 2]) -> Result<String, ConfigError> {
    let trimmed = url.trim_end_matches('/');
    let rest = schemes.iter().find_map(|scheme| trimmed.strip_prefix(scheme));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(['?', '#', ' ']) => Ok(trimmed.to_owned()),
        _ => Err(bad(key, url, format!("{}host or {}host", schemes[0], schemes[1]))),
    }
}
