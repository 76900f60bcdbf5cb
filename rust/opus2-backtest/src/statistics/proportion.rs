//! How sure a win rate is, and which one is needed.

use super::normal::quantile;
use super::sample::{finite, size};

/// A range.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Bounds {
    /// The lower end.
    pub lo: f64,
    /// The upper end.
    pub hi: f64,
}

/// Wilson's score interval of `successes` in `trials`, at a confidence such as 0.95.
///
/// It lies in [0, 1] and holds `successes / trials`. `None` without trials, with more successes than trials, or unless
/// `0 < confidence < 1`.
///
/// # Source
/// Wilson (1927), JASA 22; methods reference 8.
#[must_use]
pub fn wilson(successes: usize, trials: usize, confidence: f64) -> Option<Bounds> {
    if trials == 0 || successes > trials || confidence.is_nan() || confidence <= 0.0 {
        return None;
    }
    let z = quantile(1.0 - (1.0 - confidence) / 2.0)?;
    let (n, p) = (size(trials), size(successes) / size(trials));
    let stretch = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / stretch;
    let half = z / stretch * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    // At the ends the interval touches 0 or 1 exactly, and rounding must not push it past the share itself.
    Some(Bounds { lo: finite(centre - half)?.clamp(0.0, p), hi: finite(centre + half)?.clamp(p, 1.0) })
}

/// The win rate that breaks even: `loss / (win + loss)` of mean net amounts. `None` unless both are positive.
///
/// # Source
/// Methods reference 8, 4.6.
#[must_use]
pub fn break_even(mean_win: f64, mean_loss: f64) -> Option<f64> {
    if mean_win > 0.0 && mean_loss > 0.0 { finite(mean_loss / (mean_win + mean_loss)) } else { None }
}

/// The win rate that breaks even when wins and losses are alike before costs: `1/2 + cost / (2 E|r|)`, both in the same
/// unit. Above 1 when the move is smaller than the cost: then no win rate is enough. `None` unless `E|r|` is positive.
///
/// # Source
/// Methods reference 9.
#[must_use]
pub fn break_even_symmetric(cost: f64, mean_abs_return: f64) -> Option<f64> {
    if mean_abs_return > 0.0 { finite(0.5 + cost / (2.0 * mean_abs_return)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_touches_the_ends() {
        let none = wilson(0, 10, 0.95).unwrap();
        let all = wilson(10, 10, 0.95).unwrap();
        assert_eq!(
            (none.lo.total_cmp(&0.0), all.hi.total_cmp(&1.0)),
            (std::cmp::Ordering::Equal, std::cmp::Ordering::Equal)
        );
        assert!((none.hi - 0.277_532_799_862_889_2).abs() < 1e-12 && (all.lo + none.hi - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_share_of_nothing_has_no_interval() {
        for (successes, trials, confidence) in
            [(0, 0, 0.95), (3, 2, 0.95), (1, 2, 0.0), (1, 2, 1.0), (1, 2, f64::NAN)]
        {
            assert_eq!(wilson(successes, trials, confidence), None);
        }
    }

    #[test]
    fn the_break_even_rate_follows_payoff_and_cost() {
        assert_eq!((break_even(3.0, 1.0), break_even(0.0, 1.0)), (Some(0.25), None));
        assert_eq!((break_even_symmetric(10.0, 100.0), break_even_symmetric(1.0, 0.0)), (Some(0.55), None));
    }
}
