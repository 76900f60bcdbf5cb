//! The built programs and the recording.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, bail};

const RECORDING: &str = "data/binance_spot/hftbacktest_btcusdt_20240808.jsonl.gz";

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Where the recording should be.
pub(crate) fn recording_path() -> PathBuf {
    let shared =
        std::env::var_os("OPUS2_SHARED").map_or_else(|| repository().join("../shared"), PathBuf::from);
    shared.join(RECORDING)
}

/// The recording, if it is there.
pub(crate) fn recording() -> Option<PathBuf> {
    Some(recording_path()).filter(|path| path.is_file())
}

/// The job's jar.
pub(crate) fn jar() -> anyhow::Result<PathBuf> {
    built(opus2_local::JOB_JAR)
}

/// `opus2` with arguments, not started yet.
pub(crate) fn opus2<A: AsRef<std::ffi::OsStr>>(
    arguments: impl IntoIterator<Item = A>,
) -> anyhow::Result<Command> {
    let mut command = Command::new(built("target/release/opus2")?);
    command.args(arguments).current_dir(repository()).stdin(Stdio::null());
    Ok(command)
}

/// Runs a command to its end; complains with what it printed unless it succeeds.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}:\n{}", output.status, text_of(&output));
    }
    Ok(output)
}

/// Both outputs of a program.
pub(crate) fn text_of(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn built(path: &str) -> anyhow::Result<PathBuf> {
    let path = repository().join(path);
    if !path.is_file() {
        bail!("{} is missing; build it with scripts/build", path.display());
    }
    path.canonicalize().with_context(|| format!("find {}", path.display()))
}
