//! Following one instrument order by order: `full` or `level3` of Coinbase Exchange over a REST book of every order.

use std::collections::VecDeque;

use opus2_book::{InsertRefused, Orders, SavedOrders};
use opus2_types::{BookState, Channel, Level, MakerFill, Order, SeqRange, Side, TradeEvent};
use serde::{Deserialize, Serialize};

use super::crossing::Crossing;
use super::level_follower::{apply_heartbeat, apply_match};
use super::message::{Heartbeat, Kind};
use super::order::{OrderEvent, OrderMessage, Schema, read_full, read_order_snapshot};
use super::{Frame, classify};
use crate::Reject;
use crate::feed::core::Core;
use crate::feed::{Applied, What};

/// How many messages are kept while a snapshot is awaited: half a minute of BTC-USD on a busy day.
pub const PENDING_ORDERS_MAX: usize = 1 << 16;

/// Coinbase's half of a [`Feed`](crate::Feed) of orders.
///
/// # Procedure
/// From the venue's "Full channel" (read November 2026). Code elsewhere refers to these steps by number.
///
/// 1. Every message has a number, one more than that of the message before. Until there is a book, messages are kept.
/// 2. A snapshot is the REST book of every order; array order within a price is queue order. It joins when the first
///    message kept is not later than the one after it; otherwise it is too old and another is fetched.
/// 3. Of the messages kept, those that the snapshot includes are dropped, the others applied.
/// 4. A message whose number is not above the last is ignored. One whose number is more than one above shows a hole: the
///    book is lost, and keeping begins anew with this message.
/// 5. `open` and `match` always change the book: an `open` of an order that is there, or a `match` of one that is not,
///    shows that our book is not the venue's. `done` and `change` may be about orders that never rested.
/// 6. A heartbeat names the newest number: a message that has not come by the next heartbeat is lost.
///
/// 7. A crossed book is judged by [`Crossing`]: numbers without a hole do not prove that what they carried was right.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct OrderFollower {
    #[serde(skip)]
    orders: Orders,
    /// The orders while the feed is saved; empty otherwise.
    saved: SavedOrders,
    /// The number of the last message that the book includes.
    sequence: u64,
    pending: VecDeque<OrderMessage>,
    schema: Option<Schema>,
    heartbeat: Option<Heartbeat>,
    crossing: Crossing,
}

/// Of followers that are saved: their orders are in `saved`.
impl PartialEq for OrderFollower {
    fn eq(&self, other: &Self) -> bool {
        self.saved == other.saved
            && self.sequence == other.sequence
            && self.pending == other.pending
            && self.schema == other.schema
            && self.heartbeat == other.heartbeat
            && self.crossing == other.crossing
    }
}

impl Eq for OrderFollower {}

impl OrderFollower {
    /// The connection's schema stays.
    pub(crate) fn restart(&mut self) {
        self.orders.clear();
        self.pending.clear();
        self.heartbeat = None;
        self.crossing = Crossing::default();
        self.sequence = 0;
    }

    pub(crate) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    pub(crate) const fn orders(&self) -> &Orders {
        &self.orders
    }

    pub(crate) fn pack(&mut self, core: &Core) {
        self.saved = self.orders.save(&core.book);
        self.orders = Orders::new();
    }

    /// The reverse of [`pack`](Self::pack); false for a state that no feed can have.
    pub(crate) fn unpack(&mut self, core: &Core) -> bool {
        let saved = std::mem::take(&mut self.saved);
        let (mut levels_count, mut are_equal) = (0, true);
        let restored = Orders::restore(&saved, |side, level| {
            levels_count += 1;
            are_equal &= core.book.qty_at(side, level.price) == level.qty;
        });
        let Some(orders) = restored else { return false };
        self.orders = orders;
        let book_levels = core.book.side(Side::Bid).len() + core.book.side(Side::Ask).len();
        let is_numbered = self.pending.iter().zip(self.pending.iter().skip(1));
        are_equal
            && levels_count == book_levels
            && self.pending.len() <= PENDING_ORDERS_MAX
            && is_numbered.into_iter().all(|(one, next)| one.sequence.checked_add(1) == Some(next.sequence))
    }

