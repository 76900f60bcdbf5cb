//! How much was traded, at what cost, and how long positions were held.

use super::sample::finite;

/// Notional traded over equity; `None` unless equity is positive.
#[must_use]
pub fn turnover(notional: f64, equity: f64) -> Option<f64> {
    if equity > 0.0 { finite(notional / equity) } else { None }
}

/// Total cost over gross profit; `None` unless there was a gross profit.
#[must_use]
pub fn cost_share(cost: f64, gross_pnl: f64) -> Option<f64> {
    if gross_pnl > 0.0 { finite(cost / gross_pnl) } else { None }
}

/// The share of time in position, 0 to 1; `None` for no time.
#[must_use]
pub fn exposure(held_secs: f64, span_secs: f64) -> Option<f64> {
    if span_secs > 0.0 { finite(held_secs / span_secs).map(|share| share.clamp(0.0, 1.0)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_nothing_are_none() {
        assert_eq!((turnover(500.0, 100.0), turnover(1.0, 0.0)), (Some(5.0), None));
        assert_eq!((cost_share(3.0, 12.0), cost_share(3.0, -1.0)), (Some(0.25), None));
        assert_eq!(
            (exposure(9.0, 12.0), exposure(13.0, 12.0), exposure(0.0, 0.0)),
            (Some(0.75), Some(1.0), None)
        );
        assert_eq!(turnover(f64::NAN, 1.0), None);
    }
}
