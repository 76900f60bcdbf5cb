//! `opus2 books`.

/// Arguments of `opus2 books`.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    anyhow::bail!("books is not built yet")
}
