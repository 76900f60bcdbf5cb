//! What was saved of an instrument before today's form.

use super::InstrumentState;

/// An instrument's state without detectors, as it was saved by version 3 of the operator `signal`.
pub type InstrumentStateV3 = InstrumentState<()>;

impl From<InstrumentStateV3> for InstrumentState {
    /// The same, with detectors that have seen nothing.
    fn from(old: InstrumentStateV3) -> Self {
        let InstrumentState {
            venue,
            price_scale,
            qty_scale,
            tick,
            now,
            book_state,
            is_fenced,
            best,
            queue_imbalance,
            depth_imbalances,
            ofi,
            path,
            rank_ofi,
            trade_flow,
            bids,
            asks,
            bar,
            episodes: (),
        } = old;
        Self {
            venue,
            price_scale,
            qty_scale,
            tick,
            now,
            book_state,
            is_fenced,
            best,
            queue_imbalance,
            depth_imbalances,
            ofi,
            path,
            rank_ofi,
            trade_flow,
            bids,
            asks,
            bar,
            episodes: Box::default(),
        }
    }
}
