//! Operator 1, `signal`: market events in, stage 1 out.
//!
//! Every book and every quote event gives one record with all features as they are then; every whole second of the
//! market's own time gives one bar record per instrument that had events in it. Both go to the topic
//! `hifa_stage1_signals` (docs/contracts/signals.md). Every event goes on to stage 2, with what is known of its instrument.
//!
//! The estimators, and what they do at edges, are `opus2-hifa`'s; this folder holds time, bars, state and output.

mod emit;
mod finding;
mod market;
mod settings;
mod tally;

use opus2_hifa::SignalConfig;
use opus2_hifa::decision::model::Model;
use opus2_types::UnixNanos;
use opus2_wire::event::decode_event;
use opus2_wire::{WireError, blob};
use rustc_hash::FxHashMap;
use serde::Deserialize as _;

use crate::{Operator, OperatorError, Output};
use emit::Emitter;
use market::{Market, Received, SavedMarket, SavedMarketV3, SavedMarketV4};
use settings::SettingsByMarket;
use tally::{Count, Tally};

pub(crate) const NAME: &str = "signal";
const MAGIC: [u8; 4] = *b"OSIG";
const VERSION: u16 = 5;
/// Without icebergs of orders: they begin anew.
const VERSION_WITHOUT_ICEBERGS: u16 = 4;
/// Without detectors: they begin anew.
const VERSION_WITHOUT_DETECTORS: u16 = 3;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Signal {
    markets: FxHashMap<String, Market>,
    dirty: Vec<String>,
    emitter: Emitter,
    tally: Tally,
}

impl Signal {
    pub(crate) fn new(config: toml::Table, model: &Model) -> Result<Self, OperatorError> {
        let wrong = |reason: String| OperatorError::Config { operator: NAME, reason };
        let config = SignalConfig::deserialize(config).map_err(|error| wrong(error.to_string()))?;
        let settings = SettingsByMarket::new(&config, model).map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            markets: FxHashMap::default(),
            dirty: Vec::new(),
            emitter: Emitter::new(settings),
            tally: Tally::new(),
        })
    }
}

impl Operator for Signal {
    fn process(&mut self, key: &str, record: &[u8], out: &mut Output) -> Result<(), OperatorError> {
        let event = decode_event(record).map_err(|source| OperatorError::Input { operator: NAME, source })?;
        self.tally.add(Count::Events);
        if !self.markets.contains_key(key) {
            self.markets.insert(key.to_owned(), Market::default());
        }
        let Some(market) = self.markets.get_mut(key) else { return Ok(()) };
        if market.mark_dirty() {
            self.dirty.push(key.to_owned());
        }
        market.process(key, Received { event: &event, bytes: record }, &self.emitter, &mut self.tally, out)
    }

    fn on_timer(&mut self, key: &str, event_time: UnixNanos, out: &mut Output) -> Result<(), OperatorError> {
        let Some(market) = self.markets.get_mut(key) else { return Ok(()) };
        let is_changed = market.close_bar_until(event_time.0, &self.emitter, &mut self.tally, out);
        if is_changed && market.mark_dirty() {
            self.dirty.push(key.to_owned());
        }
        Ok(())
    }

    fn save(&mut self, key: &str, bytes: &mut Vec<u8>) -> Result<(), OperatorError> {
        let Some(market) = self.markets.get(key) else { return Ok(()) };
        blob::encode_blob(MAGIC, VERSION, &market.to_saved(), bytes).map_err(|source| OperatorError::State {
            operator: NAME,
            key: key.to_owned(),
            source,
        })
    }

    fn load(&mut self, key: &str, bytes: &[u8]) -> Result<(), OperatorError> {
        let market = blob::open_blob(MAGIC, VERSION_WITHOUT_DETECTORS..=VERSION, bytes)
            .and_then(|(version, payload)| decode(version, payload))
            .and_then(|saved| Market::from_saved(key, saved))
            .map_err(|source| OperatorError::State { operator: NAME, key: key.to_owned(), source })?;
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

/// A market as its version saved it.
fn decode(version: u16, payload: &[u8]) -> Result<SavedMarket, WireError> {
    match version {
        VERSION_WITHOUT_DETECTORS => {
            blob::decode_payload::<SavedMarketV3>(payload).map(SavedMarket::into_newest)
        }
        VERSION_WITHOUT_ICEBERGS => {
            blob::decode_payload::<SavedMarketV4>(payload).map(SavedMarket::into_newest)
        }
        _ => blob::decode_payload(payload),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
