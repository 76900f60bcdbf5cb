//! What buyers and sellers took: signed volume and the volume imbalance ratio.

use std::ops::{AddAssign, SubAssign};

use opus2_types::{Aggressor, Price, Qty};
use serde::{Deserialize, Serialize};

use super::Coverage;
use super::window::{BinWindow, Summand, WINDOWS};
use crate::exact::{MILLI, bin_index, scaled, to_f64};
use crate::{Absent, Measure, measure::finite};

/// A print of more notional than this is no trade, and sums of fewer than a billion others stay far from overflow.
const NOTIONAL_MAX: i128 = 1 << 96;

/// What trades sum up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlowSum {
    /// Bought by takers, in `Qty` units.
    pub buy: i128,
    /// Sold by takers, in `Qty` units.
    pub sell: i128,
    /// Price times quantity bought, in `Price` units times `Qty` units.
    pub buy_notional: i128,
    /// Price times quantity sold, in `Price` units times `Qty` units.
    pub sell_notional: i128,
    /// How many trades.
    pub count: i64,
    /// How many of them were buys.
    pub buy_count: i64,
}

impl AddAssign for FlowSum {
    fn add_assign(&mut self, other: Self) {
        self.buy += other.buy;
        self.sell += other.sell;
        self.buy_notional += other.buy_notional;
        self.sell_notional += other.sell_notional;
        self.count += other.count;
        self.buy_count += other.buy_count;
    }
}

impl SubAssign for FlowSum {
    fn sub_assign(&mut self, other: Self) {
        self.buy -= other.buy;
        self.sell -= other.sell;
        self.buy_notional -= other.buy_notional;
        self.sell_notional -= other.sell_notional;
        self.count -= other.count;
        self.buy_count -= other.buy_count;
    }
}

impl Summand for FlowSum {
    fn is_plausible(&self) -> bool {
        let amounts = 0..1 << 110;
        let counts = 0..1 << 48;
        [self.buy, self.sell, self.buy_notional, self.sell_notional].iter().all(|sum| amounts.contains(sum))
            && [self.count, self.buy_count].iter().all(|count| counts.contains(count))
    }
}

impl FlowSum {
    /// One print; `None` when its price or quantity is not positive, or both are beyond reason.
    ///
    /// A print that is not the first of its order adds volume, but is not counted again.
    #[must_use]
    pub fn of(side: Aggressor, price: Price, qty: Qty, is_new_order: bool) -> Option<Self> {
        let (count, notional) = (i64::from(is_new_order), i128::from(price.0) * i128::from(qty.0));
        let is_sound = price.0 > 0 && qty.0 > 0 && notional <= NOTIONAL_MAX;
        let qty = i128::from(qty.0);
        is_sound.then(|| match side {
            Aggressor::Buy => {
                Self { buy: qty, buy_notional: notional, count, buy_count: count, ..Self::default() }
            }
            Aggressor::Sell => Self { sell: qty, sell_notional: notional, count, ..Self::default() },
        })
    }

    /// Bought less sold, in `Qty` units: positive is buying.
    #[must_use]
    pub const fn signed(&self) -> i128 {
        self.buy - self.sell
    }

    /// Bought and sold, in `Qty` units.
    #[must_use]
    pub const fn volume(&self) -> i128 {
        self.buy + self.sell
    }

    /// Bought less sold, in `Price` units times `Qty` units.
    #[must_use]
    pub const fn signed_notional(&self) -> i128 {
        self.buy_notional - self.sell_notional
    }

    /// The volume imbalance ratio `(buy - sell) / (buy + sell)`, -1 to 1; zero when there is no volume, which is not the
    /// same as balance: see [`measure_imbalance`](Self::measure_imbalance).
    #[must_use]
    pub fn imbalance(&self) -> f64 {
        self.shrunk_imbalance(0)
    }

    /// `(buy - sell) / (buy + sell + prior)`, -1 to 1: small samples count for less. `prior` is in `Qty` units.
    #[must_use]
    pub fn shrunk_imbalance(&self, prior: i128) -> f64 {
        let total = self.volume().saturating_add(prior.max(0));
        if total <= 0 { 0.0 } else { to_f64(self.signed()) / to_f64(total) }
    }

    /// The volume imbalance ratio as a feature.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] without volume.
    pub fn measure_imbalance(&self) -> Measure {
        self.measure_shrunk_imbalance(0)
    }

    /// The shrunk ratio as a feature.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] without volume, whatever the prior.
    pub fn measure_shrunk_imbalance(&self, prior: i128) -> Measure {
        if self.volume() <= 0 { Err(Absent::NoEvents) } else { finite(self.shrunk_imbalance(prior)) }
    }
}

