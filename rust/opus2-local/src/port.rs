//! Ports: which ones a cluster uses, whether they are free, and who holds them if not.

use std::net::{Ipv4Addr, TcpListener};

use crate::LocalError;

/// A port of the local cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// What listens there.
    pub purpose: &'static str,
    /// The environment variable that changes it.
    pub setting: &'static str,
}

/// Every port of a local cluster, all on loopback.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The broker, for clients.
    pub broker: Port,
    /// The broker's controller, for the broker itself.
    pub controller: Port,
    /// Flink's web page and REST interface.
    pub flink_web: Port,
    /// Flink's JobManager, for a TaskManager.
    pub flink_rpc: Port,
    /// Prometheus metrics of the JobManager.
    pub jobmanager_metrics: Port,
    /// Prometheus metrics of the TaskManager.
    pub taskmanager_metrics: Port,
    /// The simulated venue.
    pub simulator: Port,
    /// Prometheus metrics of ingest.
    pub ingest_metrics: Port,
}

impl Ports {
    /// The ports that the documentation names.
    #[must_use]
    pub const fn documented() -> Self {
        Self {
            broker: port(9092, "Kafka broker", "OPUS2_PORT_BROKER"),
            controller: port(9093, "Kafka controller", "OPUS2_PORT_CONTROLLER"),
            flink_web: port(8081, "Flink web page and REST", "OPUS2_PORT_FLINK_WEB"),
            flink_rpc: port(6123, "Flink JobManager", "OPUS2_PORT_FLINK_RPC"),
            jobmanager_metrics: port(9249, "JobManager metrics", "OPUS2_PORT_JOBMANAGER_METRICS"),
            taskmanager_metrics: port(9250, "TaskManager metrics", "OPUS2_PORT_TASKMANAGER_METRICS"),
            simulator: port(9470, "simulated venue", "OPUS2_PORT_SIMULATOR"),
            ingest_metrics: port(9464, "ingest metrics", "OPUS2_PORT_INGEST_METRICS"),
        }
    }

    /// Ports that are free now, for tests: nobody promises that they stay so.
    ///
    /// # Errors
    /// [`LocalError::Io`] when the system has none to give.
    pub fn free() -> Result<Self, LocalError> {
        let mut ports = Self::documented();
        // All are held at once, so that no two are the same.
        let mut held = Vec::new();
        for port in ports.each_mut() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
            let listener = listener.map_err(LocalError::io("ask for a free port on", "127.0.0.1"))?;
            let address = listener.local_addr().map_err(LocalError::io("read the port of", "127.0.0.1"))?;
            port.number = address.port();
            held.push(listener);
        }
        Ok(ports)
    }

    /// Each of them.
    #[must_use]
    pub fn each(mut self) -> [Port; 8] {
        self.each_mut().map(|port| *port)
    }

    /// Each of them, to change its number.
    pub(crate) fn each_mut(&mut self) -> [&mut Port; 8] {
        [
            &mut self.broker,
            &mut self.controller,
            &mut self.flink_web,
            &mut self.flink_rpc,
            &mut self.jobmanager_metrics,
            &mut self.taskmanager_metrics,
            &mut self.simulator,
            &mut self.ingest_metrics,
        ]
    }
}

const fn port(number: u16, purpose: &'static str, setting: &'static str) -> Port {
    Port { number, purpose, setting }
}

/// Says who holds a port, if somebody does.
///
/// # Errors
/// [`LocalError::PortTaken`].
pub fn require_free_port(port: Port) -> Result<(), LocalError> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port.number)) {
        Ok(_) => Ok(()),
        Err(_) => Err(LocalError::PortTaken {
            port: port.number,
            purpose: port.purpose,
            holder: holder_of(port.number).unwrap_or_else(|| "a process of another user".to_owned()),
            setting: port.setting,
        }),
    }
}

/// Name and id of the process that listens on a port; `None` when we may not see it.
fn holder_of(port: u16) -> Option<String> {
    let v4 = procfs::net::tcp().unwrap_or_default();
    let v6 = procfs::net::tcp6().unwrap_or_default();
    let inode = v4.iter().chain(&v6).find_map(|entry| {
        let listens = entry.state == procfs::net::TcpState::Listen && entry.local_address.port() == port;
        listens.then_some(entry.inode)
    })?;
    procfs::process::all_processes().ok()?.filter_map(Result::ok).find_map(|process| {
        let holds = process
            .fd()
            .ok()?
            .filter_map(Result::ok)
            .any(|fd| matches!(fd.target, procfs::process::FDTarget::Socket(socket) if socket == inode));
        holds.then(|| {
            let name = process.stat().map_or_else(|_| "?".to_owned(), |stat| stat.comm);
            format!("process {} ({name})", process.pid)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_its_holder_and_the_setting() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = listener.local_addr().unwrap().port();
        let error = require_free_port(Port { number, ..Ports::documented().broker }).unwrap_err().to_string();
        assert!(error.contains(&format!("port {number} (Kafka broker)")), "{error}");
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        assert!(error.contains("OPUS2_PORT_BROKER"), "{error}");
        drop(listener);
        // A program that another test starts just then holds a copy of the listener until it has begun.
        let is_free = || require_free_port(Port { number, ..Ports::documented().broker }).is_ok();
        let mut looks = 0..200;
        assert!(looks.any(|_| is_free() || {
            std::thread::sleep(std::time::Duration::from_millis(10));
            false
        }));
    }

    #[test]
    fn free_ports_differ_from_each_other() {
        let mut ports = Ports::free().unwrap();
        let numbers: std::collections::BTreeSet<_> =
            ports.each_mut().iter().map(|port| port.number).collect();
        assert_eq!(numbers.len(), 8);
    }

    #[test]
    fn documented_ports_and_settings_differ_from_each_other() {
        let all = Ports::documented().each();
        let numbers: std::collections::BTreeSet<_> = all.iter().map(|port| port.number).collect();
        let settings: std::collections::BTreeSet<_> = all.iter().map(|port| port.setting).collect();
        assert_eq!((numbers.len(), settings.len()), (all.len(), all.len()));
    }
}
