//! Section 1, what looks at one book or quote stream, and the scores of feeds and exchanges.

use opus2_hifa::estimator::cusum::Cusum;
use opus2_hifa::estimator::depth_imbalance::depth_imbalance;
use opus2_hifa::estimator::micro_move::micro_move;
use opus2_hifa::estimator::ofi::Ofi;
use opus2_hifa::estimator::queue_imbalance::queue_imbalance;
use opus2_hifa::estimator::volatility::{EwVariance, VarianceMemory};
use opus2_hifa::estimator::window::WINDOWS;
use opus2_hifa::primitive::{Bbo, depth_imbalance as imbalance_of_depths, depth_within, weighted_mid};
use opus2_hifa::quality::{Component, QualityCounts, QualityScore};
use opus2_hifa::{Absent, Direction, ExchangeVitals, HEALTH_COMPONENTS, HealthSettings, exchange_health};
use opus2_types::{Level, Price, Qty, Scaled, Side, VIEW_LEVELS};
use serde_json::{Value, json};

use crate::Adapter;
use crate::input::{book, count, decimal, list, number, numbers, qty_scale_of, scale_of, units, whole};

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[
    ("book_basics", book_basics),
    ("depth_within_bps", depth_within_bps),
    ("weighted_mid", weighted),
    ("queue_imbalance_l1", queue),
    ("depth_imbalance_decay", depth_decay),
    ("ofi_events", ofi_events),
    ("ofi_normalised", ofi_normalised),
    ("cusum", cusum),
    ("micro_move_z", micro_move_z),
    ("ewma_vol_time", ewma_vol_time),
    ("data_quality_score", data_quality),
    ("exchange_health", health),
];

fn top(bids: &[Level], asks: &[Level]) -> Result<Bbo, Absent> {
    Bbo::new(bids.first().copied(), asks.first().copied())
}

fn book_basics(inputs: &Value) -> Result<Value, String> {
    let book = book(inputs)?;
    let bbo = top(&book.bids, &book.asks).ok();
    Ok(json!({
        "valid": bbo.is_some_and(|bbo| bbo.is_valid()),
        "mid": bbo.map(|bbo| bbo.mid(book.price_scale)),
        "spread": bbo.map(|bbo| Scaled::new(bbo.spread(), book.price_scale).to_f64()),
        "spread_bps": bbo.map(|bbo| bbo.spread_bps()),
        "crossed": bbo.is_some_and(|bbo| bbo.is_crossed()),
        "locked": bbo.is_some_and(|bbo| bbo.is_locked()),
    }))
}

fn data_quality(inputs: &Value) -> Result<Value, String> {
    let x = &inputs["x"];
    let count = |key: &str| {
        // What could not be observed was never counted.
        if x.get(key).is_some_and(Value::is_null) {
            return Ok(0);
        }
        let count = whole(&x[key]).and_then(|count| u64::try_from(count).ok());
        count.ok_or_else(|| format!("input \"x.{key}\" is not a count"))
    };
    let received = count("received")?;
    let counts = QualityCounts {
        missing: count("missing")?,
        expected: count("expected")?,
        received,
        on_time: count("on_time")?,
        timed: received,
        valid: count("valid")?,
        judged: received,
        checks: count("checks")?,
        checks_passed: count("checks_passed")?,
        duplicates: count("duplicates")?,
        out_of_order: count("out_of_order")?,
    };
    let mut weights = QualityScore::WEIGHTS;
    for (weight, component) in weights.iter_mut().zip(Component::ALL) {
        *weight = number(&inputs["cfg"]["weights"], component.as_str())?;
    }
    let score = QualityScore::weighted(counts.components(), weights);
    let components: serde_json::Map<String, Value> = Component::ALL
        .into_iter()
        .zip(score.components)
        .map(|(component, value)| (component.as_str().to_owned(), json!(value)))
        .collect();
    Ok(json!({ "components": components, "score": score.score }))
}

