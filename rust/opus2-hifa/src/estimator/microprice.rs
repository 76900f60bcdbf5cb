//! The micro-price: where the mid is expected to settle, by imbalance and spread.

use serde::{Deserialize, Serialize};

use crate::exact::{scaled, to_f64};
use crate::primitive::{Bbo, weighted_mid};
use crate::{Absent, measure::finite};

/// The most imbalance buckets and spreads of a table.
const BUCKETS_MAX: usize = 64;
const SPREADS_MAX: usize = 16;

/// An adjustment beyond this many half-ticks is no micro-price.
const HALF_TICKS_MAX: f64 = 1e3;

/// A fitted micro-price: how far the mid is expected to move, for each state of the best quote.
///
/// A state is a bucket of the imbalance and a spread of 1 to `spreads` ticks. Buckets are symmetrical about balance, and
/// the adjustment of a mirrored state is the negated one, so the table holds one half: buckets by the share of the
/// thinner side, `min(bid, ask) / (bid + ask)` in 0 to 1/2, thinnest first, and adjustments towards the heavier side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SavedTable", into = "SavedTable")]
pub struct MicropriceTable(SavedTable);

/// What is written of a [`MicropriceTable`], and what one is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedTable {
    /// Upper bounds of all buckets but the last, ascending; one bucket fewer than `lean_half_ticks` has per spread.
    pub thin_share_edges: Vec<f64>,
    /// The adjustment towards the heavier side, half-ticks; bucket by bucket of a spread of one tick, then of two, ….
    pub lean_half_ticks: Vec<f64>,
    /// How often each of these states, or its mirror image, was seen.
    pub visits: Vec<u64>,
}

/// Why numbers are no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The lists do not fit each other, or there are too many states.
    #[error(
        "a micro-price needs as many visits as adjustments, {BUCKETS_MAX} buckets and {SPREADS_MAX} spreads at most"
    )]
    Shape,
    /// The bounds of the buckets.
    #[error("the edges of a micro-price's buckets must rise from 0 to 0.5")]
    Edges,
    /// An adjustment.
    #[error("a micro-price's adjustment is not finite, or beyond {HALF_TICKS_MAX} half-ticks")]
    Adjustment,
}

impl TryFrom<SavedTable> for MicropriceTable {
    type Error = TableError;

    fn try_from(saved: SavedTable) -> Result<Self, TableError> {
        let SavedTable { thin_share_edges: edges, lean_half_ticks: leans, visits } = &saved;
        let buckets = edges.len() + 1;
        let is_whole = !leans.is_empty() && leans.len().is_multiple_of(buckets);
        let is_small = buckets <= BUCKETS_MAX && leans.len() <= buckets * SPREADS_MAX;
        if !is_whole || !is_small || visits.len() != leans.len() {
            return Err(TableError::Shape);
        }
        // Written so that NaN is refused.
        if !edges.iter().all(|edge| (0.0..=0.5).contains(edge)) || !edges.is_sorted() {
            return Err(TableError::Edges);
        }
        if !leans.iter().all(|lean| lean.abs() <= HALF_TICKS_MAX) {
            return Err(TableError::Adjustment);
        }
        Ok(Self(saved))
    }
}

impl From<MicropriceTable> for SavedTable {
    fn from(table: MicropriceTable) -> Self {
        table.0
    }
}

impl MicropriceTable {
    /// The expected move of the mid, half-ticks, upwards positive; `None` for a spread that the table does not have or
    /// never saw, for a crossed or locked quote, and where nothing rests at the best prices.
    ///
    /// Equal quantities lean nowhere.
    #[must_use]
    pub fn adjustment_half_ticks(&self, bbo: &Bbo, tick: i64) -> Option<f64> {
        let (bid, ask) = (bbo.bid().qty.0, bbo.ask().qty.0);
        let spread = spread_ticks(bbo, tick)?;
        let bucket = bucket(bbo, &self.0.thin_share_edges)?;
        let buckets = self.0.thin_share_edges.len() + 1;
        let state = (spread - 1).checked_mul(buckets)?;
        let seen = self.0.visits.get(state..state.checked_add(buckets)?)?;
        let lean = self.0.lean_half_ticks.get(state + bucket)?;
        let sign = to_f64(i128::from(bid.cmp(&ask) as i8));
        seen.iter().any(|visits| *visits > 0).then_some(sign * lean)
    }

    /// What the table is made of.
    #[must_use]
    pub const fn as_saved(&self) -> &SavedTable {
        &self.0
    }
}

/// The spread in whole ticks, one or more.
pub(super) fn spread_ticks(bbo: &Bbo, tick: i64) -> Option<usize> {
    let spread = bbo.spread();
    (tick > 0 && spread > 0 && spread % tick == 0).then(|| usize::try_from(spread / tick).ok()).flatten()
}

/// The share of the thinner side, 0 to 1/2; `None` when nothing rests.
pub(super) fn thin_share(bbo: &Bbo) -> Option<f64> {
    let depth = bbo.depth();
    let thin = bbo.bid().qty.0.min(bbo.ask().qty.0);
    (depth > 0).then(|| to_f64(thin.into()) / to_f64(depth))
}

