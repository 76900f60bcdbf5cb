//! `opus2 study detectors`: which injected episodes stage 1 detects, and which of its alarms are false.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use opus2_backtest::statistics::proportion::Bounds;
use opus2_backtest::study::detectors::{Alarm, DetectorScore, InjectedEvent, MatchRules, score};
use opus2_hifa::detector::DetectorEvent;
use opus2_hifa::signal::Reading;
use opus2_operators::OutputChannel;
use opus2_sim::{Injected, InjectionKind};
use opus2_types::{Aggressor, InstrumentSpec, MarketEvent, Side, parse_scaled};
use opus2_wire::event::decode_event;
use opus2_wire::frame::{Frame, Section};
use opus2_wire::raw::RawRecord;
use serde::Serialize;

use super::report::shown;
use super::truth::Truth;
use crate::pipeline::chain::{Chain, Sink};
use crate::pipeline::operators_config;
use crate::recording::{Files, Survey, play, survey};

/// What `--help` says below the options.
const HELP: &str = "\
The recording goes through the operators that run live (normalize, signal), and what their detectors report is matched one \
to one with the injected episodes of the truth log: the same instrument and side, a price of the episode (within 1 bps), \
told between its begin and a grace period after its end. Further alarms for the same episode are `repeated`, all others \
`false`; both count against precision. Episodes that do not meet the detector's own definition are left out and counted. \
The rules in full: docs/methods-results.md.

  opus2 simulate --record d.jsonl.gz --truth d.truth.jsonl --for 3600 --instruments 1 --rate 40 \\
      --inject walls,sweeps,icebergs,layering
  opus2 study detectors d.jsonl.gz --truth d.truth.jsonl";

const SECOND: i64 = 1_000_000_000;
/// How far a price may be off: stage 1 merges neighbouring ticks into cells of up to a basis point.
const PRICE_TOLERANCE: f64 = 1e-4;
/// How long after its end an episode may still be told: the books' interval twice, and the wait for late trades.
const GRACE_NS: i64 = SECOND;
/// A wall is one after two seconds, and a book shows that at most an interval later.
const WALL_SECS_MIN: f64 = 2.2;
/// What makes an iceberg and layering, as the detectors define them.
const REFILLS_MIN: u32 = 3;
const CANCELLED_SHARE_MIN: f64 = 0.8;
const LAYERS_MIN: u32 = 3;

/// Arguments of `opus2 study detectors`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    files: Files,
    /// The truth log that was written with the recording
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    /// Operators' configuration (TOML, a table per operator), as given to the Flink job
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON object, instead of a table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let truth = Truth::read(&args.truth)?;
    let survey = survey(&args.files)?;
    truth.check_recording(&survey, &args.truth)?;
    let alarms = alarms(args, &survey)?;
    let events = events(&truth, &survey)?;
    if events.values().all(Vec::is_empty) {
        bail!("nothing was injected; record with --inject walls,sweeps,icebergs,layering");
    }
    let rules = MatchRules { price_tolerance: PRICE_TOLERANCE, grace_ns: GRACE_NS };
    let scores: Vec<Row> = InjectionKind::ALL
        .into_iter()
        .map(|kind| {
            let of_kind = |map: &BTreeMap<_, Vec<Alarm>>| map.get(&kind).cloned().unwrap_or_default();
            let events = events.get(&kind).map(Vec::as_slice).unwrap_or_default();
            Row { kind: kind.as_str(), score: score(events, &of_kind(&alarms), &rules) }
        })
        .collect();
    let mut stdout = std::io::stdout().lock();
    if args.json {
        let json = Json { synthetic: true, seed: truth.settings.seed, rules, kinds: &scores };
        serde_json::to_writer(&mut stdout, &json)?;
        writeln!(stdout)?;
    } else {
        write_table(&mut stdout, &truth, &scores)?;
    }
    stdout.flush()?;
    Ok(())
}

#[derive(Serialize)]
struct Json<'a> {
    synthetic: bool,
    seed: u64,
    rules: MatchRules,
    kinds: &'a [Row],
}

#[derive(Serialize)]
struct Row {
    kind: &'static str,
    #[serde(flatten)]
    score: DetectorScore,
}

/// What was injected, by kind. Prices in the units of the recording.
fn events(truth: &Truth, survey: &Survey) -> Result<BTreeMap<InjectionKind, Vec<InjectedEvent>>> {
    let mut events: BTreeMap<InjectionKind, Vec<InjectedEvent>> = BTreeMap::new();
    for (kind, injected) in &truth.injected {
        let Some(spec) = survey.spec(injected.venue, &injected.symbol) else { continue };
        events.entry(*kind).or_default().push(event(*kind, injected, spec)?);
    }
    Ok(events)
}

