//! Imbalance of the quantities at the best prices.

use opus2_types::Qty;
use serde::{Deserialize, Serialize};

use super::Coverage;
use crate::exact::{MILLI, seconds, to_f64};
use crate::{Absent, Measure, measure::finite};

/// `(bid - ask) / (bid + ask)`, in `-1..=1`; positive predicts an up-tick.
///
/// One quantity of zero gives `±1`, which is right as arithmetic; whether it is a fact is for the caller to know. `None`
/// when both are zero, or one is negative.
///
/// # Source
/// Gould & Bonart (2016), "Queue Imbalance as a One-Tick-Ahead Price Predictor", section 2.
#[must_use]
pub fn queue_imbalance(bid: Qty, ask: Qty) -> Option<f64> {
    let (bid, ask) = (i128::from(bid.0), i128::from(ask.0));
    let total = bid + ask;
    (bid >= 0 && ask >= 0 && total > 0).then(|| to_f64(bid - ask) / to_f64(total))
}

/// How many time constants an average must have seen to be shown: 95 % of its weight.
const WARM_TIME_CONSTANTS: i64 = 3;

/// Time average of a value that holds until it changes, with exponentially fading memory.
///
/// `y += (1 - exp(-dt / tau)) * (x - y)`, where `x` is the value that held *during* `dt`: a value counts for as long as it
/// stood, a flicker for as little as it lasted, and looking more often changes nothing. The first value starts it.
///
/// # Source
/// Methods reference 2.1 (EWMA with `tau` = 0.2 s) and 0, numerical rule (c).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeldAverage {
    value: f64,
    held: Option<f64>,
    at: i64,
    coverage: Coverage,
}

impl Default for HeldAverage {
    fn default() -> Self {
        Self { value: 0.0, held: None, at: i64::MIN, coverage: Coverage::default() }
    }
}

impl HeldAverage {
    /// From `now` on the value is `next`; `None` when there is none, which leaves the average where it is.
    pub fn observe(&mut self, now: i64, next: Option<f64>, tau_ms: u32) {
        self.advance(now, tau_ms);
        self.held = next.filter(|next| next.is_finite());
        if let Some(next) = self.held {
            if self.coverage.nanos(now) == 0 {
                self.value = next;
            }
            self.coverage.start(now);
        }
    }

    /// Lets the time until `now` pass.
    pub fn advance(&mut self, now: i64, tau_ms: u32) {
        let elapsed = now.saturating_sub(self.at);
        if elapsed > 0 {
            if let Some(held) = self.held {
                let fade = -(-seconds(elapsed) / (f64::from(tau_ms) / 1e3)).exp_m1();
                self.value += fade * (held - self.value);
            }
            self.at = now;
        }
    }

    /// The average at the time of the last call.
    ///
    /// # Errors
    /// [`Absent::Cold`] or [`Absent::Resync`] until three time constants have passed.
    pub fn measure(&self, tau_ms: u32) -> Measure {
        self.coverage.check(self.at, WARM_TIME_CONSTANTS * i64::from(tau_ms) * MILLI)?;
        finite(self.value)
    }

    /// Data was lost: the next value starts the average again.
    pub fn reset_reference(&mut self) {
        self.held = None;
        self.coverage.interrupt();
    }

    /// How many time constants it has seen.
    #[must_use]
    pub fn n_eff(&self, tau_ms: u32) -> f64 {
        seconds(self.coverage.nanos(self.at)) / (f64::from(tau_ms) / 1e3)
    }

    /// True when [`measure`](Self::measure) has a value.
    #[must_use]
    pub fn is_warm(&self, tau_ms: u32) -> bool {
        self.measure(tau_ms).is_ok()
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.value.is_finite() && self.held.is_none_or(f64::is_finite)
    }
}

/// Queue imbalance as a feature, of the best levels as the venue shows them.
///
/// A quantity of zero beside a price is a fault of the data; a side without any level is a fact and gives `±1`.
///
/// # Errors
/// [`Absent::EmptySide`] when both sides are empty, [`Absent::ZeroSize`], or [`Absent::BadNumber`].
pub fn measure_queue_imbalance(bid: Option<Qty>, ask: Option<Qty>) -> Measure {
    let is_zero = |qty: Option<Qty>| qty == Some(Qty(0));
    if is_zero(bid) || is_zero(ask) {
        return Err(Absent::ZeroSize);
    }
    if bid.is_none() && ask.is_none() {
        return Err(Absent::EmptySide);
    }
    let value = queue_imbalance(bid.unwrap_or_default(), ask.unwrap_or_default());
    finite(value.ok_or(Absent::BadNumber)?)
}
