//! The newest book of one instrument, and what it says of costs.

use opus2_types::{Aggressor, BookView, Level, Price, Qty, Side, VIEW_LEVELS};
use serde::{Deserialize, Deserializer, Serialize};

use super::settings::RiskSettings;
use crate::exact::scaled;
use crate::primitive::Bbo;
use crate::risk::amount::AMOUNT_SCALE;
use crate::risk::walk::{Survival, Walk, walk_surviving};
use crate::{Absent, Measure};

/// The bands in which depth is measured, basis points: of resilience, participation and inventory.
const BANDS_BPS: [i128; 3] = [5, 10, 25];

/// How one instrument counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Units {
    pub(super) price_scale: u8,
    pub(super) qty_scale: u8,
    /// Smallest step of a quantity, in `Qty` units, at least one.
    pub(super) lot: i64,
}

impl Units {
    /// A quantity in base units.
    pub(super) fn base(self, qty: i128) -> f64 {
        scaled(qty, self.qty_scale)
    }

    /// The most whole lots of `base` base units, in `Qty` units; zero for what is not positive.
    pub(super) fn whole_lots(self, base: f64) -> Qty {
        let lots = (base / scaled(self.lot.into(), self.qty_scale)).floor();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a share of an amount is rounded down; beyond 64 bits it is the bound, and NaN is zero"
        )]
        let lots = lots.max(0.0) as i64;
        Qty(lots.min(i64::MAX / self.lot) * self.lot)
    }

    /// The fewest whole lots that are worth `micros` millionths at the mid; `None` when they are beyond 64 bits.
    fn lots_worth(self, micros: i64, mid_doubled: i64) -> Option<Qty> {
        let places = i32::from(self.price_scale) + i32::from(self.qty_scale) - i32::from(AMOUNT_SCALE);
        let power = 10i128.checked_pow(places.unsigned_abs())?;
        let [mut worth, mut lot_worth] =
            [2 * i128::from(micros), i128::from(mid_doubled).checked_mul(self.lot.into())?];
        if places >= 0 {
            worth = worth.checked_mul(power)?;
        } else {
            lot_worth = lot_worth.checked_mul(power)?;
        }
        let lots = (worth / lot_worth) + i128::from(worth % lot_worth != 0);
        i64::try_from(lots).ok()?.max(1).checked_mul(self.lot).map(Qty)
    }
}

/// Depth of one side, in `Qty` units, within 5, 10 and 25 basis points of the mid.
pub(super) type Depths = [i128; BANDS_BPS.len()];

/// What one quantity would get by one market order each way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BothWays {
    /// Slippage of buying, then of selling, basis points of the mid, half-spread included.
    pub(super) slippage_bps: [Measure; 2],
    /// Both found all of it.
    pub(super) is_complete: bool,
}

/// What a usable book says: everything here follows from its levels and the configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BookLook {
    pub(super) mid_doubled: i64,
    /// The mid, quote units.
    pub(super) mid: f64,
    pub(super) half_spread_bps: f64,
    /// Of bids, then of asks.
    pub(super) depths: [Depths; 2],
    /// The quantity that is worth the probe.
    pub(super) probe_qty: Qty,
    pub(super) probe: BothWays,
}

/// The newest book. Without one there is a reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HeldBook {
    #[serde(deserialize_with = "bounded")]
    bids: Vec<Level>,
    #[serde(deserialize_with = "bounded")]
    asks: Vec<Level>,
    /// There was a book before.
    was_there: bool,
    #[serde(skip, default = "nothing")]
    look: Result<BookLook, Absent>,
}

const fn nothing() -> Result<BookLook, Absent> {
    Err(Absent::Cold)
}

fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Level>, D::Error> {
    let loaded = Vec::<Level>::deserialize(deserializer)?;
    if loaded.len() > VIEW_LEVELS {
        return Err(serde::de::Error::custom("more levels than a view holds"));
    }
    let mut levels = Vec::with_capacity(VIEW_LEVELS);
    levels.extend(loaded);
    Ok(levels)
}

impl Default for HeldBook {
    fn default() -> Self {
        let side = || Vec::with_capacity(VIEW_LEVELS);
        Self { bids: side(), asks: side(), was_there: false, look: nothing() }
    }
}

impl HeldBook {
    /// A live book.
    pub(super) fn take(&mut self, view: &BookView, units: Units, settings: &RiskSettings) {
        for (kept, levels) in [(&mut self.bids, view.bids()), (&mut self.asks, view.asks())] {
            kept.clear();
            kept.extend_from_slice(levels);
        }
        self.was_there = true;
        self.restore(units, settings);
    }

