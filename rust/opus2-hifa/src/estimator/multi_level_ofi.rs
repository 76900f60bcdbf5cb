//! Order flow imbalance of several levels of the book.

use std::ops::{AddAssign, SubAssign};

use opus2_types::Level;
use serde::{Deserialize, Serialize};

use super::Coverage;
use super::ofi::contribution;
use super::window::{BinWindow, Summand, WINDOWS};
use crate::exact::{scaled, to_f64};
use crate::primitive::Bbo;
use crate::{Absent, Measure, measure::finite};

/// The ranks that are followed live.
pub const LIVE_RANKS: usize = 5;
/// The ranks of research.
pub const RESEARCH_RANKS: usize = 10;

/// What changes of a book's first `M` ranks sum up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MlofiSum<const M: usize> {
    /// Sum of the contributions of each rank, best first, in `Qty` units.
    #[serde(with = "rank_array")]
    pub ofi: [i128; M],
    /// Sum, over the ranks that contributed, of both their quantities after the change, in `Qty` units.
    pub depth: i128,
    /// How many ranks contributed, over all changes.
    pub ranks: i64,
    /// How many changes there were.
    pub events: i64,
    /// How many of them may hide changes in between, because the feed conflates.
    pub conflated: i64,
}

impl<const M: usize> Default for MlofiSum<M> {
    fn default() -> Self {
        Self { ofi: [0; M], depth: 0, ranks: 0, events: 0, conflated: 0 }
    }
}

impl<const M: usize> AddAssign for MlofiSum<M> {
    fn add_assign(&mut self, other: Self) {
        for (ofi, other) in self.ofi.iter_mut().zip(other.ofi) {
            *ofi += other;
        }
        self.depth += other.depth;
        self.ranks += other.ranks;
        self.events += other.events;
        self.conflated += other.conflated;
    }
}

impl<const M: usize> SubAssign for MlofiSum<M> {
    fn sub_assign(&mut self, other: Self) {
        for (ofi, other) in self.ofi.iter_mut().zip(other.ofi) {
            *ofi -= other;
        }
        self.depth -= other.depth;
        self.ranks -= other.ranks;
        self.events -= other.events;
        self.conflated -= other.conflated;
    }
}

impl<const M: usize> Summand for MlofiSum<M> {
    fn is_plausible(&self) -> bool {
        let fits = |units: &i128| units.unsigned_abs() < 1 << 110;
        let counts = 0..1 << 48;
        self.ofi.iter().all(fits)
            && fits(&self.depth)
            && [self.ranks, self.events, self.conflated].iter().all(|count| counts.contains(count))
    }
}

impl<const M: usize> MlofiSum<M> {
    /// The average of `(bid + ask) / 2` over ranks and changes, in base units.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when there was none.
    pub fn average_depth(&self, qty_scale: u8) -> Measure {
        if self.ranks <= 0 {
            return Err(Absent::NoEvents);
        }
        finite(scaled(self.depth, qty_scale) / (2.0 * to_f64(self.ranks.into())))
    }

    /// The OFI of each rank over the average depth of all ranks: without unit, comparable across instruments and times.
    ///
    /// One depth for all ranks, so that a thin rank is not blown up.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when there was none, [`Absent::ZeroSize`] when nothing rested at these ranks.
    ///
    /// # Source
    /// Cont, Cucuringu & Zhang (2023), multi-level OFI: division by the depth averaged across levels and updates.
    pub fn depth_scaled(&self) -> Result<[f64; M], Absent> {
        if self.ranks <= 0 {
            return Err(Absent::NoEvents);
        }
        if self.depth <= 0 {
            return Err(Absent::ZeroSize);
        }
        let average = to_f64(self.depth) / (2.0 * to_f64(self.ranks.into()));
        Ok(self.ofi.map(|ofi| to_f64(ofi) / average))
    }
}

/// The contribution of each rank to one increment, best first; `None` for a rank that a book does not have.
pub type RankOfi<const M: usize> = [Option<i128>; M];

