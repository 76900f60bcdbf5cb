//! Stage 2 of one venue: VPIN, lambda, volatility.

use opus2_hifa::estimator::amihud::illiquidity;
use opus2_hifa::estimator::bulk_volume::{MoveLaw, split_volume};
use opus2_hifa::estimator::ew_regression::EwRegression;
use opus2_hifa::estimator::realised::Realised;
use opus2_hifa::estimator::riskmetrics::RiskMetrics;
use opus2_hifa::estimator::rls::{Rls, RlsSettings};
use opus2_hifa::estimator::vpin::{Tilt, Vpin, VpinSettings};
use opus2_types::Scaled;
use serde_json::{Value, json};

use crate::Adapter;
use crate::input::{count, number, numbers, optional, qty_scale_of, rows, rows_of, units};

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[
    ("bvc", bvc),
    ("vpin", vpin),
    ("kyle_lambda_ew_regression", ew_regression),
    ("rls", rls),
    ("amihud", amihud),
    ("rv_bipower", rv_bipower),
    ("ewma_riskmetrics", riskmetrics),
];

fn bvc(inputs: &Value) -> Result<Value, String> {
    let sigma = number(inputs, "sigma")?;
    let law = optional(inputs, "df")?.map_or(MoveLaw::Normal, |degrees| MoveLaw::StudentT { degrees });
    let (changes, volumes) = (numbers(inputs, "dps")?, numbers(inputs, "vols")?);
    let split = |(change, volume): (&f64, &f64)| split_volume(*volume, *change, sigma, law).ok();
    let bars: Vec<_> = changes.iter().zip(&volumes).map(split).collect();
    let buy: Vec<_> = bars.iter().map(|bar| bar.map(|bar| bar.buy)).collect();
    let sell: Vec<_> = bars.iter().map(|bar| bar.map(|bar| bar.sell)).collect();
    Ok(json!({ "buy": buy, "sell": sell }))
}

/// Volumes in the units of a venue that shows as many decimals as they need.
fn vpin(inputs: &Value) -> Result<Value, String> {
    let size = number(inputs, "V")?;
    let buckets = u16::try_from(count(inputs, "n")?).map_err(|error| error.to_string())?;
    let items = rows_of::<2>(inputs, "items")?;
    let scale = qty_scale_of(items.iter().map(|item| item[0]).chain([size]))?;
    let settings = VpinSettings { buckets, ..VpinSettings::DAILY };
    let mut found = Vpin::new(&settings);
    let (mut imbalances, mut path) = (Vec::new(), Vec::new());
    for [volume, fraction] in &items {
        let tilt = Tilt::from_buy_fraction(*fraction).map_err(|reason| reason.as_str().to_owned())?;
        found.take(units(*volume, scale)?, tilt, units(size, scale)?, &settings, |bucket| {
            for _ in 0..bucket.count {
                imbalances.push(bucket.imbalance(scale));
                path.push(bucket.vpin.ok());
            }
        });
    }
    Ok(json!({
        "bucket_imbalance": imbalances,
        "vpin": path,
        "partial_bucket_volume": Scaled::new(found.partial_volume(), scale).to_f64(),
    }))
}

fn ew_regression(inputs: &Value) -> Result<Value, String> {
    let decay = number(inputs, "beta")?;
    let mut line = EwRegression::default();
    let mut path = Vec::new();
    for (x, y) in numbers(inputs, "x")?.into_iter().zip(numbers(inputs, "y")?) {
        line.update(x, y, decay);
        path.push(line.slope().ok());
    }
    Ok(json!({
        "slope_path": path,
        "slope": line.slope().ok(),
        "intercept": line.intercept().ok(),
        "r2": line.r2().ok(),
        "W": line.weight(),
    }))
}

/// The recursion alone: its covariance grows as it will.
fn rls(inputs: &Value) -> Result<Value, String> {
    let settings = RlsSettings {
        forgetting: number(inputs, "lam")?,
        initial_covariance: number(inputs, "delta")?,
        trace_growth_max: f64::INFINITY,
    };
    let xs = rows(inputs, "xs")?;
    let regressors = xs.first().map_or(0, Vec::len);
    let mut model = Rls::new(regressors, &settings).ok_or_else(|| format!("{regressors} regressors"))?;
    let mut path = Vec::new();
    for (x, y) in xs.iter().zip(numbers(inputs, "ys")?) {
        model.update(x, y, &settings).map_err(|reason| reason.as_str().to_owned())?;
        path.push(model.weights().to_vec());
    }
    Ok(json!({ "w": model.weights(), "path": path }))
}

fn amihud(inputs: &Value) -> Result<Value, String> {
    let bars = numbers(inputs, "ret")?.into_iter().zip(numbers(inputs, "notional")?);
    Ok(json!({ "value": illiquidity(bars).ok() }))
}

fn rv_bipower(inputs: &Value) -> Result<Value, String> {
    let found = Realised::of(numbers(inputs, "r")?);
    Ok(json!({
        "rv": found.variance.ok(),
        "bv": found.bipower.ok(),
        "rj": found.relative_jump.ok(),
        "tp": found.tripower.ok(),
        "z_ratio": found.z_ratio.ok(),
    }))
}

fn riskmetrics(inputs: &Value) -> Result<Value, String> {
    let decay = number(inputs, "lam")?;
    let mut found = RiskMetrics::new(optional(inputs, "v0")?);
    for value in numbers(inputs, "rets")? {
        found.update(value, decay);
    }
    Ok(json!({ "sigma": found.measure().ok() }))
}
