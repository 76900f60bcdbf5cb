//! Recordings: files of venue messages, played as `opus2 ingest` would have published them.
//!
//! A recording is JSON lines, plain or gzipped, one message each (`received_ns`, `exchange`, `kind`, `url`, `raw`), or one
//! of the bare forms of [`document`]. What a line is about depends on who recorded it ([`dialect`]).
//!
//! It is read twice: once to learn what instruments it has and how they count (`survey`), once to play it
//! (`play`). Both passes stream; a recording is never held in memory.

mod dialect;
mod document;
mod line;
mod play;
mod source;
mod survey;

pub(crate) use play::play;
pub(crate) use source::open;
pub(crate) use survey::{Survey, survey};

use std::path::PathBuf;

/// Files played as one, in the order given.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Files {
    /// Recordings (JSON lines or documents, plain or .gz), played as one in the order given.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}
