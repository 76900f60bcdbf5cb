//! What an open position is worth after data was lost.

use opus2_types::{Aggressor, Price};

/// The price at which a position is marked at the first quote after a gap: the best at which it could be closed, and one
/// spread worse.
///
/// `held` is how the position was opened: bought ones are marked below the bid, sold ones above the ask. Never below zero;
/// saturates. A crossed quote adds no penalty and takes none away.
///
/// # Source
/// Methods reference 7.7.
#[must_use]
pub const fn mark_after_gap(held: Aggressor, bid: Price, ask: Price) -> Price {
    let spread = ask.0.saturating_sub(bid.0);
    let penalty = if spread < 0 { 0 } else { spread };
    let mark = match held {
        Aggressor::Buy => bid.0.saturating_sub(penalty),
        Aggressor::Sell => ask.0.saturating_add(penalty),
    };
    Price(if mark < 0 { 0 } else { mark })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(held: Aggressor, bid: i64, ask: i64, expect: i64) {
        assert_eq!(mark_after_gap(held, Price(bid), Price(ask)), Price(expect));
    }

    #[test]
    fn a_gap_costs_the_way_out_and_one_spread() {
        check(Aggressor::Buy, 100, 103, 97);
        check(Aggressor::Sell, 100, 103, 106);
        check(Aggressor::Buy, 103, 100, 103);
        check(Aggressor::Buy, 1, 9, 0);
        check(Aggressor::Sell, 0, i64::MAX, i64::MAX);
    }
}
