//! A client's book, kept as the venue's documentation says, with nothing but text maps and decimals.

use std::collections::BTreeMap;

use serde_json::Value;

/// Prices and quantities as integers of 10^-8, by the venue's eight decimals.
type Levels = BTreeMap<i64, i64>;

/// Both sides and the id of the last update in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Book {
    pub(crate) bids: Levels,
    pub(crate) asks: Levels,
    pub(crate) update_id: u64,
}

/// What applying a depth event did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    Stale,
    Yes,
    Gap,
}

impl Book {
    /// From a REST answer, or from the truth.
    pub(crate) fn from_snapshot(snapshot: &Value) -> Self {
        let side = |name: &str| snapshot[name].as_array().unwrap().iter().map(level).collect();
        Self { bids: side("bids"), asks: side("asks"), update_id: snapshot["lastUpdateId"].as_u64().unwrap() }
    }

    /// Step 6 of the documented procedure.
    pub(crate) fn apply(&mut self, event: &Value) -> Applied {
        let (first, last) = (event["U"].as_u64().unwrap(), event["u"].as_u64().unwrap());
        if last <= self.update_id {
            return Applied::Stale;
        }
        if first > self.update_id + 1 {
            return Applied::Gap;
        }
        for (name, side) in [("b", &mut self.bids), ("a", &mut self.asks)] {
            for (price, qty) in event[name].as_array().unwrap().iter().map(level) {
                match qty {
                    0 => side.remove(&price),
                    _ => side.insert(price, qty),
                };
            }
        }
        self.update_id = last;
        Applied::Yes
    }

    /// Best bid and ask, each price and quantity.
    pub(crate) fn best(&self) -> [(i64, i64); 2] {
        let owned = |level: (&i64, &i64)| (*level.0, *level.1);
        [self.bids.last_key_value().map(owned).unwrap(), self.asks.first_key_value().map(owned).unwrap()]
    }
}

fn level(level: &Value) -> (i64, i64) {
    (units(&level[0]), units(&level[1]))
}

/// The venue's decimal text, which always has eight decimals, as an integer.
pub(crate) fn units(text: &Value) -> i64 {
    let text = text.as_str().unwrap();
    let (whole, fraction) = text.split_once('.').unwrap();
    assert_eq!(fraction.len(), 8, "{text}");
    format!("{whole}{fraction}").parse().unwrap()
}
