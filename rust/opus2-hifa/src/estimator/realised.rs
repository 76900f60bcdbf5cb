//! Realised variance, the part of it that is not jumps, and whether there was one.

use serde::{Deserialize, Serialize};

use super::ring::Ring;
use crate::{Absent, Measure, exact::to_f64, measure::finite};

/// Above this the ratio statistic says that there was a jump: one-sided, 1 %.
pub const JUMP_Z_CRITICAL: f64 = 2.326;
/// Returns of 5 s in 15 minutes.
pub const REALISED_RETURNS: u16 = 180;

/// `E|Z|^(4/3)` of a standard normal `Z`, to the power -3: `(2^(2/3) G(7/6) / G(1/2))^-3`.
const QUARTICITY_SCALE: f64 = 1.743_472_074_531_983_6;
/// `pi² / 4 + pi - 5`: the variance of the ratio statistic in units of quarticity over squared variance.
const RATIO_VARIANCE: f64 = std::f64::consts::PI * std::f64::consts::PI / 4.0 + std::f64::consts::PI - 5.0;

/// What a span of returns says of its variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Realised {
    /// Realised variance: the sum of squared returns.
    pub variance: Measure,
    /// Bipower variation: the variance without jumps, from products of neighbours.
    pub bipower: Measure,
    /// The share of the variance that is jumps; below zero by chance.
    pub relative_jump: Measure,
    /// Tripower quarticity: how sure the variance is.
    pub tripower: Measure,
    /// The relative jump in its own standard errors.
    pub z_ratio: Measure,
}

impl Realised {
    /// Nothing, for one reason.
    const fn absent(reason: Absent) -> Self {
        let none = Err(reason);
        Self { variance: none, bipower: none, relative_jump: none, tripower: none, z_ratio: none }
    }

    /// Of log returns in their order. Returns that are not finite are passed over.
    ///
    /// Without any variance there is nothing at all ([`Absent::NoEvents`]). Bipower variation needs two returns, tripower
    /// quarticity and the statistic three ([`Absent::Cold`]); the statistic has no value when no two neighbours moved.
    ///
    /// # Source
    /// Barndorff-Nielsen & Shephard (2004), J. Financial Econometrics 2(1); ratio statistic: Huang & Tauchen (2005);
    /// methods reference 3.5.
    #[must_use]
    pub fn of(returns: impl IntoIterator<Item = f64>) -> Self {
        let (mut squares, mut pairs, mut triples) = (0.0, 0.0, 0.0);
        let mut count = 0i64;
        // The returns before: size, and size to the power of 4/3.
        let (mut one, mut two) = ((0.0, 0.0), (0.0, 0.0));
        for size in returns.into_iter().filter(|value| value.is_finite()).map(f64::abs) {
            let root = size.cbrt();
            let power = root * size;
            squares += size * size;
            pairs += size * one.0;
            triples += power * one.1 * two.1;
            (one, two) = ((size, power), one);
            count += 1;
        }
        if squares <= 0.0 {
            return Self::absent(Absent::NoEvents);
        }
        let n = to_f64(count.into());
        let from = |least: i64, value: f64| if count < least { Err(Absent::Cold) } else { finite(value) };
        let bipower = from(2, std::f64::consts::FRAC_PI_2 * n / (n - 1.0) * pairs);
        let tripower = from(3, QUARTICITY_SCALE * n * n / (n - 2.0) * triples);
        let relative_jump = bipower.and_then(|bipower| finite((squares - bipower) / squares));
        Self {
            variance: finite(squares),
            bipower,
            relative_jump,
            tripower,
            z_ratio: z_ratio(relative_jump, bipower, tripower, n),
        }
    }

    /// Whether there was a jump, at the level of 1 %.
    ///
    /// # Errors
    /// The statistic has no value.
    pub fn is_jump(&self) -> Result<bool, Absent> {
        self.z_ratio.map(|z| z > JUMP_Z_CRITICAL)
    }
}

