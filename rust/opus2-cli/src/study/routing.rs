//! `opus2 study routing`: what the cheapest split over venues saves, second by second.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result, bail};
use opus2_backtest::study::routing::{RoutingBook, RoutingSummary, RoutingTally};
use opus2_hifa::execution::fees::{FeeRate, FeeSchedule, Role};
use opus2_types::{Aggressor, BookState, BookView, EventBody, InstrumentSpec, MarketEvent};
use serde::Serialize;

use super::normalized::for_each_event;
use super::report::shown;
use crate::recording::{Files, survey};

/// What `--help` says below the options.
const HELP: &str = "\
At the end of every second for which at least two instruments of one market have a live book, the notional is bought and \
sold over all of them by the router that decides, and compared with the best single one: once with the venues' entry-tier \
fees, once without fees. Each book shows its best 20 levels. A split cannot be worse than the best single venue, so a \
saving is never negative; latency, and that books move while orders are on their way, are not in it. Quote currencies of \
one market are taken at par.

  opus2 study routing binance.jsonl.gz coinbase.jsonl.gz kraken.jsonl.gz
  opus2 study routing --synthetic simulated.jsonl --notional 1000,10000";

const SECOND: i64 = 1_000_000_000;
/// A book of which nothing has been heard for so many seconds is not used.
const SILENT_SECS_MAX: i64 = 10;
/// The most books that are kept, about 700 bytes each.
const SAMPLES_MAX: usize = 1_000_000;

/// Arguments of `opus2 study routing`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    files: Files,

    /// What is routed, in quote currency
    #[arg(long, value_name = "AMOUNTS", value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000])]
    notional: Vec<u32>,

    /// Mark every figure as measured on simulated venues; recordings of `opus2 simulate` say so themselves
    #[arg(long)]
    synthetic: bool,

    /// One JSON object per result and line, instead of tables
    #[arg(long)]
    json: bool,
}

/// One instrument of a market that has several.
struct Track {
    spec: InstrumentSpec,
    /// `venue:symbol`.
    name: String,
    view: Option<BookView>,
    is_fenced: bool,
    last_at: Option<i64>,
    /// The first and last second with a book, and how many.
    seconds: Option<(i64, i64, usize)>,
}

/// The books of one market at the end of one second, each with the number of its instrument.
type Books = Vec<(usize, BookView)>;

#[derive(Default)]
struct Sampler {
    is_synthetic: bool,
    tracks: Vec<Track>,
    books: BTreeMap<String, BTreeMap<i64, Books>>,
    samples: usize,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let survey = survey(&args.files)?;
    let mut sampler = Sampler { is_synthetic: args.synthetic || survey.is_synthetic, ..Sampler::default() };
    let mut alone = Vec::new();
    for spec in survey.specs() {
        let is_shared = survey.specs().filter(|other| other.market() == spec.market()).count() > 1;
        if is_shared {
            sampler.tracks.push(Track::new(spec.clone()));
        } else {
            alone.push(format!("{}:{} ({})", spec.venue, spec.symbol, spec.market()));
        }
    }
    if !sampler.tracks.is_empty() {
        for_each_event(&args.files, &survey, |market, event| sampler.take(market, event))?;
    }
    let mut stdout = std::io::stdout().lock();
    if args.json {
        write_json(&mut stdout, args, &sampler)?;
    } else {
        write_table(&mut stdout, args, &sampler, &alone)?;
    }
    stdout.flush()?;
    Ok(())
}

impl Track {
    fn new(spec: InstrumentSpec) -> Self {
        let name = format!("{}:{}", spec.venue, spec.symbol);
        Self { spec, name, view: None, is_fenced: false, last_at: None, seconds: None }
    }

    fn apply(&mut self, event: &MarketEvent<'_>) {
        match &event.body {
            EventBody::Book(view) => self.view = Some(*view),
            EventBody::Status(status) if status.to != BookState::Live => self.view = None,
            EventBody::Quality(quality) => self.is_fenced = quality.is_fenced,
            _ => {}
        }
    }
}

impl Sampler {
    /// Notes the book at the end of every second that has passed since the instrument's last event, then takes the event.
    fn take(&mut self, market: &str, event: &MarketEvent<'_>) -> Result<()> {
        let is_it = |track: &Track| track.spec.venue == event.venue && track.spec.symbol == event.symbol;
        let Some(at) = self.tracks.iter().position(is_it) else { return Ok(()) };
        let track = &mut self.tracks[at];
        let now = event.recv_ts.0;
        if let (Some(last_at), Some(view), false) = (track.last_at, track.view, track.is_fenced) {
            // Second `s` ends at `s * SECOND`, and what came just then is in it.
            let end = |time: i64| time.div_euclid(SECOND) + i64::from(time.rem_euclid(SECOND) > 0);
            let (first, until) = (end(last_at), end(now));
            for second in first..until.min(first.saturating_add(SILENT_SECS_MAX)) {
                track.seconds = Some(match track.seconds {
                    Some((from, _, count)) => (from, second, count + 1),
                    None => (second, second, 1),
                });
                self.samples += 1;
                if self.samples > SAMPLES_MAX {
                    bail!(
                        "more than {SAMPLES_MAX} books to compare; play a shorter recording, or fewer markets"
                    );
                }
                let seconds = self.books.entry(market.to_owned()).or_default();
                seconds.entry(second).or_default().push((at, view));
            }
        }
        track.last_at = Some(track.last_at.map_or(now, |last_at| last_at.max(now)));
        track.apply(event);
        Ok(())
    }

