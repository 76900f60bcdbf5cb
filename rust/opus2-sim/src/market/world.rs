//! All instruments of the simulation, one order after the other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use opus2_types::{Level, Price, Qty, Side, Venue};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::arrivals::Arrivals;
use super::assets::AssetPaths;
use super::flow::Flow;
use super::laboratory::{Bench, Laboratory, TruthLine};
use super::ladder::Ladder;
use super::listing::{Listing, VenueListings, list_instruments};
use super::number::{count_to_float, to_seconds};
use super::order::{Effects, Order};
use super::pace::Pace;
use super::time::SimTime;

/// At this many messages per second and instrument the market has its full volatility; below, it moves less, because
/// a price can only follow its fair value through orders.
const FULL_ACTIVITY_MESSAGES_PER_SEC: f64 = 150.0;

/// A venue's own distance from the common value is forgotten with this time constant.
const NOISE_SECONDS: f64 = 2.0;

/// What the model needs to know.
#[derive(Debug, Clone)]
pub(crate) struct WorldConfig {
    pub(crate) seed: u64,
    pub(crate) venues: Vec<VenueListings>,
    /// Messages per second of all instruments together.
    pub(crate) messages_per_sec: f64,
    /// Who trades instead of the usual participants.
    pub(crate) laboratory: Option<Laboratory>,
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
    /// How far the log of its fair price is from the common one, besides its basis, and since when.
    noise: f64,
    noise_at: SimTime,
    /// Time of the latest order that was entered or amended: unique and increasing.
    stamp: i64,
    update_id: u64,
    trade_id: u64,
}

/// What one order did to one instrument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    /// When.
    pub(crate) at: SimTime,
    /// Which instrument, by its index.
    pub(crate) instrument: usize,
    /// The order's number in the instrument's book; later than any before.
    pub(crate) update_id: u64,
    /// What it changed. Empty when the order found nothing to do. Ids of trades end with `last_trade_id`, one apart.
    pub(crate) effects: &'a Effects,
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
    /// Who trades instead of the usual participants.
    bench: Option<Bench>,
    /// The next order of every instrument. Equal times are ordered by index.
    queue: BinaryHeap<Reverse<(SimTime, usize)>>,
    effects: Effects,
    latest: Latest,
    opened_at: i64,
}

/// What is known of the latest step besides its effects.
#[derive(Debug, Clone, Copy, Default)]
struct Latest {
    at: SimTime,
    instrument: usize,
    new_best: Option<(Level, Level)>,
}

impl World {
    /// Builds the books and draws the first orders. `stamp` is the time of the orders that rest already.
    pub(crate) fn new(config: &WorldConfig, stamp: i64) -> Self {
        let (listings, assets) = list_instruments(&config.venues);
        let weights: f64 = listings.iter().map(|listing| listing.weight).sum();
        let mean_rate = config.messages_per_sec / count_to_float(listings.len());
        let activity = (mean_rate / FULL_ACTIVITY_MESSAGES_PER_SEC).min(1.0).sqrt();
        let paths = AssetPaths::new(assets, activity, stream(config.seed, 0));
        let rates: Vec<f64> =
            listings.iter().map(|listing| config.messages_per_sec * listing.weight / weights).collect();
        let mut bench =
            config.laboratory.as_ref().map(|settings| Bench::new(settings, config.seed, &listings, &rates));
        let mut queue = BinaryHeap::new();
        let mut ranks = [0; Venue::ALL.len()];
        let instruments = listings
            .into_iter()
            .zip(rates)
            .enumerate()
            .map(|(index, (listing, rate))| {
                // Each venue has random numbers of its own: adding a venue does not change the luck of another.
                let code = listing.venue.code();
                let rank = &mut ranks[usize::from(code)];
                *rank += 1;
                let rng = stream(config.seed, (u64::from(code) << 32) + *rank);
                let opening = bench.as_mut().map(|bench| bench.opening_orders(index));
                Instrument::new(listing, &paths, rate, stamp, rng, opening)
            })
            .collect::<Vec<_>>();
        let mut world = Self {
            instruments,
            paths,
            bench,
            queue: BinaryHeap::new(),
            effects: Effects::default(),
            latest: Latest::default(),
            opened_at: stamp,
        };
        for index in 0..world.instruments.len() {
            queue.push(Reverse((world.draw_next(index), index)));
        }
        world.queue = queue;
        world
    }

