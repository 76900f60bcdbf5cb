//! Faster at first, the more so the more the risk of waiting counts against the cost of haste.

use super::fill;
use crate::exact::to_f64;
use crate::measure::finite;
use crate::{Absent, Measure};

/// Below this `kappa T` the holdings are a straight line.
const STRAIGHT: f64 = 1e-6;

/// What is to be traded, and what is known of the market. Prices are absolute; the unit of time is the caller's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Liquidation {
    /// How much; a sale and a purchase have the same schedule.
    pub quantity: f64,
    /// How long it may take, in units of time.
    pub horizon: f64,
    /// In how many slices of equal length.
    pub slices: usize,
    /// Standard deviation of the price in one unit of time.
    pub sigma: f64,
    /// Fixed cost a unit of quantity: half the spread and the fee.
    pub epsilon: f64,
    /// Permanent impact: price a unit of quantity.
    pub gamma: f64,
    /// Temporary impact: price a unit of quantity per unit of time.
    pub eta: f64,
}

/// The schedule of Almgren and Chriss for linear impact.
///
/// `x_j = X sinh(kappa (T - t_j)) / sinh(kappa T)`, evaluated in a form that does not overflow; a straight line (TWAP)
/// when `kappa T` is below a millionth.
///
/// # Source
/// Almgren and Chriss 2001, Optimal execution of portfolio transactions, J. Risk 3(2); methods reference 5.3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlmgrenChriss {
    market: Liquidation,
    eta_tilde: f64,
    kappa_tilde_sq: f64,
    kappa: f64,
    risk_aversion: f64,
}

impl AlmgrenChriss {
    /// The schedule that minimises expected cost plus `risk_aversion` times its variance. Zero is a straight line.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] when a number is not finite, a horizon, volatility or risk aversion is out of range, there
    /// are no slices, or the temporary impact is too small for slices this long: `eta - gamma tau / 2 <= 0`.
    pub fn new(market: Liquidation, risk_aversion: f64) -> Result<Self, Absent> {
        let (tau, eta_tilde) = checked(&market)?;
        let kappa_tilde_sq = finite(risk_aversion * market.sigma * market.sigma / eta_tilde)?;
        if kappa_tilde_sq < 0.0 {
            return Err(Absent::BadNumber);
        }
        let kappa = finite(acosh_1p(kappa_tilde_sq * tau * tau / 2.0) / tau)?;
        Ok(Self { market, eta_tilde, kappa_tilde_sq, kappa, risk_aversion })
    }

    /// The schedule whose holdings fall by a factor e in about `half_life`, however the risk aversion is that needs:
    /// the faster the signal dies, the sooner most of it is done.
    ///
    /// # Errors
    /// As [`new`](Self::new); also for a volatility of zero, for which no risk aversion would do, and for a half-life
    /// that is not positive.
    pub fn with_half_life(market: Liquidation, half_life: f64) -> Result<Self, Absent> {
        let (tau, eta_tilde) = checked(&market)?;
        // Written so that NaN is refused.
        if !(half_life > 0.0 && market.sigma > 0.0) {
            return Err(Absent::BadNumber);
        }
        let kappa = finite(1.0 / half_life)?;
        // 2 (cosh z - 1) = 4 sinh²(z / 2), without the loss of digits for a small z.
        let half = (kappa * tau / 2.0).sinh();
        let kappa_tilde_sq = finite(4.0 * half * half / (tau * tau))?;
        let risk_aversion = finite(kappa_tilde_sq * eta_tilde / (market.sigma * market.sigma))?;
        Ok(Self { market, eta_tilde, kappa_tilde_sq, kappa, risk_aversion })
    }

    /// The temporary impact corrected for the length of a slice, `eta - gamma tau / 2`.
    #[must_use]
    pub const fn eta_tilde(&self) -> f64 {
        self.eta_tilde
    }

