//! The processes of the path, in the order in which they need each other.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use opus2_local::{
    Broker, DISK_FREE_MIB_MIN, FLINK_VERSION, Flink, Home, JOB_CLASS, JOB_JAR, JobRequest, KAFKA_VERSION,
    Service, Settings, Spawn, create_topics, install_flink, install_kafka, java, local_topics,
    require_free_disk, require_free_port,
};
use opus2_types::Venue;
use serde::Deserialize;

use super::Args;
use super::counts::{IngestCounts, Sources};
use crate::watch::MonitorConfig;

/// How long a daemon of ours may take to answer after its start.
const DAEMON_READY: Duration = Duration::from_secs(60);
/// How long the job's tasks may take to start.
const JOB_READY: Duration = Duration::from_secs(60);
/// How long frames that were sent may take to be received.
const ARRIVAL: Duration = Duration::from_secs(2);
/// Over how long the view takes its latencies.
const LATENCY_WINDOW: Duration = Duration::from_secs(10);
/// Consumer group under which the job commits its progress.
const GROUP: &str = "hifa";

/// A venue as the simulator lists it.
#[derive(Deserialize)]
struct SimulatedVenue {
    venue: String,
    instruments: Vec<SimulatedInstrument>,
}

#[derive(Deserialize)]
struct SimulatedInstrument {
    symbol: String,
}

/// The variable of one of ingest's settings of a venue.
fn ingest_key(venue: Venue, key: &str) -> String {
    format!("OPUS2_INGEST__VENUE__{}__{key}", venue.as_str().to_uppercase())
}

/// Everything that runs. The processes are noted in the cluster's folder; dropping this stops none of them.
pub(super) struct System {
    home: Home,
    settings: Settings,
    broker: Broker,
    flink: Flink,
    job: String,
    http: reqwest::Client,
    simulator: Option<Service>,
    ingest: Option<Service>,
    /// Where its counts are once it has ended.
    ingest_counts: Option<IngestCounts>,
}

impl System {
    /// Starts broker, Flink and job: all that must be there before the first frame.
    pub(super) async fn start(args: &Args, home: &Home) -> anyhow::Result<Self> {
        let settings = Settings::from_env()?;
        let jar = preflight(home, &settings, args)?;
        let (kafka, flink) = {
            let (home, settings) = (home.clone(), settings.clone());
            let install = move || -> anyhow::Result<_> {
                // Beside a broker that somebody else runs, none is needed.
                let kafka = settings.brokers.is_none().then(|| install_kafka(&home)).transpose()?;
                Ok((kafka, install_flink(&home, &settings)?))
            };
            tokio::task::spawn_blocking(install).await.context("install Kafka and Flink")??
        };
        let mut progress = Progress::new();
        let broker = match (&kafka, &settings.brokers) {
            (Some(kafka), _) => Broker::start(home, &settings, kafka).await?,
            (None, brokers) => Broker::external(brokers.as_deref().unwrap_or_default())?,
        };
        create_topics(broker.address(), &local_topics()).await?;
        let kind =
            if settings.brokers.is_some() { "broker".to_owned() } else { format!("Kafka {KAFKA_VERSION}") };
        progress.done(&kind, broker.address());
        let flink = Flink::start(home, &settings, &flink).await?;
        progress.done(&format!("Flink {FLINK_VERSION}"), flink.client().base());
        let job = submit(&flink, &broker, &jar, home, args).await?;
        progress.done("job hifa", &job);
        let http = reqwest::Client::builder().no_proxy().timeout(DAEMON_READY).build()?;
        Ok(Self {
            home: home.clone(),
            settings,
            broker,
            flink,
            job,
            http,
            simulator: None,
            ingest: None,
            ingest_counts: None,
        })
    }