    /// The book is out of step.
    pub(super) fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.look = Err(if self.was_there { Absent::Resync } else { Absent::Cold });
    }

    /// Looks at the levels again: for what was loaded.
    pub(super) fn restore(&mut self, units: Units, settings: &RiskSettings) {
        if self.bids.is_empty() && self.asks.is_empty() && !self.was_there {
            return self.clear();
        }
        self.look = self.measure(units, settings);
    }

    /// What it says.
    ///
    /// # Errors
    /// Before the first book cold, without one in force `Resync`, else what is wrong with the best levels: a side is empty,
    /// they are crossed or locked, or are no prices.
    pub(super) const fn look(&self) -> Result<&BookLook, Absent> {
        match &self.look {
            Ok(look) => Ok(look),
            Err(reason) => Err(*reason),
        }
    }

    /// Levels that are left when an order arrives, walked for `qty`.
    pub(super) fn walk(&self, aggressor: Aggressor, qty: Qty, survival: &Survival, mid_doubled: i64) -> Walk {
        let levels = match aggressor {
            Aggressor::Buy => &self.asks,
            Aggressor::Sell => &self.bids,
        };
        walk_surviving(levels, qty, survival, mid_doubled)
    }

    /// A market order of `qty` each way.
    pub(super) fn both_ways(&self, qty: Qty, survival: &Survival, mid_doubled: i64) -> BothWays {
        let walks = [Aggressor::Buy, Aggressor::Sell]
            .map(|aggressor| (aggressor, self.walk(aggressor, qty, survival, mid_doubled)));
        BothWays {
            slippage_bps: walks.map(|(aggressor, walk)| walk.slippage_bps(aggressor, mid_doubled)),
            is_complete: walks.iter().all(|(_, walk)| walk.is_complete()),
        }
    }

    fn measure(&self, units: Units, settings: &RiskSettings) -> Result<BookLook, Absent> {
        let (Some(bid), Some(ask)) = (self.bids.first(), self.asks.first()) else {
            let is_lost = self.bids.is_empty() && self.asks.is_empty();
            return Err(if is_lost { Absent::Resync } else { Absent::EmptySide });
        };
        let bbo = Bbo::new(Some(*bid), Some(*ask))?;
        if !bbo.is_valid() {
            return Err(Absent::Crossed);
        }
        let mid_doubled = bbo.mid_doubled();
        let config = settings.config();
        let probe_qty =
            units.lots_worth(config.probe_notional_quote.micros(), mid_doubled).ok_or(Absent::BadNumber)?;
        Ok(BookLook {
            mid_doubled,
            mid: bbo.mid(units.price_scale),
            half_spread_bps: bbo.spread_bps() / 2.0,
            depths: [depths(Side::Bid, &self.bids, mid_doubled), depths(Side::Ask, &self.asks, mid_doubled)],
            probe_qty,
            probe: self.both_ways(probe_qty, &config.survival_ppm, mid_doubled),
        })
    }
}

impl BookLook {
    /// Depth within 5 basis points on the side that has less: so that the loss of either side shows.
    pub(super) fn thinner_depth(&self) -> i128 {
        self.depths[0][0].min(self.depths[1][0])
    }

    /// Depth within 10 basis points on the side that the aggressor takes.
    pub(super) const fn depth_taken(&self, aggressor: Aggressor) -> i128 {
        self.depths[match aggressor {
            Aggressor::Buy => 1,
            Aggressor::Sell => 0,
        }][1]
    }

    /// Depth within 25 basis points on the side by which the aggressor would get out again.
    pub(super) const fn depth_to_leave(&self, aggressor: Aggressor) -> i128 {
        self.depths[match aggressor {
            Aggressor::Buy => 0,
            Aggressor::Sell => 1,
        }][2]
    }
}

/// As [`depth_within`](crate::primitive::depth_within) of every band in one pass, and without quantities that are not
/// positive.
fn depths(side: Side, levels: &[Level], mid_doubled: i64) -> Depths {
    let bounds = BANDS_BPS.map(|bps| bound(side, mid_doubled, bps));
    let mut depths = [0; BANDS_BPS.len()];
    for Level { price: Price(price), qty: Qty(qty) } in levels {
        for (depth, bound) in depths.iter_mut().zip(bounds) {
            let is_within = match side {
                Side::Bid => *price >= bound,
                Side::Ask => *price <= bound,
            };
            *depth += if is_within { i128::from((*qty).max(0)) } else { 0 };
        }
    }
    depths
}

