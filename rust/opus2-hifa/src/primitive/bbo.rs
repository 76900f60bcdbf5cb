//! Best bid and offer: mid, spread, validity.

use opus2_types::Level;
use serde::{Deserialize, Serialize};

use crate::Absent;
use crate::exact::{scaled, to_f64};

/// A best bid and a best ask whose prices are positive and whose quantities are not negative.
///
/// It may be locked (`bid == ask`: a mid, but nobody can trade on it) or crossed (`bid > ask`: within one venue a fault
/// of the data). Its mid is kept doubled, as an exact integer.
///
/// # Source
/// Methods reference 1.1 (elementary definitions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bbo {
    bid: Level,
    ask: Level,
}

impl Bbo {
    /// From the best level of each side.
    ///
    /// # Errors
    /// [`Absent::EmptySide`] when a side has none; [`Absent::BadNumber`] for a price that is not positive, a negative
    /// quantity, or prices whose sum does not fit 64 bits.
    pub fn new(bid: Option<Level>, ask: Option<Level>) -> Result<Self, Absent> {
        let (Some(bid), Some(ask)) = (bid, ask) else { return Err(Absent::EmptySide) };
        let is_usable = |level: Level| level.price.0 > 0 && level.qty.0 >= 0;
        if !is_usable(bid) || !is_usable(ask) || bid.price.0.checked_add(ask.price.0).is_none() {
            return Err(Absent::BadNumber);
        }
        Ok(Self { bid, ask })
    }

    /// The best bid.
    #[must_use]
    pub const fn bid(&self) -> Level {
        self.bid
    }

    /// The best ask.
    #[must_use]
    pub const fn ask(&self) -> Level {
        self.ask
    }

    /// Twice the mid, exact: `bid + ask`, in `Price` units.
    #[must_use]
    pub const fn mid_doubled(&self) -> i64 {
        self.bid.price.0.saturating_add(self.ask.price.0)
    }

    /// The mid in quote units.
    #[must_use]
    pub fn mid(&self, price_scale: u8) -> f64 {
        scaled(i128::from(self.mid_doubled()), price_scale) / 2.0
    }

    /// `ask - bid` in `Price` units; negative when crossed.
    #[must_use]
    pub const fn spread(&self) -> i64 {
        // Both are positive, so the difference fits.
        self.ask.price.0 - self.bid.price.0
    }

    /// The spread over the mid, in basis points; negative when crossed.
    #[must_use]
    pub fn spread_bps(&self) -> f64 {
        2e4 * to_f64(self.spread().into()) / to_f64(self.mid_doubled().into())
    }

    /// True when one can trade on it: the best bid is below the best ask.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.bid.price < self.ask.price
    }

    /// True when the best bid equals the best ask.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.bid.price == self.ask.price
    }

    /// True when the best bid is above the best ask.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        self.bid.price > self.ask.price
    }

    /// Both best quantities together, in `Qty` units.
    #[must_use]
    pub fn depth(&self) -> i128 {
        i128::from(self.bid.qty.0) + i128::from(self.ask.qty.0)
    }
}

/// A quote's level as the venue means it: price and quantity both zero are how an empty side is written.
#[must_use]
pub fn shown(level: Level) -> Option<Level> {
    (level != Level::default()).then_some(level)
}
