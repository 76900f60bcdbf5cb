//! One connection to Binance, without I/O: what to publish, what to ask for, when to give up.
//!
//! A [`Session`] lives from one connect to the next. It is told what arrived and what time it is, and answers with
//! [`Action`]s; it never reads a clock, a socket or a setting. So a production incident is a test: replay its records.

use std::collections::{HashMap, VecDeque};

use opus2_types::{BookState, Channel, InstrumentSpec, UnixNanos};

use super::snapshot_plan::{SnapshotPlan, SnapshotPurpose};
use super::{CONTROL_FRAMES_PER_SEC_MAX, Control, Frame, Subscription, TooManyStreams, classify};
use crate::{Applied, Feed, Reject, What};

/// What a [`Session`] goes by. Times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// Levels a side of the snapshots that are asked for.
    pub snapshot_levels: u16,
    /// Close the connection when it has been up for so long. The venue closes it at 24 hours; a host that has several
    /// connections adds jitter, so that they do not all close at once.
    pub age_nanos_max: i64,
    /// Close the connection when nothing, not even a ping, was heard for so long. The venue pings every 20 s.
    pub silence_nanos_max: i64,
}

/// What a session is told. Every input comes with the time it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// The connection is up; the streams in [`Session::path`] are open.
    Connected,
    /// A text or binary frame.
    Frame(&'a [u8]),
    /// A ping or pong frame: the other side is alive.
    Alive,
    /// The body of the answer to [`Action::FetchSnapshot`].
    SnapshotBody {
        /// The instrument asked for.
        instrument: usize,
        /// The body.
        body: &'a [u8],
    },
    /// [`Action::FetchSnapshot`] had no usable answer.
    SnapshotFailed {
        /// The instrument asked for.
        instrument: usize,
    },
    /// Something that [`Action::Publish`] asked for was not published, for good.
    Lost {
        /// The instrument it belonged to.
        instrument: usize,
    },
    /// Time has passed. Expected every [`TIMER_NANOS`] or so.
    Timer,
    /// The connection is gone.
    Disconnected,
}

/// How often a session wants [`Input::Timer`]: its waiting times are kept to about this.
pub const TIMER_NANOS: i64 = 50_000_000;

/// What the host must do, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Publish the instrument's specification, as record `number` of the instrument.
    PublishSpec {
        /// Index of the instrument in the session's list.
        instrument: usize,
        /// The record's running number, from 1.
        number: u64,
    },
    /// Publish the bytes of this input, as record `number` of the instrument.
    Publish {
        /// Index of the instrument in the session's list.
        instrument: usize,
        /// What kind of message it is.
        channel: Channel,
        /// The record's running number.
        number: u64,
    },
    /// Put the bytes of this input aside: they belong to no instrument we follow.
    DeadLetter(DeadLetter),
    /// Send this text frame.
    Send(String),
    /// Fetch a depth snapshot over REST and come back with [`Input::SnapshotBody`] or [`Input::SnapshotFailed`].
    FetchSnapshot {
        /// Index of the instrument in the session's list.
        instrument: usize,
        /// Levels a side.
        levels: u16,
        /// Why it is needed.
        purpose: SnapshotPurpose,
    },
    /// Close the connection and start a new session. Nothing else will come from this one.
    Close(CloseReason),
    /// Nothing to do, something to count and log.
    Note(Note),
}

/// Why a frame belongs to no instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetter {
    /// It cannot be read.
    Unreadable(Reject),
    /// It names a symbol that this session does not follow.
    UnknownSymbol,
}

impl DeadLetter {
    /// The reason's name in counters and dead letters: one of [`Reject::NAMES`], or `unknown_symbol`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unreadable(reject) => reject.as_str(),
            Self::UnknownSymbol => "unknown_symbol",
        }
    }
}

