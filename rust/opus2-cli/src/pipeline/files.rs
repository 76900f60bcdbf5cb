//! One JSONL file per output topic.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use opus2_operators::OutputChannel;

use super::chain::Sink;

struct TopicFile {
    channel: OutputChannel,
    path: PathBuf,
    writer: BufWriter<File>,
    records: u64,
}

/// The files of every channel that has a topic.
pub(super) struct TopicFiles {
    files: Vec<TopicFile>,
}

impl Sink for TopicFiles {
    /// Adds a record to its topic's file.
    fn publish(&mut self, channel: OutputChannel, payload: &[u8]) -> Result<()> {
        let file = self
            .files
            .iter_mut()
            .find(|file| file.channel == channel)
            .with_context(|| format!("channel {channel:?} has no topic"))?;
        file.records += 1;
        file.writer
            .write_all(payload)
            .and_then(|()| file.writer.write_all(b"\n"))
            .with_context(|| format!("cannot write {}; is the disk full?", file.path.display()))
    }
}

impl TopicFiles {
    /// Makes the folder and an empty file for each topic.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the output folder {}", folder.display()))?;
        let files = OutputChannel::ALL
            .into_iter()
            .filter_map(|channel| Some((channel, channel.topic()?)))
            .map(|(channel, topic)| {
                let path = folder.join(format!("{topic}.jsonl"));
                let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
                Ok(TopicFile { channel, path, writer: BufWriter::with_capacity(1 << 20, file), records: 0 })
            })
            .collect::<Result<_>>()?;
        Ok(Self { files })
    }

    /// Writes what is still in memory.
    pub(super) fn finish(&mut self) -> Result<()> {
        for file in &mut self.files {
            file.writer
                .flush()
                .with_context(|| format!("cannot write {}; is the disk full?", file.path.display()))?;
        }
        Ok(())
    }

    /// Each file and how many records it has.
    pub(super) fn written(&self) -> impl Iterator<Item = (&Path, u64)> {
        self.files.iter().map(|file| (file.path.as_path(), file.records))
    }
}
