//! Correlation of two sequences of binned returns at every lag of a few bins, with exponentially fading memory.

use serde::{Deserialize, Serialize};

use crate::exact::to_f64;
use crate::{Absent, Measure, measure::finite};

/// The largest lag, in bins, both ways.
pub const LAGS_MAX: usize = 20;
/// How many standard errors a correlation must be away from zero to be acted upon.
pub const SIGNIFICANT_ERRORS: f64 = 4.0;
/// The half-life below which nothing is significant, s.
pub const HALF_LIFE_SECS_MIN: f64 = 60.0;
/// A return beyond this is no return: the square of its square is still finite.
pub(super) const RETURN_MAX: f64 = 1e50;

/// How a memory fades from one bin to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinMemory {
    /// What is kept of the past after one bin, and what the new bin counts: together one.
    kept: f64,
    added: f64,
    /// The fading per bin as a rate: `kept = exp(-rate)`.
    rate: f64,
}

impl BinMemory {
    /// A memory that keeps the share `kept` of the past after each bin; brought into `[0, 1]`.
    #[must_use]
    pub fn from_kept(kept: f64) -> Self {
        // Written so that NaN keeps nothing.
        let kept = if kept > 0.0 { kept.min(1.0) } else { 0.0 };
        Self { kept, added: 1.0 - kept, rate: -kept.ln() }
    }

    /// A memory that keeps half after `half_life_secs`, in bins of `bin_ms`.
    #[must_use]
    pub fn from_half_life(half_life_secs: f64, bin_ms: u32) -> Self {
        let rate = std::f64::consts::LN_2 * f64::from(bin_ms) / (half_life_secs.max(0.0) * 1e3);
        if rate.is_finite() {
            Self { kept: (-rate).exp(), added: -(-rate).exp_m1(), rate }
        } else {
            Self::from_kept(0.0)
        }
    }

    /// What is kept after `bins` bins.
    fn kept_after(&self, bins: u64) -> f64 {
        if bins == 0 { 1.0 } else { (-self.rate * to_f64(bins.into())).exp() }
    }
}

/// Which of the two venues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// The first one, which leads at positive lags.
    X,
    /// The second one.
    Y,
}

/// The newest returns of one venue, newest first, zero where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Past([f64; LAGS_MAX]);

impl Past {
    fn push(&mut self, value: f64) {
        self.0.copy_within(..LAGS_MAX - 1, 1);
        self.0[0] = value;
    }

    fn push_zeros(&mut self, count: usize) {
        let count = count.min(LAGS_MAX);
        self.0.copy_within(..LAGS_MAX - count, count);
        self.0[..count].fill(0.0);
    }
}

/// A fading mean of products, and of the squared weighted ones: the latter says how few products it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct ProductMean {
    mean: f64,
    squares: f64,
}

impl ProductMean {
    #[inline]
    fn take(&mut self, product: f64, memory: &BinMemory) {
        let weighted = memory.added * product;
        self.mean = memory.kept * self.mean + weighted;
        self.squares = memory.kept * memory.kept * self.squares + weighted * weighted;
    }

    fn fade(&mut self, kept: f64) {
        self.mean *= kept;
        self.squares *= kept * kept;
    }
}

/// The lagged correlations of two sequences of binned returns.
///
/// For each lag `k` from `-20` to `20`: `C_k <- a C_k + (1 - a) x_{t-k} y_t` for `k >= 0` and `x_t y_{t+k}` for `k < 0`, from
/// zero; `rho_k = C_k / sqrt(v_x v_y)` with variances of the same memory. A positive lag says that `x` leads. At lag zero
/// `|rho| <= 1`; at lag `k` it may reach `a^(-|k|/2)`, because the variances have faded by then.
///
/// A bin costs O(lags), and so do any number of bins without a return.
///
/// # Source
/// Methods reference 3.11, own definition.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LagProducts {
    /// Of the lags `0, 1, ..`.
    leading: [ProductMean; LAGS_MAX + 1],
    /// Of the lags `-1, -2, ..`.
    trailing: [ProductMean; LAGS_MAX],
    variance_x: f64,
    variance_y: f64,
    past_x: Past,
    past_y: Past,
    bins: u64,
}

