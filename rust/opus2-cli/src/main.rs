//! The `opus2` command: arguments in, one subcommand's file each, errors printed with their chain.

mod audit;
mod bench_e2e;
mod bench_ingest;
mod books;
mod delivery;
mod explain;
mod faults;
mod fit;
mod ingest;
mod pipeline;
mod recording;
mod replay;
mod simulate;
mod simulated;
mod study;
mod topics;
mod up;
mod vectors;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Order-flow decisions for crypto markets: live feeds, simulated venues, recordings, and the operators over them.
#[derive(Parser)]
#[command(name = "opus2", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Hold live feeds and publish raw frames to the broker.
    Ingest(ingest::Args),
    /// Serve simulated venues on loopback, from a seeded market model, or record them in simulated time.
    Simulate(simulate::Args),
    /// Publish a recording to the broker as ingest would.
    Replay(replay::Args),
    /// Rebuild the books of a recording and say how right they are.
    Books(books::Args),
    /// Run the operators over a recording in this process, one JSONL file per output topic.
    Pipeline(pipeline::Args),
    /// Fit a decision model to a recording by walk-forward rules, and say what it is worth.
    Fit(fit::Args),
    /// Verify that decisions are those that were made.
    Audit(audit::Args),
    /// Show one decision: what, why, at what cost, and the books it saw.
    Explain(explain::Args),
    /// Run test vectors of the methods reference through the code that decides.
    Vectors(vectors::Args),
    /// Measure on recordings what order flow explains and what routing saves.
    Study(study::Args),
    /// Watch a running system: rates per step, latency, last signals.
    Watch(watch::Args),
    /// Make a broker's topics what `config/topics.toml` says.
    Topics(topics::Args),
    /// Start the whole system on this machine, watch it, and say at the end whether every count agrees.
    Up(up::Args),
    /// Stop what `up --keep` left running.
    Down(up::DownArgs),
    /// Let everything go wrong between simulated venues and our books, many times, and say what was noticed.
    Faults(faults::Args),
    /// Measure latency from the wire to a signal and throughput, beside their floors in the same run.
    BenchE2e(bench_e2e::Args),
    /// Measure what it costs to follow a thousand books and more, beside a bare producer in the same run.
    BenchIngest(bench_ingest::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Ingest(args) => ingest::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Books(args) => books::run(&args),
        Command::Pipeline(args) => pipeline::run(&args),
        Command::Fit(args) => fit::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Vectors(args) => vectors::run(&args),
        Command::Study(args) => study::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Topics(args) => topics::run(&args),
        Command::Up(args) => up::run(&args),
        Command::Down(args) => up::down(&args),
        Command::Faults(args) => faults::run(&args),
        Command::BenchE2e(args) => bench_e2e::run(&args),
        Command::BenchIngest(args) => bench_ingest::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("opus2: {error:#}");
            ExitCode::FAILURE
        }
    }
}
