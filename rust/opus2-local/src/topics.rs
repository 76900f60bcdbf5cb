//! The topics of a local cluster.

use std::time::Duration;

use opus2_types::Venue;
use opus2_wire::topic;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::LocalError;

/// Enough for both cores and for a rescaling from one to four; a deployment has a thousand or more.
const RAW_PARTITIONS: i32 = 4;
const OUTPUT_PARTITIONS: i32 = 2;
/// A new topic's partitions may take a moment to have a leader.
const CREATE_TIMEOUT: Duration = Duration::from_secs(30);

/// A topic and its number of partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions it gets when it does not exist.
    pub partitions: i32,
}

/// Every topic that the path from a venue to a signal uses.
#[must_use]
pub fn local_topics() -> Vec<Topic> {
    [
        (topic::raw_l2(Venue::Binance), RAW_PARTITIONS),
        (topic::MARKET_DATA_NORMALIZED, OUTPUT_PARTITIONS),
        (topic::HIFA_STAGE1_SIGNALS, OUTPUT_PARTITIONS),
        (topic::QUALITY_SCORES, 1),
        (topic::DEAD_LETTERS, 1),
    ]
    .map(|(name, partitions)| Topic { name: name.to_owned(), partitions })
    .to_vec()
}

/// Creates those that do not exist; one that exists is left as it is.
///
/// # Errors
/// [`LocalError::Broker`] when it cannot be reached, [`LocalError::Topic`] when it refuses one.
pub async fn create_topics(brokers: &str, topics: &[Topic]) -> Result<(), LocalError> {
    let failed = |source| LocalError::Broker {
        what: "create topics".into(),
        brokers: brokers.into(),
        source: Box::new(source),
    };
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().map_err(failed)?;
    let wanted: Vec<_> = topics
        .iter()
        .map(|topic| NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(1)))
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(CREATE_TIMEOUT));
    for result in admin.create_topics(&wanted, &options).await.map_err(failed)? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(LocalError::Topic { topic, brokers: brokers.into(), code }),
        }
    }
    Ok(())
}
