//! Covariance of two paths that are observed at different times.

use crate::{Absent, Measure, measure::finite};

/// How far a path moved over `(start, end]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Increment<T> {
    /// Left end of the interval, which does not belong to it.
    pub start: T,
    /// Right end, which does.
    pub end: T,
    /// The move of the log price.
    pub change: f64,
}

/// What two paths moved, each by itself and together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Covariation {
    /// Sum of the products over all pairs of intervals that overlap. Positive when the paths move the same way.
    pub covariance: f64,
    /// Realised variance of the first path: the sum of its squared increments.
    pub variance_x: f64,
    /// Realised variance of the second path.
    pub variance_y: f64,
}

impl Covariation {
    /// The covariance over the root of both variances. May lie outside `[-1, 1]`: with few increments the estimator
    /// of the covariance is not bounded by those of the variances.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when one of the paths did not move, [`Absent::BadNumber`] when the result is not finite.
    pub fn correlation(&self) -> Measure {
        let product = self.variance_x * self.variance_y;
        if product == 0.0 {
            return Err(Absent::NoEvents);
        }
        finite(self.covariance / product.sqrt())
    }
}

/// The Hayashi-Yoshida sum: products of the increments of all pairs of intervals that have a time in common.
///
/// Both sequences are in the order of time; of one that is not, pairs are missed. Increments of zero may be left out.
/// O(n + m): the interval that ends first is the one to leave.
#[must_use]
pub fn covariance<T: PartialOrd + Copy>(
    x: impl IntoIterator<Item = Increment<T>>,
    y: impl IntoIterator<Item = Increment<T>>,
) -> f64 {
    let (mut x, mut y) = (x.into_iter(), y.into_iter());
    let (mut in_x, mut in_y) = (x.next(), y.next());
    let mut sum = 0.0;
    while let (Some(a), Some(b)) = (in_x, in_y) {
        // The larger start before the smaller end.
        if a.start < b.end && b.start < a.end && a.start < a.end && b.start < b.end {
            sum += a.change * b.change;
        }
        if a.end <= b.end {
            in_x = x.next();
        } else {
            in_y = y.next();
        }
    }
    sum
}

/// The intervals between consecutive observations `(time, log price)`.
pub fn increments<T: Copy>(path: &[(T, f64)]) -> impl Iterator<Item = Increment<T>> + Clone {
    path.windows(2).filter_map(|pair| match *pair {
        [(start, from), (end, to)] => Some(Increment { start, end, change: to - from }),
        _ => None,
    })
}

/// The sum of the squared increments.
#[must_use]
pub fn realised_variance<T>(path: impl IntoIterator<Item = Increment<T>>) -> f64 {
    path.into_iter().map(|increment| increment.change * increment.change).sum()
}

/// Covariance and variances of two paths of `(time, log price)`, in the order of time and in any common unit of it.
///
/// A path of fewer than two observations has a variance of zero, and no correlation. How many increments make the
/// number worth anything is for the caller to say: [`correlate`](super::correlate) asks for
/// [`INCREMENTS_MIN`](super::INCREMENTS_MIN).
///
/// # Errors
/// [`Absent::BadNumber`] when a price, or a sum, is not finite.
///
/// # Source
/// Hayashi & Yoshida (2005), Bernoulli 11(2); methods reference 3.9.
pub fn hayashi_yoshida<T: PartialOrd + Copy>(x: &[(T, f64)], y: &[(T, f64)]) -> Result<Covariation, Absent> {
    Ok(Covariation {
        covariance: finite(covariance(increments(x), increments(y)))?,
        variance_x: finite(realised_variance(increments(x)))?,
        variance_y: finite(realised_variance(increments(y)))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(x: &[(i64, f64)], y: &[(i64, f64)], expect: Result<[f64; 3], Absent>, correlation: Measure) {
        let found = hayashi_yoshida(x, y);
        assert_eq!(found.map(|found| [found.covariance, found.variance_x, found.variance_y]), expect);
        assert_eq!(found.and_then(|found| found.correlation()), correlation);
    }

    #[test]
    fn a_path_that_does_not_move_has_no_correlation() {
        let moving = [(0, 0.0), (2, 1.0), (4, 3.0)];
        check(&[], &[], Ok([0.0; 3]), Err(Absent::NoEvents));
        check(&[(1, 7.0)], &moving, Ok([0.0, 0.0, 5.0]), Err(Absent::NoEvents));
        check(&[(0, 7.0), (4, 7.0)], &moving, Ok([0.0, 0.0, 5.0]), Err(Absent::NoEvents));
    }

    #[test]
    fn intervals_that_only_touch_do_not_overlap() {
        check(&[(0, 0.0), (2, 1.0)], &[(2, 0.0), (4, 1.0)], Ok([0.0, 1.0, 1.0]), Ok(0.0));
        check(&[(0, 0.0), (3, 1.0)], &[(2, 0.0), (4, 1.0)], Ok([1.0, 1.0, 1.0]), Ok(1.0));
    }

    #[test]
    fn an_interval_of_no_length_overlaps_nothing() {
        check(&[(1, 0.0), (1, 1.0)], &[(0, 0.0), (2, 1.0)], Ok([0.0, 1.0, 1.0]), Ok(0.0));
    }

    #[test]
    fn a_price_that_is_no_number_gives_none() {
        let bad = Err(Absent::BadNumber);
        check(&[(0, 0.0), (1, f64::NAN)], &[(0, 0.0), (1, 1.0)], bad, Err(Absent::BadNumber));
    }
}