/// The lag at which two venues go together most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LagFinding {
    /// The lag in bins; positive when the first venue leads.
    pub lag: i32,
    /// The correlation there.
    pub correlation: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl LagFinding {
    /// True when the correlation is at least four standard errors from zero. Only with a memory whose half-life is
    /// [`HALF_LIFE_SECS_MIN`] or longer.
    #[must_use]
    pub fn is_significant(&self, half_life_secs: f64) -> bool {
        half_life_secs >= HALF_LIFE_SECS_MIN
            && self.correlation.abs() >= SIGNIFICANT_ERRORS * self.standard_error
    }
}

/// What the past returns of a leader say about the next one of the other venue.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LeadWeights {
    /// By how many bins ago, beginning with one.
    pub weights: [f64; LAGS_MAX],
    /// The standard deviation of the signal that they give; zero when no lag is significant.
    pub signal_sd: f64,
}

impl LeadWeights {
    /// False for loaded weights that no returns can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.weights.iter().all(|weight| weight.is_finite())
            && self.signal_sd.is_finite()
            && self.signal_sd >= 0.0
    }
}

impl LagProducts {
    /// Takes the returns of the next bin. A bin with one that is not finite, or absurd, is passed over.
    pub fn take(&mut self, x: f64, y: f64, memory: &BinMemory) {
        // Written so that NaN is refused.
        if !(x.abs() <= RETURN_MAX && y.abs() <= RETURN_MAX) {
            return;
        }
        self.bins = self.bins.saturating_add(1);
        self.variance_x = memory.kept * self.variance_x + memory.added * (x * x);
        self.variance_y = memory.kept * self.variance_y + memory.added * (y * y);
        let (at_zero, leading) = self.leading.split_at_mut(1);
        at_zero[0].take(x * y, memory);
        for (product, past_x) in leading.iter_mut().zip(&self.past_x.0) {
            product.take(past_x * y, memory);
        }
        for (product, past_y) in self.trailing.iter_mut().zip(&self.past_y.0) {
            product.take(x * past_y, memory);
        }
        self.past_x.push(x);
        self.past_y.push(y);
    }

    /// Takes `bins` bins in which neither venue moved.
    pub fn take_zeros(&mut self, bins: u64, memory: &BinMemory) {
        let kept = memory.kept_after(bins);
        for product in self.leading.iter_mut().chain(&mut self.trailing) {
            product.fade(kept);
        }
        self.variance_x *= kept;
        self.variance_y *= kept;
        let zeros = usize::try_from(bins).unwrap_or(LAGS_MAX);
        self.past_x.push_zeros(zeros);
        self.past_y.push_zeros(zeros);
        self.bins = self.bins.saturating_add(bins);
    }

    /// Data was lost: no product may reach over this moment. What has been learnt stays.
    pub fn reset_reference(&mut self) {
        (self.past_x, self.past_y) = (Past::default(), Past::default());
    }

    fn product(&self, lag: i32) -> Option<&ProductMean> {
        let distance = usize::try_from(lag.unsigned_abs()).ok()?;
        if lag >= 0 { self.leading.get(distance) } else { self.trailing.get(distance - 1) }
    }

    fn scale(&self) -> Measure {
        let scale = (self.variance_x * self.variance_y).sqrt();
        if scale == 0.0 { Err(Absent::NoEvents) } else { finite(scale) }
    }

    /// The correlation at a lag in bins; positive lags: the first leads.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when one of the venues has not moved within memory, [`Absent::DataType`] when the lag is
    /// beyond [`LAGS_MAX`].
    pub fn correlation(&self, lag: i32) -> Measure {
        let product = self.product(lag).ok_or(Absent::DataType)?;
        finite(product.mean / self.scale()?)
    }