/// The exact sum over `(now - window, now]` of trades with their times, in any order: for study, where the bins of
/// [`SignedVolume`] would be up to one bin short.
///
/// # Source
/// Methods reference 2.7 (elementary definition).
#[must_use]
pub fn flow_within(trades: &[(i64, FlowSum)], now: i64, window_nanos: i64) -> FlowSum {
    let mut sum = FlowSum::default();
    for (at, flow) in trades {
        // As wide numbers, so that a window may reach to before the beginning of time.
        if *at <= now && i128::from(*at) > i128::from(now) - i128::from(window_nanos) {
            sum += *flow;
        }
    }
    sum
}

/// The length of the windows whose median volume shrinks small samples: a quarter of the longest window, ns.
const QUARTER_NANOS: i64 = 15_000 * MILLI / 4;
/// How many of them are remembered: about two minutes.
const QUARTERS: u8 = 31;
/// How many of them a median needs.
const QUARTERS_MIN: u8 = 8;

/// The median volume of quarters of the longest window, cut on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct QuarterVolume {
    /// The quarter that is open; `None` before the first trade and after data was lost.
    open: Option<i64>,
    /// The open quarter has been seen from its beginning.
    is_whole: bool,
    volume: i128,
    /// The newest last.
    closed: [i128; QUARTERS as usize],
    count: u8,
    /// Of the closed ones.
    median: i128,
}

impl QuarterVolume {
    fn add(&mut self, now: i64, volume: i128) {
        self.open.get_or_insert_with(|| bin_index(now, QUARTER_NANOS));
        self.advance(now);
        self.volume += volume;
    }

    fn advance(&mut self, now: i64) {
        let Some(open) = self.open else { return };
        let index = bin_index(now, QUARTER_NANOS);
        if index <= open {
            return;
        }
        if self.is_whole {
            self.close(self.volume);
        }
        // A silence longer than what is remembered is forgotten beyond it.
        let silent = u8::try_from(index - open - 1).unwrap_or(QUARTERS).min(QUARTERS);
        (0..silent).for_each(|_| self.close(0));
        (self.open, self.is_whole, self.volume) = (Some(index), true, 0);
        let known = usize::from(QUARTERS - self.count);
        let mut sorted = self.closed;
        sorted[known..].sort_unstable();
        self.median = if self.count == 0 { 0 } else { sorted[known + usize::from(self.count) / 2] };
    }

    fn close(&mut self, volume: i128) {
        self.closed.rotate_left(1);
        self.closed[usize::from(QUARTERS) - 1] = volume;
        self.count = (self.count + 1).min(QUARTERS);
    }

    /// At least one unit, so that nothing is divided by less.
    fn median(&self) -> Option<i128> {
        (self.count >= QUARTERS_MIN).then_some(self.median.max(1))
    }

    const fn reset_reference(&mut self) {
        (self.open, self.is_whole, self.volume) = (None, false, 0);
    }

    fn is_consistent(&self) -> bool {
        let volumes = 0..1 << 110;
        self.count <= QUARTERS
            && self.closed.iter().chain([&self.volume, &self.median]).all(|volume| volumes.contains(volume))
            && self.open.is_none_or(|open| open.unsigned_abs() < 1 << 40)
    }
}

/// Signed volume of one stream of trades, over the last 1, 5 and 15 s.
///
/// That no trade came is a fact only where trades do come: windows are covered from the first trade on, or the first after
/// [`reset_reference`](Self::reset_reference).
///
/// # Source
/// Methods reference 2.7; trade-flow imbalance: Silantyev (2019).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedVolume {
    coverage: Coverage,
    windows: [BinWindow<FlowSum>; WINDOWS.len()],
    quarters: QuarterVolume,
}

impl Default for SignedVolume {
    fn default() -> Self {
        Self {
            coverage: Coverage::default(),
            windows: WINDOWS.map(BinWindow::new),
            quarters: QuarterVolume::default(),
        }
    }
}

impl SignedVolume {
    /// Takes a print.
    pub fn add(&mut self, now: i64, print: FlowSum) {
        self.coverage.start(now);
        for window in &mut self.windows {
            window.add(now, print);
        }
        self.quarters.add(now, print.volume());
    }

    /// Lets time pass until `now`.
    pub fn advance(&mut self, now: i64) {
        for window in &mut self.windows {
            window.expire(now);
        }
        self.quarters.advance(now);
    }

    /// Trades were lost.
    pub fn reset_reference(&mut self) {
        self.coverage.interrupt();
        self.quarters.reset_reference();
    }

    /// What the window [`WINDOWS`]`[index]` holds at `now`, whether or not it is covered.
    ///
    /// # Panics
    /// There is no such window.
    #[must_use]
    pub fn sum(&self, index: usize, now: i64) -> FlowSum {
        self.windows[index].sum(now)
    }

    /// What the window [`WINDOWS`]`[index]` holds at `now`.
    ///
    /// # Errors
    /// [`Absent::Cold`] or [`Absent::Resync`] while it is not wholly covered.
    ///
    /// # Panics
    /// There is no such window.
    pub fn measure(&self, index: usize, now: i64) -> Result<FlowSum, Absent> {
        self.coverage.check(now, self.windows[index].span().nanos())?;
        Ok(self.sum(index, now))
    }

