//! Following one instrument by `level2` and `market_trades` of Coinbase Advanced Trade.

use opus2_types::{Channel, SeqRange};
use serde::{Deserialize, Serialize};

use super::advanced::{AdvancedTrade, read_advanced_levels, read_advanced_trades};
use super::crossing::Crossing;
use crate::Reject;
use crate::feed::core::Core;
use crate::feed::{Applied, What};

/// Advanced Trade's half of a [`Feed`](crate::Feed).
///
/// # Procedure
/// From the venue's "WebSocket channels" (read November 2026). Code elsewhere refers to these steps by number.
///
/// 1. A `snapshot` event replaces the book. Updates before it mean nothing.
/// 2. An `update` event's levels are applied in their order. A message may have several events.
/// 3. Messages are numbered by connection, across channels and products. The number is the connection's affair: after a
///    hole its session publishes no more and connects anew, so that whatever is published is without one.
/// 4. The trades channel begins with a list of past trades. Of these only their numbers are of interest when they are the
///    first we hear of; after a reconnect those that we missed are taken.
/// 5. A crossed book is judged by [`Crossing`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct AdvancedFollower {
    crossing: Crossing,
    #[serde(skip)]
    trades: Vec<AdvancedTrade>,
}

impl AdvancedFollower {
    pub(crate) fn restart(&mut self) {
        self.crossing = Crossing::default();
    }

    pub(crate) fn apply(
        &mut self,
        core: &mut Core,
        channel: Channel,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        match channel {
            Channel::Depth | Channel::Snapshot => self.apply_levels(core, bytes, applied),
            Channel::Trade => self.apply_trades(core, bytes, applied),
            _ => Ok(What::Other),
        }
    }

    fn apply_levels(&mut self, core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        let read = read_advanced_levels(bytes, &core.spec, &mut core.levels)?;
        applied.exch_ts = read.exch_ts;
        applied.seq = SeqRange { first: read.sequence, last: read.sequence };
        if !read.is_ours {
            return Err(Reject::WrongSymbol);
        }
        if read.is_snapshot {
            core.counts.levels_left_out += read.left_out;
            core.replace_book();
        } else if core.is_waiting() {
            core.counts.dropped_before_snapshot += 1;
            return Ok(What::Covered);
        } else {
            core.apply_levels();
        }
        Ok(self.crossing.settle(core, applied, read.is_snapshot))
    }

    fn apply_trades(&mut self, core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        read_advanced_trades(bytes, &core.spec, &mut self.trades)?;
        let knew_trades = core.knows_trades();
        for trade in &self.trades {
            if trade.is_of_the_past && !knew_trades {
                core.begin_trades_after(trade.event.trade_id);
            } else {
                core.take_trade(trade.event, trade.exch_ts);
            }
        }
        Ok(core.settle_trades(applied))
    }
}
