//! Flink's REST interface: the state of the job, what its source has read, its checkpoints.
//!
//! Source: the REST API page of the Flink 2.2 documentation.

use reqwest::Client;
use serde::Deserialize;

use super::Missing;
use super::http::get_json;
use crate::watch::snapshot::JobStatus;

/// The job that is preferred when several run.
const JOB_NAME: &str = "hifa";

/// What one round of questions gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::watch) struct FlinkReading {
    pub(in crate::watch) job: JobStatus,
    /// Records that left the sources; `None` while Flink has no count.
    pub(in crate::watch) consumed: Option<u64>,
}

#[derive(Deserialize)]
struct Overview {
    jobs: Vec<JobLine>,
}

#[derive(Deserialize)]
struct JobLine {
    jid: String,
    name: String,
    state: String,
    #[serde(rename = "start-time")]
    start_time: i64,
}

#[derive(Deserialize)]
struct JobDetails {
    vertices: Vec<Vertex>,
}

#[derive(Deserialize)]
struct Vertex {
    name: String,
    metrics: VertexMetrics,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VertexMetrics {
    write_records: u64,
    write_records_complete: bool,
}

#[derive(Deserialize, Default)]
struct Checkpoints {
    counts: CheckpointCounts,
    latest: LatestCheckpoints,
}

#[derive(Deserialize, Default)]
struct CheckpointCounts {
    completed: u64,
    failed: u64,
}

#[derive(Deserialize, Default)]
struct LatestCheckpoints {
    completed: Option<Checkpoint>,
}

#[derive(Deserialize)]
struct Checkpoint {
    end_to_end_duration: u64,
    state_size: u64,
}

#[derive(Deserialize)]
struct Metric {
    value: String,
}

/// Asks Flink for its job.
pub(in crate::watch) async fn read(client: &Client, base: &str) -> Result<FlinkReading, Missing> {
    let unreachable = |reason| Missing { reason, todo: "start it with scripts/run, or name it with --flink" };
    let overview: Overview = get_json(client, &format!("{base}/jobs/overview")).await.map_err(unreachable)?;
    let line = choose(overview.jobs).ok_or_else(|| Missing {
        reason: "no job".to_owned(),
        todo: "submit flink-job/build/libs/opus2-flink-job.jar, or use scripts/run",
    })?;
    let job_url = format!("{base}/jobs/{}", line.jid);
    let details: JobDetails = get_json(client, &job_url).await.map_err(unreachable)?;
    // A job that has only just begun answers these two with an error: then they are not known yet.
    let checkpoints: Checkpoints =
        get_json(client, &format!("{job_url}/checkpoints")).await.unwrap_or_default();
    let restarts: Vec<Metric> =
        get_json(client, &format!("{job_url}/metrics?get=numRestarts")).await.unwrap_or_default();
    let completed = checkpoints.latest.completed;
    Ok(FlinkReading {
        consumed: consumed(&details.vertices),
        job: JobStatus {
            id: line.jid,
            name: line.name,
            state: line.state,
            restarts_count: restarts.first().and_then(|metric| metric.value.parse().ok()),
            checkpoints_count: checkpoints.counts.completed,
            checkpoints_failed_count: checkpoints.counts.failed,
            checkpoint_ms: completed.as_ref().map(|checkpoint| checkpoint.end_to_end_duration),
            checkpoint_bytes: completed.as_ref().map(|checkpoint| checkpoint.state_size),
        },
    })
}

/// The job to watch: one that has not ended, ours before others, the latest before earlier ones.
fn choose(jobs: Vec<JobLine>) -> Option<JobLine> {
    let has_ended = |job: &JobLine| matches!(job.state.as_str(), "FINISHED" | "CANCELED" | "FAILED");
    jobs.into_iter().max_by_key(|job| (!has_ended(job), job.name == JOB_NAME, job.start_time))
}

/// The records that the sources have sent on. Flink counts what leaves a vertex; a source's own input is no record.
fn consumed(vertices: &[Vertex]) -> Option<u64> {
    let mut sources = vertices.iter().filter(|vertex| vertex.name.starts_with("Source:")).peekable();
    sources.peek()?;
    sources.try_fold(0u64, |sum, source| {
        source.metrics.write_records_complete.then(|| sum.saturating_add(source.metrics.write_records))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_choice(jobs: &[(&str, &str, i64)], expect: Option<usize>) {
        let lines = jobs.iter().enumerate().map(|(index, &(name, state, start_time))| JobLine {
            jid: index.to_string(),
            name: name.into(),
            state: state.into(),
            start_time,
        });
        assert_eq!(
            choose(lines.collect()).map(|job| job.jid),
            expect.map(|index| index.to_string()),
            "{jobs:?}"
        );
    }

    #[test]
    fn the_running_hifa_job_is_watched() {
        check_choice(&[], None);
        check_choice(&[("hifa", "FAILED", 9), ("other", "RUNNING", 1)], Some(1));
        check_choice(&[("other", "RUNNING", 9), ("hifa", "RESTARTING", 1)], Some(1));
        check_choice(&[("hifa", "CANCELED", 9), ("hifa", "FINISHED", 10)], Some(1));
    }

    #[test]
    fn consumed_is_what_left_the_sources() {
        let text = r#"{"vertices":[
            {"name":"Source: raw","metrics":{"write-records":70,"write-records-complete":true,"read-records":0}},
            {"name":"normalize -> signal -> Sink: Writer","metrics":{"write-records":9,"write-records-complete":true}}]}"#;
        let details: JobDetails = serde_json::from_str(text).unwrap();
        assert_eq!(consumed(&details.vertices), Some(70));
        let incomplete =
            text.replace("70,\"write-records-complete\":true", "70,\"write-records-complete\":false");
        let details: JobDetails = serde_json::from_str(&incomplete).unwrap();
        assert_eq!(consumed(&details.vertices), None);
        assert_eq!(consumed(&[]), None);
    }
}
