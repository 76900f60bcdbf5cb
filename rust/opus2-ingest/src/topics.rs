//! The topics we write: are they there, how many partitions have they.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::Metadata;

use crate::config::PublishSettings;
use crate::error::IngestError;
use crate::publisher::{RECORD_OVERHEAD_BYTES, client_config};

type Admin = AdminClient<DefaultClientContext>;

/// How long one question to the broker may take.
const QUESTION_MAX: Duration = Duration::from_secs(5);
/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(250);

/// Waits for the broker, checks that the topics are there (makes them where that is allowed), and gives the number of
/// partitions of each.
///
/// # Errors
/// No broker within [`PublishSettings::startup_max`], topics missing that are not ours to make, or not made.
pub async fn prepare_topics(
    settings: &PublishSettings,
    topics: &[&'static str],
) -> Result<Vec<u32>, IngestError> {
    let admin: Admin = client_config(settings).create().map_err(IngestError::BrokerSettings)?;
    let admin = Arc::new(admin);
    let started = Instant::now();
    loop {
        let partitions = ask(&admin, settings, topics, started).await?;
        let missing: Vec<&str> = topics
            .iter()
            .zip(&partitions)
            .filter(|(_, count)| **count == 0)
            .map(|(topic, _)| *topic)
            .collect();
        if missing.is_empty() {
            return Ok(partitions);
        }
        let Some(partitions) =
            settings.create_partitions.filter(|_| started.elapsed() < settings.startup_max)
        else {
            return Err(IngestError::TopicsMissing {
                topics: missing.into_iter().map(str::to_owned).collect(),
            });
        };
        create(&admin, &missing, partitions, settings.record_bytes_limit).await?;
        // A new topic takes a moment to show.
        tokio::time::sleep(PAUSE).await;
    }
}

/// The number of partitions of each topic, zero for one that is not there.
async fn ask(
    admin: &Arc<Admin>,
    settings: &PublishSettings,
    topics: &[&'static str],
    started: Instant,
) -> Result<Vec<u32>, IngestError> {
    loop {
        let (client, topics) = (Arc::clone(admin), topics.to_vec());
        let question = tokio::task::spawn_blocking(move || {
            // All topics at once: asking for one by name would make a careless broker create it.
            let metadata = client.inner().fetch_metadata(None, QUESTION_MAX)?;
            Ok(topics.into_iter().map(|topic| partitions_of(&metadata, topic)).collect())
        });
        match question.await.map_err(|source| IngestError::TaskDied { task: "metadata", source })? {
            Ok(partitions) => return Ok(partitions),
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
    admin: &Admin,
    topics: &[&str],
    partitions: u32,
    record_bytes_limit: usize,
) -> Result<(), IngestError> {
    let count = i32::try_from(partitions).unwrap_or(i32::MAX);
    let bytes = (record_bytes_limit + RECORD_OVERHEAD_BYTES).to_string();
    let topic =
        |topic| NewTopic::new(topic, count, TopicReplication::Fixed(1)).set("max.message.bytes", &bytes);
    let new: Vec<NewTopic<'_>> = topics.iter().copied().map(topic).collect();
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
