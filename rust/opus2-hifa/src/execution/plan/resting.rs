//! The part that waits.

use opus2_types::Qty;

use super::{CostSplit, ExecutionConfig, PlanInput, RestingOrder};
use crate::exact::{scaled, to_f64};
use crate::execution::maker_taker::{MakerTakerCosts, split_at_one_venue};
use crate::execution::route::VenueTerms;
use crate::execution::schedule::to_units;

/// What may wait, and what that is expected to cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct RestingPart {
    pub(super) order: RestingOrder,
    /// Its share of the expected cost, bps of the whole.
    pub(super) cost: CostSplit,
}

/// How much of `qty` should wait; `None` when nothing should, or no order of that size is taken there.
///
/// What taking costs is that of `walk`. Being left without costs half the spread, the fee, and the configured move.
pub(super) fn resting_part(
    input: &PlanInput<'_>,
    config: &ExecutionConfig,
    qty: i64,
    walk: &CostSplit,
) -> Option<RestingPart> {
    // Written so that NaN does not rest.
    let has_time = input.urgency <= config.resting_urgency_max;
    let resting = input.resting.filter(|_| has_time)?;
    let terms = input.venues.get(resting.venue)?.terms;
    let price = |bps: f64| bps / 1e4 * input.mid;
    let half_spread = input.half_spread_bps.ok()?;
    let shortfall_bps = half_spread + walk.fee_bps + config.shortfall_bps;
    let costs = MakerTakerCosts {
        half_spread: price(half_spread),
        taker_fee: price(walk.fee_bps),
        maker_rebate: -price(resting.maker_fee.bps()),
        shortfall_penalty: price(shortfall_bps),
    };
    let scale = input.request.qty_scale;
    let target = scaled(qty.into(), scale);
    let split = split_at_one_venue(target, resting.queue_ahead, &costs, resting.outflow).ok()?;
    let lots = to_units((split.limit / scaled(input.lot.into(), scale)).floor());
    let rests = lots.checked_mul(input.lot)?.min(qty);
    let order = RestingOrder {
        venue: resting.venue,
        price: resting.price,
        qty: Qty(in_venue_units(rests, scale, &terms)?),
        request_qty: Qty(rests),
    };
    if !is_taken(&order, &terms) {
        return None;
    }
    let limit = scaled(rests.into(), scale);
    let filled = resting.outflow.mean_excess(resting.queue_ahead, resting.queue_ahead + limit);
    let (filled, missed) = (filled / target, (limit - filled) / target);
    let cost = CostSplit {
        spread_bps: half_spread * (missed - filled),
        slippage_bps: config.shortfall_bps * missed,
        fee_bps: resting.maker_fee.bps() * filled + walk.fee_bps * missed,
        latency_bps: 0.0,
    };
    cost.is_finite().then_some(RestingPart { order, cost })
}

/// A quantity in a venue's units; `None` when it is not a whole number of its lots.
fn in_venue_units(qty: i64, scale: u8, terms: &VenueTerms) -> Option<i64> {
    let power = |places: u8| 10i64.checked_pow(places.into());
    let own = if terms.qty_scale >= scale {
        qty.checked_mul(power(terms.qty_scale - scale)?)?
    } else {
        let unit = power(scale - terms.qty_scale)?;
        (qty % unit == 0).then_some(qty / unit)?
    };
    (own % terms.lot.max(1) == 0).then_some(own)
}

/// True when the venue takes an order like this.
fn is_taken(order: &RestingOrder, terms: &VenueTerms) -> bool {
    let is_within_cap = terms.cap.is_none_or(|cap| order.qty <= cap);
    let notional = to_f64(i128::from(order.qty.0) * i128::from(order.price.0));
    // In price units: the quantity's places are taken off.
    let is_worth = scaled(1, terms.qty_scale) * notional >= to_f64(terms.min_notional.into());
    order.qty.0 > 0 && order.price.0 > 0 && order.qty.0 >= terms.min_qty && is_worth && is_within_cap
}