/// The last price within a band.
fn bound(side: Side, mid_doubled: i64, bps: i128) -> i64 {
    const WHOLE: i128 = 20_000;
    let doubled = i128::from(mid_doubled);
    let bound = match side {
        Side::Bid => {
            let product = doubled * (WHOLE / 2 - bps);
            product / WHOLE + i128::from(product % WHOLE != 0)
        }
        Side::Ask => doubled * (WHOLE / 2 + bps) / WHOLE,
    };
    i64::try_from(bound).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::primitive::depth_within;

    const UNITS: Units = Units { price_scale: 2, qty_scale: 3, lot: 10 };

    fn held(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> HeldBook {
        let side = |levels: &[(i64, i64)]| {
            levels.iter().map(|(price, qty)| Level::new(*price, *qty)).collect::<Vec<_>>()
        };
        let mut book = HeldBook::default();
        book.take(&BookView::new(side(bids), side(asks)), UNITS, &RiskSettings::default());
        book
    }

    #[test]
    fn a_probe_is_the_fewest_lots_that_are_worth_it() {
        // 1000 quote units at 100.01 are 9.999 base units, in lots of 0.01.
        let look = *held(&[(10_000, 50_000)], &[(10_002, 50_000)]).look().unwrap();
        assert_eq!(look.probe_qty, Qty(10_000));
        assert!(look.probe.is_complete && (look.mid - 100.01).abs() < 1e-12);
        let half_spread = 1e4 / 10_001.0;
        assert!((look.half_spread_bps - half_spread).abs() < 1e-9);
        for slippage in look.probe.slippage_bps {
            assert!((slippage.unwrap() - half_spread).abs() < 1e-9);
        }
        assert!(!held(&[(10_000, 5_000)], &[(10_002, 50_000)]).look().unwrap().probe.is_complete);
    }

    #[test]
    fn a_book_that_cannot_be_traded_on_says_why() {
        let check = |bids: &[(i64, i64)], asks: &[(i64, i64)], expect| {
            assert_eq!(held(bids, asks).look().err(), Some(expect));
        };
        check(&[], &[(10, 1)], Absent::EmptySide);
        check(&[(10, 1)], &[(10, 1)], Absent::Crossed);
        check(&[(11, 1)], &[(10, 1)], Absent::Crossed);
        check(&[(-1, 1)], &[(10, 1)], Absent::BadNumber);
        check(&[(i64::MAX, 1)], &[(i64::MAX, 1)], Absent::BadNumber);
        let mut book = held(&[(10, 1)], &[(12, 1)]);
        book.clear();
        assert_eq!(book.look().err(), Some(Absent::Resync));
        assert_eq!(HeldBook::default().look().err(), Some(Absent::Cold));
    }

    #[test]
    fn lots_are_whole_and_amounts_beyond_all_bounds_are_none() {
        assert_eq!(UNITS.whole_lots(0.129), Qty(120));
        assert_eq!(UNITS.whole_lots(-1.0), Qty(0));
        assert_eq!(UNITS.whole_lots(f64::NAN), Qty(0));
        assert_eq!(UNITS.whole_lots(1e300), Qty(i64::MAX / 10 * 10));
        let fine = Units { price_scale: 18, qty_scale: 18, lot: 1 };
        assert_eq!(fine.lots_worth(i64::MAX, 1), None);
        assert_eq!(
            fine.lots_worth(1_000_000, 2_000_000_000_000_000_000),
            Some(Qty(1_000_000_000_000_000_000))
        );
        let coarse = Units { price_scale: 0, qty_scale: 0, lot: 1 };
        assert_eq!(coarse.lots_worth(1_000_000_000, 200_001), Some(Qty(1)));
    }

    fn price() -> impl Strategy<Value = i64> {
        prop_oneof![9_900i64..10_100, any::<i64>()]
    }

    proptest! {
        #[test]
        fn depths_in_one_pass_are_those_of_the_primitive(
            levels in proptest::collection::vec((price(), 0i64..100), 0..20), mid in prop_oneof![Just(20_001i64), 2i64..i64::MAX],
        ) {
            let mut levels: Vec<_> = levels.into_iter().map(|(price, qty)| Level::new(price, qty)).collect();
            levels.sort_unstable_by_key(|level| level.price);
            for side in [Side::Ask, Side::Bid] {
                let found = depths(side, &levels, mid);
                for (depth, bps) in found.into_iter().zip([5_000, 10_000, 25_000]) {
                    prop_assert_eq!(depth, depth_within(side, &levels, mid, bps, VIEW_LEVELS).qty);
                }
                levels.reverse();
            }
        }
    }
}