    /// Starts the venues, unless the real ones are asked for, and ingest: from now on there is traffic.
    pub(super) async fn start_feed(&mut self, args: &Args) -> anyhow::Result<()> {
        let mut progress = Progress::new();
        let mut ingest = opus2("ingest")?;
        ingest.env("OPUS2_INGEST__KAFKA__BROKERS", self.broker.address());
        ingest.env("OPUS2_INGEST__METRICS__LISTEN", loopback(self.settings.ports.ingest_metrics.number));
        for venue in Venue::ALL {
            let is_wanted = args.venues.contains(&venue);
            ingest.env(ingest_key(venue, "ENABLED"), is_wanted.to_string());
        }
        if !args.live {
            let listed = self.start_simulator(args).await?;
            progress.done("simulated venues", &self.simulator_url());
            let address = loopback(self.settings.ports.simulator.number);
            for (venue, symbols) in listed {
                ingest.env(ingest_key(venue, "REST_URL"), format!("http://{address}"));
                ingest.env(ingest_key(venue, "WS_URL"), format!("ws://{address}"));
                ingest.env(ingest_key(venue, "INSTRUMENTS"), symbols.join(","));
            }
        }
        let service = Service::spawn(&self.home, Spawn { name: "ingest", command: ingest })?;
        let url = self.metrics_url();
        self.ingest = Some(wait_answer(service, &self.http, &url).await?);
        progress.done("ingest", &url);
        Ok(())
    }

    /// Starts the simulated venues and gives the symbols that each lists.
    async fn start_simulator(&mut self, args: &Args) -> anyhow::Result<Vec<(Venue, Vec<String>)>> {
        let venues: Vec<&str> = args.venues.iter().map(|venue| venue.as_str()).collect();
        let mut command = opus2("simulate")?;
        command.arg("--listen").arg(loopback(self.settings.ports.simulator.number));
        command.arg("--venues").arg(venues.join(","));
        command.arg("--instruments").arg(args.instruments.to_string());
        command.arg("--rate").arg(args.rate.to_string()).arg("--seed").arg(args.seed.to_string());
        let service = Service::spawn(&self.home, Spawn { name: "simulator", command })?;
        let url = format!("{}/sim/venues", self.simulator_url());
        self.simulator = Some(wait_answer(service, &self.http, &url).await?);
        let listed: Vec<SimulatedVenue> =
            self.http.get(&url).send().await?.error_for_status()?.json().await?;
        let listed = listed.into_iter().map(|one| {
            let symbols = one.instruments.into_iter().map(|instrument| instrument.symbol).collect();
            Ok((one.venue.parse()?, symbols))
        });
        listed.collect::<anyhow::Result<_>>().context("read what the simulated venues list")
    }

    /// Complains when a process has ended by itself.
    pub(super) fn require_running(&mut self) -> anyhow::Result<()> {
        let ours = [self.simulator.as_mut(), self.ingest.as_mut(), self.broker.service_mut()];
        for service in ours.into_iter().flatten() {
            service.require_running()?;
        }
        self.flink.jobmanager_mut().require_running()?;
        if let Some(service) = self.flink.taskmanager_mut() {
            service.require_running()?;
        }
        Ok(())
    }

    /// No more traffic, and every count its last: the simulated market pauses, heartbeats too; then, or at once against a
    /// real venue, ingest ends its connections, because it would soon miss the heartbeats.
    pub(super) async fn quiet(&mut self) -> anyhow::Result<()> {
        if self.simulator.is_some() {
            let url = format!("{}/sim/pause?heartbeats=false", self.simulator_url());
            self.http.post(&url).send().await?.error_for_status().context("pause the simulated market")?;
            // What is on its way on a socket arrives within milliseconds; heartbeats are missed after five seconds.
            tokio::time::sleep(ARRIVAL).await;
        }
        if let Some(ingest) = &mut self.ingest {
            ingest.stop().await?;
            let log = tokio::fs::read_to_string(ingest.log()).await.context("read ingest's log")?;
            self.ingest_counts = Some(IngestCounts::Summary(log));
        }
        Ok(())
    }

    /// Where the view finds its numbers.
    pub(super) fn monitor_config(&self, args: &Args) -> MonitorConfig {
        MonitorConfig {
            brokers: Some(self.broker.address().to_owned()),
            flink: Some(self.flink.client().base().to_owned()),
            ingest: Some(self.metrics_url()),
            simulator: (!args.live).then(|| self.simulator_url()),
            window: LATENCY_WINDOW,
        }
    }

