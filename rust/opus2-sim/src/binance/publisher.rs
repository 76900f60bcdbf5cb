//! From orders to publications: what the venue tells the world, and when.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use opus2_types::{Aggressor, Level, Price, Qty, Side};

use crate::market::{SimTime, Step, World};
use crate::stream::{StreamId, StreamKind};

/// Something the venue publishes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Publication<'a> {
    pub(crate) stream: StreamId,
    /// When the matching engine did it (a batch: when its interval ended).
    pub(crate) at: SimTime,
    pub(crate) body: Body<'a>,
}

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    /// Levels that changed, with their quantities now. `first` follows the `last` of the batch before.
    Depth { first: u64, last: u64, bids: &'a [Level], asks: &'a [Level] },
    /// One trade.
    Trade { id: u64, price: Price, qty: Qty, aggressor: Aggressor },
    /// The best quotes after a change of one of them.
    BookTicker { update_id: u64, bid: Level, ask: Level },
}

/// Changes that wait for the end of their interval.
#[derive(Debug, Default)]
struct Batch {
    /// Update id before the first change that no batch of this stream has covered.
    covered: u64,
    bids: BTreeSet<Reverse<Price>>,
    asks: BTreeSet<Price>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }
}

/// The two depth streams of an instrument; the slow one collects what the fast one published.
const BATCHES: [(StreamKind, u64); 2] = [
    (StreamKind::Depth100Ms, 100 * SimTime::MILLISECOND),
    (StreamKind::Depth1000Ms, 1000 * SimTime::MILLISECOND),
];

/// Listens to a [`World`] and says what the venue publishes: every change of the best quotes, every trade, and depth batches.
///
/// The order is the venue's: after one order the best quote, then its trades (the recording of August 2024 shows them so);
/// the batch that covers them follows at the end of the interval. Every instrument has a phase of its own, so that the
/// batches of many instruments do not come in one moment. Nothing is published for an interval without a change.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// By instrument: this venue's are the world's first.
    batches: Vec<[Batch; 2]>,
    /// Ends of intervals with changes: time, instrument, index into [`BATCHES`].
    ends: BinaryHeap<Reverse<(SimTime, usize, usize)>>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Publisher {
    /// For the first `count` instruments of the world.
    pub(crate) fn new(world: &World, count: usize) -> Self {
        let batches = (0..count)
            .map(|instrument| {
                let (covered, _) = world.ids(instrument);
                [0, 1].map(|_| Batch { covered, ..Batch::default() })
            })
            .collect();
        Self { batches, ends: BinaryHeap::new(), bids: Vec::new(), asks: Vec::new() }
    }

    /// When the next interval ends.
    pub(crate) fn next_at(&self) -> SimTime {
        self.ends.peek().map_or(SimTime(u64::MAX), |Reverse((at, _, _))| *at)
    }

    /// Publishes what one order did at once, and notes it for its batch. How many messages it was.
    pub(crate) fn on_step(&mut self, step: &Step<'_>, publish: &mut impl FnMut(&Publication<'_>)) -> usize {
        let (at, instrument) = (step.at, step.instrument);
        let mut messages = 0;
        each_immediate(step, |kind, body| {
            messages += 1;
            publish(&Publication { stream: StreamId { instrument, kind }, at, body });
        });
        let [fast, _] = &mut self.batches[instrument];
        let opens_interval = fast.is_empty() && !step.effects.changes.is_empty();
        for change in &step.effects.changes {
            match change.side {
                Side::Bid => fast.bids.insert(Reverse(change.level.price)),
                Side::Ask => fast.asks.insert(change.level.price),
            };
        }
        if opens_interval {
            self.ends.push(Reverse((end_of_interval(at, instrument, 0), instrument, 0)));
        }
        messages
    }

    /// Publishes the batch of the interval that ends next. Whose message it is, if it is one of the fast stream.
    pub(crate) fn end_interval(
        &mut self,
        world: &World,
        publish: &mut impl FnMut(&Publication<'_>),
    ) -> Option<usize> {
        let Reverse((at, instrument, which)) = self.ends.pop()?;
        (self.publish_batch(world, at, instrument, which, publish) && which == 0).then_some(instrument)
    }

    /// Publishes every waiting batch at once, so that the feed has caught up with the book. For a pause and for the end.
    pub(crate) fn publish_waiting(
        &mut self,
        world: &World,
        now: SimTime,
        publish: &mut impl FnMut(&Publication<'_>),
    ) {
        for which in 0..BATCHES.len() {
            for instrument in 0..self.batches.len() {
                self.publish_batch(world, now, instrument, which, publish);
            }
        }
        self.ends.clear();
    }

    /// Whether there was anything to publish.
    fn publish_batch(
        &mut self,
        world: &World,
        at: SimTime,
        instrument: usize,
        which: usize,
        publish: &mut impl FnMut(&Publication<'_>),
    ) -> bool {
        let batches = &mut self.batches[instrument];
        if batches[which].is_empty() {
            return false;
        }
        let (last, _) = world.ids(instrument);
        let batch = &mut batches[which];
        let first = batch.covered + 1;
        batch.covered = last;
        let (bids, asks) = (std::mem::take(&mut batch.bids), std::mem::take(&mut batch.asks));
        let level = |side, price| Level { price, qty: world.qty(instrument, side, price) };
        self.bids.clear();
        self.bids.extend(bids.iter().map(|Reverse(price)| level(Side::Bid, *price)));
        self.asks.clear();
        self.asks.extend(asks.iter().map(|price| level(Side::Ask, *price)));
        let body = Body::Depth { first, last, bids: &self.bids, asks: &self.asks };
        publish(&Publication { stream: StreamId { instrument, kind: BATCHES[which].0 }, at, body });
        if which == 0 {
            let slow = &mut batches[1];
            if slow.is_empty() {
                self.ends.push(Reverse((end_of_interval(at, instrument, 1), instrument, 1)));
            }
            slow.bids.extend(bids);
            slow.asks.extend(asks);
        }
        true
    }
}

fn each_immediate(step: &Step<'_>, mut publish: impl FnMut(StreamKind, Body<'static>)) {
    if let Some((bid, ask)) = step.new_best {
        publish(StreamKind::BookTicker, Body::BookTicker { update_id: step.update_id, bid, ask });
    }
    let first_trade_id = step.last_trade_id + 1 - step.effects.fills.len() as u64;
    for (id, fill) in (first_trade_id..).zip(&step.effects.fills) {
        publish(
            StreamKind::Trade,
            Body::Trade { id, price: fill.price, qty: fill.qty, aggressor: fill.aggressor },
        );
    }
}

/// The end of the interval that `now` is in. Phases are spread over the instruments by a prime number of milliseconds.
fn end_of_interval(now: SimTime, instrument: usize, which: usize) -> SimTime {
    let phase = (instrument as u64).wrapping_mul(37 * SimTime::MILLISECOND);
    now.next_on_grid(BATCHES[which].1, phase)
}

#[cfg(test)]
mod tests;
