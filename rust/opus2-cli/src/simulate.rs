//! `opus2 simulate`.

/// Arguments of `opus2 simulate`.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    anyhow::bail!("simulate is not built yet")
}
