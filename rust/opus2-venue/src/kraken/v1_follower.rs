//! Following one instrument by v1 `book-N`, `trade`, `spread` and `ticker`.

use opus2_types::Channel;
use serde::{Deserialize, Serialize};

use super::checksum::Checksum;
use super::follower::touch;
use super::v1;
use crate::Reject;
use crate::feed::core::{CROSSED_NANOS_MAX, Core};
use crate::feed::{Applied, What};

/// The v1 half of a [`Feed`](crate::Feed): the procedure of [`BookFollower`](super::BookFollower), but snapshots have no
/// checksum, and trades no numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct V1BookFollower {
    depth: u16,
    #[serde(skip)]
    checksum: Checksum,
}

impl V1BookFollower {
    pub(crate) fn new(depth: u16) -> Self {
        Self { depth, checksum: Checksum::default() }
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
            Channel::Depth if core.is_waiting() => {
                core.counts.dropped_before_snapshot += 1;
                Ok(What::Covered)
            }
            Channel::Depth => {
                self.read(core, bytes, applied)?;
                Ok(core.settle(applied, Some(CROSSED_NANOS_MAX)))
            }
            Channel::Snapshot => {
                self.checksum.reset();
                self.read(core, bytes, applied).inspect_err(|_| core.is_lost = true)?;
                Ok(core.settle_snapshot(applied, Some(CROSSED_NANOS_MAX)))
            }
            Channel::Trade => {
                v1::read_trades(bytes, &core.spec, &mut core.trades)?;
                core.counts.trades += core.trades.len() as u64;
                Ok(core.settle_trades(applied))
            }
            Channel::Quote => {
                let (quote, exch_ts) = v1::read_quote(bytes, &core.spec)?;
                applied.exch_ts = exch_ts;
                core.counts.quotes += 1;
                Ok(What::Quote(quote))
            }
            _ => Ok(What::Other),
        }
    }

    fn read(&mut self, core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<(), Reject> {
        let head = v1::read_book(bytes, &core.spec, &mut core.levels)?;
        applied.exch_ts = head.exch_ts;
        if head.is_snapshot {
            core.replace_book();
        } else {
            touch(&mut self.checksum, core);
            core.apply_levels();
        }
        core.cut_to(self.depth);
        match head.checksum {
            Some(venue) => core.take_checksum(self.checksum.of_levels(&core.book), venue),
            None => Ok(()),
        }
    }
}