/// OFI of a book's first `M` ranks, over the last 1, 5 and 15 s.
///
/// Ranks are compared by their number: a new best price shifts all of them, which is the published definition. A rank
/// that either book lacks is dropped for that increment. The first book only initialises; one without a side
/// contributes nothing, and neither does the one after it; a crossed one is passed over as if it had not come. After
/// [`reset_reference`](Self::reset_reference) the next book only initialises again, and a window has no value until it
/// lies wholly after that book.
///
/// # Source
/// Xu, Gould & Howison (2019), definitions of `dW^m`, `dV^m`, `e^m`; methods reference 2.4.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultiLevelOfi<const M: usize> {
    reference: Option<Ranks<M>>,
    coverage: Coverage,
    windows: [BinWindow<MlofiSum<M>>; WINDOWS.len()],
}

/// The best bid and ask of each rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Ranks<const M: usize>(#[serde(with = "rank_array")] [Option<Bbo>; M]);

impl<const M: usize> Ranks<M> {
    fn of(bids: &[Level], asks: &[Level]) -> Self {
        Self(std::array::from_fn(|rank| Bbo::new(bids.get(rank).copied(), asks.get(rank).copied()).ok()))
    }
}

impl<const M: usize> Default for MultiLevelOfi<M> {
    fn default() -> Self {
        Self { reference: None, coverage: Coverage::default(), windows: WINDOWS.map(BinWindow::new) }
    }
}

impl<const M: usize> MultiLevelOfi<M> {
    /// Takes the next book, best levels first; gives what each rank added to the windows, if it could be differenced.
    pub fn update(
        &mut self,
        now: i64,
        bids: &[Level],
        asks: &[Level],
        is_conflated: bool,
    ) -> Option<RankOfi<M>> {
        let next = Ranks::of(bids, asks);
        let Some(best) = next.0.first().copied().flatten() else {
            self.reference = None;
            return None;
        };
        if best.is_crossed() {
            return None;
        }
        self.coverage.start(now);
        let previous = self.reference.replace(next)?;
        let mut found = [None; M];
        let mut added = MlofiSum { events: 1, conflated: is_conflated.into(), ..MlofiSum::default() };
        for (rank, (previous, next)) in previous.0.iter().zip(&next.0).enumerate() {
            let (Some(previous), Some(next)) = (previous, next) else { continue };
            let ofi = contribution(previous, next);
            found[rank] = Some(ofi);
            added.ofi[rank] = ofi;
            added.depth += next.depth();
            added.ranks += 1;
        }
        for window in &mut self.windows {
            window.add(now, added);
        }
        Some(found)
    }

    /// Lets expire what is too old at `now`: a later [`measure`](Self::measure) has less to do.
    pub fn advance(&mut self, now: i64) {
        for window in &mut self.windows {
            window.expire(now);
        }
    }

    /// Books were lost.
    pub fn reset_reference(&mut self) {
        self.reference = None;
        self.coverage.interrupt();
    }

    /// What the window [`WINDOWS`]`[index]` holds at `now`, whether or not it is covered.
    ///
    /// # Panics
    /// There is no such window.
    #[must_use]
    pub fn sum(&self, index: usize, now: i64) -> MlofiSum<M> {
        self.windows[index].sum(now)
    }

    /// What the window [`WINDOWS`]`[index]` holds at `now`.
    ///
    /// # Errors
    /// [`Absent::Cold`] or [`Absent::Resync`] while it is not wholly covered; [`Absent::DataType`] when the feed's
    /// books are further apart than the window is long.
    ///
    /// # Panics
    /// There is no such window.
    pub fn measure(&self, index: usize, now: i64, conflation_ms: u32) -> Result<MlofiSum<M>, Absent> {
        let span = self.windows[index].span();
        if conflation_ms > span.window_ms {
            return Err(Absent::DataType);
        }
        self.coverage.check(now, span.nanos())?;
        Ok(self.sum(index, now))
    }

    /// Changes in the longest window at `now`.
    #[must_use]
    pub fn n_eff(&self, now: i64) -> f64 {
        to_f64(self.sum(WINDOWS.len() - 1, now).events.into())
    }

    /// True when every window is wholly covered at `now`.
    #[must_use]
    pub fn is_warm(&self, now: i64) -> bool {
        self.coverage.check(now, WINDOWS[WINDOWS.len() - 1].nanos()).is_ok()
    }
}

