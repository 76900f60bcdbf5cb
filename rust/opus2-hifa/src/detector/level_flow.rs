//! What happened at each price between two looks at a book: shown before, traded, shown after.
//!
//! A book and its trades come on separate channels. A trade belongs to the book update that no longer shows it; by the
//! venue's own clock that is the first one not older than the trade. So a trade waits for its update; and when the
//! update was there first, a drop that nobody could explain within the interval at which the book is cut is explained
//! after the fact. Without the venue's clock, the order of the two channels says nothing, and the interval counts both
//! ways. What finds no level is counted, not guessed.

use std::cmp::Ordering;

use opus2_types::{BookView, Level, Price, Qty, Side, VIEW_LEVELS};
use serde::{Deserialize, Serialize};

use super::bounded::Bounded;
use super::iceberg::refill;
use crate::exact::MILLI;

/// Trades that wait for a book update, on each side. The oldest gives way, and counts as unattributed.
pub const PENDING_TRADES_MAX: usize = 64;
/// Unexplained drops that wait for a trade, on each side. The oldest gives way.
pub const UNEXPLAINED_DROPS_MAX: usize = 64;
/// The least interval within which a trade and a drop may belong together, ms: the two channels of a venue that does
/// not conflate its book are still two.
pub const MATCH_INTERVAL_MIN_MS: u32 = 50;
/// By how much the venue's clock may differ between its two channels, ms.
pub const CLOCK_SLACK_MS: u32 = 10;

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its receive time, nanoseconds.
    pub now: i64,
    /// The venue's time, nanoseconds, if it gave one.
    pub venue: Option<i64>,
}

impl Stamp {
    /// The venue's time, or the receive time without one.
    #[must_use]
    pub fn at(self) -> i64 {
        self.venue.unwrap_or(self.now)
    }
}

/// One price between two looks. Both quantities were seen: a price that was or is out of sight makes no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelStep {
    /// The side of the book.
    pub side: Side,
    /// The price.
    pub price: Price,
    /// Shown before; zero when nothing rested there.
    pub before: Qty,
    /// Traded since then, as far as it is known.
    pub traded: Qty,
    /// Shown after.
    pub after: Qty,
    /// The price was the side's best before or is now.
    pub is_best: bool,
}

impl LevelStep {
    /// `max(0, traded - (before - after))`: what must have been put there for so much to be shown.
    #[must_use]
    pub fn refill(&self) -> Qty {
        refill(self.before, self.traded, self.after)
    }

    /// What went without a trade.
    #[must_use]
    pub fn cancelled(&self) -> Qty {
        let base = self.before.0.max(0).saturating_sub(self.traded.0.max(0)).max(0);
        Qty(base.saturating_sub(self.after.0.max(0)).max(0))
    }
}

