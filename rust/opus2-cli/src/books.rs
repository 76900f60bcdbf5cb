//! `opus2 books`: rebuild the books of a recording and say how right they are.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use opus2_types::{Channel, FeedKind, Level, Scaled, Side, Venue};
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
    let mut feeds: BTreeMap<Venue, BTreeMap<String, Feed>> = BTreeMap::new();
    for spec in survey.specs() {
        feeds.entry(spec.venue).or_default().insert(spec.symbol.clone(), Feed::new(spec.clone()));
    }
    let skipped = play(&args.files, &survey, "books", |record| {
        if let Some(feed) = feeds.get_mut(&record.venue).and_then(|feeds| feeds.get_mut(record.symbol)) {
            if record.channel == Channel::Instrument {
                feed.connected();
            } else {
                feed.apply(record.channel, record.value, record.recv_ts);
            }
        }
        Ok(())
    })?;
    let mut stdout = std::io::stdout().lock();
    let rows: Vec<Row> = feeds.values().flat_map(BTreeMap::values).map(Row::new).collect();
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
    dropped_before_snapshot: Option<u64>,
    applied: u64,
    stream_gaps: Option<u64>,
    crossed_after_apply: u64,
    trades: u64,
    bbo_checks: Option<u64>,
    bbo_matches: Option<u64>,
    checksums_ok: Option<u64>,
    checksums_bad: Option<u64>,
    resting_orders: Option<usize>,
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
        let is_numbered = matches!(spec.feed, FeedKind::BinanceDepth | FeedKind::CoinbaseFull);
        let has_numbered_quotes = spec.feed == FeedKind::BinanceDepth;
        let has_checksums = spec.venue == Venue::Kraken;
        let number = |units: i64, scale: u8| {
            let number = Scaled::new(units, scale);
            // Kraken's checksums cover the text, so its numbers are shown with every place.
            if has_checksums { format!("{number:#}") } else { number.to_string() }
        };
        let text =
            |level: Level| [number(level.price.0, spec.price_scale), number(level.qty.0, spec.qty_scale)];
        let top = |side| book.side(side).levels().take(FINAL_LEVELS).map(text).collect();
        Self {
            venue: spec.venue.as_str(),
            instrument: spec.symbol.clone(),
            state: feed.state().as_str(),
            snapshots: counts.snapshots,
            dropped_before_snapshot: is_numbered.then_some(counts.dropped_before_snapshot),
            applied: counts.applied,
            stream_gaps: is_numbered.then_some(counts.stream_gaps),
            crossed_after_apply: counts.crossed_after_apply,
            trades: counts.trades,
            bbo_checks: has_numbered_quotes.then_some(counts.bbo_checks),
            bbo_matches: has_numbered_quotes.then_some(counts.bbo_matches),
            checksums_ok: has_checksums.then_some(counts.checksums_ok),
            checksums_bad: has_checksums.then_some(counts.checksums_bad),
            resting_orders: feed.resting_orders(),
            final_levels: [book.side(Side::Bid).len(), book.side(Side::Ask).len()],
            final_top10: Top { bids: top(Side::Bid), asks: top(Side::Ask) },
            rejected: counts.rejected,
        }
    }
}

fn print_table(out: &mut impl Write, rows: &[Row]) -> Result<()> {
    writeln!(
        out,
        "{:<9} {:<12} {:<8} {:>9} {:>8} {:>8} {:>5} {:>8} {:>8} {:>11} {:>11} {:>8} {:>15} {:>14} {:>14}",
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
        "checksums",
        "orders",
        "levels",
        "best bid",
        "best ask"
    )?;
    for row in rows {
        let best = |side: &[[String; 2]]| side.first().map_or("-".to_owned(), |level| level[0].clone());
        writeln!(
            out,
            "{:<9} {:<12} {:<8} {:>9} {:>8} {:>8} {:>5} {:>8} {:>8} {:>11} {:>11} {:>8} {:>15} {:>14} {:>14}",
            row.venue,
            row.instrument,
            row.state,
            row.snapshots,
            or_dash(row.dropped_before_snapshot),
            row.applied,
            or_dash(row.stream_gaps),
            row.crossed_after_apply,
            row.trades,
            of_total(row.bbo_matches, row.bbo_checks),
            of_total(row.checksums_ok, row.checksums_bad.zip(row.checksums_ok).map(|(bad, ok)| bad + ok)),
            or_dash(row.resting_orders),
            format!("{} + {}", row.final_levels[0], row.final_levels[1]),
            best(&row.final_top10.bids),
            best(&row.final_top10.asks),
        )?;
    }
    Ok(())
}

fn or_dash(count: Option<impl ToString>) -> String {
    count.map_or_else(|| "-".to_owned(), |count| count.to_string())
}

fn of_total(part: Option<u64>, total: Option<u64>) -> String {
    part.zip(total).map_or_else(|| "-".to_owned(), |(part, total)| format!("{part}/{total}"))
}
