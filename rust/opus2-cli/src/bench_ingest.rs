//! `opus2 bench-ingest`: what it costs to follow a thousand books and more, on this machine.
//!
//! A broker, the simulated venues and the daemon, each a process of its own, as in production. Three measurements:
//!
//! 1. **Start**: how soon books are live when the venue's request weight is the limit, beside the time that the weight
//!    itself demands.
//! 2. **Load**: many instruments of all venues at a fixed rate: the daemon's CPU and memory, and the time from the return of the socket
//!    read to the broker's acknowledgement, beside a bare producer at the same rate on the same broker.
//! 3. **Few**: the same rate over ten instruments: what a message costs there, beside what it costs over many.

mod bare;
mod page;
mod processes;
mod report;

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use page::Page;
use processes::{Daemon, System};
use report::{Load, Report, Start};

/// Arguments of `opus2 bench-ingest`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Instruments of the first measurement, at Binance.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    start_instruments: u32,
    /// Venues of the second and third, separated by commas.
    #[arg(long, value_name = "VENUES", default_value = "binance,coinbase,kraken")]
    venues: String,
    /// Instruments of the second, at all venues together.
    #[arg(long, value_name = "N", default_value_t = 3_000)]
    instruments: u32,
    /// Messages a second of the venue in the second and third, all instruments together.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Seconds of measuring under load.
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    secs: u64,
    /// Seconds that all books may take to become live.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    live_secs_max: u64,
    /// Print one JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

/// Instruments of the third measurement.
const FEW: u32 = 10;
/// Messages a second while books start: enough for every instrument to speak soon.
const START_RATE: u32 = 5_000;
/// How often the daemon is asked how far it is.
const POLL: Duration = Duration::from_millis(100);
/// When no book has become live for so long, none will: longer than the venue's minute, in which weight is spent.
const SETTLED: Duration = Duration::from_secs(65);

/// Measures and prints.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    let report = runtime.block_on(async {
        let mut system = System::start().await?;
        let measured = tokio::select! {
            report = measure(args, &mut system) => report,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        };
        system.stop().await?;
        measured
    })?;
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        serde_json::to_writer_pretty(&mut out, &report)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        write!(out, "{report}")
    };
    written.context("print the report")
}

async fn measure(args: &Args, system: &mut System) -> anyhow::Result<Report> {
    say(&format!("{} instruments from a cold start", args.start_instruments));
    let start = measure_start(args, system).await?;
    say(&format!("{} instruments at {} messages/s, {} s", args.instruments, args.rate, args.secs));
    let many = measure_load(args, system, args.instruments).await?;
    say(&format!("bare producer at the same rate, {} s", args.secs));
    let bare = bare::measure(
        system.brokers(),
        bare::Load {
            rate: args.rate,
            keys: args.instruments,
            value_bytes: many.record_bytes_mean,
            length: Duration::from_secs(args.secs),
        },
    )
    .await?;
    say(&format!("{FEW} instruments at {} messages/s, {} s", args.rate, args.secs));
    let few = measure_load(args, system, FEW).await?;
    Ok(Report { start, many, few, bare, rate: args.rate, secs: args.secs })
}

async fn measure_start(args: &Args, system: &mut System) -> anyhow::Result<Start> {
    let count = args.start_instruments;
    system.start_venues("binance", count, START_RATE).await?;
    let begin = Instant::now();
    let secs_to_next_minute = 60.0 - processes::second_of_the_minute();
    let mut daemon = system.start_daemon("binance").await?;
    let settled = settle(&mut daemon, count, args.live_secs_max).await?;
    let page = daemon.page().await?;
    let rate_limited = page.of("opus2_ingest_snapshot_requests_total", &[("result", "rate_limited")]);
    let budget = page.of("opus2_ingest_rest_weight_budget", &[]);
    let start = Start {
        instruments: count,
        live: settled.live,
        first_hundred_secs: settled.first_hundred.saturating_duration_since(begin).as_secs_f64(),
        all_secs: settled.last.saturating_duration_since(begin).as_secs_f64(),
        weight_secs_min: report::weight_secs_min(count, budget, secs_to_next_minute),
        rate_limited,
        resyncs: page.sum("opus2_ingest_resyncs_total"),
    };
    daemon.stop().await?;
    system.stop_venue().await?;
    Ok(start)
}

