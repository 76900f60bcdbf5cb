//! `opus2 pipeline`.

/// Arguments of `opus2 pipeline`.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    anyhow::bail!("pipeline is not built yet")
}
