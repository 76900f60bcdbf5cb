//! What the operators of stages 2 to 4 have in common: a state per market, its checkpoint, and frames in and out.

use opus2_types::{MarketEvent, UnixNanos};
use opus2_wire::event::decode_event;
use opus2_wire::frame::{Frame, Section, append_bytes, append_section, begin_frame};
use opus2_wire::{WireError, blob};
use rustc_hash::FxHashMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Operator, OperatorError, Output, OutputChannel};

/// One market in one stage.
pub(crate) trait MarketStage: Sized + Send {
    /// The operator's name.
    const NAME: &'static str;
    /// The first bytes of its state blobs.
    const MAGIC: [u8; 4];
    /// The version of its state blobs: the one that is written, and the only one that is read.
    const VERSION: u16;
    /// What the configuration says, and what follows from it.
    type Settings: Send;
    /// What it counts.
    type Tally: Send;
    /// What is saved of a market.
    type Saving<'a>: Serialize
    where
        Self: 'a;
    /// As [`Saving`](Self::Saving), owned.
    type Saved: DeserializeOwned;

    /// A market of which nothing is known.
    fn new(market: &str, settings: &Self::Settings) -> Self;

    /// Takes one frame. `event` is the frame's event, decoded; `None` at the end of a window.
    fn process(
        &mut self,
        frame: &Frame<'_>,
        event: Option<&MarketEvent<'_>>,
        host: &mut Host<'_, Self>,
    ) -> Result<(), OperatorError>;

    /// The watermark has passed a timer; true when that changed something.
    fn on_timer(&mut self, _time: UnixNanos, _host: &mut Host<'_, Self>) -> Result<bool, OperatorError> {
        Ok(false)
    }

    /// What to save.
    fn to_saved(&self) -> Self::Saving<'_>;

    /// The market as it was saved; `None` for a state that no market can have.
    fn from_saved(market: &str, saved: Self::Saved, settings: &Self::Settings) -> Option<Self>;

    /// Gives every counter, always the same names in the same order.
    fn visit_counters(tally: &Self::Tally, visit: &mut dyn FnMut(&'static str, u64));
}

/// What a market needs of its operator during one call.
pub(crate) struct Host<'a, M: MarketStage> {
    pub(crate) market: &'a str,
    pub(crate) settings: &'a M::Settings,
    pub(crate) tally: &'a mut M::Tally,
    pub(crate) out: &'a mut Output,
}

impl<M: MarketStage> Host<'_, M> {
    /// Hands `frame` to the next stage, with a section of this one.
    pub(crate) fn forward<T: Serialize>(
        &mut self,
        frame: &Frame<'_>,
        section: Section,
        value: &T,
        time: UnixNanos,
    ) -> Result<(), OperatorError> {
        let write = |bytes: &mut Vec<u8>| {
            begin_frame(bytes);
            for earlier in [Section::Event, Section::Signal, Section::Context, Section::Risk] {
                if let Some(payload) = frame.bytes(earlier).filter(|_| earlier != section) {
                    append_bytes(earlier, payload, bytes)?;
                }
            }
            append_section(section, value, bytes)
        };
        self.out
            .record(OutputChannel::Main, self.market, time, write)
            .map_err(|source| OperatorError::Write { operator: M::NAME, source })
    }