fn z_ratio(relative_jump: Measure, bipower: Measure, tripower: Measure, n: f64) -> Measure {
    let (relative_jump, bipower, tripower) = (relative_jump?, bipower?, tripower?);
    if bipower <= 0.0 {
        return Err(Absent::NoEvents);
    }
    // In two divisions: the square of a small variance may be no number.
    let unevenness = (tripower / bipower / bipower).max(1.0);
    finite(relative_jump / (RATIO_VARIANCE / n * unevenness).sqrt())
}

/// [`Realised`] over the last [`REALISED_RETURNS`] returns.
///
/// Returns over less than a few seconds are dominated by the bounce between bid and ask. A return over lost data is not
/// given; its neighbours then count as neighbours of each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RealisedWindow {
    returns: Ring<f64>,
}

impl Default for RealisedWindow {
    fn default() -> Self {
        Self { returns: Ring::new(REALISED_RETURNS) }
    }
}

impl RealisedWindow {
    /// Takes the next log return. One that is not finite is passed over.
    pub fn update(&mut self, log_return: f64) {
        if log_return.is_finite() {
            self.returns.push(log_return);
        }
    }

    /// What the window says; all [`Absent::Cold`] until it is full. O(window): ask once a return.
    #[must_use]
    pub fn measure(&self) -> Realised {
        if self.is_warm() { Realised::of(self.returns.iter()) } else { Realised::absent(Absent::Cold) }
    }

    /// How many returns it holds.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        self.returns.iter().map(|_| 1.0).sum()
    }

    /// True when it is full.
    #[must_use]
    pub const fn is_warm(&self) -> bool {
        self.returns.is_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variance, bipower, relative jump, tripower, statistic.
    #[track_caller]
    fn check(returns: &[f64], expect: [Measure; 5]) {
        let found = Realised::of(returns.iter().copied());
        let found = [found.variance, found.bipower, found.relative_jump, found.tripower, found.z_ratio];
        for (found, expect) in found.into_iter().zip(expect) {
            match (found, expect) {
                (Ok(found), Ok(expect)) => {
                    assert!((found - expect).abs() <= 1e-9 * expect.abs(), "{found} {expect}");
                }
                (found, expect) => assert_eq!(found, expect),
            }
        }
    }

    #[test]
    fn short_spans_say_less() {
        let cold = Err(Absent::Cold);
        check(&[], [Err(Absent::NoEvents); 5]);
        check(&[0.0, 0.0, 0.0], [Err(Absent::NoEvents); 5]);
        check(&[0.5, f64::NAN, f64::INFINITY], [Ok(0.25), cold, cold, cold, cold]);
        let pi = std::f64::consts::PI;
        check(&[0.5, -0.5], [Ok(0.5), Ok(pi / 4.0), Ok(1.0 - pi / 2.0), cold, cold]);
    }

    #[test]
    fn a_move_alone_has_no_statistic() {
        let none = Err(Absent::NoEvents);
        check(&[0.0, 0.5, 0.0, 0.0], [Ok(0.25), Ok(0.0), Ok(1.0), Ok(0.0), none]);
    }

    #[test]
    fn a_jump_among_even_returns_is_found() {
        let even = |at: usize| if at.is_multiple_of(2) { 1e-4 } else { -1e-4 };
        let returns = |jump: f64| (0..180).map(move |at| if at == 90 { jump } else { even(at) });
        assert_eq!(Realised::of(returns(1e-4)).is_jump(), Ok(false));
        assert_eq!(Realised::of(returns(5e-3)).is_jump(), Ok(true));
        let mut window = RealisedWindow::default();
        assert_eq!(window.measure().is_jump(), Err(Absent::Cold));
        for value in returns(0.0).chain(returns(5e-3)) {
            window.update(value);
            window.update(f64::NAN);
        }
        assert_eq!(window.measure(), Realised::of(returns(5e-3)));
    }

    #[test]
    fn returns_beyond_any_price_are_no_number() {
        let bad = Err(Absent::BadNumber);
        assert_eq!(Realised::of([1e200, -1e200, 1e200]).variance, bad);
        assert_eq!(Realised::of([1e200, -1e200, 1e200]).is_jump(), bad.map(|_: f64| true));
    }
}
