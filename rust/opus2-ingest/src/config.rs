//! Configuration: text in, types out, checked once.
//!
//! Three layers, each over the one before: the defaults below, a TOML file, the environment
//! (`OPUS2_INGEST__KAFKA__BROKERS`). [`RawConfig`] is what people write; [`Config`] is what the rest of the crate uses,
//! and nothing checks it again.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opus2_types::Venue;
use opus2_venue::binance::{INSTRUMENTS_PER_CONNECTION_MAX, SNAPSHOT_LEVELS_MAX};
use serde::{Deserialize, Serialize};

use crate::backoff::BackoffSettings;

/// What every environment variable of this process begins with; `__` separates table and key.
pub const ENV_PREFIX: &str = "OPUS2_INGEST__";

/// The configuration as people write it. Every key has a default; an unknown key is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawConfig {
    /// Whom to listen to.
    pub venue: VenueTable,
    /// Where to publish.
    pub kafka: KafkaTable,
    /// How to hold WebSocket connections.
    pub connection: ConnectionTable,
    /// How to use the venue's REST interface.
    pub rest: RestTable,
    /// Where metrics are read.
    pub metrics: MetricsTable,
    /// What is logged.
    pub log: LogTable,
}

/// Whom to listen to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VenueTable {
    /// The venue. `binance`.
    pub name: String,
    /// Where its REST interface is, without a path.
    pub rest_url: String,
    /// Where its WebSocket streams are, without a path.
    pub ws_url: String,
    /// The instruments, by the venue's own symbols.
    pub instruments: Vec<String>,
    /// How many instruments share a connection.
    pub instruments_per_connection: usize,
    /// Levels a side of a book's snapshot. The venue's price for one (REST weight): up to 100 levels 5, 500 25, 1000 50,
    /// 5000 250.
    pub snapshot_levels: u16,
}

impl Default for VenueTable {
    fn default() -> Self {
        Self {
            name: "binance".into(),
            rest_url: "https://data-api.binance.vision".into(),
            ws_url: "wss://data-stream.binance.vision".into(),
            instruments: ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "ETHBTC"]
                .map(Into::into)
                .into(),
            instruments_per_connection: 50,
            snapshot_levels: 1000,
        }
    }
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
    /// The largest record. The broker's `max.message.bytes` must allow it.
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
            record_bytes_limit: 1_000_000,
            full_secs_max: 5,
            delivery_secs_max: 30,
            startup_secs_max: 60,
            flush_secs_max: 10,
            create_topics: false,
            partitions: 16,
        }
    }
}

/// How to hold WebSocket connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionTable {
    /// The largest message. A larger one costs the connection; the venue's largest are far below 1 MB.
    pub message_bytes_limit: usize,
    /// How long connecting may take.
    pub connect_secs_max: u64,
    /// A connection on which nothing is heard for so long is given up.
    pub silence_secs_max: u64,
    /// A connection of this age is replaced. The venue ends it at 24 hours.
    pub age_secs_max: u64,
    /// Up to so much earlier, at random, so that connections do not all end together.
    pub age_jitter_secs_max: u64,
    /// The first retry comes within this time; the limit doubles with every failure in a row.
    pub backoff_ms_min: u64,
    /// No retry is put off longer.
    pub backoff_secs_max: u64,
    /// So much data makes a connection healthy, and the count of failures start again.
    pub healthy_secs_min: u64,
    /// Connection attempts of the whole process in five minutes. The venue allows an address 300.
    pub attempts_limit: usize,
    /// The pause between the first connects of several connections.
    pub stagger_ms: u64,
}

impl Default for ConnectionTable {
    fn default() -> Self {
        Self {
            message_bytes_limit: 32 << 20,
            connect_secs_max: 10,
            silence_secs_max: 45,
            age_secs_max: 82_800,
            age_jitter_secs_max: 1_800,
            backoff_ms_min: 250,
            backoff_secs_max: 30,
            healthy_secs_min: 30,
            attempts_limit: 200,
            stagger_ms: 250,
        }
    }
}

/// How to use the venue's REST interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestTable {
    /// How long one request may take.
    pub timeout_secs: u64,
    /// The largest answer that is read.
    pub body_bytes_limit: usize,
    /// How much of the venue's weight limit this process may use.
    pub weight_percent: u32,
    /// Requests at a time.
    pub requests_limit: usize,
    /// How long to try for the list of instruments at the start.
    pub startup_secs_max: u64,
}

