//! How many records the topics hold, asked once a second in one request; tells the reader which partitions there are.

use std::sync::mpsc::{SyncSender, TrySendError};

use opus2_types::Venue;
use opus2_wire::topic;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::Missing;
use crate::watch::config::{ANSWER_LIMIT, POLL_PERIOD};
use crate::watch::monitor::Shared;
use crate::watch::snapshot::{Source, SourceState, Step};

/// A topic that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::watch) enum Feed {
    Normalized,
    Signals,
    Decisions,
    DeadLetters,
}

impl Feed {
    pub(in crate::watch) const ALL: [Self; 4] =
        [Self::Normalized, Self::Signals, Self::Decisions, Self::DeadLetters];

    pub(in crate::watch) const fn topic(self) -> &'static str {
        match self {
            Self::Normalized => topic::MARKET_DATA_NORMALIZED,
            Self::Signals => topic::HIFA_STAGE1_SIGNALS,
            Self::Decisions => topic::TRADING_SIGNALS_FINAL,
            Self::DeadLetters => topic::DEAD_LETTERS,
        }
    }

    const fn step(self) -> Option<Step> {
        match self {
            Self::Normalized => Some(Step::Normalized),
            Self::Signals => Some(Step::Signals),
            Self::Decisions | Self::DeadLetters => None,
        }
    }
}

/// Where a partition ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::watch) struct End {
    pub(in crate::watch) feed: Feed,
    pub(in crate::watch) partition: i32,
    pub(in crate::watch) offset: i64,
}

/// Asks until the monitor stops.
pub(in crate::watch) fn run(shared: &Shared, brokers: &str, ends: &SyncSender<Vec<End>>) {
    let mut consumer = None;
    loop {
        let round = client(&mut consumer, brokers).and_then(|consumer| ask(shared, consumer));
        let state = match round {
            Ok(found) => {
                // The reader is slow when its queue is full; it gets the next answer instead.
                if let Err(TrySendError::Disconnected(_)) = ends.try_send(found) {
                    return;
                }
                SourceState::Up { note: String::new() }
            }
            Err(error) => Missing {
                reason: reason(&error),
                todo: "start a broker with scripts/run, or name one with --brokers",
            }
            .into(),
        };
        shared.state().set_source(Source::Broker, brokers, state);
        if shared.pause(POLL_PERIOD) {
            return;
        }
    }
}

/// The settings that every client of a monitor shares. The group is only a name: nothing is committed.
pub(super) fn client_config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "opus2-watch")
        .set("group.id", "opus2-watch")
        .set("enable.auto.commit", "false")
        .set("allow.auto.create.topics", "false")
        // Lost connections are reported by the answers that fail, not by lines on the terminal.
        .set("log.connection.close", "false")
        .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
    config
}

fn client<'a>(kept: &'a mut Option<BaseConsumer>, brokers: &str) -> KafkaResult<&'a BaseConsumer> {
    if kept.is_none() {
        *kept = Some(client_config(brokers).create()?);
    }
    Ok(kept.as_ref().expect("made above"))
}

fn ask(shared: &Shared, consumer: &BaseConsumer) -> KafkaResult<Vec<End>> {
    // All topics: asking for one by name may create it.
    let metadata = consumer.fetch_metadata(None, ANSWER_LIMIT)?;
    let mut wanted = TopicPartitionList::new();
    let raw_topics = Venue::ALL.map(topic::raw_l2);
    let feed_topics = Feed::ALL.map(Feed::topic);
    for topic in metadata.topics() {
        if raw_topics.contains(&topic.name()) || feed_topics.contains(&topic.name()) {
            for partition in topic.partitions() {
                wanted.add_partition_offset(topic.name(), partition.id(), Offset::End)?;
            }
        }
    }
    let answers =
        if wanted.count() == 0 { wanted } else { consumer.offsets_for_times(wanted, ANSWER_LIMIT)? };
    let end_of = |topic: &str| -> u64 {
        answers
            .elements_for_topic(topic)
            .iter()
            .filter_map(|element| offset(element.offset()))
            .sum::<i64>()
            .unsigned_abs()
    };
    let now = shared.now();
    let mut state = shared.state();
    for topic in raw_topics {
        state.observe_topic(now, topic, None, end_of(topic));
    }
    state.observe_raw(now, raw_topics.into_iter().map(end_of).sum());
    for feed in Feed::ALL {
        state.observe_topic(now, feed.topic(), feed.step(), end_of(feed.topic()));
    }
    drop(state);
    let elements = answers.elements();
    let ends = elements.iter().filter_map(|element| {
        let feed = Feed::ALL.into_iter().find(|feed| feed.topic() == element.topic())?;
        Some(End { feed, partition: element.partition(), offset: offset(element.offset())? })
    });
    Ok(ends.collect())
}

fn offset(offset: Offset) -> Option<i64> {
    match offset {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

/// Why the broker did not answer, in a few words.
fn reason(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown) => {
            "no connection".to_owned()
        }
        Some(RDKafkaErrorCode::OperationTimedOut) => format!("no answer in {} s", ANSWER_LIMIT.as_secs()),
        _ => error.to_string(),
    }
}
