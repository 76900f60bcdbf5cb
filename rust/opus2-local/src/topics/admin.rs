//! Asking a broker for its topics, and changing them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic, OwnedResourceSpecifier,
    ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::{Topic, TopicChange, TopicPlan};
use crate::LocalError;

type Admin = AdminClient<DefaultClientContext>;

/// A thousand new partitions may take a moment to have a leader.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(120);
/// One question.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(20);
/// How long changed topics may take to show in the broker's own answers.
const SHOWN_TIMEOUT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(200);

struct Asked<'a> {
    brokers: &'a str,
    admin: Arc<Admin>,
}

impl<'a> Asked<'a> {
    fn new(brokers: &'a str) -> Result<Self, LocalError> {
        let admin = ClientConfig::new().set("bootstrap.servers", brokers).create();
        let admin: Admin = admin.map_err(|source| failed("reach", brokers, source))?;
        Ok(Self { brokers, admin: Arc::new(admin) })
    }

    fn failed(&self, what: &str, source: KafkaError) -> LocalError {
        failed(what, self.brokers, source)
    }

    fn refused(&self, topic: impl Into<String>, code: RDKafkaErrorCode) -> LocalError {
        LocalError::Topic { topic: topic.into(), brokers: self.brokers.to_owned(), code }
    }
}

fn failed(what: &str, brokers: &str, source: KafkaError) -> LocalError {
    LocalError::Broker { what: what.to_owned(), brokers: brokers.to_owned(), source: Box::new(source) }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(CHANGE_TIMEOUT)).request_timeout(Some(CHANGE_TIMEOUT))
}

/// The broker's topics among `names`, with the settings that are their own or the broker's.
///
/// # Errors
/// [`LocalError::Broker`] when it cannot be reached, [`LocalError::Topic`] when it refuses to tell of one.
pub async fn ask_topics(brokers: &str, names: &[String]) -> Result<Vec<Topic>, LocalError> {
    let asked = Asked::new(brokers)?;
    let mut topics = ask_partitions(&asked, names).await?;
    for (name, settings) in ask_settings(&asked, &topics).await? {
        if let Some(topic) = topics.iter_mut().find(|topic| topic.name == name) {
            topic.settings = settings.into_iter().map(|(key, (value, _))| (key, value)).collect();
        }
    }
    Ok(topics)
}

async fn ask_partitions(asked: &Asked<'_>, names: &[String]) -> Result<Vec<Topic>, LocalError> {
    let admin = Arc::clone(&asked.admin);
    // All topics at once: asking for one by name would make a careless broker create it.
    let question = tokio::task::spawn_blocking(move || admin.inner().fetch_metadata(None, QUESTION_TIMEOUT));
    let metadata = question
        .await
        .unwrap_or(Err(KafkaError::Canceled))
        .map_err(|source| asked.failed("ask for topics", source))?;
    let size = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let topic = |found: &MetadataTopic| Topic {
        name: found.name().to_owned(),
        partitions: size(found.partitions().len()),
        replication: size(found.partitions().first().map_or(0, |first| first.replicas().len())),
        settings: BTreeMap::new(),
    };
    let is_asked = |found: &&MetadataTopic| names.iter().any(|name| name == found.name());
    Ok(metadata.topics().iter().filter(is_asked).map(topic).collect())
}

/// Every setting of each topic, and whether it was set for just this topic.
type Settings = BTreeMap<String, (String, bool)>;

async fn ask_settings(asked: &Asked<'_>, topics: &[Topic]) -> Result<Vec<(String, Settings)>, LocalError> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let resources: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let answers = asked.admin.describe_configs(&resources, &options()).await;
    let answers = answers.map_err(|source| asked.failed("ask for the settings of topics", source))?;
    let mut settings = Vec::new();
    for (topic, answer) in topics.iter().zip(answers) {
        let resource = answer.map_err(|code| asked.refused(&topic.name, code))?;
        let OwnedResourceSpecifier::Topic(name) = resource.specifier else { continue };
        let entries = resource.entries.into_iter().filter_map(|entry| {
            let is_own = entry.source == ConfigSource::DynamicTopic;
            Some((entry.name, (entry.value?, is_own)))
        });
        settings.push((name, entries.collect()));
    }
    Ok(settings)
}

/// Does what the plan says, and waits until the broker shows it.
///
/// Doing it twice does nothing the second time. When a step is refused, those before it stay done: run it again.
///
/// # Errors
/// [`LocalError::Broker`] when the broker cannot be reached, [`LocalError::Topic`] when it refuses a change, or does not show
/// it in time.
pub async fn apply_plan(brokers: &str, plan: &TopicPlan) -> Result<(), LocalError> {
    let asked = Asked::new(brokers)?;
    let created: Vec<Topic> = plan
        .changes
        .iter()
        .filter_map(|change| match change {
            TopicChange::Create(topic) => Some(topic.clone()),
            _ => None,
        })
        .collect();
    create(&asked, &created).await?;
    add_partitions(&asked, plan).await?;
    set(&asked, plan).await?;
    wait_shown(&asked, partitions_of(plan)).await
}

/// Creates those that do not exist, and waits until all their partitions can be written; one that exists is left as it is.
///
/// # Errors
/// [`LocalError::Broker`] when it cannot be reached, [`LocalError::Topic`] when it refuses one, or does not serve it in time.
pub async fn create_topics(brokers: &str, topics: &[Topic]) -> Result<(), LocalError> {
    let asked = Asked::new(brokers)?;
    create(&asked, topics).await?;
    // One that existed may have other partitions than these.
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let wanted = names.iter().map(|name| (name.clone(), 1)).collect();
    wait_shown(&asked, wanted).await
}