impl Default for RestTable {
    fn default() -> Self {
        Self {
            timeout_secs: 10,
            body_bytes_limit: 64 << 20,
            weight_percent: 80,
            requests_limit: 4,
            startup_secs_max: 120,
        }
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

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}; check the path given with --config", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML of this form.
    #[error("{}: not a configuration of ingest; config/ingest.toml has every key", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        #[source]
        source: toml::de::Error,
    },
    /// A variable of the environment that names no key.
    #[error("environment variable {name}: there is no key {key:?}; --print-config shows every key")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The key it would set.
        key: String,
    },
    /// A variable whose text is not of the key's type.
    #[error("environment variable {name}={text:?}: expected {expected}")]
    Variable {
        /// The variable.
        name: String,
        /// Its text.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A value out of bounds.
    #[error("{key} = {value}: expected {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: String,
    },
}

/// The configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The venue.
    pub venue: Venue,
    /// Where its REST interface is, without a slash at the end.
    pub rest_url: String,
    /// Where its streams are, without a slash at the end.
    pub ws_url: String,
    /// The instruments, in the order of their importance.
    pub instruments: Vec<String>,
    /// How many share a connection.
    pub instruments_per_connection: usize,
    /// Levels a side of a snapshot.
    pub snapshot_levels: u16,
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

/// How to hold connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionSettings {
    /// The largest message.
    pub message_bytes_limit: usize,
    /// How long connecting may take.
    pub connect_max: Duration,
    /// How long a connection may be silent.
    pub silence_max: Duration,
    /// How old a connection may become.
    pub age_max: Duration,
    /// How much younger it may be ended, at random.
    pub age_jitter_max: Duration,
    /// When to connect again.
    pub backoff: BackoffSettings,
    /// Attempts of the process in five minutes.
    pub attempts_limit: usize,
    /// The pause between first connects.
    pub stagger: Duration,
}

/// How to use REST.
#[derive(Debug, Clone, Copy)]
pub struct RestSettings {
    /// How long one request may take.
    pub timeout: Duration,
    /// The largest answer.
    pub body_bytes_limit: usize,
    /// How much of the venue's limit to use.
    pub weight_percent: u32,
    /// Requests at a time.
    pub requests_limit: usize,
    /// How long to try at the start.
    pub startup_max: Duration,
}

impl RawConfig {
    /// Defaults, then the file, then the variables.
    ///
    /// # Errors
    /// An unreadable file, an unknown key, or a value of another type.
    pub fn load(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut raw = Self::default();
        if let Some(path) = path {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            raw = toml::from_str(&text)
                .map_err(|source| ConfigError::Syntax { path: path.to_owned(), source })?;
        }
        for (name, text) in variables {
            if let Some(key) = name.strip_prefix(ENV_PREFIX) {
                raw = raw.with_variable(&name, &key.to_ascii_lowercase(), &text)?;
            }
        }
        Ok(raw)
    }

