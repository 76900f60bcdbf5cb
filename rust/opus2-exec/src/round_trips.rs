//! From fills to trades: one flat-to-flat cycle each, lots closed first in first out.

use std::collections::VecDeque;

use opus2_types::{Aggressor, Price, Qty, UnixNanos};
use rust_decimal::Decimal;

use crate::money::cash;

/// How many open lots one position may consist of.
pub const LOTS_MAX: usize = 1 << 20;

/// One fill of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// When it happened.
    pub at: UnixNanos,
    /// Bought or sold.
    pub side: Aggressor,
    /// How much; positive.
    pub qty: Qty,
    /// At what price.
    pub price: Price,
    /// The fee in quote currency; negative for a rebate.
    pub fee: Decimal,
}

/// Why a fill cannot be booked. The ledger is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A quantity that is not positive.
    #[error("a fill of a quantity that is not positive")]
    NoQuantity,
    /// A fill older than the one before it.
    #[error("a fill older than the one before it; book fills in the order of their times")]
    OutOfOrder,
    /// Sums beyond what the ledger can hold.
    #[error("amounts beyond what the ledger can hold")]
    TooLarge,
    /// A position of more than [`LOTS_MAX`] lots.
    #[error("a position of more than {LOTS_MAX} lots")]
    TooManyLots,
}

/// One trade: from flat to flat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundTrip {
    /// How it was opened: bought is long.
    pub side: Aggressor,
    /// When the first lot was opened.
    pub opened_at: UnixNanos,
    /// When the last lot was closed.
    pub closed_at: UnixNanos,
    /// How much was opened and closed.
    pub qty: Qty,
    /// Before fees, quote currency.
    pub gross_pnl: Decimal,
    /// Quote currency; negative when rebates were more.
    pub fees: Decimal,
    /// `gross_pnl - fees`.
    pub net_pnl: Decimal,
    /// How long a unit was held on average, seconds.
    pub duration_secs: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lot {
    at: UnixNanos,
    qty: i64,
    price: Price,
}

/// The cycle that is open. Its lots all have its side.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cycle {
    side: Aggressor,
    opened_at: UnixNanos,
    lots: VecDeque<Lot>,
    /// What of it has been closed.
    closed: i64,
    pnl_units: i128,
    /// Sum of quantity times nanoseconds held.
    held_units: i128,
    fees: Decimal,
}

/// One instrument's open lots, and the trades they become.
///
/// A fill that goes through zero is two: its first part closes the trade, the rest opens the next, and the fee is split by
/// quantity to the last digit.
///
/// # Source
/// Methods reference 8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FifoLedger {
    price_scale: u8,
    qty_scale: u8,
    cycle: Option<Cycle>,
    last_at: UnixNanos,
}

impl FifoLedger {
    /// Flat, for an instrument of these scales.
    #[must_use]
    pub const fn new(price_scale: u8, qty_scale: u8) -> Self {
        Self { price_scale, qty_scale, cycle: None, last_at: UnixNanos::MIN }
    }

    /// The open position in units, signed; zero when flat.
    #[must_use]
    pub fn position_units(&self) -> i128 {
        let open = |cycle: &Cycle| cycle.lots.iter().map(|lot| i128::from(lot.qty)).sum::<i128>();
        self.cycle.as_ref().map_or(0, |cycle| i128::from(cycle.side.sign()) * open(cycle))
    }

    /// Books a fill; gives the trade that it closed.
    ///
    /// # Errors
    /// [`LedgerError`]: no quantity, out of order, or beyond the ledger's limits. Nothing has changed then.
    pub fn book(&mut self, fill: &Fill) -> Result<Option<RoundTrip>, LedgerError> {
        if fill.qty.0 <= 0 {
            return Err(LedgerError::NoQuantity);
        }
        if fill.at < self.last_at {
            return Err(LedgerError::OutOfOrder);
        }
        let closed = match self.cycle.take() {
            Some(cycle) if cycle.side != fill.side => {
                let before = cycle.clone();
                self.reduce(cycle, fill).inspect_err(|_| self.cycle = Some(before))?
            }
            Some(mut cycle) => {
                let added = cycle.add(fill);
                self.cycle = Some(cycle);
                added?;
                None
            }
            None => {
                self.cycle = Some(Cycle::open(fill));
                None
            }
        };
        self.last_at = fill.at;
        Ok(closed)
    }

    /// Closes lots of the other side; what is left of the fill opens a cycle of its own.
    fn reduce(&mut self, mut cycle: Cycle, fill: &Fill) -> Result<Option<RoundTrip>, LedgerError> {
        let left = cycle.close(fill)?;
        let rest_fee = share(fill.fee, left, fill.qty.0).ok_or(LedgerError::TooLarge)?;
        let own_fee = fill.fee.checked_sub(rest_fee).ok_or(LedgerError::TooLarge)?;
        cycle.fees = cycle.fees.checked_add(own_fee).ok_or(LedgerError::TooLarge)?;
        if !cycle.lots.is_empty() {
            self.cycle = Some(cycle);
            return Ok(None);
        }
        let scale = u32::from(self.price_scale) + u32::from(self.qty_scale);
        let trip = cycle.finish(fill.at, scale).ok_or(LedgerError::TooLarge)?;
        if left > 0 {
            self.cycle = Some(Cycle::open(&Fill { qty: Qty(left), fee: rest_fee, ..*fill }));
        }
        Ok(Some(trip))
    }
}

