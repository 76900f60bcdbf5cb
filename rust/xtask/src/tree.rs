//! The repository's files and crates, read once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// The largest file that is read as text; a larger one is a finding in itself.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// A file that is in the repository, or would be after `git add`.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// `None` when the file is too large or not UTF-8.
    pub(crate) text: Option<String>,
}

impl File {
    /// The lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.as_deref().unwrap_or_default().lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

/// Every file git knows or would add.
pub(crate) fn files() -> anyhow::Result<Vec<File>> {
    let root = root();
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .current_dir(&root)
        .output()
        .context("cannot run git; install it")?;
    ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).context("a file name is not UTF-8; rename it")?;
    let mut files = Vec::new();
    for path in listed.split_terminator('\0') {
        // A file that is deleted but not yet committed is listed still.
        let Ok(metadata) = fs::metadata(root.join(path)) else { continue };
        let bytes = metadata.len();
        let text = if bytes > FILE_BYTES_MAX { None } else { fs::read_to_string(root.join(path)).ok() };
        files.push(File { path: path.to_owned(), bytes, text });
    }
    Ok(files)
}

/// A crate of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Crate {
    pub(crate) name: String,
    /// Its manifest, relative to the root.
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a crate's manifest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Only for tests, benches and examples.
    pub(crate) is_dev: bool,
}

/// The workspace's crates.
pub(crate) fn crates() -> anyhow::Result<Vec<Crate>> {
    let root = root();
    let metadata = MetadataCommand::new()
        .current_dir(&root)
        .no_deps()
        .exec()
        .context("cargo metadata: correct the manifest it names")?;
    let crates = metadata.packages.iter().map(|package| {
        let manifest = package.manifest_path.strip_prefix(&root).unwrap_or(&package.manifest_path);
        let dependencies = package.dependencies.iter().map(|dependency| Dependency {
            name: dependency.name.clone(),
            is_dev: dependency.kind == DependencyKind::Development,
        });
        Crate {
            name: package.name.to_string(),
            manifest: manifest.to_string(),
            dependencies: dependencies.collect(),
        }
    });
    Ok(crates.collect())
}
