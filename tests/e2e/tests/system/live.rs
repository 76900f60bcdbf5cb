//! `opus2 up` as a user runs it.

use std::process::Command;

use anyhow::{Context, ensure};
use opus2_local::{Home, Ports, Service};

use crate::cluster::System;
use crate::program;

/// A short session of the simulated venue: every step saw what the step before gave, and it was not nothing.
pub(crate) fn counts_agree(_: &System) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("summary.json");
    let mut command = up("e2e-up", &["--for", "15", "--instruments", "8", "--rate", "800"])?;
    let output = program::run(command.arg("--summary").arg(&file))?;
    let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let shown = || format!("{summary:#}\n{}", program::text_of(&output));
    let disagreements = summary["disagreements"].as_array().with_context(shown)?;
    ensure!(disagreements.is_empty(), "{}", shown());
    for step in ["simulated", "received", "published", "acked", "consumed", "normalized", "signals"] {
        ensure!(summary["counts"][step].as_u64().is_some_and(|count| count > 1_000), "{step}: {}", shown());
    }
    require_nothing_left("e2e-up")
}

/// `--keep` leaves processes; `down` ends all of them.
pub(crate) fn kept_cluster_is_stopped(_: &System) -> anyhow::Result<()> {
    let kept =
        program::run(&mut up("e2e-keep", &["--for", "1", "--keep", "--instruments", "1", "--rate", "10"])?);
    let home = Home::find(program::repository(), "e2e-keep")?;
    let is_running = Service::attach(&home, "ingest")?.is_some();
    let down = program::run(&mut program::opus2(["down", "--name", "e2e-keep"])?);
    kept?;
    ensure!(is_running, "nothing was kept");
    let text = program::text_of(&down?);
    for name in ["ingest", "simulator", "flink-taskmanager", "flink-jobmanager", "kafka"] {
        ensure!(text.contains(name), "{name} was not stopped: {text}");
    }
    require_nothing_left("e2e-keep")
}

fn up(name: &str, arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = program::opus2(["up", "--name", name])?;
    command.args(arguments);
    for port in Ports::free()?.each() {
        command.env(port.setting, port.number.to_string());
    }
    Ok(command)
}

fn require_nothing_left(name: &str) -> anyhow::Result<()> {
    let home = Home::find(program::repository(), name)?;
    let running = opus2_local::running(&home)?;
    ensure!(running.is_empty(), "still running: {running:?}");
    Ok(())
}