    /// `risk_aversion sigma² / eta_tilde`.
    #[must_use]
    pub const fn kappa_tilde_sq(&self) -> f64 {
        self.kappa_tilde_sq
    }

    /// How fast the holdings fall, per unit of time.
    #[must_use]
    pub const fn kappa(&self) -> f64 {
        self.kappa
    }

    /// How much the variance of the cost counts against its mean.
    #[must_use]
    pub const fn risk_aversion(&self) -> f64 {
        self.risk_aversion
    }

    /// `1 / kappa`: the paper's half-life, the time in which the holdings fall by a factor e.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when the schedule is a straight line that does not decay: `kappa` is zero.
    pub fn half_life(&self) -> Measure {
        if self.kappa > 0.0 { finite(1.0 / self.kappa) } else { Err(Absent::NoEvents) }
    }

    /// What is left after `j` slices; the quantity at 0, zero from the last slice on.
    #[must_use]
    pub fn holding(&self, j: usize) -> f64 {
        self.market.quantity * self.share_left(j)
    }

    /// What slice `j` trades, from 0.
    #[must_use]
    pub fn trade(&self, j: usize) -> f64 {
        self.holding(j) - self.holding(j + 1)
    }

    fn share_left(&self, j: usize) -> f64 {
        if j == 0 {
            return 1.0;
        }
        if j >= self.market.slices {
            return 0.0;
        }
        let horizon = self.market.horizon;
        let left = horizon * (count(self.market.slices - j) / count(self.market.slices));
        if self.kappa * horizon < STRAIGHT {
            return left / horizon;
        }
        let grown = |time: f64| -(-2.0 * self.kappa * time).exp_m1();
        (-self.kappa * (horizon - left)).exp() * grown(left) / grown(horizon)
    }

    /// The expected cost, in units of price times quantity.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] when it is not finite.
    pub fn expected_cost(&self) -> Measure {
        let market = &self.market;
        let tau = market.horizon / count(market.slices);
        let (mut sum, mut sum_sq) = (0.0, 0.0);
        for j in 0..market.slices {
            let trade = self.trade(j);
            sum += trade.abs();
            sum_sq += trade * trade;
        }
        let permanent = market.gamma * market.quantity * market.quantity / 2.0;
        finite(permanent + market.epsilon * sum + self.eta_tilde / tau * sum_sq)
    }

    /// The variance of the cost, in units of price times quantity, squared.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] when it is not finite.
    pub fn variance(&self) -> Measure {
        let market = &self.market;
        let tau = market.horizon / count(market.slices);
        let held = |j| {
            let held = self.holding(j);
            tau * held * held
        };
        finite(market.sigma * market.sigma * (1..=market.slices).map(held).sum::<f64>())
    }

    /// The same schedule for `total` units that are indivisible: cumulative targets rounded, halves away from zero. The slices
    /// add up to `total`, and none goes against it.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] when there are not as many slices as in the schedule.
    pub fn spread(&self, total: i64, slices: &mut [i64]) -> Result<(), Absent> {
        if slices.len() != self.market.slices {
            return Err(Absent::BadNumber);
        }
        fill(total, slices, |at| 1.0 - self.share_left(at + 1))
    }
}

/// The length of a slice, and the corrected temporary impact.
fn checked(market: &Liquidation) -> Result<(f64, f64), Absent> {
    let Liquidation { quantity, horizon, slices, sigma, epsilon, gamma, eta } = *market;
    for number in [quantity, horizon, sigma, epsilon, gamma, eta] {
        finite(number)?;
    }
    if horizon <= 0.0 || slices == 0 || sigma < 0.0 {
        return Err(Absent::BadNumber);
    }
    let tau = horizon / count(slices);
    let eta_tilde = finite(eta - gamma * tau / 2.0)?;
    // A slice must be long enough to be told from none.
    if eta_tilde > 0.0 && tau > 0.0 { Ok((tau, eta_tilde)) } else { Err(Absent::BadNumber) }
}

