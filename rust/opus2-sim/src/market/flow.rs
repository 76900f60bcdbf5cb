//! Which order comes next: the participants of one instrument, taken together.

use opus2_types::{Aggressor, Level, Price, Qty, Side};
use rand::Rng;
use rand_distr::{Distribution, LogNormal, StandardNormal};

use super::ladder::Ladder;
use super::listing::Listing;
use super::number::{count_to_float, to_float, to_units};
use super::order::Order;

/// The share of calm orders that cross the spread. In the BTCUSDT recording of August 2024, 5 trades per 100 update ids.
const TAKE_SHARE: f64 = 0.06;
/// The chance that an aggressor follows the direction of the one before: large orders come in parts.
const TAKE_PERSISTENCE: f64 = 0.6;
/// The share of additions and cancels that happen at the best price. In the recording, 90 % of the changes of the best
/// quotes are changes of a quantity.
const TOUCH_SHARE: f64 = 0.35;
/// The share of additions far from the touch: orders that wait for a crash.
const FAR_SHARE: f64 = 0.04;
/// Where the others rest: distance from the best, log-normal, in parts of the price. Recording: quartiles at 575, 2,235
/// and 6,398 ticks of 0.01 at 61,700.
const DISTANCE_MEDIAN: f64 = 3.6e-4;
const DISTANCE_SIGMA: f64 = 1.56;
const FAR_MEDIAN: f64 = 2e-2;
/// Value of an order in dollars, log-normal: resting orders, those of market makers, taking orders.
const REST_DOLLARS: f64 = 800.0;
const MAKER_DOLLARS: f64 = 12_000.0;
const TAKE_DOLLARS: f64 = 300.0;
const SIZE_SIGMA: f64 = 1.4;
/// The largest order, in base assets. Ninety of them at one price still fit into 64 bits with the eight decimals that
/// venues print.
pub(crate) const ORDER_QTY_MAX: i64 = 1_000_000_000;
/// The quotes stay while the fair price is within this part of the price around the mid, or one tick.
const FRICTION: f64 = 3e-5;
/// The share of cancels that move the order instead of ending it.
const MOVE_SHARE: f64 = 0.04;
/// How far an addition steps outward for a free price while the side has too few levels.
const FREE_PRICE_STEPS: i64 = 8;

/// The order flow of one instrument.
///
/// Calm: orders rest near the touch and further out, are cancelled, or take a little, each a little more likely on the
/// side that the fair price favours: the imbalance of the book leads the price, as it does in real ones. Once the fair
/// price has left the friction band, takers and cancelling makers clear the stale side; when the spread is wide, makers
/// close it. The number of levels of a side is pulled towards its target by what is added and cancelled, and where.
#[derive(Debug)]
pub(crate) struct Flow {
    qty_per_dollar: f64,
    qty_min: i64,
    qty_max: i64,
    levels_target: f64,
    last_aggressor: Aggressor,
}

/// Where the book stands against the fair price, in price units.
#[derive(Debug, Clone, Copy)]
struct View {
    bid: Level,
    ask: Level,
    fair: f64,
    friction: f64,
    mid: f64,
}

impl View {
    fn new(ladder: &Ladder, fair: f64) -> Option<Self> {
        let (bid, ask) = (ladder.best(Side::Bid)?, ladder.best(Side::Ask)?);
        let mid = f64::midpoint(to_float(bid.price.0), to_float(ask.price.0));
        Some(Self { bid, ask, fair, friction: (mid * FRICTION).max(1.0), mid })
    }

    fn best(&self, side: Side) -> Level {
        match side {
            Side::Bid => self.bid,
            Side::Ask => self.ask,
        }
    }

    fn spread(&self) -> i64 {
        self.ask.price.0 - self.bid.price.0
    }

    /// The side whose quote is on the wrong side of the fair price by more than the friction.
    fn stale_side(&self) -> Option<Side> {
        if self.fair > to_float(self.ask.price.0) + self.friction {
            Some(Side::Ask)
        } else if self.fair < to_float(self.bid.price.0) - self.friction {
            Some(Side::Bid)
        } else {
            None
        }
    }

    /// −1 … 1: how strongly the fair price lies above the mid.
    fn lean(&self) -> f64 {
        ((self.fair - self.mid) / self.friction).tanh()
    }
}

