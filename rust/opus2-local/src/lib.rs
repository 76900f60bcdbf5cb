//! A local cluster of real processes: a Kafka broker, Flink, and our own daemons.
//!
//! Nothing here pretends to be a broker or a cluster. `install` fetches the distributions through the ordinary
//! package clients, [`Broker`] and [`Flink`] start them as processes of their own, and [`FlinkClient`] talks to Flink
//! as any user would, over REST. `opus2 up` and the end-to-end tests are its two users.
//!
//! Everything lives under one folder that git ignores:
//!
//! ```text
//! .local/flink, .local/kafka     the distributions, fetched once
//! .local/run/                    one cluster: see `Home`
//! ├── pids/NAME.json             what was started, so that exactly that is stopped
//! ├── logs/NAME.log              what it printed
//! ├── kafka/  flink/             their configuration and data, new with every start
//! └── …
//! ```
//!
//! Not here: what the processes mean to each other. The order of starting them, the job and the counts are `opus2 up`'s.

mod broker;
mod config;
mod disk;
mod error;
mod flink;
mod home;
mod install;
mod offsets;
mod port;
mod program;
mod service;
mod topics;

pub use broker::{Broker, KAFKA_VERSION};
pub use config::{BROKERS_VARIABLE, Settings};
pub use disk::{DISK_FREE_MIB_MIN, require_free_disk};
pub use error::LocalError;
pub use flink::{
    CHECKPOINT_INTERVAL_SECS, FLINK_VERSION, Flink, FlinkClient, JOB_CLASS, JOB_JAR, JobRequest, JobState,
    TASK_SLOTS, Vertex,
};
pub use home::Home;
pub use install::{Distribution, install_flink, install_kafka};
pub use offsets::{end_offset, group_offset};
pub use port::{Port, Ports, require_free_port};
pub use program::{java, require_program};
pub use service::{Service, Spawn, running, stop_all};
pub use topics::{
    LayoutError, PROFILE_LOCAL, Topic, TopicChange, TopicLayout, TopicPlan, TopicStands, apply_plan,
    ask_topics, create_topics, local_topics,
};
