//! The methods reference's own test vectors, through the production code.
//!
//! The file is not part of the repository: it is read from `OPUS2_SHARED`, else from `../shared` beside the checkout,
//! and the test says on standard error that it was skipped when it is not there.

#![expect(clippy::unwrap_used, reason = "a test may panic; its helpers stand outside `#[test]` functions")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

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
use opus2_types::{Level, Price, Qty, Scaled, Side, VIEW_LEVELS, parse_scaled, significant_decimals};
use serde_json::{Value, json};

const QUANTITIES: [&str; 12] = [
    "data_quality_score",
    "book_basics",
    "depth_within_bps",
    "weighted_mid",
    "queue_imbalance_l1",
    "depth_imbalance_decay",
    "ofi_events",
    "ofi_normalised",
    "cusum",
    "micro_move_z",
    "ewma_vol_time",
    "exchange_health",
];

#[test]
fn every_vector_of_todays_quantities_agrees() {
    let path = vectors_path();
    let Ok(text) = std::fs::read_to_string(&path) else {
        let mut stderr = std::io::stderr();
        writeln!(stderr, "SKIPPED: no vectors at {}; set OPUS2_SHARED to have them", path.display()).unwrap();
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut seen = BTreeMap::new();
    for vector in file["vectors"].as_array().unwrap() {
        let quantity = vector["quantity"].as_str().unwrap();
        if QUANTITIES.contains(&quantity) {
            check(quantity, vector);
            *seen.entry(quantity).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), QUANTITIES.len(), "the file has vectors of {seen:?} only");
}

#[expect(clippy::disallowed_methods, reason = "where the shared files are is a matter of the machine")]
fn vectors_path() -> PathBuf {
    let shared = std::env::var("OPUS2_SHARED")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    shared.join("docs/hifa-vectors.json")
}

#[track_caller]
fn check(quantity: &str, vector: &Value) {
    let inputs = &vector["inputs"];
    let found = match quantity {
        "data_quality_score" => data_quality(inputs),
        "book_basics" => book_basics(inputs),
        "depth_within_bps" => depth_within_bps(inputs),
        "weighted_mid" => weighted(inputs),
        "queue_imbalance_l1" => queue(inputs),
        "depth_imbalance_decay" => depth_decay(inputs),
        "ofi_events" => ofi_events(inputs),
        "ofi_normalised" => ofi_normalised(inputs),
        "cusum" => cusum(inputs),
        "micro_move_z" => micro_move_z(inputs),
        "ewma_vol_time" => ewma_vol_time(inputs),
        "exchange_health" => health(inputs),
        other => panic!("no code for {other}"),
    };
    let tolerance = &vector["tolerance"];
    let tolerance = (number(&tolerance["abs"]), number(&tolerance["rel"]));
    for (key, expected) in vector["expected"].as_object().unwrap() {
        let found = found.get(key).unwrap_or_else(|| panic!("{}: nothing gives {key:?}", vector["name"]));
        assert!(
            agrees(expected, found, tolerance),
            "{} {key}: expected {expected}, found {found}",
            vector["name"]
        );
    }
}

fn agrees(expected: &Value, found: &Value, (abs, rel): (f64, f64)) -> bool {
    match (expected, found) {
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected.iter().zip(found).all(|(expected, found)| agrees(expected, found, (abs, rel)))
        }
        (Value::Object(expected), Value::Object(found)) => {
            expected.len() == found.len()
                && expected.iter().all(|(key, expected)| {
                    found.get(key).is_some_and(|found| agrees(expected, found, (abs, rel)))
                })
        }
        (Value::Number(expected), Value::Number(found)) => {
            let (expected, found) = (expected.as_f64().unwrap(), found.as_f64().unwrap());
            (found - expected).abs() <= abs.max(rel * expected.abs())
        }
        _ => expected == found,
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// The decimal places that all numbers of some input need, as a venue's metadata would say.
fn scale<'a>(values: impl IntoIterator<Item = &'a Value>) -> u8 {
    let decimals = |value: &Value| significant_decimals(text(value).as_bytes()).unwrap();
    values.into_iter().map(decimals).max().unwrap_or(0)
}

fn units(value: &Value, scale: u8) -> i64 {
    parse_scaled(text(value).as_bytes(), scale).unwrap()
}

/// The shortest decimal text, without exponent.
fn text(value: &Value) -> String {
    number(value).to_string()
}

/// Levels as the book would hold them, with their scales.
fn levels(inputs: &Value) -> (Vec<Level>, Vec<Level>, u8, u8) {
    let side = |key: &str| inputs[key].as_array().unwrap().clone();
    let (bids, asks) = (side("bids"), side("asks"));
    let all = || bids.iter().chain(&asks);
    let (prices, qtys) = (scale(all().map(|level| &level[0])), scale(all().map(|level| &level[1])));
    let read = |side: &[Value]| {
        side.iter().map(|level| Level::new(units(&level[0], prices), units(&level[1], qtys))).collect()
    };
    (read(&bids), read(&asks), prices, qtys)
}

fn top(bids: &[Level], asks: &[Level]) -> Result<Bbo, Absent> {
    Bbo::new(bids.first().copied(), asks.first().copied())
}

fn book_basics(inputs: &Value) -> Value {
    let (bids, asks, price_scale, _) = levels(inputs);
    let bbo = top(&bids, &asks).ok();
    json!({
        "valid": bbo.is_some_and(|bbo| bbo.is_valid()),
        "mid": bbo.map(|bbo| bbo.mid(price_scale)),
        "spread": bbo.map(|bbo| Scaled::new(bbo.spread(), price_scale).to_f64()),
        "spread_bps": bbo.map(|bbo| bbo.spread_bps()),
        "crossed": bbo.is_some_and(|bbo| bbo.is_crossed()),
        "locked": bbo.is_some_and(|bbo| bbo.is_locked()),
    })
}

/// The weights are the production code's: the vector's must be the same.
fn data_quality(inputs: &Value) -> Value {
    let count = |key: &str| inputs["x"][key].as_u64().unwrap();
    let counts = QualityCounts {
        missing: count("missing"),
        expected: count("expected"),
        received: count("received"),
        on_time: count("on_time"),
        timed: count("received"),
        valid: count("valid"),
        judged: count("received"),
        checks: count("checks"),
        checks_passed: count("checks_passed"),
        duplicates: count("duplicates"),
        out_of_order: count("out_of_order"),
    };
    let score = QualityScore::of(counts.components());
    let mut components = serde_json::Map::new();
    for (component, value) in Component::ALL.into_iter().zip(score.components) {
        assert_eq!(inputs["cfg"]["weights"][component.as_str()], json!(component.weight()));
        components.insert(component.as_str().to_owned(), json!(value));
    }
    json!({ "components": components, "score": score.score })
}

fn depth_within_bps(inputs: &Value) -> Value {
    let (bids, asks, price_scale, qty_scale) = levels(inputs);
    let Ok(bbo) = top(&bids, &asks) else {
        return json!({
            "bid_depth": null, "ask_depth": null, "bid_notional": null, "ask_notional": null,
            "imbalance": null, "truncated": false,
        });
    };
    let band = u32::try_from(units(&inputs["bps"], 3)).unwrap();
    let levels_max = inputs["levels"].as_u64().map_or(VIEW_LEVELS, |levels| usize::try_from(levels).unwrap());
    let depth = |side, levels: &[Level]| depth_within(side, levels, bbo.mid_doubled(), band, levels_max);
    let (bid, ask) = (depth(Side::Bid, &bids), depth(Side::Ask, &asks));
    let decimal = |units: i128, scale| Scaled::new(i64::try_from(units).unwrap(), scale).to_f64();
    json!({
        "bid_depth": decimal(bid.qty, qty_scale),
        "ask_depth": decimal(ask.qty, qty_scale),
        "bid_notional": decimal(bid.notional, price_scale + qty_scale),
        "ask_notional": decimal(ask.notional, price_scale + qty_scale),
        "imbalance": imbalance_of_depths(&bid, &ask).ok(),
        "truncated": bid.is_truncated || ask.is_truncated,
    })
}

/// Best quotes as `[bid, bid quantity, ask, ask quantity]`; a side that is null or all zero is empty.
fn quotes(rows: &[Value]) -> (Vec<Result<Bbo, Absent>>, u8, u8) {
    let column = |at: usize| rows.iter().map(move |row| &row[at]).filter(|value| !value.is_null());
    let prices = scale(column(0).chain(column(2)));
    let qtys = scale(column(1).chain(column(3)));
    let level = |price: &Value, qty: &Value| {
        let is_empty = price.is_null() || qty.is_null() || price.as_f64() == Some(0.0);
        (!is_empty).then(|| Level::new(units(price, prices), units(qty, qtys)))
    };
    let read = |row: &Value| Bbo::new(level(&row[0], &row[1]), level(&row[2], &row[3]));
    (rows.iter().map(read).collect(), prices, qtys)
}

fn weighted(inputs: &Value) -> Value {
    let row = json!([inputs["pb"], inputs["qb"], inputs["pa"], inputs["qa"]]);
    let (quotes, price_scale, _) = quotes(&[row]);
    json!({ "value": quotes[0].ok().map(|bbo| weighted_mid(&bbo, price_scale)) })
}

fn queue(inputs: &Value) -> Value {
    let scale = scale([&inputs["qb"], &inputs["qa"]]);
    let qty = |key: &str| Qty(units(&inputs[key], scale));
    json!({ "value": queue_imbalance(qty("qb"), qty("qa")) })
}

fn depth_decay(inputs: &Value) -> Value {
    let (bids, asks, ..) = levels(inputs);
    let n = usize::try_from(inputs["n"].as_u64().unwrap()).unwrap();
    json!({ "value": depth_imbalance(&bids, &asks, n, number(&inputs["decay"])).ok() })
}

/// The quotes at one a millisecond, in the longest window. `e` has null for a quote that could not be differenced.
fn feed_ofi(inputs: &Value) -> (Ofi, Vec<Option<f64>>, i64, u8) {
    let (quotes, _, qty_scale) = quotes(inputs["quotes"].as_array().unwrap());
    let mut ofi = Ofi::default();
    let mut contributions = Vec::new();
    let mut now = 0;
    for quote in quotes {
        now += 1_000_000;
        let added = ofi.update(now, quote, false);
        contributions.push(added.map(|sum| decimal(sum.ofi, qty_scale)));
    }
    // The first quote only initialises.
    contributions.remove(0);
    (ofi, contributions, now, qty_scale)
}

fn decimal(units: i128, scale: u8) -> f64 {
    Scaled::new(i64::try_from(units).unwrap(), scale).to_f64()
}

fn ofi_events(inputs: &Value) -> Value {
    let (ofi, contributions, now, qty_scale) = feed_ofi(inputs);
    json!({ "e": contributions, "ofi": decimal(ofi.sum(WINDOWS.len() - 1, now).ofi, qty_scale) })
}

fn ofi_normalised(inputs: &Value) -> Value {
    let (ofi, _, now, qty_scale) = feed_ofi(inputs);
    let sum = ofi.sum(WINDOWS.len() - 1, now);
    json!({
        "ofi": decimal(sum.ofi, qty_scale),
        "avg_depth": sum.average_depth(qty_scale).ok(),
        "ofi_over_depth": sum.normalised().ok(),
    })
}

fn cusum(inputs: &Value) -> Value {
    let (k, h) = (number(&inputs["k"]), number(&inputs["h"]));
    let mut cusum = Cusum::default();
    let (mut path, mut alarms) = (Vec::new(), Vec::new());
    for (at, x) in inputs["x"].as_array().unwrap().iter().enumerate() {
        let step = cusum.update(number(x), k, h);
        path.push([step.up, step.down]);
        if let Some(direction) = step.alarm {
            alarms.push(json!([at, if direction == Direction::Up { 1 } else { -1 }]));
        }
    }
    json!({ "path_before_reset": path, "alarms": alarms })
}

fn micro_move_z(inputs: &Value) -> Value {
    let scale = scale([&inputs["mid0"], &inputs["mid1"], &inputs["tick"]]);
    let mid_doubled = |key: &str| 2 * units(&inputs[key], scale);
    let tick = Price(units(&inputs["tick"], scale));
    let found = micro_move(
        mid_doubled("mid0"),
        mid_doubled("mid1"),
        number(&inputs["dt"]),
        number(&inputs["sigma"]),
        tick.0,
    );
    json!({
        "ret": found.ok().map(|found| found.ret),
        "ret_bps": found.ok().map(|found| found.ret * 1e4),
        "z": found.ok().map(|found| found.z),
    })
}

/// The recursion alone: without a warm-up it starts from the first squared return.
fn ewma_vol_time(inputs: &Value) -> Value {
    let memory = VarianceMemory { tau_secs: number(&inputs["tau"]), warm_up_secs: 0.0 };
    let column = |key: &str| inputs[key].as_array().unwrap().iter().map(number).collect::<Vec<_>>();
    let (times, prices) = (column("ts"), column("prices"));
    let mut variance = EwVariance::default();
    let mut path = Vec::new();
    for at in 1..times.len() {
        variance.update((prices[at] / prices[at - 1]).ln(), times[at] - times[at - 1], &memory);
        path.push(variance.rate());
    }
    let sigma = variance.per_sqrt_second();
    json!({
        "var_rate_path": path,
        "sigma_per_sqrt_s": sigma,
        "sigma_annual_365": sigma.map(|sigma| sigma * (365.0 * 86_400.0f64).sqrt()),
    })
}

fn health(inputs: &Value) -> Value {
    let (x, cfg) = (&inputs["x"], &inputs["cfg"]);
    let vitals = ExchangeVitals {
        age_secs: number(&x["age_s"]),
        gaps_per_min: number(&x["gaps_per_min"]),
        latency_ms_p99: number(&x["p99_ms"]),
        crossed_fraction: number(&x["crossed_frac"]),
        rejected_fraction: number(&x["reject_frac"]),
        reconnects_per_hour: number(&x["reconnects_per_h"]),
    };
    let settings = HealthSettings {
        age_ok_secs: number(&cfg["age_ok_s"]),
        age_tau_secs: number(&cfg["age_tau_s"]),
        gap_scale: number(&cfg["gap_scale"]),
        latency_ok_ms: number(&cfg["lat_ok_ms"]),
        latency_max_ms: number(&cfg["lat_max_ms"]),
        crossed_scale: number(&cfg["crossed_scale"]),
        reject_scale: number(&cfg["reject_scale"]),
        reconnect_scale: number(&cfg["reconnect_scale"]),
        weights: HEALTH_COMPONENTS.map(|name| number(&cfg["weights"][name])),
    };
    let health = exchange_health(&vitals, &settings);
    let components: serde_json::Map<String, Value> = HEALTH_COMPONENTS
        .iter()
        .zip(health.components)
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    json!({ "components": components, "score": health.score })
}
