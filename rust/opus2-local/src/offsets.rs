//! How many records the broker has, and how many a consumer group has committed.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::LocalError;

/// One question to the broker.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a group is asked for while its coordinator moves, and the pause in between.
const COORDINATOR_TRIES_MAX: u32 = 20;
const COORDINATOR_PAUSE: Duration = Duration::from_millis(500);

/// The sum of a topic's end offsets: how many records were ever written to it, if no producer used transactions
/// (whose markers take offsets too). Blocks.
///
/// # Errors
/// [`LocalError::Broker`].
pub fn end_offset(brokers: &str, topic: &str) -> Result<u64, LocalError> {
    let failed = |source| broker_error(brokers, format!("read the end offsets of {topic}"), source);
    let client = client(brokers, "opus2-offsets").map_err(failed)?;
    let mut sum = 0;
    for partition in partitions(&client, topic).map_err(failed)? {
        let (_, end) = client.fetch_watermarks(topic, partition, TIMEOUT).map_err(failed)?;
        sum += u64::try_from(end).unwrap_or(0);
    }
    Ok(sum)
}

/// The sum of what a consumer group has committed of a topic; a partition that it never committed counts zero. Blocks.
///
/// # Errors
/// [`LocalError::Broker`].
pub fn group_offset(brokers: &str, group: &str, topic: &str) -> Result<u64, LocalError> {
    let failed =
        |source| broker_error(brokers, format!("read what group {group} committed of {topic}"), source);
    let client = client(brokers, group).map_err(failed)?;
    let mut list = TopicPartitionList::new();
    for partition in partitions(&client, topic).map_err(failed)? {
        list.add_partition(topic, partition);
    }
    let committed = committed(&client, &list).map_err(failed)?;
    let offset_of = |offset| match offset {
        Offset::Offset(offset) => u64::try_from(offset).unwrap_or(0),
        _ => 0,
    };
    Ok(committed.elements().iter().map(|element| offset_of(element.offset())).sum())
}

/// A broker that has just started is still finding out which of it keeps the groups' offsets: asked again, a few times.
fn committed(client: &BaseConsumer, list: &TopicPartitionList) -> Result<TopicPartitionList, KafkaError> {
    for _ in 1..COORDINATOR_TRIES_MAX {
        match client.committed_offsets(list.clone(), TIMEOUT) {
            Err(error) if is_coordinator_moving(&error) => std::thread::sleep(COORDINATOR_PAUSE),
            answer => return answer,
        }
    }
    client.committed_offsets(list.clone(), TIMEOUT)
}

fn is_coordinator_moving(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
        )
    )
}

fn client(brokers: &str, group: &str) -> Result<BaseConsumer, KafkaError> {
    ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", group).create()
}

fn partitions(client: &BaseConsumer, topic: &str) -> Result<Vec<i32>, KafkaError> {
    let metadata = client.fetch_metadata(Some(topic), TIMEOUT)?;
    Ok(metadata.topics().iter().flat_map(MetadataTopic::partitions).map(MetadataPartition::id).collect())
}

fn broker_error(brokers: &str, what: String, source: KafkaError) -> LocalError {
    LocalError::Broker { what, brokers: brokers.to_owned(), source: Box::new(source) }
}
