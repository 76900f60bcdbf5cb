//! Records a second over a filled topic: the job with operators that copy, and with the real ones.

use std::time::Duration;

use anyhow::Context;
use opus2_local::{FlinkClient, JOB_CLASS, JOB_JAR, JobRequest, JobState};
use opus2_types::Venue;
use opus2_wire::topic::{
    DEAD_LETTERS, HIFA_STAGE1_SIGNALS, HIFA_STAGE2_CONTEXT, HIFA_STAGE3_RISK, MARKET_DATA_NORMALIZED,
    QUALITY_SCORES, TRADING_SIGNALS_FINAL, raw_l2,
};
use serde::Serialize;

use super::system::System;
use super::{Args, fill, say, topic};

const FILLED: &str = "bench_raw";
/// Where the copying job writes what comes out at its end, after its prefix.
const COPIED: &str = "copied";
const PARTITIONS: i32 = 4;
const JOB_SECS_MAX: Duration = Duration::from_secs(900);

/// The two jobs, in rounds of one after the other.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Throughput {
    /// Records in the filled topic.
    pub(super) records: u64,
    /// Records a second of every round, operators `copy,copy`.
    pub(super) copy_per_sec: Vec<f64>,
    /// Records a second of every round, operators `normalize,signal`.
    pub(super) hifa_per_sec: Vec<f64>,
}

impl Throughput {
    /// The median of the rounds with the real operators over that of the rounds that copy.
    pub(super) fn ratio(&self) -> f64 {
        median(&self.hifa_per_sec) / median(&self.copy_per_sec)
    }
}

/// The middle one; of an even number the lower of the two in the middle. NaN of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Fills the topic and runs the jobs.
pub(super) async fn measure(args: &Args, system: &System) -> anyhow::Result<Throughput> {
    let brokers = system.brokers();
    say(&format!("filling a topic with {} records", args.records));
    topic::create(brokers, &[FILLED], PARTITIONS).await?;
    let (address, wanted) = (brokers.to_owned(), args.records);
    let filling = move || fill::fill(&address, raw_l2(Venue::Binance), FILLED, wanted);
    let records = tokio::task::spawn_blocking(filling).await.context("fill a topic")??;
    let here = std::env::current_dir().context("find the current folder")?;
    let home = opus2_local::Home::find(&here, &args.name)?;
    let jar = system.flink().upload(&home.repository().join(JOB_JAR)).await?;
    let mut throughput = Throughput { records, copy_per_sec: Vec::new(), hifa_per_sec: Vec::new() };
    for round in 1..=args.rounds {
        say(&format!("round {round} of {}: copy,copy", args.rounds));
        let job = format!("bench_copy_{round}");
        let copy = run(args, system, &jar, (&job, &["copy,copy", "--main-topic", COPIED])).await?;
        throughput.copy_per_sec.push(per_sec(records, copy));
        say(&format!("round {round} of {}: normalize,signal", args.rounds));
        let job = format!("bench_hifa_{round}");
        let hifa = run(args, system, &jar, (&job, &["normalize,signal"])).await?;
        throughput.hifa_per_sec.push(per_sec(records, hifa));
    }
    Ok(throughput)
}

fn per_sec(records: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let records = records as f64;
    records / took.as_secs_f64()
}

/// Runs one bounded job to its end; gives how long Flink says it ran, its start included.
async fn run(
    args: &Args,
    system: &System,
    jar: &str,
    (name, operators): (&str, &[&str]),
) -> anyhow::Result<Duration> {
    // Topics of its own: deleting one takes the broker a moment.
    let prefix = format!("{name}_");
    let names = [
        MARKET_DATA_NORMALIZED,
        HIFA_STAGE1_SIGNALS,
        HIFA_STAGE2_CONTEXT,
        HIFA_STAGE3_RISK,
        TRADING_SIGNALS_FINAL,
        QUALITY_SCORES,
        DEAD_LETTERS,
        COPIED,
    ];
    let output = names.map(|topic| format!("{prefix}{topic}"));
    let topics: Vec<&str> = output.iter().map(String::as_str).collect();
    topic::create(system.brokers(), &topics, PARTITIONS).await?;
    let options = ["--brokers", system.brokers(), "--raw-topics", FILLED, "--start", "earliest", "--bounded"];
    let more = ["--group", name, "--job-name", name, "--topic-prefix", &prefix, "--restart-attempts", "0"];
    let arguments = options.iter().chain(&more).chain(&["--operators"]).chain(operators);
    let request = JobRequest {
        entry_class: JOB_CLASS.to_owned(),
        program_args_list: arguments.map(|&argument| argument.to_owned()).collect(),
        parallelism: args.parallelism,
        savepoint_path: None,
    };
    let flink: &FlinkClient = system.flink();
    let job = flink.run(jar, &request).await?;
    flink.wait_ended(&job, &JobState::Finished, JOB_SECS_MAX).await?;
    let page = system.flink_page(&format!("/jobs/{job}")).await?;
    let at = |state: &str| {
        page["timestamps"][state].as_u64().with_context(|| format!("Flink tells no time of {state}"))
    };
    let took = Duration::from_millis(at("FINISHED")?.saturating_sub(at("RUNNING")?));
    // The output is of no more use, and gigabytes.
    topic::delete(system.brokers(), &topics).await?;
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_round_does_not_move_the_ratio() {
        let throughput = Throughput {
            records: 1,
            copy_per_sec: vec![100.0, 10.0, 104.0],
            hifa_per_sec: vec![50.0, 52.0, 1.0],
        };
        assert_eq!(throughput.ratio().to_bits(), 0.5f64.to_bits());
        assert!(median(&[]).is_nan());
        assert_eq!(median(&[2.0, 1.0]).to_bits(), 1.0f64.to_bits());
    }
}