    pub(crate) fn apply(
        &mut self,
        core: &mut Core,
        channel: Channel,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        match channel {
            Channel::Depth => self.apply_message(core, bytes, applied),
            Channel::Snapshot => self.apply_snapshot(core, bytes, applied),
            Channel::Trade => apply_match(core, bytes, applied),
            Channel::Other => match classify(bytes)? {
                Frame::Instrument { kind: Kind::Heartbeat, .. } => self.apply_heartbeat(core, bytes, applied),
                Frame::Schema => {
                    self.schema = Some(Schema::read(bytes)?);
                    Ok(What::Other)
                }
                _ => Ok(What::Other),
            },
            _ => Ok(What::Other),
        }
    }

    fn apply_message(
        &mut self,
        core: &mut Core,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        core.levels.clear();
        let (message, trade) = if bytes.trim_ascii_start().first() == Some(&b'[') {
            let schema = self.schema.ok_or(Reject::MissingField { field: "schema" })?;
            (schema.read_array(bytes, &core.spec)?, None)
        } else {
            let Some(read) = read_full(bytes, &core.spec)? else { return Ok(What::Other) };
            read
        };
        applied.exch_ts = message.exch_ts;
        applied.seq = SeqRange { first: message.sequence, last: message.sequence };
        if let Some(trade) = trade {
            let maker = self.maker(core, &message);
            core.take_trade(TradeEvent { maker, ..trade }, message.exch_ts);
        }
        if core.is_waiting() {
            return Ok(self.keep(core, message));
        }
        match message.sequence.checked_sub(self.sequence) {
            None | Some(0) => {
                core.counts.dropped_before_snapshot += 1;
                Ok(What::Covered)
            }
            Some(1) => {
                self.sequence = message.sequence;
                core.counts.applied += 1;
                if self.apply_event(core, message.event)? {
                    Ok(self.crossing.settle_orders(core, applied))
                } else {
                    Ok(What::Other)
                }
            }
            Some(_) => {
                core.counts.stream_gaps += 1;
                core.lose_book();
                self.restart();
                Ok(self.keep(core, message))
            }
        }
    }

    /// What the order that a match fills shows before it; `None` unless the book is live and this is its next message. A
    /// match of more than that shows that the book is wrong (step 5), and not what the order held.
    fn maker(&self, core: &Core, message: &OrderMessage) -> Option<MakerFill> {
        let OrderEvent::Match(id, qty) = message.event else { return None };
        let is_next = self.sequence.checked_add(1) == Some(message.sequence);
        if core.state != BookState::Live || !is_next {
            return None;
        }
        let (_, order) = self.orders.order(id)?;
        (order.qty >= qty).then_some(MakerFill { order: id, shown: order.qty })
    }

    /// Step 1.
    fn keep(&mut self, core: &mut Core, message: OrderMessage) -> What {
        match self.pending.back().and_then(|last| message.sequence.checked_sub(last.sequence)) {
            Some(1) => {}
            None if self.pending.is_empty() => {}
            None | Some(0) => {
                core.counts.dropped_before_snapshot += 1;
                return What::Covered;
            }
            Some(_) => {
                core.counts.stream_gaps += 1;
                self.pending.clear();
            }
        }
        self.pending.push_back(message);
        if self.pending.len() > PENDING_ORDERS_MAX {
            self.pending.pop_front();
            core.counts.pending_dropped += 1;
        }
        What::Kept
    }