    /// The standard error of the correlation at a lag: `1 / sqrt(n)` with `n` effective bins, or the root of the summed
    /// squares of the products it is made of, whichever is larger. The latter rules when the venues moved in few bins
    /// only, where one coincidence makes a correlation that the former would believe.
    ///
    /// # Errors
    /// As [`correlation`](Self::correlation), and [`Absent::Cold`] before the first bin.
    pub fn standard_error(&self, lag: i32, memory: &BinMemory) -> Measure {
        let product = self.product(lag).ok_or(Absent::DataType)?;
        if self.bins == 0 {
            return Err(Absent::Cold);
        }
        let by_products = finite(product.squares.sqrt() / self.scale()?)?;
        finite(by_products.max(self.n_eff(memory).sqrt().recip()))
    }

    /// The lag with the largest `|correlation|` among those up to `lags` bins; of equal ones the most negative.
    ///
    /// # Errors
    /// As [`correlation`](Self::correlation).
    pub fn best_lag(&self, lags: usize) -> Result<(i32, f64), Absent> {
        let lags = i32::try_from(lags.min(LAGS_MAX)).map_err(|_| Absent::DataType)?;
        let mut best = (-lags, self.correlation(-lags)?);
        for lag in 1 - lags..=lags {
            let correlation = self.correlation(lag)?;
            if correlation.abs() > best.1.abs() {
                best = (lag, correlation);
            }
        }
        Ok(best)
    }

    /// The best lag with its standard error.
    ///
    /// # Errors
    /// As [`standard_error`](Self::standard_error).
    pub fn finding(&self, memory: &BinMemory) -> Result<LagFinding, Absent> {
        let (lag, correlation) = self.best_lag(LAGS_MAX)?;
        Ok(LagFinding { lag, correlation, standard_error: self.standard_error(lag, memory)? })
    }

    /// What the leading venue's newest returns say about the other's next one: `sum b_k x_{t-k}` over `k = 1, 2, ..`, the
    /// weights being those of a regression on a training window. Weights beyond [`LAGS_MAX`] count nothing.
    ///
    /// # Errors
    /// [`Absent::Cold`] before the first bin, [`Absent::BadNumber`] when the sum is not finite.
    pub fn lead_signal(&self, leader: Leg, weights: &[f64]) -> Measure {
        if self.bins == 0 {
            return Err(Absent::Cold);
        }
        let past = match leader {
            Leg::X => &self.past_x,
            Leg::Y => &self.past_y,
        };
        finite(past.0.iter().zip(weights).map(|(x, weight)| weight * x).sum())
    }

    /// Weights for [`lead_signal`](Self::lead_signal) from these correlations, for when no training window gives any: the
    /// slope of the other venue's return on each of the leader's past ones by itself, and zero at lags whose correlation
    /// is less than four standard errors from zero. They are those of a regression where the leader's returns do not
    /// depend on each other.
    ///
    /// # Errors
    /// As [`standard_error`](Self::standard_error).
    pub fn lead_weights(&self, leader: Leg, memory: &BinMemory) -> Result<LeadWeights, Absent> {
        let (sign, variance) = match leader {
            Leg::X => (1, self.variance_x),
            Leg::Y => (-1, self.variance_y),
        };
        let mut found = LeadWeights::default();
        let mut squares = 0.0;
        for (weight, lag) in found.weights.iter_mut().zip(1..) {
            let correlation = self.correlation(sign * lag)?;
            let error = self.standard_error(sign * lag, memory)?;
            if correlation.abs() >= SIGNIFICANT_ERRORS * error {
                let product = self.product(sign * lag).ok_or(Absent::DataType)?;
                *weight = finite(product.mean / variance)?;
                squares += *weight * *weight;
            }
        }
        found.signal_sd = finite((squares * variance).sqrt())?;
        Ok(found)
    }

    /// The effective number of bins: the squared sum of their weights over the sum of their squares.
    #[must_use]
    pub fn n_eff(&self, memory: &BinMemory) -> f64 {
        let faded = memory.kept_after(self.bins);
        if memory.added <= 0.0 {
            return to_f64(self.bins.into());
        }
        (1.0 - faded) * (1.0 + memory.kept) / (memory.added * (1.0 + faded))
    }

    /// True once the first bins have lost half of their weight.
    #[must_use]
    pub fn is_warm(&self, memory: &BinMemory) -> bool {
        memory.kept_after(self.bins) <= 0.5
    }

