//! The configuration folder of a local Flink.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Distribution, Home, LocalError, Ports};

/// Seconds between checkpoints.
pub const CHECKPOINT_INTERVAL_SECS: u64 = 10;
/// Tasks that the one TaskManager can hold: a job of parallelism 2 while another one is ending.
pub const TASK_SLOTS: u16 = 4;

/// Writes the folder for `FLINK_CONF_DIR`: what the distribution ships, with a `config.yaml` of ours.
pub(crate) fn write_configuration(
    home: &Home,
    ports: &Ports,
    flink: &Distribution,
) -> Result<PathBuf, LocalError> {
    let folder = home.fresh_folder("flink")?;
    let conf = folder.join("conf");
    fs::create_dir_all(&conf).map_err(LocalError::io("create", &conf))?;
    let shipped = flink.folder.join("conf");
    for entry in fs::read_dir(&shipped).map_err(LocalError::io("list", &shipped))? {
        let from = entry.map_err(LocalError::io("list", &shipped))?.path();
        if let Some(name) = from.file_name().filter(|_| from.is_file()) {
            fs::copy(&from, conf.join(name)).map_err(LocalError::io("copy", &from))?;
        }
    }
    let file = conf.join("config.yaml");
    let text = fs::read_to_string(&file).map_err(LocalError::io("read", &file))?;
    let mut config = java_options(&text);
    for (key, value) in settings(&folder, ports) {
        writeln!(config, "{key}: {value}").expect("a String takes everything");
    }
    fs::write(&file, config).map_err(LocalError::io("write", &file))?;
    Ok(conf)
}

/// The line of the shipped configuration that opens the modules of Java 17 to Flink, with our key in front.
/// Empty when the distribution ships none.
fn java_options(shipped: &str) -> String {
    let line =
        shipped.lines().map(str::trim).find(|line| line.contains("--add-opens") && !line.starts_with('#'));
    line.and_then(|line| line.split_once(": "))
        .map(|(_, options)| format!("env.java.opts.all: {options}\n"))
        .unwrap_or_default()
}

/// Flat keys, which Flink reads as well as nested ones.
fn settings(folder: &Path, ports: &Ports) -> Vec<(&'static str, String)> {
    let url = |name: &str| format!("file://{}", folder.join(name).display());
    let text = |value: &str| value.to_owned();
    vec![
        // Everything on loopback; only the two ports that people and programs look for are fixed.
        ("jobmanager.rpc.address", text("127.0.0.1")),
        ("jobmanager.rpc.port", ports.flink_rpc.number.to_string()),
        ("jobmanager.bind-host", text("127.0.0.1")),
        ("taskmanager.host", text("127.0.0.1")),
        ("taskmanager.bind-host", text("127.0.0.1")),
        ("rest.address", text("127.0.0.1")),
        ("rest.bind-address", text("127.0.0.1")),
        ("rest.port", ports.flink_web.number.to_string()),
        ("rest.bind-port", ports.flink_web.number.to_string()),
        // Modest: all processes of the path share one machine with whoever works on it. State is on the heap, so
        // nothing is set aside for RocksDB; what the native operators allocate is `task.off-heap`.
        ("jobmanager.memory.process.size", text("1024m")),
        ("taskmanager.memory.process.size", text("2048m")),
        ("taskmanager.memory.managed.fraction", text("0.0")),
        ("taskmanager.memory.task.off-heap.size", text("384m")),
        ("taskmanager.memory.network.max", text("128m")),
        ("taskmanager.numberOfTaskSlots", TASK_SLOTS.to_string()),
        ("parallelism.default", text("2")),
        ("io.tmp.dirs", folder.join("tmp").display().to_string()),
        ("web.upload.dir", folder.join("upload").display().to_string()),
        ("state.backend.type", text("hashmap")),
        ("execution.checkpointing.interval", format!("{CHECKPOINT_INTERVAL_SECS} s")),
        ("execution.checkpointing.dir", url("checkpoints")),
        ("execution.checkpointing.savepoint-dir", url("savepoints")),
        // A lost TaskManager is noticed in seconds. Its job waits for another one: without the long start-up time, a
        // standalone JobManager refuses at once what the TaskManagers it has cannot give, and a job is out of attempts
        // before a new TaskManager has registered.
        ("heartbeat.interval", text("2 s")),
        ("heartbeat.timeout", text("8 s")),
        ("slot.request.timeout", text("120 s")),
        ("resourcemanager.standalone.start-up-time", text("86400000 ms")),
        ("restart-strategy.type", text("fixed-delay")),
        ("restart-strategy.fixed-delay.attempts", text("20")),
        ("restart-strategy.fixed-delay.delay", text("1 s")),
        // Counts that are at most a second old.
        ("metrics.fetcher.update-interval", text("1000")),
        ("metrics.latency.granularity", text("operator")),
        ("metrics.reporters", text("prom")),
        (
            "metrics.reporter.prom.factory.class",
            text("org.apache.flink.metrics.prometheus.PrometheusReporterFactory"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_java_options_are_kept() {
        let shipped =
            "# all: --add-opens=x\nenv:\n  java:\n    opts:\n      all: --add-exports=a --add-opens=b\n";
        assert_eq!(java_options(shipped), "env.java.opts.all: --add-exports=a --add-opens=b\n");
        assert_eq!(java_options("parallelism:\n  default: 1\n"), "");
    }

    #[test]
    fn no_setting_is_given_twice() {
        let settings = settings(Path::new("/x"), &Ports::documented());
        let keys: std::collections::BTreeSet<_> = settings.iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), settings.len());
    }
}
