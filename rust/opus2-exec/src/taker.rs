//! An order that takes: the book in force when it reaches the venue, walked level by level.

use opus2_types::{Aggressor, Level, Price, Qty, SCALE_MAX, Side, UnixNanos};
use rust_decimal::Decimal;

use crate::latency::Entry;
use crate::money::cash;
use crate::overlay::TakenLiquidity;

/// An order that is filled at once as far as the book reaches; the rest is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakerOrder {
    /// Which way.
    pub side: Aggressor,
    /// How much. Not positive: nothing is filled.
    pub qty: Qty,
    /// The worst price that is accepted; `None` for any.
    pub limit: Option<Price>,
}

impl TakerOrder {
    const fn accepts(&self, price: Price) -> bool {
        match (self.limit, self.side) {
            (None, _) => true,
            (Some(limit), Aggressor::Buy) => price.0 <= limit.0,
            (Some(limit), Aggressor::Sell) => price.0 >= limit.0,
        }
    }

    /// The side of the book that it takes from.
    const fn takes_from(&self) -> Side {
        match self.side {
            Aggressor::Buy => Side::Ask,
            Aggressor::Sell => Side::Bid,
        }
    }
}

/// What a walk over a book filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TakerFill {
    /// How much was filled.
    pub filled: Qty,
    /// Sum of price times quantity, in units of both.
    pub notional_units: i128,
    /// The last price that was touched.
    pub worst: Option<Price>,
    /// How many levels were touched.
    pub levels: usize,
}

impl TakerFill {
    /// The mean price; `None` when nothing was filled.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "the mean is an estimate's final division; amounts stay integers"
    )]
    pub fn vwap(&self, price_scale: u8) -> Option<f64> {
        let mean_units = self.notional_units as f64 / self.filled.0 as f64;
        (self.filled.0 > 0).then(|| mean_units / 10f64.powi(i32::from(price_scale.min(SCALE_MAX))))
    }

    /// What was paid or received before fees, in quote currency; `None` when it is beyond what cash can hold.
    #[must_use]
    pub fn notional(&self, price_scale: u8, qty_scale: u8) -> Option<Decimal> {
        cash(self.notional_units, u32::from(price_scale) + u32::from(qty_scale))
    }

    /// The fee in quote currency at `rate` of the notional (a rebate when the rate is negative); `None` when it is beyond
    /// what cash can hold.
    #[must_use]
    pub fn fee(&self, rate: Decimal, price_scale: u8, qty_scale: u8) -> Option<Decimal> {
        self.notional(price_scale, qty_scale)?.checked_mul(rate)
    }
}

/// Walks the opposite side of a book, best first, and takes what the order accepts.
///
/// With an overlay, what was taken before is not there, and what is taken now is remembered. Levels whose price or quantity
/// is not positive are passed over. What others would have done about it is not modelled: see the cap on participation.
///
/// # Source
/// Methods reference 7.3, 4.1.
#[must_use = "what was filled is paid for"]
pub fn take(
    order: &TakerOrder,
    levels: &[Level],
    mut taken: Option<&mut TakenLiquidity>,
    now: UnixNanos,
) -> TakerFill {
    let mut fill = TakerFill::default();
    for level in levels.iter().filter(|level| level.price.0 > 0 && level.qty.0 > 0) {
        let wanted = order.qty.0.saturating_sub(fill.filled.0);
        if wanted <= 0 || !order.accepts(level.price) {
            break;
        }
        let side = order.takes_from();
        let available = match &taken {
            Some(taken) => taken.available(side, level.price, level.qty, now).0,
            None => level.qty.0,
        };
        let qty = wanted.min(available);
        if qty <= 0 {
            continue;
        }
        // A positive price times the positive quantities of one order: below 2^126 in all.
        fill.filled.0 += qty;
        fill.notional_units += i128::from(level.price.0) * i128::from(qty);
        fill.worst = Some(level.price);
        fill.levels += 1;
        if let Some(taken) = &mut taken {
            taken.take(side, level.price, Qty(qty), now);
        }
    }
    fill
}

/// A book and when it came to be, on the venue's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedBook<'a> {
    /// From when on it was in force.
    pub at: UnixNanos,
    /// Best first.
    pub bids: &'a [Level],
    /// Best first.
    pub asks: &'a [Level],
}

/// The book in force at `at`: the latest that is not later. `None` before the first. Of books of one time, the last.
#[must_use]
pub fn book_in_force<'b, 'a>(books: &'b [TimedBook<'a>], at: UnixNanos) -> Option<&'b TimedBook<'a>> {
    books.iter().filter(|book| book.at <= at).max_by_key(|book| book.at)
}

