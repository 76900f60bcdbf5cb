//! `opus2 faults`: everything that can go wrong between a venue and a book, many times over, against the simulated venues.
//!
//! The clients are the sessions of `opus2 ingest` and the operator `normalize`, fed in virtual time by the simulator's own
//! protocol code ([`opus2_sim::embedded`]): no sockets, no waiting, and the truth of every book at hand.

mod campaign;
mod tally;

use std::io::Write;
use std::time::Instant;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::simulated::Plan;
use campaign::Campaign;
use tally::{Tally, quantile};

/// Arguments of `opus2 faults`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Faults in all, shared out evenly over the feeds.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    count: u64,
    /// Instruments of each feed.
    #[arg(long, default_value_t = 64, value_name = "N")]
    instruments: usize,
    /// Decides the market and the faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these feeds: `binance_depth`, `coinbase_full`, `coinbase_advanced`, `kraken_book`, `kraken_orders`.
    #[arg(long, value_delimiter = ',', value_name = "FEED")]
    feeds: Vec<String>,
    /// One JSON object per feed and line, instead of tables.
    #[arg(long)]
    json: bool,
}

/// Rounds without any fault after which a campaign is stuck.
const EMPTY_ROUNDS_MAX: u32 = 50;

pub(crate) fn run(args: &Args) -> Result<()> {
    let known = Plan::ALL.map(|plan| plan.feed.as_str());
    if let Some(unknown) = args.feeds.iter().find(|feed| !known.contains(&feed.as_str())) {
        bail!("unknown feed {unknown:?}; one of: {}", known.join(", "));
    }
    let is_wanted =
        |plan: &Plan| args.feeds.is_empty() || args.feeds.iter().any(|feed| feed == plan.feed.as_str());
    let plans: Vec<Plan> = Plan::ALL.into_iter().filter(is_wanted).collect();
    let share = args.count.div_ceil(plans.len() as u64);
    let mut stdout = std::io::stdout().lock();
    let mut failed = Vec::new();
    for plan in plans {
        let began = Instant::now();
        let bar = progress_bar(share, plan.feed.as_str());
        let mut campaign = Campaign::start(plan, args.instruments, args.seed)?;
        let mut empty_rounds = 0;
        for number in 0.. {
            let faults = campaign.round(number)?;
            empty_rounds = if faults == 0 { empty_rounds + 1 } else { 0 };
            bar.set_position(campaign.tally.injected().min(share));
            if campaign.tally.injected() >= share || empty_rounds > EMPTY_ROUNDS_MAX {
                break;
            }
        }
        bar.finish_and_clear();
        let tally = &campaign.tally;
        if args.json {
            let delays: serde_json::Map<_, _> = tally
                .kinds
                .iter()
                .filter_map(|(kind, of)| {
                    let name = serde_json::to_value(kind).ok()?.as_str()?.to_owned();
                    Some((
                        name,
                        json!({"p50": quantile(&of.delays_ms, 0.5), "max": quantile(&of.delays_ms, 1.0)}),
                    ))
                })
                .collect();
            let seconds = began.elapsed().as_secs_f64();
            let line =
                json!({"feed": plan.feed.as_str(), "seconds": seconds, "tally": tally, "delays_ms": delays});
            writeln!(stdout, "{line}")?;
        } else {
            print(&mut stdout, plan, tally, began.elapsed().as_secs_f64())?;
        }
        if !tally.is_clean() {
            failed.push(plan.feed.as_str());
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("promises were broken on: {}", failed.join(", ")) }
}

fn print(out: &mut impl Write, plan: Plan, tally: &Tally, seconds: f64) -> Result<()> {
    writeln!(
        out,
        "{}: {} faults in {} rounds, {} records, {seconds:.0} s",
        plan.feed,
        tally.injected(),
        tally.rounds,
        tally.records
    )?;
    writeln!(
        out,
        "  {:<16} {:>9} {:>9} {:>9} {:>7} {:>14} {:>14}",
        "fault", "injected", "resynced", "harmless", "missed", "seen p50 ms", "seen max ms"
    )?;
    for (kind, of) in &tally.kinds {
        let name = serde_json::to_value(kind)?;
        let delay = |share| {
            quantile(&of.delays_ms, share).map_or_else(|| "-".to_owned(), |delay| format!("{delay:.0}"))
        };
        writeln!(
            out,
            "  {:<16} {:>9} {:>9} {:>9} {:>7} {:>14} {:>14}",
            name.as_str().unwrap_or("?"),
            of.injected,
            of.resynced,
            of.harmless,
            of.missed,
            delay(0.5),
            delay(1.0)
        )?;
    }
    let stage1 = if plan.has_true_numbers {
        format!("{} of {} books passed to stage 1 were wrong", tally.stage1_wrong, tally.stage1_checked)
    } else {
        "its messages have no numbers to compare single books by".to_owned()
    };
    writeln!(
        out,
        "  {stage1}; {} books not the venue's after their round; {} resynced without a fault of their own; {} connections ended uncut",
        tally.not_recovered, tally.others, tally.connections_ended
    )?;
    for example in &tally.examples {
        writeln!(out, "  e.g. {example}")?;
    }
    Ok(())
}

fn progress_bar(faults: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>18} {wide_bar} {pos}/{len} faults {eta}")
        .expect("the template is a constant");
    ProgressBar::new(faults).with_style(style).with_message(what)
}
