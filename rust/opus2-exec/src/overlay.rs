//! Liquidity that was taken and is not there to be taken again.
//!
//! A replay does not know of our orders: the level we emptied stands in the next recorded book as if nothing had been. The
//! overlay remembers what was taken from each level until it may be assumed to have come back.

use std::collections::BTreeMap;

use opus2_types::{Price, Qty, Side, UnixNanos};

/// How many levels are remembered; beyond it the oldest is forgotten.
pub const TAKEN_LEVELS_MAX: usize = 4_096;

/// When taken liquidity counts as back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Recovery {
    /// What is missing halves in so many seconds: the resilience measured after depletions. Zero or less: at once.
    HalfLife {
        /// Seconds.
        secs: f64,
    },
    /// The level is blocked until its quantity is next told.
    UntilRefreshed,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Taken {
    qty: i64,
    at: UnixNanos,
}

/// What was taken from the levels of one instrument's book.
///
/// # Source
/// Methods reference 7.3; resilience 4.4.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenLiquidity {
    recovery: Recovery,
    levels: BTreeMap<(Side, Price), Taken>,
}

impl TakenLiquidity {
    /// Nothing taken.
    #[must_use]
    pub const fn new(recovery: Recovery) -> Self {
        Self { recovery, levels: BTreeMap::new() }
    }

    /// What of `shown` at a level can be taken at `now`. Never negative.
    #[must_use]
    pub fn available(&self, side: Side, price: Price, shown: Qty, now: UnixNanos) -> Qty {
        let missing = self.levels.get(&(side, price)).map_or(0, |taken| self.missing(*taken, now));
        Qty(shown.0.max(0).saturating_sub(missing).max(0))
    }

    /// `qty` was taken from a level at `now`. A quantity that is not positive is passed over.
    pub fn take(&mut self, side: Side, price: Price, qty: Qty, now: UnixNanos) {
        if qty.0 <= 0 {
            return;
        }
        let before = self.levels.get(&(side, price)).map_or(0, |taken| self.missing(*taken, now));
        self.levels.insert((side, price), Taken { qty: before.saturating_add(qty.0), at: now });
        if self.levels.len() > TAKEN_LEVELS_MAX {
            let oldest = self.levels.iter().min_by_key(|(_, taken)| taken.at).map(|(key, _)| *key);
            oldest.and_then(|key| self.levels.remove(&key));
        }
    }

    /// The venue told a level's quantity: zero when the level is gone.
    ///
    /// Under [`Recovery::UntilRefreshed`] the level is whole again. Under a half-life it goes on recovering, unless it is
    /// gone: what comes after at that price is new.
    pub fn refresh(&mut self, side: Side, price: Price, qty: Qty) {
        if self.recovery == Recovery::UntilRefreshed || qty.0 <= 0 {
            self.levels.remove(&(side, price));
        }
    }

    /// Forgets everything: the book begins anew.
    pub fn clear(&mut self) {
        self.levels.clear();
    }

    /// How many levels are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.levels.len()
    }

    /// True when nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// What is still missing of a level, rounded up: the doubtful unit is not there.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "how much has come back is an estimate; the cast saturates, and the result is bounded by what was taken"
    )]
    fn missing(&self, taken: Taken, now: UnixNanos) -> i64 {
        let Recovery::HalfLife { secs } = self.recovery else { return taken.qty };
        let elapsed_secs = now.since(taken.at).max(0) as f64 / 1e9;
        if secs.is_nan() || secs <= 0.0 {
            return 0;
        }
        let left = (taken.qty as f64 * (-elapsed_secs / secs).exp2()).ceil();
        (left as i64).clamp(0, taken.qty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[track_caller]
    fn check(overlay: &TakenLiquidity, at_secs: i64, expect: i64) {
        let found = overlay.available(Side::Ask, Price(100), Qty(10), UnixNanos(at_secs * SECOND));
        assert_eq!(found, Qty(expect), "after {at_secs} s");
    }

    fn taken(recovery: Recovery) -> TakenLiquidity {
        let mut overlay = TakenLiquidity::new(recovery);
        overlay.take(Side::Ask, Price(100), Qty(8), UnixNanos(0));
        overlay
    }

    #[test]
    fn a_level_is_blocked_until_it_is_told_again() {
        let mut overlay = taken(Recovery::UntilRefreshed);
        check(&overlay, 1_000, 2);
        overlay.refresh(Side::Bid, Price(100), Qty(10));
        check(&overlay, 1_000, 2);
        overlay.refresh(Side::Ask, Price(100), Qty(10));
        check(&overlay, 1_000, 10);
    }

    #[test]
    fn a_level_recovers_by_half_lives_also_when_it_is_told_again() {
        let mut overlay = taken(Recovery::HalfLife { secs: 10.0 });
        check(&overlay, -5, 2);
        check(&overlay, 10, 6);
        overlay.refresh(Side::Ask, Price(100), Qty(10));
        check(&overlay, 20, 8);
        check(&overlay, 100_000, 10);
        overlay.take(Side::Ask, Price(100), Qty(1), UnixNanos(20 * SECOND));
        check(&overlay, 20, 7);
        overlay.refresh(Side::Ask, Price(100), Qty(0));
        check(&overlay, 20, 10);
    }

    #[test]
    fn more_taken_than_shown_leaves_nothing() {
        let mut overlay = taken(Recovery::UntilRefreshed);
        overlay.take(Side::Ask, Price(100), Qty(i64::MAX), UnixNanos(0));
        check(&overlay, 0, 0);
    }

    #[test]
    fn the_oldest_level_is_forgotten_at_the_limit() {
        let mut overlay = TakenLiquidity::new(Recovery::UntilRefreshed);
        for at in 0..=i64::try_from(TAKEN_LEVELS_MAX).unwrap() {
            overlay.take(Side::Bid, Price(at), Qty(1), UnixNanos(at));
        }
        assert_eq!(overlay.len(), TAKEN_LEVELS_MAX);
        assert_eq!(overlay.available(Side::Bid, Price(0), Qty(1), UnixNanos(0)), Qty(1));
        assert_eq!(overlay.available(Side::Bid, Price(1), Qty(1), UnixNanos(0)), Qty(0));
    }
}
