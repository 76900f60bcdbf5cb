//! Reading a recording line by line.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::bufread::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use opus2_types::UnixNanos;
use serde::Deserialize;

/// The longest line that is read: the largest message of any venue, escaped.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// One line of a recording.
#[derive(Debug, Deserialize)]
pub(crate) struct Line<'a> {
    received_ns: i64,
    #[serde(borrow)]
    pub(crate) exchange: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    raw: Cow<'a, str>,
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
    /// What the client sent, and anything else.
    Other,
}

impl Line<'_> {
    pub(crate) fn kind(&self) -> Kind {
        match self.kind.as_ref() {
            "ws" => Kind::Frame,
            "http" => Kind::Body,
            "open" => Kind::Open,
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

    pub(crate) fn url_path_ends_with(&self, end: &str) -> bool {
        self.url.as_deref().is_some_and(|url| url.split('?').next().unwrap_or(url).ends_with(end))
    }
}

/// Gives every line of the files, in order. Shows a progress bar for `what` while it reads.
pub(crate) fn for_each_line(
    files: &[impl AsRef<Path>],
    what: &'static str,
    mut visit: impl FnMut(&Line<'_>) -> Result<()>,
) -> Result<()> {
    let bar = progress_bar(files, what);
    for path in files {
        let path = path.as_ref();
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open recording {name}"))?;
        let mut reader =
            open(bar.wrap_read(file)).with_context(|| format!("cannot read recording {name}"))?;
        let mut text = Vec::new();
        for number in 1.. {
            text.clear();
            let read = reader
                .by_ref()
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut text)
                .with_context(|| format!("{name}, line {number}: cannot read; is the file complete?"))?;
            if read == 0 {
                break;
            }
            if read as u64 == LINE_BYTES_MAX {
                bail!("{name}, line {number} is longer than {LINE_BYTES_MAX} bytes; is this a recording?");
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let line: Line<'_> = serde_json::from_slice(&text).with_context(|| {
                format!("{name}, line {number} is not a recorded message (received_ns, exchange, kind, raw)")
            })?;
            visit(&line).with_context(|| format!("{name}, line {number}"))?;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Gzip is recognised by its first bytes, not by the file's name.
fn open<'a>(source: impl Read + 'a) -> Result<Box<dyn BufRead + 'a>> {
    let mut reader = BufReader::with_capacity(1 << 20, source);
    let is_gzip = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_gzip {
        Box::new(BufReader::with_capacity(1 << 20, MultiGzDecoder::new(reader)))
    } else {
        Box::new(reader)
    })
}

fn progress_bar(files: &[impl AsRef<Path>], what: &'static str) -> ProgressBar {
    let bytes = files.iter().filter_map(|path| path.as_ref().metadata().ok()).map(|meta| meta.len()).sum();
    let style = ProgressStyle::with_template("{msg:>10} {wide_bar} {bytes}/{total_bytes} {eta}")
        .expect("the template is a constant");
    ProgressBar::new(bytes).with_style(style).with_message(what)
}
