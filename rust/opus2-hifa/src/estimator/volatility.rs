//! Realised variance per second, with exponentially fading memory.

use serde::{Deserialize, Serialize};

/// How the variance rate forgets and starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VarianceMemory {
    /// Time constant, s.
    pub tau_secs: f64,
    /// Over how much time the first rate is a plain average, s.
    pub warm_up_secs: f64,
}

/// `v <- a v + (1 - a) r² / dt` with `a = exp(-dt / tau)`: variance of log returns per second.
///
/// The recursion starts from the plain realised variance rate of at least `warm_up_secs` (`sum r² / sum dt`), and there
/// is no value before; with a warm-up of zero it starts from the first `r² / dt`, whose error would stay for `tau`.
/// Callers give returns over at least 10 ms, because `1 / dt` explodes. Long memory: nothing resets it, a return across
/// lost data is simply not given.
///
/// # Source
/// `RiskMetrics` (1996) in the irregular-time form of methods reference 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EwVariance {
    rate: Option<f64>,
    /// Sums of the warm-up: squared returns, seconds, and how many returns.
    squares: f64,
    secs: f64,
    count: u32,
    /// Sum of the squared weights of all returns, whose inverse is the effective number of them.
    weights_squared: f64,
}

impl EwVariance {
    /// Takes the log return `r` over `dt_secs`. What is not finite, or no time, is passed over.
    pub fn update(&mut self, r: f64, dt_secs: f64, memory: &VarianceMemory) {
        if !r.is_finite() || !dt_secs.is_finite() || dt_secs <= 0.0 {
            return;
        }
        if let Some(rate) = &mut self.rate {
            let old = (-dt_secs / memory.tau_secs).exp();
            let new = -(-dt_secs / memory.tau_secs).exp_m1();
            *rate = old * *rate + new * r * r / dt_secs;
            self.weights_squared = old * old * self.weights_squared + new * new;
            return;
        }
        self.squares += r * r;
        self.secs += dt_secs;
        self.count = self.count.saturating_add(1);
        if self.secs >= memory.warm_up_secs {
            self.rate = Some(self.squares / self.secs);
            self.weights_squared = 1.0 / f64::from(self.count);
        }
    }

    /// Variance per second; `None` during the warm-up.
    #[must_use]
    pub const fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Standard deviation per square root of a second; `None` during the warm-up.
    #[must_use]
    pub fn per_sqrt_second(&self) -> Option<f64> {
        self.rate.map(f64::sqrt)
    }

    /// The effective number of returns: the inverse of the sum of their squared weights.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        match self.rate {
            Some(_) => 1.0 / self.weights_squared,
            None => f64::from(self.count),
        }
    }

    /// True after the warm-up.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.rate.is_some()
    }

    pub(crate) fn is_consistent(&self) -> bool {
        let is_positive = |value: f64| value.is_finite() && value >= 0.0;
        [self.squares, self.secs, self.weights_squared, self.rate.unwrap_or_default()]
            .into_iter()
            .all(is_positive)
    }
}
