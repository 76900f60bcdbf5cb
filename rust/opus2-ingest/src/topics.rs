//! The topics we write: are they there, how many partitions have they.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::Metadata;

use crate::config::PublishSettings;
use crate::error::IngestError;
use crate::publisher::client_config;

/// How long one question to the broker may take.
const QUESTION_MAX: Duration = Duration::from_secs(5);
/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(250);

/// Waits for the broker, checks that the topics are there (makes them where that is allowed), and gives the number of
/// partitions of each.
///
/// # Errors
/// No broker within [`PublishSettings::startup_max`], topics missing that are not ours to make, or not made.
pub async fn prepare_topics(settings: &PublishSettings, topics: &[&str]) -> Result<Vec<u32>, IngestError> {
    let admin: AdminClient<DefaultClientContext> =
        client_config(settings).create().map_err(IngestError::BrokerSettings)?;
    let admin = std::sync::Arc::new(admin);
    let started = Instant::now();
    loop {
        let metadata = ask(&admin, settings, started).await?;
        let partitions: Vec<u32> = topics.iter().map(|topic| partitions_of(&metadata, topic)).collect();
        let missing: Vec<&str> = topics
            .iter()
            .zip(&partitions)
            .filter(|(_, count)| **count == 0)
            .map(|(topic, _)| *topic)
            .collect();
        if missing.is_empty() {
            return Ok(partitions);
        }
        let names = || missing.iter().map(|topic| (*topic).to_owned()).collect();
        let Some(partitions) = settings.create_partitions else {
            return Err(IngestError::TopicsMissing { topics: names() });
        };
        if started.elapsed() > settings.startup_max {
            return Err(IngestError::TopicsMissing { topics: names() });
        }
        create(&admin, &missing, partitions).await?;
        // A new topic takes a moment to show.
        tokio::time::sleep(PAUSE).await;
    }
}

/// All topics at once: asking for one by name would make a careless broker create it.
async fn ask(
    admin: &std::sync::Arc<AdminClient<DefaultClientContext>>,
    settings: &PublishSettings,
    started: Instant,
) -> Result<Metadata, IngestError> {
    loop {
        let client = std::sync::Arc::clone(admin);
        let answer =
            tokio::task::spawn_blocking(move || client.inner().fetch_metadata(None, QUESTION_MAX)).await;
        match answer.map_err(|source| IngestError::TaskDied { task: "metadata", source })? {
            Ok(metadata) if !metadata.brokers().is_empty() => return Ok(metadata),
            Ok(_) => {}
            Err(source) if started.elapsed() >= settings.startup_max => {
                return Err(IngestError::BrokerUnreachable {
                    brokers: settings.brokers.clone(),
                    waited: settings.startup_max,
                    source,
                });
            }
            Err(error) => tracing::warn!(error = %error, brokers = settings.brokers, "no broker yet"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn partitions_of(metadata: &Metadata, topic: &str) -> u32 {
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    found.map_or(0, |found| u32::try_from(found.partitions().len()).unwrap_or(u32::MAX))
}

async fn create(
    admin: &AdminClient<DefaultClientContext>,
    topics: &[&str],
    partitions: u32,
) -> Result<(), IngestError> {
    let count = i32::try_from(partitions).unwrap_or(i32::MAX);
    let new: Vec<NewTopic<'_>> =
        topics.iter().map(|topic| NewTopic::new(topic, count, TopicReplication::Fixed(1))).collect();
    let not_made =
        |topic: &str, reason: String| IngestError::TopicNotMade { topic: topic.to_owned(), reason };
    let options =
        AdminOptions::new().operation_timeout(Some(QUESTION_MAX)).request_timeout(Some(QUESTION_MAX));
    let results = admin
        .create_topics(&new, &options)
        .await
        .map_err(|error| not_made(&topics.join(", "), error.to_string()))?;
    for result in results {
        match result {
            Ok(topic) => tracing::info!(topic, partitions, "made topic"),
            // Somebody else was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(not_made(&topic, code.to_string())),
        }
    }
    Ok(())
}
