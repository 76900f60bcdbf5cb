//! Bars: what happened between cuts that are the same for book, price and trades.

use opus2_hifa::estimator::multi_level_ofi::{MlofiSum, MultiLevelOfi, RESEARCH_RANKS};
use opus2_hifa::estimator::ofi::{Ofi, OfiSum};
use opus2_hifa::estimator::signed_volume::FlowSum;
use opus2_hifa::primitive::Bbo;
use opus2_types::Level;

/// After so many bars without a book it is not known what happened: the series begins anew.
pub const SILENT_BARS_MAX: i64 = 180;

/// How a series is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarSettings {
    /// Length of a bar, nanoseconds; at least one.
    pub bar_nanos: i64,
    /// Ranks of the book whose flow is summed, at most [`RESEARCH_RANKS`].
    pub levels: usize,
}

/// One bar: from the last book at or before its beginning to the last one at or before its end.
///
/// The book's own stamps cut everything, so that trades are never compared with a book that does not hold them yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// The multiple of the bar's length at which it ends.
    pub end: i64,
    /// Stamp of the book it begins with; not part of it.
    pub from: i64,
    /// Stamp of its last book.
    pub to: i64,
    /// Twice the change of the mid, in `Price` units.
    pub mid_change_doubled: i64,
    /// Order flow imbalance of the best level.
    pub ofi: OfiSum,
    /// Order flow imbalance of every rank.
    pub levels: MlofiSum<RESEARCH_RANKS>,
    /// What was traded after `from` and not after `to`.
    pub flow: FlowSum,
}

/// What a series had, and what of it could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BarCounts {
    /// Books with both sides, in order.
    pub books: u64,
    /// Books passed over because they were crossed.
    pub crossed: u64,
    /// Times when the series broke: lost data, an empty side, a long silence.
    pub holes: u64,
    /// Bars left out because the series began, broke or ended in them.
    pub partial_bars: u64,
    /// Trades.
    pub trades: u64,
    /// Stamps of the first and the last book.
    pub span: Option<(i64, i64)>,
}

/// Cuts a series of books and trades into bars.
///
/// Books come in order; a stamp that goes back counts as the newest. Trades may come in any order. A crossed book is
/// passed over; an empty side is a hole. The first book after a hole only initialises.
///
/// # Source
/// Methods reference, section 0 (bars) and 2.3, 2.4 (edges).
#[derive(Debug, Clone)]
pub struct BarBuilder {
    settings: BarSettings,
    ofi: Ofi,
    levels: MultiLevelOfi<RESEARCH_RANKS>,
    open: Option<Open>,
    bars: Vec<Bar>,
    flows: Vec<(i64, FlowSum)>,
    counts: BarCounts,
}

/// The bar that is being filled.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// It ends at `index * bar_nanos`.
    index: i64,
    /// The book it begins with, by stamp and doubled mid; `None` when it was not seen from its beginning.
    start: Option<(i64, i64)>,
    /// The newest book.
    last: (i64, i64),
    ofi: OfiSum,
    levels: MlofiSum<RESEARCH_RANKS>,
}

impl BarBuilder {
    /// A series of which nothing is known.
    #[must_use]
    pub fn new(settings: BarSettings) -> Self {
        let settings = BarSettings {
            bar_nanos: settings.bar_nanos.max(1),
            levels: settings.levels.clamp(1, RESEARCH_RANKS),
        };
        Self {
            settings,
            ofi: Ofi::default(),
            levels: MultiLevelOfi::default(),
            open: None,
            bars: Vec::new(),
            flows: Vec::new(),
            counts: BarCounts::default(),
        }
    }

    /// Takes the next book, best levels first.
    pub fn book(&mut self, at: i64, bids: &[Level], asks: &[Level], is_conflated: bool) {
        let Ok(best) = Bbo::new(bids.first().copied(), asks.first().copied()) else { return self.lost() };
        if best.is_crossed() {
            self.counts.crossed += 1;
            return;
        }
        let at = self.open.map_or(at, |open| open.last.0.max(at));
        self.reach(at);
        self.counts.books += 1;
        self.counts.span = Some((self.counts.span.map_or(at, |(first, _)| first), at));
        let mid = best.mid_doubled();
        let added = self.ofi.update(at, Ok(best), is_conflated).unwrap_or_default();
        let ranks = self.levels.update(at, bids, asks, is_conflated).unwrap_or_default();
        let index = self.index(at);
        let open = self.open.get_or_insert_with(|| Open {
            index,
            start: None,
            last: (at, mid),
            ofi: OfiSum::default(),
            levels: MlofiSum::default(),
        });
        open.last = (at, mid);
        open.ofi += added;
        let mut sum = MlofiSum { events: added.events, conflated: added.conflated, ..MlofiSum::default() };
        for (rank, ofi) in ranks.iter().enumerate().take(self.settings.levels) {
            let (Some(ofi), Some(bid), Some(ask)) = (ofi, bids.get(rank), asks.get(rank)) else { continue };
            sum.ofi[rank] = *ofi;
            sum.depth += i128::from(bid.qty.0) + i128::from(ask.qty.0);
            sum.ranks += 1;
        }
        open.levels += sum;
    }

    /// Takes a trade.
    pub fn trade(&mut self, at: i64, flow: FlowSum) {
        self.counts.trades += 1;
        self.flows.push((at, flow));
    }

    /// Books were lost: nothing is differenced across this moment, and the bar is not used.
    pub fn lost(&mut self) {
        self.ofi.reset_reference();
        self.levels.reset_reference();
        if self.open.take().is_some() {
            self.counts.holes += 1;
            self.counts.partial_bars += 1;
        }
    }

