//! How much leaves the queues at the best prices of one instrument.

use opus2_types::{EventBody, Level, MarketEvent, Price, Side};
use serde::{Deserialize, Serialize};

use super::books::VenueBook;
use crate::context::InstrumentName;
use crate::exact::MILLI;
use crate::execution::maker_taker::{Outflow, OutflowHistogram, SeenOutflow};
use crate::execution::plan::ExecutionConfig;

/// The queues at the best bid and the best ask of one instrument, watched for one horizon after the other.
///
/// A horizon is [`resting_expiry_ms`](ExecutionConfig::resting_expiry_ms) long. What left is the sum of the falls of the
/// quantity at the price that was best when it began; what came between two looks hides as much, so it is a lower bound. A
/// price that is passed by the best one was emptied, and ends its horizon at once. A book out of step ends it without a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct QueueWatch {
    instrument: InstrumentName,
    bid: SideWatch,
    ask: SideWatch,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct SideWatch {
    seen: OutflowHistogram,
    watched: Option<Watched>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Watched {
    level: Level,
    since: i64,
    left: i64,
}

impl QueueWatch {
    pub(super) fn new(instrument: InstrumentName) -> Self {
        Self { instrument, bid: SideWatch::default(), ask: SideWatch::default() }
    }

    pub(super) const fn instrument(&self) -> &InstrumentName {
        &self.instrument
    }

    /// Takes an event that `book` has taken already.
    pub(super) fn observe(&mut self, event: &MarketEvent<'_>, book: &VenueBook, config: &ExecutionConfig) {
        let is_book = match event.body {
            EventBody::Book(_) => true,
            EventBody::Quote(_) | EventBody::Status(_) => false,
            EventBody::Trade(_) | EventBody::Quality(_) | EventBody::Position(_) => return,
        };
        for side in [Side::Bid, Side::Ask] {
            let watch = self.side_mut(side);
            match book.best(side) {
                Some(best) => {
                    let now = Look { time: event.recv_ts.0, side, best };
                    watch.observe(&now, config, |price| {
                        if price == best.price {
                            return Some(best);
                        }
                        // A quote says nothing of deeper levels.
                        let levels = is_book.then(|| book.levels(side))?;
                        levels.iter().find(|level| level.price == price).copied()
                    });
                }
                None => watch.watched = None,
            }
        }
    }

    /// The outflow that was seen on a side, in base units; `None` while too little was.
    pub(super) fn outflow(
        &self,
        side: Side,
        unit: f64,
        config: &ExecutionConfig,
    ) -> Option<OutflowInUnits<'_>> {
        let watch = match side {
            Side::Bid => &self.bid,
            Side::Ask => &self.ask,
        };
        let seen = watch.seen.distribution(&config.outflow).ok()?;
        (unit > 0.0).then_some(OutflowInUnits { seen, unit })
    }

    const fn side_mut(&mut self, side: Side) -> &mut SideWatch {
        match side {
            Side::Bid => &mut self.bid,
            Side::Ask => &mut self.ask,
        }
    }
}

/// The best level of a side at one moment.
struct Look {
    time: i64,
    side: Side,
    best: Level,
}

impl SideWatch {
    /// `shown` tells what is seen at a price; `None` when nothing is known of it.
    fn observe(&mut self, now: &Look, config: &ExecutionConfig, shown: impl Fn(Price) -> Option<Level>) {
        if let Some(watched) = &mut self.watched {
            let is_passed = match now.side {
                Side::Bid => now.best.price < watched.level.price,
                Side::Ask => now.best.price > watched.level.price,
            };
            let qty = if is_passed { Some(0) } else { shown(watched.level.price).map(|level| level.qty.0) };
            if let Some(qty) = qty {
                watched.left = watched.left.saturating_add(watched.level.qty.0.saturating_sub(qty).max(0));
                watched.level.qty.0 = qty;
            }
            let horizon = i64::from(config.resting_expiry_ms) * MILLI;
            if is_passed || now.time.saturating_sub(watched.since) >= horizon {
                self.seen.update(now.time, watched.left, &config.outflow);
                self.watched = None;
            }
        }
        self.watched.get_or_insert(Watched { level: now.best, since: now.time, left: 0 });
    }
}

/// An outflow seen in a venue's own units, told in base units.
pub(super) struct OutflowInUnits<'a> {
    seen: SeenOutflow<'a>,
    unit: f64,
}

impl Outflow for OutflowInUnits<'_> {
    fn cdf(&self, x: f64) -> f64 {
        self.seen.cdf(x / self.unit)
    }

    fn quantile(&self, p: f64) -> f64 {
        self.seen.quantile(p) * self.unit
    }

    fn mean_excess(&self, from: f64, to: f64) -> f64 {
        self.seen.mean_excess(from / self.unit, to / self.unit) * self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::maker_taker::OutflowSettings;

    /// Bids seen at times in seconds: the best level, and what is known at the price 100.
    #[track_caller]
    fn check(looks: &[(i64, (i64, i64), Option<i64>)], horizons: f64, median: f64) {
        let mut watch = SideWatch::default();
        let outflow = OutflowSettings { half_life_secs: 1e6, observations_min: 1.0 };
        let config = ExecutionConfig { outflow, ..ExecutionConfig::default() };
        for (secs, (price, qty), known) in looks {
            let now = Look { time: secs * 1_000_000_000, side: Side::Bid, best: Level::new(*price, *qty) };
            watch.observe(&now, &config, |price| {
                known.filter(|_| price == Price(100)).map(|qty| Level::new(100, qty))
            });
        }
        assert!((watch.seen.n_eff() - horizons).abs() < 1e-3, "{watch:?}");
        let found = watch.seen.distribution(&outflow).map_or(0.0, |seen| seen.quantile(0.5));
        // Ranges are 19 % wide.
        assert!((found - median).abs() <= median * 0.2, "{found}");
    }

    #[test]
    fn what_left_the_queue_within_a_horizon_is_counted_once() {
        let fall = [(0, (100, 50), Some(50)), (1, (100, 30), Some(30)), (2, (100, 45), Some(45))];
        check(&fall, 0.0, 0.0);
        let mut whole = fall.to_vec();
        whole.push((5, (100, 5), Some(5)));
        // 20, then 40: what came in between does not undo it.
        check(&whole, 1.0, 60.0);
    }

    #[test]
    fn a_price_that_is_passed_was_emptied() {
        check(&[(0, (100, 50), Some(50)), (1, (99, 7), None)], 1.0, 50.0);
    }

    #[test]
    fn a_price_that_is_no_longer_best_is_still_watched() {
        check(&[(0, (100, 50), Some(50)), (1, (101, 7), Some(10)), (6, (101, 7), None)], 1.0, 40.0);
    }
}
