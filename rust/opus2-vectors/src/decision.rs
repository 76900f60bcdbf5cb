//! Combination, calibration, decision.

use opus2_hifa::Absent;
use opus2_hifa::decision::calibration::isotonic_fit;
use opus2_hifa::decision::combine::{StageFactors, Standardised, Term, combine};
use opus2_hifa::decision::hysteresis::{Hysteresis, HysteresisSettings, Observation};
use opus2_hifa::decision::logistic::{LearningSettings, OnlineLogistic, RateDecay};
use opus2_hifa::decision::reliability::reliability;
use opus2_hifa::decision::{FitError, hysteresis as states};
use serde_json::{Value, json};

use crate::Adapter;
use crate::input::{count, list, nanos, number, numbers, optional, rows};

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[
    ("combine_stages", combine_stages),
    ("logistic_online", logistic_online),
    ("brier_murphy_ece", brier_murphy_ece),
    ("isotonic_pav", isotonic_pav),
    ("hysteresis", hysteresis),
];

/// A feature that is null is missing; a factor that is not there is neutral.
fn combine_stages(inputs: &Value) -> Result<Value, String> {
    let (x, weights) = (list(inputs, "x")?, numbers(inputs, "w")?);
    if x.len() != weights.len() {
        return Err(format!("{} features and {} weights", x.len(), weights.len()));
    }
    let terms = x.iter().zip(weights).map(|(x, weight)| Term {
        weight,
        value: x.as_f64().map_or(Standardised::MISSING, Standardised::of),
    });
    let neutral = StageFactors::default();
    let factors = StageFactors {
        ctx_mult: optional(inputs, "ctx_mult")?.unwrap_or(neutral.ctx_mult),
        risk_gate: optional(inputs, "risk_gate")?.unwrap_or(neutral.risk_gate),
    };
    let found = combine(terms, number(inputs, "b")?, factors).ok();
    Ok(json!({
        "logit": found.map(|found| found.logit),
        "p_up": found.map(|found| found.p_up),
        "score": found.map(|found| found.score),
        "confidence": found.map(|found| found.confidence),
    }))
}

fn logistic_online(inputs: &Value) -> Result<Value, String> {
    let (xs, ys) = (rows(inputs, "xs")?, numbers(inputs, "ys")?);
    if xs.len() != ys.len() {
        return Err(format!("{} rows and {} labels", xs.len(), ys.len()));
    }
    let settings = LearningSettings {
        eta: number(inputs, "eta")?,
        decay: RateDecay::Constant,
        l2: optional(inputs, "l2")?.unwrap_or_default(),
    };
    let mut online = OnlineLogistic::new(xs.first().map_or(0, Vec::len));
    let step = |(x, y): (&Vec<f64>, f64)| online.update(x, y, &settings).ok();
    let stated: Vec<Option<f64>> = xs.iter().zip(ys).map(step).collect();
    Ok(json!({ "p_before_update": stated, "w": online.weights(), "logloss": online.log_loss().ok() }))
}

fn brier_murphy_ece(inputs: &Value) -> Result<Value, String> {
    let bins = u32::try_from(count(inputs, "bins")?).map_err(|error| error.to_string())?;
    let found = match reliability(&numbers(inputs, "ps")?, &numbers(inputs, "ys")?, bins) {
        Err(FitError::Empty) => None,
        found => Some(found.map_err(|error| error.to_string())?),
    };
    let table = found.iter().flat_map(|found| &found.table);
    let table: Vec<Value> =
        table.map(|row| json!([row.bin, row.count, row.forecast, row.observed])).collect();
    let found = found.as_ref();
    Ok(json!({
        "brier": found.map(|found| found.brier),
        "reliability": found.map(|found| found.reliability),
        "resolution": found.map(|found| found.resolution),
        "uncertainty": found.map(|found| found.uncertainty),
        "skill": found.and_then(|found| found.skill.ok()),
        "ece": found.map(|found| found.ece),
        "table": table,
    }))
}

fn isotonic_pav(inputs: &Value) -> Result<Value, String> {
    let fit = isotonic_fit(&numbers(inputs, "ys")?).map_err(|error| error.to_string())?;
    Ok(json!({ "fit": fit }))
}

/// A probability that is null is one that is absent.
fn hysteresis(inputs: &Value) -> Result<Value, String> {
    let settings = HysteresisSettings {
        p_in: number(inputs, "enter")?,
        p_out: number(inputs, "exit_")?,
        cool_down_ns: nanos(number(inputs, "cool")?)?,
        min_hold_ns: nanos(number(inputs, "min_hold")?)?,
        max_hold_ns: nanos(number(inputs, "max_hold")?)?,
    };
    let mut state = Hysteresis::default();
    let mut path = Vec::new();
    for row in list(inputs, "obs")? {
        let now = row[0].as_f64().ok_or("an observation without a time")?;
        let p_up = row[1].as_f64().ok_or(Absent::Cold);
        let observation = Observation { now: nanos(now)?, p_up, may_enter: true, must_leave: false };
        state.step(observation, &settings);
        path.push(states::Position::sign(state.position()));
    }
    Ok(json!({ "state": path }))
}