fn event(kind: InjectionKind, injected: &Injected, spec: &InstrumentSpec) -> Result<InjectedEvent> {
    let price = |text: &str| {
        parse_scaled(text.as_bytes(), spec.price_scale)
            .with_context(|| format!("price {text:?} of the truth"))
    };
    let (first, last) = (price(&injected.price)?, price(&injected.price_last)?);
    let life_secs = seconds(injected.end_ns - injected.begin_ns);
    // One that was still going on when the recording ended cannot be asked for.
    let is_over = injected.end != "open";
    let is_wanted = is_over
        && match kind {
            InjectionKind::Wall => life_secs >= WALL_SECS_MIN,
            InjectionKind::Sweep => true,
            InjectionKind::Iceberg => injected.count >= REFILLS_MIN,
            InjectionKind::Layering => {
                injected.count >= LAYERS_MIN && injected.cancelled_share >= CANCELLED_SHARE_MIN
            }
        };
    Ok(InjectedEvent {
        instrument: name(spec.venue.as_str(), &spec.symbol),
        side: injected.side,
        prices: (first.min(last), first.max(last)),
        begin: injected.begin_ns,
        end: injected.end_ns,
        is_wanted,
    })
}

/// What the detectors report, by the kind of what they report.
#[derive(Default)]
struct Collector {
    alarms: BTreeMap<InjectionKind, Vec<Alarm>>,
}

impl Sink for Collector {
    fn publish(&mut self, _channel: OutputChannel, _payload: &[u8]) -> Result<()> {
        Ok(())
    }

    fn hand_on(&mut self, payload: &[u8]) -> Result<()> {
        let frame = Frame::decode(payload)?;
        let reading: Option<Reading> = frame.value(Section::Signal)?;
        let event = frame.bytes(Section::Event).map(decode_event).transpose()?;
        if let (Some(reading), Some(event)) = (reading, event) {
            for found in reading.events.iter().flatten() {
                self.take(found, &event);
            }
        }
        Ok(())
    }
}

impl Collector {
    fn take(&mut self, found: &DetectorEvent, event: &MarketEvent<'_>) {
        let (kind, side, price) = match found {
            DetectorEvent::WallAppeared(wall) => (InjectionKind::Wall, wall.side, Some(wall.price.0)),
            DetectorEvent::Sweep(sweep) => {
                (InjectionKind::Sweep, taken_from(sweep.aggressor), Some(sweep.first.0))
            }
            DetectorEvent::Refill(refill) => (InjectionKind::Iceberg, refill.side, Some(refill.price.0)),
            // It names a side and no price.
            DetectorEvent::Layering(layering) => (InjectionKind::Layering, layering.side, None),
            _ => return,
        };
        let instrument = name(event.venue.as_str(), event.symbol);
        let alarm = Alarm { instrument, side, price, at: event.recv_ts.0 };
        self.alarms.entry(kind).or_default().push(alarm);
    }
}

fn alarms(args: &Args, survey: &Survey) -> Result<BTreeMap<InjectionKind, Vec<Alarm>>> {
    let operators = operators_config(args.config.as_deref(), None, None)?;
    let mut chain = Chain::new(&["normalize", "signal"], &operators)?;
    let mut collector = Collector::default();
    let mut bytes = Vec::new();
    play(&args.files, survey, "study", |record: &RawRecord<'_>| {
        bytes.clear();
        record.encode(&mut bytes)?;
        chain.process(record.market, record.recv_ts, &bytes, &mut collector)
    })?;
    Ok(collector.alarms)
}

fn name(venue: &str, symbol: &str) -> String {
    format!("{venue}:{symbol}")
}

const fn taken_from(aggressor: Aggressor) -> Side {
    match aggressor {
        Aggressor::Buy => Side::Ask,
        Aggressor::Sell => Side::Bid,
    }
}

#[expect(clippy::cast_precision_loss, reason = "the length of an episode is far below 2^53 ns")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

fn write_table(out: &mut impl Write, truth: &Truth, rows: &[Row]) -> Result<()> {
    let settings = &truth.settings;
    writeln!(
        out,
        "SYNTHETIC, seed {}: {:.2} jumps/s, sizes log-normal with {:.2}, {:.2} redraws a level and second",
        settings.seed, settings.jumps_per_sec, settings.size_sigma, settings.redraws_per_sec
    )?;
    writeln!(
        out,
        "  {:<9} {:>8} {:>6} {:>24} {:>7} {:>8} {:>6} {:>24} {:>8} {:>8} {:>9}",
        "kind",
        "injected",
        "found",
        "recall",
        "alarms",
        "repeated",
        "false",
        "precision",
        "p50 s",
        "p90 s",
        "left out"
    )?;
    for Row { kind, score } in rows {
        writeln!(
            out,
            "  {:<9} {:>8} {:>6} {:>24} {:>7} {:>8} {:>6} {:>24} {:>8} {:>8} {:>9}",
            kind,
            score.events,
            score.found,
            with_bounds(score.recall, score.recall_bounds),
            score.alarms,
            score.repeated,
            score.false_alarms,
            with_bounds(score.precision, score.precision_bounds),
            shown(score.delay_p50_secs, 2),
            shown(score.delay_p90_secs, 2),
            format!("{}+{}", score.unwanted, score.alarms_for_unwanted),
        )?;
    }
    writeln!(out, "  left out: episodes that do not meet the detector's definition + alarms for them\n")?;
    Ok(())
}

fn with_bounds(share: Option<f64>, bounds: Option<Bounds>) -> String {
    share.zip(bounds).map_or_else(
        || "-".to_owned(),
        |(share, bounds)| format!("{share:.3} [{:.3}, {:.3}]", bounds.lo, bounds.hi),
    )
}
