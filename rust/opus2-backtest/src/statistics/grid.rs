//! From equity whenever it changed to equity on a fixed grid.

use opus2_types::UnixNanos;

/// An hour, ns: the grid of spans up to [`HOURLY_SPAN_DAYS_MAX`].
pub const HOUR_NS: i64 = 3_600 * 1_000_000_000;

/// A day, ns: the grid of longer spans.
pub const DAY_NS: i64 = 24 * HOUR_NS;

/// The longest span, in days, of which hourly returns are taken.
pub const HOURLY_SPAN_DAYS_MAX: i64 = 60;

/// The most points that a grid may have: a century of hours.
pub const GRID_POINTS_MAX: usize = 876_600;

/// The step for a span: an hour, or a day beyond [`HOURLY_SPAN_DAYS_MAX`] days.
#[must_use]
pub const fn grid_step_ns(span_ns: i64) -> i64 {
    if span_ns > HOURLY_SPAN_DAYS_MAX * DAY_NS { DAY_NS } else { HOUR_NS }
}

/// How many steps of a grid a year of 365 days has; zero for a step that is not positive.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a step is far below 2^53 ns")]
pub fn periods_per_year(step_ns: i64) -> f64 {
    if step_ns > 0 { 365.0 * DAY_NS as f64 / step_ns as f64 } else { 0.0 }
}

/// The equity at the first point's time and every `step_ns` after it, up to the last point: what was last known then, so
/// that flat times give returns of zero.
///
/// Points are in the order of their times. `None` when they are not, for a step that is not positive, or for more than
/// [`GRID_POINTS_MAX`] steps. No points give an empty grid.
#[must_use]
pub fn on_grid(points: &[(UnixNanos, f64)], step_ns: i64) -> Option<Vec<f64>> {
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else {
        return Some(Vec::new());
    };
    if step_ns <= 0 || points.windows(2).any(|pair| pair[1].0 < pair[0].0) {
        return None;
    }
    let steps = (i128::from(last.0) - i128::from(first.0)) / i128::from(step_ns);
    let len = usize::try_from(steps).ok().filter(|steps| *steps < GRID_POINTS_MAX)? + 1;
    let (mut grid, mut at, mut next) = (Vec::with_capacity(len), *first, 0);
    let mut known = points[0].1;
    for _ in 0..len {
        while let Some((_, equity)) = points.get(next).filter(|(time, _)| *time <= at) {
            known = *equity;
            next += 1;
        }
        grid.push(known);
        at = at.plus(step_ns);
    }
    Some(grid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(points: &[(i64, f64)], step_ns: i64, expect: Option<&[f64]>) {
        let points: Vec<_> = points.iter().map(|&(at, equity)| (UnixNanos(at), equity)).collect();
        assert_eq!(on_grid(&points, step_ns).as_deref(), expect);
    }

    #[test]
    fn a_grid_holds_what_was_last_known() {
        check(&[], 10, Some(&[]));
        check(&[(7, 1.0)], 10, Some(&[1.0]));
        check(&[(0, 1.0), (5, 2.0), (10, 3.0), (31, 4.0)], 10, Some(&[1.0, 3.0, 3.0, 3.0]));
        check(&[(0, 1.0), (0, 2.0), (10, 3.0)], 10, Some(&[2.0, 3.0]));
    }

    #[test]
    fn a_grid_that_cannot_be_is_none() {
        check(&[(5, 1.0), (4, 1.0)], 10, None);
        check(&[(5, 1.0)], 0, None);
        check(&[(i64::MIN, 1.0), (i64::MAX, 1.0)], 1, None);
    }

    #[test]
    fn the_step_is_an_hour_and_a_day_for_long_spans() {
        assert_eq!((grid_step_ns(60 * DAY_NS), grid_step_ns(61 * DAY_NS)), (HOUR_NS, DAY_NS));
        let exact = [HOUR_NS, DAY_NS].map(|step| format!("{}", periods_per_year(step)));
        assert_eq!(exact, ["8760", "365"]);
    }
}
