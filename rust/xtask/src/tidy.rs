//! What review would say twice, as a command: every finding has a place, a fact, and what to do about it.
//!
//! Each check is a function from what was read to findings, so that its tests need no files. To add a rule, add a line to
//! the table of its module.

mod crates;
mod documents;
mod fences;
mod java;
mod layers;
mod sizes;
mod sources;
mod words;

use std::fmt;

use anyhow::bail;

use crate::tree;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// From 1; 0 for the file as a whole.
    line: usize,
    what: String,
    /// What to do about it.
    advice: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}\n    {}", self.path, self.what, self.advice),
            line => write!(f, "{}:{line}: {}\n    {}", self.path, self.what, self.advice),
        }
    }
}

/// Runs every check; fails when there is a finding.
pub(crate) fn run() -> anyhow::Result<()> {
    let files = tree::files()?;
    let crates = tree::crates()?;
    let mut findings = Vec::new();
    findings.extend(layers::check(&crates));
    findings.extend(fences::check(&crates));
    findings.extend(crates::check(&crates, &files));
    findings.extend(sources::check(&files));
    findings.extend(java::check(&files));
    findings.extend(sizes::check(&files));
    findings.extend(words::check(&files));
    findings.extend(documents::check(&files));
    findings.sort();
    if findings.is_empty() {
        println!("tidy: {} files and {} crates are in order", files.len(), crates.len());
        return Ok(());
    }
    let list: Vec<String> = findings.iter().map(Finding::to_string).collect();
    bail!("{}\ntidy: {} findings", list.join("\n"), list.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Crate, Dependency, File};

    /// A file for tests of checks.
    pub(super) fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), bytes: text.len() as u64, text: Some(text.to_owned()) }
    }

    /// A crate for tests of checks; a dependency is a `dev` one when it starts with `dev:`.
    pub(super) fn crate_of(name: &str, dependencies: &[&str]) -> Crate {
        let dependencies = dependencies.iter().map(|name| {
            let (is_dev, name) = name.strip_prefix("dev:").map_or((false, *name), |name| (true, name));
            Dependency { name: name.to_owned(), is_dev }
        });
        Crate {
            name: name.to_owned(),
            manifest: format!("rust/{name}/Cargo.toml"),
            dependencies: dependencies.collect(),
        }
    }

    /// Findings as `path:line: what`, without advice.
    pub(super) fn whats(findings: Vec<Finding>) -> Vec<String> {
        findings
            .into_iter()
            .map(|finding| {
                assert!(!finding.advice.is_empty(), "advice is missing: {finding:?}");
                format!("{}:{}: {}", finding.path, finding.line, finding.what)
            })
            .collect()
    }

    #[test]
    fn a_finding_prints_its_place_what_it_is_and_what_to_do() {
        let finding = Finding::new("a.rs", 3, "it is long", "split it");
        assert_eq!(finding.to_string(), "a.rs:3: it is long\n    split it");
        let finding = Finding::new("a.rs", 0, "it is long", "split it");
        assert_eq!(finding.to_string(), "a.rs: it is long\n    split it");
    }
}