/// What came of a taking order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakerOutcome {
    /// It reached the venue.
    Matched {
        /// When, on the venue's clock.
        exec_ts: UnixNanos,
        /// When that is known locally.
        ack_ts: UnixNanos,
        /// What was filled: nothing when there was no book.
        fill: TakerFill,
    },
    /// The venue refused it.
    Rejected {
        /// When that is known locally.
        ack_ts: UnixNanos,
    },
}

/// Decides at `sent_at`, matches on the book in force when the order arrives, and is answered `response_ns` later.
///
/// For a host that replays and so has the right book at hand, the pieces are [`Entry`] and [`take`].
///
/// # Source
/// Methods reference 7.1.
#[must_use]
pub fn execute(
    order: &TakerOrder,
    sent_at: UnixNanos,
    entry: Entry,
    response_ns: i64,
    books: &[TimedBook<'_>],
) -> TakerOutcome {
    match entry {
        Entry::Rejected { after_ns } => TakerOutcome::Rejected { ack_ts: sent_at.plus(after_ns) },
        Entry::Accepted { after_ns } => {
            let exec_ts = sent_at.plus(after_ns);
            let levels = book_in_force(books, exec_ts).map_or(&[][..], |book| match order.takes_from() {
                Side::Bid => book.bids,
                Side::Ask => book.asks,
            });
            let fill = take(order, levels, None, exec_ts);
            TakerOutcome::Matched { exec_ts, ack_ts: exec_ts.plus(response_ns.max(0)), fill }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::Recovery;

    const ASKS: [Level; 3] = [Level::new(100, 2), Level::new(101, 0), Level::new(102, 5)];

    #[track_caller]
    fn check(side: Aggressor, qty: i64, limit: Option<i64>, expect: (i64, i128, usize)) {
        let order = TakerOrder { side, qty: Qty(qty), limit: limit.map(Price) };
        let fill = take(&order, &ASKS, None, UnixNanos(0));
        assert_eq!((fill.filled.0, fill.notional_units, fill.levels), expect);
    }

    #[test]
    fn an_order_takes_level_by_level_up_to_its_limit() {
        check(Aggressor::Buy, 1, None, (1, 100, 1));
        check(Aggressor::Buy, 3, None, (3, 302, 2));
        check(Aggressor::Buy, 99, None, (7, 710, 2));
        check(Aggressor::Buy, 99, Some(101), (2, 200, 1));
        check(Aggressor::Buy, 99, Some(99), (0, 0, 0));
        check(Aggressor::Buy, 0, None, (0, 0, 0));
        check(Aggressor::Buy, -5, None, (0, 0, 0));
        check(Aggressor::Sell, 3, Some(101), (0, 0, 0));
    }

    #[test]
    fn an_order_that_fills_nothing_has_no_mean_price_and_no_fee() {
        let fill = TakerFill::default();
        assert_eq!(fill.vwap(2), None);
        assert_eq!(fill.fee(Decimal::new(5, 4), 2, 2), Some(Decimal::ZERO));
    }

    #[test]
    fn what_was_taken_is_not_there_for_the_next_order() {
        let mut taken = TakenLiquidity::new(Recovery::UntilRefreshed);
        let order = TakerOrder { side: Aggressor::Buy, qty: Qty(3), limit: None };
        let mut next = || take(&order, &ASKS, Some(&mut taken), UnixNanos(0));
        assert_eq!(next().notional_units, 302);
        assert_eq!(next().notional_units, 306);
        assert_eq!(next().filled, Qty(1));
        assert_eq!(next().filled, Qty(0));
    }

    #[test]
    fn the_book_in_force_is_the_latest_that_is_not_later() {
        let book = |at, asks| TimedBook { at: UnixNanos(at), bids: &[], asks };
        let books = [book(10, &ASKS[..1]), book(20, &ASKS[1..2]), book(20, &ASKS[2..])];
        for (at, expect) in [(9, None), (10, Some(100)), (19, Some(100)), (20, Some(102)), (99, Some(102))] {
            let found = book_in_force(&books, UnixNanos(at));
            assert_eq!(found.map(|book| book.asks[0].price.0), expect, "{at}");
        }
    }

    #[test]
    fn an_order_is_matched_when_it_arrives_or_refused_when_that_is_known() {
        let order = TakerOrder { side: Aggressor::Buy, qty: Qty(1), limit: None };
        let books = [TimedBook { at: UnixNanos(5), bids: &[], asks: &ASKS }];
        let go = |entry| execute(&order, UnixNanos(0), Entry::from_signed(entry), 7, &books);
        let TakerOutcome::Matched { exec_ts, ack_ts, fill } = go(5) else { panic!("refused") };
        assert_eq!((exec_ts, ack_ts, fill.filled), (UnixNanos(5), UnixNanos(12), Qty(1)));
        let TakerOutcome::Matched { fill, .. } = go(4) else { panic!("refused") };
        assert_eq!(fill, TakerFill::default());
        assert_eq!(go(-3), TakerOutcome::Rejected { ack_ts: UnixNanos(3) });
    }
}