fn depth_within_bps(inputs: &Value) -> Result<Value, String> {
    let book = book(inputs)?;
    let Ok(bbo) = top(&book.bids, &book.asks) else {
        return Ok(json!({
            "bid_depth": null, "ask_depth": null, "bid_notional": null, "ask_notional": null,
            "imbalance": null, "truncated": false,
        }));
    };
    let band = u32::try_from(units(number(inputs, "bps")?, 3)?).map_err(|error| error.to_string())?;
    let levels_max = if inputs["levels"].is_null() { VIEW_LEVELS } else { count(inputs, "levels")? };
    let depth = |side, levels: &[Level]| depth_within(side, levels, bbo.mid_doubled(), band, levels_max);
    let (bid, ask) = (depth(Side::Bid, &book.bids), depth(Side::Ask, &book.asks));
    let notional_scale = book.price_scale + book.qty_scale;
    Ok(json!({
        "bid_depth": decimal(bid.qty, book.qty_scale),
        "ask_depth": decimal(ask.qty, book.qty_scale),
        "bid_notional": decimal(bid.notional, notional_scale),
        "ask_notional": decimal(ask.notional, notional_scale),
        "imbalance": imbalance_of_depths(&bid, &ask).ok(),
        "truncated": bid.is_truncated || ask.is_truncated,
    }))
}

/// Best quotes in the smallest scales that hold every number of theirs; one without a side is the reason why.
struct Quotes {
    all: Vec<Result<Bbo, Absent>>,
    price_scale: u8,
    qty_scale: u8,
}

/// Best quotes as `[bid, bid quantity, ask, ask quantity]`; a side that is null or at price zero is empty.
fn quotes(rows: &[Value]) -> Result<Quotes, String> {
    let column = |at: usize| rows.iter().filter_map(move |row| row[at].as_f64());
    let prices = scale_of(column(0).chain(column(2)))?;
    let qtys = qty_scale_of(column(1).chain(column(3)))?;
    let level = |price: &Value, qty: &Value| -> Result<Option<Level>, String> {
        match (price.as_f64(), qty.as_f64()) {
            (Some(price), Some(qty)) if price != 0.0 => {
                Ok(Some(Level::new(units(price, prices)?, units(qty, qtys)?)))
            }
            _ => Ok(None),
        }
    };
    let read = |row: &Value| Ok(Bbo::new(level(&row[0], &row[1])?, level(&row[2], &row[3])?));
    let quotes: Result<_, String> = rows.iter().map(read).collect();
    Ok(Quotes { all: quotes?, price_scale: prices, qty_scale: qtys })
}

fn weighted(inputs: &Value) -> Result<Value, String> {
    let row = json!([inputs["pb"], inputs["qb"], inputs["pa"], inputs["qa"]]);
    let Quotes { all: quotes, price_scale, .. } = quotes(&[row])?;
    Ok(json!({ "value": quotes[0].ok().map(|bbo| weighted_mid(&bbo, price_scale)) }))
}

fn queue(inputs: &Value) -> Result<Value, String> {
    let (bid, ask) = (number(inputs, "qb")?, number(inputs, "qa")?);
    let scale = qty_scale_of([bid, ask])?;
    Ok(json!({ "value": queue_imbalance(Qty(units(bid, scale)?), Qty(units(ask, scale)?)) }))
}

fn depth_decay(inputs: &Value) -> Result<Value, String> {
    let book = book(inputs)?;
    let levels = count(inputs, "n")?;
    Ok(json!({
        "value": depth_imbalance(&book.bids, &book.asks, levels, number(inputs, "decay")?).ok(),
    }))
}

/// The quotes at one a millisecond, in the longest window, with what each after the first added: `None` for a quote that
/// could not be differenced.
struct FedOfi {
    ofi: Ofi,
    contributions: Vec<Option<f64>>,
    now: i64,
    qty_scale: u8,
}

fn feed_ofi(inputs: &Value) -> Result<FedOfi, String> {
    let Quotes { all: quotes, qty_scale, .. } = quotes(list(inputs, "quotes")?)?;
    let mut fed = FedOfi { ofi: Ofi::default(), contributions: Vec::new(), now: 0, qty_scale };
    for (at, quote) in quotes.into_iter().enumerate() {
        fed.now += 1_000_000;
        let added = fed.ofi.update(fed.now, quote, false);
        let added = added.map(|sum| decimal(sum.ofi, qty_scale));
        // The first quote only initialises.
        if at > 0 {
            fed.contributions.push(added);
        }
    }
    Ok(fed)
}

fn ofi_events(inputs: &Value) -> Result<Value, String> {
    let FedOfi { ofi, contributions, now, qty_scale } = feed_ofi(inputs)?;
    Ok(json!({ "e": contributions, "ofi": decimal(ofi.sum(WINDOWS.len() - 1, now).ofi, qty_scale) }))
}

