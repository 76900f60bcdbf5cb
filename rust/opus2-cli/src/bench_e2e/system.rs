//! The system that is measured: what `opus2 up` starts, as a user would.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use opus2_local::{FlinkClient, Settings};
use serde_json::Value;

use super::Args;

/// One question to a daemon.
const ANSWER_SECS_MAX: Duration = Duration::from_secs(10);

/// The running system.
pub(super) struct System {
    name: String,
    brokers: String,
    flink: FlinkClient,
    simulator: String,
    ingest: String,
    http: reqwest::Client,
}

/// What the daemons have counted, at one moment.
pub(super) struct Counts {
    at: Instant,
    sent: u64,
    published: u64,
    published_bytes: u64,
    /// The most that the simulated venue was behind its schedule since it began.
    pub(super) simulator_late_ms_max: f64,
}

impl System {
    /// Runs `opus2 up --keep` until everything is there and messages flow.
    pub(super) fn start(args: &Args) -> anyhow::Result<Self> {
        let settings = Settings::from_env()?;
        let loopback = |port: opus2_local::Port| format!("127.0.0.1:{}", port.number);
        let ports = settings.ports;
        let system = Self {
            name: args.name.clone(),
            brokers: settings.brokers.unwrap_or_else(|| loopback(ports.broker)),
            flink: FlinkClient::new(&format!("http://{}", loopback(ports.flink_web)))?,
            simulator: format!("http://{}", loopback(ports.simulator)),
            ingest: format!("http://{}/metrics", loopback(ports.ingest_metrics)),
            http: reqwest::Client::builder().no_proxy().timeout(ANSWER_SECS_MAX).build()?,
        };
        let number = |number: u32| number.to_string();
        let rate = number(args.rate);
        let instruments = number(args.instruments);
        let parallelism = args.parallelism.to_string();
        // One venue: the numbers stay comparable with earlier ones.
        let options =
            ["--keep", "--for", "1", "--venues", "binance", "--rate", &rate, "--instruments", &instruments];
        let started = opus2(&["up", "--name", &args.name, "--parallelism", &parallelism], &options);
        if started.is_err() {
            // What it did start, it has said; nothing of it may stay.
            system.stop().context("after a start that failed")?;
        }
        started.map(|()| system)
    }

    /// Runs `opus2 down`.
    pub(super) fn stop(&self) -> anyhow::Result<()> {
        opus2(&["down", "--name", &self.name], &[])
    }

    pub(super) fn brokers(&self) -> &str {
        &self.brokers
    }

    pub(super) const fn flink(&self) -> &FlinkClient {
        &self.flink
    }

    /// The job that `opus2 up` submitted.
    pub(super) async fn job(&self) -> anyhow::Result<String> {
        let overview = self.flink_page("/jobs/overview").await?;
        let mut jobs = overview["jobs"].as_array().into_iter().flatten();
        let running = jobs.find(|job| job["state"] == "RUNNING").context("Flink runs no job")?;
        Ok(running["jid"].as_str().unwrap_or_default().to_owned())
    }

    /// A page of Flink's REST interface that its client does not know.
    pub(super) async fn flink_page(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.flink.base());
        serde_json::from_str(&self.page(&url).await?).with_context(|| format!("read {url}"))
    }

    /// Asks the daemons for their counts.
    pub(super) async fn counts(&self) -> anyhow::Result<Counts> {
        let url = format!("{}/sim/stats", self.simulator);
        let stats: Value =
            serde_json::from_str(&self.page(&url).await?).with_context(|| format!("read {url}"))?;
        let page = self.page(&self.ingest).await?;
        let sum = |name: &str| crate::watch::metric_sum(&page, name);
        Ok(Counts {
            at: Instant::now(),
            sent: stats["sent"].as_u64().context("the simulator's statistics have no count of frames")?,
            published: sum("opus2_ingest_records_published_total"),
            published_bytes: sum("opus2_ingest_published_bytes_total"),
            simulator_late_ms_max: stats["lag"]["lag_ns_max"].as_f64().unwrap_or(f64::NAN) / 1e6,
        })
    }

    /// No more traffic.
    pub(super) async fn pause(&self) -> anyhow::Result<()> {
        let url = format!("{}/sim/pause", self.simulator);
        self.http.post(&url).send().await?.error_for_status().context("pause the simulated market")?;
        Ok(())
    }

    async fn page(&self, url: &str) -> anyhow::Result<String> {
        let read = async || self.http.get(url).send().await?.error_for_status()?.text().await;
        read().await.with_context(|| format!("read {url}"))
    }
}

impl Counts {
    /// Mean size of the raw records' values published in between.
    pub(super) fn raw_bytes_mean(&self, before: &Self) -> anyhow::Result<usize> {
        let records = self.published - before.published;
        ensure!(records > 0, "no raw record was published while the path was measured");
        Ok(usize::try_from((self.published_bytes - before.published_bytes) / records)?)
    }

    /// Messages that the venue sent, per second in between.
    pub(super) fn sent_per_sec(&self, before: &Self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let sent = (self.sent - before.sent) as f64;
        sent / self.at.duration_since(before.at).as_secs_f64()
    }
}

/// Runs this very program with another subcommand; what it prints goes where progress goes.
fn opus2(subcommand: &[&str], options: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    command.args(subcommand).args(options).stdout(std::io::stderr());
    let status = command.status().with_context(|| format!("run opus2 {}", subcommand.join(" ")))?;
    ensure!(status.success(), "opus2 {} ended with {status}", subcommand.join(" "));
    Ok(())
}
