//! The difference between the topics there should be and those there are.

use super::Topic;

/// One thing to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicChange {
    /// Make the topic.
    Create(Topic),
    /// Add partitions.
    AddPartitions {
        /// Of which topic.
        topic: String,
        /// How many there are.
        from: i32,
        /// How many there will be.
        to: i32,
    },
    /// Change a setting.
    Set {
        /// Of which topic.
        topic: String,
        /// The broker's name of it.
        key: String,
        /// Its value now; `None` when the broker does not say.
        from: Option<String>,
        /// Its value then.
        to: String,
    },
}

/// One difference that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicStands {
    /// There are more partitions than asked for: taking some away would lose records and move markets.
    MorePartitions {
        /// Of which topic.
        topic: String,
        /// How many there are.
        has: i32,
        /// How many were asked for.
        wanted: i32,
    },
    /// Another replication: changing it moves every record, which is a broker's own tool's work.
    Replication {
        /// Of which topic.
        topic: String,
        /// On how many brokers it is.
        has: i32,
        /// How many were asked for.
        wanted: i32,
    },
}

impl std::fmt::Display for TopicStands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MorePartitions { topic, has, wanted } => write!(
                f,
                "{topic} has {has} partitions, more than the {wanted} of the file: they cannot be taken away; \
                 write {has} into the file, or make the topic anew under another name"
            ),
            Self::Replication { topic, has, wanted } => write!(
                f,
                "{topic} is on {has} brokers, the file says {wanted}: move it with the broker's own tool \
                 (kafka-reassign-partitions, or rpk topic alter-config)"
            ),
        }
    }
}

/// What to do so that a broker has what a layout asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicPlan {
    /// In the order in which they are done.
    pub changes: Vec<TopicChange>,
    /// What differs and stays.
    pub stands: Vec<TopicStands>,
}

impl TopicPlan {
    /// The difference. `found` may hold other topics as well, which are not looked at; a setting that `found` does not know
    /// counts as different.
    #[must_use]
    pub fn new(wanted: &[Topic], found: &[Topic]) -> Self {
        let mut plan = Self::default();
        for topic in wanted {
            match found.iter().find(|found| found.name == topic.name) {
                None => plan.changes.push(TopicChange::Create(topic.clone())),
                Some(found) => plan.compare(topic, found),
            }
        }
        plan
    }

    fn compare(&mut self, wanted: &Topic, found: &Topic) {
        let topic = || wanted.name.clone();
        if found.partitions < wanted.partitions {
            let (from, to) = (found.partitions, wanted.partitions);
            self.changes.push(TopicChange::AddPartitions { topic: topic(), from, to });
        } else if found.partitions > wanted.partitions {
            let (has, wanted) = (found.partitions, wanted.partitions);
            self.stands.push(TopicStands::MorePartitions { topic: topic(), has, wanted });
        }
        if found.replication != wanted.replication {
            let (has, wanted) = (found.replication, wanted.replication);
            self.stands.push(TopicStands::Replication { topic: topic(), has, wanted });
        }
        for (key, to) in &wanted.settings {
            let from = found.settings.get(key);
            if from != Some(to) {
                self.changes.push(TopicChange::Set {
                    topic: topic(),
                    key: key.clone(),
                    from: from.cloned(),
                    to: to.clone(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, partitions: i32, replication: i32, retention: &str) -> Topic {
        let settings = [("retention.ms".to_owned(), retention.to_owned())].into();
        Topic { name: name.to_owned(), partitions, replication, settings }
    }

    #[track_caller]
    fn check(wanted: &Topic, found: &[Topic], expect: &str) {
        let plan = TopicPlan::new(std::slice::from_ref(wanted), found);
        let changes = plan.changes.iter().map(|change| match change {
            TopicChange::Create(topic) => format!("create {}", topic.name),
            TopicChange::AddPartitions { from, to, .. } => format!("partitions {from}->{to}"),
            TopicChange::Set { key, from, to, .. } => {
                format!("{key} {}->{to}", from.as_deref().unwrap_or("?"))
            }
        });
        let stands = plan.stands.iter().map(|stands| match stands {
            TopicStands::MorePartitions { has, wanted, .. } => format!("keeps {has} of {wanted}"),
            TopicStands::Replication { has, wanted, .. } => format!("on {has}, not {wanted}"),
        });
        assert_eq!(changes.chain(stands).collect::<Vec<_>>().join(", "), expect);
    }

    #[test]
    fn partitions_grow_and_never_shrink() {
        let wanted = topic("a", 4, 1, "7");
        check(&wanted, &[], "create a");
        check(&wanted, &[topic("b", 4, 1, "7")], "create a");
        check(&wanted, &[topic("a", 4, 1, "7"), topic("b", 9, 1, "7")], "");
        check(&wanted, &[topic("a", 2, 1, "7")], "partitions 2->4");
        check(&wanted, &[topic("a", 8, 1, "7")], "keeps 8 of 4");
        check(&wanted, &[topic("a", 8, 3, "30")], "retention.ms 30->7, keeps 8 of 4, on 3, not 1");
        check(&wanted, &[Topic { settings: [].into(), ..wanted.clone() }], "retention.ms ?->7");
    }
}
