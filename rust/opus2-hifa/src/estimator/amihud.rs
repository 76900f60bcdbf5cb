//! Amihud's illiquidity: how much the price moves for the money traded.

use serde::{Deserialize, Serialize};

use super::ring::Ring;
use crate::{Absent, Measure, exact::to_f64, measure::finite};

/// How many bars of a minute it is taken over.
pub const AMIHUD_BARS: u16 = 60;

/// `|r| / notional` of one bar; `None` when nothing traded, or for what is no number.
fn ratio(log_return: f64, notional: f64) -> Option<f64> {
    let ratio = log_return.abs() / notional;
    (notional > 0.0 && notional.is_finite() && ratio.is_finite()).then_some(ratio)
}

fn mean(ratios: impl Iterator<Item = f64>) -> Measure {
    let (sum, count) = ratios.fold((0.0, 0i64), |(sum, count), ratio| (sum + ratio, count + 1));
    if count == 0 {
        return Err(Absent::NoEvents);
    }
    finite(sum / to_f64(count.into()))
}

/// The mean of `|return| / notional` over bars, per quote unit. Bars are pairs of log return and notional; those in which
/// nothing traded are passed over.
///
/// # Errors
/// [`Absent::NoEvents`] when nothing traded in any.
///
/// # Source
/// Amihud (2002), J. Financial Markets 5(1); methods reference 3.4.
pub fn illiquidity(bars: impl IntoIterator<Item = (f64, f64)>) -> Measure {
    mean(bars.into_iter().filter_map(|(log_return, notional)| ratio(log_return, notional)))
}

/// [`illiquidity`] of the last hour, in bars of a minute. Slow: a description of the day, not a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Amihud {
    /// `|r| / notional` of the newest bars; `None` where nothing traded.
    ratios: Ring<Option<f64>>,
}

impl Default for Amihud {
    fn default() -> Self {
        Self { ratios: Ring::new(AMIHUD_BARS) }
    }
}

impl Amihud {
    /// Takes the next bar: its log return, and what traded in quote units. A bar with a hole in its data is not given.
    pub fn update(&mut self, log_return: f64, notional: f64) {
        self.ratios.push(ratio(log_return, notional));
    }

    /// The mean of `|return| / notional`, per quote unit.
    ///
    /// # Errors
    /// [`Absent::Cold`] until there are bars enough; [`Absent::NoEvents`] when nothing traded in any.
    pub fn measure(&self) -> Measure {
        if !self.is_warm() {
            return Err(Absent::Cold);
        }
        mean(self.ratios.iter().flatten())
    }

    /// As it is reported: per million quote units.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    pub fn per_million(&self) -> Measure {
        finite(self.measure()? * 1e6)
    }

    /// How many bars with trades it rests on.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        self.ratios.iter().flatten().map(|_| 1.0).sum()
    }

    /// True when the hour is full.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.ratios.is_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bars: &[(f64, f64)], expect: Measure) {
        let found = illiquidity(bars.iter().copied());
        let mut online = Amihud::default();
        // What is older than an hour does not count.
        for _ in 0..AMIHUD_BARS {
            online.update(1.0, 1.0);
        }
        for _ in bars.len()..AMIHUD_BARS.into() {
            online.update(1.0, 0.0);
        }
        for (log_return, notional) in bars {
            online.update(*log_return, *notional);
        }
        for found in [found, online.measure(), online.per_million().map(|value| value / 1e6)] {
            match (found, expect) {
                (Ok(found), Ok(expect)) => assert!((found - expect).abs() < 1e-18, "{found} {expect}"),
                (found, expect) => assert_eq!(found, expect),
            }
        }
    }

    #[test]
    fn bars_without_trades_are_passed_over() {
        check(&[(0.001, 50_000.0), (-0.002, 100_000.0), (0.5, 0.0)], Ok(2e-8));
        check(&[(0.0, 50_000.0)], Ok(0.0));
        check(&[], Err(Absent::NoEvents));
        check(&[(0.1, 0.0), (0.2, -1.0), (f64::NAN, 1.0), (0.1, f64::NAN)], Err(Absent::NoEvents));
        check(&[(0.1, f64::INFINITY), (f64::INFINITY, 1.0)], Err(Absent::NoEvents));
    }

    #[test]
    fn it_is_cold_for_an_hour() {
        let mut amihud = Amihud::default();
        for _ in 1..AMIHUD_BARS {
            amihud.update(0.001, 1.0);
        }
        assert_eq!(amihud.measure(), Err(Absent::Cold));
        amihud.update(0.001, 1.0);
        assert!(amihud.is_warm() && (amihud.n_eff() - 60.0).abs() < 1e-9);
    }
}
