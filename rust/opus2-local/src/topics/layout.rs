//! `config/topics.toml`: which topics there should be.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Topic;

/// The profile of a local cluster.
pub const PROFILE_LOCAL: &str = "local";
/// The file of the repository, so that a binary alone can make its topics.
const BUILT_IN: &str = include_str!("../../../../config/topics.toml");
const DAY_MS: i64 = 86_400_000;
/// Kafka's own default.
const MESSAGE_BYTES_DEFAULT: i64 = 1_048_588;

/// Why a layout cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The file cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Not TOML of this form, or an unknown key.
    #[error("{0}")]
    Form(String),
    /// A number out of its bounds.
    #[error("{key} = {value} is out of bounds; expected {low} to {high}")]
    Bounds {
        /// Which key, with the topic or profile it belongs to.
        key: String,
        /// Its value.
        value: i64,
        /// The least allowed.
        low: i64,
        /// The most allowed.
        high: i64,
    },
    /// A topic twice.
    #[error("topic {0} is there twice; remove one")]
    Twice(String),
    /// A profile that the file does not have, or a topic does not give partitions for.
    #[error("{what} has no profile {profile:?}; it has: {known}")]
    NoProfile {
        /// The file, or a topic's partitions.
        what: String,
        /// The profile asked for.
        profile: String,
        /// The profiles there are.
        known: String,
    },
}

/// The file, checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicLayout {
    profile: BTreeMap<String, Profile>,
    #[serde(default)]
    topic: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    replication: i64,
    #[serde(default = "one")]
    insync_replicas_min: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    partitions: BTreeMap<String, i64>,
    retention_days: i64,
    #[serde(default = "message_bytes_default")]
    message_bytes_max: i64,
}

const fn one() -> i64 {
    1
}

const fn message_bytes_default() -> i64 {
    MESSAGE_BYTES_DEFAULT
}

impl TopicLayout {
    /// Reads and checks a layout.
    ///
    /// # Errors
    /// [`LayoutError`] names the key and what is allowed.
    pub fn parse(text: &str) -> Result<Self, LayoutError> {
        let layout: Self = toml::from_str(text).map_err(|error| LayoutError::Form(error.to_string()))?;
        layout.check()?;
        Ok(layout)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), or the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, LayoutError> {
        let text = std::fs::read_to_string(path).map_err(|error| LayoutError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Self::parse(&text)
    }

    /// The layout that this program was built with.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("the layout in the repository is a good one")
    }

    fn check(&self) -> Result<(), LayoutError> {
        for (name, profile) in &self.profile {
            within(&format!("profile.{name}.replication"), profile.replication, 1, 100)?;
            let key = format!("profile.{name}.insync_replicas_min");
            within(&key, profile.insync_replicas_min, 1, profile.replication)?;
        }
        for (at, topic) in self.topic.iter().enumerate() {
            let name = &topic.name;
            if self.topic[..at].iter().any(|other| other.name == *name) {
                return Err(LayoutError::Twice(name.clone()));
            }
            within(&format!("{name}: retention_days"), topic.retention_days, 1, 3_650)?;
            let (low, high) = (MESSAGE_BYTES_DEFAULT, 100 << 20);
            within(&format!("{name}: message_bytes_max"), topic.message_bytes_max, low, high)?;
            for (profile, partitions) in &topic.partitions {
                self.profile(profile, &format!("{name}: partitions"))?;
                within(&format!("{name}: partitions.{profile}"), *partitions, 1, 100_000)?;
            }
        }
        Ok(())
    }

