//! What is held: one position, and the positions of a market over its venues.

use opus2_types::{Price, SCALE_MAX};
use serde::{Deserialize, Serialize};

use crate::exact::{scaled, to_f64};
use crate::{Absent, Measure, measure::finite};

/// A holding of one instrument, at average cost. Exact: cost is an integer, and what a fill realises is taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    qty: i64,
    cost: i128,
}

impl Position {
    /// In `Qty` units; positive is long.
    #[must_use]
    pub const fn qty(&self) -> i64 {
        self.qty
    }

    /// What was paid for it, in `Price` units times `Qty` units; negative for a short position, which was sold.
    #[must_use]
    pub const fn cost(&self) -> i128 {
        self.cost
    }

    /// Takes a fill of `qty` (positive: bought) at `price`; gives the profit it realised, before fees, in `Price` units
    /// times `Qty` units.
    ///
    /// A fill against the position closes at average cost and then opens the other way.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] for a price that is not positive, or amounts that leave their range; nothing has changed.
    pub fn fill(&mut self, qty: i64, price: Price) -> Result<i128, Absent> {
        self.filled(qty, price)
            .map(|(next, realised)| {
                *self = next;
                realised
            })
            .ok_or(Absent::BadNumber)
    }

    fn filled(&self, qty: i64, price: Price) -> Option<(Self, i128)> {
        if price.0 <= 0 {
            return None;
        }
        let price = i128::from(price.0);
        let next_qty = self.qty.checked_add(qty)?;
        let is_against = self.qty.signum() == -qty.signum() && qty != 0;
        let closed = if is_against { self.qty.unsigned_abs().min(qty.unsigned_abs()) } else { 0 };
        let released = self.cost_of(closed)?;
        // What was held of it changes hands at the fill's price.
        let closed = i128::from(closed) * i128::from(self.qty.signum());
        let realised = (closed * price).checked_sub(released)?;
        let opened = (i128::from(qty) + closed) * price;
        let cost = self.cost.checked_sub(released)?.checked_add(opened)?;
        Some((Self { qty: next_qty, cost }, realised))
    }

    /// The part of the cost that falls to `part` units of the position; all of it for all of them.
    fn cost_of(&self, part: u64) -> Option<i128> {
        if part == 0 {
            return Some(0);
        }
        let (whole, part) = (i128::from(self.qty.unsigned_abs()), i128::from(part));
        let exact = (self.cost / whole).checked_mul(part)?;
        // The remainder and the part are below 2^64 and 2^63.
        exact.checked_add(self.cost % whole * part / whole)
    }

    /// The average price paid, in quote units.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when nothing is held.
    pub fn entry_price(&self, price_scale: u8) -> Measure {
        if self.qty == 0 {
            return Err(Absent::NoEvents);
        }
        finite(scaled(self.cost, price_scale) / to_f64(self.qty.into()))
    }

    /// Profit if it were closed at the mid, in quote units, before costs; zero when nothing is held.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] for a mid that is not positive, or amounts that leave their range.
    pub fn unrealised(&self, mid_doubled: i64, price_scale: u8, qty_scale: u8) -> Measure {
        if mid_doubled <= 0 {
            return Err(Absent::BadNumber);
        }
        let doubled = (i128::from(self.qty) * i128::from(mid_doubled))
            .checked_sub(self.cost.checked_mul(2).ok_or(Absent::BadNumber)?)
            .ok_or(Absent::BadNumber)?;
        finite(scaled(doubled, price_scale) * scaled(1, qty_scale) / 2.0)
    }

    /// False for loaded state that cannot have come about: nothing that has a cost, or a cost of the wrong sign.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.cost.signum() == i128::from(self.qty.signum())
    }
}

/// What is held of one market over all its venues, in units of `10^-18` base units: scales differ between venues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exposure {
    /// Long less short.
    pub net: i128,
    /// Long and short, both positive.
    pub gross: i128,
}

