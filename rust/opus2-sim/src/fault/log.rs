//! Every fault that happened, one entry each, in memory and in a file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};

use opus2_types::{UnixNanos, Venue};
use serde::Serialize;

use super::FaultKind;
use crate::stream::StreamKind;

/// Entries kept in memory; the file has all.
const KEPT_LIMIT: usize = 200_000;
/// Entries of one page.
pub(crate) const PAGE_LIMIT: usize = 10_000;

/// One fault that happened. A line of the log is its JSON; what does not apply is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// Running number, from 1.
    pub number: u64,
    /// When, in nanoseconds of the Unix epoch.
    pub at_ns: i64,
    /// What.
    pub kind: FaultKind,
    /// Whether a client that notices nothing misses an update.
    pub loses: bool,
    /// Whether a client that notices nothing believes something untrue.
    pub falsifies: bool,
    /// At which venue.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "venue_text")]
    pub venue: Option<Venue>,
    /// To which instrument.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// To a message of which stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamKind>,
    /// The venue's numbers in the message, first and last: update ids, sequence numbers, trade ids; for a Kraken book,
    /// which has none, the number of the book's change, as in `/sim/truth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<[u64; 2]>,
    /// On which connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// How long it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn venue_text<S: serde::Serializer>(venue: &Option<Venue>, serializer: S) -> Result<S::Ok, S::Error> {
    venue.map(Venue::as_str).serialize(serializer)
}

impl LogEntry {
    pub(super) const fn new(kind: FaultKind, now: UnixNanos) -> Self {
        Self {
            number: 0,
            at_ns: now.0,
            kind,
            loses: kind.loses(),
            falsifies: kind.falsifies(),
            venue: None,
            symbol: None,
            stream: None,
            sequence: None,
            connection: None,
            millis: None,
        }
    }
}

/// Part of the log, as lines of JSON.
#[derive(Debug)]
pub(crate) struct FaultLogPage {
    pub(crate) lines: String,
}

/// The log.
#[derive(Debug, Default)]
pub(crate) struct FaultLog {
    entries: VecDeque<LogEntry>,
    count: u64,
    file: Option<BufWriter<File>>,
}

impl FaultLog {
    pub(crate) fn new(file: Option<File>) -> Self {
        Self { file: file.map(BufWriter::new), ..Self::default() }
    }

    /// The entries from a number on that are still in memory, and the number after the last of all.
    pub(crate) fn since(&self, from: u64) -> (Vec<LogEntry>, u64) {
        let entries = self.entries.iter().rev().take_while(|entry| entry.number >= from);
        let mut entries: Vec<LogEntry> = entries.cloned().collect();
        entries.reverse();
        (entries, self.count + 1)
    }

    pub(super) fn push(&mut self, mut entry: LogEntry) {
        self.count += 1;
        entry.number = self.count;
        if let Some(file) = &mut self.file {
            let line = serde_json::to_string(&entry).unwrap_or_default();
            let written = writeln!(file, "{line}");
            self.check(written);
        }
        if self.entries.len() >= KEPT_LIMIT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// Brings the file up to date.
    pub(crate) fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            let flushed = file.flush();
            self.check(flushed);
        }
    }

    /// A file that cannot be written (a full disk) ends, and is missed loudly once; the memory goes on.
    fn check(&mut self, written: std::io::Result<()>) {
        if let Err(error) = written {
            tracing::error!(%error, "the fault log's file cannot be written and is given up; free some disk");
            self.file = None;
        }
    }

    /// Entries with numbers from `from` on, [`PAGE_LIMIT`] at most.
    pub(crate) fn page(&self, from: u64) -> FaultLogPage {
        let mut lines = String::new();
        let first = self.entries.front().map_or(0, |entry| entry.number);
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        for entry in self.entries.iter().skip(skip).take(PAGE_LIMIT) {
            lines.push_str(&serde_json::to_string(entry).unwrap_or_default());
            lines.push('\n');
        }
        FaultLogPage { lines }
    }
}
