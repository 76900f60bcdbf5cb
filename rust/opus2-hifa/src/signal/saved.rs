//! What was saved of an instrument before today's form.

use super::episodes::EpisodesV4;
use super::{Episodes, InstrumentState};

/// An instrument's state without detectors, as it was saved by version 3 of the operator `signal`.
pub type InstrumentStateV3 = InstrumentState<()>;

/// An instrument's state without icebergs of orders, as it was saved by version 4 of the operator `signal`.
pub type InstrumentStateV4 = InstrumentState<Box<EpisodesV4>>;

impl From<InstrumentStateV3> for InstrumentState {
    /// The same, with detectors that have seen nothing.
    fn from(old: InstrumentStateV3) -> Self {
        old.with_episodes(|()| Box::default())
    }
}

impl From<InstrumentStateV4> for InstrumentState {
    /// The same, with icebergs of no order so far.
    fn from(old: InstrumentStateV4) -> Self {
        old.with_episodes(|episodes| Box::new((*episodes).into()))
    }
}

impl<E> InstrumentState<E> {
    fn with_episodes(self, convert: impl FnOnce(E) -> Box<Episodes>) -> InstrumentState {
        let Self {
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
            episodes,
        } = self;
        InstrumentState {
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
            episodes: convert(episodes),
        }
    }
}