/// Traded volume that explains a drop after the fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explained {
    /// The side of the book.
    pub side: Side,
    /// The price.
    pub price: Price,
    /// How much of the drop it explains.
    pub qty: Qty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct PendingTrade {
    price: Price,
    qty: i64,
    at: i64,
    received: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Drop {
    price: Price,
    qty: i64,
    at: i64,
}

impl Drop {
    /// True when a trade of `stamp` can be the reason: it is not newer than the book that showed the drop, or nobody knows.
    fn may_be_explained_by(&self, stamp: Stamp, interval: i64) -> bool {
        let newer_max = if stamp.venue.is_some() { i64::from(CLOCK_SLACK_MS) * MILLI } else { interval };
        let newer = stamp.at().saturating_sub(self.at);
        (-interval..=newer_max).contains(&newer)
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct SideFlow {
    /// What was shown last, best first.
    ladder: Bounded<Level, VIEW_LEVELS>,
    pending: Bounded<PendingTrade, PENDING_TRADES_MAX>,
    drops: Bounded<Drop, UNEXPLAINED_DROPS_MAX>,
}

/// The levels of one instrument's book, differenced, with its trades attributed to them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LevelFlow {
    sides: [SideFlow; 2],
    has_reference: bool,
    attributed: i128,
    unattributed: i128,
}

/// Where a side's state lies in a pair.
pub(crate) const fn side_index(side: Side) -> usize {
    match side {
        Side::Bid => 0,
        Side::Ask => 1,
    }
}

/// `+1` for bids, `-1` for asks: the direction in which what rests there holds the price.
pub(crate) const fn side_sign(side: Side) -> f64 {
    match side {
        Side::Bid => 1.0,
        Side::Ask => -1.0,
    }
}

pub(crate) const SIDES: [Side; 2] = [Side::Bid, Side::Ask];

impl LevelFlow {
    /// Takes the next book and visits every price at which something changed or traded since the last one, bids first,
    /// from the best on. The first book after [`reset_reference`](Self::reset_reference) makes no step.
    ///
    /// `conflation_ms` is how far apart the venue's book messages are.
    pub fn on_book(
        &mut self,
        stamp: Stamp,
        view: &BookView,
        conflation_ms: u32,
        mut visit: impl FnMut(LevelStep),
    ) {
        let interval = match_nanos(conflation_ms);
        let has_reference = std::mem::replace(&mut self.has_reference, true);
        for side in SIDES {
            let flow = &mut self.sides[side_index(side)];
            flow.drops.retain(|drop| drop.at.saturating_add(interval) >= stamp.at());
            let mut matched = 0;
            if has_reference {
                let context = Look { side, stamp, interval };
                matched = flow.walk(context, view.side(side), &mut visit);
            }
            self.attributed = self.attributed.saturating_add(matched);
            let mut lost = 0i128;
            flow.pending.retain(|trade| {
                let is_due = is_due(trade, stamp, interval);
                // One that was executed within this very interval may still come out at a level of the next book.
                let is_over = is_due && stamp.now.saturating_sub(trade.received) > interval;
                if is_over || (is_due && !has_reference) {
                    lost = lost.saturating_add(trade.qty.into());
                    return false;
                }
                true
            });
            self.unattributed = self.unattributed.saturating_add(lost);
            flow.ladder.fill(view.side(side));
        }
    }

    /// Takes a trade against `resting`. What explains a drop of the books before it is given back; the rest waits for
    /// the next book. A price or quantity that is not positive is passed over.
    pub fn on_trade(
        &mut self,
        stamp: Stamp,
        resting: Side,
        price: Price,
        qty: Qty,
        conflation_ms: u32,
    ) -> Option<Explained> {
        if price.0 <= 0 || qty.0 <= 0 {
            return None;
        }
        let flow = &mut self.sides[side_index(resting)];
        let mut left = qty.0;
        for drop in flow.drops.as_mut_slice() {
            if drop.price == price && drop.may_be_explained_by(stamp, match_nanos(conflation_ms)) {
                let explained = left.min(drop.qty);
                drop.qty -= explained;
                left -= explained;
            }
        }
        let explained = qty.0 - left;
        if explained > 0 {
            flow.drops.retain(|drop| drop.qty > 0);
        }
        self.attributed = self.attributed.saturating_add(explained.into());
        if left > 0 {
            let trade = PendingTrade { price, qty: left, at: stamp.at(), received: stamp.now };
            if let Some(lost) = flow.pending.push_evicting(trade) {
                self.unattributed = self.unattributed.saturating_add(lost.qty.into());
            }
        }
        (explained > 0).then_some(Explained { side: resting, price, qty: Qty(explained) })
    }

    /// Data was lost: the next book is compared with nothing, and trades that wait are not attributed.
    pub fn reset_reference(&mut self) {
        self.has_reference = false;
        for flow in &mut self.sides {
            let lost = flow.pending.as_slice().iter().map(|trade| i128::from(trade.qty)).sum();
            self.unattributed = self.unattributed.saturating_add(lost);
            flow.pending.clear();
            flow.drops.clear();
            flow.ladder.clear();
        }
    }

    /// What one side showed last, best first.
    #[must_use]
    pub fn shown(&self, side: Side) -> &[Level] {
        self.sides[side_index(side)].ladder.as_slice()
    }

    /// Traded volume that was matched to a level, in `Qty` units.
    #[must_use]
    pub const fn attributed(&self) -> i128 {
        self.attributed
    }

    /// Traded volume that found no level, in `Qty` units: beyond the levels shown, or lost with a book's reference.
    #[must_use]
    pub const fn unattributed(&self) -> i128 {
        self.unattributed
    }

    /// True once a book has been seen since the start or the last reset.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.has_reference
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.attributed >= 0
            && self.unattributed >= 0
            && self.sides.iter().all(|flow| {
                flow.pending.as_slice().iter().all(|trade| trade.qty > 0)
                    && flow.drops.as_slice().iter().all(|drop| drop.qty > 0)
            })
    }
}

/// Within how long a trade and a drop may belong together.
pub(crate) fn match_nanos(conflation_ms: u32) -> i64 {
    i64::from(conflation_ms.max(MATCH_INTERVAL_MIN_MS)) * MILLI
}

/// True when the book of `stamp` can no longer show what `trade` took, or must not be waited for any longer.
fn is_due(trade: &PendingTrade, stamp: Stamp, interval: i64) -> bool {
    trade.at <= stamp.at() || stamp.now.saturating_sub(trade.received) > interval
}

#[derive(Clone, Copy)]
struct Look {
    side: Side,
    stamp: Stamp,
    interval: i64,
}

impl SideFlow {
    /// Walks the old and the new levels side by side, from the best on, as deep as both can be seen. Returns the volume
    /// that was attributed.
    fn walk(&mut self, look: Look, new: &[Level], visit: &mut impl FnMut(LevelStep)) -> i128 {
        let Self { ladder, pending, drops } = self;
        let old = ladder.as_slice();
        let best = [old.first(), new.first()].map(|level| level.map(|level| level.price));
        let has_trades = !pending.as_slice().is_empty();
        let (mut at_old, mut at_new) = (0, 0);
        let mut attributed = 0i128;
        loop {
            let (before, after) = match (old.get(at_old), new.get(at_new)) {
                (None, None) => break,
                (Some(before), None) => (Some(before), None),
                (None, Some(after)) => (None, Some(after)),
                (Some(before), Some(after)) => match better_first(look.side, before.price, after.price) {
                    Ordering::Less => (Some(before), None),
                    Ordering::Greater => (None, Some(after)),
                    Ordering::Equal => (Some(before), Some(after)),
                },
            };
            at_old += usize::from(before.is_some());
            at_new += usize::from(after.is_some());
            // Nearly every price, at nearly every book.
            if before == after && !has_trades {
                continue;
            }
            let Some(price) = before.or(after).map(|level| level.price) else { break };
            // Beyond the end of a full list, nobody knows what rests there.
            let is_hidden = (before.is_none() && at_old == old.len() && old.len() == VIEW_LEVELS)
                || (after.is_none() && at_new == new.len() && new.len() == VIEW_LEVELS);
            let traded = if has_trades { take_due(pending, price, look) } else { 0 };
            attributed = attributed.saturating_add(traded.into());
            let qty = |level: Option<&Level>| level.map_or(Qty(0), |level| Qty(level.qty.0.max(0)));
            let step = LevelStep {
                side: look.side,
                price,
                before: qty(before),
                traded: Qty(traded),
                after: qty(after),
                is_best: best.contains(&Some(price)),
            };
            if is_hidden || (step.before == step.after && traded == 0) {
                continue;
            }
            let cancelled = step.cancelled();
            if cancelled.0 > 0 {
                let drop = Drop { price, qty: cancelled.0, at: look.stamp.at() };
                drops.push_evicting(drop);
            }
            visit(step);
        }
        attributed
    }
}

/// Takes out the waiting trades at `price` whose time has come.
fn take_due(pending: &mut Bounded<PendingTrade, PENDING_TRADES_MAX>, price: Price, look: Look) -> i64 {
    let mut traded = 0i64;
    pending.retain(|trade| {
        let is_taken = trade.price == price && is_due(trade, look.stamp, look.interval);
        if is_taken {
            traded = traded.saturating_add(trade.qty);
        }
        !is_taken
    });
    traded
}

/// The better price comes first.
fn better_first(side: Side, one: Price, other: Price) -> Ordering {
    match side {
        Side::Bid => other.cmp(&one),
        Side::Ask => one.cmp(&other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Event {
        /// Receive time in ms; asks as `[price, quantity]`.
        Asks(i64, &'static [[i64; 2]]),
        /// Receive time, venue's time, price, quantity of a buy.
        Buy(i64, i64, i64, i64),
        Reset,
    }
    use Event::{Asks, Buy, Reset};

    fn stamp(now_ms: i64, venue_ms: i64) -> Stamp {
        Stamp { now: now_ms * MILLI, venue: Some(venue_ms * MILLI) }
    }

    /// Books at a conflation of 100 ms to steps `price before traded after` and late explanations `price:quantity`.
    #[track_caller]
    fn check(events: &[Event], expect: &str, unattributed: i128) {
        let mut flow = LevelFlow::default();
        let mut found = Vec::new();
        for event in events {
            match *event {
                Asks(now, asks) => {
                    let asks = asks.iter().map(|[price, qty]| Level::new(*price, *qty));
                    let view = BookView::new([Level::new(1, 1)], asks);
                    flow.on_book(stamp(now, now), &view, 100, |step| {
                        let LevelStep { price, before, traded, after, .. } = step;
                        found.push(format!("{} {} {} {}", price.0, before.0, traded.0, after.0));
                    });
                }
                Buy(now, venue, price, qty) => {
                    let late = flow.on_trade(stamp(now, venue), Side::Ask, Price(price), Qty(qty), 100);
                    found.extend(late.map(|late| format!("{}:{}", late.price.0, late.qty.0)));
                }
                Reset => flow.reset_reference(),
            }
        }
        assert_eq!(found.join(", "), expect);
        assert_eq!(flow.unattributed(), unattributed);
        assert!(flow.is_consistent());
    }

    #[test]
    fn a_trade_belongs_to_the_first_book_that_is_not_older() {
        let (first, second) = (&[[10, 5], [11, 7]], &[[10, 2], [11, 7]]);
        check(&[Asks(0, first), Buy(50, 50, 10, 3), Asks(100, second)], "10 5 3 2", 0);
        // By the venue's clock the trade came after the second book.
        check(&[Asks(0, first), Buy(90, 150, 10, 3), Asks(100, first), Asks(200, second)], "10 5 3 2", 0);
    }

    #[test]
    fn a_trade_told_after_its_book_explains_the_drop() {
        let events = [Asks(0, &[[10, 5]]), Asks(100, &[[10, 2]]), Buy(120, 99, 10, 2)];
        check(&events, "10 5 0 2, 10:2", 0);
        // The rest waits for a book, and shows as refilled.
        let events = [Asks(0, &[[10, 5]]), Asks(100, &[[10, 2]]), Buy(120, 99, 10, 4), Asks(200, &[[10, 2]])];
        check(&events, "10 5 0 2, 10:3, 10 2 1 2", 0);
        // Too late: nothing to explain, and no level to take it.
        let events = [
            Asks(0, &[[10, 5]]),
            Asks(100, &[[11, 2]]),
            Buy(300, 300, 10, 5),
            Asks(400, &[[11, 2]]),
            Asks(500, &[[11, 2]]),
        ];
        check(&events, "10 5 0 0, 11 0 0 2", 5);
    }

    #[test]
    fn by_the_venues_clock_a_newer_trade_explains_nothing_of_before() {
        let (first, second) = (&[[10, 5]], &[[10, 2]]);
        check(
            &[Asks(0, first), Asks(100, second), Buy(120, 115, 10, 2), Asks(200, second)],
            "10 5 0 2, 10 2 2 2",
            0,
        );
        check(
            &[Asks(0, first), Asks(100, second), Buy(120, 110, 10, 2), Asks(200, second)],
            "10 5 0 2, 10:2",
            0,
        );
    }

    #[test]
    fn nothing_is_said_of_prices_out_of_sight() {
        let mut flow = LevelFlow::default();
        let asks = |from: i64| (from..from + 20).map(|price| Level::new(price, 1));
        let mut steps = 0;
        for from in [10, 11, 10] {
            let view = BookView::new([Level::new(1, 1)], asks(from));
            flow.on_book(stamp(from, from), &view, 0, |step| {
                // Price 30 comes into sight and leaves it; only the best level is known to come and go.
                assert_eq!(step.price, Price(10));
                steps += 1;
            });
        }
        assert_eq!(steps, 2);
    }

    #[test]
    fn nothing_is_compared_across_lost_data() {
        check(&[Asks(0, &[[10, 5]]), Buy(10, 10, 10, 2), Reset, Asks(20, &[[10, 1]])], "", 2);
    }
}
