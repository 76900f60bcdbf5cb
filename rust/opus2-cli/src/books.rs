//! `opus2 books`: rebuild the books of a recording and say how right they are.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use opus2_types::{Channel, Level, Scaled, Side};
use opus2_venue::Feed;
use serde::Serialize;

use crate::recording::{Files, play, survey};

/// How many levels of each side are shown at the end.
const FINAL_LEVELS: usize = 10;

/// Arguments of `opus2 books`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    files: Files,
    /// One JSON object per instrument and line, instead of a table.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let survey = survey(&args.files)?;
    let mut feeds: BTreeMap<String, Feed> =
        survey.specs().map(|spec| (spec.symbol.clone(), Feed::new(spec.clone()))).collect();
    let skipped = play(&args.files, &survey, "books", |record| {
        if let Some(feed) = feeds.get_mut(record.symbol) {
            if record.channel == Channel::Instrument {
                feed.connected();
            } else {
                feed.apply(record.channel, record.value, record.recv_ts);
            }
        }
        Ok(())
    })?;
    let mut stdout = std::io::stdout().lock();
    let rows: Vec<Row> = feeds.values().map(Row::new).collect();
    if args.json {
        for row in &rows {
            serde_json::to_writer(&mut stdout, row)?;
            writeln!(stdout)?;
        }
    } else {
        print_table(&mut stdout, &rows)?;
    }
    if skipped.unreadable_frames + skipped.orphan_snapshots > 0 {
        eprintln!(
            "not played: {} frames that are no message of the venue, {} snapshots that do not say whose they are",
            skipped.unreadable_frames, skipped.orphan_snapshots
        );
    }
    Ok(())
}

/// One instrument's result. Names are those of the reference measurements; a count its feed cannot have is null.
#[derive(Serialize)]
struct Row {
    venue: &'static str,
    instrument: String,
    state: &'static str,
    snapshots: u64,
    dropped_before_snapshot: u64,
    applied: u64,
    stream_gaps: u64,
    crossed_after_apply: u64,
    trades: u64,
    bbo_checks: u64,
    bbo_matches: u64,
    checksums_ok: Option<u64>,
    checksums_bad: Option<u64>,
    resting_orders: Option<u64>,
    final_levels: [usize; 2],
    final_top10: Top,
    rejected: u64,
}

#[derive(Serialize)]
struct Top {
    bids: Vec<[String; 2]>,
    asks: Vec<[String; 2]>,
}

impl Row {
    fn new(feed: &Feed) -> Self {
        let counts = feed.counts();
        let (spec, book) = (feed.spec(), feed.book());
        let text = |level: Level| {
            [
                Scaled::new(level.price.0, spec.price_scale).to_string(),
                Scaled::new(level.qty.0, spec.qty_scale).to_string(),
            ]
        };
        let top = |side| book.side(side).levels().take(FINAL_LEVELS).map(text).collect();
        Self {
            venue: spec.venue.as_str(),
            instrument: spec.symbol.clone(),
            state: feed.state().as_str(),
            snapshots: counts.snapshots,
            dropped_before_snapshot: counts.dropped_before_snapshot,
            applied: counts.applied,
            stream_gaps: counts.stream_gaps,
            crossed_after_apply: counts.crossed_after_apply,
            trades: counts.trades,
            bbo_checks: counts.bbo_checks,
            bbo_matches: counts.bbo_matches,
            // This venue sends no checksums and no orders.
            checksums_ok: None,
            checksums_bad: None,
            resting_orders: None,
            final_levels: [book.side(Side::Bid).len(), book.side(Side::Ask).len()],
            final_top10: Top { bids: top(Side::Bid), asks: top(Side::Ask) },
            rejected: counts.rejected,
        }
    }
}

fn print_table(out: &mut impl Write, rows: &[Row]) -> Result<()> {
    writeln!(
        out,
        "{:<9} {:<12} {:<8} {:>9} {:>8} {:>8} {:>5} {:>8} {:>8} {:>11} {:>13} {:>14} {:>14}",
        "venue",
        "instrument",
        "state",
        "snapshots",
        "dropped",
        "applied",
        "gaps",
        "crossed",
        "trades",
        "bbo equal",
        "levels",
        "best bid",
        "best ask"
    )?;
    for row in rows {
        let best = |side: &[[String; 2]]| side.first().map_or("-".to_owned(), |level| level[0].clone());
        writeln!(
            out,
            "{:<9} {:<12} {:<8} {:>9} {:>8} {:>8} {:>5} {:>8} {:>8} {:>11} {:>13} {:>14} {:>14}",
            row.venue,
            row.instrument,
            row.state,
            row.snapshots,
            row.dropped_before_snapshot,
            row.applied,
            row.stream_gaps,
            row.crossed_after_apply,
            row.trades,
            format!("{}/{}", row.bbo_matches, row.bbo_checks),
            format!("{} + {}", row.final_levels[0], row.final_levels[1]),
            best(&row.final_top10.bids),
            best(&row.final_top10.asks),
        )?;
    }
    Ok(())
}
