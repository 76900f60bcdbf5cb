//! The table of OFI regressions, for people and for programs.

use std::io::Write;

use anyhow::Result;
use opus2_backtest::study::bars::{Bar, BarCounts};
use opus2_backtest::study::ofi::{Row, base_units, mid_change_ticks};
use opus2_types::Scaled;
use serde::Serialize;

use super::ofi::Series;

#[derive(Serialize)]
struct SeriesJson<'a> {
    instrument: &'a str,
    form: &'a str,
    bar_secs: f64,
    levels: usize,
    tick: String,
    first_ns: Option<i64>,
    last_ns: Option<i64>,
    books: u64,
    crossed: u64,
    holes: u64,
    partial_bars: u64,
    trades: u64,
    regressions: Vec<RowJson>,
    bars: Vec<BarJson>,
}

#[derive(Serialize)]
struct RowJson {
    name: &'static str,
    what: &'static str,
    bars: usize,
    intercept: Option<f64>,
    beta: Vec<f64>,
    t_plain: Option<f64>,
    t_hac: Option<f64>,
    hac_lags: usize,
    r2: Option<f64>,
    r2_adjusted: Option<f64>,
    r2_blocks_mean: Option<f64>,
    blocks: usize,
    r2_out_of_sample: Option<f64>,
    bars_out_of_sample: usize,
}

#[derive(Serialize)]
struct BarJson {
    end_ns: i64,
    /// Of each rank, base units.
    ofi: Vec<Option<f64>>,
    /// Bought less sold, base units.
    flow: Option<f64>,
    mid_change_ticks: f64,
}

pub(super) fn write_json(out: &mut impl Write, series: &Series) -> Result<()> {
    let Series { units, settings, counts, .. } = series;
    let bar = |bar: &Bar| BarJson {
        end_ns: bar.end,
        ofi: bar.levels.ofi.iter().take(settings.levels).map(|ofi| base_units(*ofi, *units)).collect(),
        flow: base_units(bar.flow.signed(), *units),
        mid_change_ticks: mid_change_ticks(bar, *units),
    };
    let json = SeriesJson {
        instrument: &series.name,
        form: &series.form,
        bar_secs: bar_secs(series),
        levels: settings.levels,
        tick: Scaled::new(units.tick, units.price_scale).to_string(),
        first_ns: counts.span.map(|(first, _)| first),
        last_ns: counts.span.map(|(_, last)| last),
        books: counts.books,
        crossed: counts.crossed,
        holes: counts.holes,
        partial_bars: counts.partial_bars,
        trades: counts.trades,
        regressions: series.table().iter().map(row_json).collect(),
        bars: series.bars.iter().map(bar).collect(),
    };
    serde_json::to_writer(&mut *out, &json)?;
    writeln!(out)?;
    Ok(())
}

fn row_json(row: &Row) -> RowJson {
    let found = row.regression.as_ref();
    RowJson {
        name: row.name,
        what: row.what,
        bars: found.map_or(0, |found| found.bars),
        intercept: found.map(|found| found.fit.intercept),
        beta: found.map_or(Vec::new(), |found| found.fit.slopes.clone()),
        t_plain: found.and_then(|found| found.t_plain),
        t_hac: found.and_then(|found| found.t_hac),
        hac_lags: found.map_or(0, |found| found.hac_lags),
        r2: found.and_then(|found| found.r2),
        r2_adjusted: found.and_then(|found| found.r2_adjusted),
        r2_blocks_mean: found.and_then(|found| found.r2_blocks_mean),
        blocks: found.map_or(0, |found| found.blocks),
        r2_out_of_sample: found.and_then(|found| found.r2_out_of_sample),
        bars_out_of_sample: found.map_or(0, |found| found.bars_out_of_sample),
    }
}

pub(super) fn write_table(out: &mut impl Write, series: &Series) -> Result<()> {
    let Series { counts, settings, .. } = series;
    writeln!(out, "{} ({})", series.name, series.form)?;
    writeln!(out, "  {}", span(series, counts))?;
    writeln!(
        out,
        "  {} books, {} trades, {} crossed books passed over, {} holes; {} whole bars of {} s, {} partial ones left out",
        counts.books,
        counts.trades,
        counts.crossed,
        counts.holes,
        series.bars.len(),
        bar_secs(series),
        counts.partial_bars,
    )?;
    if series.bars.is_empty() {
        return Ok(writeln!(out)?);
    }
    writeln!(
        out,
        "  change of the mid in ticks of {}, on flow of the best {} level(s):",
        Scaled::new(series.units.tick, series.units.price_scale),
        settings.levels,
    )?;
    writeln!(
        out,
        "  {:<34} {:>6} {:>8} {:>8} {:>14} {:>15} {:>11} {:>7} {:>7}",
        "", "bars", "R² in", "adjusted", "half hours", "R² out", "slope", "t", "t HAC"
    )?;
    for row in series.table() {
        let Some(found) = &row.regression else {
            writeln!(out, "  {:<34} {:>6}", row.what, "none")?;
            continue;
        };
        let slope = match *found.fit.slopes {
            [slope] => format!("{slope:.5}"),
            _ => "-".to_owned(),
        };
        writeln!(
            out,
            "  {:<34} {:>6} {:>8} {:>8} {:>14} {:>15} {:>11} {:>7} {:>7}",
            row.what,
            found.bars,
            shown(found.r2, 4),
            shown(found.r2_adjusted, 4),
            format!("{} ({})", shown(found.r2_blocks_mean, 4), found.blocks),
            format!("{} ({})", shown(found.r2_out_of_sample, 4), found.bars_out_of_sample),
            slope,
            shown(found.t_plain, 2),
            shown(found.t_hac, 2),
        )?;
    }
    writeln!(out)?;
    Ok(())
}

fn bar_secs(series: &Series) -> f64 {
    Scaled::new(series.settings.bar_nanos, 9).to_f64()
}

/// A number with some places, or a dash.
pub(super) fn shown(value: Option<f64>, places: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.places$}"))
}

fn span(series: &Series, counts: &BarCounts) -> String {
    let Some((first, last)) = counts.span else { return "no book that could be used".to_owned() };
    let secs = Scaled::new(last.saturating_sub(first), 9).to_f64();
    let clock = if series.is_since_midnight { "s since midnight" } else { "s since 1970" };
    format!("{} to {} {clock}: {secs:.1} s", Scaled::new(first, 9), Scaled::new(last, 9))
}
