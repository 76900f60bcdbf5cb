//! Fetches the distributions through the ordinary package clients, once.
//!
//! Each lands in a folder of its own under `.local/`, first beside its final name: a fetch that was interrupted is
//! never mistaken for a complete one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::broker::KAFKA_VERSION;
use crate::flink::FLINK_VERSION;
use crate::program::{require_program, run_program};
use crate::{Home, LocalError, Settings, require_free_disk};

/// What unpacking Flink takes, twice while it is being moved. MiB.
const FLINK_MIB: u64 = 1_200;

/// An installed distribution.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// Its folder: of Flink the one with `bin/`, `lib/` and `conf/`; of Kafka the one with the jars.
    pub folder: PathBuf,
}

/// Flink: `FLINK_HOME`, or the two Python wheels that together are a complete distribution. Nothing of Python is used
/// but its package client, so that the wheels of one Python version serve every other.
///
/// # Errors
/// [`LocalError::ProgramMissing`], [`LocalError::ProgramFailed`], [`LocalError::DiskLow`], [`LocalError::Io`].
pub fn install_flink(home: &Home, settings: &Settings) -> Result<Distribution, LocalError> {
    if let Some(folder) = &settings.flink_home {
        let script = folder.join("bin/jobmanager.sh");
        fs::metadata(&script)
            .map_err(LocalError::io("FLINK_HOME is no Flink distribution: look for", script))?;
        return Ok(Distribution { folder: folder.clone() });
    }
    let wheels = home.distributions().join(format!("flink-{FLINK_VERSION}"));
    let folder = wheels.join("pyflink");
    if folder.join("bin/jobmanager.sh").is_file() {
        return Ok(Distribution { folder });
    }
    require_free_disk(&home.distributions(), FLINK_MIB)?;
    require_program("python3", "it fetches Flink", "apt-get install python3-pip")?;
    tracing::info!(version = FLINK_VERSION, "fetching Flink, about 300 MB, once");
    fetch_into(&wheels, |folder| {
        let mut command = Command::new("python3");
        command.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]);
        command.args(["--python-version=3.11", "--implementation=cp", "--platform=manylinux2014_x86_64"]);
        command.arg("--target").arg(folder);
        command.arg(format!("apache-flink=={FLINK_VERSION}"));
        command.arg(format!("apache-flink-libraries=={FLINK_VERSION}"));
        run_program(&mut command)
    })?;
    Ok(Distribution { folder })
}

/// Kafka: the broker and what it needs, resolved by Gradle from Maven Central.
///
/// # Errors
/// As [`install_flink`].
pub fn install_kafka(home: &Home) -> Result<Distribution, LocalError> {
    let folder = home.distributions().join(format!("kafka-{KAFKA_VERSION}"));
    if folder.join(format!("kafka_2.13-{KAFKA_VERSION}.jar")).is_file() {
        return Ok(Distribution { folder });
    }
    require_program("gradle", "it fetches Kafka", "apt-get install gradle openjdk-17-jdk-headless")?;
    tracing::info!(version = KAFKA_VERSION, "fetching Kafka, about 60 MB, once");
    let project = home.repository().join("gradle/broker");
    fetch_into(&folder, |folder| {
        let mut command = Command::new("gradle");
        command.arg("--quiet").arg("--project-dir").arg(&project).arg("copyBroker");
        command.arg("--project-cache-dir").arg(home.distributions().join("gradle"));
        command.arg(format!("-PkafkaVersion={KAFKA_VERSION}"));
        command.arg(format!("-Pinto={}", folder.display()));
        run_program(&mut command)
    })?;
    Ok(Distribution { folder })
}

/// Fills a folder beside `target` and gives it its name when it is complete.
fn fetch_into(target: &Path, fetch: impl FnOnce(&Path) -> Result<(), LocalError>) -> Result<(), LocalError> {
    let mut partial = target.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(LocalError::io("remove", &partial))?;
    }
    fs::create_dir_all(&partial).map_err(LocalError::io("create", &partial))?;
    fetch(&partial)?;
    if target.exists() {
        fs::remove_dir_all(target).map_err(LocalError::io("remove", target))?;
    }
    fs::rename(&partial, target).map_err(LocalError::io("rename to", target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_fetch_is_not_taken_for_a_complete_one() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("flink-1.2.3");
        let full = LocalError::DiskLow { path: target.clone(), free_mib: 0, needed_mib: 1 };
        fetch_into(&target, |partial| {
            fs::write(partial.join("half"), "").unwrap();
            Err(full)
        })
        .unwrap_err();
        assert!(!target.exists());
        fetch_into(&target, |partial| {
            fs::write(partial.join("whole"), "").unwrap();
            Ok(())
        })
        .unwrap();
        assert!(target.join("whole").exists() && !target.join("half").exists());
    }
}
