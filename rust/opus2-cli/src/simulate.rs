//! `opus2 simulate`: arguments, signals, and the line that says where the venue is.

mod laboratory;
mod record;

use std::fs;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use opus2_sim::{FaultPlan, SimConfig, SimError, SimStats, VenueRules};
use opus2_types::Venue;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// What `--help` says below the options.
const HELP: &str = "\
Speaks the protocols of Binance (REST under /api/v3, streams under /stream and /ws), Coinbase (/products, feeds at / and \
/advanced) and Kraken (/0, /v2), all on one port and from one market in which they trade around common prices. Truth, \
counts, pause and faults are under /sim; docs/contracts/simulator.md describes them. The market comes from the seed alone and is played at its own pace, \
whether or not anybody reads. With --record it is played in simulated time instead, as fast as it goes, to sessions like those \
of `opus2 ingest`, and what they hear is written down: the same options give the same bytes; a file gets its name when it is whole. Ctrl-C or SIGTERM stops a server: what is queued is sent, connections are closed properly, the \
counts are printed.

  opus2 simulate --listen 127.0.0.1:9001 --venues binance,coinbase,kraken --instruments 50 --rate 5000
  opus2 simulate --record planted.jsonl.gz --truth planted.truth.jsonl --for 3600 --instruments 1 --rate 40 --edge-bps 0.2
  opus2 simulate --faults 'drop book 0.001; wrong_checksum kraken 0.001' --fault-log faults.jsonl
  curl '127.0.0.1:9001/api/v3/depth?symbol=BTCUSDT&limit=5'";

/// Arguments of `opus2 simulate`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Venues to simulate, separated by commas: binance, coinbase, kraken
    #[arg(long, value_name = "VENUES", value_delimiter = ',', default_value = "binance")]
    venues: Vec<Venue>,

    /// How many instruments trade, at all venues together: half of them at Binance (at most 2000 a venue)
    #[arg(long, value_name = "N", default_value_t = SimConfig::default().instruments)]
    instruments: usize,

    /// Messages per second of all instruments together, listening to `depth@100ms`, `trade` and `bookTicker`, to
    /// `level2_batch` and `matches`, to `book`, `trade` and `ticker`
    #[arg(long, value_name = "MESSAGES_PER_SECOND", default_value_t = SimConfig::default().messages_per_sec)]
    rate: f64,

    /// Seed of the market; the same seed plays the same market
    #[arg(long, default_value_t = SimConfig::default().seed)]
    seed: u64,

    /// Stop after this many seconds; without it, run until stopped
    #[arg(long = "for", value_name = "SECONDS", value_parser = parse_secs)]
    run_for: Option<Duration>,

    /// Write the address that is listened on to this file, once it is
    #[arg(long, value_name = "PATH")]
    print_port_file: Option<PathBuf>,

    /// Write the final counts to this file, as the JSON of /sim/stats
    #[arg(long, value_name = "PATH")]
    stats_file: Option<PathBuf>,

    /// Close connections at this age, after a serverShutdown notice (the venue: 86400)
    #[arg(long, value_name = "SECONDS", value_parser = parse_secs)]
    connection_lifetime: Option<Duration>,

    /// Request weight an address may use in a minute (the venue: 6000)
    #[arg(long, value_name = "WEIGHT", default_value_t = VenueRules::default().weight_limit)]
    weight_limit: u32,

    /// What goes wrong by chance: rules such as 'drop book 0.001; freeze coinbase BTC-USD 1e-4 3000ms', or a file of them
    #[arg(long, value_name = "RULES|FILE")]
    faults: Option<String>,

    /// Write a line of JSON for every fault that happens to this file
    #[arg(long, value_name = "PATH")]
    fault_log: Option<PathBuf>,

    /// Record the venues in simulated time to this file (JSON lines, gzipped if it ends in .gz) instead of serving them
    #[arg(long, value_name = "FILE", requires = "run_for")]
    record: Option<PathBuf>,

    #[command(flatten)]
    laboratory: laboratory::LaboratoryArgs,
}

fn parse_secs(text: &str) -> Result<Duration, String> {
    let secs: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(secs) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("must be more than 0".to_owned()),
    }
}

