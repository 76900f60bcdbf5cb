//! LOBSTER messages with the best level after each, in one CSV file with a header.
//!
//! Columns are found by name: `Secs`, `Type`, `Size`, `TradeDirection`, `Askp1`, `Asks1`, `Bidp1`, `Bids1`. Prices are
//! dollars, times seconds since midnight. A direction is that of the order that rested: who took is the opposite.

use std::fs::File;
use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, Result, bail};
use opus2_backtest::study::bars::{BarBuilder, BarSettings};
use opus2_backtest::study::ofi::Units;
use opus2_hifa::estimator::signed_volume::FlowSum;
use opus2_types::{Aggressor, Level, Price, Qty, parse_scaled};

use super::ofi::Series;
use crate::recording::open;

/// LOBSTER's own unit: a hundredth of a cent.
const PRICE_SCALE: u8 = 4;
/// The price step of American shares above a dollar: a cent.
const TICK: i64 = 100;
/// Executions against visible and against hidden orders.
const EXECUTIONS: [&str; 2] = ["4", "5"];

/// Where each column stands.
struct Columns {
    secs: usize,
    kind: usize,
    size: usize,
    direction: usize,
    ask: [usize; 2],
    bid: [usize; 2],
}

impl Columns {
    fn of(header: &str) -> Result<Self> {
        let names: Vec<&str> = header.trim().split(',').collect();
        let find = |name: &str| {
            names
                .iter()
                .position(|found| *found == name)
                .with_context(|| format!("no column {name:?}; the header has {}", names.join(", ")))
        };
        Ok(Self {
            secs: find("Secs")?,
            kind: find("Type")?,
            size: find("Size")?,
            direction: find("TradeDirection")?,
            ask: [find("Askp1")?, find("Asks1")?],
            bid: [find("Bidp1")?, find("Bids1")?],
        })
    }
}

pub(super) fn read(path: &Path, settings: BarSettings) -> Result<Series> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let mut lines = open(file).with_context(|| format!("cannot read {name}"))?.lines();
    let header = lines.next().with_context(|| format!("{name} is empty"))?;
    let columns = header
        .with_context(|| format!("cannot read {name}"))
        .and_then(|header| Columns::of(&header).with_context(|| format!("{name}, line 1")))?;
    // There is only the best level.
    let settings = BarSettings { levels: 1, ..settings };
    let mut bars = BarBuilder::new(settings);
    for (line, number) in lines.zip(2u64..) {
        line.map_err(anyhow::Error::from)
            .and_then(|line| read_line(&columns, &line, &mut bars))
            .with_context(|| format!("{name}, line {number}"))?;
    }
    let (bars, counts) = bars.finish();
    Ok(Series {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        form: "LOBSTER, best level, every message".to_owned(),
        is_since_midnight: true,
        units: Units { price_scale: PRICE_SCALE, qty_scale: 0, tick: TICK },
        settings,
        bars,
        counts,
    })
}

fn read_line(columns: &Columns, line: &str, bars: &mut BarBuilder) -> Result<()> {
    let fields: Vec<&str> = line.trim().split(',').collect();
    let text = |at: usize| fields.get(at).copied().context("too few columns");
    let number = |at: usize, scale: u8| -> Result<i64> {
        let text = text(at)?;
        parse_scaled(text.as_bytes(), scale).with_context(|| format!("{text:?}"))
    };
    let level = |at: [usize; 2]| -> Result<Level> {
        Ok(Level { price: Price(number(at[0], PRICE_SCALE)?), qty: Qty(number(at[1], 0)?) })
    };
    let at = number(columns.secs, 9)?;
    bars.book(at, &[level(columns.bid)?], &[level(columns.ask)?], false);
    if EXECUTIONS.contains(&text(columns.kind)?) {
        let taker = match text(columns.direction)? {
            "1" => Aggressor::Sell,
            "-1" => Aggressor::Buy,
            other => bail!("direction {other:?} is neither 1 nor -1"),
        };
        let qty = Qty(number(columns.size, 0)?);
        // The price is not used: a hidden order's may be finer than the book's.
        let flow = FlowSum::of(taker, Price(1), qty, true).context("an execution of no shares")?;
        bars.trade(at, flow);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Secs,Type,Size,TradeDirection,Askp1,Asks1,Bidp1,Bids1";

    #[track_caller]
    fn check(lines: &str, expect: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, lines).unwrap();
        let found = match read(&path, BarSettings { bar_nanos: 10, levels: 5 }) {
            Ok(series) => {
                let bars: Vec<_> = series.bars.iter().map(|bar| (bar.ofi.ofi, bar.flow.signed())).collect();
                format!("{bars:?}")
            }
            Err(error) => format!("{error:#}"),
        };
        assert!(found.ends_with(expect), "{found}");
    }

    #[test]
    fn executions_are_signed_by_who_took() {
        let quote = "223.6700,100,223.53,400";
        check(
            &format!(
                "{HEADER}\n0.00000001,1,1,1,{quote}\n0.000000015,4,7,-1,223.67,93,223.53,400\n\
                 0.00000002,5,2,1,223.67,93,223.53,400\n"
            ),
            "[(7, 5)]",
        );
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        check("", "is empty");
        check("Secs,Type\n", "no column \"Size\"; the header has Secs, Type");
        check(&format!("{HEADER}\n1,1,1,1,2,3\n"), "line 2: too few columns");
        check(
            &format!("{HEADER}\n1,1,1,1,2.00001,3,1,1\n"),
            "more decimals than the instrument's scale of 4",
        );
        check(&format!("{HEADER}\n1,4,1,0,2,3,1,1\n"), "direction \"0\" is neither 1 nor -1");
    }
}