    pub(super) fn is_consistent(&self) -> bool {
        let products = self.leading.iter().chain(&self.trailing);
        let is_past = |past: &Past| past.0.iter().all(|value| value.abs() <= RETURN_MAX);
        let positive = |value: f64| value.is_finite() && value >= 0.0;
        products.into_iter().all(|product| product.mean.is_finite() && positive(product.squares))
            && positive(self.variance_x)
            && positive(self.variance_y)
            && is_past(&self.past_x)
            && is_past(&self.past_y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A return of x now and then, the same of y `lag` bins later; what is kept per bin is 0.99.
    fn follow(lag: usize, bins: usize) -> LagProducts {
        let memory = BinMemory::from_kept(0.99);
        let x: Vec<f64> = (0..bins).map(|t| to_f64((t * t % 13) as i128) - 6.0).collect();
        let mut products = LagProducts::default();
        for t in 0..bins {
            products.take(x[t], if t >= lag { x[t - lag] } else { 0.0 }, &memory);
        }
        products
    }

    #[track_caller]
    fn check(products: &LagProducts, expect: Result<i32, Absent>) {
        assert_eq!(products.best_lag(LAGS_MAX).map(|(lag, _)| lag), expect);
    }

    #[test]
    fn the_lag_of_the_follower_is_found() {
        check(&LagProducts::default(), Err(Absent::NoEvents));
        check(&follow(0, 500), Ok(0));
        check(&follow(3, 500), Ok(3));
        check(&follow(5, 2), Err(Absent::NoEvents));
    }

    #[test]
    fn zeros_at_once_are_zeros_one_by_one() {
        let memory = BinMemory::from_kept(0.99);
        for count in [0u8, 1, 7, 20, 21, 200] {
            let mut at_once = follow(3, 100);
            let mut one_by_one = at_once;
            at_once.take_zeros(count.into(), &memory);
            (0..count).for_each(|_| one_by_one.take(0.0, 0.0, &memory));
            assert_eq!((at_once.past_x, at_once.past_y), (one_by_one.past_x, one_by_one.past_y));
            for lag in [-20, -1, 0, 3, 20] {
                let found = [at_once, one_by_one].map(|products| products.product(lag).unwrap().mean);
                assert!((found[0] - found[1]).abs() <= 1e-12 * found[1].abs(), "{lag}: {found:?}");
            }
        }
    }

    #[test]
    fn the_weights_of_a_leader_are_at_the_lag_of_the_follower() {
        let memory = BinMemory::from_kept(0.99);
        let follower = follow(3, 500);
        let found = follower.lead_weights(Leg::X, &memory).unwrap();
        let best = found.weights.iter().copied().fold(0.0, f64::max);
        assert!((found.weights[2] - best).abs() < 1e-12 && (best - 1.0).abs() < 0.1, "{found:?}");
        assert!(found.signal_sd > 0.0 && found.is_consistent());
        assert_eq!(LagProducts::default().lead_weights(Leg::Y, &memory), Err(Absent::NoEvents));
        // Independent returns lead nobody.
        let mut random = 5u32;
        let mut next = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(random >> 16) / 65_536.0 - 0.5
        };
        let mut strangers = LagProducts::default();
        for _ in 0..2_000 {
            strangers.take(next(), next(), &memory);
        }
        assert_eq!(strangers.lead_weights(Leg::Y, &memory), Ok(LeadWeights::default()));
    }

    #[test]
    fn the_lead_signal_weighs_the_newest_returns() {
        let memory = BinMemory::from_kept(0.9);
        let mut products = LagProducts::default();
        assert_eq!(products.lead_signal(Leg::X, &[1.0]), Err(Absent::Cold));
        for (x, y) in [(1.0, 0.0), (2.0, 5.0)] {
            products.take(x, y, &memory);
        }
        assert_eq!(products.lead_signal(Leg::X, &[0.5, 10.0]), Ok(11.0));
        assert_eq!(products.lead_signal(Leg::Y, &[0.5; 40]), Ok(2.5));
        assert_eq!(products.lead_signal(Leg::Y, &[f64::NAN]), Err(Absent::BadNumber));
        products.reset_reference();
        assert_eq!(products.lead_signal(Leg::X, &[0.5, 10.0]), Ok(0.0));
    }
}
