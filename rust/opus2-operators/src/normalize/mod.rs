//! Operator 0, `normalize`: raw records in; books, trades, quotes and status changes out.
//!
//! Decodes each record, follows the venue's numbering, applies the message to the instrument's book and emits what
//! happened: in binary for the next operator ([`OutputChannel::Main`]), as JSON for the topic `market_data_normalized`.
//! The stages see only what a `Live` book says; the topic also has the trades and quotes of the time in between, with
//! the book's state beside them.
//!
//! Over windows of the market's own time it also judges each feed, and publishes the score on `quality_scores`: see
//! `quality`, docs/contracts/quality.md.

mod emit;
mod judge;
mod market;
mod quality;
mod tally;
mod window;

use opus2_types::UnixNanos;
use opus2_wire::blob;
use opus2_wire::raw::RawRecord;
use rustc_hash::FxHashMap;

use crate::create::RULES_KEY;
use crate::{Operator, OperatorError, Output};
use emit::Emitter;
use market::{Market, MarketState};
use quality::ValidationRules;
use tally::Tally;

pub(crate) const NAME: &str = "normalize";
const MAGIC: [u8; 4] = *b"ONRM";
const VERSION: u16 = 3;
/// What version 3 has more than version 2 is zero in a bit that was zero there: both are read as one.
const OLDEST_READABLE: u16 = 2;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Normalize {
    markets: FxHashMap<String, Market>,
    dirty: Vec<String>,
    rules: ValidationRules,
    emitter: Emitter,
    tally: Tally,
}

impl Normalize {
    pub(crate) fn new(config: &toml::Table) -> Result<Self, OperatorError> {
        let rules = read_rules(config).map_err(|reason| OperatorError::Config { operator: NAME, reason })?;
        Ok(Self {
            rules,
            markets: FxHashMap::default(),
            dirty: Vec::new(),
            emitter: Emitter::default(),
            tally: Tally::new(),
        })
    }
}

impl Operator for Normalize {
    fn process(&mut self, key: &str, record: &[u8], out: &mut Output) -> Result<(), OperatorError> {
        self.tally.record();
        let record = match RawRecord::decode(record) {
            Ok(record) => record,
            Err(error) => return self.emitter.bad_record(record, &error, &mut self.tally, out),
        };
        let market = match self.markets.get_mut(key) {
            Some(market) => market,
            None => self.markets.entry(key.to_owned()).or_default(),
        };
        if market.mark_dirty() {
            self.dirty.push(key.to_owned());
        }
        market.process(&record, &self.rules, &mut self.emitter, &mut self.tally, out)
    }

    fn on_timer(&mut self, key: &str, event_time: UnixNanos, out: &mut Output) -> Result<(), OperatorError> {
        let Some(market) = self.markets.get_mut(key) else { return Ok(()) };
        let (rules, emitter, tally) = (&self.rules, &mut self.emitter, &mut self.tally);
        let is_changed = market.close_windows(key, event_time.0, rules, emitter, tally, out)?;
        if is_changed && market.mark_dirty() {
            self.dirty.push(key.to_owned());
        }
        Ok(())
    }

    fn save(&mut self, key: &str, bytes: &mut Vec<u8>) -> Result<(), OperatorError> {
        let Some(market) = self.markets.get(key) else { return Ok(()) };
        blob::encode_blob(MAGIC, VERSION, &market.to_state(), bytes).map_err(|source| OperatorError::State {
            operator: NAME,
            key: key.to_owned(),
            source,
        })
    }

    fn load(&mut self, key: &str, bytes: &[u8]) -> Result<(), OperatorError> {
        let state: MarketState = blob::open_blob(MAGIC, OLDEST_READABLE..=VERSION, bytes)
            .and_then(|(_, payload)| blob::decode_payload(payload))
            .map_err(|source| OperatorError::State { operator: NAME, key: key.to_owned(), source })?;
        let market = Market::from_state(state, &self.rules).map_err(|source| OperatorError::State {
            operator: NAME,
            key: key.to_owned(),
            source,
        })?;
        self.markets.insert(key.to_owned(), market);
        Ok(())
    }

    fn drain_dirty(&mut self, visit: &mut dyn FnMut(&str)) {
        for key in self.dirty.drain(..) {
            if let Some(market) = self.markets.get_mut(&key) {
                market.mark_clean();
            }
            visit(&key);
        }
    }

    fn counters(&self, visit: &mut dyn FnMut(&'static str, u64)) {
        self.tally.visit(visit);
    }
}

/// The validation rules, which come as text under a key of their own; any other key is unknown.
fn read_rules(config: &toml::Table) -> Result<ValidationRules, String> {
    if let Some(stray) = config.keys().find(|key| *key != RULES_KEY) {
        return Err(format!("unknown key {stray:?}; there is none"));
    }
    match config.get(RULES_KEY) {
        None => Ok(ValidationRules::default()),
        Some(toml::Value::String(text)) => {
            ValidationRules::parse(text).map_err(|reason| format!("{RULES_KEY}: {reason}"))
        }
        Some(other) => Err(format!("{RULES_KEY} = {other} is no text; give the rules' YAML as one string")),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

#[cfg(test)]
#[path = "quality_tests.rs"]
mod quality_tests;
