//! The split over several venues, by stochastic gradient. Slow and deterministic: for tables and research, not for
//! every event.

use super::outflow::Outflow;
use crate::Absent;
use crate::exact::to_f64;
use crate::execution::route::ROUTE_VENUES_MAX;
use crate::execution::seeded::Seeded;
use crate::measure::finite;

/// One venue at which an order may rest.
#[derive(Clone, Copy)]
pub struct RestingVenue<'a> {
    /// What rests before us, in the unit of the target.
    pub queue_ahead: f64,
    /// What the venue gives for an order that rests, in price units; negative when it takes.
    pub maker_rebate: f64,
    /// What leaves its queue before the horizon. Outflows of different venues are taken to be independent.
    pub outflow: &'a dyn Outflow,
}

/// What all venues have in common, and how long is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeveralSettings {
    /// Half the spread, in price units.
    pub half_spread: f64,
    /// The cheapest fee of an order that takes, in price units.
    pub taker_fee: f64,
    /// What a unit costs that is missing at the horizon, in price units.
    pub shortfall_penalty: f64,
    /// What a unit costs that is too much at the horizon, in price units. Must be above `half_spread` plus any rebate,
    /// or it would pay to rest without end.
    pub excess_penalty: f64,
    /// How many outflows are drawn.
    pub steps: u32,
    /// The same seed gives the same split.
    pub seed: u64,
}

/// A quantity parted into one that takes and one that rests at each venue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeveralSplit {
    /// How much to take now.
    pub market: f64,
    /// How much to leave resting at each venue, in the order given. Together they may be more than the target: not all
    /// are filled.
    pub limits: [f64; ROUTE_VENUES_MAX],
}

