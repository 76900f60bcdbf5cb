//! One message of a recording.

use std::borrow::Cow;

use opus2_types::UnixNanos;
use serde::Deserialize;

/// One line of a recording.
#[derive(Debug, Deserialize)]
pub(crate) struct Line<'a> {
    pub(super) received_ns: i64,
    #[serde(borrow)]
    pub(super) exchange: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) raw: Cow<'a, str>,
    /// The simulator's recorder says so of every line.
    #[serde(default)]
    pub(super) synthetic: bool,
}

/// What a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A WebSocket message received.
    Frame,
    /// The body of a REST answer.
    Body,
    /// A connection was opened.
    Open,
    /// One order of a REST level 3 book, written as an `open` message.
    SnapshotRow,
    /// What the client sent, and anything else.
    Other,
}

impl Line<'_> {
    pub(crate) fn kind(&self) -> Kind {
        match self.kind.as_ref() {
            "ws" => Kind::Frame,
            "http" => Kind::Body,
            "open" => Kind::Open,
            "snapshot_row" => Kind::SnapshotRow,
            _ => Kind::Other,
        }
    }

    pub(crate) const fn recv_ts(&self) -> UnixNanos {
        UnixNanos(self.received_ns)
    }

    pub(crate) fn raw(&self) -> &[u8] {
        self.raw.as_bytes()
    }

    /// A parameter of the line's URL.
    pub(crate) fn url_parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.url.as_deref()?.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// The path of the line's URL, without its query.
    pub(crate) fn url_path(&self) -> &str {
        let url = self.url.as_deref().unwrap_or("");
        url.split('?').next().unwrap_or(url)
    }
}
