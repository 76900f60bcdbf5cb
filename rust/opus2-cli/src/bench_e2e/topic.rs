//! Topics of the benchmark's own, and clients that read a whole topic or its end.

use std::time::{Duration, Instant};

use anyhow::Context;
use opus2_local::{Topic, create_topics};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// One question to the broker.
const ANSWER_SECS_MAX: Duration = Duration::from_secs(10);
const LEADER_SECS_MAX: Duration = Duration::from_secs(10);
const LEADER_PAUSE: Duration = Duration::from_millis(100);

/// Creates topics that keep everything they are given, and waits until they can be written; one that exists is left as it is.
pub(super) async fn create(brokers: &str, names: &[&str], partitions: i32) -> anyhow::Result<()> {
    let kept = ["retention.bytes", "retention.ms"].map(|key| (key.to_owned(), "-1".to_owned()));
    let topic = |name: &&str| Topic {
        name: (*name).to_owned(),
        partitions,
        replication: 1,
        settings: kept.clone().into(),
    };
    let topics: Vec<Topic> = names.iter().map(topic).collect();
    create_topics(brokers, &topics).await.context("create topics")
}

/// Deletes topics; one that does not exist is no error.
pub(super) async fn delete(brokers: &str, names: &[&str]) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> =
        client(brokers).create().context("make a broker client")?;
    let options = AdminOptions::new().operation_timeout(Some(ANSWER_SECS_MAX));
    for result in admin.delete_topics(names, &options).await.context("delete topics")? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((topic, code)) => anyhow::bail!("the broker does not delete topic {topic}: {code}"),
        }
    }
    Ok(())
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Beginning,
    End,
}

/// A consumer of every partition of a topic. What is in a partition after the offsets it reads now is not missed.
pub(super) fn reader(brokers: &str, topic: &str, from: From) -> anyhow::Result<BaseConsumer> {
    let consumer: BaseConsumer = client(brokers)
        .set("group.id", "opus2-bench")
        .set("enable.auto.commit", "false")
        .set("fetch.min.bytes", "1")
        .create()
        .context("make a consumer")?;
    let mut list = TopicPartitionList::new();
    for (partition, begin, end) in bounds(&consumer, topic)? {
        let offset = if from == From::Beginning { begin } else { end };
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    }
    consumer.assign(&list).with_context(|| format!("read {topic}"))?;
    Ok(consumer)
}

/// How many records a topic holds.
pub(super) fn records(consumer: &BaseConsumer, topic: &str) -> anyhow::Result<u64> {
    let held = bounds(consumer, topic)?.into_iter().map(|(_, begin, end)| end - begin).sum::<i64>();
    Ok(held.unsigned_abs())
}

/// Number, first and next offset of every partition. A new topic's partitions may take a moment to have a leader.
fn bounds(consumer: &BaseConsumer, topic: &str) -> anyhow::Result<Vec<(i32, i64, i64)>> {
    let begin = Instant::now();
    loop {
        match try_bounds(consumer, topic) {
            Ok(bounds) => return Ok(bounds),
            Err(_) if begin.elapsed() < LEADER_SECS_MAX => std::thread::sleep(LEADER_PAUSE),
            Err(error) => return Err(error).with_context(|| format!("ask for the offsets of {topic}")),
        }
    }
}

fn try_bounds(consumer: &BaseConsumer, topic: &str) -> Result<Vec<(i32, i64, i64)>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER_SECS_MAX)?;
    let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    let bounds = partitions.map(|partition| {
        let (begin, end) = consumer.fetch_watermarks(topic, partition.id(), ANSWER_SECS_MAX)?;
        Ok((partition.id(), begin, end))
    });
    bounds.collect()
}

/// A broker client that is silent about lost connections: requests that fail tell of them.
pub(super) fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
    config
}
