//! Simulated venues, recorded in simulated time.
//!
//! Sessions like those of `opus2 ingest` listen to the venues' own protocol code without sockets
//! ([`opus2_sim::embedded`]); every frame and every book over REST becomes a line, as a recorder at the venues would have
//! written it. A run is a function of its options: the same ones give the same bytes.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use indicatif::{ProgressBar, ProgressStyle};
use opus2_sim::SimConfig;
use opus2_sim::embedded::Embedded;
use opus2_types::{BookState, FeedKind, UnixNanos};
use serde::Serialize;

use crate::simulated::{Client, Heard, Plan, Told};

const MILLI_NANOS: i64 = 1_000_000;
/// Sessions look at their connections this often when something has come, and this often when nothing has.
const TURN_NANOS: i64 = MILLI_NANOS;
const IDLE_TURN_NANOS: i64 = 10 * MILLI_NANOS;
/// The wall time at which a recorded market begins: 9 October 2025.
const START: UnixNanos = UnixNanos(1_760_000_000_000_000_000);

/// What was written.
pub(super) struct Recorded {
    seconds: f64,
    instruments: usize,
    lines: u64,
    truth_lines: u64,
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SYNTHETIC: recorded {:.0} s of {} instruments, {} lines",
            self.seconds, self.instruments, self.lines
        )?;
        if self.truth_lines > 0 {
            write!(f, "; {} lines of truth", self.truth_lines)?;
        }
        Ok(())
    }
}

/// A line of a recording.
#[derive(Serialize)]
struct Line<'a> {
    received_ns: i64,
    exchange: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    raw: &'a str,
    synthetic: bool,
}

/// A file, compressed if its name says so.
enum Sink {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Sink {
    fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        let is_gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        Ok(if is_gzip {
            Self::Gzip(Box::new(GzEncoder::new(file, Compression::fast())))
        } else {
            Self::Plain(file)
        })
    }

    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        let out: &mut dyn Write = match self {
            Self::Plain(out) => out,
            Self::Gzip(out) => out,
        };
        serde_json::to_writer(&mut *out, line)?;
        out.write_all(b"\n")?;
        Ok(())
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush(),
            Self::Gzip(out) => out.finish()?.flush(),
        }
    }
}

/// Plays the market for `run_for` and writes down what its clients hear, and the truth of a laboratory.
pub(super) fn record(
    config: &SimConfig,
    path: &Path,
    truth_path: Option<&Path>,
    run_for: Duration,
) -> Result<Recorded> {
    let mut sim = Embedded::new(config, START)?;
    let mut out = Sink::create(path)?;
    let mut truth = truth_path.map(Sink::create).transpose()?;
    let mut clients = clients(config, &sim)?;
    let end = START.plus(i64::try_from(run_for.as_nanos()).context("too long")?);
    let bar = progress_bar(run_for.as_secs());
    let (mut lines, mut truth_lines) = (0, 0);
    let unwritable = || format!("cannot write {}; is the disk full?", path.display());
    let unwritable_truth = || "cannot write the truth; is the disk full?".to_owned();
    while sim.now() < end {
        let now = next_turn(&sim).min(end);
        sim.advance(now);
        for client in &mut clients {
            let exchange = exchange(client.plan().feed);
            client.poll(&mut sim, &mut |at, told| {
                let Told::Heard(heard) = told else { return Ok(()) };
                let (kind, url, raw) = match heard {
                    Heard::Opened => ("open", None, &[][..]),
                    Heard::Frame(bytes) => ("ws", None, bytes),
                    Heard::Book { path, body } => ("http", Some(path), body),
                };
                let raw = std::str::from_utf8(raw).context("a frame that is not UTF-8")?;
                lines += 1;
                let line = Line { received_ns: at.0, exchange, kind, url, raw, synthetic: true };
                out.line(&line).with_context(unwritable)
            })?;
        }
        for line in sim.take_truth() {
            let Some(truth) = &mut truth else { continue };
            truth_lines += 1;
            truth.line(&line).with_context(unwritable_truth)?;
        }
        bar.set_position(now.since(START).unsigned_abs() / 1_000_000_000);
    }
    let dropped = sim.finish_truth();
    if let Some(mut truth) = truth {
        for line in sim.take_truth() {
            truth_lines += 1;
            truth.line(&line).with_context(unwritable_truth)?;
        }
        truth.finish().with_context(unwritable_truth)?;
    }
    out.finish().with_context(unwritable)?;
    bar.finish_and_clear();
    if dropped > 0 {
        bail!("{dropped} lines of truth were lost; record fewer episodes");
    }
    check_books(config, &clients)?;
    let instruments = clients.iter().map(|client| client.symbols().count()).sum();
    Ok(Recorded { seconds: run_for.as_secs_f64(), instruments, lines, truth_lines })
}

/// A recording whose books do not stand is of no use, unless somebody wanted it so.
fn check_books(config: &SimConfig, clients: &[Client]) -> Result<()> {
    let is_dead = |(_, feed): &(&str, &opus2_venue::Feed)| feed.state() != BookState::Live;
    let dead: Vec<&str> =
        clients.iter().flat_map(|client| client.feeds().filter(is_dead).map(|(symbol, _)| symbol)).collect();
    if !dead.is_empty() && config.faults.rules.is_empty() {
        bail!("at the end these books are not live: {}; record for longer", dead.join(", "));
    }
    Ok(())
}

fn clients(config: &SimConfig, sim: &Embedded) -> Result<Vec<Client>> {
    let mut clients = Vec::new();
    for (venue, _) in config.instruments_by_venue() {
        let plan = Plan::for_recording(venue);
        for specs in plan.specs(sim).chunks(plan.per_connection) {
            clients.push(Client::new(plan, clients.len(), specs.to_vec(), START)?);
        }
    }
    Ok(clients)
}

/// The next whole millisecond at which something may have come.
fn next_turn(sim: &Embedded) -> UnixNanos {
    let (now, next) = (sim.now(), sim.next_at());
    let after = next.since(START).max(0);
    let due = START.plus(after.div_euclid(TURN_NANOS).saturating_add(1).saturating_mul(TURN_NANOS));
    due.clamp(now.plus(TURN_NANOS), now.plus(IDLE_TURN_NANOS))
}

/// What a recorder calls the source of a feed.
const fn exchange(feed: FeedKind) -> &'static str {
    match feed {
        FeedKind::CoinbaseAdvanced => "coinbase_advanced",
        FeedKind::CoinbaseLevel2 | FeedKind::CoinbaseFull => "coinbase_exchange",
        FeedKind::BinanceDepth => "binance",
        _ => "kraken",
    }
}

fn progress_bar(seconds: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>10} {wide_bar} {pos}/{len} s {eta}")
        .expect("the template is a constant");
    ProgressBar::new(seconds).with_style(style).with_message("record")
}
