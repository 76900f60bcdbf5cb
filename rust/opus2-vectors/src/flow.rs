//! The rest of stage 1: trades, multi-level OFI, micro-price, Hawkes.

use opus2_hifa::estimator::ewma_flow::DecayedFlow;
use opus2_hifa::estimator::hawkes::HawkesParams;
use opus2_hifa::estimator::hawkes_fit::hawkes_path;
use opus2_hifa::estimator::integrated_ofi::{common_flow, integrated};
use opus2_hifa::estimator::microprice_fit::{MicropriceCounts, MicropriceState, Transitions};
use opus2_hifa::estimator::multi_level_ofi::{MultiLevelOfi, RESEARCH_RANKS};
use opus2_hifa::estimator::ofi_regression::{fit_line, fit_ridge};
use opus2_hifa::estimator::signed_volume::{FlowSum, flow_within};
use opus2_hifa::estimator::small_matrix::Matrix;
use opus2_hifa::estimator::trade_sign::LeeReady;
use opus2_hifa::estimator::window::WINDOWS;
use opus2_types::{Aggressor, Price, Qty};
use serde_json::{Value, json};

use crate::Adapter;
use crate::input::{
    count, decimal, ladder, list, nanos, number, numbers, optional, qty_scale_of, rows, rows_of, scale_of,
    units, whole,
};

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[
    ("mlofi_events", mlofi_events),
    ("ofi_regression", ofi_regression),
    ("integrated_ofi_pca", integrated_ofi_pca),
    ("ridge_mlofi", ridge_mlofi),
    ("microprice_recursion", microprice_recursion),
    ("microprice_estimation", microprice_estimation),
    ("trade_sign_lee_ready", trade_sign_lee_ready),
    ("signed_volume_windows", signed_volume_windows),
    ("ewma_flow", ewma_flow),
    ("hawkes_exponential", hawkes_exponential),
];

/// The most ranks of a book that are looked at: twice those of research.
const RANKS_MAX: usize = 2 * RESEARCH_RANKS;

/// The books at one a millisecond, in the longest window, in the scales that hold all of them.
fn mlofi_events(inputs: &Value) -> Result<Value, String> {
    let ranks = count(inputs, "M")?;
    if ranks > RANKS_MAX {
        return Err(format!("{ranks} ranks are more than {RANKS_MAX}"));
    }
    let sides = |book: &Value| Ok([rows_of::<2>(book, "bids")?, rows_of::<2>(book, "asks")?]);
    let books = list(inputs, "books")?.iter().map(sides).collect::<Result<Vec<_>, String>>()?;
    let column = |at: usize| books.iter().flatten().flatten().map(move |level| level[at]);
    let (prices, qtys) = (scale_of(column(0))?, qty_scale_of(column(1))?);
    let mut ofi = MultiLevelOfi::<RANKS_MAX>::default();
    let (mut now, mut rows) = (0, Vec::new());
    for (at, [bids, asks]) in books.iter().enumerate() {
        now += 1_000_000;
        let (bids, asks) = (ladder(bids, prices, qtys)?, ladder(asks, prices, qtys)?);
        let added = ofi.update(now, &bids, &asks, false).unwrap_or_default();
        // The first book only initialises.
        if at > 0 {
            let row = added.iter().take(ranks).map(|ofi| ofi.map(|ofi| decimal(ofi, qtys)));
            rows.push(row.collect::<Vec<_>>());
        }
    }
    let sum = ofi.sum(WINDOWS.len() - 1, now);
    let sums = sum.ofi.iter().take(ranks).map(|ofi| decimal(*ofi, qtys));
    Ok(json!({ "rows": rows, "mlofi": sums.collect::<Vec<_>>() }))
}

fn ofi_regression(inputs: &Value) -> Result<Value, String> {
    let fit = fit_line(&numbers(inputs, "x")?, &numbers(inputs, "y")?);
    Ok(json!({
        "alpha": fit.map(|fit| fit.alpha),
        "beta": fit.map(|fit| fit.beta),
        "r2": fit.and_then(|fit| fit.r2),
        "t_beta": fit.and_then(|fit| fit.t_beta),
    }))
}

fn integrated_ofi_pca(inputs: &Value) -> Result<Value, String> {
    let rows = rows(inputs, "rows")?;
    let Some(flow) = common_flow(&rows) else {
        return Ok(json!({ "weights_l1": null, "integrated": null, "explained": null }));
    };
    let values: Vec<f64> = rows.iter().map(|row| integrated(&flow.weights, row)).collect();
    Ok(json!({ "weights_l1": flow.weights, "integrated": values, "explained": flow.explained }))
}

fn ridge_mlofi(inputs: &Value) -> Result<Value, String> {
    let fit = fit_ridge(&rows(inputs, "X")?, &numbers(inputs, "y")?, optional(inputs, "lam")?);
    Ok(json!({
        "beta": fit.as_ref().map(|fit| &fit.beta),
        "intercept": fit.as_ref().map(|fit| fit.intercept),
    }))
}

