//! The mid weighted by the quantities across.

use crate::exact::{scaled, to_f64};
use crate::primitive::Bbo;
use crate::{Absent, Measure, measure::finite};

/// `(ask * bid_qty + bid * ask_qty) / (bid_qty + ask_qty)` in quote units; the mid when both quantities are zero.
///
/// It jumps whenever a tiny order improves the quote, and over wide spreads it predicts worse than the mid: as a feature
/// it is used at a spread of one tick only.
///
/// # Source
/// Gatheral & Oomen (2010), "Zero-intelligence realized variance estimation"; Stoikov (2018), section 2.
#[must_use]
pub fn weighted_mid(bbo: &Bbo, price_scale: u8) -> f64 {
    let depth = bbo.depth();
    if depth == 0 {
        return bbo.mid(price_scale);
    }
    let (bid, ask) = (bbo.bid(), bbo.ask());
    // From the mid outwards, so that only the part below half a spread is rounded.
    let lean = to_f64(i128::from(bid.qty.0) - i128::from(ask.qty.0)) / to_f64(depth);
    bbo.mid(price_scale) + lean * scaled(i128::from(bbo.spread()), price_scale) / 2.0
}

/// The weighted mid as a feature: of a spread of at most one tick.
pub(crate) fn measure_weighted_mid(bbo: &Bbo, tick: i64, price_scale: u8) -> Measure {
    if bbo.is_crossed() {
        return Err(Absent::Crossed);
    }
    if tick <= 0 {
        return Err(Absent::DataType);
    }
    if bbo.spread() > tick {
        return Err(Absent::WideSpread);
    }
    finite(weighted_mid(bbo, price_scale))
}
