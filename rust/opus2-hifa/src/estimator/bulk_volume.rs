//! How much of a bar's volume bought, guessed from the bar's price change alone.

use statrs::function::beta::checked_beta_reg;
use statrs::function::erf::erfc;

use crate::{Absent, Measure, measure::finite};

/// The distribution that price changes are taken to have, in their own standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum MoveLaw {
    /// Normal.
    #[default]
    Normal,
    /// Student's t: fat tails, so that large moves say less.
    StudentT {
        /// Degrees of freedom, above 0; Easley et al. (2016) use 0.25.
        degrees: f64,
    },
}

/// Above so many degrees of freedom the incomplete beta function loses digits, and a normal approximation has them all.
const DEGREES_MANY: f64 = 1e5;

impl MoveLaw {
    /// The probability of a move of at most `z`.
    ///
    /// # Errors
    /// [`Absent::BadNumber`] for a `z` that is no number, or degrees of freedom that are not positive.
    pub fn probability(self, z: f64) -> Measure {
        if z.is_nan() {
            return Err(Absent::BadNumber);
        }
        match self {
            Self::Normal => finite(normal_below(z)),
            Self::StudentT { degrees } if degrees > DEGREES_MANY => {
                // Wallace's transformation to a normal variable, Abramowitz & Stegun 26.7.8; infinite degrees are normal.
                let shrink = (1.0 - 0.25 / degrees) / (1.0 + z * z / (2.0 * degrees)).sqrt();
                finite(normal_below(z * shrink))
            }
            Self::StudentT { degrees } if degrees > 0.0 => student_below(z, degrees),
            Self::StudentT { .. } => Err(Absent::BadNumber),
        }
    }
}

fn normal_below(z: f64) -> f64 {
    0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// Through the incomplete beta function of whichever of `t²/(df + t²)` and its complement is small: the other one loses
/// the digits of a small `t`.
fn student_below(t: f64, degrees: f64) -> Measure {
    let squared = t * t;
    let beta = |a: f64, b: f64, x: f64| checked_beta_reg(a, b, x).map_err(|_| Absent::BadNumber);
    if squared < degrees {
        let centre = 0.5 * beta(0.5, 0.5 * degrees, squared / (degrees + squared))?;
        return finite(if t < 0.0 { 0.5 - centre } else { 0.5 + centre });
    }
    let tail = 0.5 * beta(0.5 * degrees, 0.5, degrees / (degrees + squared))?;
    finite(if t < 0.0 { tail } else { 1.0 - tail })
}

/// The share of a bar's volume that bought, 0 to 1: `F(change / sigma)`.
///
/// `change` and its standard deviation `sigma` are in the same unit; `sigma` comes from a training span or from bars
/// before this one. No change gives one half, and so does a `sigma` of zero: without a scale no move says anything.
///
/// The aggressor of a trade is exact where a venue tells it. This is for bars without, and to cross-check.
///
/// # Errors
/// [`Absent::BadNumber`] for input that is not finite, a negative `sigma`, or degrees of freedom that are not positive.
///
/// # Source
/// Easley, López de Prado & O'Hara (2012), RFS 25(5); with Student's t: Easley et al. (2016), JFE 120(2); methods
/// reference 3.2.
pub fn buy_fraction(change: f64, sigma: f64, law: MoveLaw) -> Measure {
    if !change.is_finite() || !sigma.is_finite() || sigma < 0.0 {
        return Err(Absent::BadNumber);
    }
    // The law is asked in any case: its own parameter may be wrong.
    let z = if sigma > 0.0 { change / sigma } else { 0.0 };
    law.probability(z)
}

/// A bar's volume by side, in the unit it was given in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BulkVolume {
    /// Volume of aggressive buys.
    pub buy: f64,
    /// Volume of aggressive sells.
    pub sell: f64,
}

