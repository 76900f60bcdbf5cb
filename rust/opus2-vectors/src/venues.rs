//! Stage 2 across venues: covariance, lead-lag, price discovery.

use opus2_hifa::cross_venue::{
    BinMemory, ErrorCorrection, LAGS_MAX, LagProducts, hayashi_yoshida, lead_lag, price_discovery,
};
use serde_json::{Value, json};

use crate::Adapter;
use crate::input::{count, number, numbers};

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[
    ("hayashi_yoshida", covariation),
    ("lead_lag_hry", contrast),
    ("lagged_corr_ewma", lagged),
    ("price_discovery", discovery),
];

/// A path of `(seconds, log price)`.
fn path(inputs: &Value, times: &str, prices: &str) -> Result<Vec<(f64, f64)>, String> {
    let (at, prices_at) = (numbers(inputs, times)?, numbers(inputs, prices)?);
    if at.len() != prices_at.len() {
        return Err(format!("inputs {times:?} and {prices:?} are not equally long"));
    }
    Ok(at.into_iter().zip(prices_at).collect())
}

fn covariation(inputs: &Value) -> Result<Value, String> {
    let (x, y) = (path(inputs, "tx", "x")?, path(inputs, "ty", "y")?);
    let found = hayashi_yoshida(&x, &y).ok();
    Ok(json!({
        "cov": found.map(|found| found.covariance),
        "rv_x": found.map(|found| found.variance_x),
        "rv_y": found.map(|found| found.variance_y),
        "corr": found.and_then(|found| found.correlation().ok()),
    }))
}

fn contrast(inputs: &Value) -> Result<Value, String> {
    let (x, y) = (path(inputs, "tx", "x")?, path(inputs, "ty", "y")?);
    let found = lead_lag(&x, &y, &numbers(inputs, "grid")?).map_err(|reason| format!("{reason:?}"))?;
    let correlations: Vec<Option<f64>> = found.correlations.iter().map(|found| found.ok()).collect();
    Ok(json!({
        "corr": correlations,
        "theta_hat": found.contrast.peak().map(|(theta, _)| theta),
        "llr_x_over_y": found.contrast.ratio().ok(),
    }))
}

fn lagged(inputs: &Value) -> Result<Value, String> {
    let (x, y) = (numbers(inputs, "rx")?, numbers(inputs, "ry")?);
    let (lags, memory) = (count(inputs, "K")?, BinMemory::from_kept(number(inputs, "a")?));
    if x.len() != y.len() || lags > LAGS_MAX {
        return Err(format!("inputs \"rx\" and \"ry\" must be equally long, and \"K\" at most {LAGS_MAX}"));
    }
    let mut products = LagProducts::default();
    for (x, y) in x.into_iter().zip(y) {
        products.take(x, y, &memory);
    }
    let lags_i32 = i32::try_from(lags).map_err(|error| error.to_string())?;
    let all: Vec<i32> = (-lags_i32..=lags_i32).collect();
    let correlations: Vec<Option<f64>> = all.iter().map(|lag| products.correlation(*lag).ok()).collect();
    Ok(json!({
        "lags": all,
        "rho": correlations,
        "best_lag": products.best_lag(lags).ok().map(|(lag, _)| lag),
    }))
}

fn discovery(inputs: &Value) -> Result<Value, String> {
    let model = ErrorCorrection {
        alpha1: number(inputs, "alpha1")?,
        alpha2: number(inputs, "alpha2")?,
        s1: number(inputs, "s1")?,
        s2: number(inputs, "s2")?,
        rho: number(inputs, "rho")?,
    };
    let found = price_discovery(&model).ok();
    Ok(json!({
        "cs1": found.map(|found| found.component),
        "is1_upper": found.map(|found| found.information_upper),
        "is1_lower": found.map(|found| found.information_lower),
        "is1_mid": found.map(|found| found.information_mid),
        "ils1": found.and_then(|found| found.leadership.ok()),
    }))
}