/// `whole * part / of`, exact to the digits that cash has.
fn share(whole: Decimal, part: i64, of: i64) -> Option<Decimal> {
    if part == 0 {
        return Some(Decimal::ZERO);
    }
    // The quotient first: it is at most one, and cannot overflow.
    Decimal::from(part).checked_div(Decimal::from(of))?.checked_mul(whole)
}

impl Cycle {
    fn open(fill: &Fill) -> Self {
        let lot = Lot { at: fill.at, qty: fill.qty.0, price: fill.price };
        Self {
            side: fill.side,
            opened_at: fill.at,
            lots: VecDeque::from([lot]),
            closed: 0,
            pnl_units: 0,
            held_units: 0,
            fees: fill.fee,
        }
    }

    fn add(&mut self, fill: &Fill) -> Result<(), LedgerError> {
        if self.lots.len() >= LOTS_MAX {
            return Err(LedgerError::TooManyLots);
        }
        self.fees = self.fees.checked_add(fill.fee).ok_or(LedgerError::TooLarge)?;
        self.lots.push_back(Lot { at: fill.at, qty: fill.qty.0, price: fill.price });
        Ok(())
    }

    /// Closes lots with as much of `fill` as there are; gives what is left of it.
    fn close(&mut self, fill: &Fill) -> Result<i64, LedgerError> {
        let mut left = fill.qty.0;
        while let Some(lot) = self.lots.front_mut().filter(|_| left > 0) {
            let qty = lot.qty.min(left);
            let gain = (i128::from(fill.price.0) - i128::from(lot.price.0)) * i128::from(self.side.sign());
            let held_ns = i128::from(fill.at.0) - i128::from(lot.at.0);
            let add = |sum: i128, factor: i128| sum.checked_add(factor.checked_mul(i128::from(qty))?);
            self.pnl_units = add(self.pnl_units, gain).ok_or(LedgerError::TooLarge)?;
            self.held_units = add(self.held_units, held_ns).ok_or(LedgerError::TooLarge)?;
            self.closed = self.closed.checked_add(qty).ok_or(LedgerError::TooLarge)?;
            left -= qty;
            lot.qty -= qty;
            if lot.qty == 0 {
                self.lots.pop_front();
            }
        }
        Ok(left)
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean duration is an estimate's final division")]
    fn finish(&self, closed_at: UnixNanos, cash_scale: u32) -> Option<RoundTrip> {
        let gross_pnl = cash(self.pnl_units, cash_scale)?;
        Some(RoundTrip {
            side: self.side,
            opened_at: self.opened_at,
            closed_at,
            qty: Qty(self.closed),
            gross_pnl,
            fees: self.fees,
            net_pnl: gross_pnl.checked_sub(self.fees)?,
            duration_secs: self.held_units as f64 / self.closed as f64 / 1e9,
        })
    }
}

/// What trades say together. A share or mean of nothing is `None`, and so is a profit factor without losses.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TripSummary {
    /// How many trades.
    pub trades: usize,
    /// How many of them with a net gain.
    pub wins: usize,
    /// `wins / trades`.
    pub win_rate: Option<f64>,
    /// Sum of net gains over sum of net losses.
    pub profit_factor: Option<f64>,
    /// Mean net gain of the trades that won, quote currency.
    pub mean_win: Option<f64>,
    /// Mean net loss of the trades that lost, quote currency, positive.
    pub mean_loss: Option<f64>,
    /// Plain mean over trades, seconds.
    pub mean_duration_secs: Option<f64>,
}

impl TripSummary {
    /// Of any number of trades. A trade that ended even neither won nor lost.
    #[must_use]
    pub fn of(trips: &[RoundTrip]) -> Self {
        let net = |trip: &RoundTrip| f64::try_from(trip.net_pnl).unwrap_or(0.0);
        let sum = |keep: fn(&f64) -> bool| {
            trips.iter().map(net).filter(keep).fold((0usize, 0.0), |(n, sum), net| (n + 1, sum + net))
        };
        let (wins, gained) = sum(|net| *net > 0.0);
        let (losses, lost) = sum(|net| *net < 0.0);
        let held: f64 = trips.iter().map(|trip| trip.duration_secs).sum();
        let trades = trips.len();
        Self {
            trades,
            wins,
            win_rate: quotient(to_f64(wins), to_f64(trades)),
            profit_factor: quotient(gained, -lost),
            mean_win: quotient(gained, to_f64(wins)),
            mean_loss: quotient(-lost, to_f64(losses)),
            mean_duration_secs: quotient(held, to_f64(trades)),
        }
    }
}

