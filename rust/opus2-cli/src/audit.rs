//! `opus2 audit`: whether decisions are those that were made.
//!
//! A chain of hashes shows when a record was changed, removed or moved; a replay of the recording shows that the decisions
//! follow from the data, bit for bit.

mod compare;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use opus2_operators::OutputChannel;
use opus2_wire::audit::{Summary, Verifier};
use opus2_wire::raw::RawRecord;

use crate::pipeline::chain::{Chain, Sink};
use crate::pipeline::{HIFA_OPERATORS, operators_config};
use crate::recording::{Files, play, survey};
use compare::Comparison;

/// Arguments of `opus2 audit`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Follow the chain of every market, and name the first record that breaks one.
    Verify(VerifyArgs),
}

#[derive(clap::Args)]
struct VerifyArgs {
    /// Files of decisions, one record a line (`trading_signals_final.jsonl`); chains go on from file to file.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Make the decisions again from these recordings, and compare them bit for bit.
    #[arg(long, value_name = "RECORDING", num_args = 1..)]
    replay: Vec<PathBuf>,
    /// Operators' configuration of the replay (TOML), as it was when the decisions were made.
    #[arg(long, value_name = "FILE", requires = "replay")]
    config: Option<PathBuf>,
    /// Decision model of the replay (JSON).
    #[arg(long, value_name = "FILE", requires = "replay")]
    model: Option<PathBuf>,
    /// Validation rules of data quality of the replay (YAML).
    #[arg(long, value_name = "FILE", requires = "replay")]
    rules: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let Command::Verify(args) = &args.command;
    let mut comparison = (!args.replay.is_empty()).then(Comparison::default);
    let summary = verify(&args.files, &mut comparison)?;
    let mut stdout = std::io::stdout().lock();
    for (market, chain) in &summary.chains {
        writeln!(stdout, "{market}: {} records, head {}", chain.records, chain.head)?;
    }
    let markets = summary.chains.len();
    writeln!(
        stdout,
        "INTACT: {} records of {markets} markets, none changed, removed or moved",
        summary.records
    )?;
    if let Some(comparison) = comparison {
        let replayed = replay(args, comparison)?;
        writeln!(stdout, "REPRODUCED: {replayed} decisions made again from the data, equal bit for bit")?;
    }
    Ok(())
}

/// Follows the chains through the files; a broken one is an error that names file and line.
fn verify(files: &[PathBuf], comparison: &mut Option<Comparison>) -> Result<Summary> {
    let mut verifier = Verifier::new();
    for path in files {
        let name = path.display();
        for (line, number) in lines(path)?.zip(1u64..) {
            let line = line.with_context(|| format!("{name}, line {number}: cannot read"))?;
            if let Err(broken) = verifier.line(&line) {
                let market = broken.market.map(|market| format!(", market {market}")).unwrap_or_default();
                bail!("BROKEN at {name}, line {number}{market}: {}", broken.why);
            }
            if let Some(comparison) = comparison {
                comparison.expect(&line, &name, number)?;
            }
        }
    }
    Ok(verifier.finish())
}

/// Lines without their ends; they end at `\n` alone, as the chain asks.
fn lines(path: &Path) -> Result<impl Iterator<Item = std::io::Result<Vec<u8>>>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(BufReader::with_capacity(1 << 20, file).split(b'\n'))
}

/// Makes the decisions again; how many there were. One that differs is an error that says how.
fn replay(args: &VerifyArgs, comparison: Comparison) -> Result<u64> {
    let config = operators_config(args.config.as_deref(), args.rules.as_deref(), args.model.as_deref())?;
    let mut chain = Chain::new(&HIFA_OPERATORS, &config)?;
    let recording = Files { files: args.replay.clone() };
    let survey = survey(&recording)?;
    let mut decisions = Decisions { comparison };
    let mut bytes = Vec::new();
    play(&recording, &survey, "audit", |record: &RawRecord<'_>| {
        bytes.clear();
        record.encode(&mut bytes)?;
        chain.process(record.market, record.recv_ts, &bytes, &mut decisions)
    })?;
    decisions.comparison.finish()
}

/// Looks at decisions alone.
struct Decisions {
    comparison: Comparison,
}

impl Sink for Decisions {
    fn publish(&mut self, channel: OutputChannel, payload: &[u8]) -> Result<()> {
        if channel == OutputChannel::Decisions { self.comparison.decision(payload) } else { Ok(()) }
    }
}
