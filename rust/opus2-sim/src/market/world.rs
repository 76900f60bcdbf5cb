//! All instruments of the simulation, one order after the other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use opus2_types::{Level, Side};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::arrivals::Arrivals;
use super::assets::AssetPaths;
use super::flow::Flow;
use super::ladder::Ladder;
use super::listing::{Listing, list_instruments};
use super::number::count_to_float;
use super::order::{Change, Effects, Fill};
use super::pace::Pace;
use super::time::SimTime;

/// At this many messages per second and instrument the market has its full volatility; below, it moves less, because
/// a price can only follow its fair value through orders.
const FULL_ACTIVITY_MESSAGES_PER_SEC: f64 = 150.0;

/// What the model needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorldConfig {
    pub(crate) seed: u64,
    pub(crate) instruments: usize,
    /// Messages per second of all instruments together.
    pub(crate) messages_per_sec: f64,
}

/// One instrument with everything that drives it.
#[derive(Debug)]
struct Instrument {
    listing: Listing,
    ladder: Ladder,
    flow: Flow,
    arrivals: Arrivals,
    pace: Pace,
    rng: ChaCha8Rng,
    /// Price units per quote asset.
    units: f64,
    update_id: u64,
    trade_id: u64,
}

/// What one order did to one instrument.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    /// When.
    pub(crate) at: SimTime,
    /// Which instrument, by its index.
    pub(crate) instrument: usize,
    /// The order's number in the instrument's book; later than any before.
    pub(crate) update_id: u64,
    /// Changed levels. Empty when the order found nothing to do.
    pub(crate) changes: &'a [Change],
    /// Trades. Their ids end with `last_trade_id`, one apart.
    pub(crate) fills: &'a [Fill],
    /// Id of the last trade of the instrument so far.
    pub(crate) last_trade_id: u64,
    /// Best bid and ask afterwards, when price or quantity of one of them changed.
    pub(crate) new_best: Option<(Level, Level)>,
}

/// The simulated market: owns all books, and plays their orders in the order of time.
#[derive(Debug)]
pub(crate) struct World {
    instruments: Vec<Instrument>,
    paths: AssetPaths,
    /// The next order of every instrument. Equal times are ordered by index.
    queue: BinaryHeap<Reverse<(SimTime, usize)>>,
    effects: Effects,
}

impl World {
    /// Builds the books and draws the first orders. A world has at least one instrument.
    pub(crate) fn new(config: WorldConfig) -> Self {
        let (listings, assets) = list_instruments(config.instruments.max(1));
        let weights: f64 = listings.iter().map(|listing| listing.weight).sum();
        let mean_rate = config.messages_per_sec / count_to_float(listings.len());
        let activity = (mean_rate / FULL_ACTIVITY_MESSAGES_PER_SEC).min(1.0).sqrt();
        let paths = AssetPaths::new(assets, activity, stream(config.seed, 0));
        let mut queue = BinaryHeap::new();
        let instruments = (0u64..)
            .zip(listings)
            .map(|(index, listing)| {
                let rate = config.messages_per_sec * listing.weight / weights;
                Instrument::new(listing, &paths, rate, stream(config.seed, index + 1))
            })
            .collect::<Vec<_>>();
        let mut world = Self { instruments, paths, queue: BinaryHeap::new(), effects: Effects::default() };
        for index in 0..world.instruments.len() {
            queue.push(Reverse((world.instruments[index].draw_next(&world.paths), index)));
        }
        world.queue = queue;
        world
    }

    /// When the next order comes.
    pub(crate) fn next_at(&self) -> SimTime {
        self.queue.peek().map_or(SimTime(u64::MAX), |Reverse((at, _))| *at)
    }