/// Why a session ends its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The venue announced that it will close.
    ServerShutdown,
    /// [`SessionSettings::age_nanos_max`] has passed.
    Age,
    /// [`SessionSettings::silence_nanos_max`] has passed.
    Silent,
    /// The venue answered with an error: some streams may never speak.
    Refused,
}

impl CloseReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::ServerShutdown, Self::Age, Self::Silent, Self::Refused];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerShutdown => "server_shutdown",
            Self::Age => "age",
            Self::Silent => "silent",
            Self::Refused => "refused",
        }
    }

    /// True when nothing is wrong and the next connection should follow without waiting.
    #[must_use]
    pub const fn is_orderly(self) -> bool {
        matches!(self, Self::ServerShutdown | Self::Age)
    }
}

/// Why an instrument's book was lost while its connection stayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResyncReason {
    /// The venue's numbering has a hole.
    Gap,
    /// A delta could not be read.
    BadDelta,
    /// The book stayed crossed.
    Crossed,
    /// A record did not reach the broker.
    Lost,
}

impl ResyncReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Gap, Self::BadDelta, Self::Crossed, Self::Lost];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::BadDelta => "bad_delta",
            Self::Crossed => "crossed",
            Self::Lost => "lost",
        }
    }
}

/// Something to count and log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A book changed its state.
    State {
        /// Index of the instrument.
        instrument: usize,
        /// The state before.
        from: BookState,
        /// The state now.
        to: BookState,
    },
    /// A book was lost; a snapshot will be asked for.
    Resync {
        /// Index of the instrument.
        instrument: usize,
        /// Why.
        reason: ResyncReason,
    },
    /// A message of an instrument is of no use. It is published all the same: `normalize` decides for itself.
    Rejected {
        /// Index of the instrument.
        instrument: usize,
        /// Why.
        reject: Reject,
    },
    /// The venue sent an error frame.
    VenueError {
        /// The venue's code.
        code: i64,
        /// The venue's words.
        message: String,
    },
}

struct Instrument {
    feed: Feed,
    number: u64,
    snapshot: SnapshotPlan,
}

impl Instrument {
    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

/// One connection and the instruments it follows.
///
/// | input | what a session does |
/// | --- | --- |
/// | `Connected` | publishes every instrument's specification, begins to subscribe |
/// | `Frame` of an instrument | publishes it, follows its book; a lost book costs this instrument a snapshot, the others nothing |
/// | `Frame` of nobody | dead letter |
/// | error frame | closes: some streams may never speak |
/// | `serverShutdown` | closes at once |
/// | `SnapshotBody` | publishes it among the frames, where it arrived |
/// | `Timer` | subscribes on, asks for snapshots that are due, closes what is silent or old |
///
/// In steady state a frame costs no heap memory.
pub struct Session {
    settings: SessionSettings,
    instruments: Vec<Instrument>,
    /// Upper-case symbol to index. Looked up, never iterated.
    by_symbol: HashMap<String, usize>,
    symbol: String,
    path: String,
    to_send: VecDeque<String>,
    send_at: UnixNanos,
    phase: Phase,
    heard_at: UnixNanos,
    first_frame_at: Option<UnixNanos>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Open { since: UnixNanos },
    Closed,
}

impl Session {
    /// A session for these instruments, before its connection is up.
    ///
    /// # Errors
    /// More instruments than one connection can follow.
    pub fn new(settings: SessionSettings, specs: Vec<InstrumentSpec>) -> Result<Self, TooManyStreams> {
        let Subscription { path, messages } =
            Subscription::new(specs.iter().map(|spec| spec.symbol.as_str()))?;
        let by_symbol =
            specs.iter().enumerate().map(|(index, spec)| (spec.symbol.to_ascii_uppercase(), index)).collect();
        let instruments = specs
            .into_iter()
            .map(|spec| Instrument { feed: Feed::new(spec), number: 0, snapshot: SnapshotPlan::default() })
            .collect();
        Ok(Self {
            settings,
            instruments,
            by_symbol,
            symbol: String::new(),
            path,
            to_send: messages.into(),
            send_at: UnixNanos::MIN,
            phase: Phase::Connecting,
            heard_at: UnixNanos::MIN,
            first_frame_at: None,
        })
    }