    fn profile(&self, name: &str, what: &str) -> Result<&Profile, LayoutError> {
        self.profile.get(name).ok_or_else(|| LayoutError::NoProfile {
            what: what.to_owned(),
            profile: name.to_owned(),
            known: self.profile.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// The topics of a profile, in the order of the file.
    ///
    /// # Errors
    /// The file, or one of its topics, does not know the profile.
    pub fn topics(&self, profile: &str) -> Result<Vec<Topic>, LayoutError> {
        let Profile { replication, insync_replicas_min } = self.profile(profile, "the file")?;
        let count = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
        let topic = |entry: &Entry| {
            let partitions = *entry.partitions.get(profile).ok_or_else(|| LayoutError::NoProfile {
                what: format!("{}: partitions", entry.name),
                profile: profile.to_owned(),
                known: entry.partitions.keys().cloned().collect::<Vec<_>>().join(", "),
            })?;
            let settings = [
                ("max.message.bytes", entry.message_bytes_max),
                ("min.insync.replicas", *insync_replicas_min),
                ("retention.ms", entry.retention_days * DAY_MS),
            ];
            Ok(Topic {
                name: entry.name.clone(),
                partitions: count(partitions),
                replication: count(*replication),
                settings: settings.map(|(key, value)| (key.to_owned(), value.to_string())).into(),
            })
        };
        self.topic.iter().map(topic).collect()
    }
}

fn within(key: &str, value: i64, low: i64, high: i64) -> Result<(), LayoutError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(LayoutError::Bounds { key: key.to_owned(), value, low, high })
}

#[cfg(test)]
mod tests {
    use opus2_wire::topic;

    use super::*;

    #[track_caller]
    fn check(change: (&str, &str), expect: &str) {
        let text = "[profile.local]\nreplication = 1\n[[topic]]\nname = \"a\"\npartitions = { local = 1 }\nretention_days = 7\n";
        assert!(text.contains(change.0));
        let found = TopicLayout::parse(&text.replace(change.0, change.1)).err();
        let found = found.map(|error| error.to_string()).unwrap_or_default();
        assert!(found.contains(expect) && found.is_empty() == expect.is_empty(), "{change:?}: {found}");
    }

    #[test]
    fn a_wrong_layout_is_refused_by_key_and_bounds() {
        check(("7", "30"), "");
        check(("= 7", "= 0"), "a: retention_days = 0 is out of bounds; expected 1 to 3650");
        check(("local = 1", "local = 0"), "a: partitions.local = 0 is out of bounds; expected 1 to 100000");
        check(("replication = 1", "replication = 0"), "profile.local.replication = 0 is out of bounds");
        check(
            ("replication = 1", "replication = 1\ninsync_replicas_min = 2"),
            "profile.local.insync_replicas_min = 2 is out of bounds; expected 1 to 1",
        );
        check(("local = 1", "lokal = 1"), "a: partitions has no profile \"lokal\"; it has: local");
        check(("retention_days", "retention"), "unknown field `retention`");
        check(
            (
                "retention_days = 7",
                "retention_days = 7\n[[topic]]\nname = \"a\"\npartitions = { local = 1 }\nretention_days = 7",
            ),
            "topic a is there twice",
        );
    }

    #[test]
    fn the_repositorys_layout_has_every_topic_of_the_program() {
        let layout = TopicLayout::built_in();
        for profile in ["production", PROFILE_LOCAL] {
            let names: Vec<_> = layout.topics(profile).unwrap().into_iter().map(|topic| topic.name).collect();
            let outputs = [
                topic::MARKET_DATA_NORMALIZED,
                topic::HIFA_STAGE1_SIGNALS,
                topic::HIFA_STAGE2_CONTEXT,
                topic::HIFA_STAGE3_RISK,
                topic::TRADING_SIGNALS_FINAL,
                topic::POSITIONS,
                topic::QUALITY_SCORES,
                topic::DEAD_LETTERS,
            ];
            assert_eq!(names, topic::RAW.into_iter().chain(outputs).collect::<Vec<_>>());
        }
        let production = layout.topics("production").unwrap();
        assert!(production.iter().all(|topic| topic.replication == 3));
        assert_eq!(production[0].partitions, 1_000);
        assert_eq!(production[0].settings["retention.ms"], "604800000");
        assert_eq!(
            layout.topics("staging").unwrap_err().to_string(),
            "the file has no profile \"staging\"; it has: local, production"
        );
    }
}
