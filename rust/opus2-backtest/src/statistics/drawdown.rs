//! How far and how long equity was below its peak.

/// The drawdown of an equity path that is told point by point.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RunningDrawdown {
    peak: Option<f64>,
    deepest: f64,
    below: usize,
    longest: usize,
}

impl RunningDrawdown {
    /// The next point. One that is not finite, and all before the first positive one, are passed over.
    pub fn update(&mut self, equity: f64) {
        if !equity.is_finite() {
            return;
        }
        match self.peak {
            Some(peak) if equity < peak => {
                self.deepest = self.deepest.max(1.0 - equity / peak).min(f64::MAX);
                self.below += 1;
                self.longest = self.longest.max(self.below);
            }
            _ if equity > 0.0 => {
                self.peak = Some(equity);
                self.below = 0;
            }
            _ => {}
        }
    }

    /// `max(1 - E / running peak)`: 0 when never below the peak, above 1 when equity went below zero. `None` before the
    /// first positive point.
    #[must_use]
    pub fn deepest(&self) -> Option<f64> {
        self.peak.map(|_| self.deepest)
    }

    /// The most points in a row that lay below the peak.
    #[must_use]
    pub const fn longest(&self) -> usize {
        self.longest
    }
}

/// The drawdown of a whole path.
#[must_use]
pub fn drawdown(path: impl IntoIterator<Item = f64>) -> RunningDrawdown {
    let mut running = RunningDrawdown::default();
    path.into_iter().for_each(|equity| running.update(equity));
    running
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &[f64], deepest: Option<f64>, longest: usize) {
        let running = drawdown(path.iter().copied());
        assert_eq!((running.deepest(), running.longest()), (deepest, longest));
    }

    #[test]
    fn a_drawdown_is_measured_from_the_running_peak() {
        check(&[], None, 0);
        check(&[-1.0, 0.0, f64::NAN], None, 0);
        check(&[100.0], Some(0.0), 0);
        check(&[100.0, 75.0, 90.0, 100.0, 99.0, 200.0, 100.0], Some(0.5), 2);
        check(&[100.0, -100.0], Some(2.0), 1);
        check(&[f64::MIN_POSITIVE, f64::MIN], Some(f64::MAX), 1);
    }
}
