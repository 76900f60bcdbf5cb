//! What was earned, at what risk.

use serde::{Deserialize, Serialize};

use super::drawdown::drawdown;
use super::sample::{finite, mean, sharpe, size, standard_deviation};

/// A Sharpe ratio of fewer returns is not shown.
pub const SHARPE_RETURNS_MIN: usize = 30;

/// Of a shorter span, in days, no yearly growth is shown, and a yearly Sharpe ratio is not statistically meaningful.
pub const ANNUAL_SPAN_DAYS_MIN: f64 = 90.0;

/// What an equity path on a fixed grid says. What has no value is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Performance {
    /// How many returns there are: one fewer than points.
    pub periods: usize,
    /// `E_T / E_0 - 1`.
    pub total_return: Option<f64>,
    /// Mean of the simple returns, a period.
    pub mean: Option<f64>,
    /// Their standard deviation with `n - 1`.
    pub sd: Option<f64>,
    /// `mean / sd`.
    pub sharpe_period: Option<f64>,
    /// Times the square root of periods a year.
    pub sharpe_annual: Option<f64>,
    /// Mean over downside deviation (target 0, `n` in the denominator), annualised likewise. `None` without a loss.
    pub sortino_annual: Option<f64>,
    /// `max(1 - E / running peak)`.
    pub max_drawdown: Option<f64>,
    /// The most points in a row that lay below the peak.
    pub longest_underwater_periods: usize,
    /// Growth a year, compounded.
    pub cagr: Option<f64>,
    /// `cagr / max_drawdown`. `None` without a drawdown.
    pub calmar: Option<f64>,
}

impl Performance {
    /// Of equity marked to the mid after fees, one point a step of a fixed grid, flat times included; 365 or 8760 periods
    /// a year for days or hours of markets that never close.
    ///
    /// These are the formulas alone, also of a handful of points: what may be shown is [`Self::reported`]. Equity that is
    /// not positive has no return to the next point, and then there is nothing but a drawdown.
    ///
    /// # Source
    /// Sharpe (1994); Sortino and van der Meer (1991); methods reference 8.
    #[must_use]
    pub fn of(equity: &[f64], periods_per_year: f64) -> Self {
        let periods = equity.len().saturating_sub(1);
        if equity.iter().any(|point| !point.is_finite()) {
            return Self { periods, ..Self::default() };
        }
        let path = drawdown(equity.iter().copied());
        let max_drawdown = path.deepest();
        let mut found =
            Self { periods, max_drawdown, longest_underwater_periods: path.longest(), ..Self::default() };
        // The last point may be a ruin; every point before it is divided by.
        let (Some(first), Some(last)) = (equity.first(), equity.last()) else { return found };
        if equity.iter().take(periods.max(1)).any(|point| *point <= 0.0) {
            return found;
        }
        let returns: Vec<f64> = equity.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
        let years = size(periods) / periods_per_year;
        let per_year = |ratio: f64| finite(ratio * periods_per_year.sqrt());
        found.total_return = finite(last / first - 1.0);
        found.mean = mean(&returns);
        found.sd = standard_deviation(&returns);
        found.sharpe_period = sharpe(&returns);
        found.sharpe_annual = found.sharpe_period.and_then(per_year);
        found.sortino_annual = sortino(&returns).and_then(per_year);
        found.cagr = finite((last / first).powf(years.recip()) - 1.0).filter(|_| years > 0.0);
        found.calmar = match (found.cagr, max_drawdown) {
            (Some(cagr), Some(deepest)) if deepest > 0.0 => finite(cagr / deepest),
            _ => None,
        };
        found
    }

