//! The settings of a local cluster, from the environment: the only place here that reads it.
#![expect(clippy::disallowed_methods, reason = "this is the file that reads the environment")]

use std::path::PathBuf;

use crate::{LocalError, Ports};

/// The environment variable that names a broker to use instead of a local one.
pub const BROKERS_VARIABLE: &str = "OPUS2_BROKERS";

/// What a user may set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `OPUS2_BROKERS`: a running Kafka-protocol broker, such as Redpanda, as `host:port[,host:port…]`.
    pub brokers: Option<String>,
    /// `FLINK_HOME`: an unpacked Flink distribution.
    pub flink_home: Option<PathBuf>,
    /// `JAVA_HOME`.
    pub java_home: Option<PathBuf>,
    /// `OPUS2_PORT_…`.
    pub ports: Ports,
}

impl Settings {
    /// Reads them; an empty variable is one that is not set.
    ///
    /// # Errors
    /// [`LocalError::PortInvalid`].
    pub fn from_env() -> Result<Self, LocalError> {
        let mut ports = Ports::documented();
        for port in ports.each_mut() {
            if let Some(value) = variable(port.setting) {
                port.number = match value.parse() {
                    Ok(number) if number > 0 => number,
                    _ => return Err(LocalError::PortInvalid { setting: port.setting, value }),
                };
            }
        }
        Ok(Self {
            brokers: variable(BROKERS_VARIABLE),
            flink_home: variable("FLINK_HOME").map(PathBuf::from),
            java_home: variable("JAVA_HOME").map(PathBuf::from),
            ports,
        })
    }

    /// The same with ports that are free now; for tests, several of which may run on one machine.
    ///
    /// # Errors
    /// As [`Ports::free`].
    pub fn with_free_ports(self) -> Result<Self, LocalError> {
        Ok(Self { ports: Ports::free()?, ..self })
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
