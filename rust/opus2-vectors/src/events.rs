//! Detections with an episode: walls, sweeps, icebergs, absorption.

use opus2_hifa::detector::absorption::{Taken, absorption};
use opus2_hifa::detector::iceberg::{IcebergLife, RefillTally, Survival, refill};
use opus2_hifa::detector::level_flow::Stamp;
use opus2_hifa::detector::sweep::{Sweep, SweepDetector, SweepSettings};
use opus2_hifa::detector::wall::{RobustFit, WallEpisode};
use opus2_types::{Aggressor, Price, Qty, Scaled};
use serde_json::{Value, json};

use crate::Adapter;
use crate::input::{count, decimal, list, nanos, number, numbers, qty_scale_of, rows_of, scale_of, units};

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[
    ("wall_robust_z", wall_robust_z),
    ("wall_episode", wall_episode),
    ("sweep", sweep),
    ("iceberg_refill", iceberg_refill),
    ("kaplan_meier", kaplan_meier),
    ("absorption", absorbed),
];

fn wall_robust_z(inputs: &Value) -> Result<Value, String> {
    let fit = RobustFit::exact(&numbers(inputs, "history")?).ok();
    let size = number(inputs, "q")?;
    Ok(json!({
        "median": fit.map(|fit| fit.median),
        "mad": fit.map(|fit| fit.mad),
        "scale": fit.map(|fit| fit.scale),
        "z": fit.and_then(|fit| fit.z(size).ok()),
    }))
}

fn wall_episode(inputs: &Value) -> Result<Value, String> {
    let events = rows_of::<4>(inputs, "events")?;
    let first = number(inputs, "q0")?;
    let near_bps = number(inputs, "near_bps")?;
    let scale = qty_scale_of(events.iter().flat_map(|[_, qty, traded, _]| [*qty, *traded]).chain([first]))?;
    let mut episode = WallEpisode::new(nanos(number(inputs, "t0")?)?, Qty(units(first, scale)?));
    for [at, qty, traded, dist_bps] in events {
        let (qty, traded) = (Qty(units(qty, scale)?), Qty(units(traded, scale)?));
        episode.update(nanos(at)?, qty, traded, dist_bps <= near_bps);
    }
    Ok(json!({
        "executed": decimal(episode.executed(), scale),
        "cancelled": decimal(episode.cancelled(), scale),
        "refilled": decimal(episode.refilled(), scale),
        "peak": decimal(episode.peak().0.into(), scale),
        "life_s": episode.life_secs(),
        "pull_ratio": episode.pull_ratio().ok(),
        "near_fraction": episode.near_fraction().ok(),
        "spoof_likeness": episode.spoof_likeness(number(inputs, "tau")?),
        "refill_ratio": episode.refill_ratio().ok(),
    }))
}

/// One clock, and all trades are known: nothing is still on its way.
fn sweep(inputs: &Value) -> Result<Value, String> {
    let trades = rows_of::<4>(inputs, "trades")?;
    let price_scale = scale_of(trades.iter().map(|[_, price, ..]| *price))?;
    let qty_scale = qty_scale_of(trades.iter().map(|[_, _, qty, _]| *qty))?;
    let settings = SweepSettings {
        gap_nanos: nanos(number(inputs, "max_gap")?)?,
        levels_min: u32::try_from(count(inputs, "min_levels")?).map_err(|error| error.to_string())?,
        patience_nanos: 0,
    };
    let mut detector = SweepDetector::default();
    let mut sweeps = Vec::new();
    let shown = |sweep: Sweep| -> Result<Value, String> {
        Ok(json!({
            "side": sweep.aggressor.sign(),
            "t_start": Scaled::new(sweep.since, 9).to_f64(),
            "t_end": Scaled::new(sweep.until, 9).to_f64(),
            "levels": sweep.levels,
            "volume": decimal(sweep.volume, qty_scale),
            "vwap": sweep.vwap(price_scale).ok(),
            "price_span": decimal(sweep.span().0.into(), price_scale),
        }))
    };
    for [at, price, qty, side] in trades {
        let stamp = Stamp { now: nanos(at)?, venue: None };
        let (price, qty) = (Price(units(price, price_scale)?), Qty(units(qty, qty_scale)?));
        let aggressor = if side > 0.0 { Aggressor::Buy } else { Aggressor::Sell };
        let ended = detector.on_trade(stamp, price, qty, aggressor, &[], &settings);
        sweeps.extend(ended.map(shown).transpose()?);
    }
    sweeps.extend(detector.finish(&settings).map(shown).transpose()?);
    Ok(json!({ "sweeps": sweeps }))
}

fn iceberg_refill(inputs: &Value) -> Result<Value, String> {
    let steps = rows_of::<3>(inputs, "steps")?;
    let scale = qty_scale_of(steps.iter().flatten().copied())?;
    let mut tally = RefillTally::default();
    let mut refills = Vec::new();
    for [before, traded, after] in steps {
        let [before, traded, after] =
            [units(before, scale)?, units(traded, scale)?, units(after, scale)?].map(Qty);
        let put_back = refill(before, traded, after);
        tally.add(traded, put_back);
        refills.push(decimal(put_back.0.into(), scale));
    }
    Ok(json!({
        "refills": refills,
        "n_refills": tally.refills(),
        "refilled_volume": decimal(tally.refilled(), scale),
        "traded": decimal(tally.traded(), scale),
        "refill_share": tally.refill_share().ok(),
        "peak_cv": tally.peak_cv().ok(),
    }))
}

fn kaplan_meier(inputs: &Value) -> Result<Value, String> {
    let (sizes, grid) = (numbers(inputs, "sizes")?, numbers(inputs, "grid")?);
    let completed = list(inputs, "completed")?;
    if sizes.len() != completed.len() {
        return Err("inputs \"sizes\" and \"completed\" are not equally long".to_owned());
    }
    let scale = qty_scale_of(sizes.iter().chain(&grid).copied())?;
    let is_true = |value: &Value| value.as_bool().or_else(|| value.as_f64().map(|number| number > 0.0));
    let mut lives = Vec::new();
    for (size, completed) in sizes.into_iter().zip(completed) {
        let is_complete = is_true(completed).ok_or("an element of input \"completed\" is not a flag")?;
        lives.push(IcebergLife { size: units(size, scale)?, is_complete });
    }
    let survival = Survival::fit(&lives);
    let mut steps = Vec::new();
    for step in survival.steps() {
        steps.push([decimal(step.size.into(), scale), step.survival]);
    }
    let mut survival_at = Vec::new();
    for size in grid {
        survival_at.push([size, survival.at(units(size, scale)?)]);
    }
    Ok(json!({ "steps": steps, "survival_at": survival_at }))
}

fn absorbed(inputs: &Value) -> Result<Value, String> {
    let found = absorption(&Taken {
        volume: number(inputs, "volume")?,
        signed_move: number(inputs, "signed_dmid")?,
        lambda: number(inputs, "lam")?,
        added: number(inputs, "added")?,
        executed: number(inputs, "executed")?,
    });
    Ok(json!({
        "expected_move": found.expected_move,
        "resistance": found.resistance.ok(),
        "replenishment": found.replenishment.ok(),
        "score": found.score.ok(),
    }))
}