fn matrix(inputs: &Value, key: &str) -> Result<Matrix, String> {
    Matrix::from_rows(&rows(inputs, key)?).ok_or_else(|| format!("input {key:?} is no matrix"))
}

fn to_rows(matrix: &Matrix) -> Vec<&[f64]> {
    matrix.iter_rows().collect()
}

fn microprice_recursion(inputs: &Value) -> Result<Value, String> {
    let transitions = Transitions {
        stays: matrix(inputs, "Q")?,
        moves: matrix(inputs, "R1")?,
        lands: matrix(inputs, "R2")?,
    };
    let terms = count(inputs, "n_iter")?;
    let Some(found) = transitions.adjustments(&numbers(inputs, "K")?, terms) else {
        return Ok(json!({ "g1": null, "B": null, "G1": null, "G6": null }));
    };
    // The file names the sum by its terms; six is what it calls the usual one.
    let mut named = json!({
        "g1": found.first, "G1": found.first, "B": to_rows(&found.landing), "G6": found.total,
    });
    if terms != 1 {
        named[format!("G{terms}")] = json!(found.total);
    }
    Ok(named)
}

fn microprice_estimation(inputs: &Value) -> Result<Value, String> {
    let half_ticks = list(inputs, "half_ticks")?.iter().map(|by| whole(by).ok_or("a move is not an integer"));
    let (imbalances, spreads) = (count(inputs, "n_imb")?, count(inputs, "n_spread")?);
    let mut counts = MicropriceCounts::new(imbalances, spreads, half_ticks.collect::<Result<_, _>>()?)
        .ok_or("there are no states, or too many")?;
    for state in list(inputs, "states")? {
        let bucket = |at: usize| whole(&state[at]).and_then(|bucket| usize::try_from(bucket).ok());
        let state = bucket(0).zip(bucket(1)).zip(whole(&state[2]));
        counts.observe(state.map(|((imbalance, spread), mid_doubled)| MicropriceState {
            imbalance,
            spread,
            mid_doubled,
        }));
    }
    let found = counts.transitions();
    Ok(json!({ "Q": to_rows(&found.stays), "R1": to_rows(&found.moves), "R2": to_rows(&found.lands) }))
}

/// Trades as `[price, bid, ask]`; a bid or ask of null is no quote.
fn trade_sign_lee_ready(inputs: &Value) -> Result<Value, String> {
    let trades = list(inputs, "trades")?;
    let scale = scale_of(trades.iter().flat_map(|row| (0..3).filter_map(|at| row[at].as_f64())))?;
    let price = |value: &Value| value.as_f64().map(|price| units(price, scale).map(Price)).transpose();
    let mut signs = LeeReady::default();
    let sign = |row: &Value| {
        let paid = price(&row[0])?.ok_or("a trade has no price")?;
        let quote = price(&row[1])?.zip(price(&row[2])?);
        Ok(signs.sign(paid, quote).map_or(0, Aggressor::sign))
    };
    let signs: Result<Vec<i64>, String> = trades.iter().map(sign).collect();
    Ok(json!({ "sign": signs? }))
}

/// A trade `[time, price, quantity, sign]` in the file's own numbers.
struct Trade {
    secs: f64,
    price: f64,
    qty: f64,
    side: Aggressor,
}

fn trades(inputs: &Value) -> Result<Vec<Trade>, String> {
    let trade = |row: [f64; 4]| {
        let [secs, price, qty, sign] = row;
        let side = if sign > 0.0 { Aggressor::Buy } else { Aggressor::Sell };
        Trade { secs, price, qty, side }
    };
    Ok(rows_of::<4>(inputs, "trades")?.into_iter().map(trade).collect())
}

fn signed_volume_windows(inputs: &Value) -> Result<Value, String> {
    let trades = trades(inputs)?;
    let prices = scale_of(trades.iter().map(|trade| trade.price))?;
    let qtys = qty_scale_of(trades.iter().map(|trade| trade.qty))?;
    let now = nanos(number(inputs, "t_now")?)?;
    let mut prints = Vec::new();
    for Trade { secs, price, qty, side } in trades {
        let (price, qty) = (Price(units(price, prices)?), Qty(units(qty, qtys)?));
        let print = FlowSum::of(side, price, qty, true).ok_or("a trade cannot be")?;
        prints.push((nanos(secs)?, print));
    }
    let mut found = serde_json::Map::new();
    for (window, secs) in list(inputs, "windows")?.iter().zip(numbers(inputs, "windows")?) {
        let sum = flow_within(&prints, now, nanos(secs)?);
        let values = json!({
            "buy": decimal(sum.buy, qtys),
            "sell": decimal(sum.sell, qtys),
            "signed": decimal(sum.signed(), qtys),
            "vir": sum.imbalance(),
            "count": sum.count,
            "buy_count": sum.buy_count,
        });
        found.insert(window.to_string(), values);
    }
    Ok(Value::Object(found))
}

