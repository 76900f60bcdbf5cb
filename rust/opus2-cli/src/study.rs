//! `opus2 study`: what recordings say about the methods.

mod detectors;
mod lobster;
mod normalized;
mod ofi;
mod planted;
mod recorded;
mod report;
mod routing;
mod truth;

use anyhow::Result;
use clap::Subcommand;

/// Arguments of `opus2 study`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    study: Study,
}

#[derive(Subcommand)]
enum Study {
    /// Regress price changes on order flow imbalance: in sample, by half hours, out of sample.
    Ofi(ofi::Args),
    /// Ask what the stages recover of an edge that a simulated market was given, or find where there is none.
    Planted(planted::Args),
    /// Ask which injected episodes of a simulated market the detectors find, and which of their alarms are false.
    Detectors(detectors::Args),
    /// Route a notional over the books of a market every second, and compare with the best venue alone.
    Routing(routing::Args),
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.study {
        Study::Ofi(args) => ofi::run(args),
        Study::Planted(args) => planted::run(args),
        Study::Detectors(args) => detectors::run(args),
        Study::Routing(args) => routing::run(args),
    }
}
