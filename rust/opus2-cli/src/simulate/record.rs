//! Simulated venues, recorded in simulated time.
//!
//! Sessions like those of `opus2 ingest` listen to the venues' own protocol code without sockets
//! ([`opus2_sim::embedded`]); every frame and every book over REST becomes a line, as a recorder at the venues would have
//! written it. A run is a function of its options: the same ones give the same bytes.

use std::fmt;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use indicatif::{ProgressBar, ProgressStyle};
use opus2_sim::embedded::Embedded;
use opus2_sim::{SimConfig, TruthLine};
use opus2_types::{BookState, FeedKind, UnixNanos};
use serde::Serialize;

use super::partial;
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

/// Lines of a file that has its name once it is whole; until then, what had the name before stays.
struct Sink<'a> {
    path: &'a Path,
    partial: PathBuf,
    out: Out,
    lines: u64,
}

/// Compressed if its name says so.
enum Out {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl<'a> Sink<'a> {
    fn create(path: &'a Path) -> Result<Self> {
        let partial = partial(path);
        let file = File::create(&partial).with_context(|| format!("cannot write {}", partial.display()))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        let is_gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let out = if is_gzip {
            Out::Gzip(Box::new(GzEncoder::new(file, Compression::fast())))
        } else {
            Out::Plain(file)
        };
        Ok(Self { path, partial, out, lines: 0 })
    }

    fn line(&mut self, line: &impl Serialize) -> Result<()> {
        let out: &mut dyn Write = match &mut self.out {
            Out::Plain(out) => out,
            Out::Gzip(out) => out,
        };
        serde_json::to_writer(&mut *out, line)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .with_context(|| format!("cannot write {}; is the disk full?", self.partial.display()))?;
        self.lines += 1;
        Ok(())
    }

    fn finish(self) -> Result<()> {
        let Self { path, partial, out, .. } = self;
        match out {
            Out::Plain(mut out) => out.flush(),
            Out::Gzip(out) => out.finish().and_then(|mut out| out.flush()),
        }
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("cannot write {}; is the disk full?", path.display()))
    }
}

/// Plays the market for `run_for` and writes down what its clients hear, and the truth of a laboratory.
pub(super) fn record(
    config: &SimConfig,
    path: &Path,
    truth_path: Option<&Path>,
    run_for: Duration,
) -> Result<Recorded> {
    if truth_path == Some(path) {
        bail!("--record and --truth name the same file {}; give the truth another", path.display());
    }
    let mut sim = Embedded::new(config, START)?;
    let mut out = Sink::create(path)?;
    let mut truth = truth_path.map(Sink::create).transpose()?;
    let mut clients = clients(config, &sim)?;
    let end = START.plus(i64::try_from(run_for.as_nanos()).context("too long")?);
    let bar = progress_bar(run_for.as_secs());
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
                out.line(&Line { received_ns: at.0, exchange, kind, url, raw, synthetic: true })
            })?;
        }
        write_truth(&mut sim, truth.as_mut())?;
        bar.set_position(now.since(START).unsigned_abs() / 1_000_000_000);
    }
    bar.finish_and_clear();
    let dropped = sim.finish_truth();
    write_truth(&mut sim, truth.as_mut())?;
    if dropped > 0 {
        bail!("{dropped} lines of truth were lost; record fewer episodes");
    }
    check_books(config, &clients)?;
    let lines = out.lines;
    out.finish()?;
    let truth_lines = truth.as_ref().map_or(0, |truth| truth.lines);
    if let Some(mut truth) = truth {
        truth.line(&TruthLine::Recording { lines })?;
        truth.finish()?;
    }
    let instruments = clients.iter().map(|client| client.symbols().count()).sum();
    Ok(Recorded { seconds: run_for.as_secs_f64(), instruments, lines, truth_lines })
}

/// Writes down what is true since last time, if anybody wants to know.
fn write_truth(sim: &mut Embedded, truth: Option<&mut Sink<'_>>) -> Result<()> {
    let lines = sim.take_truth();
    let Some(truth) = truth else { return Ok(()) };
    lines.iter().try_for_each(|line| truth.line(line))
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
