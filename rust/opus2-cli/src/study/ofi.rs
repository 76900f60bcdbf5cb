//! `opus2 study ofi`: the table of OFI regressions of every instrument in the files.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ArgGroup;
use clap::builder::RangedU64ValueParser;
use opus2_backtest::study::bars::{Bar, BarCounts, BarSettings};
use opus2_backtest::study::ofi::{Row, Units, table};
use opus2_hifa::estimator::multi_level_ofi::RESEARCH_RANKS;

use super::{lobster, recorded, report};
use crate::recording::Files;

/// What `--help` says below the options.
const HELP: &str = "\
Each bar's change of the mid, in ticks, is regressed on the same bar's order flow: an explanation, not a forecast. The \
rows `next bar` (a forecast) and `half the sample away` (where there is nothing to find) stand beside for comparison. \
R² is in sample unless the column says otherwise; out of sample, each fit is tested on the bars after it (train and test \
60:40 of half an hour, one bar left out between).

  opus2 study ofi --lobster AMZN_2012-06-21_level1.csv.gz
  opus2 study ofi --binance-depth snapshot.json.gz update.json.gz trades.json.gz --levels 5
  opus2 study ofi --recording btcusdt.jsonl.gz --bar-secs 1 --json";

/// Arguments of `opus2 study ofi`.
#[derive(clap::Args)]
#[command(after_help = HELP, group(ArgGroup::new("source").required(true).multiple(true)))]
pub(crate) struct Args {
    /// LOBSTER messages with the best level after each, as CSV with a header, plain or .gz
    #[arg(long, value_name = "FILE", group = "source")]
    lobster: Option<PathBuf>,

    /// Recordings played as one, as by `opus2 books`; for Binance documents: the snapshot, the updates, the trades
    #[arg(long, visible_alias = "binance-depth", value_name = "FILE", num_args = 1.., group = "source")]
    recording: Vec<PathBuf>,

    /// Length of a bar
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = RangedU64ValueParser::<u32>::new().range(1..=3_600),
    )]
    bar_secs: u32,

    /// Ranks of the book in the regressions of several levels
    #[arg(
        long,
        value_name = "N",
        default_value_t = 5,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=RESEARCH_RANKS as u64),
    )]
    levels: usize,

    /// One JSON object per instrument and line, with every bar, instead of tables
    #[arg(long)]
    json: bool,
}

/// One instrument's bars and where they come from.
pub(super) struct Series {
    /// The instrument, or the file that has only one.
    pub(super) name: String,
    /// What kind of feed it is, in words.
    pub(super) form: String,
    /// Stamps count from midnight, not from 1970.
    pub(super) is_since_midnight: bool,
    pub(super) units: Units,
    pub(super) settings: BarSettings,
    pub(super) bars: Vec<Bar>,
    pub(super) counts: BarCounts,
}

impl Series {
    /// Every regression that its bars can carry.
    pub(super) fn table(&self) -> Vec<Row> {
        table(&self.bars, self.units, &self.settings)
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let settings = BarSettings { bar_nanos: i64::from(args.bar_secs) * 1_000_000_000, levels: args.levels };
    let mut found = Vec::new();
    if let Some(path) = &args.lobster {
        found.push(lobster::read(path, settings)?);
    }
    if !args.recording.is_empty() {
        found.extend(recorded::read(&Files { files: args.recording.clone() }, settings)?);
    }
    if found.iter().all(|series| series.bars.is_empty()) {
        bail!(
            "no whole bar of {} s in these files; give longer ones, or a shorter --bar-secs",
            args.bar_secs
        );
    }
    let mut stdout = std::io::stdout().lock();
    for series in &found {
        if args.json {
            report::write_json(&mut stdout, series)?;
        } else {
            report::write_table(&mut stdout, series)?;
        }
    }
    stdout.flush()?;
    Ok(())
}
