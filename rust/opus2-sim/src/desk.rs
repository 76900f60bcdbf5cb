//! What every publication goes through on its way out: counts, faults, queues.

use std::sync::Arc;

use opus2_types::{SeqRange, UnixNanos};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::clock::WallClock;
use crate::dialect::VARIANTS;
use crate::fault::{Faults, Frame, Twist};
use crate::history::History;
use crate::hub::{Hub, Outbound};
use crate::market::SimTime;
use crate::stream::{StreamId, StreamKind};
use crate::text::Symbol;

/// Everything between the venues' publishers and the connections. Owned by the engine.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) hub: Hub,
    pub(crate) faults: Faults,
    pub(crate) wall: WallClock,
    pub(crate) symbols: Arc<[Symbol]>,
    /// By [`StreamId::index`].
    pub(crate) published: Vec<u64>,
    /// By instrument.
    pub(crate) snapshots: Vec<u64>,
    pub(crate) history: History,
    /// The same instant on both clocks.
    moment: (UnixNanos, SimTime),
}

/// Writes a frame's text: appends it, in one of [`VARIANTS`], twisted as a fault wants it.
pub(crate) type Write<'a> = &'a mut dyn FnMut(&mut String, usize, Twist);

impl Desk {
    pub(crate) fn new(hub: Hub, faults: Faults, symbols: Arc<[Symbol]>) -> Self {
        Self {
            hub,
            faults,
            wall: WallClock::default(),
            published: vec![0; symbols.len() * StreamId::PER_INSTRUMENT],
            snapshots: vec![0; symbols.len()],
            symbols,
            history: History::default(),
            moment: (UnixNanos(0), SimTime(0)),
        }
    }

    /// Notes what the clocks show before a run of steps.
    pub(crate) fn begin(&mut self, now: SimTime) {
        self.moment = (self.wall.now(), now);
    }

    /// The wall time of a simulated instant near the present one.
    pub(crate) fn wall_at(&self, at: SimTime) -> UnixNanos {
        let (wall, now) = self.moment;
        let nanos = |later: SimTime, earlier| i64::try_from(later.since(earlier)).unwrap_or(i64::MAX);
        wall.plus(nanos(at, now) - nanos(now, at))
    }

    /// The instrument of a symbol, whatever the venue: their symbols differ.
    pub(crate) fn instrument(&self, symbol: &str) -> Option<usize> {
        self.symbols.iter().position(|known| known.name == symbol)
    }

    /// Whether somebody listens to a stream.
    pub(crate) fn listens(&self, instrument: usize, kind: StreamKind) -> bool {
        self.hub.has_subscribers(StreamId { instrument, kind })
    }

    /// Sends a frame to everybody who listens. It is written only when somebody does, and each text only once.
    pub(crate) fn publish(&mut self, stream: StreamId, sequence: Option<SeqRange>, write: Write<'_>) {
        self.published[stream.index()] += 1;
        if self.hub.has_subscribers(stream) {
            let now = self.wall.now();
            let mut texts = Texts::new(write);
            let text = &mut |variant, twist| texts.get(variant, twist);
            self.hub.publish(&Frame { stream, is_snapshot: false, sequence }, &mut self.faults, now, text);
        }
    }

    /// Sends a frame to one connection that listens.
    pub(crate) fn publish_to(
        &mut self,
        connection: u64,
        stream: StreamId,
        sequence: Option<SeqRange>,
        write: Write<'_>,
    ) {
        self.send_to(connection, &Frame { stream, is_snapshot: false, sequence }, write);
    }

    /// Sends a whole book to one connection that listens, and counts it as a snapshot.
    pub(crate) fn send_snapshot(
        &mut self,
        connection: u64,
        stream: StreamId,
        sequence: SeqRange,
        write: Write<'_>,
    ) {
        self.snapshots[stream.instrument] += 1;
        self.send_to(connection, &Frame { stream, is_snapshot: true, sequence: Some(sequence) }, write);
    }

    fn send_to(&mut self, connection: u64, frame: &Frame, write: Write<'_>) {
        let now = self.wall.now();
        let mut texts = Texts::new(write);
        let text = &mut |variant, twist| texts.get(variant, twist);
        self.hub.publish_to(connection, frame, &mut self.faults, now, text);
    }

    /// Sends a reply or notice to one connection.
    pub(crate) fn notice(&mut self, connection: u64, text: impl Into<Utf8Bytes>) {
        let now = self.wall.now();
        if !self.faults.is_silent(connection, now) {
            self.hub.send(connection, Outbound::Notice(text.into()));
        }
    }
}

/// The texts of one frame that somebody wanted so far.
struct Texts<'a> {
    write: Write<'a>,
    written: [[Option<Utf8Bytes>; VARIANTS]; Twist::COUNT],
}

impl<'a> Texts<'a> {
    fn new(write: Write<'a>) -> Self {
        Self { write, written: [const { [const { None }; VARIANTS] }; Twist::COUNT] }
    }

    fn get(&mut self, variant: usize, twist: Twist) -> Utf8Bytes {
        let write = &mut self.write;
        let slot = &mut self.written[twist as usize][variant];
        slot.get_or_insert_with(|| {
            let mut text = String::with_capacity(256);
            write(&mut text, variant, twist);
            text.into()
        })
        .clone()
    }
}
