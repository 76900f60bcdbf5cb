//! `opus2 bench-e2e`: how long from the wire to a signal, and how many records a second, on this machine.
//!
//! Everything is measured on the processes that `opus2 up` starts. Latency is open-loop: the simulated venue keeps its
//! schedule whatever the system does, and a message's time begins when it is sent. The bare hop (producer → broker →
//! consumer, messages of the same rate and size, the daemon's own producer settings) is measured on the same broker in
//! the same run, because absolute times of a shared machine mean little alone. Throughput compares the job with
//! operators that only copy and the job with the real ones, over one filled topic.

mod fill;
mod hop;
mod path;
mod report;
mod system;
mod throughput;
mod topic;

use std::io::Write;
use std::time::Duration;

use anyhow::Context;

use report::Report;
use system::System;

/// Arguments of `opus2 bench-e2e`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Messages a second of the simulated venue, all instruments together.
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Instruments of the simulated venue. Its first five share four markets.
    #[arg(long, value_name = "N", default_value_t = 51)]
    instruments: u32,
    /// Seconds of traffic before measuring: the JVM compiles what it runs often.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    warm_up: u64,
    /// Seconds of measuring, for the path and for each bare hop.
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    secs: u64,
    /// How often each job runs over the filled topic; 0 leaves throughput out.
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: u32,
    /// Raw records in the filled topic, at least: what the latency run left is published again until it is so many.
    #[arg(long, value_name = "N", default_value_t = 3_000_000)]
    records: u64,
    /// Tasks per step in Flink.
    #[arg(long, value_name = "N", default_value_t = 2)]
    parallelism: u16,
    /// Folder of the cluster under `.local`.
    #[arg(long, value_name = "NAME", default_value = "bench")]
    name: String,
    /// Print one JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

/// Starts the system, measures, stops it.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    let system = System::start(args)?;
    let measured = runtime.block_on(async {
        tokio::select! {
            report = measure(args, &system) => report,
            () = asked_to_end() => Err(anyhow::anyhow!("interrupted")),
        }
    });
    // A measurement that was interrupted may still hold a thread for a while.
    runtime.shutdown_background();
    let stopped = system.stop();
    let report = measured?;
    stopped?;
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        serde_json::to_writer_pretty(&mut out, &report)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        write!(out, "{report}")
    };
    written.context("print the report")
}

async fn measure(args: &Args, system: &System) -> anyhow::Result<Report> {
    let measured = Duration::from_secs(args.secs);
    say(&format!("warming up for {} s", args.warm_up));
    tokio::time::sleep(Duration::from_secs(args.warm_up)).await;
    say(&format!("wire to signal, {} s", args.secs));
    let before = system.counts().await?;
    let path = path::measure(system.brokers(), measured).await?;
    let after = system.counts().await?;
    let size = after.raw_bytes_mean(&before)?;
    let hop =
        hop::Hop { rate: args.rate, instruments: args.instruments, value_bytes: size, length: measured };
    say(&format!("bare hop beside it, {} s", args.secs));
    let beside = hop.measure(system.brokers()).await?;
    system.pause().await?;
    say(&format!("bare hop alone, {} s", args.secs));
    let alone = hop.measure(system.brokers()).await?;
    let job = system.job().await?;
    system.flink().cancel(&job).await?;
    let throughput = match args.rounds {
        0 => None,
        _ => Some(throughput::measure(args, system).await?),
    };
    Ok(Report {
        rate: args.rate,
        instruments: args.instruments,
        parallelism: args.parallelism,
        secs: args.secs,
        raw_value_bytes_mean: size,
        messages_per_sec: after.sent_per_sec(&before),
        simulator_late_ms_max: after.simulator_late_ms_max,
        path,
        hop_alone: alone,
        hop_beside: beside,
        throughput,
    })
}

/// Waits for Ctrl-C or a termination: what was started has to be stopped then too.
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| say(&format!("cannot listen to signals: {error}")));
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (listen(SignalKind::interrupt()), listen(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Progress is for people and goes where results do not.
fn say(what: &str) {
    eprintln!("bench-e2e: {what}");
}
