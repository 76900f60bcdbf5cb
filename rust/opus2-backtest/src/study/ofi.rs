//! The table of one instrument: how much of its price changes each kind of flow explains.

use opus2_types::{SCALE_MAX, Scaled};

use super::bars::{Bar, BarSettings};
use super::fit::Method;
use super::regression::{Judgement, Regression, Sample};
use crate::statistics::walk_forward::WalkForward;

/// Half an hour: the block of time within which slopes are taken to hold still.
///
/// # Source
/// Cont, Kukanov & Stoikov (2014), section 3.
pub const BLOCK_NANOS: i64 = 30 * 60 * 1_000_000_000;

/// How an instrument's integers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// Decimal places of a `Price`.
    pub price_scale: u8,
    /// Decimal places of a `Qty`.
    pub qty_scale: u8,
    /// The price step in `Price` units; at least one.
    pub tick: i64,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// A name for programs.
    pub name: &'static str,
    /// What the price change in ticks is regressed on.
    pub what: &'static str,
    /// `None` when it cannot be fitted.
    pub regression: Option<Regression>,
}

/// What stands in the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Columns {
    /// OFI of the best level, base units.
    Best,
    /// The same over the average depth there.
    BestOverDepth,
    /// OFI of every rank, base units.
    Levels,
    /// The same over the average depth of all ranks.
    LevelsOverDepth,
    /// Bought less sold, base units.
    TradeFlow,
}

/// Whose price change is to be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// That of the bar itself.
    Same,
    /// That of the bar after it: a forecast.
    Next,
    /// That of a bar half the sample away: there is nothing to be found.
    FarAway,
}

const LINES: [(&str, &str, Columns, Method, Target); 8] = [
    ("ofi", "OFI of the best level", Columns::Best, Method::LeastSquares, Target::Same),
    (
        "ofi_over_depth",
        "the same over average depth",
        Columns::BestOverDepth,
        Method::LeastSquares,
        Target::Same,
    ),
    ("levels_ols", "OFI of all levels, least squares", Columns::Levels, Method::LeastSquares, Target::Same),
    ("levels_ridge", "OFI of all levels, ridge", Columns::Levels, Method::Ridge, Target::Same),
    (
        "levels_integrated",
        "integrated OFI over depth",
        Columns::LevelsOverDepth,
        Method::Integrated,
        Target::Same,
    ),
    ("trade_flow", "trade-flow imbalance", Columns::TradeFlow, Method::LeastSquares, Target::Same),
    ("ofi_next_bar", "OFI, price change of the next bar", Columns::Best, Method::LeastSquares, Target::Next),
    ("ofi_placebo", "OFI, half the sample away", Columns::Best, Method::LeastSquares, Target::FarAway),
];

/// Every regression that the bars can carry: those of several levels need several, that of trades needs some.
///
/// The price change is that of the mid, in ticks.
///
/// # Source
/// Cont, Kukanov & Stoikov (2014); Xu, Gould & Howison (2019); Cont, Cucuringu & Zhang (2023); methods reference 2.3, 2.4.
#[must_use]
pub fn table(bars: &[Bar], units: Units, settings: &BarSettings) -> Vec<Row> {
    let has_trades = bars.iter().any(|bar| bar.flow.volume() > 0);
    let bar_nanos = settings.bar_nanos.max(1);
    let block_bars = usize::try_from(BLOCK_NANOS / bar_nanos).unwrap_or(usize::MAX);
    let judgement = Judgement { block_bars, walk_forward: WalkForward::rolling_60_40(block_bars, 1) };
    LINES
        .into_iter()
        .filter(|(_, _, columns, ..)| match columns {
            Columns::Levels | Columns::LevelsOverDepth => settings.levels > 1,
            Columns::TradeFlow => has_trades,
            Columns::Best | Columns::BestOverDepth => true,
        })
        .map(|(name, what, columns, method, target)| {
            let sample = sample(bars, columns, target, units, settings);
            Row { name, what, regression: Regression::of(method, &sample, &judgement) }
        })
        .collect()
}

/// The change of the mid over a bar, in ticks.
#[must_use]
pub fn mid_change_ticks(bar: &Bar, units: Units) -> f64 {
    Scaled::new(bar.mid_change_doubled, 0).to_f64() / Scaled::new(units.tick.max(1), 0).to_f64() / 2.0
}

/// An amount in base units; `None` for one that no bar can have.
#[must_use]
pub fn base_units(amount: i128, units: Units) -> Option<f64> {
    let amount = i64::try_from(amount).ok()?;
    Some(Scaled::new(amount, units.qty_scale.min(SCALE_MAX)).to_f64())
}

fn sample(bars: &[Bar], columns: Columns, target: Target, units: Units, settings: &BarSettings) -> Sample {
    let mut sample = Sample::default();
    let half = bars.len() / 2;
    for (at, bar) in bars.iter().enumerate() {
        let explained = match target {
            Target::Same => Some(bar),
            Target::Next => {
                bars.get(at + 1).filter(|next| next.end == bar.end.saturating_add(settings.bar_nanos))
            }
            Target::FarAway => bars.get((at + bars.len() - half) % bars.len()),
        };
        let row = row(bar, columns, units, settings.levels);
        let (Some(row), Some(explained)) = (row, explained) else { continue };
        sample.rows.push(row);
        sample.y.push(mid_change_ticks(explained, units));
        // A bar belongs to the block that holds its end, and not to the one that begins there. A bar from far away would lead
        // back in time.
        let end = if target == Target::FarAway { bar.end } else { explained.end };
        sample.blocks.push(end.saturating_sub(1).div_euclid(BLOCK_NANOS));
    }
    sample
}

/// A bar's columns; without any event they are zeros whatever the depth.
fn row(bar: &Bar, columns: Columns, units: Units, levels: usize) -> Option<Vec<f64>> {
    let is_quiet = bar.ofi.events == 0;
    Some(match columns {
        Columns::Best => vec![base_units(bar.ofi.ofi, units)?],
        Columns::BestOverDepth if is_quiet => vec![0.0],
        Columns::BestOverDepth => vec![bar.ofi.normalised().ok()?],
        Columns::Levels => {
            bar.levels.ofi.iter().take(levels).map(|ofi| base_units(*ofi, units)).collect::<Option<_>>()?
        }
        Columns::LevelsOverDepth if is_quiet => vec![0.0; levels],
        Columns::LevelsOverDepth => bar.levels.depth_scaled().ok()?.into_iter().take(levels).collect(),
        Columns::TradeFlow => vec![base_units(bar.flow.signed(), units)?],
    })
}
