//! `opus2 watch`.

/// Arguments of `opus2 watch`.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    anyhow::bail!("watch is not built yet")
}
