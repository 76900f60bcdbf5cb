//! `opus2 study planted`: what the stages recover of a planted edge, and that they find nothing where nothing is.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::builder::RangedU64ValueParser;
use opus2_backtest::fit::config::FitConfig;
use opus2_backtest::study::planted::{
    Estimate, PlantedReport, PlantedRow, PlantedSample, PlantedSettings, containment, judge, median_edge,
};
use opus2_hifa::context::Outlook;
use opus2_operators::{OutputChannel, with_model};
use opus2_wire::frame::{Frame, Section};
use opus2_wire::model::write_model;
use opus2_wire::raw::RawRecord;
use serde::Serialize;

use super::truth::Truth;
use crate::fit::silent_model;
use crate::pipeline::chain::{Chain, Sink};
use crate::pipeline::operators_config;
use crate::recording::{Files, play, survey};

/// What `--help` says below the options.
const HELP: &str = "\
The recording goes through the operators that run live (normalize, signal, context). At the end of every second of the \
market their features are held against the log return of the mid that follows, and against the hidden signal of the truth \
log. An edge is recovered as cov(return, feature) / (T cov(signal, feature)), T = persistence/2 (1 - exp(-2 H/persistence)). \
Intervals of 95 % rest on the errors of the stationary bootstrap, blocks twice the longer of horizon and persistence, and on \
Student's t with as many degrees of freedom as blocks less one. The rules by \
which the last lines judge are fixed: docs/methods-results.md.

  opus2 simulate --record p.jsonl.gz --truth p.truth.jsonl --for 3600 --instruments 1 --rate 40 --edge-bps 0.2
  opus2 study planted p.jsonl.gz --truth p.truth.jsonl";

/// The features that are judged: every one of stages 1 and 2 that has a direction, is measured without a model, and can be
/// measured on one instrument.
const FEATURES: [&str; 17] = [
    "queue_imbalance",
    "queue_imbalance_ewma",
    "depth_imbalance_5",
    "depth_imbalance_10",
    "ofi_normalised_1s",
    "ofi_normalised_5s",
    "ofi_normalised_15s",
    "ofi_integrated_1s",
    "ofi_integrated_5s",
    "ofi_integrated_15s",
    "volume_imbalance_1s",
    "volume_imbalance_5s",
    "volume_imbalance_15s",
    "hawkes_imbalance",
    "micro_move_z_1000ms",
    "agreement_ofi",
    "agreement_flow",
];

const SECOND: i64 = 1_000_000_000;
const CONFIDENCE: f64 = 0.95;

/// Arguments of `opus2 study planted`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    files: Files,
    /// The truth log that was written with the recording
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    /// The market; the first of the truth log by default
    #[arg(long, value_name = "MARKET")]
    market: Option<String>,
    /// How far ahead the mid is looked at
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5,
        value_parser = RangedU64ValueParser::<u32>::new().range(1..=600),
    )]
    horizon_secs: u32,
    /// Resamples of the bootstrap
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2_000,
        value_parser = RangedU64ValueParser::<u32>::new().range(100..=100_000),
    )]
    resamples: u32,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object, instead of a table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let truth = Truth::read(&args.truth)?;
    let market = truth.market(args.market.as_deref())?;
    let samples = collect(args, &truth, market)?;
    let settings = PlantedSettings {
        horizon_secs: args.horizon_secs,
        persistence_secs: truth.settings.persistence_secs,
        resamples: args.resamples,
        seed: args.seed,
        confidence: CONFIDENCE,
    };
    let names = FEATURES.map(str::to_owned);
    let report = judge(&names, &samples, &settings).with_context(|| {
        let seconds = samples.len();
        format!("too little to judge: {seconds} seconds of {market} had a mid; record for longer")
    })?;
    let verdict = Verdict::of(&report, truth.settings.edge_bps);
    let mut stdout = std::io::stdout().lock();
    if args.json {
        let json = Json {
            synthetic: true,
            market,
            seed: truth.settings.seed,
            edge_bps: truth.settings.edge_bps,
            effective_secs: settings.effective_secs(),
            block_length: settings.block_length(),
            report: &report,
            verdict: &verdict,
        };
        serde_json::to_writer(&mut stdout, &json)?;
        writeln!(stdout)?;
    } else {
        write_table(&mut stdout, market, &truth, &report, &verdict)?;
    }
    stdout.flush()?;
    Ok(())
}

