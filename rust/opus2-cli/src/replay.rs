//! `opus2 replay`: publish a recording to the broker as ingest would.

mod pace;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use opus2_ingest::partition::partition_of;
use opus2_wire::raw::{RawRecord, record_key};
use opus2_wire::topic;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use crate::delivery::Refusals;
use crate::recording::{Files, play, survey};
use pace::{Pace, Speed};

/// How long the broker may take to accept what is queued at the end, and to say what partitions a topic has.
const BROKER_PATIENCE: Duration = Duration::from_secs(30);
/// The largest record: a whole book of Coinbase is one, and the topics of config/topics.toml allow it.
const RECORD_BYTES_MAX: &str = "67108864";
/// How long to wait for room when the producer's queue is full.
const QUEUE_WAIT: Duration = Duration::from_millis(5);
/// How often to wait for room before giving up: a minute without the broker taking anything.
const QUEUE_WAITS_MAX: u32 = 12_000;

/// Arguments of `opus2 replay`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    files: Files,
    /// The broker, as `host:port` (several with commas).
    #[arg(long, env = "OPUS2_BROKERS", default_value = "127.0.0.1:9092")]
    brokers: String,
    /// The topic; by default each feed's own raw topic.
    #[arg(long)]
    topic: Option<String>,
    /// How fast: `1` is the recording's own pace, `10` ten times faster, `max` as fast as the broker takes it.
    #[arg(long, default_value = "1", value_name = "N|max")]
    speed: Speed,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let survey = survey(&args.files)?;
    let topics: BTreeSet<&str> = match &args.topic {
        Some(topic) => BTreeSet::from([topic.as_str()]),
        None => survey.specs().map(|spec| topic::raw(spec.feed)).collect(),
    };
    let publisher = Publisher::connect(&args.brokers, &topics)?;
    let mut pace = Pace::new(args.speed);
    let mut records = 0u64;
    let skipped = play(&args.files, &survey, "replay", |record| {
        let Some(spec) = survey.spec(record.venue, record.symbol) else { return Ok(()) };
        pace.wait_for(record.recv_ts);
        records += 1;
        publisher.publish(args.topic.as_deref().unwrap_or(topic::raw(spec.feed)), record)
    })?;
    publisher.finish()?;
    writeln!(
        std::io::stdout(),
        "published {records} records to {} ({} control frames, {} unreadable frames, {} orphan snapshots not published)",
        topics.into_iter().collect::<Vec<_>>().join(", "),
        skipped.control_frames,
        skipped.unreadable_frames,
        skipped.orphan_snapshots
    )?;
    Ok(())
}

struct Publisher {
    producer: ThreadedProducer<Refusals>,
    refusals: Refusals,
    /// How many partitions each topic has.
    partitions: BTreeMap<String, u32>,
}

impl Publisher {
    fn connect(brokers: &str, topics: &BTreeSet<&str>) -> Result<Self> {
        let refusals = Refusals::default();
        let producer: ThreadedProducer<Refusals> = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("message.max.bytes", RECORD_BYTES_MAX)
            .create_with_context(refusals.clone())
            .context("cannot make a Kafka producer")?;
        let mut partitions = BTreeMap::new();
        for topic in topics {
            let metadata =
                producer.client().fetch_metadata(Some(topic), BROKER_PATIENCE).with_context(|| {
                    format!(
                        "no broker answers at {brokers}; start one with scripts/run, or name yours with --brokers"
                    )
                })?;
            let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
            if count == 0 {
                bail!(
                    "topic {topic} does not exist at {brokers}; make it first (scripts/run makes all topics)"
                );
            }
            partitions.insert((*topic).to_owned(), u32::try_from(count)?);
        }
        Ok(Self { producer, refusals, partitions })
    }

    fn publish(&self, topic: &str, record: &RawRecord<'_>) -> Result<()> {
        let partitions = self.partitions.get(topic).copied().context("a topic that was not asked for")?;
        let key = record_key(record.venue, record.symbol);
        let mut headers = OwnedHeaders::new_with_capacity(6);
        record.visit_headers(|name, value| {
            let taken = std::mem::take(&mut headers);
            headers = taken.insert(Header { key: name, value: Some(value) });
        });
        let mut message = BaseRecord::to(topic)
            .partition(i32::try_from(partition_of(record.market, partitions))?)
            .key(&key)
            .payload(record.value)
            .headers(headers);
        for _ in 0..QUEUE_WAITS_MAX {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    message = back;
                    std::thread::sleep(QUEUE_WAIT);
                }
                Err((error, _)) => {
                    return Err(error).with_context(|| format!("cannot publish to {topic}"));
                }
            }
        }
        bail!("the broker has taken nothing for a minute; is it alive, and its disk not full?")
    }

    fn finish(&self) -> Result<()> {
        self.producer
            .flush(BROKER_PATIENCE)
            .context("the broker did not confirm every record, so the topic is incomplete; is it alive, and its disk not full?")?;
        self.refusals.require_none()
    }
}
