//! The estimators that live on trades.

use opus2_types::{BookState, EventBody, MarketEvent, QualityFlags, TradeEvent};
use serde::{Deserialize, Serialize};

use crate::estimator::hawkes::{HawkesFlow, HawkesLook};
use crate::estimator::signed_volume::{FlowSum, SignedVolume};
use crate::estimator::trade_sign::OrderPrints;
use crate::{Absent, SignalConfig};

/// What one instrument's trades say.
///
/// Only lost trades interrupt it: an event flagged `trade_gap`, a trade flagged `snapshot` or `after_gap`, a connection that
/// ended or fell silent. A book out of step says nothing about trades.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct TradeFlow {
    pub(super) volume: SignedVolume,
    hawkes: HawkesFlow,
    prints: OrderPrints,
}

/// True when trades before the event, or from it on, are missing.
pub(super) fn loses_trades(event: &MarketEvent<'_>) -> bool {
    let of_trades = QualityFlags::SNAPSHOT.0 | QualityFlags::AFTER_GAP.0;
    match &event.body {
        EventBody::Status(status) => matches!(status.to, BookState::Empty | BookState::Stale),
        EventBody::Trade(_) if event.flags.0 & of_trades != 0 => true,
        _ => event.flags.contains(QualityFlags::TRADE_GAP),
    }
}

impl TradeFlow {
    /// Takes a trade, whose signs the venue's decoder has normalised.
    ///
    /// # Errors
    /// [`Absent::BadNumber`]: its price or quantity cannot be, and it was not used.
    pub(super) fn take(
        &mut self,
        now: i64,
        event: &MarketEvent<'_>,
        trade: &TradeEvent,
        config: &SignalConfig,
    ) -> Result<(), Absent> {
        let TradeEvent { price, qty, aggressor, .. } = *trade;
        // Whether it can be is asked first, so that a trade that cannot be is no order's first print.
        let print = FlowSum::of(aggressor, price, qty, false).ok_or(Absent::BadNumber)?;
        let is_new_order = self.prints.is_new_order(aggressor, event.exch_ts.map_or(now, |at| at.0));
        let print = FlowSum::of(aggressor, price, qty, is_new_order).unwrap_or(print);
        self.volume.add(now, print);
        if is_new_order {
            self.hawkes.take(now, aggressor, &config.hawkes_rules());
        }
        Ok(())
    }

    /// Lets time pass until `now`.
    pub(super) fn advance(&mut self, now: i64, config: &SignalConfig) {
        self.volume.advance(now);
        self.hawkes.advance(now, &config.hawkes_rules());
    }

    /// Trades were lost.
    pub(super) fn reset_reference(&mut self) {
        self.volume.reset_reference();
        self.hawkes.reset_reference();
        self.prints = OrderPrints::default();
    }

    pub(super) fn look(&self, now: i64, config: &SignalConfig) -> HawkesLook {
        self.hawkes.look(now, &config.hawkes_rules())
    }

    pub(super) fn is_consistent(&self) -> bool {
        self.volume.is_consistent() && self.hawkes.is_consistent()
    }
}