    /// The median volume of a quarter of the longest window, in base units, over the last two minutes: what the shrunk
    /// ratio adds to the volume.
    ///
    /// # Errors
    /// [`Absent::Cold`] before eight whole quarters, 30 s.
    pub fn measure_prior(&self, qty_scale: u8) -> Measure {
        finite(scaled(self.prior()?, qty_scale))
    }

    /// The prior in `Qty` units.
    pub(crate) fn prior(&self) -> Result<i128, Absent> {
        self.quarters.median().ok_or(Absent::Cold)
    }

    /// Trades in the longest window at `now`.
    #[must_use]
    pub fn n_eff(&self, now: i64) -> f64 {
        to_f64(self.sum(WINDOWS.len() - 1, now).count.into())
    }

    /// True when every window is wholly covered at `now`.
    #[must_use]
    pub fn is_warm(&self, now: i64) -> bool {
        self.measure(WINDOWS.len() - 1, now).is_ok()
    }

    /// False for a loaded state that no trades can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.quarters.is_consistent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(side: Aggressor, qty: i64) -> FlowSum {
        FlowSum::of(side, Price(100), Qty(qty), true).unwrap()
    }

    #[test]
    fn a_print_that_cannot_be_is_refused() {
        let of = |price, qty| FlowSum::of(Aggressor::Buy, Price(price), Qty(qty), true);
        for (price, qty) in [(0, 1), (-1, 1), (1, 0), (1, -1), (-1, -1), (i64::MAX, i64::MAX)] {
            assert_eq!(of(price, qty), None);
        }
        assert_eq!(of(3, 5).map(|sum| (sum.buy, sum.buy_notional, sum.sell)), Some((5, 15, 0)));
        let second = FlowSum::of(Aggressor::Sell, Price(3), Qty(5), false).unwrap();
        assert_eq!((second.sell, second.count), (5, 0), "a further print of an order is volume alone");
    }

    #[test]
    fn no_trades_are_no_balance() {
        let mut volume = SignedVolume::default();
        assert_eq!(volume.measure(0, 0), Err(Absent::Cold));
        volume.add(0, print(Aggressor::Buy, 3));
        volume.add(500 * MILLI, print(Aggressor::Sell, 1));
        assert_eq!(volume.measure(0, 999 * MILLI), Err(Absent::Cold));
        let sum = volume.measure(0, 1_000 * MILLI).unwrap();
        assert_eq!((sum.signed(), sum.count, sum.measure_imbalance()), (-1, 1, Ok(-1.0)));
        let sum = volume.measure(0, 1_500 * MILLI).unwrap();
        assert_eq!((sum.signed(), sum.imbalance(), sum.measure_imbalance()), (0, 0.0, Err(Absent::NoEvents)));
        volume.reset_reference();
        assert_eq!(volume.measure(0, 3_000 * MILLI), Err(Absent::Resync));
        volume.add(3_000 * MILLI, print(Aggressor::Sell, 1));
        assert_eq!(volume.measure(0, 4_000 * MILLI).map(|sum| sum.signed()), Ok(0));
    }

    #[test]
    fn small_samples_are_shrunk_by_the_median_of_quarters() {
        let mut volume = SignedVolume::default();
        // Two trades a quarter of 3.75 s: of 10, and of the quarter's number.
        for quarter in 0..8 {
            let at = quarter * QUARTER_NANOS;
            volume.add(at + 1, print(Aggressor::Buy, 10));
            volume.add(at + QUARTER_NANOS, print(Aggressor::Sell, quarter + 1));
            assert_eq!(volume.prior(), Err(Absent::Cold));
        }
        let at = 8 * QUARTER_NANOS + 1;
        volume.advance(at);
        assert_eq!(volume.prior(), Err(Absent::Cold), "the first quarter was not seen from its beginning");
        volume.advance(at + QUARTER_NANOS);
        // Volumes 12 to 18 and a silent one: sorted 0, 12, …, 18.
        assert_eq!(volume.prior(), Ok(15));
        let sum = FlowSum { buy: 5, ..FlowSum::default() };
        assert_eq!(sum.measure_shrunk_imbalance(15), Ok(0.25));
        assert_eq!(FlowSum::default().measure_shrunk_imbalance(15), Err(Absent::NoEvents));
        volume.advance(at + 1_000 * QUARTER_NANOS);
        assert_eq!(volume.prior(), Ok(1), "after a long silence one unit");
        assert!(volume.is_consistent());
    }

    #[test]
    fn the_exact_window_is_open_on_the_left() {
        let trades: Vec<_> = [0, 1, 999, 1_000].map(|at| (at, print(Aggressor::Buy, 1))).into();
        assert_eq!(flow_within(&trades, 1_000, 1_000).buy, 3);
        assert_eq!(flow_within(&trades, 999, 1_000).buy, 3);
        assert_eq!(flow_within(&trades, i64::MIN, i64::MAX).buy, 0);
        assert_eq!(flow_within(&[], 0, 1), FlowSum::default());
    }
}
