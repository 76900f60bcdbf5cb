//! What is on a topic, and whether it is what it should be.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};

const TIMEOUT: Duration = Duration::from_secs(20);

/// The records of a topic by what they are about, a market and mostly one instrument of it, each subject's in their order:
/// a topic orders only the records of one key.
pub(crate) type BySubject = BTreeMap<String, Vec<Vec<u8>>>;

/// Reads a whole topic. All records of a subject must be in one partition, or they would have no order.
pub(crate) fn read(brokers: &str, topic: &str) -> anyhow::Result<BySubject> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", "e2e-reader")
        .set("enable.partition.eof", "false");
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let mut left = HashMap::new();
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
        let (begin, end) = consumer.fetch_watermarks(topic, partition.id(), TIMEOUT)?;
        ensure!(begin == 0, "{topic} has lost its first {begin} records to retention");
        if end > 0 {
            left.insert(partition.id(), end);
            list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        }
    }
    consumer.assign(&list)?;
    let (mut records, mut home) = (BySubject::new(), HashMap::new());
    while !left.is_empty() {
        let message = consumer.poll(TIMEOUT).with_context(|| format!("{topic} ends early"))??;
        let payload = message.payload().with_context(|| format!("{topic} has a record without a value"))?;
        let subject = subject(payload)?;
        let partition = *home.entry(subject.clone()).or_insert_with(|| message.partition());
        ensure!(partition == message.partition(), "{topic}: {subject} is in two partitions");
        records.entry(subject).or_default().push(payload.to_vec());
        if left.get(&message.partition()).is_some_and(|end| message.offset() + 1 >= *end) {
            left.remove(&message.partition());
        }
    }
    Ok(records)
}

/// Reads a file that `opus2 pipeline` wrote.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<BySubject> {
    let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let mut records = BySubject::new();
    for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        records.entry(subject(line)?).or_default().push(line.to_vec());
    }
    Ok(records)
}

/// Drops records whose id came before, as a consumer would, and says how many. A repeated id must have repeated bytes.
pub(crate) fn drop_repeats(records: &mut BySubject) -> anyhow::Result<usize> {
    let mut dropped = 0;
    for (subject, list) in records {
        let mut seen: HashMap<String, Vec<u8>> = HashMap::new();
        let mut kept = Vec::with_capacity(list.len());
        for record in list.drain(..) {
            match seen.get(&text_field(&record, "id")?) {
                None => {
                    seen.insert(text_field(&record, "id")?, record.clone());
                    kept.push(record);
                }
                Some(first) if *first == record => dropped += 1,
                Some(first) => bail!(
                    "{subject}: one id, two records:\n{}\n{}",
                    String::from_utf8_lossy(first),
                    String::from_utf8_lossy(&record)
                ),
            }
        }
        *list = kept;
    }
    Ok(dropped)
}

/// Complains about the first difference.
pub(crate) fn require_equal(topic: &str, found: &BySubject, expected: &BySubject) -> anyhow::Result<()> {
    let (found_subjects, expected_subjects): (Vec<_>, Vec<_>) =
        (found.keys().collect(), expected.keys().collect());
    ensure!(
        found_subjects == expected_subjects,
        "{topic}: subjects {found_subjects:?}, expected {expected_subjects:?}"
    );
    for (subject, expected) in expected {
        let found = &found[subject];
        let differs = found.iter().zip(expected).position(|(found, expected)| found != expected);
        if let Some(index) = differs {
            bail!(
                "{topic}, {subject}, record {index} differs:\nfound    {}\nexpected {}",
                String::from_utf8_lossy(&found[index]),
                String::from_utf8_lossy(&expected[index])
            );
        }
        ensure!(
            found.len() == expected.len(),
            "{topic}, {subject}: {} records, expected {}; the first that only one has:\n{}",
            found.len(),
            expected.len(),
            String::from_utf8_lossy(found.get(expected.len()).unwrap_or_else(|| &expected[found.len()]))
        );
    }
    Ok(())
}

/// What a record is about: its market, and the venue and instrument where it names them. A dead letter names the
/// instrument in its id alone, `venue:symbol:…`.
fn subject(record: &[u8]) -> anyhow::Result<String> {
    let object = object(record)?;
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    if text("kind") == "dead_letter" {
        return Ok(text("id").splitn(3, ':').take(2).collect::<Vec<_>>().join(":"));
    }
    ensure!(!text("market").is_empty(), "no text field \"market\": {object}");
    Ok(format!("{} {} {}", text("market"), text("venue"), text("instrument")))
}

fn object(record: &[u8]) -> anyhow::Result<serde_json::Value> {
    serde_json::from_slice(record)
        .with_context(|| format!("no JSON object: {}", String::from_utf8_lossy(record)))
}

fn text_field(record: &[u8], name: &str) -> anyhow::Result<String> {
    let object = object(record)?;
    let field = object[name].as_str();
    Ok(field.with_context(|| format!("no text field {name:?}: {object}"))?.to_owned())
}