    /// What to connect to: path and query of the address.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The feed of an instrument; `None` for an index that the session does not have.
    #[must_use]
    pub fn feed(&self, instrument: usize) -> Option<&Feed> {
        self.instruments.get(instrument).map(|instrument| &instrument.feed)
    }

    /// When the first frame of an instrument came: since then the connection has been of use.
    #[must_use]
    pub const fn first_frame_at(&self) -> Option<UnixNanos> {
        self.first_frame_at
    }

    /// Takes one input that happened at `now`, and appends what is to be done.
    ///
    /// `now` must not go back. Inputs before `Connected`, after [`Action::Close`] or after `Disconnected`, and inputs of
    /// an instrument that the session does not have, do nothing.
    pub fn handle(&mut self, now: UnixNanos, input: Input<'_>, actions: &mut Vec<Action>) {
        match (self.phase, input) {
            (Phase::Connecting, Input::Connected) => self.open(now, actions),
            (Phase::Open { .. }, Input::Disconnected) => self.end(actions),
            (Phase::Open { since }, Input::Timer) => self.tick(now, since, actions),
            (Phase::Open { .. }, Input::Alive) => self.heard_at = now,
            (Phase::Open { .. }, Input::Frame(frame)) => self.take_frame(now, frame, actions),
            (Phase::Open { .. }, Input::SnapshotBody { instrument, body }) => {
                if let Some(of) = self.instruments.get_mut(instrument) {
                    of.snapshot.answered();
                    self.publish(now, instrument, Channel::Snapshot, body, actions);
                }
            }
            (Phase::Open { .. }, Input::SnapshotFailed { instrument }) => {
                if let Some(of) = self.instruments.get_mut(instrument) {
                    of.snapshot.answered();
                    self.plan_snapshot(now, instrument, actions);
                }
            }
            (Phase::Open { .. }, Input::Lost { instrument }) => self.lose(now, instrument, actions),
            (Phase::Connecting | Phase::Closed, _) | (Phase::Open { .. }, Input::Connected) => {}
        }
    }

    fn open(&mut self, now: UnixNanos, actions: &mut Vec<Action>) {
        self.phase = Phase::Open { since: now };
        self.heard_at = now;
        for index in 0..self.instruments.len() {
            let of = &mut self.instruments[index];
            let from = of.feed.state();
            of.feed.connected();
            actions.push(Action::PublishSpec { instrument: index, number: of.next_number() });
            note_state(index, from, of.feed.state(), actions);
            self.plan_snapshot(now, index, actions);
        }
        self.send_next(now, actions);
    }

    fn end(&mut self, actions: &mut Vec<Action>) {
        self.phase = Phase::Closed;
        for (index, of) in self.instruments.iter_mut().enumerate() {
            let from = of.feed.state();
            of.feed.disconnected();
            note_state(index, from, of.feed.state(), actions);
        }
    }

    fn close(&mut self, reason: CloseReason, actions: &mut Vec<Action>) {
        self.end(actions);
        actions.push(Action::Close(reason));
    }

    fn tick(&mut self, now: UnixNanos, since: UnixNanos, actions: &mut Vec<Action>) {
        if now.since(self.heard_at) >= self.settings.silence_nanos_max {
            return self.close(CloseReason::Silent, actions);
        }
        if now.since(since) >= self.settings.age_nanos_max {
            return self.close(CloseReason::Age, actions);
        }
        self.send_next(now, actions);
        for index in 0..self.instruments.len() {
            self.plan_snapshot(now, index, actions);
        }
    }

