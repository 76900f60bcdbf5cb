//! What buyers and sellers took, with exponentially fading memory.

use opus2_types::Aggressor;
use serde::{Deserialize, Serialize};

/// Volumes that fade with a time constant: `B <- B exp(-dt / tau) + q`.
///
/// # Source
/// Methods reference 2.7 (elementary definition, decayed form).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DecayedFlow {
    buy: f64,
    sell: f64,
    /// The faded count of trades.
    count: f64,
}

impl DecayedFlow {
    /// Takes a trade `dt_secs` after the last one. Time that does not pass fades nothing; a quantity that is not finite
    /// or not positive is passed over.
    pub fn add(&mut self, dt_secs: f64, side: Aggressor, qty: f64, tau_secs: f64) {
        self.advance(dt_secs, tau_secs);
        if !qty.is_finite() || qty <= 0.0 {
            return;
        }
        match side {
            Aggressor::Buy => self.buy += qty,
            Aggressor::Sell => self.sell += qty,
        }
        self.count += 1.0;
    }

    /// Lets `dt_secs` pass.
    pub fn advance(&mut self, dt_secs: f64, tau_secs: f64) {
        if dt_secs > 0.0 && tau_secs > 0.0 {
            let fade = (-dt_secs / tau_secs).exp();
            self.buy *= fade;
            self.sell *= fade;
            self.count *= fade;
        }
    }

    /// What is left of the bought volume, base units.
    #[must_use]
    pub const fn buy(&self) -> f64 {
        self.buy
    }

    /// What is left of the sold volume, base units.
    #[must_use]
    pub const fn sell(&self) -> f64 {
        self.sell
    }

    /// `(buy - sell) / (buy + sell)`, -1 to 1; zero without volume.
    #[must_use]
    pub fn imbalance(&self) -> f64 {
        let total = self.buy + self.sell;
        if total > 0.0 { (self.buy - self.sell) / total } else { 0.0 }
    }

    /// The faded count of trades.
    #[must_use]
    pub const fn n_eff(&self) -> f64 {
        self.count
    }

    /// True when at least one whole trade is left.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.count >= 1.0
    }

    /// Trades were lost: what is left cannot be trusted.
    pub fn reset_reference(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_fades_and_bad_quantities_are_passed_over() {
        let mut flow = DecayedFlow::default();
        assert!((flow.imbalance(), flow.is_warm()) == (0.0, false));
        flow.add(0.0, Aggressor::Buy, 4.0, 2.0);
        flow.add(-1.0, Aggressor::Sell, f64::NAN, 2.0);
        flow.add(2.0 * 2f64.ln(), Aggressor::Sell, 1.0, 2.0);
        assert!((flow.buy() - 2.0).abs() < 1e-12 && (flow.imbalance() - 1.0 / 3.0).abs() < 1e-12);
        assert!((flow.n_eff() - 1.5).abs() < 1e-12);
        flow.reset_reference();
        assert_eq!(flow, DecayedFlow::default());
    }
}