    /// As [`load`](Self::load), with the variables of this process.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with_environment(path: Option<&Path>) -> Result<Self, ConfigError> {
        // A variable that is not UTF-8 cannot be one of ours.
        let variables = std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
        Self::load(path, variables)
    }

    /// The configuration as TOML.
    ///
    /// # Panics
    /// Never: tables of strings, numbers and lists always serialize.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("tables of strings, numbers and lists always serialize")
    }

    /// The key's present value says what type the text must have.
    fn with_variable(&self, name: &str, key: &str, text: &str) -> Result<Self, ConfigError> {
        let unknown = || ConfigError::UnknownVariable { name: name.into(), key: key.replace("__", ".") };
        let expected = |expected| ConfigError::Variable { name: name.into(), text: text.into(), expected };
        let (table, key_name) = key.split_once("__").ok_or_else(unknown)?;
        let mut document =
            toml::Table::try_from(self).expect("tables of strings and numbers always serialize");
        let value = document
            .get_mut(table)
            .and_then(toml::Value::as_table_mut)
            .and_then(|table| table.get_mut(key_name))
            .ok_or_else(unknown)?;
        *value = match value {
            toml::Value::String(_) => text.into(),
            toml::Value::Integer(_) => text.parse::<i64>().map_err(|_| expected("a whole number"))?.into(),
            toml::Value::Boolean(_) => text.parse::<bool>().map_err(|_| expected("true or false"))?.into(),
            toml::Value::Array(_) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                items.map(toml::Value::from).collect::<Vec<_>>().into()
            }
            _ => return Err(unknown()),
        };
        document.try_into().map_err(|_| expected("a number in the range of the key"))
    }

    /// Checks every value and turns text into types.
    ///
    /// # Errors
    /// [`ConfigError::Value`] names the first key whose value is out of bounds, and the bounds.
    pub fn validate(&self) -> Result<Config, ConfigError> {
        let VenueTable { name, rest_url, ws_url, .. } = &self.venue;
        let venue: Venue = name
            .parse()
            .ok()
            .filter(|venue| *venue == Venue::Binance)
            .ok_or_else(|| bad("venue.name", name, "binance; other venues are not supported yet"))?;
        let per_connection = self.venue.instruments_per_connection;
        within("venue.instruments_per_connection", per_connection, 1, INSTRUMENTS_PER_CONNECTION_MAX)?;
        within("venue.snapshot_levels", self.venue.snapshot_levels, 1, SNAPSHOT_LEVELS_MAX)?;
        Ok(Config {
            venue,
            rest_url: base_url("venue.rest_url", rest_url, ["http://", "https://"])?,
            ws_url: base_url("venue.ws_url", ws_url, ["ws://", "wss://"])?,
            instruments: self.venue.checked_instruments()?,
            instruments_per_connection: per_connection,
            snapshot_levels: self.venue.snapshot_levels,
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

impl VenueTable {
    fn checked_instruments(&self) -> Result<Vec<String>, ConfigError> {
        const KEY: &str = "venue.instruments";
        let mut seen = BTreeSet::new();
        for symbol in &self.instruments {
            if symbol.is_empty() || symbol.len() > SYMBOL_BYTES_MAX {
                return Err(bad(KEY, symbol, format!("symbols of 1 to {SYMBOL_BYTES_MAX} bytes")));
            }
            if !seen.insert(symbol.to_ascii_uppercase()) {
                return Err(bad(KEY, symbol, "every symbol once"));
            }
        }
        if seen.is_empty() {
            return Err(bad(KEY, "[]", "at least one symbol, as in [\"BTCUSDT\"]"));
        }
        Ok(self.instruments.clone())
    }
}

/// No symbol is longer.
const SYMBOL_BYTES_MAX: usize = 64;

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
        within("connection.attempts_limit", self.attempts_limit, 1, 300)?;
        let age_max = secs("connection.age_secs_max", self.age_secs_max, 60, 86_000)?;
        let age_jitter_max =
            secs("connection.age_jitter_secs_max", self.age_jitter_secs_max, 0, self.age_secs_max / 2)?;
        within("connection.backoff_ms_min", self.backoff_ms_min, 10, 10_000)?;
        within("connection.stagger_ms", self.stagger_ms, 0, 10_000)?;
        Ok(ConnectionSettings {
            message_bytes_limit: self.message_bytes_limit,
            connect_max: secs("connection.connect_secs_max", self.connect_secs_max, 1, 60)?,
            silence_max: secs("connection.silence_secs_max", self.silence_secs_max, 1, 600)?,
            age_max,
            age_jitter_max,
            backoff: BackoffSettings {
                min: Duration::from_millis(self.backoff_ms_min),
                max: secs("connection.backoff_secs_max", self.backoff_secs_max, 1, 600)?,
                healthy_min: secs("connection.healthy_secs_min", self.healthy_secs_min, 1, 600)?,
            },
            attempts_limit: self.attempts_limit,
            stagger: Duration::from_millis(self.stagger_ms),
        })
    }
}

impl RestTable {
    fn checked(&self) -> Result<RestSettings, ConfigError> {
        within("rest.body_bytes_limit", self.body_bytes_limit, 1 << 16, 1 << 30)?;
        within("rest.weight_percent", self.weight_percent, 1, 100)?;
        within("rest.requests_limit", self.requests_limit, 1, 64)?;
        Ok(RestSettings {
            timeout: secs("rest.timeout_secs", self.timeout_secs, 1, 120)?,
            body_bytes_limit: self.body_bytes_limit,
            weight_percent: self.weight_percent,
            requests_limit: self.requests_limit,
            startup_max: secs("rest.startup_secs_max", self.startup_secs_max, 1, 3_600)?,
        })
    }
}

fn bad(key: &'static str, value: &(impl ToString + ?Sized), expected: impl Into<String>) -> ConfigError {
    ConfigError::Value { key, value: value.to_string(), expected: expected.into() }
}

fn within<T: Copy + PartialOrd + Display>(
    key: &'static str,
    value: T,
    min: T,
    max: T,
) -> Result<(), ConfigError> {
    if value < min || value > max { Err(bad(key, &value, format!("{min} to {max}"))) } else { Ok(()) }
}

fn secs(key: &'static str, value: u64, min: u64, max: u64) -> Result<Duration, ConfigError> {
    within(key, value, min, max)?;
    Ok(Duration::from_secs(value))
}

fn base_url(key: &'static str, url: &str, schemes: [&str; 2]) -> Result<String, ConfigError> {
    let trimmed = url.trim_end_matches('/');
    let rest = schemes.iter().find_map(|scheme| trimmed.strip_prefix(scheme));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(['?', '#', ' ']) => Ok(trimmed.to_owned()),
        _ => Err(bad(key, url, format!("{}host or {}host", schemes[0], schemes[1]))),
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
