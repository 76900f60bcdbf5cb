//! What can go wrong with a local cluster. Every message says what to do next.

use std::path::PathBuf;
use std::time::Duration;

/// Why a local cluster cannot be started, used or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// The command was started outside the repository.
    #[error("no OPUS 2 repository at or above {}: run this inside a clone (it holds gradle/broker)", .from.display())]
    NotARepository {
        /// Where the search began.
        from: PathBuf,
    },
    /// A program that is needed is not installed.
    #[error("{program} is missing ({wanted}); install it with: {install}")]
    ProgramMissing {
        /// Its name.
        program: &'static str,
        /// What it is needed for, or which version.
        wanted: String,
        /// The command that installs it.
        install: &'static str,
    },
    /// A program ran and did not do its work.
    #[error("`{command}` ended with {status}; its last words:\n{tail}")]
    ProgramFailed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        tail: String,
    },
    /// Somebody listens on a port that we need.
    #[error("port {port} ({purpose}) is taken by {holder}; stop that, or set {setting} to a free port")]
    PortTaken {
        /// The port.
        port: u16,
        /// What we need it for.
        purpose: &'static str,
        /// Who holds it, as far as we may know.
        holder: String,
        /// The environment variable that moves ours.
        setting: &'static str,
    },
    /// A port setting that is none.
    #[error("{setting}={value:?} is no port; give a number from 1 to 65535")]
    PortInvalid {
        /// The environment variable.
        setting: &'static str,
        /// Its value.
        value: String,
    },
    /// The disk is nearly full.
    #[error(
        "{free_mib} MiB are free at {}, {needed_mib} MiB are needed; free some space, or remove .local/run",
        .path.display()
    )]
    DiskLow {
        /// Which file system.
        path: PathBuf,
        /// What is free.
        free_mib: u64,
        /// What is needed.
        needed_mib: u64,
    },
    /// A process of this name is running from an earlier start.
    #[error("{name} is already running as process {pid}; end the running cluster with scripts/stop")]
    AlreadyRunning {
        /// Which.
        name: String,
        /// Its process id.
        pid: i32,
    },
    /// A process ended although it should run.
    #[error("{name} ended ({status}); the end of its log {}:\n{tail}", .log.display())]
    Ended {
        /// Which.
        name: String,
        /// How, if known.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// A process did not become ready in time.
    #[error("{name} is not ready after {waited:?}: {awaited}; the end of its log {}:\n{tail}", .log.display())]
    NotReady {
        /// Which.
        name: String,
        /// What was waited for.
        awaited: String,
        /// How long.
        waited: Duration,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// A process did not end when told to.
    #[error("{name} (process {pid}) is still there {waited:?} after it was killed")]
    NotEnding {
        /// Which.
        name: String,
        /// Its process id.
        pid: i32,
        /// How long we waited.
        waited: Duration,
    },
    /// The file system said no.
    #[error("{what} {}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which path.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A request did not reach Flink, or its answer could not be read.
    #[error("Flink request {request}")]
    Http {
        /// Method and path.
        request: String,
        /// The reason.
        source: reqwest::Error,
    },
    /// Flink refused a request.
    #[error("Flink answers {status} to {request}: {reason}")]
    Refused {
        /// Method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// Flink's own words.
        reason: String,
    },
    /// A job is not in the state it should be in.
    #[error("Flink job {job} is {state}, expected {expected}; {cause}")]
    JobState {
        /// The job's id.
        job: String,
        /// Its state.
        state: String,
        /// The state waited for.
        expected: String,
        /// The exception that Flink kept, if any.
        cause: String,
    },
    /// The broker refused or could not be reached.
    #[error("{what} at broker {brokers}")]
    Broker {
        /// What was tried.
        what: String,
        /// The broker's address.
        brokers: String,
        /// The reason.
        source: Box<rdkafka::error::KafkaError>,
    },
    /// The broker refused one topic.
    #[error("topic {topic} at broker {brokers}: {code}")]
    Topic {
        /// Which topic.
        topic: String,
        /// The broker's address.
        brokers: String,
        /// The broker's answer.
        code: rdkafka::types::RDKafkaErrorCode,
    },
}

impl LocalError {
    /// For `map_err` on file operations.
    pub(crate) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> LocalError {
        let path = path.into();
        move |source| LocalError::Io { what, path, source }
    }
}
