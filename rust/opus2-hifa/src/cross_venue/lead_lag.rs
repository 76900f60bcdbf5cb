//! Which of two paths moves first, and by how much.

use serde::{Deserialize, Serialize};

use super::hayashi_yoshida::{Increment, covariance, hayashi_yoshida, increments};
use crate::{Absent, Measure, measure::finite};

/// A time that can be moved: seconds of a series, or bins of a grid.
pub trait Time: PartialOrd + Copy + Default {
    /// The time `lag` earlier. Stays at the ends of its range.
    #[must_use]
    fn earlier_by(self, lag: Self) -> Self;
}

impl Time for f64 {
    fn earlier_by(self, lag: Self) -> Self {
        self - lag
    }
}

impl Time for i64 {
    fn earlier_by(self, lag: Self) -> Self {
        self.saturating_sub(lag)
    }
}

/// What a scan over lags has found so far.
///
/// A positive lag says that the first path leads. Of lags with equal `|correlation|` the first one scanned wins.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Contrast<T> {
    peak: Option<(T, f64)>,
    /// Sums of squared correlations at positive and at negative lags.
    leading: f64,
    trailing: f64,
}

impl<T: Time> Contrast<T> {
    /// Takes the correlation at the lag `theta`. What is not finite is passed over.
    pub fn push(&mut self, theta: T, correlation: f64) {
        if !correlation.is_finite() {
            return;
        }
        if theta > T::default() {
            self.leading += correlation * correlation;
        } else if theta < T::default() {
            self.trailing += correlation * correlation;
        }
        if self.peak.is_none_or(|(_, peak)| correlation.abs() > peak.abs()) {
            self.peak = Some((theta, correlation));
        }
    }

    /// The lag with the largest `|correlation|`, and that correlation with its sign.
    #[must_use]
    pub const fn peak(&self) -> Option<(T, f64)> {
        self.peak
    }

    /// The lead-lag ratio: squared correlations at positive lags over those at negative ones. Above 1 the first leads.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] when there is no correlation at negative lags.
    pub fn ratio(&self) -> Measure {
        if self.trailing > 0.0 { finite(self.leading / self.trailing) } else { Err(Absent::NoEvents) }
    }

    pub(super) fn is_consistent(&self) -> bool {
        let peak = self.peak.map_or(0.0, |(_, peak)| peak);
        [self.leading, self.trailing, peak.abs()].into_iter().all(|value| value.is_finite() && value >= 0.0)
    }
}

/// The whole scan of [`lead_lag`].
#[derive(Debug, Clone, PartialEq)]
pub struct LeadLag<T> {
    /// The correlation at each lag of the grid.
    pub correlations: Vec<Measure>,
    /// Peak and ratio.
    pub contrast: Contrast<T>,
}

/// The Hoffmann-Rosenbaum-Yoshida contrast: correlation of `x` with `y` moved back by each lag of `grid`.
///
/// Paths are `(time, log price)` in the order of time, lags are in the same unit. A positive lag says that `x` leads.
/// For a live market see [`LeadLagJob`](super::LeadLagJob), which does the same in small steps and without allocating.
///
/// # Errors
/// [`Absent::BadNumber`] when a price, or a sum, is not finite. A path that does not move is no error: it has no
/// correlation at any lag, no peak and no ratio.
///
/// # Source
/// Hoffmann, Rosenbaum & Yoshida (2013), Bernoulli 19(2); ratio: Huth & Abergel (2014), J. Empirical Finance 26;
/// methods reference 3.10.
pub fn lead_lag<T: Time>(x: &[(T, f64)], y: &[(T, f64)], grid: &[T]) -> Result<LeadLag<T>, Absent> {
    let at_zero = hayashi_yoshida(x, y)?;
    let mut contrast = Contrast::default();
    let correlation = |theta: &T| {
        let covariance = covariance(increments(x), moved_back(increments(y), *theta));
        let found = super::Covariation { covariance, ..at_zero }.correlation();
        if let Ok(correlation) = found {
            contrast.push(*theta, correlation);
        }
        found
    };
    let correlations = grid.iter().map(correlation).collect();
    Ok(LeadLag { correlations, contrast })
}

/// The same increments, each earlier by `theta`.
pub(super) fn moved_back<T: Time>(
    path: impl Iterator<Item = Increment<T>>,
    theta: T,
) -> impl Iterator<Item = Increment<T>> {
    path.map(move |increment| Increment {
        start: increment.start.earlier_by(theta),
        end: increment.end.earlier_by(theta),
        ..increment
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jumps of +1 or -1 at irregular times, the second path three units later.
    fn paths() -> [Vec<(i64, f64)>; 2] {
        let (mut at, mut level) = (0, 0.0);
        let mut path = vec![(at, level)];
        for (gap, up) in [(7, 1.0), (11, -1.0), (8, 1.0), (13, 1.0), (9, -1.0), (10, -1.0)] {
            at += gap;
            level += up;
            path.push((at, level));
        }
        let later = path.iter().map(|(at, level)| (at + 3, *level)).collect();
        [path, later]
    }

    #[track_caller]
    fn check(grid: &[i64], expect: Option<(i64, f64)>, leads: Result<bool, Absent>) {
        let [x, y] = paths();
        let found = lead_lag(&x, &y, grid).unwrap();
        assert_eq!(found.contrast.peak(), expect);
        assert_eq!(found.contrast.ratio().map(|ratio| ratio > 1.0), leads);
        assert_eq!(found.correlations.len(), grid.len());
    }

    #[test]
    fn a_positive_lag_says_that_the_first_leads() {
        check(&[-6, -3, 0, 3, 6], Some((3, 1.0)), Ok(true));
    }

    #[test]
    fn of_equal_peaks_the_first_scanned_wins() {
        check(&[3, 3], Some((3, 1.0)), Err(Absent::NoEvents));
        let mut contrast = Contrast::default();
        for theta in [5, -5, 9] {
            contrast.push(theta, if theta == 9 { 0.5 } else { -0.75 });
        }
        assert_eq!(contrast.peak(), Some((5, -0.75)));
    }

    #[test]
    fn an_empty_grid_has_no_peak() {
        check(&[], None, Err(Absent::NoEvents));
    }

    #[test]
    fn a_path_that_does_not_move_has_no_peak() {
        let [x, _] = paths();
        let found = lead_lag(&x, &[(0, 1.0), (50, 1.0)], &[0, 3]).unwrap();
        assert_eq!(found.correlations, [Err(Absent::NoEvents); 2]);
        assert_eq!(found.contrast.peak(), None);
    }
}
