//! A recording through broker and Flink, against the same recording through the same operators in one process.

use std::process::{Child, Command};

use anyhow::{Context, ensure};
use opus2_wire::topic::{
    DEAD_LETTERS, HIFA_STAGE1_SIGNALS, HIFA_STAGE2_CONTEXT, HIFA_STAGE3_RISK, MARKET_DATA_NORMALIZED,
    QUALITY_SCORES, TRADING_SIGNALS_FINAL,
};

use crate::cluster::{Lane, System};
use crate::program;
use crate::program::{LARGE_BOOKS, MANY_MARKETS, ONE_MARKET};
use crate::topic;

/// What Flink must equal.
const TOPICS: [&str; 7] = [
    MARKET_DATA_NORMALIZED,
    HIFA_STAGE1_SIGNALS,
    HIFA_STAGE2_CONTEXT,
    HIFA_STAGE3_RISK,
    TRADING_SIGNALS_FINAL,
    QUALITY_SCORES,
    DEAD_LETTERS,
];
/// How much faster than it was recorded: six minutes in fifteen seconds, so that there is a half-way.
const SPEED: &str = "24";
/// Of the 41,249 messages of the recording.
const HALF_WAY_RECORDS: u64 = 20_000;

/// Every feed of every venue: first all of it, then the job.
pub(crate) fn replayed(system: &System) -> anyhow::Result<()> {
    system.with_cluster(async |cluster| {
        for (name, recordings) in [("replayed", MANY_MARKETS), ("large", LARGE_BOOKS)] {
            let lane = cluster.lane(name).await?;
            program::run(&mut replay(&lane, recordings, "max")?)?;
            let job = cluster.submit(&lane, 2, None).await?;
            let (published, _) = lane.progress().await?;
            lane.wait_committed(&job, published).await?;
            job.cancel().await?;
            ensure!(compare(&lane, recordings)? == 0, "records were repeated although nothing was restarted");
        }
        Ok(())
    })
}

/// While the recording arrives, the TaskManager is killed; another one takes its place.
pub(crate) fn killed(system: &System) -> anyhow::Result<()> {
    system.with_cluster(async |cluster| {
        let lane = cluster.lane("killed").await?;
        let job = cluster.submit(&lane, 2, None).await?;
        let feed = Feed::start(&lane)?;
        lane.wait_committed(&job, HALF_WAY_RECORDS).await?;
        cluster.flink.taskmanager_mut().context("a TaskManager runs")?.kill().await?;
        cluster.flink.start_taskmanager().await?;
        let published = feed.finish(&lane).await?;
        lane.wait_committed(&job, published).await?;
        let restarts = job.restarts().await?;
        job.cancel().await?;
        ensure!(restarts > 0, "the job never noticed that its TaskManager was killed");
        // How many are repeated depends on how long ago the last checkpoint was; that is not ours to demand.
        compare(&lane, ONE_MARKET).map(|_| ())
    })
}

/// While the recording arrives, the job is stopped with a savepoint and resumed with twice as many tasks.
pub(crate) fn rescaled(system: &System) -> anyhow::Result<()> {
    system.with_cluster(async |cluster| {
        let lane = cluster.lane("rescaled").await?;
        let job = cluster.submit(&lane, 1, None).await?;
        let feed = Feed::start(&lane)?;
        lane.wait_committed(&job, HALF_WAY_RECORDS).await?;
        let savepoint = job.stop().await?;
        let (_, at_savepoint) = lane.progress().await?;
        let job = cluster.submit(&lane, 2, Some(savepoint)).await?;
        let published = feed.finish(&lane).await?;
        ensure!(at_savepoint < published, "the job was stopped after the recording's end, not half-way");
        lane.wait_committed(&job, published).await?;
        job.cancel().await?;
        ensure!(
            compare(&lane, ONE_MARKET)? == 0,
            "records were repeated although the job was stopped with a savepoint"
        );
        Ok(())
    })
}

/// The recording on its way into the raw topic; ends with the test at the latest.
struct Feed(Child);

impl Feed {
    fn start(lane: &Lane) -> anyhow::Result<Self> {
        Ok(Self(replay(lane, ONE_MARKET, SPEED)?.spawn().context("start the replay")?))
    }

    /// Waits until everything is published, and says how many records that is.
    async fn finish(mut self, lane: &Lane) -> anyhow::Result<u64> {
        let status = self.0.wait()?;
        ensure!(status.success(), "the replay ended with {status}");
        Ok(lane.progress().await?.0)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // Both fail once it has ended, as it should have.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn replay(lane: &Lane, recordings: &[&str], speed: &str) -> anyhow::Result<Command> {
    let mut command = program::opus2(["replay"])?;
    command.args(program::paths(recordings)).args(["--brokers", &lane.brokers, "--topic", &lane.raw_topic()]);
    command.args(["--speed", speed]);
    Ok(command)
}

/// Complains unless every topic of the lane equals the pipeline's file, and says how many repeats were dropped.
fn compare(lane: &Lane, recordings: &[&str]) -> anyhow::Result<usize> {
    let out = tempfile::tempdir()?;
    let mut pipeline = program::opus2(["pipeline"])?;
    program::run(pipeline.args(program::paths(recordings)).arg("--out").arg(out.path()))?;
    let mut repeats = 0;
    for name in TOPICS {
        let expected = topic::read_file(&out.path().join(format!("{name}.jsonl")))?;
        ensure!(name == DEAD_LETTERS || !expected.is_empty(), "the pipeline wrote no {name} to compare with");
        let mut found = topic::read(&lane.brokers, &lane.topic(name))?;
        repeats += topic::drop_repeats(&mut found)?;
        topic::require_equal(name, &found, &expected)?;
    }
    Ok(repeats)
}
