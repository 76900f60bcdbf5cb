//! A straight line through the newest points, with fading memory.

use serde::{Deserialize, Serialize};

use crate::{Absent, Measure, measure::finite};

/// Weighted Welford regression of `y` on `x`: each point multiplies the weight of those before it by a decay.
///
/// With a decay of 1 it is ordinary least squares. Means and co-moments are updated, never sums of squares, so that
/// large levels cost no digits.
///
/// # Source
/// West (1979), CACM 22; methods reference 3.3.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EwRegression {
    weight: f64,
    /// Sum of the squared weights.
    weight_squared: f64,
    mean_x: f64,
    mean_y: f64,
    moment_xx: f64,
    moment_xy: f64,
    moment_yy: f64,
}

impl EwRegression {
    /// Takes the next point. One that is not finite, or whose squares are not, is passed over; so is every point under
    /// a decay outside `(0, 1]`.
    pub fn update(&mut self, x: f64, y: f64, decay: f64) {
        if !(decay > 0.0 && decay <= 1.0) {
            return;
        }
        let weight = decay * self.weight + 1.0;
        let (dx, dy) = (x - self.mean_x, y - self.mean_y);
        let (mean_x, mean_y) = (self.mean_x + dx / weight, self.mean_y + dy / weight);
        let next = Self {
            weight,
            weight_squared: decay * decay * self.weight_squared + 1.0,
            mean_x,
            mean_y,
            moment_xx: decay * self.moment_xx + dx * (x - mean_x),
            moment_xy: decay * self.moment_xy + dx * (y - mean_y),
            moment_yy: decay * self.moment_yy + dy * (y - mean_y),
        };
        if next.is_consistent() {
            *self = next;
        }
    }

    /// The line's slope, units of `y` per unit of `x`.
    ///
    /// # Errors
    /// [`Absent::Cold`] before the second point; [`Absent::NoEvents`] when all points have one `x`.
    pub fn slope(&self) -> Measure {
        if self.weight_squared <= 1.0 {
            return Err(Absent::Cold);
        }
        if self.moment_xx <= 0.0 {
            return Err(Absent::NoEvents);
        }
        finite(self.moment_xy / self.moment_xx)
    }

    /// The line's `y` at `x = 0`.
    ///
    /// # Errors
    /// As [`slope`](Self::slope).
    pub fn intercept(&self) -> Measure {
        finite(self.mean_y - self.slope()? * self.mean_x)
    }

    /// The share of the variance of `y` that the line explains, 0 to 1.
    ///
    /// # Errors
    /// As [`slope`](Self::slope); also [`Absent::NoEvents`] when all points have one `y`.
    pub fn r2(&self) -> Measure {
        let slope = self.slope()?;
        if self.moment_yy <= 0.0 {
            return Err(Absent::NoEvents);
        }
        finite((slope * (self.moment_xy / self.moment_yy)).clamp(0.0, 1.0))
    }

    /// The weight of all points, the newest of which counts one.
    #[must_use]
    pub const fn weight(&self) -> f64 {
        self.weight
    }

    /// The effective number of points: the square of the sum of their weights over the sum of their squares.
    #[must_use]
    pub fn n_eff(&self) -> f64 {
        if self.weight > 0.0 { self.weight * self.weight / self.weight_squared } else { 0.0 }
    }

    /// True when there is a line.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.slope().is_ok()
    }

    /// False for a loaded state that no points can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let parts = [self.mean_x, self.mean_y, self.moment_xy];
        let positive = [self.weight, self.weight_squared, self.moment_xx, self.moment_yy];
        parts.into_iter().all(f64::is_finite)
            && positive.into_iter().all(|part| part.is_finite() && part >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(points: &[(f64, f64)], slope: Measure, intercept: Measure, r2: Measure) {
        let mut line = EwRegression::default();
        for (x, y) in points {
            line.update(*x, *y, 0.9);
        }
        for (found, expect) in [(line.slope(), slope), (line.intercept(), intercept), (line.r2(), r2)] {
            match (found, expect) {
                (Ok(found), Ok(expect)) => {
                    assert!((found - expect).abs() <= 1e-9 * expect.abs(), "{found} {expect}");
                }
                (found, expect) => assert_eq!(found, expect),
            }
        }
    }

    #[test]
    fn points_on_a_line_give_the_line() {
        check(&[(0.0, 1.0), (1.0, 3.0), (5.0, 11.0)], Ok(2.0), Ok(1.0), Ok(1.0));
        check(&[(1e6, 1.0), (1e6 + 1.0, 3.0), (1e6 + 2.0, 5.0)], Ok(2.0), Ok(1.0 - 2e6), Ok(1.0));
        check(&[(0.0, 4.0), (1.0, 4.0), (2.0, 4.0)], Ok(0.0), Ok(4.0), Err(Absent::NoEvents));
    }

    #[test]
    fn without_two_places_there_is_no_line() {
        let none = |reason| Err(reason);
        check(&[], none(Absent::Cold), none(Absent::Cold), none(Absent::Cold));
        check(&[(3.0, 1.0)], none(Absent::Cold), none(Absent::Cold), none(Absent::Cold));
        let cause = Absent::NoEvents;
        check(&[(0.3, 1.0), (0.3, 2.0), (0.3, 5.0)], none(cause), none(cause), none(cause));
    }

    #[test]
    fn a_point_that_is_no_number_is_passed_over() {
        let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e200, f64::MAX];
        let mut points = vec![(0.0, 1.0)];
        points.extend(bad.map(|x| (x, 1.0)));
        points.extend(bad.map(|y| (2.0, y)));
        points.extend([(1.0, 3.0), (5.0, 11.0)]);
        check(&points, Ok(2.0), Ok(1.0), Ok(1.0));
        let mut line = EwRegression::default();
        for decay in [f64::NAN, 0.0, -1.0, 1.5] {
            line.update(1.0, 1.0, decay);
        }
        assert_eq!(line, EwRegression::default());
    }
}
