//! How a decision is traded, as its record tells it.

use opus2_hifa::Measure;
use opus2_hifa::execution::market::{Amount, Order};
use opus2_hifa::execution::route::RouteCost;
use opus2_types::{Price, Scaled};
use opus2_wire::view::decision::{Decimal, Number, PlanView, RestingView, RouteView, SingleView, SliceView};

use super::{cost_view, decimal, instrument};

/// The lists that a plan's view borrows.
pub(super) struct PlanText<'a> {
    route: Vec<RouteView<'a>>,
    slices: Vec<SliceView>,
    expiry_ts: i64,
}

impl<'a> PlanText<'a> {
    pub(super) fn new(order: &'a Order, now: i64) -> Self {
        let plan = &order.plan;
        let taken = order.venues.iter().zip(&plan.first.venues).zip(plan.limits);
        let route = taken.filter(|((_, slice), _)| slice.qty.0 > 0).map(|((venue, slice), limit)| {
            let terms = &venue.terms;
            let price = |price: Price| Decimal { units: price.0, scale: terms.price_scale };
            RouteView {
                instrument: &venue.instrument,
                qty: Decimal { units: slice.qty.0, scale: terms.qty_scale },
                limit_price: limit.map(price),
                worst_price: slice.worst.map(price),
                average_all_in: average(
                    order,
                    &slice.cost,
                    Scaled::new(slice.qty.0, terms.qty_scale).to_f64(),
                ),
            }
        });
        let slice = |units: i64| Decimal { units, scale: order.qty.scale };
        let after_ns = i64::try_from(plan.expires_after_ms).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Self {
            route: route.collect(),
            slices: plan
                .slices()
                .iter()
                .map(|part| SliceView { after_ns: part.after_ns, qty: slice(part.qty.0) })
                .collect(),
            expiry_ts: now.saturating_add(after_ns),
        }
    }

    pub(super) fn view(&'a self, order: &'a Order) -> PlanView<'a> {
        let (plan, route) = (&order.plan, &order.plan.first);
        let units = order.qty.units.saturating_sub(plan.left_out.0);
        let worth = route.quantity(route.filled) * order.mid;
        let expected = plan.expected;
        let parts = [expected.spread_bps, expected.slippage_bps, expected.fee_bps, expected.latency_bps];
        PlanView {
            side: order.side.as_str(),
            qty: decimal(Amount { units, scale: order.qty.scale }),
            left_out: Decimal { units: plan.left_out.0, scale: order.qty.scale },
            style: plan.style.as_str(),
            reason: plan.reason.as_str(),
            mid: Number(order.mid),
            expected_bps: cost_view(parts, expected.total_bps()),
            walk_bps: plan.walk_bps.and_then(|bps| number(Ok(bps))),
            schedule_bps: plan.schedule_bps.and_then(|bps| number(Ok(bps))),
            route: &self.route,
            average_all_in: number(route.average_all_in()),
            marginal_price: number(route.marginal_price()),
            best_single: route.best_single.map(|(venue, cost)| SingleView {
                instrument: instrument(order, venue),
                average_all_in: average(order, &cost, route.quantity(route.filled)),
            }),
            saving_bps: number(route.saving().map(|saving| 1e4 * saving / worth)),
            slices: &self.slices,
            resting: plan.resting.and_then(|resting| {
                let terms = &order.venues.get(resting.venue)?.terms;
                Some(RestingView {
                    instrument: instrument(order, resting.venue),
                    price: Decimal { units: resting.price.0, scale: terms.price_scale },
                    qty: Decimal { units: resting.qty.0, scale: terms.qty_scale },
                })
            }),
            expiry_ts: self.expiry_ts,
        }
    }
}

/// What a unit of `qty` costs, a sale brings, with fees.
fn average(order: &Order, cost: &RouteCost, qty: f64) -> Option<Number> {
    number(Ok(order.plan.first.amount(cost.cash(order.side)) / qty))
}

fn number(value: Measure) -> Option<Number> {
    value.ok().filter(|value| value.is_finite()).map(Number)
}
