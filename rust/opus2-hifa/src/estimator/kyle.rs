//! Kyle's lambda: how far signed volume moves the mid.

use serde::{Deserialize, Serialize};

use super::ew_regression::EwRegression;
use crate::{Absent, Measure, measure::finite};

/// How lambda forgets, and when it is believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LambdaSettings {
    /// Length of a bar, s.
    pub bar_secs: f64,
    /// In how much time the weight of a bar halves, s.
    pub half_life_secs: f64,
    /// The weight of all bars from which there is a value; the newest bar counts one.
    pub weight_min: f64,
}

impl Default for LambdaSettings {
    fn default() -> Self {
        Self { bar_secs: 1.0, half_life_secs: 600.0, weight_min: 60.0 }
    }
}

impl LambdaSettings {
    /// `2^(-bar / half-life)`: what one bar leaves of the weight of those before it.
    #[must_use]
    pub fn decay(&self) -> f64 {
        (-self.bar_secs / self.half_life_secs).exp2()
    }
}

/// The regression `change of mid = alpha + lambda * signed volume` over bars of equal length.
///
/// Bars without trades and without moves are points like any other. A bar with a hole in its data is simply not given;
/// the memory is long, and nothing resets it.
///
/// # Source
/// Kyle (1985), Econometrica 53(6); methods reference 3.3.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct KyleLambda {
    regression: EwRegression,
}

impl KyleLambda {
    /// Takes one bar: buys minus sells in base units, and the change of the mid in quote units. What is not finite is
    /// passed over.
    pub fn update(&mut self, signed_volume: f64, mid_change: f64, settings: &LambdaSettings) {
        self.regression.update(signed_volume, mid_change, settings.decay());
    }

    /// Lambda, quote units of price per base unit. It may be negative: then volume came against the move.
    ///
    /// # Errors
    /// [`Absent::Cold`] until the bars weigh enough; [`Absent::NoEvents`] while they all have the same signed volume.
    pub fn measure(&self, settings: &LambdaSettings) -> Measure {
        if !self.is_warm(settings) {
            return Err(Absent::Cold);
        }
        self.regression.slope()
    }

    /// The move of the mid, in quote units, that trading `volume` base units at once is expected to make; at least 0. The
    /// sign of `volume` does not matter: a lambda below zero counts as zero.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    pub fn impact(&self, volume: f64, settings: &LambdaSettings) -> Measure {
        finite(self.measure(settings)?.max(0.0) * volume.abs())
    }

    /// Lambda as basis points of the mid per 100 000 quote units traded, comparable across instruments.
    ///
    /// # Errors
    /// As [`measure`](Self::measure); [`Absent::BadNumber`] for a mid that is not positive.
    pub fn bps_per_100k_quote(&self, mid: f64, settings: &LambdaSettings) -> Measure {
        let lambda = self.measure(settings)?;
        if mid.is_nan() || mid <= 0.0 {
            return Err(Absent::BadNumber);
        }
        finite(lambda * (1e5 / mid) / mid * 1e4)
    }

    /// The share of the mid's variance that signed volume explains, 0 to 1.
    ///
    /// # Errors
    /// As [`measure`](Self::measure); also [`Absent::NoEvents`] when the mid did not move.
    pub fn r2(&self, settings: &LambdaSettings) -> Measure {
        self.measure(settings)?;
        self.regression.r2()
    }

    /// The effective number of bars.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        self.regression.n_eff()
    }

    /// True when the bars weigh enough.
    #[must_use]
    pub fn is_warm(&self, settings: &LambdaSettings) -> bool {
        self.regression.weight() >= settings.weight_min
    }

    /// False for a loaded state that no bars can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.regression.is_consistent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `bars` bars whose mid moves `lambda` a unit of volume, with a volume that goes up and down.
    fn fed(bars: u32, lambda: f64) -> KyleLambda {
        let mut kyle = KyleLambda::default();
        for bar in 0..bars {
            let volume = f64::from(bar % 7) - 3.0;
            kyle.update(volume, lambda * volume, &LambdaSettings::default());
        }
        kyle
    }

    #[track_caller]
    fn check(kyle: KyleLambda, lambda: Measure, impact: Measure, bps: Measure) {
        let settings = LambdaSettings::default();
        let found =
            [kyle.measure(&settings), kyle.impact(-2.0, &settings), kyle.bps_per_100k_quote(1e3, &settings)];
        for (found, expect) in found.into_iter().zip([lambda, impact, bps]) {
            match (found, expect) {
                (Ok(found), Ok(expect)) => assert!((found - expect).abs() < 1e-9, "{found} {expect}"),
                (found, expect) => assert_eq!(found, expect),
            }
        }
    }

    #[test]
    fn the_slope_that_was_planted_is_found() {
        check(fed(100, 0.25), Ok(0.25), Ok(0.5), Ok(250.0));
    }

    #[test]
    fn a_lambda_below_zero_is_reported_but_moves_nothing() {
        check(fed(100, -0.25), Ok(-0.25), Ok(0.0), Ok(-250.0));
    }

    #[test]
    fn it_is_cold_until_the_bars_weigh_enough() {
        // Sixty bars weigh a little less than sixty.
        let cold = Err(Absent::Cold);
        check(fed(60, 0.25), cold, cold, cold);
        check(fed(63, 0.25), Ok(0.25), Ok(0.5), Ok(250.0));
    }

    #[test]
    fn bars_without_volume_have_no_lambda() {
        let mut kyle = KyleLambda::default();
        for bar in 0..100 {
            kyle.update(0.0, f64::from(bar), &LambdaSettings::default());
        }
        let none = Err(Absent::NoEvents);
        check(kyle, none, none, none);
        assert_eq!(fed(100, 0.1).bps_per_100k_quote(0.0, &LambdaSettings::default()), Err(Absent::BadNumber));
    }
}
