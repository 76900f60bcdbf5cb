//! A recording as the raw records that ingest would have published.

use std::collections::BTreeMap;

use anyhow::Result;
use opus2_types::{Channel, UnixNanos, Venue};
use opus2_venue::binance::{Frame, classify};
use opus2_wire::raw::RawRecord;
use opus2_wire::spec::encode_spec;

use super::line::{Kind, Line, for_each_line};
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
        connections: 0,
        conn: connection_name(survey, 0),
        skipped: Skipped::default(),
    };
    for_each_line(&files.files, what, |line| player.line(line, &mut visit))?;
    Ok(player.skipped)
}

fn connection_name(survey: &Survey, attempt: u32) -> String {
    format!("{:x}-replay-{attempt}", survey.first_recv_ts)
}

struct Player<'a> {
    survey: &'a Survey,
    instruments: BTreeMap<String, Track>,
    connections: u32,
    conn: String,
    skipped: Skipped,
}

/// An instrument's place in the recording.
struct Track {
    market: String,
    announcement: String,
    number: u64,
}

impl Player<'_> {
    fn line(&mut self, line: &Line<'_>, visit: &mut impl FnMut(&RawRecord<'_>) -> Result<()>) -> Result<()> {
        match line.kind() {
            Kind::Frame => match classify(line.raw()) {
                Ok(Frame::Instrument { symbol, channel }) => self.publish(symbol, channel, line, visit),
                Ok(Frame::Control(_)) => {
                    self.skipped.control_frames += 1;
                    Ok(())
                }
                Err(_) => {
                    self.skipped.unreadable_frames += 1;
                    Ok(())
                }
            },
            Kind::Body if line.url_path_ends_with("/exchangeInfo") => Ok(()),
            Kind::Body => {
                let symbol = line.url_parameter("symbol").or(self.survey.only_symbol());
                if let Some(symbol) = symbol {
                    return self.publish(symbol, Channel::Snapshot, line, visit);
                }
                self.skipped.orphan_snapshots += 1;
                Ok(())
            }
            Kind::Open => {
                // The first opens the connection that is there already.
                if self.connections > 0 {
                    self.conn = connection_name(self.survey, self.connections);
                    self.instruments.clear();
                }
                self.connections += 1;
                Ok(())
            }
            Kind::Other => Ok(()),
        }
    }

    fn publish(
        &mut self,
        symbol: &str,
        channel: Channel,
        line: &Line<'_>,
        visit: &mut impl FnMut(&RawRecord<'_>) -> Result<()>,
    ) -> Result<()> {
        let symbol = symbol.to_uppercase();
        let Some(spec) = self.survey.spec(&symbol) else { return Ok(()) };
        let is_new = !self.instruments.contains_key(&symbol);
        let track = self.instruments.entry(symbol).or_insert_with(|| Track {
            market: spec.market(),
            announcement: encode_spec(spec),
            number: 0,
        });
        if is_new {
            track.number = 1;
            let announcement = track.announcement.as_bytes();
            let record =
                record(&spec.symbol, track, &self.conn, Channel::Instrument, line.recv_ts(), announcement);
            visit(&record)?;
        }
        track.number += 1;
        visit(&record(&spec.symbol, track, &self.conn, channel, line.recv_ts(), line.raw()))
    }
}

fn record<'a>(
    symbol: &'a str,
    track: &'a Track,
    conn: &'a str,
    channel: Channel,
    recv_ts: UnixNanos,
    value: &'a [u8],
) -> RawRecord<'a> {
    let (market, number) = (track.market.as_str(), track.number);
    RawRecord { symbol, venue: Venue::Binance, channel, market, conn, number, recv_ts, value }
}