impl Args {
    fn to_config(&self) -> anyhow::Result<SimConfig> {
        let mut rules = VenueRules { weight_limit: self.weight_limit, ..VenueRules::default() };
        if let Some(lifetime) = self.connection_lifetime {
            rules.connection_lifetime = lifetime;
            rules.shutdown_notice = rules.shutdown_notice.min(lifetime / 2);
        }
        let faults = match &self.faults {
            None => FaultPlan::default(),
            Some(text) if Path::new(text).is_file() => {
                let rules = fs::read_to_string(text).with_context(|| format!("cannot read {text}"))?;
                rules.parse().with_context(|| format!("in {text}"))?
            }
            Some(text) => text.parse().context("in --faults, which is neither a file nor rules")?,
        };
        Ok(SimConfig {
            seed: self.seed,
            venues: self.venues.clone(),
            instruments: self.instruments,
            messages_per_sec: self.rate,
            laboratory: self.laboratory.to_laboratory()?,
            rules,
            faults,
            fault_log: self.fault_log.clone(),
            ..SimConfig::default()
        })
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let has_colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(has_colours)
        .init();
    let config = args.to_config()?;
    config.validate()?;
    if let (Some(path), Some(run_for)) = (&args.record, args.run_for) {
        let recorded = record::record(&config, path, args.laboratory.truth.as_deref(), run_for)?;
        return print_line(&recorded.to_string());
    }
    // One thread: the engine and the connections hand frames to each other thousands of times a second.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("no async runtime")?;
    let stats = runtime.block_on(simulate(args, config))?;
    if let Some(path) = &args.stats_file {
        write_whole(path, &serde_json::to_vec_pretty(&stats)?)?;
    }
    print_line(&summary(&stats))
}

async fn simulate(args: &Args, config: SimConfig) -> anyhow::Result<SimStats> {
    let address = args.listen;
    let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => SimError::PortTaken { address },
        _ => SimError::Listen { address, source },
    })?;
    let bound = listener.local_addr().context("the listener has no address")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let run_for = args.run_for;
    let shutdown = async move {
        let time_is_up = async {
            match run_for {
                Some(run_for) => tokio::time::sleep(run_for).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
            () = time_is_up => {}
        }
    };
    if let Some(path) = &args.print_port_file {
        write_whole(path, bound.to_string().as_bytes())?;
    }
    for (venue, count) in config.instruments_by_venue() {
        print_line(&format!("simulated {}, {count} instruments", addresses(venue, bound)))?;
    }
    print_line(&format!("truth, counts and faults on http://{bound}/sim, seed {}", config.seed))?;
    Ok(opus2_sim::serve(listener, config, shutdown).await?)
}

/// A venue's name, and where its clients find it.
fn addresses(venue: Venue, bound: SocketAddr) -> String {
    match venue {
        Venue::Coinbase => format!("Coinbase on http://{bound}, ws://{bound} and ws://{bound}/advanced"),
        Venue::Kraken => format!("Kraken on http://{bound}/0 and ws://{bound}/v2"),
        _ => format!("Binance on http://{bound} and ws://{bound}"),
    }
}

/// What a file is called until it is whole.
fn partial(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    PathBuf::from(partial)
}

/// Writes a file so that a reader sees all of it or none.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let partial = partial(path);
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn summary(stats: &SimStats) -> String {
    format!(
        "simulated {:.1} s: {} messages published, {} sent on {} connections, {} snapshots served, \
         at most {:.1} ms behind schedule",
        stats.sim_seconds,
        stats.published,
        stats.sent,
        stats.connections_accepted,
        stats.snapshots,
        Duration::from_nanos(stats.lag.lag_ns_max).as_secs_f64() * 1e3,
    )
}

/// A line on standard output. Somebody who does not read it any more (`| head`) is no reason to stop.
fn print_line(line: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn args(text: &str) -> Args {
        Cli::try_parse_from(std::iter::once("simulate").chain(text.split_whitespace())).unwrap().args
    }

    #[test]
    fn a_lifetime_leaves_time_for_its_notice() {
        let rules = args("--connection-lifetime 4 --weight-limit 12").to_config().unwrap().rules;
        assert_eq!(
            (rules.connection_lifetime, rules.shutdown_notice),
            (Duration::from_secs(4), Duration::from_secs(2))
        );
        assert_eq!(rules.weight_limit, 12);
        assert_eq!(args("").to_config().unwrap().rules.connection_lifetime, Duration::from_secs(86_400));
    }

    #[test]
    fn venues_and_faults_are_read() {
        let config = args("--venues kraken,binance --faults drop=x").to_config();
        assert!(format!("{:#}", config.unwrap_err()).contains("neither a file nor rules"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("faults");
        fs::write(&file, "seed=3\ndrop book 0.5\n").unwrap();
        let config =
            args(&format!("--venues kraken,binance --faults {}", file.display())).to_config().unwrap();
        assert_eq!(config.venues, [Venue::Kraken, Venue::Binance]);
        assert_eq!((config.faults.seed, config.faults.rules.len()), (3, 1));
        assert!(Cli::try_parse_from(["simulate", "--venues", "nyse"]).is_err());
    }

    #[test]
    fn durations_are_positive_seconds() {
        assert_eq!(parse_secs("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "x", "1e99", "NaN"] {
            assert!(parse_secs(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_says_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let args = args(&format!("--listen 127.0.0.1:{port}"));
        let error = simulate(&args, args.to_config().unwrap()).await.unwrap_err().to_string();
        let expect = format!("port {port} of 127.0.0.1 is taken by another program; stop that one, ");
        assert!(error.starts_with(&expect), "{error}");
    }

    #[tokio::test]
    async fn the_address_is_in_the_file_and_the_run_ends_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("address");
        let args = args(&format!("--for 0.2 --print-port-file {}", file.display()));
        let stats = simulate(&args, args.to_config().unwrap()).await.unwrap();
        let address: SocketAddr = fs::read_to_string(&file).unwrap().parse().unwrap();
        assert!(address.ip().is_loopback() && address.port() != 0);
        assert!(stats.published > 0);
    }
}
