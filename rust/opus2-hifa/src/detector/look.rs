//! One look at a book, as the detectors share it.

use opus2_types::{BookView, Level, Price, Side};

use crate::exact::to_f64;
use crate::primitive::Bbo;

/// How one instrument counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// Decimal places of prices.
    pub price_scale: u8,
    /// Decimal places of quantities.
    pub qty_scale: u8,
    /// The minimum price step; zero when it is unknown.
    pub tick: Price,
}

impl Units {
    /// A sum of prices times quantities in quote units.
    pub(crate) fn notional(&self, units: i128) -> f64 {
        // Both scales together may be beyond those of one number.
        to_f64(units) / 10f64.powi(i32::from(self.price_scale) + i32::from(self.qty_scale))
    }
}

/// A book with a mid that can be measured from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BookLook<'a> {
    /// Receive time, nanoseconds.
    pub(crate) now: i64,
    pub(crate) view: &'a BookView,
    pub(crate) mid_doubled: i64,
    pub(crate) units: Units,
    /// For how long a trade may still explain what this book shows, nanoseconds.
    pub(crate) match_nanos: i64,
}

impl<'a> BookLook<'a> {
    /// `None` when a side is empty, a price is no price, or the book is crossed.
    pub(crate) fn new(now: i64, view: &'a BookView, units: Units, match_nanos: i64) -> Option<Self> {
        let bbo = Bbo::new(view.bids().first().copied(), view.asks().first().copied()).ok()?;
        (!bbo.is_crossed()).then(|| Self { now, view, mid_doubled: bbo.mid_doubled(), units, match_nanos })
    }

    pub(crate) fn levels(&self, side: Side) -> &'a [Level] {
        self.view.side(side)
    }

    /// How far a price is from the mid, basis points.
    pub(crate) fn dist_bps(&self, price: Price) -> f64 {
        let distance = (2 * i128::from(price.0) - i128::from(self.mid_doubled)).abs();
        to_f64(distance) / to_f64(self.mid_doubled.into()) * 1e4
    }
}