impl Exposure {
    /// Adds the positions `(qty, qty_scale)` up. A sum beyond all bounds stays at the bound.
    #[must_use]
    pub fn of(positions: impl IntoIterator<Item = (i64, u8)>) -> Self {
        let mut exposure = Self::default();
        for (qty, qty_scale) in positions {
            let places = SCALE_MAX - qty_scale.min(SCALE_MAX);
            // At most 2^63 times 10^18.
            let units = i128::from(qty) * 10i128.pow(places.into());
            exposure.net = exposure.net.saturating_add(units);
            exposure.gross = exposure.gross.saturating_add(units.abs());
        }
        exposure
    }

    /// Long less short, in base units.
    #[must_use]
    pub fn net_base(&self) -> f64 {
        scaled(self.net, SCALE_MAX)
    }

    /// Long and short together, in base units.
    #[must_use]
    pub fn gross_base(&self) -> f64 {
        scaled(self.gross, SCALE_MAX)
    }
}

/// How much may be held, and how it is got rid of.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct InventorySettings {
    /// The share of the market's volume that closing a position may be.
    pub volume_share: f64,
    /// The share of the depth within 25 bps that a position may be.
    pub depth_share: f64,
    /// How many times that depth is there while the position is closed.
    pub depth_refills: f64,
}

impl Default for InventorySettings {
    fn default() -> Self {
        Self { volume_share: 0.1, depth_share: 0.1, depth_refills: 1.0 }
    }
}

impl InventorySettings {
    /// The time to close `base_qty` as a share of what is traded, in seconds.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when there is something to close and nothing is traded; [`Absent::BadNumber`] for anything not
    /// finite.
    ///
    /// # Source
    /// Methods reference 4.4.
    pub fn liquidation_secs(&self, base_qty: f64, volume_per_sec: f64) -> Measure {
        let per_sec = self.volume_share * volume_per_sec;
        if base_qty == 0.0 {
            Ok(0.0)
        } else if per_sec <= 0.0 {
            Err(Absent::NoEvents)
        } else {
            finite(base_qty.abs() / per_sec)
        }
    }

    /// The most that may be held, long or short, in base units.
    ///
    /// # Errors
    /// The reason of the bound that is absent: all of them must be known. [`Absent::BadNumber`] for a negative one.
    ///
    /// # Source
    /// Methods reference 4.5: `min(ES limit / ES per unit, 0.1 D(25 bps) k, venue cap)`.
    pub fn limit(&self, bounds: &InventoryBounds) -> Result<InventoryLimit, Absent> {
        let all = [
            (bounds.shortfall_base?, InventoryBound::Shortfall),
            (self.depth_share * self.depth_refills * bounds.depth_base?, InventoryBound::Depth),
            (bounds.venue_cap_base?, InventoryBound::VenueCap),
        ];
        let mut limit = InventoryLimit { base: f64::INFINITY, bound: InventoryBound::Shortfall };
        for (base, bound) in all {
            if base.is_nan() || base < 0.0 {
                return Err(Absent::BadNumber);
            }
            if base < limit.base {
                limit = InventoryLimit { base, bound };
            }
        }
        finite(limit.base).map(|_| limit)
    }
}

/// What bounds a position, in base units each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InventoryBounds {
    /// The expected shortfall allowed, over that of one base unit.
    pub shortfall_base: Measure,
    /// Depth within 25 bps of the mid on the side that would be hit.
    pub depth_base: Measure,
    /// What may be held at the venue.
    pub venue_cap_base: Measure,
}

/// Which of the [`InventoryBounds`] is the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InventoryBound {
    /// Expected shortfall.
    Shortfall,
    /// Depth of the book.
    Depth,
    /// The venue's cap.
    VenueCap,
}

impl InventoryBound {
    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shortfall => "shortfall",
            Self::Depth => "depth",
            Self::VenueCap => "venue_cap",
        }
    }
}