impl Flow {
    pub(crate) fn new(listing: &Listing, price_units: f64) -> Self {
        let qty_per_dollar = 10f64.powi(i32::from(listing.qty_scale)) / listing.base_dollars;
        // A very coarse price has no room for many levels below it.
        let levels_target = count_to_float(listing.levels_target).min(price_units / 3.0);
        let qty_max = ORDER_QTY_MAX.saturating_mul(10i64.saturating_pow(u32::from(listing.qty_scale)));
        Self { qty_per_dollar, qty_min: 1, qty_max, levels_target, last_aggressor: Aggressor::Buy }
    }

    /// Orders that build a book around a price: about the target number of levels on each side.
    pub(crate) fn opening_orders(&self, fair: f64, rng: &mut impl Rng) -> Vec<Order> {
        let mut orders = Vec::new();
        let bid = Price(to_units(fair.floor()).max(1));
        for side in [Side::Bid, Side::Ask] {
            let best = if side == Side::Bid { bid } else { Price(bid.0 + 1) };
            orders.push(Order::Add { side, price: best, qty: self.size(MAKER_DOLLARS, rng) });
            let mut taken = std::collections::BTreeSet::from([best]);
            // Near the touch prices collide, so there are more draws than levels; the bound is never near in practice.
            let target = usize::try_from(to_units(self.levels_target)).unwrap_or(1);
            for _ in 0..target * 50 {
                if taken.len() >= target {
                    break;
                }
                let price = away(side, best, self.distance(fair, rng));
                if price.0 >= 1 && taken.insert(price) {
                    orders.push(Order::Add { side, price, qty: self.size(REST_DOLLARS, rng) });
                }
            }
        }
        orders
    }

    /// Whether makers are in a hurry: the quotes are stale, or the spread is wide.
    pub(crate) fn is_unsettled(ladder: &Ladder, fair: f64) -> bool {
        View::new(ladder, fair).is_some_and(|view| view.stale_side().is_some() || view.spread() > 1)
    }

    /// The next order, given the book and the fair price in price units. `None` only for a book without a side.
    pub(crate) fn next_order(&mut self, ladder: &Ladder, fair: f64, rng: &mut impl Rng) -> Option<Order> {
        let view = View::new(ladder, fair)?;
        if let Some(side) = view.stale_side() {
            return Some(self.clear_stale(side, &view, rng));
        }
        if view.spread() > 1
            && rng.random_bool(0.9)
            && let Some(order) = self.close_spread(&view, rng)
        {
            return Some(order);
        }
        if rng.random_bool(TAKE_SHARE) {
            return Some(self.take(&view, rng));
        }
        Some(self.rest_or_cancel(ladder, &view, rng))
    }

    /// The fair price has passed a quote: somebody takes it, or its owner is faster.
    fn clear_stale(&mut self, side: Side, view: &View, rng: &mut impl Rng) -> Order {
        let best = view.best(side);
        if rng.random_bool(0.6) {
            return Order::Cancel { side, price: best.price, qty: best.qty };
        }
        let aggressor = if side == Side::Ask { Aggressor::Buy } else { Aggressor::Sell };
        self.last_aggressor = aggressor;
        let qty = Qty(best.qty.0.saturating_add(self.size(REST_DOLLARS, rng).0));
        Order::Take { aggressor, qty, limit: Price(to_units(view.fair)) }
    }

    /// A maker quotes inside a wide spread, on the side that the fair price has left behind.
    fn close_spread(&self, view: &View, rng: &mut impl Rng) -> Option<Order> {
        let (bid, ask) = (view.bid.price.0, view.ask.price.0);
        let side = if view.fair - to_float(bid) > to_float(ask) - view.fair { Side::Bid } else { Side::Ask };
        let price = match side {
            Side::Bid => (ask - 1).min(to_units((view.fair + view.friction).floor())),
            Side::Ask => (bid + 1).max(to_units((view.fair - view.friction).ceil())),
        };
        (bid < price && price < ask).then(|| Order::Add {
            side,
            price: Price(price),
            qty: self.size(MAKER_DOLLARS, rng),
        })
    }

    fn take(&mut self, view: &View, rng: &mut impl Rng) -> Order {
        let follows = rng.random_bool(TAKE_PERSISTENCE);
        let aggressor = match (follows, self.last_aggressor, rng.random_bool(0.5 + 0.3 * view.lean())) {
            (true, last, _) => last,
            (false, _, true) => Aggressor::Buy,
            (false, _, false) => Aggressor::Sell,
        };
        self.last_aggressor = aggressor;
        let reach = to_units(view.mid * DISTANCE_MEDIAN);
        let limit = match aggressor {
            Aggressor::Buy => Price(view.ask.price.0 + reach),
            Aggressor::Sell => Price((view.bid.price.0 - reach).max(1)),
        };
        Order::Take { aggressor, qty: self.size(TAKE_DOLLARS, rng), limit }
    }

