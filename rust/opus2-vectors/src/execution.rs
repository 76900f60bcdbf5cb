//! Stage 4: routing, order types, schedules; and what a round trip costs.

use opus2_hifa::Absent;
use opus2_hifa::execution::fees::{FeeRate, round_trip_cost_bps};
use opus2_hifa::execution::maker_taker::{ExponentialOutflow, MakerTakerCosts, split_at_one_venue};
use opus2_hifa::execution::route::{RouteRequest, RouteVenue, Router, VenueTerms};
use opus2_hifa::execution::schedule::almgren_chriss::{AlmgrenChriss, Liquidation};
use opus2_hifa::execution::schedule::{twap::twap, vwap::vwap};
use opus2_types::{Aggressor, Qty, Scaled};
use serde_json::{Map, Value, json};

use crate::Adapter;
use crate::input::{
    count, integer, ladder, list, money_scale_of, number, numbers, qty_scale_of, rows_of, units,
};

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[
    ("route_greedy", route_greedy),
    ("cont_kukanov_single", cont_kukanov_single),
    ("twap", twap_slices),
    ("vwap_slices", vwap_slices),
    ("almgren_chriss", almgren_chriss),
    ("round_trip_cost", round_trip_cost),
];

/// One venue of a vector: its name, its levels and its fee.
struct Venue {
    name: String,
    rows: Vec<[f64; 2]>,
    fee: FeeRate,
}

fn venue(inputs: &Value) -> Result<Venue, String> {
    let name = inputs["name"].as_str().ok_or("a venue without a name")?.to_owned();
    // As fine as fees are counted.
    let fee = format!("{:.9}", number(inputs, "fee")?).parse().map_err(|error| format!("{error}"))?;
    Ok(Venue { name, rows: rows_of::<2>(inputs, "levels")?, fee })
}

/// All venues in the same scales: a quantity is never finer than a venue's, and there is no lot to round to.
fn route_greedy(inputs: &Value) -> Result<Value, String> {
    let venues = list(inputs, "venues")?.iter().map(venue).collect::<Result<Vec<_>, String>>()?;
    let qty = number(inputs, "qty")?;
    let column = |at: usize| venues.iter().flat_map(|venue| &venue.rows).map(move |row| row[at]);
    let (price_scale, qty_scale) = (money_scale_of(column(0))?, money_scale_of(column(1).chain([qty]))?);
    let ladders = venues.iter().map(|venue| ladder(&venue.rows, price_scale, qty_scale));
    let ladders = ladders.collect::<Result<Vec<_>, String>>()?;
    let venues: Vec<RouteVenue<'_>> = venues
        .iter()
        .zip(&ladders)
        .map(|(Venue { name, fee, .. }, levels)| {
            let terms = VenueTerms { price_scale, qty_scale, fee: *fee, ..VenueTerms::default() };
            RouteVenue { name, levels, terms }
        })
        .collect();
    let side = if integer(inputs, "side")? >= 0 { Aggressor::Buy } else { Aggressor::Sell };
    let request = RouteRequest { side, qty: Qty(units(qty, qty_scale)?), qty_scale };
    let levels_max = venues.iter().map(|venue| venue.levels.len()).max().unwrap_or(0);
    let route = Router::new(levels_max).route(&request, &venues).map_err(|error| error.to_string())?;
    let allocation: Map<String, Value> = venues
        .iter()
        .zip(&route.venues)
        .map(|(venue, slice)| {
            (venue.name.to_owned(), json!(Scaled::new(slice.qty.0, venue.terms.qty_scale).to_f64()))
        })
        .collect();
    Ok(json!({
        "allocation": allocation,
        "unfilled": route.quantity(route.unfilled),
        "cash": route.cash(),
        "avg_all_in": route.average_all_in().ok(),
        "marginal_price": route.marginal_price().ok(),
    }))
}

