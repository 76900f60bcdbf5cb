//! The processes that are measured.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use opus2_local::{Broker, Home, Service, Settings, Spawn, create_topics, install_kafka, local_topics};

use super::page::Page;

/// How long a process may take to answer.
const READY_MAX: Duration = Duration::from_secs(60);
/// One question.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Clock ticks a second in `/proc`: the same on every Linux that we run on.
const TICKS_PER_SEC: f64 = 100.0;

/// Broker and, at times, a venue.
pub(super) struct System {
    home: Home,
    settings: Settings,
    broker: Broker,
    venue: Option<Service>,
    http: reqwest::Client,
}

impl System {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("find the current folder")?;
        let home = Home::find(&here, "bench-ingest")?;
        opus2_local::stop_all(&home).await.context("end what an interrupted run has left")?;
        let settings = Settings::from_env()?.with_free_ports()?;
        let kafka = install_kafka(&home)?;
        let broker = Broker::start(&home, &settings, &kafka).await?;
        create_topics(broker.address(), &local_topics()).await?;
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER_MAX).build()?;
        Ok(Self { home, settings, broker, venue: None, http })
    }

    pub(super) fn brokers(&self) -> &str {
        self.broker.address()
    }

    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.stop_venue().await?;
        opus2_local::stop_all(&self.home).await?;
        self.broker.stop().await?;
        Ok(())
    }

    pub(super) async fn start_venues(
        &mut self,
        names: &str,
        instruments: u32,
        rate: u32,
    ) -> anyhow::Result<()> {
        let mut command = opus2("simulate")?;
        let (instruments, rate) = (instruments.to_string(), rate.to_string());
        command.args(["--listen", &self.venue_address(), "--venues", names]);
        command.args(["--instruments", &instruments, "--rate", &rate]);
        let service = Service::spawn(&self.home, Spawn { name: "simulator", command })?;
        let url = format!("http://{}/sim/stats", self.venue_address());
        self.venue = Some(self.ready(service, &url).await?);
        Ok(())
    }

    pub(super) async fn stop_venue(&mut self) -> anyhow::Result<()> {
        if let Some(mut venue) = self.venue.take() {
            venue.stop().await?;
        }
        Ok(())
    }

    /// The daemon as it ships, following everything that these venues list.
    pub(super) async fn start_daemon(&self, names: &str) -> anyhow::Result<Daemon> {
        let mut command = opus2("ingest")?;
        let metrics = format!("127.0.0.1:{}", self.settings.ports.ingest_metrics.number);
        let venue = self.venue_address();
        command
            .env("OPUS2_INGEST__KAFKA__BROKERS", self.broker.address())
            .env("OPUS2_INGEST__METRICS__LISTEN", &metrics);
        for name in names.split(',') {
            let prefix = format!("OPUS2_INGEST__VENUE__{}__", name.to_uppercase());
            for (key, value) in [
                ("ENABLED", "true"),
                ("REST_URL", &format!("http://{venue}")),
                ("WS_URL", &format!("ws://{venue}")),
                ("INSTRUMENTS", "*"),
                ("INSTRUMENTS_LIMIT", "10000"),
                ("INSTRUMENTS_PER_CONNECTION", "100"),
            ] {
                command.env(format!("{prefix}{key}"), value);
            }
        }
        let service = Service::spawn(&self.home, Spawn { name: "ingest", command })?;
        let url = format!("http://{metrics}/metrics");
        let service = self.ready(service, &url).await?;
        Ok(Daemon { service, url, http: self.http.clone() })
    }

    fn venue_address(&self) -> String {
        format!("127.0.0.1:{}", self.settings.ports.simulator.number)
    }

    async fn ready(&self, mut service: Service, url: &str) -> anyhow::Result<Service> {
        let answers =
            async || self.http.get(url).send().await.is_ok_and(|answer| answer.status().is_success());
        service.wait_ready("it does not answer", READY_MAX, answers).await?;
        Ok(service)
    }
}

/// The running daemon.
pub(super) struct Daemon {
    service: Service,
    url: String,
    http: reqwest::Client,
}

impl Daemon {
    pub(super) async fn page(&mut self) -> anyhow::Result<Page> {
        self.service.require_running()?;
        let text = self.http.get(&self.url).send().await?.error_for_status()?.text().await?;
        Ok(Page::parse(&text))
    }

    pub(super) fn log(&self) -> &Path {
        self.service.log()
    }

    /// Processor time used since its start, user and system.
    pub(super) fn cpu_secs(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        // The name, in parentheses, may hold spaces; what follows does not.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).context("read the processor time of the daemon")?;
        Ok((user + system) / TICKS_PER_SEC)
    }

    /// The most memory it ever had resident, MiB.
    pub(super) fn rss_mib_max(&self) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kib.context("read the memory of the daemon")? / 1024.0)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.service.pid());
        std::fs::read_to_string(&path).with_context(|| format!("read {path}"))
    }

    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.service.stop().await?)
    }
}

/// How far the wall clock is in its minute, by which venues count weight.
#[expect(clippy::disallowed_methods, reason = "beside measurements, for people")]
pub(super) fn second_of_the_minute() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() % 60.0
}

fn opus2(subcommand: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    command.arg(subcommand);
    Ok(command)
}