fn quotient(sum: f64, of: f64) -> Option<f64> {
    Some(sum / of).filter(|quotient| of > 0.0 && quotient.is_finite())
}

#[expect(clippy::cast_precision_loss, reason = "no list has 2^53 trades")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills as `[seconds, signed quantity, price, fee in hundredths]`.
    fn fill([secs, qty, price, fee]: [i64; 4]) -> Fill {
        Fill {
            at: UnixNanos(secs * 1_000_000_000),
            side: if qty > 0 { Aggressor::Buy } else { Aggressor::Sell },
            qty: Qty(qty.abs()),
            price: Price(price),
            fee: Decimal::new(fee, 2),
        }
    }

    fn trips(fills: &[[i64; 4]]) -> (Vec<RoundTrip>, FifoLedger) {
        let mut ledger = FifoLedger::new(0, 0);
        let trips = fills.iter().filter_map(|&row| ledger.book(&fill(row)).unwrap()).collect();
        (trips, ledger)
    }

    /// Expected trades as `(net in hundredths, seconds)`, and the position that is left.
    #[track_caller]
    fn check(fills: &[[i64; 4]], expect: &[(i64, f64)], position: i128) {
        let (trips, ledger) = trips(fills);
        let found: Vec<(Decimal, f64)> =
            trips.iter().map(|trip| (trip.net_pnl, trip.duration_secs)).collect();
        let expect: Vec<(Decimal, f64)> =
            expect.iter().map(|&(net, secs)| (Decimal::new(net, 2), secs)).collect();
        assert_eq!(found, expect);
        assert_eq!(ledger.position_units(), position);
    }

    #[test]
    fn a_trade_is_a_cycle_from_flat_to_flat() {
        check(&[], &[], 0);
        check(&[[0, 2, 100, 10]], &[], 2);
        check(&[[0, 2, 100, 10], [4, -2, 103, 10]], &[(580, 4.0)], 0);
        check(&[[0, -2, 100, 10], [4, 1, 103, 10], [8, 1, 99, 0]], &[(-220, 6.0)], 0);
    }

    #[test]
    fn lots_are_closed_first_in_first_out_and_durations_weigh_by_volume() {
        check(&[[0, 1, 100, 0], [10, 3, 110, 0], [20, -2, 120, 0], [30, -2, 120, 0]], &[(5_000, 17.5)], 0);
    }

    #[test]
    fn a_fill_through_zero_closes_one_trade_and_opens_the_next() {
        check(&[[0, 1, 100, 10], [5, -3, 101, 30], [6, 2, 100, 10]], &[(80, 5.0), (170, 1.0)], 0);
        check(&[[0, 1, 100, 0], [5, -3, 101, 0]], &[(100, 5.0)], -2);
    }

    #[test]
    fn the_fee_of_a_fill_through_zero_is_split_to_the_last_digit() {
        let (trips, mut ledger) = trips(&[[0, 1, 100, 0], [1, -3, 100, 1]]);
        let last = ledger.book(&fill([2, 2, 100, 0])).unwrap().unwrap();
        assert_eq!(trips[0].fees + last.fees, Decimal::new(1, 2));
    }

    #[test]
    fn a_fill_that_cannot_be_booked_changes_nothing() {
        let mut ledger = FifoLedger::new(0, 0);
        ledger.book(&fill([5, 2, 100, 0])).unwrap();
        let before = ledger.clone();
        let huge = Fill { fee: Decimal::MAX, ..fill([9, -1, 1, 0]) };
        assert_eq!(ledger.book(&fill([6, 0, 100, 0])), Err(LedgerError::NoQuantity));
        assert_eq!(ledger.book(&fill([4, 1, 100, 0])), Err(LedgerError::OutOfOrder));
        ledger.book(&huge).unwrap();
        let full = ledger.clone();
        assert_eq!(ledger.book(&huge), Err(LedgerError::TooLarge));
        assert_eq!(ledger.book(&Fill { side: Aggressor::Buy, ..huge }), Err(LedgerError::TooLarge));
        assert_eq!(ledger, full);
        assert_ne!(ledger, before);
    }

    #[test]
    fn shares_and_means_of_nothing_are_none() {
        let summary = TripSummary::of(&[]);
        assert_eq!(summary, TripSummary::default());
        let (won, _) = trips(&[[0, 1, 100, 0], [2, -1, 101, 0]]);
        let summary = TripSummary::of(&won);
        assert_eq!((summary.win_rate, summary.profit_factor, summary.mean_loss), (Some(1.0), None, None));
        let (even, _) = trips(&[[0, 1, 100, 0], [2, -1, 100, 0]]);
        let summary = TripSummary::of(&even);
        assert_eq!((summary.win_rate, summary.profit_factor), (Some(0.0), None));
        let (lost, _) = trips(&[[0, 1, 100, 0], [2, -1, 98, 0]]);
        let summary = TripSummary::of(&lost);
        assert_eq!((summary.profit_factor, summary.mean_loss), (Some(0.0), Some(2.0)));
    }
}
