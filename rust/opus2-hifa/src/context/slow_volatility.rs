//! The volatility of the last half hour.

use serde::{Deserialize, Serialize};

use super::{Bar, BarSpan};
use crate::estimator::volatility::{EwVariance, VarianceMemory};
use crate::{Absent, Measure, measure::finite};

/// Half an hour, known after five minutes.
pub const SLOW_MEMORY: VarianceMemory = VarianceMemory { tau_secs: 1_800.0, warm_up_secs: 300.0 };

/// Seconds in a year of 365 days: the market never closes.
const YEAR_SECS: f64 = 365.0 * 86_400.0;

/// Time-weighted variance of the mid's returns over bars; the slow companion of stage 1's volatility, which has a time
/// constant of a minute. Long memory: nothing resets it, a broken bar is passed over.
///
/// # Source
/// Methods reference 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SlowVolatility {
    variance: EwVariance,
}

impl SlowVolatility {
    /// Takes the next bar of this length. One without a return is passed over.
    pub fn update(&mut self, bar: &Bar, span: BarSpan, memory: &VarianceMemory) {
        if let Ok(log_return) = bar.log_return() {
            self.variance.update(log_return, span.secs().into(), memory);
        }
    }

    /// Standard deviation of log returns per square root of a second.
    ///
    /// # Errors
    /// [`Absent::Cold`] during the warm-up.
    pub fn measure(&self) -> Measure {
        finite(self.variance.per_sqrt_second().ok_or(Absent::Cold)?)
    }

    /// Standard deviation of log returns per square root of a year of 365 days.
    ///
    /// # Errors
    /// [`Absent::Cold`] during the warm-up.
    pub fn annual(&self) -> Measure {
        finite(self.measure()? * YEAR_SECS.sqrt())
    }

    /// The effective number of bars.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        self.variance.n_eff()
    }

    /// True after the warm-up.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.variance.is_warm()
    }

    /// False for a loaded state that no bars can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.variance.is_consistent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bars: u32, expect: Measure) {
        let mut slow = SlowVolatility::default();
        let bar = Bar { mid_open_doubled: Some(20_000), mid_close_doubled: Some(20_002), ..Bar::default() };
        for _ in 0..bars {
            slow.update(&bar, BarSpan::Second, &SLOW_MEMORY);
            slow.update(&Bar { is_broken: true, ..bar }, BarSpan::Second, &SLOW_MEMORY);
            slow.update(&Bar::default(), BarSpan::Second, &SLOW_MEMORY);
        }
        for (found, expect) in
            [(slow.measure(), expect), (slow.annual(), expect.map(|x| x * YEAR_SECS.sqrt()))]
        {
            match (found, expect) {
                (Ok(found), Ok(expect)) => assert!((found - expect).abs() < 1e-9, "{found} {expect}"),
                (found, expect) => assert_eq!(found, expect),
            }
        }
        assert_eq!(slow.is_warm(), expect.is_ok());
    }

    #[test]
    fn even_returns_are_the_volatility_after_the_warm_up() {
        check(299, Err(Absent::Cold));
        check(300, Ok(1.0001f64.ln()));
        check(5_000, Ok(1.0001f64.ln()));
    }
}