/// The bucket of the thinner side's share.
pub(super) fn bucket(bbo: &Bbo, edges: &[f64]) -> Option<usize> {
    let share = thin_share(bbo)?;
    Some(edges.partition_point(|edge| *edge < share))
}

/// What a micro-price rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MicropriceBasis {
    /// The table.
    Table,
    /// The weighted mid: the table does not have the state, and the spread is one tick.
    WeightedMid,
    /// The mid: neither applies.
    Mid,
}

/// Where the mid is expected to settle, in quote units, and what that rests on.
///
/// From the table; where it has no such state from the [weighted mid](crate::primitive::weighted_mid), at a spread of
/// one tick only; else the mid.
///
/// # Errors
/// [`Absent::Crossed`]; [`Absent::DataType`] without a tick.
///
/// # Source
/// Stoikov (2018), "The micro-price: a high-frequency estimator of future prices"; methods reference 2.5.
pub fn microprice(
    bbo: &Bbo,
    tick: i64,
    price_scale: u8,
    table: &MicropriceTable,
) -> Result<(f64, MicropriceBasis), Absent> {
    if bbo.is_crossed() {
        return Err(Absent::Crossed);
    }
    if tick <= 0 {
        return Err(Absent::DataType);
    }
    let mid = bbo.mid(price_scale);
    let (value, basis) = match table.adjustment_half_ticks(bbo, tick) {
        Some(half_ticks) => {
            (mid + half_ticks * scaled(tick.into(), price_scale) / 2.0, MicropriceBasis::Table)
        }
        None if spread_ticks(bbo, tick) == Some(1) => {
            (weighted_mid(bbo, price_scale), MicropriceBasis::WeightedMid)
        }
        None => (mid, MicropriceBasis::Mid),
    };
    finite(value).map(|value| (value, basis))
}

#[cfg(test)]
mod tests {
    use opus2_types::Level;

    use super::*;

    /// Two buckets of the thinner side's share, up to a quarter and above; spreads of one and two ticks of five.
    fn table() -> MicropriceTable {
        let saved = SavedTable {
            thin_share_edges: vec![0.25],
            lean_half_ticks: vec![0.8, 0.2, 0.0, 0.0],
            visits: vec![300, 300, 0, 0],
        };
        saved.try_into().unwrap()
    }

    #[track_caller]
    fn check(bid: (i64, i64), ask: (i64, i64), expect: (f64, MicropriceBasis)) {
        let level = |(price, qty)| Some(Level::new(price, qty));
        let bbo = Bbo::new(level(bid), level(ask)).unwrap();
        let found = microprice(&bbo, 5, 0, &table()).unwrap();
        assert!((found.0 - expect.0).abs() < 1e-12 && found.1 == expect.1, "{found:?} {expect:?}");
    }

    #[test]
    fn the_heavier_side_pushes_the_price_away() {
        check((100, 90), (105, 10), (102.5 + 0.8 * 2.5, MicropriceBasis::Table));
        check((100, 10), (105, 90), (102.5 - 0.8 * 2.5, MicropriceBasis::Table));
        check((100, 75), (105, 25), (102.5 + 0.8 * 2.5, MicropriceBasis::Table));
        check((100, 60), (105, 40), (102.5 + 0.2 * 2.5, MicropriceBasis::Table));
        check((100, 50), (105, 50), (102.5, MicropriceBasis::Table));
    }

    #[test]
    fn what_the_table_does_not_have_falls_back() {
        check((100, 0), (105, 0), (102.5, MicropriceBasis::WeightedMid));
        check((100, 90), (110, 10), (105.0, MicropriceBasis::Mid));
        check((100, 90), (115, 10), (107.5, MicropriceBasis::Mid));
        check((100, 90), (100, 10), (100.0, MicropriceBasis::Mid));
        let crossed = Bbo::new(Some(Level::new(110, 1)), Some(Level::new(100, 1))).unwrap();
        assert_eq!(microprice(&crossed, 5, 0, &table()), Err(Absent::Crossed));
    }

    #[test]
    fn a_table_that_is_loaded_is_checked() {
        let text = serde_json::to_string(&table()).unwrap();
        assert_eq!(serde_json::from_str::<MicropriceTable>(&text).unwrap(), table());
        for (from, to, expect) in [
            ("[0.25]", "[0.75]", "must rise"),
            ("[0.25]", "[]", "0.5"),
            ("0.8", "1e9", "half-ticks"),
            ("[300,300,0,0]", "[300]", "as many visits"),
            ("[0.8,0.2,0.0,0.0]", "[]", "as many visits"),
        ] {
            let found = serde_json::from_str::<MicropriceTable>(&text.replace(from, to));
            // Without edges there is one bucket, and every number of adjustments is whole.
            if to == "[]" && from == "[0.25]" {
                assert!(found.is_ok());
            } else {
                assert!(found.unwrap_err().to_string().contains(expect), "{to}");
            }
        }
    }
}
