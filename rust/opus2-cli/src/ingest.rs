//! `opus2 ingest`.

/// Arguments of `opus2 ingest`.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    anyhow::bail!("ingest is not built yet")
}
