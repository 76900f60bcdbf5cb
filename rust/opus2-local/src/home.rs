//! Where a cluster's files live.

use std::fs;
use std::path::{Path, PathBuf};

use crate::LocalError;

/// The folder of one local cluster, and the folder of the distributions that all clusters share.
#[derive(Debug, Clone)]
pub struct Home {
    repository: PathBuf,
    run: PathBuf,
}

impl Home {
    /// The cluster called `name` of the repository at or above `from`; `opus2 up` calls its own `run`.
    ///
    /// # Errors
    /// [`LocalError::NotARepository`].
    pub fn find(from: &Path, name: &str) -> Result<Self, LocalError> {
        let repository = from
            .ancestors()
            .find(|folder| folder.join("gradle/broker/build.gradle").is_file())
            .ok_or_else(|| LocalError::NotARepository { from: from.to_path_buf() })?;
        Ok(Self { repository: repository.to_path_buf(), run: repository.join(".local").join(name) })
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// Where the distributions are kept.
    #[must_use]
    pub fn distributions(&self) -> PathBuf {
        self.repository.join(".local")
    }

    /// This cluster's folder.
    #[must_use]
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// The log of a process.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.run.join("logs").join(format!("{name}.log"))
    }

    /// The note about a running process.
    pub(crate) fn pid_file(&self, name: &str) -> PathBuf {
        self.pids().join(format!("{name}.json"))
    }

    /// Where the notes about running processes are.
    pub(crate) fn pids(&self) -> PathBuf {
        self.run.join("pids")
    }

    /// An empty folder of this cluster: what an earlier run left there is removed.
    ///
    /// # Errors
    /// [`LocalError::Io`].
    pub fn fresh_folder(&self, name: &str) -> Result<PathBuf, LocalError> {
        let path = self.run.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(LocalError::io("remove", &path))?;
        }
        fs::create_dir_all(&path).map_err(LocalError::io("create", &path))?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_found_from_a_folder_below() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let home = Home::find(&here.join("src"), "run").unwrap();
        assert!(home.repository().join("Cargo.lock").is_file());
        assert_eq!(home.run(), home.repository().join(".local/run"));
    }

    #[test]
    fn outside_a_repository_the_error_says_where_to_go() {
        let error = Home::find(Path::new("/"), "run").unwrap_err();
        assert!(error.to_string().contains("inside a clone"), "{error}");
    }

    #[test]
    fn a_fresh_folder_keeps_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home { repository: folder.path().into(), run: folder.path().join("run") };
        let kept = home.fresh_folder("kafka").unwrap().join("old");
        fs::write(&kept, "x").unwrap();
        home.fresh_folder("kafka").unwrap();
        assert!(!kept.exists());
    }
}
