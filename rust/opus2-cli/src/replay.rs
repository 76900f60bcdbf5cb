//! `opus2 replay`.

/// Arguments of `opus2 replay`.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    anyhow::bail!("replay is not built yet")
}