    /// What may be shown of a span of so many days: no Sharpe or Sortino ratio of fewer than [`SHARPE_RETURNS_MIN`] returns,
    /// no yearly growth and no Calmar ratio of less than [`ANNUAL_SPAN_DAYS_MIN`] days. The rest is as it is.
    ///
    /// # Source
    /// Methods reference 8; Sortino, which rests on even fewer returns, goes with Sharpe.
    #[must_use]
    pub fn reported(self, span_days: f64) -> Self {
        let ratios = |value: Option<f64>| value.filter(|_| self.periods >= SHARPE_RETURNS_MIN);
        let yearly = |value: Option<f64>| value.filter(|_| is_annual_meaningful(span_days));
        Self {
            sharpe_period: ratios(self.sharpe_period),
            sharpe_annual: ratios(self.sharpe_annual),
            sortino_annual: ratios(self.sortino_annual),
            cagr: yearly(self.cagr),
            calmar: yearly(self.calmar),
            ..self
        }
    }
}

/// False when a yearly figure of a span of so many days must be shown as "not statistically meaningful".
#[must_use]
pub fn is_annual_meaningful(span_days: f64) -> bool {
    span_days >= ANNUAL_SPAN_DAYS_MIN
}

fn sortino(returns: &[f64]) -> Option<f64> {
    let squares: f64 = returns.iter().map(|x| x.min(0.0).powi(2)).sum();
    let downside = (squares / size(returns.len())).sqrt();
    if downside > 0.0 { finite(mean(returns)? / downside) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_of_no_equity_or_of_garbage() {
        for equity in [&[][..], &[f64::NAN, 1.0], &[1.0, f64::INFINITY, 2.0]] {
            let found = Performance::of(equity, 365.0);
            assert_eq!(found, Performance { periods: found.periods, ..Performance::default() });
        }
    }

    #[test]
    fn one_point_has_a_return_of_zero_and_no_risk() {
        let found = Performance::of(&[100.0], 365.0);
        let expect =
            Performance { total_return: Some(0.0), max_drawdown: Some(0.0), ..Performance::default() };
        assert_eq!(found, expect);
    }

    #[test]
    fn flat_equity_has_no_ratio() {
        let found = Performance::of(&[100.0; 40], 365.0);
        assert_eq!((found.total_return, found.mean, found.sd), (Some(0.0), Some(0.0), Some(0.0)));
        assert_eq!((found.sharpe_period, found.sortino_annual, found.calmar), (None, None, None));
        assert_eq!(found.cagr, Some(0.0));
    }

    #[test]
    fn steady_growth_has_neither_a_sharpe_nor_a_sortino_ratio() {
        let equity: Vec<f64> = (0..40).map(|n| 1.01f64.powi(n)).collect();
        let found = Performance::of(&equity, 365.0);
        assert_eq!((found.sharpe_annual, found.sortino_annual, found.calmar), (None, None, None));
    }

    #[test]
    fn after_a_ruin_there_is_a_drawdown_and_no_return() {
        let ruined = Performance::of(&[100.0, 50.0, 0.0], 365.0);
        assert_eq!(
            (ruined.total_return, ruined.cagr, ruined.max_drawdown),
            (Some(-1.0), Some(-1.0), Some(1.0))
        );
        let beyond = Performance::of(&[100.0, 0.0, 50.0], 365.0);
        assert_eq!((beyond.total_return, beyond.mean, beyond.max_drawdown), (None, None, Some(1.0)));
    }

    #[test]
    fn short_spans_are_reported_without_what_they_cannot_carry() {
        let saw: Vec<f64> = (0..41).map(|n| 100.0 + f64::from(n % 3)).collect();
        let full = Performance::of(&saw, 365.0);
        assert_eq!(full.reported(90.0), full);
        let short = full.reported(40.0);
        assert_eq!((short.cagr, short.calmar, short.sharpe_annual), (None, None, full.sharpe_annual));
        let few = Performance::of(&saw[..30], 365.0).reported(90.0);
        assert_eq!((few.sharpe_period, few.sharpe_annual, few.sortino_annual), (None, None, None));
        assert!(few.cagr.is_some() && few.mean.is_some());
    }
}
