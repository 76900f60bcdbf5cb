//! A laboratory for a world: the paths of its markets and the participants of its instruments.

use opus2_types::market_name;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::inject::Named;
use super::lattice::Lattice;
use super::path::{MarketPath, PathRules};
use super::settings::Laboratory;
use super::trader::Trader;
use super::truth::{TruthLine, TruthMarket, TruthSettings};
use crate::SimError;
use crate::market::ladder::Ladder;
use crate::market::listing::{Listing, VenueListings, list_instruments};
use crate::market::order::Order;
use crate::market::time::SimTime;

/// Lines of truth that wait for somebody to take them. Nobody does when the market is served over sockets.
pub(crate) const TRUTH_LINES_MAX: usize = 1_000_000;

/// Numbers of streams of random numbers that the usual market does not use.
const STREAMS_FROM: u64 = 1 << 48;
/// Ids of one instrument's episodes.
const IDS_PER_INSTRUMENT: u64 = 1_000_000;

/// Everything that trades in a laboratory market.
#[derive(Debug)]
pub(crate) struct Bench {
    paths: Vec<MarketPath>,
    names: Vec<String>,
    /// By instrument.
    markets: Vec<usize>,
    /// The first instrument of each market, which tells of its path.
    first: Vec<usize>,
    /// Jumps of each market told so far.
    told: Vec<u64>,
    traders: Vec<Trader>,
    truth: Vec<TruthLine>,
    dropped: u64,
}

/// One market as it follows from the settings.
struct Plan {
    name: String,
    instruments: Vec<usize>,
    lattice: Lattice,
    tilt: f64,
}

impl Bench {
    /// Participants for these instruments. `rates` are their messages per second.
    pub(crate) fn new(settings: &Laboratory, seed: u64, listings: &[Listing], rates: &[f64]) -> Self {
        let plans = plan(settings, listings);
        let stream = |number: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(STREAMS_FROM + number);
            rng
        };
        let mut bench = Self {
            paths: Vec::new(),
            names: Vec::new(),
            markets: vec![0; listings.len()],
            first: Vec::new(),
            told: vec![0; plans.len()],
            traders: Vec::new(),
            truth: vec![TruthLine::Settings(to_truth(settings, seed))],
            dropped: 0,
        };
        for (number, plan) in (0u64..).zip(&plans) {
            let rules = PathRules {
                persistence_secs: settings.persistence.as_secs_f64(),
                jumps_per_sec: settings.jumps_per_sec,
                jump_steps: settings.jump_steps.into(),
                tilt: plan.tilt,
            };
            bench.paths.push(MarketPath::new(rules, stream(2 * number), stream(2 * number + 1)));
            bench.names.push(plan.name.clone());
            bench.first.extend(plan.instruments.first());
            for instrument in &plan.instruments {
                bench.markets[*instrument] = bench.paths.len() - 1;
            }
            let named = |at: &usize| format!("{}:{}", listings[*at].venue, listings[*at].symbol);
            bench.truth.push(TruthLine::Market(TruthMarket {
                market: plan.name.clone(),
                instruments: plan.instruments.iter().map(named).collect(),
                step_bps: plan.lattice.step_bps(),
                tilt: plan.tilt,
            }));
        }
        for (number, (listing, rate)) in (0u64..).zip(listings.iter().zip(rates)) {
            let market = bench.markets[bench.traders.len()];
            let lattice = Lattice::new(listing, opening(listing), settings);
            // By venue and symbol, so that another venue does not change the luck of this one.
            let own = stable_number(listing);
            let rngs = [stream(own), stream(own + 1)];
            let path = &mut bench.paths[market];
            let mut trader = Trader::new(settings, lattice, listing.lag, *rate, rngs, path);
            trader.name(Named {
                venue: listing.venue,
                symbol: listing.symbol.clone(),
                price_scale: listing.price_scale,
                qty_scale: listing.qty_scale,
                first_id: number * IDS_PER_INSTRUMENT,
            });
            bench.traders.push(trader);
        }
        bench
    }

    /// The orders that rest at the beginning.
    pub(crate) fn opening_orders(&mut self, instrument: usize) -> Vec<Order> {
        self.traders[instrument].opening_orders()
    }

    /// When an instrument has something to do.
    pub(crate) fn next_at(&self, instrument: usize) -> SimTime {
        self.traders[instrument].next_at()
    }

    /// An instrument's next order; `None` when there is none after all. `wall_ns` is the wall time of `at`.
    pub(crate) fn next_order(
        &mut self,
        instrument: usize,
        at: SimTime,
        wall_ns: i64,
        ladder: &Ladder,
    ) -> Option<Order> {
        let market = self.markets[instrument];
        if self.first[market] == instrument {
            self.tell_path(market, at, wall_ns);
        }
        let (path, trader) = (&mut self.paths[market], &mut self.traders[instrument]);
        let order = trader.next_order(wall_ns, ladder, path, &mut self.truth);
        if self.truth.len() > TRUTH_LINES_MAX {
            self.dropped += (self.truth.len() - TRUTH_LINES_MAX) as u64;
            self.truth.truncate(TRUTH_LINES_MAX);
        }
        order
    }

    /// Writes down what the market's path has done up to now.
    fn tell_path(&mut self, market: usize, now: SimTime, wall_ns: i64) {
        let path = &mut self.paths[market];
        let wall = |at: SimTime| wall_ns - i64::try_from(now.since(at)).unwrap_or(0);
        for (at, signal) in path.untold_flips(now) {
            let market = self.names[market].clone();
            self.truth.push(TruthLine::Signal { at_ns: wall(at), market, signal });
        }
        loop {
            let jump = path.jump(self.told[market]);
            if jump.at > now {
                break;
            }
            self.told[market] += 1;
            let (market, at_ns) = (self.names[market].clone(), wall(jump.at));
            self.truth.push(TruthLine::Jump { at_ns, market, steps: jump.steps, signal: jump.signal });
        }
    }

    /// Takes what was written down since it was last taken.
    pub(crate) fn take_truth(&mut self) -> Vec<TruthLine> {
        std::mem::take(&mut self.truth)
    }

    /// Lines that nobody took in time.
    pub(crate) const fn truth_dropped(&self) -> u64 {
        self.dropped
    }

    /// Writes down the episodes that are still going on.
    pub(crate) fn finish(&mut self, wall_ns: i64) {
        for trader in &mut self.traders {
            trader.finish(wall_ns, &mut self.truth);
        }
    }
}

