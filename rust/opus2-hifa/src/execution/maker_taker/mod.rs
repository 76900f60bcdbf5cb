//! How much to take now and how much to leave resting in the queue.
//!
//! An order that rests earns the half-spread and the rebate when it is filled, and must be made up for at a penalty when
//! it is not. Whether it is filled depends on the **outflow**: how much leaves the queue at its price, by trades and by
//! cancels, before the horizon.

mod outflow;
mod several;

pub use outflow::{ExponentialOutflow, Outflow, OutflowHistogram, OutflowSettings, SeenOutflow};
pub use several::{RestingVenue, SeveralSettings, SeveralSplit, split_over_venues};

use crate::Absent;
use crate::measure::finite;

/// What taking costs, what resting earns, and what it costs to be left without; in price units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MakerTakerCosts {
    /// Half the spread.
    pub half_spread: f64,
    /// What the venue takes of an order that takes.
    pub taker_fee: f64,
    /// What the venue gives for an order that rests; negative when it takes.
    pub maker_rebate: f64,
    /// What a unit costs that is still missing at the horizon.
    pub shortfall_penalty: f64,
}

/// A quantity parted into one that takes and one that rests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MakerTakerSplit {
    /// How much to take now.
    pub market: f64,
    /// How much to leave resting.
    pub limit: f64,
    /// Up to this penalty everything rests; `None` when it does at any penalty.
    pub penalty_low: Option<f64>,
    /// From this penalty on everything is taken; `None` when it is at none.
    pub penalty_high: Option<f64>,
}

/// Splits `target` at one venue where `queue_ahead` rests before us. Both are in one unit, that of the outflow.
///
/// With `a = 2h + f + r` and `b = h + r`: everything rests while the penalty is at most `a / F(Q + S) - b`, everything is
/// taken from `a / F(Q) - b` on, and between them `F^-1(a / (penalty + b)) - Q` rests. `F` is the distribution of the
/// outflow over the horizon. The parts are not negative and add up to the target.
///
/// # Errors
/// [`Absent::BadNumber`] for a number that is not finite or a negative target, queue or half-spread.
///
/// # Source
/// Cont and Kukanov 2017, Optimal order placement in limit order markets, Quant. Finance 17(1), the case of a single
/// exchange; methods reference 5.2.
pub fn split_at_one_venue(
    target: f64,
    queue_ahead: f64,
    costs: &MakerTakerCosts,
    outflow: &dyn Outflow,
) -> Result<MakerTakerSplit, Absent> {
    let MakerTakerCosts { half_spread, taker_fee, maker_rebate, shortfall_penalty } = *costs;
    let taken_rather_than_earned = finite(2.0 * half_spread + taker_fee + maker_rebate)?;
    let earned = finite(half_spread + maker_rebate)?;
    let end = finite(target + queue_ahead)?;
    finite(shortfall_penalty)?;
    if target < 0.0 || queue_ahead < 0.0 || half_spread < 0.0 {
        return Err(Absent::BadNumber);
    }
    // Never filled for certain, never left out for certain: a bound that is infinite is none.
    let bound = |cdf: f64| Some(taken_rather_than_earned / cdf - earned).filter(|bound| bound.is_finite());
    let (penalty_low, penalty_high) = (bound(outflow.cdf(end)), bound(outflow.cdf(queue_ahead)));
    let limit = if penalty_low.is_none_or(|low| shortfall_penalty <= low) {
        target
    } else if penalty_high.is_some_and(|high| shortfall_penalty >= high) {
        0.0
    } else {
        let quantile = outflow.quantile(taken_rather_than_earned / (shortfall_penalty + earned));
        finite(quantile - queue_ahead)?.clamp(0.0, target)
    };
    Ok(MakerTakerSplit { market: target - limit, limit, penalty_low, penalty_high })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: MakerTakerCosts =
        MakerTakerCosts { half_spread: 0.02, taker_fee: 0.003, maker_rebate: 0.002, shortfall_penalty: 0.05 };

    #[track_caller]
    fn check(target: f64, queue_ahead: f64, shortfall_penalty: f64, expect_limit: f64) -> MakerTakerSplit {
        let outflow = ExponentialOutflow::new(2_200.0).unwrap();
        let costs = MakerTakerCosts { shortfall_penalty, ..COSTS };
        let split = split_at_one_venue(target, queue_ahead, &costs, &outflow).unwrap();
        assert!((split.limit - expect_limit).abs() < 1e-9, "{split:?}");
        assert!((split.limit + split.market - target).abs() < 1e-9, "{split:?}");
        split
    }

    #[test]
    fn a_small_penalty_rests_all_and_a_large_one_takes_all() {
        let split = check(1_000.0, 2_000.0, 0.02, 1_000.0);
        assert!((split.penalty_low.unwrap() - 0.038_461_860_892_932_35).abs() < 1e-12);
        check(1_000.0, 2_000.0, 0.05, 157.824_356_625_797_46);
        check(1_000.0, 2_000.0, 0.06, 0.0);
    }

    #[test]
    fn without_a_queue_ahead_something_always_rests() {
        let split = check(1_000.0, 0.0, 1e9, 9.9e-8);
        assert_eq!(split.penalty_high, None);
        check(0.0, 0.0, 1.0, 0.0);
    }

    #[test]
    fn what_is_not_known_is_not_split() {
        let outflow = ExponentialOutflow::new(1.0).unwrap();
        let split = |target, queue| split_at_one_venue(target, queue, &COSTS, &outflow);
        for (target, queue) in [(f64::NAN, 1.0), (1.0, f64::INFINITY), (-1.0, 1.0), (1.0, -1.0)] {
            assert_eq!(split(target, queue), Err(Absent::BadNumber));
        }
    }

    #[test]
    fn the_split_is_the_cheapest_by_direct_search() {
        let outflow = ExponentialOutflow::new(2_200.0).unwrap();
        let (target, queue) = (1_000.0, 2_000.0);
        let cost = |limit: f64| {
            let filled = outflow.mean_excess(queue, queue + limit);
            (COSTS.half_spread + COSTS.taker_fee) * (target - limit)
                - (COSTS.half_spread + COSTS.maker_rebate) * filled
                + COSTS.shortfall_penalty * (limit - filled)
        };
        let best =
            (0..=100_000).map(|step| f64::from(step) / 100.0).min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
        let split = split_at_one_venue(target, queue, &COSTS, &outflow).unwrap();
        assert!((best.unwrap() - split.limit).abs() < 0.01, "{best:?} {split:?}");
    }
}
