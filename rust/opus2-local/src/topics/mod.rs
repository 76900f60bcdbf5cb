//! Topics as code: what `config/topics.toml` asks for, what a broker has, and the way from one to the other.
//!
//! [`TopicLayout`] reads the file, [`TopicPlan`] compares it with what [`ask_topics`] found, [`apply_plan`] does what the plan
//! says. Partitions are only ever added, and nothing is deleted.

mod admin;
mod layout;
mod plan;

use std::collections::BTreeMap;

pub use admin::{apply_plan, ask_topics, create_topics};
pub use layout::{LayoutError, PROFILE_LOCAL, TopicLayout};
pub use plan::{TopicChange, TopicPlan, TopicStands};

/// A topic as it should be, or as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: i32,
    /// How many brokers hold each of them.
    pub replication: i32,
    /// The broker's settings of this topic, by the broker's names (`retention.ms`).
    pub settings: BTreeMap<String, String>,
}

/// Every topic of a local cluster: the profile `local` of the repository's own `config/topics.toml`.
///
/// # Panics
/// Never: a test reads the file, which is part of the program.
#[must_use]
pub fn local_topics() -> Vec<Topic> {
    TopicLayout::built_in().topics(PROFILE_LOCAL).expect("the built-in layout has a local profile")
}