/// `acosh(1 + y)` for `y >= 0`, without the loss of digits of `1 + y` for a small `y`.
fn acosh_1p(y: f64) -> f64 {
    // Two roots, because the product of large numbers is beyond a float before its root is.
    (y + y.sqrt() * (2.0 + y).sqrt()).ln_1p()
}

fn count(slices: usize) -> f64 {
    to_f64(i128::try_from(slices).unwrap_or(i128::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the paper.
    const PAPER: Liquidation = Liquidation {
        quantity: 1e6,
        horizon: 5.0,
        slices: 5,
        sigma: 0.95,
        epsilon: 0.0625,
        gamma: 2.5e-7,
        eta: 2.5e-6,
    };

    #[track_caller]
    fn check(found: f64, expect: f64) {
        assert!((found - expect).abs() <= 1e-9 * expect.abs(), "{found} is not {expect}");
    }

    #[test]
    fn the_papers_example_is_found_again() {
        let schedule = AlmgrenChriss::new(PAPER, 1e-6).unwrap();
        check(schedule.kappa(), 0.607_076_163_247_062_7);
        check(schedule.half_life().unwrap(), 1.647_239_770_791_377);
        check(schedule.expected_cost().unwrap(), 911_226.986_303_793_5);
        check(schedule.variance().unwrap(), 364_128_572_058.141);
        check(schedule.holding(1), 541_955.554_373_922_3);
        assert!(schedule.holding(4) > 0.0);
        assert!(schedule.holding(5).max(schedule.holding(6)) <= 0.0);
    }

    #[test]
    fn a_half_life_that_is_asked_for_is_had() {
        let risk_aversion = AlmgrenChriss::new(PAPER, 1e-6).unwrap().half_life().unwrap();
        let schedule = AlmgrenChriss::with_half_life(PAPER, risk_aversion).unwrap();
        check(schedule.risk_aversion(), 1e-6);
        assert!(AlmgrenChriss::with_half_life(Liquidation { sigma: 0.0, ..PAPER }, 1.0).is_err());
        assert!(AlmgrenChriss::with_half_life(PAPER, 0.0).is_err());
    }

    #[test]
    fn the_greatest_haste_sells_all_at_once_and_none_is_a_straight_line() {
        let haste = AlmgrenChriss::new(PAPER, 1e300).unwrap();
        check(haste.trade(0), 1e6);
        assert!(haste.holding(1) < 1e-200);
        let patience = AlmgrenChriss::new(PAPER, 0.0).unwrap();
        for j in 0..5 {
            check(patience.trade(j), 200_000.0);
        }
        assert_eq!(patience.half_life(), Err(Absent::NoEvents));
        assert_eq!(patience.variance().map(|variance| variance > 0.0), Ok(true));
    }

    #[test]
    fn lots_follow_the_holdings_and_add_up() {
        let mut slices = [0; 5];
        AlmgrenChriss::new(PAPER, 1e-6).unwrap().spread(100, &mut slices).unwrap();
        assert_eq!(slices, [46, 25, 14, 9, 6]);
        assert!(AlmgrenChriss::new(PAPER, 1e-6).unwrap().spread(100, &mut [0; 4]).is_err());
    }

    #[test]
    fn an_impact_that_is_too_small_for_the_slices_is_refused() {
        let refused = |market| AlmgrenChriss::new(market, 1e-6).is_err();
        assert!(refused(Liquidation { gamma: 5e-6, ..PAPER }));
        assert!(refused(Liquidation { eta: 0.0, ..PAPER }));
        assert!(refused(Liquidation { slices: 0, ..PAPER }));
        assert!(refused(Liquidation { horizon: 0.0, ..PAPER }));
        assert!(refused(Liquidation { sigma: f64::NAN, ..PAPER }));
        assert!(AlmgrenChriss::new(PAPER, -1e-6).is_err());
        assert!(!refused(PAPER));
    }
}