    fn rest_or_cancel(&self, ladder: &Ladder, view: &View, rng: &mut impl Rng) -> Order {
        // Support is built on the side the price leaves, and withdrawn on the side it goes to.
        let adds = rng.random_bool(0.5);
        let towards_bid = 0.5 + if adds { 0.2 } else { -0.2 } * view.lean();
        let side = if rng.random_bool(towards_bid) { Side::Bid } else { Side::Ask };
        let surplus = (count_to_float(ladder.count(side)) / self.levels_target - 1.0).clamp(-0.5, 0.5);
        // A side with too many levels turns additions into cancels, one with too few the other way round.
        let adds = if rng.random_bool(surplus.abs()) { surplus < 0.0 } else { adds };
        if adds {
            self.rest(ladder, view, side, surplus, rng)
        } else {
            self.cancel(ladder, view, side, surplus, rng)
        }
    }

    fn rest(&self, ladder: &Ladder, view: &View, side: Side, surplus: f64, rng: &mut impl Rng) -> Order {
        let best = view.best(side).price;
        if rng.random_bool(TOUCH_SHARE) {
            return Order::Add { side, price: best, qty: self.size(REST_DOLLARS, rng) };
        }
        let mut price = away(side, best, self.distance(view.mid, rng));
        if surplus < 0.0 {
            let free = (0..FREE_PRICE_STEPS).map(|steps| away(side, price, steps));
            price = free.into_iter().find(|free| ladder.qty(side, *free).0 == 0).unwrap_or(price);
        }
        Order::Add { side, price: Price(price.0.max(1)), qty: self.size(REST_DOLLARS, rng) }
    }

    fn cancel(&self, ladder: &Ladder, view: &View, side: Side, surplus: f64, rng: &mut impl Rng) -> Order {
        let best = view.best(side);
        if rng.random_bool(TOUCH_SHARE) {
            // Only part of the best queue is cancelled in calm times: the price moves for a reason.
            let part = best.qty.0 / rng.random_range(2..10);
            let qty = Qty(self.size(REST_DOLLARS, rng).0.min(part).max(self.qty_min));
            return Order::Cancel { side, price: best.price, qty };
        }
        let nearest = ladder.at_or_beyond(side, away(side, best.price, self.distance(view.mid, rng)));
        let level = match (nearest, ladder.worst(side)) {
            (Some(level), worst) if surplus <= 0.0 || rng.random_bool(0.8) || worst.is_none() => level,
            (_, Some(worst)) => worst,
            (Some(level), None) => level,
            (None, None) => best,
        };
        if rng.random_bool(MOVE_SHARE) && surplus <= 0.0 {
            return Order::Move { side, from: level.price, to: best.price };
        }
        let order_size = self.size(REST_DOLLARS, rng).0;
        let qty =
            if level.qty.0 <= 4 * order_size { level.qty.0 } else { level.qty.0 / rng.random_range(2..6) };
        Order::Cancel { side, price: level.price, qty: Qty(qty.max(self.qty_min)) }
    }

    /// A distance from the best, at least one price unit.
    fn distance(&self, price: f64, rng: &mut impl Rng) -> i64 {
        let median = if rng.random_bool(FAR_SHARE) { FAR_MEDIAN } else { DISTANCE_MEDIAN };
        // With coarse ticks the parts of the price above are fractions of a tick; the book then spreads by its levels.
        let median = (median * price).max(self.levels_target / 12.0);
        let draw: f64 = StandardNormal.sample(rng);
        to_units((median * (DISTANCE_SIGMA * draw).exp()).min(0.9 * price)).max(1)
    }

    fn size(&self, dollars: f64, rng: &mut impl Rng) -> Qty {
        let size = LogNormal::new(dollars.ln(), SIZE_SIGMA).map_or(dollars, |sizes| sizes.sample(rng));
        Qty(to_units(size * self.qty_per_dollar).clamp(self.qty_min, self.qty_max))
    }
}

/// A price `distance` further from the spread.
fn away(side: Side, price: Price, distance: i64) -> Price {
    match side {
        Side::Bid => Price(price.0.saturating_sub(distance)),
        Side::Ask => Price(price.0.saturating_add(distance)),
    }
}
