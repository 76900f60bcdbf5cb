//! Looking for one decision among many.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// How many identities are shown when the one asked for is not there.
const SUGGESTIONS_MAX: usize = 5;

/// The longest record that is read: a record has eight venues and sixty-four features at most.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// A search for one identity, over every record of any number of sources.
pub(super) struct Search {
    id: String,
    /// How a record with the identity begins.
    prefix: Vec<u8>,
    found: Option<Vec<u8>>,
    records: u64,
    /// The smallest and largest number by market, and the numbers nearest to the one asked for.
    markets: BTreeMap<String, Numbers>,
}

#[derive(Debug, Clone, Copy)]
struct Numbers {
    first: u64,
    last: u64,
    records: u64,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Search {
    pub(super) fn new(id: &str) -> Self {
        let mut prefix = b"{\"id\":".to_vec();
        // Text is always JSON.
        prefix.extend(serde_json::to_vec(id).unwrap_or_default());
        prefix.push(b',');
        Self { id: id.to_owned(), prefix, found: None, records: 0, markets: BTreeMap::new() }
    }

    /// Looks through a file.
    pub(super) fn file(&mut self, path: &Path) -> Result<()> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        for (line, number) in BufReader::new(file).split(b'\n').zip(1u64..) {
            let line = line.with_context(|| format!("{name}, line {number}: cannot read"))?;
            self.record(&line);
        }
        Ok(())
    }

    /// Looks at one record. The newest with the identity counts.
    pub(super) fn record(&mut self, line: &[u8]) {
        if line.len() > LINE_BYTES_MAX {
            return;
        }
        self.records += 1;
        if line.starts_with(&self.prefix) {
            self.found = Some(line.to_vec());
        }
        let Ok(named) = serde_json::from_slice::<Named>(line) else { return };
        let Some((market, number)) = parts(&named.id) else { return };
        match self.markets.get_mut(market) {
            Some(numbers) => {
                numbers.first = numbers.first.min(number);
                numbers.last = numbers.last.max(number);
                numbers.records += 1;
            }
            None => {
                self.markets.insert(market.to_owned(), Numbers { first: number, last: number, records: 1 });
            }
        }
    }

    pub(super) fn found(&self) -> Option<&[u8]> {
        self.found.as_deref()
    }

    /// What there is in place of the identity asked for, the nearest first.
    pub(super) fn not_found(&self) -> String {
        let id = &self.id;
        let mut said = format!("there is no decision {id:?} among {} records", self.records);
        let wanted = parts(id);
        let near = wanted.and_then(|(market, number)| Some((market, number, self.markets.get(market)?)));
        if let Some((market, number, numbers)) = near {
            let span = numbers.last.saturating_sub(numbers.first).saturating_add(1);
            write!(said, "; of {market} there are {} to {}", numbers.first, numbers.last)
                .expect("a string takes every write");
            if span != numbers.records {
                write!(said, ", {} of them", numbers.records).expect("a string takes every write");
            }
            let nearest = number.clamp(numbers.first, numbers.last);
            said.push_str("; the nearest:");
            for at in around(nearest, numbers) {
                write!(said, "\n  {market}:decision:{at}").expect("a string takes every write");
            }
            return said;
        }
        if self.markets.is_empty() {
            said.push_str("; is this a file of trading_signals_final?");
            return said;
        }
        said.push_str(if wanted.is_some() {
            "; of that market there is none. The newest of others:"
        } else {
            "; an identity looks like BTC/USD*:decision:17. The newest of each market:"
        });
        for (market, numbers) in self.markets.iter().take(SUGGESTIONS_MAX) {
            write!(said, "\n  {market}:decision:{}", numbers.last).expect("a string takes every write");
        }
        said
    }
}

/// The numbers around one, within those there are.
fn around(nearest: u64, numbers: &Numbers) -> impl Iterator<Item = u64> {
    let half = SUGGESTIONS_MAX as u64 / 2;
    let last = numbers.last.min(nearest.saturating_add(half));
    nearest.saturating_sub(half).max(numbers.first)..=last
}

/// Market and number of an identity.
fn parts(id: &str) -> Option<(&str, u64)> {
    let (market, number) = id.rsplit_once(":decision:")?;
    Some((market, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, expect: &str) {
        let mut search = Search::new(id);
        for (market, count) in [("BTC/USD*", 9), ("ETH/\"B\"", 2)] {
            for number in 1..=count {
                let id = serde_json::to_string(&format!("{market}:decision:{number}")).unwrap();
                search.record(format!("{{\"id\":{id},\"n\":{number}}}").as_bytes());
            }
        }
        search.record(b"no record");
        let found = match search.found() {
            Some(line) => String::from_utf8(line.to_vec()).unwrap(),
            None => search.not_found(),
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn what_is_there_is_found_and_else_what_is_near() {
        check("BTC/USD*:decision:1", r#"{"id":"BTC/USD*:decision:1","n":1}"#);
        check("ETH/\"B\":decision:2", r#"{"id":"ETH/\"B\":decision:2","n":2}"#);
        check(
            "BTC/USD*:decision:12",
            "there is no decision \"BTC/USD*:decision:12\" among 12 records; of BTC/USD* there are 1 to 9; \
             the nearest:\n  BTC/USD*:decision:7\n  BTC/USD*:decision:8\n  BTC/USD*:decision:9",
        );
        check(
            "SOL/USD*:decision:1",
            "there is no decision \"SOL/USD*:decision:1\" among 12 records; of that market there is none. \
             The newest of others:\n  BTC/USD*:decision:9\n  ETH/\"B\":decision:2",
        );
        check(
            "17",
            "there is no decision \"17\" among 12 records; an identity looks like BTC/USD*:decision:17. \
             The newest of each market:\n  BTC/USD*:decision:9\n  ETH/\"B\":decision:2",
        );
        assert!(Search::new("x").not_found().ends_with("is this a file of trading_signals_final?"));
    }
}
