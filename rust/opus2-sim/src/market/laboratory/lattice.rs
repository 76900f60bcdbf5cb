//! Where the quotes of an instrument stand, and how large they are.

use opus2_types::{Price, Qty, Side};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::settings::Laboratory;
use crate::market::listing::Listing;
use crate::market::number::{to_float, to_units};

/// About what a step of the lattice is, in parts of the opening price: at twenty levels a side, 16 basis points are shown.
const STEP_SHARE: f64 = 8e-5;
/// A step has room for a price between two of its levels.
const STEP_UNITS_MIN: i64 = 4;

/// Prices a step apart and sizes that are log-normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lattice {
    /// Price units between two levels.
    pub(super) step: i64,
    /// Levels of a side.
    pub(super) levels: i64,
    /// The opening price, in price units.
    opening: f64,
    /// Median size of a level, in quantity units.
    pub(super) median: f64,
    sigma: f64,
}

impl Lattice {
    pub(super) fn new(listing: &Listing, opening: f64, settings: &Laboratory) -> Self {
        let qty_per_dollar = 10f64.powi(i32::from(listing.qty_scale)) / listing.base_dollars;
        Self {
            step: round_to_one_digit(opening * STEP_SHARE).max(STEP_UNITS_MIN),
            levels: settings.levels.into(),
            opening,
            median: settings.level_dollars * qty_per_dollar,
            sigma: settings.size_sigma,
        }
    }

    /// A step in basis points of the opening price.
    pub(super) fn step_bps(&self) -> f64 {
        to_float(self.step) / self.opening * 1e4
    }

    /// The level at or below the opening price, on a multiple of the step: the first best bid.
    pub(super) fn opening_bid(&self) -> Price {
        Price((to_units(self.opening).div_euclid(self.step) * self.step).max(self.lowest_bid()))
    }

    /// The best bid never falls below this, so that every level has a price.
    pub(super) const fn lowest_bid(&self) -> i64 {
        self.step * (self.levels + 1)
    }

    /// A price `steps` further from the spread than `best`.
    pub(super) const fn away(&self, side: Side, best: Price, steps: i64) -> Price {
        let distance = steps * self.step;
        match side {
            Side::Bid => Price(best.0 - distance),
            Side::Ask => Price(best.0 + distance),
        }
    }

    /// The mean size of a level, in quantity units.
    pub(super) fn mean(&self) -> f64 {
        self.median * (self.sigma * self.sigma / 2.0).exp()
    }

    /// A level's size, drawn anew.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Qty {
        let normal: f64 = StandardNormal.sample(rng);
        quantity(self.median * (self.sigma * normal).exp())
    }
}

/// A quantity of at least one unit.
pub(super) fn quantity(units: f64) -> Qty {
    Qty(to_units(units).max(1))
}

/// The nearest integer of one significant digit, such as 500 for 494 and 0 for less than a half.
fn round_to_one_digit(value: f64) -> i64 {
    if value < 1.0 {
        return to_units(value);
    }
    let power = 10f64.powf(value.log10().floor());
    to_units((value / power).round() * power)
}
