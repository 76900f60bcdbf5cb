//! Stage 3: costs, impact, limits, sizing.

use opus2_hifa::primitive::Bbo;
use opus2_hifa::risk::{
    Bet, CornishFisher, DeskImpact, DeskOrder, Kelly, KellySettings, Resilience, ReturnModel, SquareRootLaw,
    TailLimits, TradeSpread, historical_tail, walk_notional, walk_quantity,
};
use opus2_types::{Aggressor, Level, Price, Qty, Scaled};
use serde_json::{Value, json};

use crate::Adapter;
use crate::input::{
    finest_qty_scale_of, ladder, number, numbers, optional, qty_scale_of, rows_of, scale_of, units,
};

pub(crate) const ADAPTERS: &[(&str, Adapter)] = &[
    ("walk_the_book", walk),
    ("walk_the_book_notional", walk_money),
    ("sqrt_impact", square_root),
    ("impact_almgren_2005", desk),
    ("resilience", resilience),
    ("effective_realised_spread", spreads),
    ("var_es", tails),
    ("var_cornish_fisher", cornish_fisher),
    ("var_es_historical", historical),
    ("kelly_capped", kelly),
];

fn aggressor(inputs: &Value) -> Result<Aggressor, String> {
    let side = number(inputs, "side")?;
    if side > 0.0 {
        Ok(Aggressor::Buy)
    } else if side < 0.0 {
        Ok(Aggressor::Sell)
    } else {
        Err("input \"side\" is neither 1 nor -1".to_owned())
    }
}

/// The side of the book that is taken, and twice the mid where there is one.
struct Taken {
    aggressor: Aggressor,
    levels: Vec<Level>,
    mid_doubled: Option<i64>,
    price_scale: u8,
    qty_scale: u8,
}

/// In the smallest scales that hold every number of the book, and `qty` where one is asked for. Prices times quantities have
/// `places` decimals if they can.
fn taken(inputs: &Value, qty: Option<f64>, places: u8) -> Result<Taken, String> {
    let (bids, asks) = (rows_of::<2>(inputs, "bids")?, rows_of::<2>(inputs, "asks")?);
    let column = |at: usize| bids.iter().chain(&asks).map(move |row| row[at]);
    let (price_scale, needed) = (scale_of(column(0))?, qty_scale_of(column(1).chain(qty))?);
    let finest = finest_qty_scale_of(column(1).chain(qty));
    let qty_scale = places.saturating_sub(price_scale).min(finest).max(needed);
    let [bids, asks] = [&bids, &asks].map(|side| ladder(side, price_scale, qty_scale));
    let (bids, asks, aggressor) = (bids?, asks?, aggressor(inputs)?);
    let mid_doubled =
        Bbo::new(bids.first().copied(), asks.first().copied()).ok().map(|bbo| bbo.mid_doubled());
    let levels = if aggressor == Aggressor::Buy { asks } else { bids };
    Ok(Taken { aggressor, levels, mid_doubled, price_scale, qty_scale })
}

fn walk(inputs: &Value) -> Result<Value, String> {
    let qty = number(inputs, "qty")?;
    let fee = optional(inputs, "fee")?.unwrap_or(0.0);
    let taken = taken(inputs, Some(qty), 0)?;
    let walk = walk_quantity(&taken.levels, Qty(units(qty, taken.qty_scale)?));
    let cost = |bps: &dyn Fn(i64) -> Option<f64>| taken.mid_doubled.and_then(bps);
    Ok(json!({
        "filled": Scaled::new(walk.filled.0, taken.qty_scale).to_f64(),
        "unfilled": Scaled::new(walk.unfilled.0, taken.qty_scale).to_f64(),
        "vwap": walk.vwap(taken.price_scale).ok(),
        "worst_price": walk.worst.map(|price| Scaled::new(price.0, taken.price_scale).to_f64()),
        "levels_touched": walk.levels,
        "slippage_bps": cost(&|mid| walk.slippage_bps(taken.aggressor, mid).ok()),
        "all_in_bps": cost(&|mid| walk.all_in_bps(taken.aggressor, mid, fee).ok()),
    }))
}

fn walk_money(inputs: &Value) -> Result<Value, String> {
    let notional = number(inputs, "notional")?;
    let decimals = scale_of([notional])?;
    let Taken { levels, price_scale, qty_scale, .. } = taken(inputs, None, decimals)?;
    let scale = price_scale + qty_scale;
    // At its own scale it is exact; the rest are zeros.
    let zeros = 10i128.checked_pow(u32::from(scale.saturating_sub(decimals)));
    let money = units(notional, decimals.min(scale))?;
    let money = zeros.and_then(|zeros| i128::from(money).checked_mul(zeros));
    let money = money.ok_or_else(|| format!("{notional} is beyond 128 bits"))?;
    let walk = walk_notional(&levels, money);
    Ok(json!({
        "base_qty": walk.base_qty(qty_scale),
        "notional_left": walk.unspent_quote(price_scale, qty_scale),
        "vwap": walk.vwap(price_scale).ok(),
    }))
}

