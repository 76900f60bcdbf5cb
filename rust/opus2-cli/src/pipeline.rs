//! `opus2 pipeline`: the operators over a recording, in this process.
//!
//! The same operators in the same order as the Flink job, without a broker or a JVM: for looking at what a recording
//! makes of itself, and as the twin the Flink job is compared with, byte by byte.

pub(crate) mod chain;
mod files;

use std::io::Write;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use opus2_operators::{with_model, with_validation_rules};
use opus2_wire::raw::RawRecord;

use crate::recording::{Files, play, survey};
use chain::Chain;
use files::TopicFiles;

/// Arguments of `opus2 pipeline`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    files: Files,
    /// Folder for one JSONL file per output topic; made if it is not there, files in it are overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Operators' configuration (TOML, a table per operator), as given to the Flink job.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Validation rules of data quality (YAML; `config/validation_rules.yaml`). None means the built-in defaults.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Decision model (JSON, as `opus2 fit` writes it; `config/model.json`). None means a prior that is never proven.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Save every operator's state and load it into new operators after each N records, as a host that was restarted
    /// there would. The output must be the same.
    #[arg(long, value_name = "N")]
    restart_every: Option<NonZeroU64>,
}

/// The operators of the Flink job, in the order of the data path.
pub(crate) const HIFA_OPERATORS: [&str; 5] = ["normalize", "signal", "context", "risk", "execution"];

/// The text that every operator is given: the tables of a file, with validation rules and model beside them, as the
/// Flink job puts them together.
pub(crate) fn operators_config(
    config: Option<&Path>,
    rules: Option<&Path>,
    model: Option<&Path>,
) -> Result<String> {
    let read = |what: &str, path: Option<&Path>| match path {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {what} {}", path.display()))
            .map(Some),
        None => Ok(None),
    };
    let mut text = read("operators' configuration", config)?.unwrap_or_default();
    if let Some(model) = read("decision model", model)? {
        text = with_model(&text, &model);
    }
    if let Some(rules) = read("validation rules", rules)? {
        text = with_validation_rules(&text, &rules);
    }
    Ok(text)
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let config = operators_config(args.config.as_deref(), args.rules.as_deref(), args.model.as_deref())?;
    let mut chain = Chain::new(&HIFA_OPERATORS, &config)?;
    let survey = survey(&args.files)?;
    let mut files = TopicFiles::create(&args.out)?;
    let mut bytes = Vec::new();
    let mut records = 0u64;
    play(&args.files, &survey, "pipeline", |record: &RawRecord<'_>| {
        bytes.clear();
        record.encode(&mut bytes)?;
        chain.process(record.market, record.recv_ts, &bytes, &mut files)?;
        records += 1;
        match args.restart_every {
            Some(every) if records.is_multiple_of(every.get()) => chain.restart(),
            _ => Ok(()),
        }
    })?;
    files.finish()?;
    for (operator, counters) in chain.counters() {
        let shown: Vec<String> = counters
            .iter()
            .filter(|(_, value)| *value > 0)
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        eprintln!("{operator}: {}", shown.join(", "));
    }
    let mut stdout = std::io::stdout().lock();
    for (path, records) in files.written() {
        writeln!(stdout, "{records:>9} {}", path.display())?;
    }
    Ok(())
}
