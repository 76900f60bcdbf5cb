//! What goes wrong how often, as text.

use opus2_types::Venue;
use serde::Deserialize;

use super::{FaultKind, Target};
use crate::stream::{StreamGroup, StreamKind};

/// Rules of one plan.
const RULES_LIMIT: usize = 100;

/// One way in which something goes wrong by chance.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FaultRule {
    /// What.
    pub kind: FaultKind,
    /// How often. Faults of messages and requests: the chance of each, 0 … 1. Faults of connections: times a second and
    /// connection.
    pub rate: f64,
    /// How long a freeze, a stall or a slow reader lasts.
    pub millis: u64,
    /// At one venue only.
    pub venue: Option<Venue>,
    /// To one instrument only.
    pub symbol: Option<String>,
    /// To one stream only.
    pub stream: Option<StreamKind>,
    /// To one kind of stream only.
    pub group: Option<StreamGroup>,
}

impl FaultRule {
    /// Where it happens, once the instrument is known.
    pub(crate) const fn target(&self, instrument: Option<usize>) -> Target {
        let (venue, stream, group) = (self.venue, self.stream, self.group);
        Target { venue, instrument, stream, group, connection: None }
    }
}

/// What goes wrong by chance: rules, and the seed of the chance. An empty plan is a venue without faults.
///
/// As text: rules separated by `;` or line ends, `#` begins a comment. A rule is the fault's name, then in any order a
/// rate, and if wanted a venue, a symbol, a stream or kind of stream (`book`, `trades`, `quotes`), and a duration:
///
/// ```text
/// seed=7
/// drop book 0.001                   # of 1000 messages of any book, one
/// wrong_checksum kraken 0.0005
/// freeze coinbase BTC-USD 0.0001 3000ms
/// disconnect kraken 0.01            # each connection about every 100 s
/// refuse_snapshot binance 0.05
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct FaultPlan {
    /// The rules; the first one that fits and hits decides.
    pub rules: Vec<FaultRule>,
    /// Seed of the chance.
    pub seed: u64,
}

/// A plan that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault rule {rule:?}: {reason}")]
pub struct PlanError {
    rule: String,
    reason: String,
}

impl std::str::FromStr for FaultPlan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        let rules = text
            .lines()
            .flat_map(|line| line.split('#').next().unwrap_or_default().split(';'))
            .map(str::trim)
            .filter(|rule| !rule.is_empty());
        for rule in rules {
            let error = |reason: String| PlanError { rule: rule.to_owned(), reason };
            if let Some(seed) = rule.strip_prefix("seed=") {
                plan.seed = seed.trim().parse().map_err(|_| error("a seed is a whole number".into()))?;
                continue;
            }
            if plan.rules.len() >= RULES_LIMIT {
                return Err(error(format!("more than {RULES_LIMIT} rules")));
            }
            plan.rules.push(parse_rule(rule).map_err(error)?);
        }
        Ok(plan)
    }
}

fn parse_rule(rule: &str) -> Result<FaultRule, String> {
    let mut words = rule.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let kind: FaultKind = named(kind).ok_or_else(|| {
        let known: Vec<String> = FaultKind::ALL.iter().map(|kind| name_of(*kind)).collect();
        format!("{kind:?} is no fault; one of: {}", known.join(", "))
    })?;
    let mut rate = None;
    let mut parsed =
        FaultRule { kind, rate: 0.0, millis: 5000, venue: None, symbol: None, stream: None, group: None };
    for word in words {
        if let Some(millis) = word.strip_suffix("ms").and_then(|millis| millis.parse().ok()) {
            parsed.millis = millis;
        } else if let Ok(number) = word.parse::<f64>() {
            rate = Some(number);
        } else if let Ok(venue) = word.parse() {
            parsed.venue = Some(venue);
        } else if let Some(stream) = named::<StreamKind>(word) {
            parsed.stream = Some(stream);
        } else if let Some(group) = named::<StreamGroup>(word) {
            parsed.group = Some(group);
        } else {
            parsed.symbol = Some(word.to_owned());
        }
    }
    let rate_max = if kind.is_for_messages() || kind.is_for_requests() { 1.0 } else { 10.0 };
    match rate {
        Some(rate) if (0.0..=rate_max).contains(&rate) => parsed.rate = rate,
        Some(rate) => return Err(format!("the rate is {rate}, but must be 0 … {rate_max}")),
        None => return Err("has no rate; add one, such as 0.001".into()),
    }
    Ok(parsed)
}

/// The value that JSON calls so.
fn named<T: for<'a> Deserialize<'a>>(name: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}

fn name_of(kind: FaultKind) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Venues by their lower-case name.
pub(super) mod venue_name {
    use opus2_types::Venue;
    use serde::{Deserialize, Deserializer, de};

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Venue>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        name.map(|name| name.parse().map_err(de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_from_its_text() {
        let text = "seed=7\n drop book 0.001 # one of 1000\n\nwrong_checksum kraken BTC/USD 0.5; \
                    freeze 1e-4 300ms coinbase; disconnect depth@100ms 2";
        let plan: FaultPlan = text.parse().unwrap();
        assert_eq!(plan.seed, 7);
        let rule = |kind, rate| FaultRule {
            kind,
            rate,
            millis: 5000,
            venue: None,
            symbol: None,
            stream: None,
            group: None,
        };
        let expect = [
            FaultRule { group: Some(StreamGroup::Book), ..rule(FaultKind::Drop, 0.001) },
            FaultRule {
                venue: Some(Venue::Kraken),
                symbol: Some("BTC/USD".into()),
                ..rule(FaultKind::WrongChecksum, 0.5)
            },
            FaultRule { venue: Some(Venue::Coinbase), millis: 300, ..rule(FaultKind::Freeze, 1e-4) },
            FaultRule { stream: Some(StreamKind::Depth100Ms), ..rule(FaultKind::Disconnect, 2.0) },
        ];
        assert_eq!(plan.rules, expect);
        assert_eq!("# nothing".parse::<FaultPlan>().unwrap(), FaultPlan::default());
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_named() {
        for (text, reason) in [
            ("flood 0.1", "\"flood\" is no fault; one of: drop, duplicate"),
            ("drop", "has no rate"),
            ("drop 1.5", "the rate is 1.5, but must be 0 … 1"),
            ("drop -1", "the rate is -1"),
            ("drop NaN", "the rate is NaN"),
            ("seed=x", "a seed is a whole number"),
        ] {
            let error = text.parse::<FaultPlan>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("fault rule {text:?}: ")) && error.contains(reason),
                "{error}"
            );
        }
    }
}
