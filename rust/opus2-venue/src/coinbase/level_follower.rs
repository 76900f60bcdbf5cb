//! Following one instrument by `level2` or `level2_batch`, `matches` and `heartbeat` of Coinbase Exchange.

use opus2_types::{Channel, QualityFlags, SeqRange, UnixNanos};
use serde::{Deserialize, Serialize};

use super::crossing::Crossing;
use super::message::{self, Heartbeat, Kind};
use super::{Frame, classify};
use crate::Reject;
use crate::feed::core::Core;
use crate::feed::{Applied, What};

/// Coinbase's half of a [`Feed`](crate::Feed) of price levels.
///
/// # Procedure
/// From the venue's "Level2 channel" (read November 2026). Code elsewhere refers to these steps by number.
///
/// 1. A `snapshot` replaces the book. Updates before it mean nothing.
/// 2. An `l2update`'s changes are applied in their order. They have no number and no checksum: the venue promises to
///    deliver them all, and doubt is resolved by subscribing to the instrument anew.
/// 3. Trades are numbered, and each `heartbeat` names the newest: one that has not come by the next heartbeat is missing.
///    The venue may leave out matches without leaving out changes, so that this costs a flag and not the book.
/// 4. A crossed book is judged by [`Crossing`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct LevelFollower {
    exch_ts: Option<UnixNanos>,
    crossing: Crossing,
    heartbeat: Option<Heartbeat>,
}

impl LevelFollower {
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
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
            Channel::Snapshot => self.apply_snapshot(core, bytes, applied),
            Channel::Trade => apply_match(core, bytes, applied),
            Channel::Other => match classify(bytes)? {
                Frame::Instrument { kind: Kind::Heartbeat, .. } => {
                    apply_heartbeat(&mut self.heartbeat, core, bytes, applied).map(|_| What::Other)
                }
                _ => Ok(What::Other),
            },
            _ => Ok(What::Other),
        }
    }

    fn apply_update(&mut self, core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        if core.is_waiting() {
            core.counts.dropped_before_snapshot += 1;
            return Ok(What::Covered);
        }
        let (exch_ts, _) = message::read_levels(bytes, &core.spec, &mut core.levels)?;
        // The venue has sent good changes with the year 1: then the time of those before is the best there is.
        self.exch_ts = exch_ts.or(self.exch_ts);
        applied.exch_ts = self.exch_ts;
        core.apply_levels();
        Ok(self.crossing.settle(core, applied, false))
    }

    fn apply_snapshot(
        &mut self,
        core: &mut Core,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        // A snapshot that is of no use leaves nobody knowing what the book is.
        let read = message::read_levels(bytes, &core.spec, &mut core.levels);
        let (exch_ts, left_out) = read.inspect_err(|_| core.is_lost = !core.is_waiting())?;
        self.exch_ts = exch_ts;
        applied.exch_ts = exch_ts;
        core.counts.levels_left_out += left_out;
        core.replace_book();
        Ok(self.crossing.settle(core, applied, true))
    }
}

/// A `match`, or the `last_match` that comes first after subscribing: a trade of the past, of which we want to know no
/// more than its number when it is the first we hear of.
pub(super) fn apply_match(core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
    let (trade, exch_ts) = message::read_match(bytes, &core.spec)?;
    applied.exch_ts = exch_ts;
    applied.seq = SeqRange { first: trade.trade_id, last: trade.trade_id };
    let is_of_the_past =
        matches!(classify(bytes)?, Frame::Instrument { kind: Kind::LastMatch, .. }) && !core.knows_trades();
    if is_of_the_past {
        core.begin_trades_after(trade.trade_id);
        return Ok(What::Covered);
    }
    core.take_trade(trade, exch_ts);
    Ok(core.settle_trades(applied))
}

/// Step 3, by the heartbeat before this one, if it is one. Gives the heartbeat before.
pub(super) fn apply_heartbeat(
    last: &mut Option<Heartbeat>,
    core: &mut Core,
    bytes: &[u8],
    applied: &mut Applied,
) -> Result<Option<Heartbeat>, Reject> {
    let Some((heartbeat, exch_ts)) = message::read_heartbeat(bytes, &core.spec)? else { return Ok(None) };
    applied.exch_ts = exch_ts;
    let before = last.replace(heartbeat);
    if let Some(before) = before
        && core.miss_trades_until(before.last_trade_id) > 0
    {
        applied.flags = applied.flags.with(QualityFlags::TRADE_GAP);
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use opus2_types::{FeedKind, InstrumentSpec, SpecOrigin, Venue};

    use crate::Feed;

    use super::*;

    fn spec() -> InstrumentSpec {
        InstrumentSpec {
            venue: Venue::Coinbase,
            symbol: "A-USD".into(),
            base: "A".into(),
            quote: "USD".into(),
            price_scale: 0,
            qty_scale: 0,
            tick: 1,
            lot: 1,
            origin: SpecOrigin::Venue,
            feed: FeedKind::CoinbaseLevel2,
        }
    }

    /// `t7` is trade 7, `l7` the `last_match` of subscribing, `h7` a heartbeat whose newest trade is 7, `|` saves and
    /// loads. The trades given, `!` behind those that say that trades before them are missing, and how many were counted.
    #[track_caller]
    fn check(script: &str, expect: &str, missing: u64) {
        let mut feed = Feed::new(spec());
        feed.connected();
        let mut found = Vec::new();
        for word in script.split_whitespace() {
            let rest = r#""product_id":"A-USD","time":"2026-11-22T14:00:00Z"}"#;
            let (kind, number) = word.split_at(1);
            let (channel, message) = match kind {
                "h" => (
                    Channel::Other,
                    format!(r#"{{"type":"heartbeat","sequence":1,"last_trade_id":{number},{rest}"#),
                ),
                "|" => {
                    feed = Feed::from_state(feed.to_state()).unwrap();
                    continue;
                }
                _ => {
                    let kind = if kind == "l" { "last_match" } else { "match" };
                    let trade =
                        format!(r#""trade_id":{number},"size":"1","price":"9","side":"buy","sequence":1"#);
                    (Channel::Trade, format!(r#"{{"type":"{kind}",{trade},{rest}"#))
                }
            };
            feed.apply(channel, message.as_bytes(), UnixNanos(1));
            found.extend(feed.trades().iter().map(|trade| {
                let mark = if trade.flags.contains(QualityFlags::TRADE_GAP) { "!" } else { "" };
                format!("{}{mark}", trade.event.trade_id)
            }));
        }
        assert_eq!(found.join(" "), expect, "{script}");
        assert_eq!(feed.counts().trade_gaps, missing, "{script}");
    }

    #[test]
    fn the_trade_after_missing_ones_says_so() {
        check("l1 t2 t3", "2 3", 0);
        check("l1 t2 t4 t5", "2 4! 5", 1);
    }

    #[test]
    fn trades_that_a_heartbeat_finds_missing_are_told_by_the_next_trade() {
        check("l1 t2 h4 h4 t5 t6", "2 5! 6", 2);
        check("l1 t2 h4 h4 h4 | t5 t6", "2 5! 6", 2);
        // Those that come before the next heartbeat were only late.
        check("l1 t2 h4 t3 t4 h4 t5", "2 3 4 5", 0);
        // Missing by the heartbeat, and more by the trade's own number.
        check("l1 h2 h2 t4 t5", "4! 5", 2);
    }
}
