//! Ticks merged into cells, so that a wall that is split over neighbouring prices is one.

use opus2_types::{Level, Price, Qty, Side, VIEW_LEVELS};
use serde::{Deserialize, Serialize};

use crate::detector::bounded::Bounded;

/// How many adjacent ticks become one cell at most.
pub const MERGED_TICKS_MAX: i64 = 8;
/// One basis point of the mid is the doubled mid divided by this.
const DOUBLED_MID_PER_BPS: i64 = 20_000;

/// Cells of 1, 2, 4 or 8 ticks, as many as fit into one basis point, aligned to price zero: a price is always in the
/// same cell, wherever the best price is. Where the tick is unknown, or wider than half a basis point, every price is a
/// cell of its own.
///
/// A wall across a border of two cells is still split: the price of cells that stay where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grid {
    /// Ticks per cell; 0 before the first fit.
    ticks: i64,
    tick: i64,
}

impl Default for Grid {
    fn default() -> Self {
        Self { ticks: 0, tick: 1 }
    }
}

/// What rests in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cell {
    pub(crate) index: i64,
    /// The best price shown in it.
    pub(crate) price: Price,
    pub(crate) qty: Qty,
}

impl Grid {
    /// Fits cells to the mid. True when they have changed: cells of before then mean nothing. It waits until twice as
    /// many ticks would fit twice, so that a mid at the border does not change them again and again.
    pub(crate) fn fit(&mut self, mid_doubled: i64, tick: i64) -> bool {
        let tick_or_unit = tick.max(1);
        let ticks_max = if tick > 0 { mid_doubled / DOUBLED_MID_PER_BPS / tick } else { 0 };
        let mut ticks = 1;
        while ticks < MERGED_TICKS_MAX && 2 * ticks <= ticks_max {
            ticks *= 2;
        }
        let fits = self.tick == tick_or_unit && self.ticks >= 1 && self.ticks <= ticks_max.max(1);
        if fits && (ticks <= self.ticks || ticks_max < self.ticks.saturating_mul(4)) {
            return false;
        }
        let next = Self { ticks, tick: tick_or_unit };
        let is_changed = next != *self;
        *self = next;
        is_changed
    }

    const fn width(&self) -> i64 {
        let width = self.ticks.saturating_mul(self.tick);
        if width > 1 { width } else { 1 }
    }

    pub(crate) const fn index(&self, price: Price) -> i64 {
        price.0.div_euclid(self.width())
    }

    /// The cells of one side, best first, without one that might go on where the levels shown end.
    pub(crate) fn cells(&self, levels: &[Level]) -> Bounded<Cell, VIEW_LEVELS> {
        let mut cells = Bounded::<Cell, VIEW_LEVELS>::default();
        let width = self.width();
        // Where the newest cell lies: a price in it costs no division.
        let (mut low, mut high) = (0, 0);
        for level in levels {
            let (price, qty) = (level.price.0, level.qty.0.max(0));
            if low <= price
                && price < high
                && let Some(cell) = cells.as_mut_slice().last_mut()
            {
                cell.qty.0 = cell.qty.0.saturating_add(qty);
                continue;
            }
            let index = if width == 1 { price } else { price.div_euclid(width) };
            low = index.saturating_mul(width);
            high = low.saturating_add(width);
            cells.push(Cell { index, price: level.price, qty: Qty(qty) });
        }
        if self.ticks > 1 && levels.len() >= VIEW_LEVELS {
            cells.remove(cells.as_slice().len().saturating_sub(1));
        }
        cells
    }

    /// True when all of cell `index` lies within the levels shown: what is missing from it, rests nowhere.
    pub(crate) fn sees(&self, side: Side, levels: &[Level], index: i64) -> bool {
        let Some(worst) = levels.last().filter(|_| levels.len() >= VIEW_LEVELS) else { return true };
        let worst = self.index(worst.price);
        let is_better = match side {
            Side::Bid => index > worst,
            Side::Ask => index < worst,
        };
        is_better || (self.ticks <= 1 && index == worst)
    }

    pub(crate) const fn is_consistent(&self) -> bool {
        0 <= self.ticks && self.ticks <= MERGED_TICKS_MAX && self.tick >= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mid: i64, tick: i64, levels: &[[i64; 2]], expect: &[[i64; 2]]) {
        let mut grid = Grid::default();
        grid.fit(2 * mid, tick);
        let levels: Vec<Level> = levels.iter().map(|[price, qty]| Level::new(*price, *qty)).collect();
        let found: Vec<[i64; 2]> =
            grid.cells(&levels).as_slice().iter().map(|cell| [cell.price.0, cell.qty.0]).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn adjacent_ticks_within_a_basis_point_are_one_cell() {
        let levels = [[40_006, 1], [40_005, 2], [40_003, 4], [40_000, 8], [39_999, 16]];
        check(40_004, 1, &levels, &[[40_006, 3], [40_003, 12], [39_999, 16]]);
        // Two ticks of 3 would be wider than a basis point.
        let coarse = [[40_005, 2], [40_002, 4], [39_999, 8]];
        check(40_004, 3, &coarse, &coarse);
        check(40_004, 0, &levels, &levels);
        // Never more than eight.
        check(
            40_000_000,
            1,
            &[[39_999_999, 1], [39_999_992, 2], [39_999_991, 4]],
            &[[39_999_999, 3], [39_999_991, 4]],
        );
    }

    #[test]
    fn a_cell_that_may_go_on_out_of_sight_is_left_out() {
        let mut grid = Grid::default();
        grid.fit(80_000, 1);
        let levels: Vec<Level> = (0..20).map(|at| Level::new(40_001 + at, 1)).collect();
        assert_eq!(grid.cells(&levels).as_slice().len(), 5);
        assert_eq!(grid.cells(&levels[..19]).as_slice().len(), 5);
        let at = |price| grid.index(Price(price));
        assert!(grid.sees(Side::Ask, &levels, at(40_019)) && !grid.sees(Side::Ask, &levels, at(40_020)));
        assert!(grid.sees(Side::Ask, &levels[..19], at(50_000)));
    }

    #[test]
    fn cells_do_not_change_with_a_mid_at_the_border() {
        let mut grid = Grid::default();
        assert!(grid.fit(2 * 20_000, 1));
        assert_eq!(grid.ticks, 2);
        for mid in [40_000, 39_999, 41_000, 20_000] {
            assert!(!grid.fit(2 * mid, 1), "{mid}");
        }
        assert!(grid.fit(2 * 80_000, 1) && grid.ticks == 8);
        assert!(grid.fit(2 * 79_000, 1) && grid.ticks == 4);
    }
}
