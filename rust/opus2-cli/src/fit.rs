//! `opus2 fit`: a decision model from recorded data.
//!
//! The recording goes through the very operators that run live (normalize, signal, context); what they say on a grid of the
//! market's time is fitted by walk-forward rules (`opus2_backtest::fit`). Out come the model's file and what it is worth.

mod break_even;
mod collect;
mod features;
mod report;
mod trials;

use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use opus2_backtest::fit::alarms::ALARMS_PER_HOUR;
use opus2_backtest::fit::config::FitConfig;
use opus2_backtest::fit::walk::{Identity, walk_forward};
use opus2_hifa::SignalConfig;
use opus2_hifa::decision::model::Model;
use opus2_hifa::execution::fees::FeeSchedule;
use opus2_operators::with_model;
use opus2_wire::ContentHash;
use opus2_wire::model::{content_hash, write_model};
use opus2_wire::raw::RawRecord;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::pipeline::chain::Chain;
use crate::pipeline::operators_config;
use crate::recording::{Files, play, survey};
use break_even::BreakEven;
use collect::{Collected, Collector};
use report::{Dataset, Report, StageOne};
use trials::Trial;

pub(crate) use collect::silent_model;

/// Arguments of `opus2 fit`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    files: Files,
    /// The market, such as `BTC/USD*`.
    #[arg(long, value_name = "MARKET")]
    market: String,
    /// The model's file. Every trial is noted in `fit_trials.jsonl` beside it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How far ahead the model looks, ms.
    #[arg(long, value_name = "MS", default_value_t = FitConfig::default().horizon_ms)]
    horizon_ms: u32,
    /// Distance of the rows in the market's time, ms.
    #[arg(long, value_name = "MS", default_value_t = FitConfig::default().step_ms)]
    step_ms: u32,
    /// What a move must exceed to be up or down, basis points.
    #[arg(long, value_name = "BPS", default_value_t = FitConfig::default().class_threshold_bps)]
    threshold_bps: f64,
    /// Features by name, separated by commas; a set of directional ones by default.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    features: Vec<String>,
    /// How many folds the calendar is cut into.
    #[arg(long, value_name = "N", default_value_t = FitConfig::default().folds)]
    folds: u32,
    /// Left out between training and test, ms; a longer horizon counts as this.
    #[arg(long, value_name = "MS", default_value_t = FitConfig::default().embargo_ms)]
    embargo_ms: u32,
    /// Look at the last fifth of the calendar too, which otherwise stays sealed: once, at the very end. It is noted.
    #[arg(long)]
    use_sealed: bool,
    /// The recording is of simulated venues. One of `opus2 simulate` says so itself.
    #[arg(long)]
    synthetic: bool,
    /// Operators' configuration (TOML, a table per operator), as given to the Flink job.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Validation rules of data quality (YAML; `config/validation_rules.yaml`). None means the built-in defaults.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The report as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Args {
    fn fit_config(&self) -> Result<FitConfig> {
        let default = FitConfig::default();
        let config = FitConfig {
            step_ms: self.step_ms,
            horizon_ms: self.horizon_ms,
            class_threshold_bps: self.threshold_bps,
            embargo_ms: self.embargo_ms,
            folds: self.folds,
            folds_min: default.folds_min.min(self.folds),
            use_sealed: self.use_sealed,
            ..default
        };
        config.validate()?;
        Ok(config)
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let config = args.fit_config()?;
    let names = features::choose(&args.features)?;
    let operators = operators_config(args.config.as_deref(), args.rules.as_deref(), None)?;
    let fees: FeeSchedule = table(&operators, "fees")?;
    fees.validate()?;
    let survey = survey(&args.files)?;
    let mut markets: Vec<String> = survey.specs().map(opus2_types::InstrumentSpec::market).collect();
    markets.sort_unstable();
    markets.dedup();
    if !markets.contains(&args.market) {
        bail!("the recording has no market {:?}; it has {}", args.market, listed(&markets));
    }
    let (collected, data_hash) = collect(args, &survey, &config, &names, &operators)?;
    let (Some(first), Some(last)) = (collected.samples.first(), collected.samples.last()) else {
        bail!(
            "there is nothing to fit: in {} looks no instrument of {} had a mid that could be believed. \
             Is there a snapshot, and is the data quality above the fence? `opus2 books` and the topic quality_scores tell",
            collected.counts.passed_over + collected.counts.looks,
            args.market
        );
    };
    if collected.counts.beyond_limit > 0 {
        bail!("more rows than can be kept; take a longer --step-ms, or fewer files");
    }
    let looks = trials::log(
        &args.out,
        &Trial {
            market: &args.market,
            data_hash: &data_hash,
            from_ns: first.at,
            until_ns: last.at,
            features: &names,
            config: &config,
            operators_hash: ContentHash::of(operators.as_bytes()),
        },
    )?;
    let is_synthetic = args.synthetic || survey.is_synthetic;
    let identity = Identity {
        name: model_name(args, is_synthetic),
        market: args.market.clone(),
        data_hash: data_hash.clone(),
        trials: looks.trials,
    };
    let mut fitted = walk_forward(&collected.samples, &names, &config, &identity)?;
    let stage_one = fit_stage_one(&mut fitted.model, &collected, &fitted.report.plan.last_train);
    fitted.model.validate()?;
    let text = write_model(&fitted.model)?;
    std::fs::write(&args.out, text).with_context(|| format!("cannot write {}", args.out.display()))?;
    let report = Report {
        is_synthetic,
        break_even: BreakEven::of(&fitted.report.out_of_sample, collected.main.as_deref(), &fees),
        dataset: Dataset::new(&args.market, &collected, &fitted.report, &data_hash),
        looks,
        trials_file: trials::path(&args.out),
        model_file: args.out.clone(),
        model_hash: content_hash(&fitted.model)?,
        is_proven: fitted.model.is_proven(),
        stage_one,
        model: &fitted.model,
        fit: &fitted.report,
    };
    let mut stdout = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut stdout, &report)?;
        writeln!(stdout)?;
    } else {
        write!(stdout, "{report}")?;
    }
    Ok(())
}

