//! Decisions that were filed beside those that a replay makes.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// How many differences of one record are shown.
const SHOWN_MAX: usize = 6;

/// Decisions that are filed and not yet made again, by market.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    filed: BTreeMap<String, VecDeque<Filed>>,
    equal: u64,
}

#[derive(Debug)]
struct Filed {
    place: String,
    line: Vec<u8>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    market: String,
}

impl Comparison {
    /// Takes a record that was filed, and where.
    pub(super) fn expect(&mut self, line: &[u8], file: &impl Display, number: u64) -> Result<()> {
        let place = format!("{file}, line {number}");
        let named = named(line).with_context(|| place.clone())?;
        self.filed.entry(named.market).or_default().push_back(Filed { place, line: line.to_vec() });
        Ok(())
    }

    /// Compares the next decision of a replay with what was filed.
    pub(super) fn decision(&mut self, line: &[u8]) -> Result<()> {
        let Named { id, market } = named(line).context("the replay wrote no decision")?;
        let Some(filed) = self.filed.get_mut(&market).and_then(VecDeque::pop_front) else {
            bail!(
                "NOT REPRODUCED: the replay makes {id}, which is not filed; is the end of the file missing?"
            );
        };
        if filed.line == line {
            self.equal += 1;
            return Ok(());
        }
        let differences = differences(&filed.line, line);
        bail!("NOT REPRODUCED: {}: the replay makes another {id}:{differences}", filed.place)
    }

    /// How many were equal.
    ///
    /// # Errors
    /// The replay has not made all that is filed.
    pub(super) fn finish(self) -> Result<u64> {
        let left: usize = self.filed.values().map(VecDeque::len).sum();
        match self.filed.values().find_map(VecDeque::front) {
            None => Ok(self.equal),
            Some(first) => bail!(
                "NOT REPRODUCED: {}: the replay makes no such decision, and {} after it; is it the whole recording?",
                first.place,
                left - 1
            ),
        }
    }
}

fn named(line: &[u8]) -> Result<Named> {
    serde_json::from_slice(line).context("not a decision")
}

/// What differs, field by field, a line each; the seal is left out, because it differs when anything does.
fn differences(filed: &[u8], made: &[u8]) -> String {
    let (Ok(filed), Ok(made)) = (serde_json::from_slice(filed), serde_json::from_slice(made)) else {
        return " one of them is not JSON".to_owned();
    };
    let mut found = Vec::new();
    collect("", &filed, &made, &mut found);
    found.retain(|(place, ..)| place != "/prev" && place != "/hash");
    if found.is_empty() {
        return " only what it follows upon differs; an earlier record of the file is another".to_owned();
    }
    let more = found.len().saturating_sub(SHOWN_MAX);
    let mut said = String::new();
    for (place, filed, made) in found.iter().take(SHOWN_MAX) {
        write!(said, "\n  {place}: filed {filed}, replayed {made}").expect("a string takes every write");
    }
    if more > 0 {
        write!(said, "\n  and {more} more").expect("a string takes every write");
    }
    if found.iter().any(|(place, ..)| place == "/config_hash" || place == "/model/hash") {
        said.push_str(
            "\n  the configuration or the model is another: give those the decisions were made with",
        );
    }
    said
}

fn collect(place: &str, filed: &Value, made: &Value, found: &mut Vec<(String, String, String)>) {
    match (filed, made) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
            for key in keys {
                let value =
                    |from: &serde_json::Map<String, Value>| from.get(key).cloned().unwrap_or_default();
                collect(&format!("{place}/{key}"), &value(left), &value(right), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (at, (left, right)) in left.iter().zip(right).enumerate() {
                collect(&format!("{place}/{at}"), left, right, found);
            }
        }
        _ if filed == made => {}
        _ => found.push((place.to_owned(), filed.to_string(), made.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64, rest: &str) -> Vec<u8> {
        format!(r#"{{"id":"M:decision:{number}","market":"M",{rest}"hash":"{number}{}"}}"#, rest.len())
            .into_bytes()
    }

    #[track_caller]
    fn check(filed: &[Vec<u8>], made: &[Vec<u8>], expect: Result<u64, &str>) {
        let mut comparison = Comparison::default();
        for (line, number) in filed.iter().zip(1..) {
            comparison.expect(line, &"file", number).unwrap();
        }
        let all = made.iter().try_for_each(|line| comparison.decision(line));
        let found = all.and_then(|()| comparison.finish()).map_err(|error| error.to_string());
        assert_eq!(found, expect.map_err(|text| format!("NOT REPRODUCED: {text}")));
    }

    #[test]
    fn what_a_replay_makes_otherwise_is_said_field_by_field() {
        let (one, two) = (record(1, ""), record(2, r#""a":{"b":[1,2]},"#));
        check(&[one.clone(), two.clone()], &[one.clone(), two.clone()], Ok(2));
        check(
            &[one.clone(), two.clone()],
            &[one.clone(), record(2, r#""a":{"b":[1,3],"c":null},"config_hash":"x","#)],
            Err("file, line 2: the replay makes another M:decision:2:\n  /a/b/1: filed 2, replayed 3\n  \
                 /config_hash: filed null, replayed \"x\"\n  the configuration or the model is another: give those the \
                 decisions were made with"),
        );
        check(
            std::slice::from_ref(&one),
            &[one.clone(), two.clone()],
            Err("the replay makes M:decision:2, which is not filed; is the end of the file missing?"),
        );
        check(
            &[one.clone(), two],
            std::slice::from_ref(&one),
            Err(
                "file, line 2: the replay makes no such decision, and 0 after it; is it the whole recording?",
            ),
        );
        let mut other = one.clone();
        other[42] = b'9';
        check(
            &[one],
            &[other],
            Err(
                "file, line 1: the replay makes another M:decision:1: only what it follows upon differs; an earlier \
                 record of the file is another",
            ),
        );
    }
}