    /// Step 5. Says whether the book has changed.
    #[inline]
    fn apply_event(&mut self, core: &mut Core, event: OrderEvent) -> Result<bool, Reject> {
        let change = match event {
            OrderEvent::Open(side, order) => {
                let level = self.orders.insert(side, order).map_err(refused)?;
                touch(core, side, level);
                return Ok(true);
            }
            OrderEvent::Match(id, qty) => {
                let change = self.orders.reduce(id, qty).ok_or(Reject::UnknownOrder)?;
                if change.before.qty < qty {
                    return Err(Reject::BadQuantity);
                }
                Some(change)
            }
            OrderEvent::Change(id, price, qty) => match price {
                Some(price) => self.orders.modify(id, price, qty),
                None => self.orders.order(id).and_then(|(_, order)| self.orders.modify(id, order.price, qty)),
            },
            OrderEvent::Done(id) => {
                let change = self.orders.remove(id);
                core.counts.absent_removed += u64::from(change.is_none());
                change
            }
            OrderEvent::Nothing => None,
        };
        let Some(change) = change else { return Ok(false) };
        if let Some(left) = change.left {
            touch(core, change.side, left);
        }
        touch(core, change.side, change.level);
        Ok(true)
    }

    /// Steps 2 and 3.
    fn apply_snapshot(
        &mut self,
        core: &mut Core,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        let head = read_order_snapshot(bytes, &core.spec, &mut bids, &mut asks)?;
        applied.seq = SeqRange { first: head.sequence, last: head.sequence };
        applied.exch_ts = head.exch_ts;
        if !core.is_waiting() {
            return Ok(What::Covered);
        }
        if self.pending.front().is_some_and(|first| first.sequence > head.sequence.saturating_add(1)) {
            return Err(Reject::SnapshotTooOld);
        }
        self.orders.clear();
        core.levels.clear();
        for (side, orders) in [(Side::Bid, &bids), (Side::Ask, &asks)] {
            self.load(core, side, orders)?;
        }
        core.replace_book();
        core.levels.clear();
        self.sequence = head.sequence;
        let replayed = self.replay(core, applied);
        core.levels.clear();
        // What was kept does not fit: the next snapshot must come with messages kept from now on.
        replayed.inspect_err(|_| core.is_lost = true)?;
        Ok(self.crossing.settle(core, applied, true))
    }

    /// Puts a side's orders where they belong, and the sum at each price into the message's levels.
    fn load(&mut self, core: &mut Core, side: Side, orders: &[Order]) -> Result<(), Reject> {
        let levels = core.levels.side_mut(side);
        for order in orders {
            let level = self.orders.insert(side, *order).map_err(refused)?;
            match levels.last_mut().filter(|last| last.price == level.price) {
                Some(last) => *last = level,
                None => levels.push(level),
            }
        }
        Ok(())
    }

    fn replay(&mut self, core: &mut Core, applied: &mut Applied) -> Result<(), Reject> {
        for message in std::mem::take(&mut self.pending) {
            if message.sequence <= self.sequence {
                core.counts.dropped_before_snapshot += 1;
                continue;
            }
            self.sequence = message.sequence;
            applied.seq.last = message.sequence;
            applied.exch_ts = message.exch_ts.or(applied.exch_ts);
            core.counts.applied += 1;
            self.apply_event(core, message.event)?;
        }
        Ok(())
    }

    /// Step 6.
    fn apply_heartbeat(
        &mut self,
        core: &mut Core,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        let before = apply_heartbeat(&mut self.heartbeat, core, bytes, applied)?;
        let is_behind = before.is_some_and(|before| before.sequence > self.sequence);
        if is_behind && matches!(core.state, BookState::Live | BookState::Crossed) {
            core.counts.stream_gaps += 1;
            core.is_lost = true;
        }
        Ok(What::Other)
    }
}

fn touch(core: &mut Core, side: Side, level: Level) {
    core.levels.side_mut(side).push(level);
    core.apply_level(side, level);
}

const fn refused(refused: InsertRefused) -> Reject {
    match refused {
        InsertRefused::Duplicate => Reject::DuplicateOrder,
        InsertRefused::NoQuantity => Reject::BadQuantity,
        _ => Reject::TooManyOrders,
    }
}