fn ewma_flow(inputs: &Value) -> Result<Value, String> {
    let tau = number(inputs, "tau")?;
    let (mut flow, mut last) = (DecayedFlow::default(), None);
    for Trade { secs, qty, side, .. } in trades(inputs)? {
        flow.add(secs - last.unwrap_or(secs), side, qty, tau);
        last = Some(secs);
    }
    Ok(json!({ "buy": flow.buy(), "sell": flow.sell(), "vir": flow.imbalance() }))
}

fn hawkes_exponential(inputs: &Value) -> Result<Value, String> {
    let params = HawkesParams {
        mu: number(inputs, "mu")?,
        alpha: number(inputs, "alpha")?,
        beta: number(inputs, "beta")?,
    };
    let path = hawkes_path(&numbers(inputs, "ts")?, number(inputs, "T")?, &params);
    Ok(json!({
        "intensity_before_event": path.before_events,
        "intensity_at_T": path.at_end,
        "compensator": path.compensator,
        "loglik": path.log_likelihood,
        "branching": params.branching(),
        "baseline_mean": params.mean_rate(),
        "burst_ratio_at_T": path.burst_ratio_at_end,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(adapter: Adapter, inputs: &str, expect: &str) {
        let found = adapter(&serde_json::from_str(inputs).unwrap());
        assert_eq!(found.map_or_else(|why| why, |found| found.to_string()), expect, "{inputs}");
    }

    #[test]
    fn nothing_to_measure_is_null_or_empty() {
        check(mlofi_events, r#"{"books":[],"M":2}"#, r#"{"mlofi":[0.0,0.0],"rows":[]}"#);
        check(
            mlofi_events,
            r#"{"books":[{"bids":[[1,2]],"asks":[[1.5,2]]},{"bids":[[1,5]],"asks":[[1.5,2.5]]}],"M":2}"#,
            r#"{"mlofi":[2.5,0.0],"rows":[[2.5,null]]}"#,
        );
        check(
            mlofi_events,
            r#"{"books":[{"bids":[],"asks":[[1.5,2]]},{"bids":[[1,5]],"asks":[]}],"M":1}"#,
            r#"{"mlofi":[0.0],"rows":[[null]]}"#,
        );
        let line = r#"{"alpha":null,"beta":null,"r2":null,"t_beta":null}"#;
        check(ofi_regression, r#"{"x":[],"y":[]}"#, line);
        check(ofi_regression, r#"{"x":[1,1,1],"y":[1,2,3]}"#, line);
        let common = r#"{"explained":null,"integrated":null,"weights_l1":null}"#;
        check(integrated_ofi_pca, r#"{"rows":[[1,2]]}"#, common);
        check(integrated_ofi_pca, r#"{"rows":[]}"#, common);
        check(ridge_mlofi, r#"{"X":[],"y":[],"lam":1}"#, r#"{"beta":null,"intercept":null}"#);
        check(trade_sign_lee_ready, r#"{"trades":[]}"#, r#"{"sign":[]}"#);
        check(trade_sign_lee_ready, r#"{"trades":[[5,null,null],[6,null,7]]}"#, r#"{"sign":[0,1]}"#);
        check(ewma_flow, r#"{"trades":[],"tau":2}"#, r#"{"buy":0.0,"sell":0.0,"vir":0.0}"#);
        check(
            signed_volume_windows,
            r#"{"trades":[],"t_now":5.5,"windows":[0.5]}"#,
            r#"{"0.5":{"buy":0.0,"buy_count":0,"count":0,"sell":0.0,"signed":0.0,"vir":0.0}}"#,
        );
    }

    #[test]
    fn a_file_may_ask_for_any_number_of_terms() {
        check(
            microprice_recursion,
            r#"{"Q":[[0.5]],"R1":[[0.0,0.5]],"K":[-1,1],"R2":[[0.25]],"n_iter":2}"#,
            r#"{"B":[[0.5]],"G1":[1.0],"G2":[1.5],"G6":[1.5],"g1":[1.0]}"#,
        );
        check(
            microprice_recursion,
            r#"{"Q":[[1.0]],"R1":[[0.0,0.0]],"K":[-1,1],"R2":[[0.0]],"n_iter":6}"#,
            r#"{"B":null,"G1":null,"G6":null,"g1":null}"#,
        );
    }

    #[test]
    fn a_process_that_explodes_has_no_mean() {
        check(
            hawkes_exponential,
            r#"{"ts":[],"T":2.0,"mu":0.5,"alpha":2.0,"beta":1.0}"#,
            concat!(
                r#"{"baseline_mean":null,"branching":2.0,"burst_ratio_at_T":null,"compensator":1.0,"#,
                r#""intensity_at_T":0.5,"intensity_before_event":[],"loglik":-1.0}"#,
            ),
        );
    }
}
