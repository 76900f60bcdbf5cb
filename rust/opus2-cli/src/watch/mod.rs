//! `opus2 watch`: the live view of a running system.
//!
//! A [`Monitor`] asks every source it knows (simulated venue, ingest daemon, broker, Flink) and puts the answers
//! together in a `Snapshot`; [`run_view`] draws snapshots on the terminal. Nothing here changes what it watches: it
//! commits no offsets, creates no topics and joins no consumer group.

pub(crate) mod clock;
mod config;
mod counter;
mod format;
mod latency;
mod line;
mod monitor;
mod poll;
mod record;
mod screen;
mod snapshot;
mod source;
mod state;
mod view;

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Context;

pub(crate) use config::MonitorConfig;
pub(crate) use latency::Percentiles;
pub(crate) use line::status_line;
pub(crate) use monitor::Monitor;
pub(crate) use screen::run_view;
pub(crate) use snapshot::Latencies;
pub(crate) use source::prometheus_text::{Sample, metric_sum, samples};

/// Arguments of `opus2 watch`. Every source may be missing; `off` leaves one out.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Bootstrap servers of the broker.
    #[arg(long, env = "OPUS2_BROKERS", value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// Flink's REST address.
    #[arg(long, value_name = "URL")]
    flink: Option<String>,
    /// The ingest daemon's metrics page.
    #[arg(long, value_name = "URL")]
    ingest: Option<String>,
    /// The simulated venue.
    #[arg(long, value_name = "URL")]
    simulator: Option<String>,
    /// Seconds over which latencies are taken.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600), value_name = "SECONDS")]
    window: u64,
    /// End after this many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    for_secs: Option<u64>,
    /// Print everything known as JSON, one object a line, every this many seconds, instead of a picture.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..), num_args = 0..=1, default_missing_value = "5")]
    json: Option<u64>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let monitor = Monitor::start(&args.config()?)?;
    let started = Instant::now();
    let is_over = || args.for_secs.is_some_and(|secs| started.elapsed() >= Duration::from_secs(secs));
    if let Some(secs) = args.json {
        return print_json(&monitor, Duration::from_secs(secs), is_over);
    }
    run_view(&monitor, |_| is_over())?;
    writeln!(std::io::stdout(), "{}", status_line(&monitor.snapshot())).context("write the last line")
}

impl Args {
    /// What is not said is where `scripts/run` puts it.
    fn config(&self) -> anyhow::Result<MonitorConfig> {
        let ports = opus2_local::Settings::from_env()?.ports;
        let on_loopback = |port: opus2_local::Port| format!("127.0.0.1:{}", port.number);
        let choose = |said: &Option<String>, otherwise: String| match said.as_deref() {
            Some("off") => None,
            Some(said) => Some(said.to_owned()),
            None => Some(otherwise),
        };
        Ok(MonitorConfig {
            brokers: choose(&self.brokers, on_loopback(ports.broker)),
            flink: choose(&self.flink, format!("http://{}", on_loopback(ports.flink_web))),
            ingest: choose(&self.ingest, format!("http://{}/metrics", on_loopback(ports.ingest_metrics))),
            simulator: choose(&self.simulator, format!("http://{}", on_loopback(ports.simulator))),
            window: Duration::from_secs(self.window),
        })
    }
}

fn print_json(monitor: &Monitor, period: Duration, is_over: impl Fn() -> bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    loop {
        std::thread::sleep(period);
        serde_json::to_writer(&mut out, &monitor.snapshot()).context("write a snapshot")?;
        writeln!(out).context("write a snapshot")?;
        if is_over() {
            return Ok(());
        }
    }
}