/// Checks what can only be checked once the instruments are known.
///
/// # Errors
/// [`SimError::Config`]: the planted edge is more than jumps of that size and rate can have.
pub(crate) fn check(settings: &Laboratory, venues: &[VenueListings]) -> Result<(), SimError> {
    settings.validate()?;
    let (listings, _) = list_instruments(venues);
    let tilts = plan(settings, &listings).into_iter().map(|plan| plan.tilt.abs());
    let largest = tilts.fold(0.0, f64::max);
    if largest > 1.0 {
        return Err(SimError::Config {
            field: "the planted edge over what all jumps one way would be",
            value: format!("{largest:.3}"),
            expected: "at most 1: take a smaller edge or more jumps",
        });
    }
    Ok(())
}

/// The markets, in the order of their first instruments.
fn plan(settings: &Laboratory, listings: &[Listing]) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Vec::new();
    for (at, listing) in listings.iter().enumerate() {
        let name = market_name(&listing.base, &listing.quote);
        if let Some(plan) = plans.iter_mut().find(|plan| plan.name == name) {
            plan.instruments.push(at);
            continue;
        }
        let lattice = Lattice::new(listing, opening(listing), settings);
        let per_sec = settings.jumps_per_sec * f64::from(settings.jump_steps) * lattice.step_bps();
        let tilt = settings.edge_bps / per_sec;
        plans.push(Plan { name, instruments: vec![at], lattice, tilt });
    }
    plans
}

/// The price at the beginning, in price units.
fn opening(listing: &Listing) -> f64 {
    listing.opening_price * 10f64.powi(i32::from(listing.price_scale))
}

/// A number of an instrument that depends on nothing but its name, even, above those of the markets.
fn stable_number(listing: &Listing) -> u64 {
    let name = listing.symbol.bytes().fold(u64::from(listing.venue.code()) + 1, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (1 << 32) + 2 * (name & 0xffff_ffff)
}

fn to_truth(settings: &Laboratory, seed: u64) -> TruthSettings {
    TruthSettings {
        synthetic: true,
        seed,
        edge_bps: settings.edge_bps,
        persistence_secs: settings.persistence.as_secs_f64(),
        jumps_per_sec: settings.jumps_per_sec,
        jump_steps: settings.jump_steps,
        flow_bias: settings.flow_bias,
        levels: settings.levels,
        level_dollars: settings.level_dollars,
        size_sigma: settings.size_sigma,
        redraws_per_sec: settings.redraws_per_sec,
        warm_up_secs: settings.warm_up.as_secs_f64(),
        inject: settings.inject,
    }
}
