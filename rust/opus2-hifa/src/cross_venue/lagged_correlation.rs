//! Lagged correlation of two venues' returns, in time.

use serde::{Deserialize, Serialize};

use super::lag_products::{BinMemory, LagFinding, LagProducts, Leg, RETURN_MAX};
use crate::Absent;
use crate::estimator::window::WindowSpan;
use crate::exact::{MILLI, bin_index};

/// How the returns of a window are binned, and how its correlations fade.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LagRules {
    bin_nanos: i64,
    memory: BinMemory,
}

impl LagRules {
    /// Bins as wide as those of `span`, a memory of `half_life_secs`.
    #[must_use]
    pub fn new(span: WindowSpan, half_life_secs: f64) -> Self {
        Self {
            bin_nanos: i64::from(span.bin_ms).max(1) * MILLI,
            memory: BinMemory::from_half_life(half_life_secs, span.bin_ms),
        }
    }

    /// How the correlations fade.
    #[must_use]
    pub const fn memory(&self) -> &BinMemory {
        &self.memory
    }
}

/// [`LagProducts`] in time: returns come when they come, and are summed up in bins `(k - 1, k]` aligned to the epoch.
///
/// A bin counts once it has ended. A silence of any length costs as much as one bin.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LaggedCorrelation {
    products: LagProducts,
    /// The open bin; `None` before the first and after lost data.
    head: Option<i64>,
    x: f64,
    y: f64,
}

impl LaggedCorrelation {
    /// Both venues are known from `now` on, in nanoseconds.
    pub fn start(&mut self, now: i64, rules: &LagRules) {
        self.head.get_or_insert(bin_index(now, rules.bin_nanos));
    }

    /// One venue's log mid moved by `change`. Before [`start`](Self::start) nothing is taken. A time before the open bin
    /// counts as the open bin.
    pub fn add(&mut self, now: i64, leg: Leg, change: f64, rules: &LagRules) {
        self.advance(now, rules);
        if self.head.is_none() || !change.is_finite() {
            return;
        }
        match leg {
            Leg::X => self.x += change,
            Leg::Y => self.y += change,
        }
    }

    /// Lets the time until `now` pass.
    pub fn advance(&mut self, now: i64, rules: &LagRules) {
        let index = bin_index(now, rules.bin_nanos);
        let Some(ended) = self.head.and_then(|head| u64::try_from(index.saturating_sub(head)).ok()) else {
            return;
        };
        if ended == 0 {
            return;
        }
        self.products.take(self.x, self.y, &rules.memory);
        if ended > 1 {
            self.products.take_zeros(ended - 1, &rules.memory);
        }
        (self.x, self.y) = (0.0, 0.0);
        self.head = Some(index);
    }

    /// Data was lost: the open bin is given up, and no product reaches over this moment. Until the next
    /// [`start`](Self::start) no time passes, so that the correlations do not fade for want of one side.
    pub fn reset_reference(&mut self) {
        self.products.reset_reference();
        self.head = None;
        (self.x, self.y) = (0.0, 0.0);
    }

    /// The bins that have ended.
    #[must_use]
    pub const fn products(&self) -> &LagProducts {
        &self.products
    }

    /// The best lag.
    ///
    /// # Errors
    /// [`Absent::Cold`] until the memory has been filled for one half-life; then as [`LagProducts::finding`].
    pub fn measure(&self, rules: &LagRules) -> Result<LagFinding, Absent> {
        if !self.is_warm(rules) {
            return Err(Absent::Cold);
        }
        self.products.finding(&rules.memory)
    }

    /// The effective number of bins.
    #[must_use]
    pub fn n_eff(&self, rules: &LagRules) -> f64 {
        self.products.n_eff(&rules.memory)
    }

    /// True once the memory has been filled for one half-life.
    #[must_use]
    pub fn is_warm(&self, rules: &LagRules) -> bool {
        self.products.is_warm(&rules.memory)
    }

    pub(super) fn is_consistent(&self) -> bool {
        self.products.is_consistent() && self.x.abs() <= RETURN_MAX && self.y.abs() <= RETURN_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimator::window::WINDOWS;
    use crate::exact::to_f64;

    #[test]
    fn few_coincidences_are_not_significant() {
        let rules = LagRules::new(WINDOWS[0], 60.0);
        let mut lagged = LaggedCorrelation::default();
        lagged.start(0, &rules);
        // Two moves of both at once in two minutes: correlation one, and still nothing to believe in.
        for second in [20i64, 50] {
            lagged.add(second * 1_000 * MILLI, Leg::X, 1e-4, &rules);
            lagged.add(second * 1_000 * MILLI, Leg::Y, 1e-4, &rules);
        }
        assert_eq!(lagged.measure(&rules), Err(Absent::Cold));
        lagged.advance(120_000 * MILLI, &rules);
        let finding = lagged.measure(&rules).unwrap();
        assert_eq!(finding.lag, 0);
        assert!((finding.correlation - 1.0).abs() < 1e-12, "{finding:?}");
        assert!(!finding.is_significant(60.0), "{finding:?}");
        assert!(lagged.n_eff(&rules) > 5_000.0);
    }

    #[test]
    fn many_are_significant_with_a_long_memory_only() {
        let rules = LagRules::new(WINDOWS[0], 60.0);
        let mut lagged = LaggedCorrelation::default();
        lagged.start(0, &rules);
        for step in 1..2_000i64 {
            let change = to_f64((step * step % 13 - 6).into()) * 1e-6;
            lagged.add(step * 100 * MILLI, Leg::X, change, &rules);
            lagged.add((step * 100 + 30) * MILLI, Leg::Y, change, &rules);
        }
        let finding = lagged.measure(&rules).unwrap();
        assert_eq!(finding.lag, 3);
        assert!(finding.is_significant(60.0) && !finding.is_significant(59.0), "{finding:?}");
    }
}
