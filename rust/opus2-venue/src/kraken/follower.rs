//! Following one instrument by v2 `book`, `trade` and `ticker`.

use opus2_types::{Channel, Side, TradeEvent, UnixNanos};
use serde::{Deserialize, Serialize};

use super::book::{self, BookHead};
use super::checksum::Checksum;
use crate::Reject;
use crate::feed::core::{CROSSED_NANOS_MAX, Core};
use crate::feed::{Applied, What};

/// Kraken's half of a [`Feed`](crate::Feed).
///
/// # Procedure
/// From the venue's "How to maintain a valid book" (read 2026). Code elsewhere refers to these steps by number.
///
/// 1. A snapshot replaces the book.
/// 2. An update's entries are applied in their order; of one price the last wins, and removing what is absent is nothing.
/// 3. After each message each side is cut to the depth subscribed to: the venue sends no removal for a level that is
///    pushed out, and sends the level again if it comes back.
/// 4. The checksum of the book is compared with the message's, every time.
/// 5. After one that differs the book is lost, and updates mean nothing until the next snapshot: the connection's session
///    subscribes to this instrument anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BookFollower {
    depth: u16,
    #[serde(skip)]
    checksum: Checksum,
    #[serde(skip)]
    trades: Vec<(TradeEvent, UnixNanos)>,
}

impl BookFollower {
    pub(crate) fn new(depth: u16) -> Self {
        Self { depth, checksum: Checksum::default(), trades: Vec::new() }
    }

    pub(crate) const fn depth(&self) -> u16 {
        self.depth
    }

    pub(crate) fn apply(
        &mut self,
        core: &mut Core,
        channel: Channel,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        match channel {
            Channel::Depth => self.apply_update(core, bytes, applied),
            Channel::Snapshot => {
                self.checksum.reset();
                // A snapshot that is of no use leaves nobody knowing what the book is.
                self.apply_snapshot(core, bytes, applied).inspect_err(|_| core.is_lost = true)
            }
            Channel::Trade => self.apply_trades(core, bytes, applied),
            Channel::Quote => apply_ticker(core, bytes, applied),
            _ => Ok(What::Other),
        }
    }

    fn apply_update(&mut self, core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        if core.is_waiting() {
            core.counts.dropped_before_snapshot += 1;
            return Ok(What::Covered);
        }
        let head = book::read_book(bytes, &core.spec, &mut core.levels)?;
        applied.exch_ts = head.exch_ts;
        touch(&mut self.checksum, core);
        core.apply_levels();
        core.cut_to(self.depth);
        self.compare(core, head)?;
        Ok(core.settle(applied, Some(CROSSED_NANOS_MAX)))
    }

    fn apply_snapshot(
        &mut self,
        core: &mut Core,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        let head = book::read_book(bytes, &core.spec, &mut core.levels)?;
        applied.exch_ts = head.exch_ts;
        core.replace_book();
        core.cut_to(self.depth);
        self.compare(core, head)?;
        Ok(core.settle_snapshot(applied, Some(CROSSED_NANOS_MAX)))
    }

    /// Step 4.
    fn compare(&mut self, core: &mut Core, head: BookHead) -> Result<(), Reject> {
        let ours = self.checksum.of_levels(&core.book);
        core.take_checksum(ours, head.checksum)
    }

    fn apply_trades(&mut self, core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        self.trades.clear();
        book::read_trades(bytes, &core.spec, |trade, exch_ts| self.trades.push((trade, exch_ts)))?;
        for (trade, exch_ts) in &self.trades {
            core.take_trade(*trade, Some(*exch_ts));
        }
        Ok(core.settle_trades(applied))
    }
}

/// Tells the checksum where the message changes the book.
pub(super) fn touch(checksum: &mut Checksum, core: &Core) {
    for (side, levels) in [(Side::Bid, &core.levels.bids), (Side::Ask, &core.levels.asks)] {
        for level in levels {
            checksum.touch(side, level.price);
        }
    }
}

fn apply_ticker(core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
    let Some((quote, exch_ts)) = book::read_ticker(bytes, &core.spec)? else { return Ok(What::Other) };
    applied.exch_ts = exch_ts;
    core.counts.quotes += 1;
    Ok(What::Quote(quote))
}
