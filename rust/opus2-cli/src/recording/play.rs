//! A recording as the raw records that ingest would have published.

use std::collections::BTreeMap;

use anyhow::Result;
use opus2_types::{Channel, InstrumentSpec, UnixNanos};
use opus2_venue::coinbase;
use opus2_wire::raw::RawRecord;
use opus2_wire::spec::encode_spec;

use super::dialect::{About, Dialect};
use super::line::Line;
use super::source::for_each_line;
use super::{Files, Survey};

/// What was left out of a recording while it was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Skipped {
    /// Frames that are none of the venue's messages.
    pub(crate) unreadable_frames: u64,
    /// Replies, errors and notices about the connection.
    pub(crate) control_frames: u64,
    /// Snapshots that do not say whose they are, in a recording of several instruments.
    pub(crate) orphan_snapshots: u64,
}

/// Gives every raw record of the recording, in order.
///
/// Record identities depend on the recording alone: the same files give the same bytes whenever they are played. An
/// instrument's first record on each connection announces it, as ingest does.
pub(crate) fn play(
    files: &Files,
    survey: &Survey,
    what: &'static str,
    mut visit: impl FnMut(&RawRecord<'_>) -> Result<()>,
) -> Result<Skipped> {
    let mut player = Player {
        survey,
        instruments: BTreeMap::new(),
        connections: BTreeMap::new(),
        rows: coinbase::recording::SnapshotRows::default(),
        rows_ts: UnixNanos::MIN,
        skipped: Skipped::default(),
    };
    for_each_line(&files.files, what, |line| player.line(line, &mut visit))?;
    player.publish_rows(&mut visit)?;
    Ok(player.skipped)
}

struct Player<'a> {
    survey: &'a Survey,
    instruments: BTreeMap<(Dialect, String), Track>,
    /// How often each recorder's connection was opened. The first opens the connection that is there already.
    connections: BTreeMap<Dialect, u32>,
    /// A REST book whose rows are being read, and when the newest row came.
    rows: coinbase::recording::SnapshotRows,
    rows_ts: UnixNanos,
    skipped: Skipped,
}

/// An instrument's place in the recording.
struct Track {
    market: String,
    announcement: String,
    conn: String,
    number: u64,
}

impl Player<'_> {
    fn line(&mut self, line: &Line<'_>, visit: &mut impl FnMut(&RawRecord<'_>) -> Result<()>) -> Result<()> {
        let dialect = Dialect::of(line)?;
        let survey = self.survey;
        let feed_of = |symbol: &str| survey.spec(dialect.venue(), symbol).map(|spec| spec.feed);
        let about = dialect.about(line, feed_of);
        if !matches!(about, About::SnapshotRow { .. }) {
            self.publish_rows(visit)?;
        }
        match about {
            About::Instruments { symbols, channel } => {
                for symbol in symbols {
                    self.publish(dialect, &symbol, channel, line.raw(), line.recv_ts(), visit)?;
                }
            }
            About::SnapshotRow { .. } => {
                self.rows_ts = line.recv_ts();
                if self.rows.push(line.raw()).is_err() {
                    self.skipped.unreadable_frames += 1;
                }
            }
            About::Instrument { symbol, channel, .. } => {
                self.publish(dialect, &symbol, channel, line.raw(), line.recv_ts(), visit)?;
            }
            About::Orphan => match self.survey.only_symbol(dialect.venue()) {
                Some(symbol) => {
                    let channel = Channel::Snapshot;
                    self.publish(dialect, symbol, channel, line.raw(), line.recv_ts(), visit)?;
                }
                None => self.skipped.orphan_snapshots += 1,
            },
            About::Open => {
                let opened = self.connections.entry(dialect).or_default();
                if *opened > 0 {
                    self.instruments.retain(|(of, _), _| *of != dialect);
                }
                *opened += 1;
            }
            About::Control | About::Subscribed { .. } => self.skipped.control_frames += 1,
            About::Unreadable => self.skipped.unreadable_frames += 1,
            About::Listing | About::Nothing => {}
        }
        Ok(())
    }

    /// Publishes the REST book that a recorder wrote order by order, once its last row has been seen.
    fn publish_rows(&mut self, visit: &mut impl FnMut(&RawRecord<'_>) -> Result<()>) -> Result<()> {
        let Some((symbol, body)) = self.rows.take() else { return Ok(()) };
        let dialect = Dialect::CoinbaseExchange;
        self.publish(dialect, &symbol, Channel::Snapshot, body.as_bytes(), self.rows_ts, visit)
    }

    fn publish(
        &mut self,
        dialect: Dialect,
        symbol: &str,
        channel: Channel,
        value: &[u8],
        recv_ts: UnixNanos,
        visit: &mut impl FnMut(&RawRecord<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(spec) = self.survey.spec(dialect.venue(), symbol) else { return Ok(()) };
        let attempt = self.connections.get(&dialect).map_or(0, |opened| opened.saturating_sub(1));
        let first_recv_ts = self.survey.first_recv_ts;
        let track = self.instruments.entry((dialect, symbol.to_owned())).or_insert_with(|| Track {
            market: spec.market(),
            announcement: encode_spec(spec),
            conn: format!("{first_recv_ts:x}-replay-{attempt}"),
            number: 0,
        });
        if track.number == 0 {
            track.number = 1;
            visit(&record(spec, track, Channel::Instrument, recv_ts, track.announcement.as_bytes()))?;
        }
        track.number += 1;
        visit(&record(spec, track, channel, recv_ts, value))
    }
}

fn record<'a>(
    spec: &'a InstrumentSpec,
    track: &'a Track,
    channel: Channel,
    recv_ts: UnixNanos,
    value: &'a [u8],
) -> RawRecord<'a> {
    RawRecord {
        symbol: &spec.symbol,
        venue: spec.venue,
        channel,
        market: &track.market,
        conn: &track.conn,
        number: track.number,
        recv_ts,
        value,
    }
}