fn cont_kukanov_single(inputs: &Value) -> Result<Value, String> {
    let costs = MakerTakerCosts {
        half_spread: number(inputs, "h")?,
        taker_fee: number(inputs, "f")?,
        maker_rebate: number(inputs, "r")?,
        shortfall_penalty: number(inputs, "lam_u")?,
    };
    let (target, queue_ahead) = (number(inputs, "S")?, number(inputs, "Q")?);
    let split = ExponentialOutflow::new(number(inputs, "mean")?)
        .and_then(|outflow| split_at_one_venue(target, queue_ahead, &costs, &outflow))
        .ok();
    Ok(json!({
        "lambda_low": split.and_then(|split| split.penalty_low),
        "lambda_high": split.and_then(|split| split.penalty_high),
        "market": split.map(|split| split.market),
        "limit": split.map(|split| split.limit),
    }))
}

/// Slices as the vector counts them; null when there are none.
fn slices(found: Result<(), Absent>, slices: &[i64], scale: u8) -> Value {
    let slices: Vec<f64> = slices.iter().map(|slice| Scaled::new(*slice, scale).to_f64()).collect();
    json!({ "slices": found.is_ok().then_some(slices) })
}

fn twap_slices(inputs: &Value) -> Result<Value, String> {
    let (total, lot) = (number(inputs, "X")?, number(inputs, "lot")?);
    let scale = qty_scale_of([total, lot])?;
    let mut out = vec![0; count(inputs, "n")?];
    let found = twap(units(total, scale)?, units(lot, scale)?, &mut out);
    Ok(slices(found, &out, scale))
}

/// The vector's slices are not rounded: its quantity is counted in the finest unit that holds it.
fn vwap_slices(inputs: &Value) -> Result<Value, String> {
    let total = number(inputs, "X")?;
    let fits = |scale: &u8| units(total, *scale).is_ok_and(|total| total.unsigned_abs() < 1 << 62);
    let scale = (0..=15).rev().find(fits).ok_or_else(|| format!("{total} is beyond 64 bits"))?;
    let profile = numbers(inputs, "profile")?;
    let mut out = vec![0; profile.len()];
    let found = vwap(units(total, scale)?, &profile, &mut out);
    Ok(slices(found, &out, scale))
}

fn almgren_chriss(inputs: &Value) -> Result<Value, String> {
    let slices = count(inputs, "n")?;
    let market = Liquidation {
        quantity: number(inputs, "X")?,
        horizon: number(inputs, "T")?,
        slices,
        sigma: number(inputs, "sigma")?,
        epsilon: number(inputs, "eps")?,
        gamma: number(inputs, "gamma")?,
        eta: number(inputs, "eta")?,
    };
    let schedule = AlmgrenChriss::new(market, number(inputs, "lam")?).ok();
    let holdings = |schedule: AlmgrenChriss| (0..=slices).map(|j| schedule.holding(j)).collect::<Vec<_>>();
    let trades = |schedule: AlmgrenChriss| (0..slices).map(|j| schedule.trade(j)).collect::<Vec<_>>();
    Ok(json!({
        "eta_tilde": schedule.map(|schedule| schedule.eta_tilde()),
        "kappa_tilde_sq": schedule.map(|schedule| schedule.kappa_tilde_sq()),
        "kappa": schedule.map(|schedule| schedule.kappa()),
        "half_life": schedule.and_then(|schedule| schedule.half_life().ok()),
        "holdings": schedule.map(holdings),
        "trades": schedule.map(trades),
        "E": schedule.and_then(|schedule| schedule.expected_cost().ok()),
        "V": schedule.and_then(|schedule| schedule.variance().ok()),
    }))
}

fn round_trip_cost(inputs: &Value) -> Result<Value, String> {
    let cost = round_trip_cost_bps(
        number(inputs, "taker_in")?,
        number(inputs, "taker_out")?,
        number(inputs, "half_spread_bps")?,
        number(inputs, "slip_bps")?,
    );
    Ok(json!({ "round_trip_cost_bps": cost.ok() }))
}