    /// Seconds of a market with at least two books.
    fn shared(&self, market: &str) -> impl Iterator<Item = &Books> {
        self.books.get(market).into_iter().flat_map(BTreeMap::values).filter(|books| books.len() > 1)
    }

    fn markets(&self) -> Vec<String> {
        let mut markets: Vec<String> = self.tracks.iter().map(|track| track.spec.market()).collect();
        markets.sort();
        markets.dedup();
        markets
    }

    /// Routes a notional at every shared second, bought and sold.
    fn route(&self, market: &str, notional: u32, fees: Fees) -> Result<RoutingSummary> {
        let mut tally = RoutingTally::new(notional);
        let schedule = FeeSchedule::default();
        for books in self.shared(market) {
            let of = |(at, view): &'_ (usize, BookView)| -> Option<(usize, FeeRate, BookView)> {
                let fee = match fees {
                    Fees::Entry => schedule.rate(self.tracks.get(*at)?.spec.venue, Role::Taker)?,
                    Fees::None => FeeRate::ZERO,
                };
                Some((*at, fee, *view))
            };
            let books: Vec<_> = books.iter().filter_map(of).collect();
            let books: Vec<RoutingBook<'_>> = books
                .iter()
                .map(|(at, fee, view)| {
                    let Track { name, spec, .. } = &self.tracks[*at];
                    let InstrumentSpec { price_scale, qty_scale, lot, .. } = *spec;
                    RoutingBook { name, view, price_scale, qty_scale, lot, fee: *fee }
                })
                .collect();
            for side in [Aggressor::Buy, Aggressor::Sell] {
                tally.route(&books, side).with_context(|| format!("market {market}"))?;
            }
        }
        Ok(tally.summary())
    }
}

#[derive(Clone, Copy)]
enum Fees {
    Entry,
    None,
}

impl Fees {
    const ALL: [Self; 2] = [Self::Entry, Self::None];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Entry => "entry tier",
            Self::None => "none",
        }
    }
}

#[derive(Serialize)]
struct ResultJson<'a> {
    is_synthetic: bool,
    market: &'a str,
    instruments: Vec<&'a str>,
    shared_seconds: usize,
    fees: &'static str,
    notional: u32,
    filled: u64,
    unfilled: u64,
    only_split: u64,
    compared: u64,
    split_share: Option<f64>,
    saving_mean_bps: Option<f64>,
    saving_median_bps: Option<f64>,
    saving_p95_bps: Option<f64>,
}

fn write_json(out: &mut impl Write, args: &Args, sampler: &Sampler) -> Result<()> {
    for market in sampler.markets() {
        let of_market = |track: &&Track| track.spec.market() == market;
        for fees in Fees::ALL {
            for notional in args.notional.iter().copied() {
                let found = sampler.route(&market, notional, fees)?;
                let json = ResultJson {
                    is_synthetic: sampler.is_synthetic,
                    market: &market,
                    instruments: sampler.tracks.iter().filter(of_market).map(|track| &*track.name).collect(),
                    shared_seconds: sampler.shared(&market).count(),
                    fees: fees.as_str(),
                    notional,
                    filled: found.counts.filled,
                    unfilled: found.counts.unfilled,
                    only_split: found.counts.only_split,
                    compared: found.compared,
                    split_share: found.split_share,
                    saving_mean_bps: found.mean_bps,
                    saving_median_bps: found.median_bps,
                    saving_p95_bps: found.p95_bps,
                };
                serde_json::to_writer(&mut *out, &json)?;
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

fn write_table(out: &mut impl Write, args: &Args, sampler: &Sampler, alone: &[String]) -> Result<()> {
    let label = if sampler.is_synthetic { "SYNTHETIC " } else { "" };
    if !alone.is_empty() {
        writeln!(out, "alone in their market, not routed: {}\n", alone.join(", "))?;
    }
    for market in sampler.markets() {
        let shared = sampler.shared(&market).count();
        writeln!(out, "{label}{market}: {shared} seconds with two live books or more")?;
        for track in sampler.tracks.iter().filter(|track| track.spec.market() == market) {
            match track.seconds {
                Some((first, last, count)) => {
                    writeln!(
                        out,
                        "  {:<24} seconds {first} to {last} since 1970, {count} with a book",
                        track.name
                    )?;
                }
                None => writeln!(out, "  {:<24} never had a book", track.name)?,
            }
        }
        if shared == 0 {
            writeln!(out, "  nothing to route: no two of them had a live book in the same second\n")?;
            continue;
        }
        writeln!(
            out,
            "  {:<11} {:>9} {:>8} {:>9} {:>11} {:>8} {:>10} {:>11} {:>9}",
            "fees",
            "notional",
            "filled",
            "unfilled",
            "only split",
            "split %",
            "mean bps",
            "median bps",
            "p95 bps"
        )?;
        for fees in Fees::ALL {
            for notional in args.notional.iter().copied() {
                let found = sampler.route(&market, notional, fees)?;
                writeln!(
                    out,
                    "  {:<11} {:>9} {:>8} {:>9} {:>11} {:>8} {:>10} {:>11} {:>9}",
                    fees.as_str(),
                    notional,
                    found.counts.filled,
                    found.counts.unfilled,
                    found.counts.only_split,
                    shown(found.split_share.map(|share| share * 100.0), 1),
                    shown(found.mean_bps, 3),
                    shown(found.median_bps, 3),
                    shown(found.p95_bps, 3),
                )?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}