fn ofi_normalised(inputs: &Value) -> Result<Value, String> {
    let FedOfi { ofi, now, qty_scale, .. } = feed_ofi(inputs)?;
    let sum = ofi.sum(WINDOWS.len() - 1, now);
    Ok(json!({
        "ofi": decimal(sum.ofi, qty_scale),
        "avg_depth": sum.average_depth(qty_scale).ok(),
        "ofi_over_depth": sum.normalised().ok(),
    }))
}

fn cusum(inputs: &Value) -> Result<Value, String> {
    let (k, h) = (number(inputs, "k")?, number(inputs, "h")?);
    let mut cusum = Cusum::default();
    let (mut path, mut alarms) = (Vec::new(), Vec::new());
    for (at, x) in numbers(inputs, "x")?.into_iter().enumerate() {
        let step = cusum.update(x, k, h);
        path.push([step.up, step.down]);
        if let Some(direction) = step.alarm {
            alarms.push(json!([at, if direction == Direction::Up { 1 } else { -1 }]));
        }
    }
    Ok(json!({ "path_before_reset": path, "alarms": alarms }))
}

fn micro_move_z(inputs: &Value) -> Result<Value, String> {
    let (mid0, mid1, tick) = (number(inputs, "mid0")?, number(inputs, "mid1")?, number(inputs, "tick")?);
    let scale = scale_of([mid0, mid1, tick])?;
    let tick = Price(units(tick, scale)?);
    let (dt, sigma) = (number(inputs, "dt")?, number(inputs, "sigma")?);
    let found = micro_move(2 * units(mid0, scale)?, 2 * units(mid1, scale)?, dt, sigma, tick.0);
    Ok(json!({
        "ret": found.ok().map(|found| found.ret),
        "ret_bps": found.ok().map(|found| found.ret * 1e4),
        "z": found.ok().map(|found| found.z),
    }))
}

/// The recursion alone: without a warm-up it starts from the first squared return.
fn ewma_vol_time(inputs: &Value) -> Result<Value, String> {
    let memory = VarianceMemory { tau_secs: number(inputs, "tau")?, warm_up_secs: 0.0 };
    let (times, prices) = (numbers(inputs, "ts")?, numbers(inputs, "prices")?);
    let mut variance = EwVariance::default();
    let mut path = Vec::new();
    for (times, prices) in times.windows(2).zip(prices.windows(2)) {
        variance.update((prices[1] / prices[0]).ln(), times[1] - times[0], &memory);
        path.push(variance.rate());
    }
    let sigma = variance.per_sqrt_second();
    Ok(json!({
        "var_rate_path": path,
        "sigma_per_sqrt_s": sigma,
        "sigma_annual_365": sigma.map(|sigma| sigma * (365.0 * 86_400.0f64).sqrt()),
    }))
}

fn health(inputs: &Value) -> Result<Value, String> {
    let (x, cfg) = (&inputs["x"], &inputs["cfg"]);
    let vitals = ExchangeVitals {
        age_secs: number(x, "age_s")?,
        gaps_per_min: number(x, "gaps_per_min")?,
        latency_ms_p99: number(x, "p99_ms")?,
        crossed_fraction: number(x, "crossed_frac")?,
        rejected_fraction: number(x, "reject_frac")?,
        reconnects_per_hour: number(x, "reconnects_per_h")?,
    };
    let mut weights = [0.0; HEALTH_COMPONENTS.len()];
    for (weight, name) in weights.iter_mut().zip(HEALTH_COMPONENTS) {
        *weight = number(&cfg["weights"], name)?;
    }
    let settings = HealthSettings {
        age_ok_secs: number(cfg, "age_ok_s")?,
        age_tau_secs: number(cfg, "age_tau_s")?,
        gap_scale: number(cfg, "gap_scale")?,
        latency_ok_ms: number(cfg, "lat_ok_ms")?,
        latency_max_ms: number(cfg, "lat_max_ms")?,
        crossed_scale: number(cfg, "crossed_scale")?,
        reject_scale: number(cfg, "reject_scale")?,
        reconnect_scale: number(cfg, "reconnect_scale")?,
        weights,
    };
    let health = exchange_health(&vitals, &settings);
    let components: serde_json::Map<String, Value> = HEALTH_COMPONENTS
        .iter()
        .zip(health.components)
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    Ok(json!({ "components": components, "score": health.score }))
}