/// The most that may be held.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct InventoryLimit {
    /// In base units, long or short.
    pub base: f64,
    /// The bound it comes from.
    pub bound: InventoryBound,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills `(qty, price)`; the position's quantity and cost in the end, and everything realised.
    #[track_caller]
    fn check(fills: &[(i64, i64)], qty: i64, cost: i128, realised: i128) {
        let mut position = Position::default();
        let sum: i128 = fills.iter().map(|(qty, price)| position.fill(*qty, Price(*price)).unwrap()).sum();
        assert_eq!((position.qty(), position.cost(), sum), (qty, cost, realised));
        assert!(position.is_consistent());
    }

    #[test]
    fn fills_open_close_and_turn_a_position() {
        check(&[(10, 100), (10, 110)], 20, 2_100, 0);
        check(&[(10, 100), (10, 110), (-5, 120)], 15, 1_575, 75);
        check(&[(10, 100), (-10, 90)], 0, 0, -100);
        check(&[(-10, 100), (4, 90)], -6, -600, 40);
        check(&[(10, 100), (-15, 110)], -5, -550, 100);
        check(&[(3, 100), (-1, 100), (-1, 100), (-1, 101)], 0, 0, 1);
        check(&[(0, 100)], 0, 0, 0);
    }

    #[test]
    fn what_cannot_be_changes_nothing() {
        let mut position = Position::default();
        position.fill(i64::MAX, Price(i64::MAX)).unwrap();
        let before = position;
        assert_eq!(position.fill(1, Price(1)), Err(Absent::BadNumber));
        assert_eq!(position.fill(-1, Price(0)), Err(Absent::BadNumber));
        assert_eq!(position, before);
        assert!(position.unrealised(1, 0, 0).is_ok());
        let mut loaded = Position { qty: 7, cost: i128::MAX };
        assert_eq!(loaded.fill(-7, Price(1)).is_ok(), loaded.qty() == 0);
        assert!(!Position { qty: 0, cost: 1 }.is_consistent());
        let mut short = Position { qty: i64::MIN, cost: i128::MIN };
        let _checked: Result<i128, Absent> = short.fill(i64::MAX, Price(i64::MAX));
    }

    #[test]
    fn a_position_is_valued_at_the_mid() {
        let mut position = Position::default();
        assert_eq!(position.entry_price(2), Err(Absent::NoEvents));
        position.fill(-500, Price(10_050)).unwrap();
        assert_eq!(position.entry_price(2), Ok(100.5));
        assert_eq!(position.unrealised(20_000, 2, 2), Ok(2.5));
        assert_eq!(position.unrealised(0, 2, 2), Err(Absent::BadNumber));
    }

    #[test]
    fn positions_at_several_venues_add_up_whatever_their_scales() {
        let exposure = Exposure::of([(150, 2), (-1, 0), (25, 1)]);
        assert_eq!(exposure.net, 3 * 10i128.pow(18));
        assert!((exposure.gross_base() - 5.0).abs() < 1e-12 && (exposure.net_base() - 3.0).abs() < 1e-12);
        assert_eq!(Exposure::of([(i64::MAX, 0); 30]).net, i128::MAX);
        assert_eq!(Exposure::of([(1, 200)]).net, 1);
    }

    #[test]
    fn the_smallest_bound_counts_and_all_must_be_known() {
        let settings = InventorySettings::default();
        let bounds =
            InventoryBounds { shortfall_base: Ok(3.0), depth_base: Ok(20.0), venue_cap_base: Ok(5.0) };
        let limit = settings.limit(&bounds).unwrap();
        assert_eq!((limit.base, limit.bound.as_str()), (2.0, "depth"));
        let wrong = |bounds| settings.limit(&bounds).unwrap_err();
        assert_eq!(wrong(InventoryBounds { depth_base: Err(Absent::Cold), ..bounds }), Absent::Cold);
        assert_eq!(wrong(InventoryBounds { venue_cap_base: Ok(-1.0), ..bounds }), Absent::BadNumber);
    }

    #[test]
    fn getting_out_takes_a_share_of_the_volume() {
        let settings = InventorySettings::default();
        assert_eq!(settings.liquidation_secs(-2.0, 1.0), Ok(20.0));
        assert_eq!(settings.liquidation_secs(0.0, 0.0), Ok(0.0));
        assert_eq!(settings.liquidation_secs(1.0, 0.0), Err(Absent::NoEvents));
        assert_eq!(settings.liquidation_secs(f64::NAN, 1.0), Err(Absent::BadNumber));
    }
}
