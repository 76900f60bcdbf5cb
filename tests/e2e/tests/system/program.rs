//! The built programs and the recording.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, bail};

/// One market for six minutes.
pub(crate) const ONE_MARKET: &[&str] = &["binance_spot/hftbacktest_btcusdt_20240808.jsonl.gz"];
/// Four markets for half a minute.
pub(crate) const FEW_RECORDS: &[&str] = &["binance_spot/cryptofeed_20211012_4pairs.jsonl.gz"];
/// Two instruments whose books come as one message of megabytes, 46,000 levels.
pub(crate) const LARGE_BOOKS: &[&str] = &["coinbase/cryptofeed_advanced_20260809_first15s.jsonl.gz"];
/// The other feeds of every venue, one after the other, years apart. Several share the market of bitcoin in dollars.
pub(crate) const MANY_MARKETS: &[&str] = &[
    "coinbase/pyalgotrade_full_btcusd_20160312_part0.jsonl.gz",
    "binance_spot/cryptofeed_20210417_10pairs.jsonl.gz",
    "coinbase/cryptofeed_level2_20210417_7products.jsonl.gz",
    "kraken/cryptofeed_v1_book1000_20210417_7pairs.jsonl.gz",
    "binance_spot/cryptofeed_20211012_4pairs.jsonl.gz",
    "binance_spot/hftbacktest_btcusdt_20240808.jsonl.gz",
    "kraken/crossbook_v2_book25_btcusd_20260802.jsonl.gz",
];

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Where recordings should be.
pub(crate) fn recordings_folder() -> PathBuf {
    let shared =
        std::env::var_os("OPUS2_SHARED").map_or_else(|| repository().join("../shared"), PathBuf::from);
    shared.join("data")
}

/// Whether all recordings are there.
pub(crate) fn has_recordings() -> bool {
    paths(MANY_MARKETS).iter().all(|path| path.is_file())
}

/// The paths of recordings.
pub(crate) fn paths(recordings: &[&str]) -> Vec<PathBuf> {
    recordings.iter().map(|name| recordings_folder().join(name)).collect()
}

/// Waits until no other run of these tests uses this checkout. The lock ends with the file, so with the process too.
pub(crate) fn wait_for_turn() -> anyhow::Result<File> {
    let folder = repository().join(".local");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let path = folder.join("e2e.lock");
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("another run of these tests holds {}; waiting for its end", path.display());
        file.lock().with_context(|| format!("lock {}", path.display()))?;
    }
    Ok(file)
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