    /// When the next order comes.
    pub(crate) fn next_at(&self) -> SimTime {
        self.queue.peek().map_or(SimTime(u64::MAX), |Reverse((at, _))| *at)
    }

    /// Plays the next order; [`World::latest`] says what it did. `stamp` is its time as people measure it.
    pub(crate) fn step(&mut self, stamp: i64) {
        let Some(Reverse((at, index))) = self.queue.pop() else { return };
        self.effects.clear();
        let instrument = &mut self.instruments[index];
        let order = if let Some(bench) = &mut self.bench {
            bench.next_order(index, at, stamp, &instrument.ladder)
        } else {
            self.paths.advance(at);
            instrument.next_order(&self.paths)
        };
        let new_best = order.and_then(|order| instrument.play(order, stamp, &mut self.effects));
        self.latest = Latest { at, instrument: index, new_best };
        let next = self.draw_next(index);
        self.queue.push(Reverse((next, index)));
    }

    /// When an instrument's next order comes.
    fn draw_next(&mut self, index: usize) -> SimTime {
        match &self.bench {
            Some(bench) => bench.next_at(index),
            None => self.instruments[index].draw_next(&self.paths),
        }
    }

    /// Takes what was written down of a laboratory market since it was last taken.
    pub(crate) fn take_truth(&mut self) -> Vec<TruthLine> {
        self.bench.as_mut().map(Bench::take_truth).unwrap_or_default()
    }

    /// How many lines of truth nobody took in time.
    pub(crate) fn truth_dropped(&self) -> u64 {
        self.bench.as_ref().map_or(0, Bench::truth_dropped)
    }

    /// Writes down the injected episodes that are still going on, as ending at this wall time.
    pub(crate) fn finish_truth(&mut self, wall_ns: i64) {
        if let Some(bench) = &mut self.bench {
            bench.finish(wall_ns);
        }
    }

