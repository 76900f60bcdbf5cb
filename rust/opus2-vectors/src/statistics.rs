//! Performance and its validation.

use opus2_backtest::statistics::bootstrap::stationary_indices;
use opus2_backtest::statistics::monte_carlo::{PermutationSettings, permutation_drawdown};
use opus2_backtest::statistics::overfitting::pbo_cscv;
use opus2_backtest::statistics::performance::Performance;
use opus2_backtest::statistics::proportion::wilson;
use opus2_backtest::statistics::sample::Shape;
use opus2_backtest::statistics::sharpe::{SharpeEstimate, Trials, time_aggregation};
use opus2_backtest::statistics::walk_forward::{Efficiency, ParameterDrift, WalkForward};
use serde_json::{Value, json};

use crate::Adapter;
use crate::input::{count, number, numbers, rows};

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[
    ("wilson_interval", wilson_interval),
    ("performance_metrics", performance_metrics),
    ("sharpe_autocorr_lo", sharpe_autocorr_lo),
    ("sharpe_standard_error", sharpe_standard_error),
    ("psr", psr),
    ("dsr", dsr),
    ("min_track_record", min_track_record),
    ("pbo_cscv", pbo),
    ("stationary_bootstrap_indices", bootstrap_indices),
    ("monte_carlo_permutation_mdd", permutation_mdd),
    ("walk_forward_folds", folds),
    ("parameter_drift", drift),
    ("walk_forward_efficiency", efficiency),
];

fn wilson_interval(inputs: &Value) -> Result<Value, String> {
    let found = wilson(count(inputs, "k")?, count(inputs, "n")?, number(inputs, "conf")?);
    Ok(json!({ "lo": found.map(|found| found.lo), "hi": found.map(|found| found.hi) }))
}

fn performance_metrics(inputs: &Value) -> Result<Value, String> {
    let found = Performance::of(&numbers(inputs, "eq")?, number(inputs, "per_year")?);
    Ok(json!({
        "total_return": found.total_return,
        "mean": found.mean,
        "sd": found.sd,
        "sharpe_period": found.sharpe_period,
        "sharpe_annual": found.sharpe_annual,
        "sortino_annual": found.sortino_annual,
        "max_drawdown": found.max_drawdown,
        "longest_underwater_periods": found.longest_underwater_periods,
        "cagr": found.cagr,
        "calmar": found.calmar,
    }))
}

fn sharpe_autocorr_lo(inputs: &Value) -> Result<Value, String> {
    Ok(json!({ "eta": time_aggregation(&numbers(inputs, "rho")?, count(inputs, "q")?) }))
}

fn estimate(inputs: &Value, periods: usize) -> Result<SharpeEstimate, String> {
    let shape = Shape { skewness: number(inputs, "sk")?, kurtosis: number(inputs, "ku")? };
    Ok(SharpeEstimate { sharpe: number(inputs, "sr")?, periods, shape })
}

fn sharpe_standard_error(inputs: &Value) -> Result<Value, String> {
    let found = estimate(inputs, count(inputs, "T")?)?.standard_errors();
    Ok(json!({ "se_iid_normal": found.iid_normal, "se_general": found.general }))
}

fn psr(inputs: &Value) -> Result<Value, String> {
    let estimate = estimate(inputs, count(inputs, "T")?)?;
    Ok(json!({ "psr": estimate.probabilistic(number(inputs, "sr0")?) }))
}

fn dsr(inputs: &Value) -> Result<Value, String> {
    let estimate = estimate(inputs, count(inputs, "T")?)?;
    let trials = Trials { count: count(inputs, "n_trials")?, variance: number(inputs, "var_sr")? };
    Ok(json!({ "sr0": trials.expected_maximum(), "dsr": estimate.deflated(&trials) }))
}

/// The length of the record is what is asked for: the estimate's own plays no part.
fn min_track_record(inputs: &Value) -> Result<Value, String> {
    let estimate = estimate(inputs, 0)?;
    Ok(json!({ "min_trl": estimate.min_track_record(number(inputs, "sr0")?, number(inputs, "conf")?) }))
}

fn pbo(inputs: &Value) -> Result<Value, String> {
    let found = pbo_cscv(&rows(inputs, "M")?, count(inputs, "S")?).map_err(|error| error.to_string())?;
    Ok(json!({ "logits": found.logits, "pbo": found.pbo }))
}

fn bootstrap_indices(inputs: &Value) -> Result<Value, String> {
    let (u, v) = (numbers(inputs, "u")?, numbers(inputs, "v")?);
    Ok(json!({ "index": stationary_indices(count(inputs, "n")?, number(inputs, "p")?, &u, &v) }))
}

fn permutation_mdd(inputs: &Value) -> Result<Value, String> {
    let settings = PermutationSettings::default();
    let found = permutation_drawdown(&numbers(inputs, "pnl")?, number(inputs, "equity0")?, &settings);
    Ok(json!({
        "count": found.map(|found| found.count),
        "mean": found.map(|found| found.mean),
        "p95_nearest_rank": found.map(|found| found.p95),
        "max": found.map(|found| found.max),
    }))
}

fn folds(inputs: &Value) -> Result<Value, String> {
    let plan = WalkForward {
        train: count(inputs, "train")?,
        test: count(inputs, "test")?,
        step: count(inputs, "step")?,
        embargo: count(inputs, "embargo")?,
    };
    let folds = plan.folds(count(inputs, "n")?);
    let folds: Vec<[usize; 4]> =
        folds.map(|fold| [fold.train.start, fold.train.end, fold.test.start, fold.test.end]).collect();
    Ok(json!({ "folds": folds }))
}

fn drift(inputs: &Value) -> Result<Value, String> {
    let (lo, hi) = (numbers(inputs, "lo")?, numbers(inputs, "hi")?);
    let found = ParameterDrift::of(&rows(inputs, "params")?, &lo, &hi);
    let (steps, mean, max) =
        found.map_or((None, None, None), |found| (Some(found.steps), found.mean, found.max));
    Ok(json!({ "step_drift": steps, "mean_drift": mean, "max_drift": max }))
}

fn efficiency(inputs: &Value) -> Result<Value, String> {
    let found = Efficiency::of(&numbers(inputs, "is_sr")?, &numbers(inputs, "oos_sr")?);
    Ok(json!({ "wfe": found.wfe, "oos_positive_fraction": found.positive_fraction }))
}