    /// Publishes a record of JSON that cannot fail to be written.
    pub(crate) fn publish(
        &mut self,
        channel: OutputChannel,
        time: UnixNanos,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let written = self.out.record(channel, self.market, time, |bytes| {
            write(bytes);
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(()) = written;
    }

    /// A section of the frame, which must be readable: it was written by the stage before.
    pub(crate) fn section<T: DeserializeOwned>(
        frame: &Frame<'_>,
        section: Section,
    ) -> Result<Option<T>, OperatorError> {
        frame.value(section).map_err(|source| OperatorError::Input { operator: M::NAME, source })
    }

    /// What a section of the frame begins with.
    pub(crate) fn head<T: DeserializeOwned>(
        frame: &Frame<'_>,
        section: Section,
    ) -> Result<Option<T>, OperatorError> {
        frame.head(section).map_err(|source| OperatorError::Input { operator: M::NAME, source })
    }
}

/// An operator of [`MarketStage`]s.
#[derive(Debug)]
pub(crate) struct Stage<M: MarketStage> {
    markets: FxHashMap<String, Entry<M>>,
    dirty: Vec<String>,
    settings: M::Settings,
    tally: M::Tally,
}

#[derive(Debug)]
struct Entry<M> {
    market: M,
    is_dirty: bool,
}

impl<M: MarketStage> Stage<M> {
    pub(crate) fn new(settings: M::Settings, tally: M::Tally) -> Self {
        Self { markets: FxHashMap::default(), dirty: Vec::new(), settings, tally }
    }

    fn state_error(key: &str) -> impl FnOnce(WireError) -> OperatorError {
        move |source| OperatorError::State { operator: M::NAME, key: key.to_owned(), source }
    }
}

impl<M: MarketStage> Operator for Stage<M> {
    fn process(&mut self, key: &str, record: &[u8], out: &mut Output) -> Result<(), OperatorError> {
        let input = |source| OperatorError::Input { operator: M::NAME, source };
        let frame = Frame::decode(record).map_err(input)?;
        let event = frame.bytes(Section::Event).map(decode_event).transpose().map_err(input)?;
        if !self.markets.contains_key(key) {
            let market = M::new(key, &self.settings);
            self.markets.insert(key.to_owned(), Entry { market, is_dirty: false });
        }
        let Some(entry) = self.markets.get_mut(key) else { return Ok(()) };
        if !std::mem::replace(&mut entry.is_dirty, true) {
            self.dirty.push(key.to_owned());
        }
        let mut host = Host { market: key, settings: &self.settings, tally: &mut self.tally, out };
        entry.market.process(&frame, event.as_ref(), &mut host)
    }

    fn on_timer(&mut self, key: &str, event_time: UnixNanos, out: &mut Output) -> Result<(), OperatorError> {
        let Some(entry) = self.markets.get_mut(key) else { return Ok(()) };
        let mut host = Host { market: key, settings: &self.settings, tally: &mut self.tally, out };
        let is_changed = entry.market.on_timer(event_time, &mut host)?;
        if is_changed && !std::mem::replace(&mut entry.is_dirty, true) {
            self.dirty.push(key.to_owned());
        }
        Ok(())
    }

    fn save(&mut self, key: &str, bytes: &mut Vec<u8>) -> Result<(), OperatorError> {
        let Some(entry) = self.markets.get(key) else { return Ok(()) };
        blob::encode_blob(M::MAGIC, M::VERSION, &entry.market.to_saved(), bytes)
            .map_err(Self::state_error(key))
    }

    fn load(&mut self, key: &str, bytes: &[u8]) -> Result<(), OperatorError> {
        let market = blob::open_blob(M::MAGIC, M::VERSION..=M::VERSION, bytes)
            .and_then(|(_, payload)| blob::decode_payload::<M::Saved>(payload))
            .and_then(|saved| {
                M::from_saved(key, saved, &self.settings).ok_or_else(|| WireError::Invalid {
                    what: "state blob",
                    reason: format!("no market in stage {:?} can have this state", M::NAME),
                })
            })
            .map_err(Self::state_error(key))?;
        self.markets.insert(key.to_owned(), Entry { market, is_dirty: false });
        Ok(())
    }

    fn drain_dirty(&mut self, visit: &mut dyn FnMut(&str)) {
        for key in self.dirty.drain(..) {
            if let Some(entry) = self.markets.get_mut(&key) {
                entry.is_dirty = false;
            }
            visit(&key);
        }
    }

    fn counters(&self, visit: &mut dyn FnMut(&'static str, u64)) {
        M::visit_counters(&self.tally, visit);
    }
}