async fn measure_load(args: &Args, system: &mut System, instruments: u32) -> anyhow::Result<Load> {
    system.start_venues(&args.venues, instruments, args.rate).await?;
    let mut daemon = system.start_daemon(&args.venues).await?;
    let live_before = settle(&mut daemon, instruments, args.live_secs_max).await?.live;
    let (before, cpu_before, begin) = (daemon.page().await?, daemon.cpu_secs()?, Instant::now());
    tokio::time::sleep(Duration::from_secs(args.secs)).await;
    let (after, cpu_after, took) = (daemon.page().await?, daemon.cpu_secs()?, begin.elapsed());
    let load = load(instruments, live_before, (&before, &after), cpu_after - cpu_before, took);
    let load = Load { rss_mib_max: daemon.rss_mib_max()?, ..load };
    daemon.stop().await?;
    system.stop_venue().await?;
    Ok(load)
}

/// How the number of live books went.
struct Settled {
    live: f64,
    /// When the first hundred were live, or all of fewer.
    first_hundred: Instant,
    /// When the last one became live.
    last: Instant,
}

/// Waits until all books are live, or until no more have become live for a while: what a venue cannot be read of stays
/// out, and is shown.
async fn settle(daemon: &mut Daemon, count: u32, secs_max: u64) -> anyhow::Result<Settled> {
    let begin = Instant::now();
    let mut settled = Settled { live: 0.0, first_hundred: begin, last: begin };
    while settled.live < f64::from(count) && settled.last.elapsed() < SETTLED {
        ensure!(begin.elapsed().as_secs() < secs_max, "books do not settle; see {}", daemon.log().display());
        let live = daemon.page().await?.of("opus2_ingest_books", &[("state", "live")]);
        if live > settled.live {
            settled.last = Instant::now();
            if settled.live < f64::from(count.min(100)) {
                settled.first_hundred = settled.last;
            }
            settled.live = live;
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(settled)
}

fn load(instruments: u32, live: f64, (before, after): (&Page, &Page), cpu_secs: f64, took: Duration) -> Load {
    let rose = |name: &str| after.sum(name) - before.sum(name);
    let messages = rose("opus2_ingest_frames_received_total");
    let records = rose("opus2_ingest_records_published_total").max(1.0);
    let wire_to_ack = after.histogram("opus2_ingest_wire_to_ack_seconds");
    let wire_to_ack = wire_to_ack.since(&before.histogram("opus2_ingest_wire_to_ack_seconds"));
    Load {
        instruments,
        live,
        messages_per_sec: messages / took.as_secs_f64(),
        cpu_cores: cpu_secs / took.as_secs_f64(),
        cpu_micros_per_message: cpu_secs * 1e6 / messages.max(1.0),
        rss_mib_max: 0.0,
        record_bytes_mean: report::whole(rose("opus2_ingest_published_bytes_total") / records),
        wire_to_ack_ms_p50: wire_to_ack.quantile(0.5) * 1e3,
        wire_to_ack_ms_p99: wire_to_ack.quantile(0.99) * 1e3,
        lost: rose("opus2_ingest_drops_total"),
        resyncs: rose("opus2_ingest_resyncs_total"),
        rate_limited: after.of("opus2_ingest_snapshot_requests_total", &[("result", "rate_limited")]),
    }
}

/// Progress is for people and goes where results do not.
fn say(what: &str) {
    eprintln!("bench-ingest: {what}");
}