/// Splits a bar's volume by [`buy_fraction`]; the parts sum to the whole.
///
/// # Errors
/// As [`buy_fraction`]; also [`Absent::BadNumber`] for a volume that is negative or not finite.
pub fn split_volume(volume: f64, change: f64, sigma: f64, law: MoveLaw) -> Result<BulkVolume, Absent> {
    if !volume.is_finite() || volume < 0.0 {
        return Err(Absent::BadNumber);
    }
    let buy = finite(volume * buy_fraction(change, sigma, law)?)?;
    Ok(BulkVolume { buy, sell: finite(volume - buy)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(z: f64, law: MoveLaw, expect: f64) {
        let found = law.probability(z).unwrap();
        assert!(
            (found - expect).abs() <= 1e-12_f64.max(1e-10 * expect.abs()),
            "{law:?} {z}: {found} {expect}"
        );
    }

    fn student(degrees: f64) -> MoveLaw {
        MoveLaw::StudentT { degrees }
    }

    #[test]
    fn the_laws_have_their_known_values() {
        check(0.0, MoveLaw::Normal, 0.5);
        check(1.0, MoveLaw::Normal, 0.841_344_746_068_542_9);
        check(-5.0, MoveLaw::Normal, 2.866_515_718_791_933e-7);
        // One degree is Cauchy's law, two have a closed form.
        for t in [-40.0f64, -1.0, -1e-6, 0.0, 1e-9, 0.3, 1.0, 7.0, 1e6] {
            check(t, student(1.0), 0.5 + t.atan() / std::f64::consts::PI);
            check(t, student(2.0), 0.5 + t / (2.0 * (2.0 + t * t).sqrt()));
        }
    }

    #[test]
    fn a_fat_tail_says_less_about_the_same_move() {
        for z in [0.2, 1.0, 3.0, 10.0] {
            let mut before = 0.5;
            for law in [student(0.25), student(1.0), student(30.0), MoveLaw::Normal] {
                let found = law.probability(z).unwrap();
                assert!(found > before, "{law:?} {z}");
                before = found;
            }
        }
    }

    #[test]
    fn many_degrees_are_nearly_normal() {
        for degrees in [1e3, 0.99e5, 1.01e5, 1e7, 1e12, f64::INFINITY] {
            for z in [-3.0f64, -0.5, 0.1, 2.0] {
                // The first term of the expansion in 1 / degrees.
                let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
                let expect =
                    MoveLaw::Normal.probability(z).unwrap() - density * (z * z * z + z) / (4.0 * degrees);
                let found = student(degrees).probability(z).unwrap();
                assert!(
                    (found - expect).abs() < 1.0 / degrees.powi(2) + 2e-10,
                    "{degrees} {z}: {found} {expect}"
                );
            }
        }
    }

    #[test]
    fn nothing_known_is_one_half() {
        for law in [MoveLaw::Normal, student(0.25)] {
            assert_eq!(buy_fraction(0.0, 0.2, law), Ok(0.5));
            assert_eq!(buy_fraction(3.0, 0.0, law), Ok(0.5));
            assert_eq!(buy_fraction(0.0, 0.0, law), Ok(0.5));
        }
    }

    #[test]
    fn what_is_no_number_has_no_fraction() {
        for (change, sigma) in
            [(f64::NAN, 1.0), (f64::INFINITY, 1.0), (1.0, f64::NAN), (1.0, -1.0), (1.0, f64::INFINITY)]
        {
            assert_eq!(buy_fraction(change, sigma, MoveLaw::Normal), Err(Absent::BadNumber));
        }
        for degrees in [0.0, -1.0, f64::NAN] {
            assert_eq!(buy_fraction(0.0, 1.0, student(degrees)), Err(Absent::BadNumber));
        }
        for volume in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(split_volume(volume, 1.0, 1.0, MoveLaw::Normal), Err(Absent::BadNumber));
        }
        // A ratio beyond any number is a sure thing.
        assert_eq!(buy_fraction(1e300, 1e-300, MoveLaw::Normal), Ok(1.0));
        assert_eq!(buy_fraction(-1e300, 1e-300, student(2.0)), Ok(0.0));
    }
}
