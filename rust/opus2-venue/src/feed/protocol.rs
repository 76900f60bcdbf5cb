//! The venue's half of a feed.

use opus2_book::Orders;
use opus2_types::{Channel, FeedKind};
use serde::{Deserialize, Serialize};

use super::core::Core;
use super::{Applied, What};
use crate::{Reject, binance, coinbase, kraken};

/// Which venue's rules a feed goes by, and where it is in them. One variant for each [`FeedKind`] that can be followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Protocol {
    Binance(binance::Follower),
    CoinbaseLevels(coinbase::LevelFollower),
    CoinbaseOrders(Box<coinbase::OrderFollower>),
    CoinbaseAdvanced(coinbase::AdvancedFollower),
    KrakenBook(kraken::BookFollower),
    KrakenOrders(Box<kraken::OrderFollower>),
    KrakenV1Book(kraken::V1BookFollower),
    /// A feed that this build cannot follow: every message is refused.
    None,
}

impl Protocol {
    pub(super) fn new(kind: FeedKind) -> Self {
        match kind {
            FeedKind::BinanceDepth => Self::Binance(binance::Follower::default()),
            FeedKind::CoinbaseLevel2 => Self::CoinbaseLevels(coinbase::LevelFollower::default()),
            FeedKind::CoinbaseFull => Self::CoinbaseOrders(Box::default()),
            FeedKind::CoinbaseAdvanced => Self::CoinbaseAdvanced(coinbase::AdvancedFollower::default()),
            FeedKind::KrakenBook { depth } => Self::KrakenBook(kraken::BookFollower::new(depth)),
            FeedKind::KrakenOrders { depth } => {
                Self::KrakenOrders(Box::new(kraken::OrderFollower::new(depth)))
            }
            FeedKind::KrakenV1Book { depth } => Self::KrakenV1Book(kraken::V1BookFollower::new(depth)),
            _ => Self::None,
        }
    }

    /// Takes one message while the feed is connected. An error on channel `depth` or `snapshot` costs the book.
    pub(super) fn apply(
        &mut self,
        core: &mut Core,
        channel: Channel,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        match self {
            Self::Binance(follower) => follower.apply(core, channel, bytes, applied),
            Self::CoinbaseLevels(follower) => follower.apply(core, channel, bytes, applied),
            Self::CoinbaseOrders(follower) => follower.apply(core, channel, bytes, applied),
            Self::CoinbaseAdvanced(follower) => follower.apply(core, channel, bytes, applied),
            Self::KrakenBook(follower) => follower.apply(core, channel, bytes, applied),
            Self::KrakenOrders(follower) => follower.apply(core, channel, bytes, applied),
            Self::KrakenV1Book(follower) => follower.apply(core, channel, bytes, applied),
            Self::None => Err(Reject::UnsupportedFeed),
        }
    }

    /// The book is lost or the connection is new: forgets everything that belonged to it.
    pub(super) fn restart(&mut self) {
        match self {
            Self::Binance(follower) => follower.restart(),
            Self::CoinbaseLevels(follower) => follower.restart(),
            Self::CoinbaseOrders(follower) => follower.restart(),
            Self::CoinbaseAdvanced(follower) => follower.restart(),
            Self::KrakenOrders(follower) => follower.restart(),
            // Nothing but the depth outlives a message, and the next snapshot begins the checksum anew.
            Self::KrakenBook(_) | Self::KrakenV1Book(_) | Self::None => {}
        }
    }

    /// How many orders rest; `None` for a feed without orders.
    pub(super) fn resting_orders(&self) -> Option<usize> {
        self.orders().map(Orders::len)
    }

    /// How many messages are kept until a snapshot comes.
    pub(super) fn pending_count(&self) -> usize {
        match self {
            Self::Binance(follower) => follower.pending_count(),
            Self::CoinbaseOrders(follower) => follower.pending_count(),
            _ => 0,
        }
    }

    /// Every order, of a feed that has them.
    pub(super) fn orders(&self) -> Option<&Orders> {
        match self {
            Self::CoinbaseOrders(follower) => Some(follower.orders()),
            Self::KrakenOrders(follower) => Some(follower.orders()),
            _ => None,
        }
    }

    /// Makes what is skipped when saving ready to be saved.
    pub(super) fn pack(&mut self, core: &Core) {
        match self {
            Self::CoinbaseOrders(follower) => follower.pack(core),
            Self::KrakenOrders(follower) => follower.pack(core),
            _ => {}
        }
    }

    /// The reverse of [`pack`](Self::pack), after loading; false for a state that no feed can have.
    pub(super) fn unpack(&mut self, core: &Core) -> bool {
        match (self, core.spec.feed) {
            (Self::Binance(follower), FeedKind::BinanceDepth) => follower.is_consistent(),
            (Self::CoinbaseOrders(follower), FeedKind::CoinbaseFull) => follower.unpack(core),
            (Self::KrakenOrders(follower), FeedKind::KrakenOrders { depth }) => {
                follower.depth() == depth && follower.unpack(core)
            }
            (Self::CoinbaseLevels(_), FeedKind::CoinbaseLevel2)
            | (Self::CoinbaseAdvanced(_), FeedKind::CoinbaseAdvanced)
            | (Self::None, _) => true,
            (Self::KrakenBook(follower), FeedKind::KrakenBook { depth }) => follower.depth() == depth,
            (Self::KrakenV1Book(follower), FeedKind::KrakenV1Book { depth }) => follower.depth() == depth,
            _ => false,
        }
    }
}