    fn send_next(&mut self, now: UnixNanos, actions: &mut Vec<Action>) {
        if now < self.send_at {
            return;
        }
        if let Some(message) = self.to_send.pop_front() {
            self.send_at = now.plus(1_000_000_000 / i64::from(CONTROL_FRAMES_PER_SEC_MAX) + 1);
            actions.push(Action::Send(message));
        }
    }

    fn take_frame(&mut self, now: UnixNanos, frame: &[u8], actions: &mut Vec<Action>) {
        self.heard_at = now;
        match classify(frame) {
            Ok(Frame::Instrument { symbol, channel }) => match self.index_of(symbol) {
                Some(instrument) => {
                    self.first_frame_at.get_or_insert(now);
                    self.publish(now, instrument, channel, frame, actions);
                }
                None => actions.push(Action::DeadLetter(DeadLetter::UnknownSymbol)),
            },
            Ok(Frame::Control(Control::Reply { .. })) => {}
            Ok(Frame::Control(Control::Error { code, message })) => {
                actions.push(Action::Note(Note::VenueError { code, message: message.to_owned() }));
                self.close(CloseReason::Refused, actions);
            }
            Ok(Frame::Control(Control::ServerShutdown)) => self.close(CloseReason::ServerShutdown, actions),
            Err(reject) => actions.push(Action::DeadLetter(DeadLetter::Unreadable(reject))),
        }
    }

    fn index_of(&mut self, symbol: &str) -> Option<usize> {
        self.symbol.clear();
        self.symbol.push_str(symbol);
        self.symbol.make_ascii_uppercase();
        self.by_symbol.get(&self.symbol).copied()
    }

    fn publish(
        &mut self,
        now: UnixNanos,
        index: usize,
        channel: Channel,
        bytes: &[u8],
        actions: &mut Vec<Action>,
    ) {
        let of = &mut self.instruments[index];
        actions.push(Action::Publish { instrument: index, channel, number: of.next_number() });
        let applied = of.feed.apply(channel, bytes, now);
        if channel == Channel::Depth {
            of.snapshot.stream_has_begun();
        }
        if let What::Rejected(reject) = applied.what {
            actions.push(Action::Note(Note::Rejected { instrument: index, reject }));
        }
        if let Some(reason) = resync_reason(&applied) {
            actions.push(Action::Note(Note::Resync { instrument: index, reason }));
        }
        note_state(index, applied.before, applied.state, actions);
        self.plan_snapshot(now, index, actions);
    }

    fn lose(&mut self, now: UnixNanos, index: usize, actions: &mut Vec<Action>) {
        let Some(of) = self.instruments.get_mut(index) else { return };
        let from = of.feed.state();
        of.feed.lost();
        actions.push(Action::Note(Note::Resync { instrument: index, reason: ResyncReason::Lost }));
        note_state(index, from, of.feed.state(), actions);
        self.plan_snapshot(now, index, actions);
    }

    fn plan_snapshot(&mut self, now: UnixNanos, index: usize, actions: &mut Vec<Action>) {
        let of = &mut self.instruments[index];
        if let Some(purpose) = of.snapshot.poll(now, of.feed.wants_snapshot()) {
            let levels = self.settings.snapshot_levels;
            actions.push(Action::FetchSnapshot { instrument: index, levels, purpose });
        }
    }
}

fn note_state(instrument: usize, from: BookState, to: BookState, actions: &mut Vec<Action>) {
    if from != to {
        actions.push(Action::Note(Note::State { instrument, from, to }));
    }
}

/// Why a message cost the book, if it did.
fn resync_reason(applied: &Applied) -> Option<ResyncReason> {
    if applied.state != BookState::Gap || applied.before == BookState::Gap {
        return None;
    }
    Some(match applied.what {
        What::Rejected(_) => ResyncReason::BadDelta,
        What::Crossed => ResyncReason::Crossed,
        _ => ResyncReason::Gap,
    })
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