#[derive(Serialize)]
struct Json<'a> {
    synthetic: bool,
    market: &'a str,
    seed: u64,
    edge_bps: f64,
    effective_secs: f64,
    block_length: f64,
    report: &'a PlantedReport,
    verdict: &'a Verdict,
}

/// The answers by rules that were fixed before anything was looked at. They are about the combination out of sample, which
/// is one number, and about the features jointly.
#[derive(Serialize)]
struct Verdict {
    /// An edge was planted.
    is_planted: bool,
    /// Planted: the interval of the combination's correlation lies above zero, that of its edge on the edge's side of zero.
    sign_recovered: Option<bool>,
    /// Planted: the interval of the combination's edge holds what was planted.
    size_recovered: Option<bool>,
    /// Null: the intervals of the combination's hit rate and correlation hold one half and zero.
    combination_is_null: Option<bool>,
    /// Null: so do the joint intervals of all features.
    features_are_null: Option<bool>,
    /// Features whose own interval of the edge holds what was planted, of those that have one.
    edges_held: usize,
    edges: usize,
}

impl Verdict {
    fn of(report: &PlantedReport, edge_bps: f64) -> Self {
        let is_planted = edge_bps != 0.0;
        let combined = report.combined.as_ref();
        let sign = combined.map(|row| {
            // A prediction of the return goes with it whichever way the edge points; the edge says which.
            let is_ahead = row.correlation.is_some_and(|found| found.lo > 0.0);
            let points = |edge: Estimate| !edge.holds(0.0) && edge.value * edge_bps > 0.0;
            is_ahead && row.edge_bps.is_some_and(points)
        });
        let size = combined.map(|row| row.edge_bps.is_some_and(|edge| edge.holds(edge_bps)));
        let is_null = combined.and_then(|row| Some(row.hit_rate?.holds(0.5) && row.correlation?.holds(0.0)));
        let of_feature = |row: &PlantedRow| {
            let holds =
                |found: Option<Estimate>, number| found.is_none_or(|found| found.holds_jointly(number));
            holds(row.hit_rate, 0.5) && holds(row.correlation, 0.0) && holds(row.rank_correlation, 0.0)
        };
        let (edges_held, edges) = containment(&report.features, edge_bps);
        Self {
            is_planted,
            sign_recovered: sign.filter(|_| is_planted),
            size_recovered: size.filter(|_| is_planted),
            combination_is_null: is_null.filter(|_| !is_planted),
            features_are_null: (!is_planted).then(|| report.features.iter().all(of_feature)),
            edges_held,
            edges,
        }
    }
}

/// Takes what stage 2 hands on at the end of every second.
struct Collector<'a> {
    truth: &'a Truth,
    market: &'a str,
    samples: Vec<PlantedSample>,
}

impl Sink for Collector<'_> {
    fn publish(&mut self, _channel: OutputChannel, _payload: &[u8]) -> Result<()> {
        Ok(())
    }

    fn hand_on(&mut self, payload: &[u8]) -> Result<()> {
        let frame = Frame::decode(payload)?;
        let outlook: Option<Outlook> = frame.value(Section::Context)?;
        let Some(outlook) = outlook else { return Ok(()) };
        let (Some(end), Some(candidate)) = (outlook.bar_end, &outlook.candidate) else { return Ok(()) };
        let Some(signal) = self.truth.signal_at(self.market, end) else { return Ok(()) };
        self.samples.push(PlantedSample {
            second: end.div_euclid(SECOND),
            mid: candidate.mid,
            signal: signal.into(),
            values: candidate.values().iter().map(|value| value.ok()).collect(),
        });
        Ok(())
    }
}

fn collect(args: &Args, truth: &Truth, market: &str) -> Result<Vec<PlantedSample>> {
    let survey = survey(&args.files)?;
    truth.check_recording(&survey, &args.truth)?;
    let names = FEATURES.map(str::to_owned);
    let silent = write_model(&silent_model(market, &names, &FitConfig::default()))?;
    let operators = operators_config(None, None, None)?;
    let mut chain = Chain::new(&["normalize", "signal", "context"], &with_model(&operators, &silent))?;
    let mut collector = Collector { truth, market, samples: Vec::new() };
    let mut bytes = Vec::new();
    play(&args.files, &survey, "study", |record: &RawRecord<'_>| {
        // Markets do not know of each other.
        if record.market != market {
            return Ok(());
        }
        bytes.clear();
        record.encode(&mut bytes)?;
        chain.process(record.market, record.recv_ts, &bytes, &mut collector)
    })?;
    Ok(collector.samples)
}