/// Arrays of any length, which serde does not write by itself: as a list.
mod rank_array {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer, const M: usize>(
        values: &[T; M],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        values.as_slice().serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>, const M: usize>(
        deserializer: D,
    ) -> Result<[T; M], D::Error> {
        let values = Vec::deserialize(deserializer)?;
        <[T; M]>::try_from(values).map_err(|_| serde::de::Error::custom("another number of ranks"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(levels: &[(i64, i64)]) -> Vec<Level> {
        levels.iter().map(|(price, qty)| Level::new(*price, *qty)).collect()
    }

    type Sides<'a> = (&'a [(i64, i64)], &'a [(i64, i64)]);

    /// Books of bids and asks, one a millisecond; what the last one added.
    #[track_caller]
    fn check(books: &[Sides], expect: Option<RankOfi<3>>) {
        let mut ofi = MultiLevelOfi::<3>::default();
        let mut last = None;
        for (at, (bids, asks)) in (0i64..).zip(books) {
            last = ofi.update(at * 1_000_000, &side(bids), &side(asks), false);
        }
        assert_eq!(last, expect);
    }

    #[test]
    fn a_rank_that_either_book_lacks_is_dropped() {
        let full: Sides = (&[(99, 5), (98, 4), (97, 3)], &[(101, 5), (102, 4), (103, 3)]);
        let thin: Sides = (&[(99, 7), (98, 4)], &[(101, 5), (102, 1), (103, 3)]);
        check(&[full], None);
        check(&[full, thin], Some([Some(2), Some(3), None]));
        check(&[thin, full], Some([Some(-2), Some(-3), None]));
    }

    #[test]
    fn a_side_that_is_empty_takes_the_reference_away_and_a_crossed_book_does_not() {
        let book: Sides = (&[(99, 5)], &[(101, 5)]);
        let more: Sides = (&[(99, 6)], &[(101, 5)]);
        check(&[book, (&[], &[(101, 5)]), more], None);
        check(&[book, (&[(102, 5)], &[(101, 5)]), more], Some([Some(1), None, None]));
    }

    #[test]
    fn a_window_has_a_value_when_it_is_covered() {
        let mut ofi = MultiLevelOfi::<3>::default();
        let (bids, asks) = (side(&[(99, 10), (98, 30)]), side(&[(101, 10), (102, 30)]));
        let more = side(&[(99, 20), (98, 30)]);
        assert_eq!(ofi.measure(0, 0, 0), Err(Absent::Cold));
        ofi.update(0, &bids, &asks, true);
        ofi.update(500_000_000, &more, &asks, true);
        assert_eq!(ofi.measure(0, 999_999_999, 100), Err(Absent::Cold));
        assert_eq!(ofi.measure(0, 1_000_000_000, 2_000), Err(Absent::DataType));
        let sum = ofi.measure(0, 1_000_000_000, 100).unwrap();
        assert_eq!((sum.ofi, sum.conflated, sum.ranks), ([10, 0, 0], 1, 2));
        // Both ranks: (20 + 10) / 2 and (30 + 30) / 2.
        assert_eq!(sum.average_depth(0), Ok(22.5));
        assert_eq!(sum.depth_scaled(), Ok([10.0 / 22.5, 0.0, 0.0]));
        assert_eq!(ofi.sum(0, 9_000_000_000).depth_scaled(), Err(Absent::NoEvents));
        ofi.reset_reference();
        assert_eq!(ofi.measure(0, 2_000_000_000, 100), Err(Absent::Resync));
        assert_eq!(ofi.update(2_000_000_000, &bids, &asks, true), None);
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let mut ofi = MultiLevelOfi::<5>::default();
        let (bids, asks) = (side(&[(99, 10), (98, 30)]), side(&[(101, 10), (102, 30)]));
        ofi.update(0, &bids, &asks, true);
        ofi.update(700_000_000, &asks[..0], &asks, true);
        ofi.update(800_000_000, &bids, &asks, true);
        ofi.update(900_000_000, &bids, &asks[1..], true);
        let text = serde_json::to_string(&ofi).unwrap();
        assert_eq!(serde_json::from_str::<MultiLevelOfi<5>>(&text).unwrap(), ofi);
        assert!(serde_json::from_str::<MultiLevelOfi<4>>(&text).is_err(), "another number of ranks");
    }
}
