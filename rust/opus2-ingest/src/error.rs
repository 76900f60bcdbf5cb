//! Why the daemon cannot start or go on.

use std::time::Duration;

use opus2_venue::binance::TooManyStreams;
use opus2_venue::listing::ListingError;

use crate::config::ConfigError;
use crate::rest::RestError;

/// Why the daemon ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The broker client cannot be made.
    #[error("the broker client refuses its settings")]
    BrokerSettings(#[source] rdkafka::error::KafkaError),
    /// No broker answers.
    #[error("no broker answered at {brokers} within {} s; is it running? The address is kafka.brokers", waited.as_secs())]
    BrokerUnreachable {
        /// The addresses tried.
        brokers: String,
        /// For how long.
        waited: Duration,
        /// The last error.
        #[source]
        source: rdkafka::error::KafkaError,
    },
    /// Topics are missing.
    #[error(
        "topics are missing: {}; make them, all instruments of a venue in one raw topic with as many partitions as the \
         job has tasks, or set kafka.create_topics = true for a local broker",
        topics.join(", ")
    )]
    TopicsMissing {
        /// Their names.
        topics: Vec<String>,
    },
    /// A topic cannot be made.
    #[error("cannot make topic {topic}: {reason}")]
    TopicNotMade {
        /// Its name.
        topic: String,
        /// The broker's words.
        reason: String,
    },
    /// The broker client has failed for good.
    #[error("the broker client has failed for good: {reason}; start ingest again")]
    BrokerFatal {
        /// Its words.
        reason: String,
    },
    /// The list of instruments cannot be had.
    #[error(
        "cannot get the list of instruments from {url}; is that the venue's REST address? It is venue.rest_url"
    )]
    InstrumentList {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: RestError,
    },
    /// The list of instruments cannot be read.
    #[error("cannot read the list of instruments from {url}")]
    InstrumentListUnreadable {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: ListingError,
    },
    /// None of the instruments asked for can be followed.
    #[error("none of the instruments in venue.instruments is trading at the venue: {}", reasons.join("; "))]
    NoInstruments {
        /// Each with what is wrong with it.
        reasons: Vec<String>,
    },
    /// The connections would have too many streams.
    #[error(transparent)]
    TooManyStreams(#[from] TooManyStreams),
    /// A task of ours panicked.
    #[error("{task} stopped unexpectedly; this is a bug")]
    TaskDied {
        /// Which.
        task: &'static str,
        /// How.
        #[source]
        source: tokio::task::JoinError,
    },
    /// The endpoint for metrics cannot listen.
    #[error("cannot listen on {address}; is another ingest running? The address is metrics.listen")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