fn square_root(inputs: &Value) -> Result<Value, String> {
    let law = SquareRootLaw {
        factor: number(inputs, "Y")?,
        sigma: number(inputs, "sigma_d")?,
        volume: number(inputs, "V")?,
    };
    Ok(json!({ "bps": law.impact_bps(number(inputs, "Q")?).ok() }))
}

fn desk(inputs: &Value) -> Result<Value, String> {
    let order = DeskOrder {
        qty: number(inputs, "X")?,
        daily_volume: number(inputs, "V")?,
        outstanding: number(inputs, "Theta")?,
        sigma: number(inputs, "sigma")?,
        days: number(inputs, "T")?,
    };
    let impact = DeskImpact::of(&order).ok();
    Ok(json!({
        "permanent_I_bps": impact.map(|impact| impact.permanent_bps),
        "temporary_K_bps": impact.map(|impact| impact.temporary_bps),
        "cost_J_bps": impact.map(|impact| impact.cost_bps),
    }))
}

fn resilience(inputs: &Value) -> Result<Value, String> {
    let (times, depths) = (numbers(inputs, "ts")?, numbers(inputs, "depth")?);
    if times.len() != depths.len() {
        return Err("inputs \"ts\" and \"depth\" are not of one length".to_owned());
    }
    let fit = Resilience::fit(times.into_iter().zip(depths), number(inputs, "dinf")?).ok();
    Ok(json!({
        "kappa": fit.map(|fit| fit.kappa),
        "half_life": fit.and_then(|fit| fit.half_life_secs().ok()),
        "initial_deficit": fit.map(|fit| fit.initial_deficit),
    }))
}

fn spreads(inputs: &Value) -> Result<Value, String> {
    let (price, before, after) = (number(inputs, "p")?, number(inputs, "m0")?, number(inputs, "m1")?);
    let scale = scale_of([price, before, after])?;
    let doubled = |mid: f64| units(mid, scale).map(|units| units.saturating_mul(2));
    let spread =
        TradeSpread::of(aggressor(inputs)?, Price(units(price, scale)?), doubled(before)?, doubled(after)?)
            .ok();
    Ok(json!({
        "effective_bps": spread.map(|spread| spread.effective_bps),
        "realised_bps": spread.map(|spread| spread.realised_bps),
        "impact_bps": spread.map(|spread| spread.impact_bps),
    }))
}

fn tails(inputs: &Value) -> Result<Value, String> {
    let returns = ReturnModel {
        sigma: number(inputs, "sigma")?,
        mu: optional(inputs, "mu")?.unwrap_or(0.0),
        periods: optional(inputs, "h")?.unwrap_or(1.0),
    };
    let confidence = number(inputs, "alpha")?;
    let normal = returns.normal_tail(confidence).ok();
    let degrees = optional(inputs, "nu")?.unwrap_or(TailLimits::default().degrees);
    let student = returns.student_tail(confidence, degrees).ok();
    Ok(json!({
        "var_normal": normal.map(|tail| tail.var),
        "es_normal": normal.map(|tail| tail.es),
        "var_t": student.map(|tail| tail.var),
        "es_t": student.map(|tail| tail.es),
    }))
}

fn cornish_fisher(inputs: &Value) -> Result<Value, String> {
    let [sigma, skewness] = [number(inputs, "sigma")?, number(inputs, "skew")?];
    let found = CornishFisher::of(sigma, skewness, number(inputs, "exk")?, number(inputs, "alpha")?).ok();
    Ok(json!({ "z_cf": found.map(|found| found.quantile), "var_cf": found.map(|found| found.var) }))
}

fn historical(inputs: &Value) -> Result<Value, String> {
    let tail = historical_tail(&mut numbers(inputs, "losses")?, number(inputs, "alpha")?).ok();
    Ok(json!({ "var": tail.map(|tail| tail.var), "es": tail.map(|tail| tail.es) }))
}

fn kelly(inputs: &Value) -> Result<Value, String> {
    let bet = Bet {
        probability: number(inputs, "p")?,
        gain: number(inputs, "G")?,
        loss: number(inputs, "L")?,
        cost: number(inputs, "cost")?,
    };
    let mut settings = KellySettings::default();
    settings.fraction = optional(inputs, "frac")?.unwrap_or(settings.fraction);
    settings.cap = optional(inputs, "cap")?.unwrap_or(settings.cap);
    let kelly = Kelly::of(&bet, &settings).ok();
    Ok(json!({
        "breakeven_p": kelly.and_then(|kelly| kelly.breakeven_probability.ok()),
        "edge": kelly.map(|kelly| kelly.edge),
        "kelly_full": kelly.and_then(|kelly| kelly.full.ok()),
        "kelly_used": kelly.map(|kelly| kelly.used),
    }))
}