/// Splits `target` into what is taken now and what rests at each of up to eight venues.
///
/// Minimises the expected cost
/// `(h + f) M - sum (h + r_k) filled_k + shortfall_penalty (S - A)+ + excess_penalty (A - S)+`, where `A` is `M` and
/// what is filled, over `0 <= M <= S`, `0 <= L_k <= S`, by projected stochastic gradient with averaged iterates. It is
/// convex. The error falls with the root of the number of steps: 100 000 steps give about one per cent of the target.
///
/// # Errors
/// [`Absent::NoEvents`] without venues; [`Absent::BadNumber`] for a number that is not finite, a negative quantity, no
/// steps, more venues than eight, or an excess penalty that is too small.
///
/// # Source
/// Cont and Kukanov 2017, Quant. Finance 17(1), the numerical method for several exchanges; methods reference 5.2.
pub fn split_over_venues(
    target: f64,
    venues: &[RestingVenue<'_>],
    settings: &SeveralSettings,
) -> Result<SeveralSplit, Absent> {
    check(target, venues, settings)?;
    let SeveralSettings { half_spread, taker_fee, shortfall_penalty, excess_penalty, steps, seed } =
        *settings;
    let mut seeded = Seeded::new(seed);
    let start = target / (1.0 + to_f64(i128::try_from(venues.len()).unwrap_or(1)));
    let mut market = start;
    let mut limits = [0.0; ROUTE_VENUES_MAX];
    limits.iter_mut().zip(venues).for_each(|(limit, _)| *limit = start);
    let mut mean = SeveralSplit { market: 0.0, limits: [0.0; ROUTE_VENUES_MAX] };
    let mut outflows = [0.0; ROUTE_VENUES_MAX];
    // A gradient is at most this large: steps are measured in parts of the target.
    let slope = half_spread + taker_fee.abs() + shortfall_penalty + excess_penalty;
    let first_kept = steps / 2;
    for step in 0..steps {
        let mut done = market;
        for ((venue, outflow), limit) in venues.iter().zip(&mut outflows).zip(&limits) {
            *outflow = venue.outflow.quantile(seeded.unit());
            done += (*outflow - venue.queue_ahead).clamp(0.0, *limit);
        }
        let more = if done < target { -shortfall_penalty } else { excess_penalty };
        let stride = target / slope / (1.0 + f64::from(step)).sqrt();
        for ((venue, outflow), limit) in venues.iter().zip(&outflows).zip(&mut limits) {
            if *outflow > venue.queue_ahead + *limit {
                let gradient = more - (half_spread + venue.maker_rebate);
                *limit = (*limit - stride * gradient).clamp(0.0, target);
            }
        }
        market = (market - stride * (half_spread + taker_fee + more)).clamp(0.0, target);
        if step >= first_kept {
            let weight = 1.0 / (1.0 + f64::from(step - first_kept));
            mean.market += weight * (market - mean.market);
            for (mean, limit) in mean.limits.iter_mut().zip(&limits) {
                *mean += weight * (limit - *mean);
            }
        }
    }
    finite(mean.market)?;
    for limit in mean.limits {
        finite(limit)?;
    }
    Ok(mean)
}

fn check(target: f64, venues: &[RestingVenue<'_>], settings: &SeveralSettings) -> Result<(), Absent> {
    let SeveralSettings { half_spread, taker_fee, shortfall_penalty, excess_penalty, steps, .. } = *settings;
    if venues.is_empty() {
        return Err(Absent::NoEvents);
    }
    for number in [target, half_spread, taker_fee, shortfall_penalty, excess_penalty] {
        finite(number)?;
    }
    let is_positive = target >= 0.0 && half_spread >= 0.0 && shortfall_penalty >= 0.0 && excess_penalty > 0.0;
    if !is_positive || steps == 0 || venues.len() > ROUTE_VENUES_MAX {
        return Err(Absent::BadNumber);
    }
    for venue in venues {
        let earned = half_spread + finite(venue.maker_rebate)?;
        if finite(venue.queue_ahead)? < 0.0 || excess_penalty <= earned {
            return Err(Absent::BadNumber);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{ExponentialOutflow, MakerTakerCosts, split_at_one_venue};
    use super::*;

    const SETTINGS: SeveralSettings = SeveralSettings {
        half_spread: 0.02,
        taker_fee: 0.003,
        shortfall_penalty: 0.05,
        excess_penalty: 0.05,
        steps: 100_000,
        seed: 1,
    };

    #[test]
    fn one_venue_gives_what_the_closed_form_gives() {
        let outflow = ExponentialOutflow::new(2_200.0).unwrap();
        for (queue_ahead, penalty) in [(2_000.0, 0.05), (2_000.0, 0.045), (500.0, 0.1)] {
            let venue = RestingVenue { queue_ahead, maker_rebate: 0.002, outflow: &outflow };
            let settings = SeveralSettings { shortfall_penalty: penalty, ..SETTINGS };
            let found = split_over_venues(1_000.0, &[venue], &settings).unwrap();
            let costs = MakerTakerCosts {
                half_spread: 0.02,
                taker_fee: 0.003,
                maker_rebate: 0.002,
                shortfall_penalty: penalty,
            };
            let exact = split_at_one_venue(1_000.0, queue_ahead, &costs, &outflow).unwrap();
            assert!((found.limits[0] - exact.limit).abs() < 60.0, "{found:?} {exact:?}");
            assert!((found.market - exact.market).abs() < 60.0, "{found:?} {exact:?}");
        }
    }

    #[test]
    fn the_shorter_queue_gets_more_and_the_same_seed_the_same() {
        let outflow = ExponentialOutflow::new(1_000.0).unwrap();
        let at = |queue_ahead| RestingVenue { queue_ahead, maker_rebate: 0.002, outflow: &outflow };
        let split = || split_over_venues(500.0, &[at(200.0), at(2_000.0)], &SETTINGS);
        let found = split().unwrap();
        assert!(found.limits[0] > found.limits[1], "{found:?}");
        assert_eq!(split(), Ok(found));
        assert!(found.limits[2].abs() <= 0.0);
    }

    #[test]
    fn what_would_rest_without_end_is_refused() {
        let outflow = ExponentialOutflow::new(1.0).unwrap();
        let venue = RestingVenue { queue_ahead: 0.0, maker_rebate: 0.04, outflow: &outflow };
        assert_eq!(split_over_venues(1.0, &[venue], &SETTINGS), Err(Absent::BadNumber));
        assert_eq!(split_over_venues(1.0, &[], &SETTINGS), Err(Absent::NoEvents));
        let good = RestingVenue { maker_rebate: 0.0, ..venue };
        let refused = |target, settings| split_over_venues(target, &[good], &settings).is_err();
        assert!(refused(f64::NAN, SETTINGS));
        assert!(refused(1.0, SeveralSettings { steps: 0, ..SETTINGS }));
        assert!(!refused(0.0, SETTINGS));
    }
}
