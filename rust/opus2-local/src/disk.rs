//! Room on the disk.

use std::path::Path;

use crate::LocalError;

/// What a local cluster needs to start: the broker's segments, checkpoints and logs of a long session. MiB.
pub const DISK_FREE_MIB_MIN: u64 = 3 * 1024;

/// Refuses to go on when the file system of `path` has less than `needed_mib` free.
///
/// # Errors
/// [`LocalError::DiskLow`], or [`LocalError::Io`] when it cannot be asked.
pub fn require_free_disk(path: &Path, needed_mib: u64) -> Result<(), LocalError> {
    let existing = path.ancestors().find(|folder| folder.exists()).unwrap_or(path);
    let stat = rustix::fs::statvfs(existing).map_err(|errno| LocalError::Io {
        what: "ask for the free space of",
        path: existing.to_path_buf(),
        source: errno.into(),
    })?;
    let free_mib = stat.f_bavail.saturating_mul(stat.f_frsize) / (1024 * 1024);
    if free_mib < needed_mib {
        return Err(LocalError::DiskLow { path: existing.to_path_buf(), free_mib, needed_mib });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_refused_with_its_number() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("not/there/yet");
        require_free_disk(&here, 1).unwrap();
        let error = require_free_disk(&here, u64::MAX).unwrap_err().to_string();
        assert!(error.contains("MiB are free at") && error.contains(&u64::MAX.to_string()), "{error}");
    }
}