fn write_table(
    out: &mut impl Write,
    market: &str,
    truth: &Truth,
    report: &PlantedReport,
    verdict: &Verdict,
) -> Result<()> {
    let (settings, of_truth) = (&report.settings, &truth.settings);
    writeln!(
        out,
        "SYNTHETIC {market}, seed {}: planted {:+.3} bps/s times a signal held {:.0} s; {:.2} jumps/s, flow bias {:.2}",
        of_truth.seed,
        of_truth.edge_bps,
        of_truth.persistence_secs,
        of_truth.jumps_per_sec,
        of_truth.flow_bias
    )?;
    writeln!(
        out,
        "  {} seconds, {} without all features or a later mid; horizon {} s, worth {:.3} s of the edge; blocks of {:.0} s, {} resamples",
        report.rows,
        report.left_out,
        settings.horizon_secs,
        settings.effective_secs(),
        settings.block_length(),
        settings.resamples
    )?;
    writeln!(
        out,
        "  {:<24} {:>5} {:>23} {:>24} {:>8} {:>8} {:>25} {:>5}",
        "feature", "n", "hit rate", "IC", "rank IC", "with s", "recovered edge, bps/s", "holds"
    )?;
    let rows = report.features.iter().chain([&report.oracle]).chain(&report.combined);
    for row in rows {
        let held = row.edge_bps.map_or("-", |edge| if edge.holds(of_truth.edge_bps) { "yes" } else { "NO" });
        writeln!(
            out,
            "  {:<24} {:>5} {:>23} {:>24} {:>8} {:>8} {:>25} {:>5}",
            row.name,
            row.signed,
            interval(row.hit_rate, 3, false),
            interval(row.correlation, 3, true),
            value(row.rank_correlation),
            value(row.signal_correlation),
            interval(row.edge_bps, 3, true),
            held
        )?;
    }
    write_joint(out, report)?;
    let median = median_edge(&report.features).map_or_else(|| "-".to_owned(), |edge| format!("{edge:+.3}"));
    writeln!(
        out,
        "  planted {:+.3} within the interval of {} of {} features that tell of the signal (median {median})",
        of_truth.edge_bps, verdict.edges_held, verdict.edges
    )?;
    let answer = |question: &str, answer: Option<bool>| {
        answer.map(|answer| format!("{question}: {}", if answer { "yes" } else { "NO" }))
    };
    let answers = [
        answer("sign recovered", verdict.sign_recovered),
        answer("size within its interval", verdict.size_recovered),
        answer("combination indistinguishable from nothing", verdict.combination_is_null),
        answer("all features jointly so", verdict.features_are_null),
    ];
    let answers: Vec<String> = answers.into_iter().flatten().collect();
    writeln!(out, "  {}\n", answers.join("; "))?;
    Ok(())
}

/// The features that deviate most, with the interval that all of them share.
fn write_joint(out: &mut impl Write, report: &PlantedReport) -> Result<()> {
    let furthest = |of: fn(&PlantedRow) -> Option<Estimate>, nothing: f64| {
        let rows = report.features.iter().filter_map(|row| Some((row, of(row)?)));
        rows.filter(|(_, found)| found.error > 0.0).max_by(|(_, a), (_, b)| {
            let away = |found: &Estimate| (found.value - nothing).abs() / found.error;
            away(a).total_cmp(&away(b))
        })
    };
    for (what, found) in
        [("hit rate", furthest(|row| row.hit_rate, 0.5)), ("IC", furthest(|row| row.correlation, 0.0))]
    {
        let Some((row, found)) = found else { continue };
        writeln!(
            out,
            "  joint 95 % interval over {} features, {what} that deviates most: {} {:.3} [{:.3}, {:.3}]",
            report.features.len(),
            row.name,
            found.value,
            found.joint_lo,
            found.joint_hi
        )?;
    }
    Ok(())
}

fn interval(found: Option<Estimate>, decimals: usize, is_signed: bool) -> String {
    let number = |value: f64| {
        if is_signed { format!("{value:+.decimals$}") } else { format!("{value:.decimals$}") }
    };
    found.map_or_else(
        || "-".to_owned(),
        |found| format!("{} [{}, {}]", number(found.value), number(found.lo), number(found.hi)),
    )
}

fn value(found: Option<Estimate>) -> String {
    found.map_or_else(|| "-".to_owned(), |found| format!("{:+.3}", found.value))
}
