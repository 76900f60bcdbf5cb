//! Why the daemon cannot start or go on.

use std::time::Duration;

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
        "topics are missing: {}; make them with `opus2 topics apply`, or set kafka.create_topics = true for a local broker",
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
    /// The client of a venue's REST interface cannot be made.
    #[error("the client of {url} cannot be made")]
    RestClient {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: RestError,
    },
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

/// Why there is no list of instruments. Never the end of the daemon: it asks again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// It cannot be had.
    #[error(
        "no answer that can be used from {url}; is that the venue's REST address? It is venue.<name>.rest_url"
    )]
    Rest {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: RestError,
    },
    /// It cannot be read.
    #[error("the list cannot be read")]
    Unreadable(#[from] ListingError),
}