    /// The bars, in order, and what they are made of.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Bar>, BarCounts) {
        if let Some(open) = self.open {
            // A bar is known to its end only when a book came at the very end.
            if open.index.checked_mul(self.settings.bar_nanos) == Some(open.last.0) {
                self.close(&open);
            } else {
                self.counts.partial_bars += 1;
            }
        }
        self.flows.sort_by_key(|(at, _)| *at);
        let mut flows = self.flows.iter().peekable();
        for bar in &mut self.bars {
            while flows.next_if(|(at, _)| *at <= bar.from).is_some() {}
            while let Some((_, flow)) = flows.next_if(|(at, _)| *at <= bar.to) {
                bar.flow += *flow;
            }
        }
        (self.bars, self.counts)
    }

    /// The bar `(index - 1, index] * bar_nanos` that holds `at`.
    const fn index(&self, at: i64) -> i64 {
        let bar = self.settings.bar_nanos;
        at.div_euclid(bar) + (at.rem_euclid(bar) != 0) as i64
    }

    /// Closes every bar that ends before `at`.
    fn reach(&mut self, at: i64) {
        let index = self.index(at);
        let Some(mut open) = self.open else { return };
        if index.saturating_sub(open.index) > SILENT_BARS_MAX {
            return self.lost();
        }
        while open.index < index {
            self.close(&open);
            open = Open {
                index: open.index + 1,
                start: Some(open.last),
                last: open.last,
                ofi: OfiSum::default(),
                levels: MlofiSum::default(),
            };
        }
        self.open = Some(open);
    }

    fn close(&mut self, open: &Open) {
        let Some((from, mid)) = open.start else {
            self.counts.partial_bars += 1;
            return;
        };
        self.bars.push(Bar {
            end: open.index.saturating_mul(self.settings.bar_nanos),
            from,
            to: open.last.0,
            mid_change_doubled: open.last.1 - mid,
            ofi: open.ofi,
            levels: open.levels,
            flow: FlowSum::default(),
        });
    }
}

#[cfg(test)]
mod tests {
    use opus2_types::{Aggressor, Price, Qty};

    use super::*;

    /// A book of one level a side, or trades; `None` for a hole.
    type Step = (i64, Option<(i64, i64, i64, i64)>, i64);

    const BID: Option<(i64, i64, i64, i64)> = Some((99, 5, 101, 5));

    /// Bars of ten: end, doubled change of the mid, OFI, signed volume.
    #[track_caller]
    fn check(steps: &[Step], expect: &[(i64, i64, i128, i128)]) -> BarCounts {
        let mut builder = BarBuilder::new(BarSettings { bar_nanos: 10, levels: 1 });
        for (at, book, traded) in steps {
            if *traded > 0 {
                builder.trade(*at, FlowSum::of(Aggressor::Buy, Price(100), Qty(*traded), true).unwrap());
            } else if let Some((bid, bid_qty, ask, ask_qty)) = *book {
                builder.book(*at, &[Level::new(bid, bid_qty)], &[Level::new(ask, ask_qty)], true);
            } else {
                builder.lost();
            }
        }
        let (bars, counts) = builder.finish();
        let found: Vec<_> = bars
            .iter()
            .map(|bar| {
                assert_eq!(bar.levels.ofi[0], bar.ofi.ofi);
                (bar.end, bar.mid_change_doubled, bar.ofi.ofi, bar.flow.signed())
            })
            .collect();
        assert_eq!(found, expect);
        counts
    }

    #[test]
    fn a_bar_holds_its_end_and_not_its_beginning() {
        let up = Some((100, 3, 102, 5));
        check(&[(10, BID, 0), (20, up, 0), (21, BID, 0)], &[(20, 2, 3 + 5, 0)]);
        check(&[(10, BID, 0), (11, up, 0), (20, BID, 0)], &[(20, 0, 3 + 5 - 3 - 5, 0)]);
    }

    #[test]
    fn what_is_not_seen_from_beginning_to_end_is_no_bar() {
        let counts = check(&[(5, BID, 0), (15, BID, 0), (25, BID, 0)], &[(20, 0, 0, 0)]);
        assert_eq!((counts.partial_bars, counts.books), (2, 3));
    }

    #[test]
    fn trades_after_the_last_book_belong_to_the_next_bar() {
        let steps = [(10, BID, 0), (18, BID, 0), (19, None, 7), (23, BID, 0), (31, BID, 0), (12, None, 2)];
        check(&steps, &[(20, 0, 0, 2), (30, 0, 0, 7)]);
    }

    #[test]
    fn quiet_bars_are_bars_of_nothing() {
        check(&[(10, BID, 0), (31, BID, 0)], &[(20, 0, 0, 0), (30, 0, 0, 0)]);
        let counts = check(&[(10, BID, 0), (10 * (SILENT_BARS_MAX + 3), BID, 0)], &[]);
        assert_eq!(counts.holes, 1);
    }

    #[test]
    fn nothing_is_differenced_across_a_hole() {
        let more = Some((99, 50, 101, 5));
        for hole in [(15, None, 0), (15, Some((99, 5, 0, 0)), 0)] {
            let counts = check(&[(10, BID, 0), hole, (20, more, 0), (30, more, 0)], &[(30, 0, 0, 0)]);
            assert_eq!((counts.holes, counts.partial_bars), (1, 2));
        }
    }

    #[test]
    fn a_crossed_book_is_passed_over() {
        let crossed = Some((105, 5, 101, 5));
        let counts = check(&[(10, BID, 0), (12, crossed, 0), (20, BID, 0)], &[(20, 0, 0, 0)]);
        assert_eq!(counts.crossed, 1);
    }
}
