//! The broker and the Flink that the tests share.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opus2_local::{
    Broker, Flink, FlinkClient, Home, JobRequest, LocalError, Settings, Topic, create_topics, end_offset,
    group_offset, install_flink, install_kafka, local_topics, stop_all,
};
use tokio::runtime::Runtime;

use crate::program;

/// How long anything in a job may take before a test gives up on it.
pub(crate) const JOB_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Short, so that a test needs not wait for progress to be committed, and a restart repeats little.
const CHECKPOINT_INTERVAL_MS: u32 = 500;

/// Starts the cluster when it is first needed, and stops it.
pub(crate) struct System {
    runtime: Runtime,
    cluster: Mutex<Option<Cluster>>,
}

/// A running cluster and the uploaded jar.
pub(crate) struct Cluster {
    pub(crate) broker: Broker,
    pub(crate) flink: Flink,
    jar: String,
}

/// The topics and the consumer group of one test: nobody else's records are in them.
pub(crate) struct Lane {
    name: &'static str,
    pub(crate) brokers: String,
}

impl System {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self { runtime: runtime.expect("threads can be started"), cluster: Mutex::new(None) }
    }

    /// Runs a test on the cluster.
    pub(crate) fn with_cluster<T>(
        &self,
        test: impl AsyncFnOnce(&mut Cluster) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        if cluster.is_none() {
            *cluster = Some(self.runtime.block_on(Cluster::start())?);
        }
        self.runtime.block_on(test(cluster.as_mut().expect("just started")))
    }

    /// Stops what was started.
    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        let Some(cluster) = self.cluster.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        self.runtime.block_on(async {
            cluster.flink.stop().await?;
            cluster.broker.stop().await?;
            Ok(())
        })
    }
}

impl Cluster {
    async fn start() -> anyhow::Result<Self> {
        let jar = program::jar()?;
        let home = Home::find(program::repository(), "e2e")?;
        let settings = Settings::from_env()?.with_free_ports()?;
        // What a test that was killed has left behind.
        stop_all(&home).await?;
        let (kafka, flink) = (install_kafka(&home)?, install_flink(&home, &settings)?);
        let broker = Broker::start(&home, &settings, &kafka).await?;
        let flink = Flink::start(&home, &settings, &flink).await?;
        let jar = flink.client().upload(&jar).await?;
        Ok(Self { broker, flink, jar })
    }

    /// New topics for a test.
    pub(crate) async fn lane(&self, name: &'static str) -> anyhow::Result<Lane> {
        let lane = Lane { name, brokers: self.broker.address().to_owned() };
        let named = |topic: Topic| Topic { name: lane.topic(&topic.name), ..topic };
        let topics: Vec<_> = local_topics().into_iter().map(named).collect();
        create_topics(&lane.brokers, &topics).await?;
        Ok(lane)
    }

    /// Submits the job and waits until it runs.
    pub(crate) async fn submit(
        &self,
        lane: &Lane,
        parallelism: u16,
        savepoint: Option<String>,
    ) -> anyhow::Result<Job> {
        let interval = CHECKPOINT_INTERVAL_MS.to_string();
        let raw_topic = lane.raw_topic();
        let prefix = lane.topic("");
        let arguments = [
            ("--brokers", lane.brokers.as_str()),
            ("--raw-topics", &raw_topic),
            ("--topic-prefix", &prefix),
            ("--group", lane.name),
            ("--start", "earliest"),
            ("--checkpoint-interval-ms", &interval),
            ("--restart-delay-ms", "200"),
        ];
        let request = JobRequest {
            entry_class: opus2_local::JOB_CLASS.to_owned(),
            program_args_list: arguments
                .iter()
                .flat_map(|(name, value)| [*name, *value])
                .map(str::to_owned)
                .collect(),
            parallelism,
            savepoint_path: savepoint,
        };
        let client = self.flink.client().clone();
        let id = client.run(&self.jar, &request).await?;
        client.wait_running(&id, JOB_TIMEOUT).await?;
        Ok(Job { client, id })
    }
}

impl Lane {
    /// The name that a topic has in this lane.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    pub(crate) fn raw_topic(&self) -> String {
        self.topic(opus2_wire::topic::raw_l2(opus2_types::Venue::Binance))
    }

    /// How many raw records have been published, and how many of them the job has committed. What is committed went
    /// through the job and was flushed to the output topics, since progress is committed with a checkpoint.
    pub(crate) async fn progress(&self) -> anyhow::Result<(u64, u64)> {
        let (brokers, raw, group) = (self.brokers.clone(), self.raw_topic(), self.name);
        let read =
            move || Ok::<_, LocalError>((end_offset(&brokers, &raw)?, group_offset(&brokers, group, &raw)?));
        Ok(tokio::task::spawn_blocking(read).await??)
    }

    /// Waits until the job has committed at least `records`.
    pub(crate) async fn wait_committed(&self, job: &Job, records: u64) -> anyhow::Result<()> {
        let begin = std::time::Instant::now();
        loop {
            let (published, committed) = self.progress().await?;
            if committed >= records {
                return Ok(());
            }
            let state = job.client.state(&job.id).await?;
            let is_late = begin.elapsed() > JOB_TIMEOUT;
            if state.is_final() || is_late {
                let cause = job.client.root_exception(&job.id).await.unwrap_or_default();
                anyhow::bail!(
                    "job {state:?} committed {committed} of {published}, awaited {records}; {cause}"
                );
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// A submitted job.
pub(crate) struct Job {
    pub(crate) client: FlinkClient,
    pub(crate) id: String,
}

impl Job {
    /// Ends it without a trace.
    pub(crate) async fn cancel(self) -> anyhow::Result<()> {
        self.client.cancel(&self.id).await?;
        Ok(self.client.wait_ended(&self.id, &opus2_local::JobState::Canceled, JOB_TIMEOUT).await?)
    }

    /// How often it was restarted after a failure.
    pub(crate) async fn restarts(&self) -> anyhow::Result<u64> {
        Ok(self.client.restarts(&self.id).await?)
    }

    /// Ends it with a savepoint, to resume from.
    pub(crate) async fn stop(self) -> anyhow::Result<String> {
        Ok(self.client.stop_with_savepoint(&self.id, false, JOB_TIMEOUT).await?)
    }
}
