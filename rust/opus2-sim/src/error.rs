//! What can go wrong in starting and running the simulator.

use std::net::SocketAddr;

/// An error of the simulator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// A setting is outside its range.
    #[error("{field} is {value}, but must be {expected}")]
    Config {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The address is in use.
    #[error(
        "port {} of {} is taken by another program; stop that one, choose another port, or take port 0 for a free one",
        address.port(), address.ip()
    )]
    PortTaken {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The fault log cannot be written.
    #[error("cannot write the fault log {}", path.display())]
    FaultLog {
        /// The file asked for.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The listener failed while serving.
    #[error("the server stopped")]
    Serve {
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
