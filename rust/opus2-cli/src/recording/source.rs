//! Opening a recording, whatever form it has.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::bufread::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};

use super::document;
use super::line::Line;

/// The longest line that is read: the largest message of any venue, escaped.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// The largest file that is one JSON document.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;

/// Gives every line of the files, in order. Shows a progress bar for `what` while it reads.
///
/// A file is JSON lines in our wrapper (`received_ns`, `exchange`, `kind`, `raw`), or JSON lines of bare messages, or one
/// JSON document that holds messages (see [`document`]): its first line tells.
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
        let reader = open(bar.wrap_read(file)).with_context(|| format!("cannot read recording {name}"))?;
        read_file(reader, &name.to_string(), &mut visit)?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn read_file(
    mut reader: impl BufRead,
    name: &str,
    visit: &mut impl FnMut(&Line<'_>) -> Result<()>,
) -> Result<()> {
    let mut text = Vec::new();
    let mut bare = None;
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
        if let Some(bare) = &mut bare {
            document::visit_bare(&text, bare, visit).with_context(|| format!("{name}, line {number}"))?;
            continue;
        }
        match serde_json::from_slice::<Line<'_>>(&text) {
            Ok(line) => visit(&line).with_context(|| format!("{name}, line {number}"))?,
            Err(_) if number == 1 && document::is_message(&text) => {
                let mut clock = document::Clock::default();
                document::visit_bare(&text, &mut clock, visit).with_context(|| format!("{name}, line 1"))?;
                bare = Some(clock);
            }
            Err(_) if number == 1 && matches!(text.trim_ascii_start()[0], b'{' | b'[') => {
                reader
                    .take(DOCUMENT_BYTES_MAX)
                    .read_to_end(&mut text)
                    .with_context(|| format!("{name}: cannot read; is the file complete?"))?;
                return document::visit_document(&text, visit).with_context(|| name.to_owned());
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!(
                        "{name}, line {number} is not a recorded message (received_ns, exchange, kind, raw)"
                    )
                });
            }
        }
    }
    Ok(())
}

/// Gzip is recognised by its first bytes, not by the file's name.
pub(crate) fn open<'a>(source: impl Read + 'a) -> Result<Box<dyn BufRead + 'a>> {
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
