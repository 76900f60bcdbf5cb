//! Who took liquidity: from prices where the venue does not say, and whether to believe it where it does.

use opus2_types::{Aggressor, Price};
use serde::{Deserialize, Serialize};

use crate::exact::to_f64;

/// Trades that a verdict on a venue's flag needs.
const TRADES_MIN: u64 = 500;
/// Below this agreement the flag is the other side's.
const INVERTED_BELOW: f64 = 0.5;
/// From this agreement on the flag is believed.
const RELIABLE_FROM: f64 = 0.9;

/// Signs trades by the quote that stood before them, and by the price before where that says nothing.
///
/// Above the mid it was a buy, below it a sell; at the mid, or without a quote, the sign of the last price change that was
/// not zero. No delay is applied: the quote must be the one strictly before the trade on the venue's own clock.
///
/// # Source
/// Lee & Ready (1991), "Inferring trade direction from intraday data"; methods reference 2.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeeReady {
    price: Option<Price>,
    tick: Option<Aggressor>,
}

impl LeeReady {
    /// The sign of the next trade; `quote` is the best bid and ask strictly before it. `None` before any price change, of
    /// a trade that needs one.
    pub fn sign(&mut self, price: Price, quote: Option<(Price, Price)>) -> Option<Aggressor> {
        if let Some(previous) = self.price.replace(price) {
            self.tick = side_of(price.0.into(), previous.0.into()).or(self.tick);
        }
        quote.and_then(|quote| side_of_mid(price, quote)).or(self.tick)
    }

    /// Trades were lost: the next one has no price before it.
    pub fn reset_reference(&mut self) {
        *self = Self::default();
    }
}

/// The side of a trade away from the mid of `(bid, ask)`; `None` for one at the mid.
fn side_of_mid(price: Price, (bid, ask): (Price, Price)) -> Option<Aggressor> {
    side_of(2 * i128::from(price.0), i128::from(bid.0) + i128::from(ask.0))
}

fn side_of(price: i128, reference: i128) -> Option<Aggressor> {
    match price.cmp(&reference) {
        std::cmp::Ordering::Greater => Some(Aggressor::Buy),
        std::cmp::Ordering::Less => Some(Aggressor::Sell),
        std::cmp::Ordering::Equal => None,
    }
}

/// What to think of a venue's flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagVerdict {
    /// It agrees with prices.
    Reliable,
    /// It agrees with prices too seldom to rely upon.
    Unreliable,
    /// It disagrees more often than not: it is the maker's side.
    Inverted,
}

/// How often a venue's flag agrees with the quotes, over trades away from the mid.
///
/// Let it decide at start-up and every hour, then [`reset`](Self::reset) it.
///
/// # Source
/// Methods reference 2.6 (defined by the project).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlagAgreement {
    trades: u64,
    agreed: u64,
}

impl FlagAgreement {
    /// Takes a trade with the venue's flag and the best bid and ask strictly before it. One at the mid says nothing.
    pub fn observe(&mut self, flag: Aggressor, price: Price, quote: (Price, Price)) {
        if let Some(side) = side_of_mid(price, quote) {
            self.trades = self.trades.saturating_add(1);
            self.agreed = self.agreed.saturating_add(u64::from(side == flag));
        }
    }

    /// The share of trades that agreed; `None` before 500.
    #[must_use]
    pub fn agreement(&self) -> Option<f64> {
        self.is_warm().then(|| to_f64(self.agreed.into()) / to_f64(self.trades.into()))
    }

    /// What to think of the flag; `None` before 500 trades.
    #[must_use]
    pub fn verdict(&self) -> Option<FlagVerdict> {
        Some(match self.agreement()? {
            agreement if agreement < INVERTED_BELOW => FlagVerdict::Inverted,
            agreement if agreement < RELIABLE_FROM => FlagVerdict::Unreliable,
            _ => FlagVerdict::Reliable,
        })
    }

    /// Begins again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// How many trades it has taken.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        to_f64(self.trades.into())
    }

    /// True when there is a verdict.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.trades >= TRADES_MIN
    }
}

/// Which prints belong to one order: those of one side with the same time at the venue.
///
/// A sweep prints once for every order that it meets; counted one by one it would look like a burst.
///
/// # Source
/// Methods reference 2.6: aggregation by `(exch_ts, side)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrderPrints {
    buy: Option<i64>,
    sell: Option<i64>,
}

impl OrderPrints {
    /// True for the first print of an order. `at` is the venue's time of the print, the receive time where there is none.
    pub fn is_new_order(&mut self, side: Aggressor, at: i64) -> bool {
        let last = match side {
            Aggressor::Buy => &mut self.buy,
            Aggressor::Sell => &mut self.sell,
        };
        last.replace(at) != Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trades of price, bid, ask; a bid of zero is no quote.
    #[track_caller]
    fn check(trades: &[[i64; 3]], expect: &[i64]) {
        let mut signs = LeeReady::default();
        let found: Vec<i64> = trades
            .iter()
            .map(|[price, bid, ask]| {
                let quote = (*bid > 0).then_some((Price(*bid), Price(*ask)));
                signs.sign(Price(*price), quote).map_or(0, Aggressor::sign)
            })
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_trade_at_the_mid_has_the_sign_of_the_last_price_change() {
        check(&[[101, 100, 102], [102, 100, 102], [101, 100, 102], [101, 100, 102]], &[0, 1, -1, -1]);
        check(&[[101, 0, 0], [101, 0, 0], [103, 0, 0], [103, 0, 0], [99, 0, 0]], &[0, 0, 1, 1, -1]);
        check(&[[i64::MAX, i64::MAX, i64::MAX], [i64::MIN, 1, i64::MAX]], &[0, -1]);
    }

    #[test]
    fn a_flag_is_judged_by_trades_away_from_the_mid() {
        let verdict = |right: u32, wrong: u32, at_mid: u32| {
            let mut flag = FlagAgreement::default();
            let mut observe = |times: u32, price| {
                (0..times).for_each(|_| flag.observe(Aggressor::Buy, Price(price), (Price(100), Price(102))));
            };
            observe(right, 102);
            observe(wrong, 100);
            observe(at_mid, 101);
            flag.verdict()
        };
        assert_eq!(verdict(499, 0, 1_000), None);
        assert_eq!(verdict(450, 50, 0), Some(FlagVerdict::Reliable));
        assert_eq!(verdict(449, 51, 0), Some(FlagVerdict::Unreliable));
        assert_eq!(verdict(250, 250, 0), Some(FlagVerdict::Unreliable));
        assert_eq!(verdict(249, 251, 0), Some(FlagVerdict::Inverted));
    }

    #[test]
    fn the_prints_of_a_sweep_are_one_order() {
        let mut prints = OrderPrints::default();
        let orders = [(Aggressor::Buy, 5), (Aggressor::Buy, 5), (Aggressor::Sell, 5), (Aggressor::Buy, 6)];
        assert_eq!(orders.map(|(side, at)| prints.is_new_order(side, at)), [true, false, true, true]);
    }
}
