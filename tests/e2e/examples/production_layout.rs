//! By hand: the topics of a whole cluster on one broker, and the job over all of them. What it costs is in docs/performance.md.
//!
//! `scripts/build && cargo run -p opus2-e2e --example production_layout -- RECORDING…`

#![expect(clippy::print_stdout, reason = "what it measures is what it prints")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use opus2_local::{
    Broker, Flink, Home, JOB_CLASS, JOB_JAR, JobRequest, Settings, TopicLayout, TopicPlan, apply_plan,
    ask_topics, end_offset, group_offset, install_flink, install_kafka, stop_all,
};
use opus2_wire::topic;
use procfs::WithCurrentSystemInfo as _;

const PARALLELISM: u16 = 2;
const GROUP: &str = "production-layout";
/// How long anything may take before it is given up.
const TIMEOUT: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let home = Home::find(repository, "production-layout")?;
    let settings = Settings::from_env()?.with_free_ports()?;
    stop_all(&home).await?;
    let (kafka, flink) = (install_kafka(&home)?, install_flink(&home, &settings)?);
    let mut broker = Broker::start(&home, &settings, &kafka).await?;
    let mut flink = Flink::start(&home, &settings, &flink).await?;
    let measured = measure(&mut broker, &mut flink, repository).await;
    flink.stop().await?;
    broker.stop().await?;
    measured
}

async fn measure(broker: &mut Broker, flink: &mut Flink, repository: &Path) -> anyhow::Result<()> {
    show(broker, flink, "empty")?;
    let partitions = make_topics(broker).await?;
    show(broker, flink, &format!("{partitions} partitions"))?;
    let started = Instant::now();
    let client = flink.client().clone();
    let jar = client.upload(&repository.join(JOB_JAR)).await?;
    let arguments = ["--brokers", broker.address(), "--group", GROUP, "--start", "earliest"];
    let request = JobRequest {
        entry_class: JOB_CLASS.to_owned(),
        program_args_list: arguments.map(str::to_owned).to_vec(),
        parallelism: PARALLELISM,
        savepoint_path: None,
    };
    let job = client.run(&jar, &request).await?;
    client.wait_running(&job, TIMEOUT).await?;
    println!("job over all raw topics, parallelism {PARALLELISM}: running after {:.1} s", seconds(started));
    let recordings: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if !recordings.is_empty() {
        replay(broker, repository, &recordings)?;
        let raw = topic::raw_l2(opus2_types::Venue::Binance);
        let published = end_offset(broker.address(), raw)?;
        let started = Instant::now();
        while group_offset(broker.address(), GROUP, raw)? < published {
            ensure!(started.elapsed() < TIMEOUT, "the job does not get to the end of {raw}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        println!(
            "{published} records on {raw}, all committed {:.1} s after the last was published",
            seconds(started)
        );
        for name in [topic::MARKET_DATA_NORMALIZED, topic::HIFA_STAGE1_SIGNALS, topic::QUALITY_SCORES] {
            println!("{:>9} records on {name}", end_offset(broker.address(), name)?);
        }
    }
    let checkpoints = client.checkpoints_completed(&job).await?;
    show(broker, flink, &format!("job running, {checkpoints} checkpoints"))?;
    client.cancel(&job).await?;
    Ok(())
}

/// The production profile, one copy each, until every partition serves.
async fn make_topics(broker: &Broker) -> anyhow::Result<i32> {
    let mut wanted = TopicLayout::built_in().topics("production")?;
    for topic in &mut wanted {
        topic.replication = 1;
        topic.settings.insert("min.insync.replicas".into(), "1".into());
    }
    let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
    let started = Instant::now();
    let plan = TopicPlan::new(&wanted, &ask_topics(broker.address(), &names).await?);
    apply_plan(broker.address(), &plan).await?;
    let shown = seconds(started);
    // The broker tells of partitions before it has made their files: only an answer about its end proves one.
    for name in &names {
        while let Err(error) = end_offset(broker.address(), name) {
            if started.elapsed() > TIMEOUT {
                return Err(error).with_context(|| format!("{name} does not serve"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    let partitions = wanted.iter().map(|topic| topic.partitions).sum();
    println!(
        "{partitions} partitions: shown after {shown:.1} s, each has answered after {:.1} s",
        seconds(started)
    );
    let started = Instant::now();
    let again = TopicPlan::new(&wanted, &ask_topics(broker.address(), &names).await?);
    ensure!(again == TopicPlan::default(), "a second time there is something to do: {again:?}");
    println!("compared again, nothing to change: {:.1} s", seconds(started));
    Ok(partitions)
}

fn replay(broker: &Broker, repository: &Path, recordings: &[PathBuf]) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut command = Command::new(repository.join("target/release/opus2"));
    command.arg("replay").args(recordings).args(["--brokers", broker.address(), "--speed", "max"]);
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("recording published in {:.1} s", seconds(started));
    Ok(())
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

/// What the processes hold now.
fn show(broker: &mut Broker, flink: &mut Flink, when: &str) -> anyhow::Result<()> {
    let broker = broker.service_mut().context("the broker is ours")?.pid();
    let taskmanager = flink.taskmanager_mut().context("a TaskManager runs")?.pid();
    let jobmanager = flink.jobmanager_mut().pid();
    for (name, pid) in [("broker", broker), ("TaskManager", taskmanager), ("JobManager", jobmanager)] {
        let process = procfs::process::Process::new(pid)?;
        let stat = process.stat()?;
        println!(
            "{when}: {name:<11} {:>6} MiB resident, {:>6} files open, {:>7.1} s of processor time",
            stat.rss_bytes().get() >> 20,
            process.fd_count()?,
            f64::from(u32::try_from(stat.utime + stat.stime)?)
                / f64::from(u32::try_from(procfs::ticks_per_second())?),
        );
    }
    Ok(())
}
