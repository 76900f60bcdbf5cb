//! A session cluster lives long: a job that comes and goes in it must not leave its native library behind.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use procfs::process::{MMapPath, Process};

use crate::cluster::{Cluster, Lane, System};
use crate::program;

const CYCLES: usize = 10;
/// Libraries of ended jobs that may still be mapped.
const KEPT_MAX: usize = 2;
/// What tells our library's mappings from all others: the jar's library is extracted under a name that begins so.
const LIBRARY: &str = "libopus2_jni";

/// Ten times: submit, let it work, cancel. Afterwards no more of the library is mapped than one job needs.
pub(crate) fn mappings_do_not_grow(system: &System) -> anyhow::Result<()> {
    system.with_cluster(async |cluster| {
        let pid = cluster.flink.taskmanager_mut().context("a TaskManager runs")?.pid();
        let lane = cluster.lane("resubmitted").await?;
        let mut replay = program::opus2(["replay"])?;
        program::run(
            replay
                .args(program::paths(program::FEW_RECORDS))
                .args(["--brokers", &lane.brokers, "--topic", &lane.raw_topic()])
                .args(["--speed", "max"]),
        )?;
        // With the first cycle, libraries of earlier jobs in this cluster go; it is not measured.
        cycle(cluster, &lane, pid).await?;
        let mut mapped = Vec::new();
        for _ in 0..CYCLES {
            mapped.push(cycle(cluster, &lane, pid).await?);
        }
        // The class loader of an ended job is let go when Flink and the JVM get to it, so the last job's library, and for
        // a moment the one before, may still be there. Ten jobs that stay would be ten.
        let growing = mapped.iter().any(|count| *count > KEPT_MAX);
        ensure!(!growing, "libraries mapped after each cycle: {mapped:?}");
        Ok(())
    })
}

/// Submits a job, lets it work, cancels it, and says how many copies of the library are mapped then.
async fn cycle(cluster: &Cluster, lane: &Lane, pid: i32) -> anyhow::Result<usize> {
    let job = cluster.submit(lane, 2, None).await?;
    let (published, _) = lane.progress().await?;
    lane.wait_committed(&job, published).await?;
    ensure!(libraries(pid)? > 0, "a running job has mapped no {LIBRARY}: this test looks for the wrong name");
    job.cancel().await?;
    collect_garbage(pid)?;
    libraries(pid)
}

/// How many copies of the library are mapped; one copy has several mappings of one file.
fn libraries(pid: i32) -> anyhow::Result<usize> {
    let is_ours = |path: &PathBuf| path.to_string_lossy().contains(LIBRARY);
    let path_of = |map: procfs::process::MemoryMap| match map.pathname {
        MMapPath::Path(path) => Some(path),
        _ => None,
    };
    let maps = Process::new(pid)?.maps()?;
    let files: std::collections::BTreeSet<_> = maps.into_iter().filter_map(path_of).filter(is_ours).collect();
    Ok(files.len())
}

/// Libraries are unmapped when the class loader that loaded them is collected, which a JVM does when it likes.
fn collect_garbage(pid: i32) -> anyhow::Result<()> {
    program::run(Command::new("jcmd").arg(pid.to_string()).arg("GC.run")).map(|_| ())
}
