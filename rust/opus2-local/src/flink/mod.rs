//! Flink: its processes, its configuration, its REST interface.

mod cluster;
mod configuration;
mod rest;

pub use cluster::{FLINK_VERSION, Flink, JOB_CLASS, JOB_JAR};
pub use configuration::{CHECKPOINT_INTERVAL_SECS, TASK_SLOTS};
pub use rest::{FlinkClient, JobRequest, JobState, Vertex};
