//! How much rests near the mid.

use opus2_types::{Level, Side};

use crate::Measure;
use crate::exact::to_f64;
use crate::{Absent, measure::finite};

/// The bands in which depth is published, in basis points from the mid.
pub const DEPTH_BANDS_BPS: [u32; 5] = [1, 5, 10, 25, 50];

/// Parts of a whole in a thousandth of a basis point.
const MILLIBPS: i128 = 10_000_000;

/// What rests on one side within a band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Quantity, in `Qty` units.
    pub qty: i128,
    /// Price times quantity, in `Price` units times `Qty` units.
    pub notional: i128,
    /// True when the levels given end inside the band although there may be more: the depth is then a lower bound.
    pub is_truncated: bool,
}

/// Depth of one side within `band_millibps` thousandths of a basis point of the mid, bounds included.
///
/// `levels` are best first; `levels_max` is how many the source can show, so that a full list which ends inside the
/// band is known to be cut. Exact: the bound is compared in integers; a sum beyond 128 bits stays at its end.
///
/// # Source
/// Methods reference 1.2 (elementary definition).
#[must_use]
pub fn depth_within(
    side: Side,
    levels: &[Level],
    mid_doubled: i64,
    band_millibps: u32,
    levels_max: usize,
) -> Depth {
    let band = i128::from(band_millibps);
    let mid_doubled = i128::from(mid_doubled);
    let is_within = |level: &Level| {
        let price = 2 * MILLIBPS * i128::from(level.price.0);
        match side {
            Side::Bid => price >= mid_doubled * (MILLIBPS - band),
            Side::Ask => price <= mid_doubled * (MILLIBPS + band),
        }
    };
    let mut depth = Depth::default();
    for level in levels {
        if !is_within(level) {
            return depth;
        }
        depth.qty = depth.qty.saturating_add(level.qty.0.into());
        // A product of two of the largest amounts leaves room for one more: absurd levels saturate.
        let notional = i128::from(level.price.0) * i128::from(level.qty.0);
        depth.notional = depth.notional.saturating_add(notional);
    }
    depth.is_truncated = levels.len() >= levels_max;
    depth
}

/// `(bid - ask) / (bid + ask)` of two depths.
///
/// # Errors
/// [`Absent::EmptySide`] when there is nothing on either side.
pub fn depth_imbalance(bid: &Depth, ask: &Depth) -> Measure {
    let total = bid.qty.saturating_add(ask.qty);
    let more = bid.qty.saturating_sub(ask.qty);
    if total <= 0 { Err(Absent::EmptySide) } else { finite(to_f64(more) / to_f64(total)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_included_and_a_cut_list_is_a_lower_bound() {
        let bids = [Level::new(9_999, 1), Level::new(9_990, 2), Level::new(9_989, 4)];
        // The mid is 10_000: ten basis points below it is 9_990 exactly.
        let depth = |levels: &[Level]| depth_within(Side::Bid, levels, 20_000, 10_000, 2);
        assert_eq!(depth(&bids), Depth { qty: 3, notional: 9_999 + 2 * 9_990, is_truncated: false });
        assert!(depth(&bids[..2]).is_truncated);
        assert!(!depth(&bids[..1]).is_truncated);
        assert_eq!(depth_imbalance(&Depth::default(), &Depth::default()), Err(Absent::EmptySide));
    }

    #[test]
    fn absurd_levels_saturate() {
        let absurd = [Level::new(i64::MAX, i64::MAX); 3];
        let depth = depth_within(Side::Bid, &absurd, 2, 10_000, 20);
        assert_eq!((depth.qty, depth.notional), (3 * i128::from(i64::MAX), i128::MAX));
        let depth = depth_within(Side::Ask, &[Level::new(i64::MIN, i64::MAX); 3], i64::MAX, u32::MAX, 20);
        assert_eq!(depth.notional, i128::MIN);
        let one_sided = Depth { qty: i128::MAX, ..Depth::default() };
        let negative = Depth { qty: i128::MIN, ..Depth::default() };
        assert_eq!(depth_imbalance(&one_sided, &one_sided), Ok(0.0));
        assert_eq!(depth_imbalance(&one_sided, &negative), Err(Absent::EmptySide));
    }
}
