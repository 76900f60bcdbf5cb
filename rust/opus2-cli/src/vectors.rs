//! `opus2 vectors`: test vectors of the methods reference, through the code that decides.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// Arguments of `opus2 vectors`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files of the form `hifa-vectors/1`.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let (mut passed, mut failed) = (0, 0);
    let mut stdout = std::io::stdout().lock();
    for path in &args.files {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the file of vectors {}", path.display()))?;
        let report = opus2_vectors::run(&text).with_context(|| format!("cannot run {}", path.display()))?;
        for failure in &report.failures {
            writeln!(stdout, "{failure}")?;
        }
        passed += report.passed;
        failed += report.failed;
    }
    writeln!(stdout, "{passed} passed, {failed} failed")?;
    if failed > 0 {
        bail!("{failed} vectors disagree with the code");
    }
    Ok(())
}
