//! Every decision of a broker, from the beginning of the topic to where it ended when the search began.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use opus2_wire::topic::TRADING_SIGNALS_FINAL as TOPIC;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use super::find::Search;

/// How long the broker may take for an answer about offsets.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long there may be no record while some are still due.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);
const POLL_LIMIT: Duration = Duration::from_millis(200);

/// Shows every record to the search.
pub(super) fn read(brokers: &str, search: &mut Search) -> Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "opus2-explain")
        .set("enable.auto.commit", "false")
        .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg)
        .create()
        .context("make a consumer")?;
    let mut ends = ends(&consumer).with_context(|| format!("ask {brokers} for the offsets of {TOPIC}"))?;
    let mut list = TopicPartitionList::new();
    for (partition, (begin, _)) in &ends {
        list.add_partition_offset(TOPIC, *partition, Offset::Offset(*begin))?;
    }
    consumer.assign(&list).with_context(|| format!("read {TOPIC}"))?;
    ends.retain(|_, (begin, end)| begin < end);
    let mut heard = Instant::now();
    while !ends.is_empty() {
        match consumer.poll(POLL_LIMIT) {
            Some(message) => {
                let message = message.with_context(|| format!("read {TOPIC} from {brokers}"))?;
                search.record(message.payload().unwrap_or_default());
                if ends.get(&message.partition()).is_some_and(|(_, end)| message.offset() + 1 >= *end) {
                    ends.remove(&message.partition());
                }
                heard = Instant::now();
            }
            None if heard.elapsed() > SILENCE_LIMIT => {
                bail!("{brokers} sent nothing of {TOPIC} for {} s; is it up?", SILENCE_LIMIT.as_secs())
            }
            None => {}
        }
    }
    Ok(())
}

/// The first and the next offset of every partition.
fn ends(consumer: &BaseConsumer) -> Result<BTreeMap<i32, (i64, i64)>> {
    let metadata = consumer.fetch_metadata(Some(TOPIC), ANSWER_LIMIT)?;
    let partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
    let ends = partitions.map(|partition| {
        let (begin, end) = consumer.fetch_watermarks(TOPIC, partition.id(), ANSWER_LIMIT)?;
        Ok((partition.id(), (begin, end)))
    });
    ends.collect()
}