async fn create(asked: &Asked<'_>, topics: &[Topic]) -> Result<(), LocalError> {
    if topics.is_empty() {
        return Ok(());
    }
    let wanted = topics.iter().map(|topic| {
        let new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(topic.replication));
        topic.settings.iter().fold(new, |new, (key, value)| new.set(key, value))
    });
    let wanted: Vec<_> = wanted.collect();
    let results = asked.admin.create_topics(&wanted, &options()).await;
    for result in results.map_err(|source| asked.failed("create topics", source))? {
        match result {
            // Somebody else was faster: as good as ours.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(asked.refused(topic, code)),
        }
    }
    Ok(())
}

async fn add_partitions(asked: &Asked<'_>, plan: &TopicPlan) -> Result<(), LocalError> {
    let wanted: Vec<_> = plan
        .changes
        .iter()
        .filter_map(|change| match change {
            TopicChange::AddPartitions { topic, to, .. } => {
                Some(NewPartitions::new(topic, usize::try_from(*to).ok()?))
            }
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let results = asked.admin.create_partitions(&wanted, &options()).await;
    for result in results.map_err(|source| asked.failed("add partitions", source))? {
        result.map_err(|(topic, code)| asked.refused(topic, code))?;
    }
    Ok(())
}

/// The request replaces all settings of a topic, so those that were set before are sent along.
async fn set(asked: &Asked<'_>, plan: &TopicPlan) -> Result<(), LocalError> {
    let mut wanted = BTreeMap::<&str, BTreeMap<String, String>>::new();
    for change in &plan.changes {
        if let TopicChange::Set { topic, key, to, .. } = change {
            wanted.entry(topic).or_default().insert(key.clone(), to.clone());
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = wanted.keys().map(|name| (*name).to_owned()).collect();
    let topics = ask_partitions(asked, &names).await?;
    for (name, settings) in ask_settings(asked, &topics).await? {
        let Some(wanted) = wanted.get_mut(name.as_str()) else { continue };
        for (key, (value, is_own)) in settings {
            if is_own {
                wanted.entry(key).or_insert(value);
            }
        }
    }
    let configs: Vec<_> = wanted
        .iter()
        .map(|(topic, settings)| {
            let config = AlterConfig::new(ResourceSpecifier::Topic(topic));
            settings.iter().fold(config, |config, (key, value)| config.set(key, value))
        })
        .collect();
    let results = asked.admin.alter_configs(&configs, &options()).await;
    let results = results.map_err(|source| asked.failed("change the settings of topics", source))?;
    for (topic, result) in names.into_iter().zip(results) {
        result.map_err(|(_, code)| asked.refused(topic, code))?;
    }
    Ok(())
}

/// The topics that a plan makes or enlarges, each with its partitions then.
fn partitions_of(plan: &TopicPlan) -> Vec<(String, i32)> {
    plan.changes
        .iter()
        .filter_map(|change| match change {
            TopicChange::Create(topic) => Some((topic.name.clone(), topic.partitions)),
            TopicChange::AddPartitions { topic, to, .. } => Some((topic.clone(), *to)),
            TopicChange::Set { .. } => None,
        })
        .collect()
}

/// Waits until the broker shows each of the topics with at least so many partitions, and serves all that it shows.
///
/// A new partition shows before its leader takes records. An idempotent producer must not meet it then: its first batch is
/// refused and its second may be taken, after which the first is never written.
async fn wait_shown(asked: &Asked<'_>, wanted: Vec<(String, i32)>) -> Result<(), LocalError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = wanted.iter().map(|(name, _)| name.clone()).collect();
    let started = Instant::now();
    loop {
        let found = ask_partitions(asked, &names).await?;
        let missing = wanted.iter().find(|(name, partitions)| {
            !found.iter().any(|topic| topic.name == *name && topic.partitions >= *partitions)
        });
        let waiting = match missing {
            Some((name, _)) => Some((name.clone(), RDKafkaErrorCode::UnknownTopicOrPartition)),
            None => unserved(asked, found).await?,
        };
        match waiting {
            None => return Ok(()),
            Some((name, code)) if started.elapsed() > SHOWN_TIMEOUT => return Err(asked.refused(name, code)),
            Some(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The first topic of which a partition's leader does not answer for it, and what it says.
async fn unserved(
    asked: &Asked<'_>,
    topics: Vec<Topic>,
) -> Result<Option<(String, RDKafkaErrorCode)>, LocalError> {
    let brokers = asked.brokers.to_owned();
    let question = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", brokers).create()?;
        let mut ends = TopicPartitionList::new();
        for topic in &topics {
            for partition in 0..topic.partitions {
                // Asked for the end by its time: answers for all partitions come in one request to each leader.
                ends.add_partition_offset(&topic.name, partition, Offset::Offset(i64::MAX))?;
            }
        }
        match consumer.offsets_for_times(ends, QUESTION_TIMEOUT) {
            Ok(ends) => Ok(ends
                .elements()
                .iter()
                .find_map(|end| Some((end.topic().to_owned(), end.error().err()?.rdkafka_error_code()?)))),
            Err(error) => match (error.rdkafka_error_code(), topics.first()) {
                (Some(code), Some(topic)) if is_not_yet(code) => Ok(Some((topic.name.clone(), code))),
                _ => Err(error),
            },
        }
    });
    let answer = question.await.unwrap_or(Err(KafkaError::Canceled));
    answer.map_err(|source| asked.failed("ask the leaders of topics", source))
}

/// What a leader answers that is not ready, or has not heard that it is the leader.
const fn is_not_yet(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::OffsetNotAvailable
    )
}