    /// Where the counts are read.
    pub(super) fn sources(&self) -> Sources {
        Sources {
            http: self.http.clone(),
            simulator: self
                .simulator
                .as_ref()
                .map(|_| format!("{}/sim/stats?summary=true", self.simulator_url())),
            ingest: self.ingest_counts.clone().unwrap_or_else(|| IngestCounts::Page(self.metrics_url())),
            brokers: self.broker.address().to_owned(),
            flink: self.flink.client().clone(),
            job: self.job.clone(),
        }
    }

    /// Addresses for people.
    pub(super) fn links(&self) -> Vec<(&'static str, String)> {
        let ports = &self.settings.ports;
        let metrics = |number| format!("http://{}/metrics", loopback(number));
        let mut links = vec![
            ("Flink", self.flink.client().base().to_owned()),
            ("ingest metrics", self.metrics_url()),
            ("Flink metrics", metrics(ports.taskmanager_metrics.number)),
            ("broker", self.broker.address().to_owned()),
            ("logs", self.home.run().join("logs").display().to_string()),
        ];
        if self.simulator.is_some() {
            links.insert(1, ("simulated venues", format!("{}/sim/stats?summary=true", self.simulator_url())));
        }
        links
    }

    fn simulator_url(&self) -> String {
        format!("http://{}", loopback(self.settings.ports.simulator.number))
    }

    fn metrics_url(&self) -> String {
        format!("http://{}/metrics", loopback(self.settings.ports.ingest_metrics.number))
    }
}

/// Finds what would stop the start later, and gives the job's jar.
fn preflight(home: &Home, settings: &Settings, args: &Args) -> anyhow::Result<PathBuf> {
    let jar = home.repository().join(JOB_JAR);
    ensure!(jar.is_file(), "{} is missing; build it with scripts/build", jar.display());
    java(settings)?;
    require_free_disk(home.run(), DISK_FREE_MIB_MIN)?;
    let ports = &settings.ports;
    let is_used = |port: &opus2_local::Port| {
        let is_broker = *port == ports.broker || *port == ports.controller;
        !(is_broker && settings.brokers.is_some() || *port == ports.simulator && args.live)
    };
    for port in ports.each().into_iter().filter(is_used) {
        require_free_port(port)?;
    }
    Ok(jar)
}

async fn submit(
    flink: &Flink,
    broker: &Broker,
    jar: &std::path::Path,
    home: &Home,
    args: &Args,
) -> anyhow::Result<String> {
    let client = flink.client();
    let jar = client.upload(jar).await?;
    let file = |name: &str| home.repository().join("config").join(name).display().to_string();
    let (config, model, rules) = (file("hifa.toml"), file("model.json"), file("validation_rules.yaml"));
    // A broker of ours begins empty. One that somebody else runs may hold an earlier session: go on after it.
    let start = if broker.is_ours() { "earliest" } else { "latest" };
    let arguments = [
        "--brokers",
        broker.address(),
        "--config",
        &config,
        "--model",
        &model,
        "--validation-rules",
        &rules,
        "--group",
        GROUP,
        "--start",
        start,
    ];
    let request = JobRequest {
        entry_class: JOB_CLASS.to_owned(),
        program_args_list: arguments.map(str::to_owned).to_vec(),
        parallelism: args.parallelism,
        savepoint_path: None,
    };
    let job = client.run(&jar, &request).await?;
    client.wait_running(&job, JOB_READY).await?;
    Ok(job)
}

/// This very program with another subcommand.
fn opus2(subcommand: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    command.arg(subcommand);
    Ok(command)
}

async fn wait_answer(mut service: Service, http: &reqwest::Client, url: &str) -> anyhow::Result<Service> {
    let answers = async || http.get(url).send().await.is_ok_and(|answer| answer.status().is_success());
    service.wait_ready(&format!("{url} does not answer"), DAEMON_READY, answers).await?;
    Ok(service)
}

fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// One line for each process that is ready.
struct Progress(Instant);

impl Progress {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn done(&mut self, what: &str, place: &str) {
        eprintln!("{what:<16} {place:<40} {:>5.1} s", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}
