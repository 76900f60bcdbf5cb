//! The market and the venues that tell of it: plays the next thing, whoever's it is.

use std::ops::Range;

use opus2_types::{UnixNanos, Venue};

use crate::SimConfig;
use crate::binance::face::Binance;
use crate::coinbase::face::Coinbase;
use crate::desk::Desk;
use crate::dialect::Dialect;
use crate::kraken::face::Kraken;
use crate::market::{SimTime, World, WorldConfig};

/// All venues over one market.
#[derive(Debug)]
pub(crate) struct Floor {
    pub(crate) world: World,
    pub(crate) binance: Binance,
    pub(crate) coinbase: Coinbase,
    pub(crate) kraken: Kraken,
}

impl Floor {
    /// Builds the market. `now` becomes the time of the orders that rest already.
    pub(crate) fn new(config: &SimConfig, now: UnixNanos) -> Self {
        let world_config = WorldConfig {
            seed: config.seed,
            venues: config.venue_listings(),
            messages_per_sec: config.messages_per_sec,
            laboratory: config.laboratory.clone(),
        };
        let world = World::new(&world_config, now.0);
        let binance = range(&world, Venue::Binance);
        let coinbase = range(&world, Venue::Coinbase);
        let kraken = range(&world, Venue::Kraken);
        Self {
            binance: Binance::new(&world, binance.len(), config.rules.connection_streams_limit),
            coinbase: Coinbase::new(&world, coinbase, &config.coinbase),
            kraken: Kraken::new(&world, kraken, &config.kraken),
            world,
        }
    }

    /// When there is something to do next.
    pub(crate) fn next_at(&self) -> SimTime {
        let venues = self.binance.next_at().min(self.coinbase.next_at());
        venues.min(self.world.next_at())
    }

    /// Does the next thing: one order, or the end of one interval.
    pub(crate) fn step(&mut self, desk: &mut Desk) {
        let at = self.next_at();
        if self.binance.next_at() == at {
            if let Some(instrument) = self.binance.on_time(&self.world, desk) {
                self.world.count_messages(instrument, 1);
            }
        } else if self.coinbase.next_at() == at {
            if let Some(instrument) = self.coinbase.on_time(&self.world, desk) {
                self.world.count_messages(instrument, 1);
            }
        } else {
            self.play_order(at, desk);
        }
    }

    fn play_order(&mut self, at: SimTime, desk: &mut Desk) {
        self.world.step(desk.wall_at(at).0);
        let step = self.world.latest();
        let instrument = step.instrument;
        let (messages, sequence) = match self.world.listing(instrument).venue {
            Venue::Coinbase => {
                let messages = self.coinbase.on_step(&self.world, &step, desk);
                (messages, self.coinbase.sequence(instrument))
            }
            Venue::Kraken => (self.kraken.on_step(&self.world, &step, desk), step.update_id),
            _ => (self.binance.on_step(&self.world, &step, desk), step.update_id),
        };
        desk.history.record(instrument, sequence, &step.effects.changes);
        self.world.count_messages(instrument, messages);
    }

    /// Publishes everything that waits for the end of an interval, so that the feeds have caught up with the books.
    pub(crate) fn publish_waiting(&mut self, now: SimTime, desk: &mut Desk) {
        self.binance.publish_waiting(&self.world, now, desk);
        self.coinbase.publish_waiting(&self.world, now, desk);
    }

    /// Number of the last change of an instrument's book, as its venue counts, and of its last trade.
    pub(crate) fn ids(&self, instrument: usize) -> (u64, u64) {
        let (update_id, trade_id) = self.world.ids(instrument);
        match self.world.listing(instrument).venue {
            Venue::Coinbase => (self.coinbase.sequence(instrument), trade_id),
            _ => (update_id, trade_id),
        }
    }

    /// Answers what a client has sent.
    pub(crate) fn control(&mut self, desk: &mut Desk, connection: u64, text: &str) {
        match desk.hub.dialect_mut(connection) {
            Some(Dialect::Binance(_)) => self.binance.control(desk, connection, text),
            Some(Dialect::Exchange) => self.coinbase.control_exchange(&self.world, desk, connection, text),
            Some(Dialect::Advanced { .. }) => {
                self.coinbase.control_advanced(&self.world, desk, connection, text);
            }
            Some(Dialect::Kraken) => self.kraken.control(&self.world, desk, connection, text),
            None => {}
        }
    }

    /// Forgets what the venues remember of a connection that has ended.
    pub(crate) fn disconnected(&mut self, connection: u64) {
        self.coinbase.disconnected(connection);
        self.kraken.disconnected(connection);
    }
}

/// A venue's instruments: they follow each other.
fn range(world: &World, venue: Venue) -> Range<usize> {
    let is_here = |instrument: &usize| world.listing(*instrument).venue == venue;
    let first = (0..world.len()).find(is_here).unwrap_or(world.len());
    first..(first + (0..world.len()).filter(is_here).count())
}