    /// Plays the next order.
    pub(crate) fn step(&mut self) -> Option<Step<'_>> {
        let Reverse((at, index)) = self.queue.pop()?;
        self.paths.advance(at);
        let instrument = &mut self.instruments[index];
        self.effects.clear();
        let new_best = instrument.play(&self.paths, &mut self.effects);
        self.queue.push(Reverse((instrument.draw_next(&self.paths), index)));
        Some(Step {
            at,
            instrument: index,
            update_id: instrument.update_id,
            changes: &self.effects.changes,
            fills: &self.effects.fills,
            last_trade_id: instrument.trade_id,
            new_best,
        })
    }

    /// Tells the pace of an instrument how many messages were published for it.
    pub(crate) fn count_messages(&mut self, instrument: usize, messages: usize) {
        self.instruments[instrument].pace.count_messages(messages);
    }

    /// How many instruments there are.
    pub(crate) fn len(&self) -> usize {
        self.instruments.len()
    }

    /// The description of an instrument.
    pub(crate) fn listing(&self, instrument: usize) -> &Listing {
        &self.instruments[instrument].listing
    }

    /// The quantity now resting at a price.
    pub(crate) fn qty(&self, instrument: usize, side: Side, price: opus2_types::Price) -> opus2_types::Qty {
        self.instruments[instrument].ladder.qty(side, price)
    }

    /// The best `limit` levels of each side (bids, asks) and the id of the last change they contain.
    pub(crate) fn book(&self, instrument: usize, limit: usize) -> Book {
        let instrument = &self.instruments[instrument];
        Book {
            update_id: instrument.update_id,
            trade_id: instrument.trade_id,
            bids: instrument.ladder.levels(Side::Bid, limit),
            asks: instrument.ladder.levels(Side::Ask, limit),
        }
    }
}

/// A copy of a book at an update id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Book {
    /// Id of the last change in it.
    pub(crate) update_id: u64,
    /// Id of the instrument's last trade.
    pub(crate) trade_id: u64,
    /// Best first.
    pub(crate) bids: Vec<Level>,
    /// Best first.
    pub(crate) asks: Vec<Level>,
}

impl Instrument {
    fn new(listing: Listing, paths: &AssetPaths, messages_per_sec: f64, mut rng: ChaCha8Rng) -> Self {
        let units = 10f64.powi(i32::from(listing.spec.price_scale));
        let fair = paths.ratio(listing.base, listing.quote, listing.lag) * units;
        let flow = Flow::new(&listing, fair);
        let mut ladder = Ladder::default();
        let mut effects = Effects::default();
        for order in flow.opening_orders(fair, &mut rng) {
            ladder.apply(order, &mut effects);
        }
        // A venue that has run for years: ids that do not fit 32 bits.
        let update_id = rng.random_range(10_000_000_000..60_000_000_000);
        let trade_id = rng.random_range(100_000_000..4_000_000_000);
        Self {
            listing,
            ladder,
            flow,
            arrivals: Arrivals::default(),
            pace: Pace::new(messages_per_sec),
            rng,
            units,
            update_id,
            trade_id,
        }
    }

    fn fair(&self, paths: &AssetPaths) -> f64 {
        paths.ratio(self.listing.base, self.listing.quote, self.listing.lag) * self.units
    }

    fn draw_next(&mut self, paths: &AssetPaths) -> SimTime {
        let is_unsettled = Flow::is_unsettled(&self.ladder, self.fair(paths));
        self.arrivals.next(self.pace.orders_per_sec(self.arrivals.now()), is_unsettled, &mut self.rng)
    }

    fn play(&mut self, paths: &AssetPaths, effects: &mut Effects) -> Option<(Level, Level)> {
        let before = (self.ladder.best(Side::Bid), self.ladder.best(Side::Ask));
        let order = self.flow.next_order(&self.ladder, self.fair(paths), &mut self.rng)?;
        self.ladder.apply(order, effects);
        self.pace.count_order();
        if !effects.changes.is_empty() {
            self.update_id += 1;
        }
        self.trade_id += effects.fills.len() as u64;
        let after = (self.ladder.best(Side::Bid), self.ladder.best(Side::Ask));
        (before != after).then_some(after.0.zip(after.1)).flatten()
    }
}

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

#[cfg(test)]
mod tests;
