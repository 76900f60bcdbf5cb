//! `opus2 explain`: one decision as a person reads it: what, why, at what cost, and the books it saw.

mod find;
mod format;
mod record;
mod render;
mod topic;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use find::Search;
use format::Paint;
use record::Decision;
use render::render;

/// Arguments of `opus2 explain`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true))]
pub(crate) struct Args {
    /// The decision's `id`, as in its record: `BTC/USD*:decision:17`.
    #[arg(value_name = "SIGNAL_ID")]
    id: String,
    /// Files of decisions, one record a line (`trading_signals_final.jsonl` of `opus2 pipeline`).
    #[arg(long, value_name = "FILE", num_args = 1.., group = "source")]
    decisions: Vec<PathBuf>,
    /// Kafka bootstrap servers: the topic `trading_signals_final` is read from its beginning.
    #[arg(long, value_name = "HOST:PORT,…", group = "source")]
    brokers: Option<String>,
    /// Print the record itself, as it was published.
    #[arg(long)]
    json: bool,
    /// Whether to use colours.
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    colour: Colour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut search = Search::new(&args.id);
    match &args.brokers {
        Some(brokers) => topic::read(brokers, &mut search)?,
        None => {
            for path in &args.decisions {
                search.file(path)?;
            }
        }
    }
    let Some(line) = search.found() else { bail!("{}", search.not_found()) };
    let mut stdout = std::io::stdout().lock();
    if args.json {
        stdout.write_all(line)?;
        stdout.write_all(b"\n")?;
        return Ok(());
    }
    let decision: Decision =
        serde_json::from_slice(line).context("the record is not one of a decision of this version")?;
    let has_colours = match args.colour {
        Colour::Auto => stdout.is_terminal(),
        Colour::Always => true,
        Colour::Never => false,
    };
    write!(stdout, "{}", render(&decision, Paint { has_colours }))?;
    Ok(())
}
