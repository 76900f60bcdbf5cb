//! Broker, simulated venue and daemon, each a process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use opus2_local::{
    Broker, Home, Ports, Service, Settings, Spawn, create_topics, install_kafka, local_topics,
};
use serde_json::Value;

use crate::cutter::Cutter;
use crate::topic::{Found, Topic};

/// How long anything may take.
const TIMEOUT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);

pub(crate) struct World {
    home: Home,
    settings: Settings,
    broker: Broker,
    venue: Service,
    pub(crate) cutter: Cutter,
    http: reqwest::Client,
    symbols: Vec<String>,
}

/// A running daemon.
pub(crate) struct Daemon {
    service: Service,
    url: String,
    http: reqwest::Client,
}

impl World {
    pub(crate) async fn start(instruments: usize) -> anyhow::Result<Self> {
        let home = Home::find(repository(), "e2e-ingest")?;
        let settings = Settings::from_env()?.with_free_ports()?;
        // What a test that was killed has left behind.
        opus2_local::stop_all(&home).await?;
        let broker = Broker::start(&home, &settings, &install_kafka(&home)?).await?;
        create_topics(broker.address(), &local_topics()).await?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        let address = format!("127.0.0.1:{}", settings.ports.simulator.number);
        let mut command = opus2("simulate")?;
        command.args(["--listen", &address, "--instruments", &instruments.to_string(), "--rate", "400"]);
        let venue = Service::spawn(&home, Spawn { name: "simulator", command })?;
        let venue = ready(venue, &http, &format!("http://{address}/api/v3/ping")).await?;
        let info: Value =
            http.get(format!("http://{address}/api/v3/exchangeInfo")).send().await?.json().await?;
        let listed = info["symbols"].as_array().context("the venue lists nothing")?;
        let symbols = listed.iter().filter_map(|one| one["symbol"].as_str().map(str::to_owned)).collect();
        let cutter = Cutter::start(address).await?;
        Ok(Self { home, settings, broker, venue, cutter, http, symbols })
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.venue.stop().await?;
        self.broker.stop().await?;
        opus2_local::stop_all(&self.home).await?;
        Ok(())
    }

    pub(crate) fn topic(&self) -> anyhow::Result<Topic> {
        Topic::from_end(self.broker.address())
    }

    /// The daemon on all of the venue's instruments, two connections, whole books; its sockets go through the cutter.
    pub(crate) async fn start_daemon(&self, settings: &[(&str, &str)]) -> anyhow::Result<Daemon> {
        self.say("resume").await?;
        // A port that was free once may have been taken as somebody's own end of a connection meanwhile.
        let metrics = format!("127.0.0.1:{}", Ports::free()?.ingest_metrics.number);
        let mut command = opus2("ingest")?;
        for (name, value) in [
            ("KAFKA__BROKERS", self.broker.address()),
            ("METRICS__LISTEN", &metrics),
            ("VENUE__BINANCE__REST_URL", &self.venue_url("http")),
            ("VENUE__BINANCE__WS_URL", &format!("ws://{}", self.cutter.address)),
            ("VENUE__BINANCE__INSTRUMENTS", &self.symbols.join(",")),
            ("VENUE__BINANCE__INSTRUMENTS_PER_CONNECTION", "6"),
            ("VENUE__BINANCE__SNAPSHOT_LEVELS_FIRST", "5000"),
            ("VENUE__BINANCE__SNAPSHOT_LEVELS", "5000"),
        ]
        .iter()
        .chain(settings)
        {
            command.env(format!("OPUS2_INGEST__{name}"), value);
        }
        let service = Service::spawn(&self.home, Spawn { name: "ingest", command })?;
        let url = format!("http://{metrics}/metrics");
        let service = ready(service, &self.http, &url).await?;
        Ok(Daemon { service, url, http: self.http.clone() })
    }

    pub(crate) async fn stop_daemon(&self, mut daemon: Daemon) -> anyhow::Result<()> {
        Ok(daemon.service.stop().await?)
    }

    /// As a crash would.
    pub(crate) async fn kill_daemon(&self, mut daemon: Daemon) -> anyhow::Result<()> {
        Ok(daemon.service.kill().await?)
    }

    pub(crate) async fn restart_broker(&mut self) -> anyhow::Result<()> {
        Ok(self.broker.restart().await?)
    }

    /// Stops the market and waits until every book on the topic is the venue's.
    pub(crate) async fn settle(&self, mut topic: Topic) -> anyhow::Result<Found> {
        self.say("pause").await?;
        let mut truths = Vec::new();
        for symbol in &self.symbols {
            let query = [("symbol", symbol)];
            let url = format!("{}/sim/truth", self.venue_url("http"));
            let truth: Value =
                self.http.get(url).query(&query).send().await?.error_for_status()?.json().await?;
            truths.push((symbol.clone(), truth));
        }
        let reading = tokio::task::spawn_blocking(move || {
            let begin = Instant::now();
            loop {
                let has_read = topic.read_some()?;
                let compared = truths.iter().try_for_each(|(symbol, truth)| topic.compare(symbol, truth));
                match compared {
                    Ok(()) => return Ok(topic.found()),
                    Err(error) if !has_read && begin.elapsed() > TIMEOUT => return Err(error),
                    Err(_) => {}
                }
            }
        });
        reading.await?
    }

    async fn say(&self, what: &str) -> anyhow::Result<()> {
        let url = format!("{}/sim/{what}", self.venue_url("http"));
        self.http.post(url).send().await?.error_for_status()?;
        Ok(())
    }

    fn venue_url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.settings.ports.simulator.number)
    }
}

impl Daemon {
    /// Waits until a metric, summed over its series (those with the label, if one is given), is at least so large.
    pub(crate) async fn wait_for(
        &self,
        name: &str,
        label: Option<(&str, &str)>,
        at_least: usize,
    ) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            let value = self.read(name, label).await?;
            if value >= at_least as u64 {
                return Ok(());
            }
            let log = self.service.log().display();
            ensure!(begin.elapsed() < TIMEOUT, "{name} {label:?} is {value}, not {at_least}; see {log}");
            tokio::time::sleep(POLL).await;
        }
    }

    pub(crate) async fn require_none(&self, name: &str) -> anyhow::Result<()> {
        let value = self.read(name, None).await?;
        ensure!(value == 0, "{name} is {value}; see {}", self.service.log().display());
        Ok(())
    }

    async fn read(&self, name: &str, label: Option<(&str, &str)>) -> anyhow::Result<u64> {
        let page = self.http.get(&self.url).send().await?.error_for_status()?.text().await?;
        let label = label.map(|(key, value)| format!("{key}=\"{value}\""));
        let of_name = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && label.as_ref().is_none_or(|label| line.contains(label.as_str()))
        };
        let value = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
        Ok(page.lines().filter(of_name).filter_map(value).sum())
    }
}

async fn ready(mut service: Service, http: &reqwest::Client, url: &str) -> anyhow::Result<Service> {
    let answers = async || http.get(url).send().await.is_ok_and(|answer| answer.status().is_success());
    service.wait_ready("it does not answer", TIMEOUT, answers).await?;
    Ok(service)
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn opus2(subcommand: &str) -> anyhow::Result<Command> {
    let program: PathBuf = repository().join("target/release/opus2");
    ensure!(program.is_file(), "{} is missing; build it with scripts/build", program.display());
    let mut command = Command::new(program.canonicalize()?);
    command.arg(subcommand).current_dir(repository());
    Ok(command)
}