    /// What the latest [`World::step`] did.
    pub(crate) fn latest(&self) -> Step<'_> {
        let Latest { at, instrument, new_best } = self.latest;
        let Instrument { update_id, trade_id, .. } = self.instruments[instrument];
        Step { at, instrument, update_id, effects: &self.effects, last_trade_id: trade_id, new_best }
    }

    /// Tells the pace of an instrument how many messages were published for it.
    pub(crate) fn count_messages(&mut self, instrument: usize, messages: usize) {
        self.instruments[instrument].pace.count_messages(messages);
    }

    /// The time of the orders that rested at the beginning.
    pub(crate) const fn opened_at(&self) -> i64 {
        self.opened_at
    }

    /// How many instruments there are.
    pub(crate) fn len(&self) -> usize {
        self.instruments.len()
    }

    /// The description of an instrument.
    pub(crate) fn listing(&self, instrument: usize) -> &Listing {
        &self.instruments[instrument].listing
    }

    /// The book of an instrument.
    pub(crate) fn ladder(&self, instrument: usize) -> &Ladder {
        &self.instruments[instrument].ladder
    }

    /// Number of the last change of an instrument's book, and of its last trade.
    pub(crate) fn ids(&self, instrument: usize) -> (u64, u64) {
        let instrument = &self.instruments[instrument];
        (instrument.update_id, instrument.trade_id)
    }

    /// The quantity now resting at a price.
    pub(crate) fn qty(&self, instrument: usize, side: Side, price: Price) -> Qty {
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

impl Book {
    /// Sets the quantity of a level; zero removes it.
    pub(crate) fn set(&mut self, side: Side, price: Price, qty: Qty) {
        let (levels, found) = match side {
            Side::Bid => {
                let found = self.bids.binary_search_by(|level| price.cmp(&level.price));
                (&mut self.bids, found)
            }
            Side::Ask => {
                let found = self.asks.binary_search_by(|level| level.price.cmp(&price));
                (&mut self.asks, found)
            }
        };
        match (found, qty.0) {
            (Ok(at), 0) => drop(levels.remove(at)),
            (Ok(at), _) => levels[at].qty = qty,
            (Err(_), 0) => {}
            (Err(at), _) => levels.insert(at, Level { price, qty }),
        }
    }
}

impl Instrument {
    fn new(
        listing: Listing,
        paths: &AssetPaths,
        messages_per_sec: f64,
        stamp: i64,
        mut rng: ChaCha8Rng,
        opening: Option<Vec<Order>>,
    ) -> Self {
        let units = 10f64.powi(i32::from(listing.price_scale));
        // A venue that has run for years: ids that do not fit 32 bits.
        let update_id = rng.random_range(10_000_000_000..60_000_000_000);
        let trade_id = rng.random_range(100_000_000..4_000_000_000);
        let fair = paths.ratio(listing.base_asset, listing.quote_asset, listing.lag) * units;
        let flow = Flow::new(&listing, fair);
        let mut instrument = Self {
            listing,
            ladder: Ladder::new(update_id * 3),
            flow,
            arrivals: Arrivals::default(),
            pace: Pace::new(messages_per_sec),
            rng,
            units,
            noise: 0.0,
            noise_at: SimTime(0),
            stamp,
            update_id,
            trade_id,
        };
        let mut effects = Effects::default();
        let opening = opening.unwrap_or_else(|| instrument.flow.opening_orders(fair, &mut instrument.rng));
        for order in opening {
            instrument.stamp += 1;
            instrument.ladder.apply(order, instrument.stamp, &mut effects);
        }
        instrument
    }

    fn fair(&self, paths: &AssetPaths) -> f64 {
        let Listing { base_asset, quote_asset, lag, basis, .. } = self.listing;
        paths.ratio(base_asset, quote_asset, lag) * (basis + self.noise).exp() * self.units
    }

    /// Lets the venue's own distance from the common value wander up to the present order.
    fn advance_noise(&mut self) {
        let now = self.arrivals.now();
        let keep = (-to_seconds(now.since(self.noise_at)) / NOISE_SECONDS).exp();
        let draw: f64 = StandardNormal.sample(&mut self.rng);
        self.noise = self.noise * keep + self.listing.noise * (1.0 - keep * keep).sqrt() * draw;
        self.noise_at = now;
    }

    fn draw_next(&mut self, paths: &AssetPaths) -> SimTime {
        let is_unsettled = Flow::is_unsettled(&self.ladder, self.fair(paths));
        self.arrivals.next(self.pace.orders_per_sec(self.arrivals.now()), is_unsettled, &mut self.rng)
    }

    /// What the usual participants do next.
    fn next_order(&mut self, paths: &AssetPaths) -> Option<Order> {
        self.advance_noise();
        self.flow.next_order(&self.ladder, self.fair(paths), &mut self.rng)
    }

    fn play(&mut self, order: Order, stamp: i64, effects: &mut Effects) -> Option<(Level, Level)> {
        let before = (self.ladder.best(Side::Bid), self.ladder.best(Side::Ask));
        self.stamp = stamp.max(self.stamp + 1);
        self.ladder.apply(order, self.stamp, effects);
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
pub(crate) fn test_config(seed: u64, venue: Venue, count: usize, messages_per_sec: f64) -> WorldConfig {
    let venues = vec![VenueListings { venue, count, lag_nanos: 0 }];
    WorldConfig { seed, venues, messages_per_sec, laboratory: None }
}

#[cfg(test)]
mod tests;
