//! `opus2 up`: the whole system on this machine, as real processes, watched until it ends; and `opus2 down`.
//!
//! It starts a broker, Flink with the job, venues (simulated unless `--live`) and ingest, each a process of its own
//! under `.local/run`, then shows `opus2 watch`'s view of them. At the end it lets the path run dry, compares the counts
//! of every step with its neighbours', and stops what it started.

mod counts;
mod summary;
mod system;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use opus2_local::{Home, stop_all};
use opus2_types::Venue;
use tokio::signal::unix::{SignalKind, signal};

use crate::watch::{self, Monitor};
use summary::Summary;
use system::System;

/// Arguments of `opus2 up`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Talk to the real venues instead of the simulated ones.
    #[arg(long)]
    live: bool,
    /// Stop after this many seconds and say whether every count agrees. Without it: until `q` or Ctrl-C.
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    for_secs: Option<u64>,
    /// Leave everything running; `scripts/stop` (`opus2 down`) ends it.
    #[arg(long)]
    keep: bool,
    /// Venues to listen to, separated by commas.
    #[arg(long, value_name = "VENUES", value_delimiter = ',', default_value = "binance,coinbase,kraken")]
    venues: Vec<Venue>,
    /// Instruments of the simulated venues, half of them Binance's; BTC, ETH and more against dollars are at every venue.
    #[arg(long, value_name = "N", default_value_t = 50)]
    instruments: u32,
    /// Messages a second of the simulated venues, all instruments together.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    rate: u32,
    /// Seed of the simulated market: equal seeds make equal markets.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Tasks per step in Flink.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=i64::from(opus2_local::TASK_SLOTS)))]
    parallelism: u16,
    /// Write the summary as JSON too.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    #[command(flatten)]
    cluster: Cluster,
}

/// Which local cluster.
#[derive(clap::Args)]
pub(crate) struct Cluster {
    /// Its folder under `.local`; clusters of several names can run side by side on ports of their own.
    #[arg(long, value_name = "NAME", default_value = "run", value_parser = parse_name)]
    name: String,
}

impl Cluster {
    fn home(&self) -> anyhow::Result<Home> {
        let here = std::env::current_dir().context("find the current folder")?;
        Ok(Home::find(&here, &self.name)?)
    }
}

/// Arguments of `opus2 down`.
#[derive(clap::Args)]
pub(crate) struct DownArgs {
    #[command(flatten)]
    cluster: Cluster,
}

/// Starts, watches, sums up, stops.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().with_target(false).init();
    let home = args.cluster.home()?;
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    let interrupted = Arc::new(AtomicBool::new(false));
    runtime.block_on(async { listen(&interrupted) })?;
    // Refused before anything is started: what runs then is somebody else's and goes on.
    let already = opus2_local::running(&home)?;
    ensure!(already.is_empty(), "{} run already; end them with scripts/stop", already.join(", "));
    let outcome = watch_system(args, &home, &runtime, &interrupted);
    if args.keep && outcome.is_ok() {
        eprintln!("everything still runs; end it with scripts/stop");
        return outcome;
    }
    let stopped = runtime.block_on(stop_all(&home));
    outcome.and_then(|()| Ok(stopped.map(|_| ())?))
}

/// Stops what an earlier `opus2 up --keep` left running.
pub(crate) fn down(args: &DownArgs) -> anyhow::Result<()> {
    let home = args.cluster.home()?;
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    let stopped = runtime.block_on(stop_all(&home))?;
    let what = if stopped.is_empty() {
        "nothing was running".to_owned()
    } else {
        format!("stopped {}", stopped.join(", "))
    };
    eprintln!("{what}");
    Ok(())
}

fn watch_system(
    args: &Args,
    home: &Home,
    runtime: &tokio::runtime::Runtime,
    interrupted: &Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let mut system = runtime.block_on(unless(interrupted, System::start(args, home)))?;
    let before = runtime.block_on(system.sources().topic_ends())?;
    // Before the feed, so that its counts are those of the whole session.
    let monitor = Monitor::start(&system.monitor_config(args))?;
    runtime.block_on(unless(interrupted, system.start_feed(args)))?;
    for (what, place) in system.links() {
        eprintln!("{what:<16} {place}");
    }
    let begin = Instant::now();
    let mut broken = None;
    watch::run_view(&monitor, |_| {
        broken = broken.take().or_else(|| system.require_running().err());
        let is_over = args.for_secs.is_some_and(|secs| begin.elapsed() >= Duration::from_secs(secs));
        is_over || broken.is_some() || interrupted.load(Ordering::Relaxed)
    })?;
    if let Some(error) = broken {
        return Err(error);
    }
    if args.keep {
        return Ok(());
    }
    let last = monitor.snapshot();
    let traffic = begin.elapsed();
    let summary = runtime.block_on(async {
        system.quiet().await?;
        Summary::settle(&system.sources(), before, traffic, &last.latency_total, &last.latency).await
    })?;
    writeln!(std::io::stdout(), "{summary}").context("print the summary")?;
    if let Some(path) = &args.summary {
        let text = serde_json::to_vec_pretty(&summary).context("write the summary as JSON")?;
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    }
    summary.require_agreement()
}

/// Ends early when a signal asks this process to end.
async fn unless<T>(
    interrupted: &AtomicBool,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        done = work => done,
        () = until_set(interrupted) => bail!("interrupted while starting"),
    }
}

/// Notes the signals that ask a process to end. The processes we started are in groups of their own and do not get
/// the terminal's Ctrl-C, so that they can be ended in order.
fn listen(interrupted: &Arc<AtomicBool>) -> anyhow::Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut signals = signal(kind).context("listen to signals")?;
        let interrupted = Arc::clone(interrupted);
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                interrupted.store(true, Ordering::Relaxed);
            }
        });
    }
    Ok(())
}

async fn until_set(flag: &AtomicBool) {
    while !flag.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A folder's name and nothing else.
fn parse_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    // The distributions are kept beside the clusters.
    let is_taken =
        text.starts_with("flink-") || text.starts_with("kafka-") || text == "gradle" || text == "ci";
    if text.is_empty() || !text.bytes().all(is_plain) || is_taken {
        return Err(
            "expected letters, digits and dashes, and none of the names that .local uses itself".to_owned()
        );
    }
    Ok(text.to_owned())
}
