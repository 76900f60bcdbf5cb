//! Every configuration that was ever tried on a market's data, in a file beside the models.
//!
//! A line is written before its configuration is evaluated, so that the abandoned ones count as well: how many there were
//! deflates what the best of them seems to be worth. The file is `fit_trials.jsonl` in the folder of the model.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use opus2_backtest::fit::config::FitConfig;
use opus2_wire::ContentHash;
use opus2_wire::model::content_hash;
use serde::{Deserialize, Serialize};

const FILE: &str = "fit_trials.jsonl";

/// One configuration on one segment of data.
#[derive(Debug, Serialize)]
pub(super) struct Trial<'a> {
    pub(super) market: &'a str,
    pub(super) data_hash: &'a str,
    /// The first row and the last, ns.
    pub(super) from_ns: i64,
    pub(super) until_ns: i64,
    pub(super) features: &'a [String],
    pub(super) config: &'a FitConfig,
    /// Of the operators' configuration, which decides what the features are.
    pub(super) operators_hash: ContentHash,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    config_hash: ContentHash,
    #[serde(flatten)]
    trial: &'a Trial<'a>,
}

/// What is read of a line.
#[derive(Debug, Deserialize)]
struct Logged {
    config_hash: ContentHash,
    market: String,
    from_ns: i64,
    until_ns: i64,
    config: LoggedConfig,
}

#[derive(Debug, Deserialize)]
struct LoggedConfig {
    use_sealed: bool,
}

/// How often data were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Looks {
    /// Different configurations on this market's data of this time, the newest included.
    pub(super) trials: u32,
    /// How often its sealed end was opened.
    pub(super) sealed: u32,
}

/// Notes a trial, and counts those on the same market whose data overlap with it.
pub(super) fn log(model: &Path, trial: &Trial<'_>) -> Result<Looks> {
    let path = path(model);
    let shown = path.display();
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read the trials in {shown}")),
    };
    let config_hash = content_hash(&(trial.features, trial.config, trial.operators_hash))?;
    let mut text = serde_json::to_vec(&Line { config_hash, trial })?;
    text.push(b'\n');
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot note the trial in {shown}; is there such a folder?"))?;
    file.write_all(&text).with_context(|| format!("cannot note the trial in {shown}"))?;
    let mut hashes = vec![config_hash];
    let mut sealed = u32::from(trial.config.use_sealed);
    for (number, line) in before.lines().enumerate() {
        let logged: Logged = serde_json::from_str(line).with_context(|| {
            format!("{shown}, line {} is no trial; mend it, for without it too few are counted", number + 1)
        })?;
        let overlaps = logged.from_ns <= trial.until_ns && trial.from_ns <= logged.until_ns;
        if logged.market == trial.market && overlaps {
            hashes.push(logged.config_hash);
            sealed += u32::from(logged.config.use_sealed);
        }
    }
    hashes.sort_unstable();
    hashes.dedup();
    Ok(Looks { trials: u32::try_from(hashes.len()).unwrap_or(u32::MAX), sealed })
}

/// The file for a model.
pub(super) fn path(model: &Path) -> PathBuf {
    model.with_file_name(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: &Path, config: FitConfig, market: &str, until_ns: i64, expect: (u32, u32)) {
        let features = ["a".to_owned()];
        let trial = Trial {
            market,
            data_hash: "0",
            from_ns: 100,
            until_ns,
            features: &features,
            config: &config,
            operators_hash: ContentHash::default(),
        };
        let found = log(model, &trial).unwrap();
        assert_eq!((found.trials, found.sealed), expect);
    }

    #[test]
    fn every_configuration_counts_once_and_every_look_at_the_seal() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.json");
        let plain = FitConfig::default();
        let other = FitConfig { horizon_ms: 1_000, ..plain };
        let sealed = FitConfig { use_sealed: true, ..plain };
        check(&model, plain, "A", 200, (1, 0));
        check(&model, plain, "A", 200, (1, 0));
        check(&model, other, "A", 300, (2, 0));
        check(&model, plain, "B", 200, (1, 0));
        check(&model, plain, "A", 99, (1, 0));
        check(&model, sealed, "A", 200, (3, 1));
        check(&model, sealed, "A", 200, (3, 2));
        check(&folder.path().join("other.json"), plain, "A", 200, (3, 2));
    }

    #[test]
    fn a_damaged_line_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.json");
        std::fs::write(path(&model), "{}\n").unwrap();
        let config = FitConfig::default();
        let trial = Trial {
            market: "A",
            data_hash: "0",
            from_ns: 0,
            until_ns: 1,
            features: &[],
            config: &config,
            operators_hash: ContentHash::default(),
        };
        assert!(log(&model, &trial).unwrap_err().to_string().contains("line 1 is no trial"));
    }
}