/// Plays the recording through the operators; gives what they say, and the hash of what they were given.
fn collect(
    args: &Args,
    survey: &crate::recording::Survey,
    config: &FitConfig,
    names: &[String],
    operators: &str,
) -> Result<(Collected, String)> {
    let silent = write_model(&silent_model(&args.market, names, config))?;
    let mut chain = Chain::new(&["normalize", "signal", "context"], &with_model(operators, &silent))?;
    let signal: SignalConfig = table(operators, "signal")?;
    let mut collector = Collector::new(config, &signal);
    let mut hasher = Sha256::new();
    let mut bytes = Vec::new();
    play(&args.files, survey, "fit", |record: &RawRecord<'_>| {
        // Markets do not know of each other.
        if record.market != args.market {
            return Ok(());
        }
        bytes.clear();
        record.encode(&mut bytes)?;
        hasher.update(u64::try_from(bytes.len())?.to_le_bytes());
        hasher.update(&bytes);
        chain.process(record.market, record.recv_ts, &bytes, &mut collector)
    })?;
    Ok((collector.finish(), ContentHash(hasher.finalize().into()).to_string()))
}

/// Fits to the last training window what rests on no feature of the model: a model whose own features change with it would
/// no longer be the one that was tested.
///
/// The threshold of the CUSUM, the micro-price and the weights of the ranks.
fn fit_stage_one(model: &mut Model, collected: &Collected, train: &Range<i64>) -> StageOne {
    let rests_on = |start: &str| model.features.iter().any(|feature| feature.name.starts_with(start));
    let (has_alarms, has_microprice, has_ranks) =
        (rests_on("cusum_"), rests_on("microprice"), rests_on("ofi_integrated_"));
    if !has_alarms {
        model.thresholds.cusum_h = collected.ladder.threshold(train, ALARMS_PER_HOUR);
    }
    model.microprice = collected.stage_one.microprice(train).ok().filter(|_| !has_microprice);
    model.ofi_weights = collected.stage_one.rank_weights(train).filter(|_| !has_ranks);
    StageOne {
        cusum_h: model.thresholds.cusum_h,
        microprice: model.microprice.clone(),
        ofi_weights: model.ofi_weights,
    }
}

fn model_name(args: &Args, is_synthetic: bool) -> String {
    let mark = if is_synthetic { "SYNTHETIC " } else { "" };
    format!("{mark}{} {} ms", args.market, args.horizon_ms)
}

/// A table of the operators' configuration; its defaults when there is none.
fn table<T: DeserializeOwned + Default>(config: &str, key: &str) -> Result<T> {
    let tables: toml::Table = config.parse().context("operators' configuration")?;
    let Some(table) = tables.get(key) else { return Ok(T::default()) };
    table.clone().try_into().with_context(|| format!("operators' configuration, [{key}]"))
}

/// The first of many names.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let shown = names.get(..SHOWN.min(names.len())).unwrap_or_default().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}
