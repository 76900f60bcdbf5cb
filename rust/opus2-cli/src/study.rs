//! `opus2 study`: what recordings say about the methods.

mod lobster;
mod normalized;
mod ofi;
mod recorded;
mod report;
mod routing;

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
    /// Route a notional over the books of a market every second, and compare with the best venue alone.
    Routing(routing::Args),
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.study {
        Study::Ofi(args) => ofi::run(args),
        Study::Routing(args) => routing::run(args),
    }
}
