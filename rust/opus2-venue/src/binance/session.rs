//! One connection to Binance, without I/O.

use std::collections::{HashMap, VecDeque};

use opus2_types::{BookState, Channel, InstrumentSpec, UnixNanos};

use super::{
    CONTROL_FRAMES_PER_SEC_MAX, Control, Frame, Subscription, TooManyStreams, classify, depth_request_weight,
    snapshot_path,
};
use crate::followed::Followed;
use crate::session::{Action, CloseReason, DeadLetter, Input, Note, Request, ResyncReason, SnapshotPurpose};
use crate::snapshot_plan::SnapshotPlan;
use crate::{Feed, What, session};

/// What a [`Session`] goes by. Times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// Levels a side of an instrument's first snapshot, and of those after a loss.
    pub snapshot_levels_first: u16,
    /// Levels a side of the snapshot that makes a book in step deeper; not asked for unless it is larger.
    pub snapshot_levels: u16,
    /// Close the connection when it has been up for so long. The venue closes it at 24 hours; a host that has several
    /// connections adds jitter, so that they do not all close at once.
    pub age_nanos_max: i64,
    /// Close the connection when nothing, not even a ping, was heard for so long. The venue pings every 20 s.
    pub silence_nanos_max: i64,
}

struct Instrument {
    followed: Followed,
    snapshot: SnapshotPlan,
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
            .map(|spec| Instrument {
                followed: Followed::new(spec),
                snapshot: SnapshotPlan::new(settings.snapshot_levels > settings.snapshot_levels_first),
            })
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
}

impl session::Session for Session {
    fn path(&self) -> &str {
        &self.path
    }

    fn feed(&self, instrument: usize) -> Option<&Feed> {
        self.instruments.get(instrument).map(|instrument| &instrument.followed.feed)
    }

    fn first_frame_at(&self) -> Option<UnixNanos> {
        self.first_frame_at
    }

    fn handle(&mut self, now: UnixNanos, input: Input<'_>, actions: &mut Vec<Action>) {
        match (self.phase, input) {
            (Phase::Connecting, Input::Connected) => self.open(now, actions),
            (Phase::Open { .. }, Input::Disconnected) => self.end(actions),
            (Phase::Open { since }, Input::Timer) => self.tick(now, since, actions),
            (Phase::Open { .. }, Input::Alive) => self.heard_at = now,
            (Phase::Open { .. }, Input::Frame(frame)) => self.take_frame(now, frame, actions),
            (Phase::Open { .. }, Input::SnapshotBody { instrument, body }) => {
                if let Some(of) = self.instruments.get_mut(instrument) {
                    of.snapshot.answered(now);
                    self.publish(now, instrument, Channel::Snapshot, body, actions);
                }
            }
            (Phase::Open { .. }, Input::SnapshotFailed { instrument }) => {
                if let Some(of) = self.instruments.get_mut(instrument) {
                    of.snapshot.answered(now);
                    self.plan_snapshot(now, instrument, actions);
                }
            }
            (Phase::Open { .. }, Input::Lost { instrument }) => self.lose(now, instrument, actions),
            (Phase::Open { .. }, Input::Respecified { instrument, spec }) => {
                self.respecify(now, instrument, spec, actions);
            }
            (Phase::Connecting | Phase::Closed, _)
            | (Phase::Open { .. }, Input::Connected | Input::TokenBody(_) | Input::TokenFailed) => {}
        }
    }
}

impl Session {
    fn open(&mut self, now: UnixNanos, actions: &mut Vec<Action>) {
        self.phase = Phase::Open { since: now };
        self.heard_at = now;
        for index in 0..self.instruments.len() {
            let of = &mut self.instruments[index];
            of.followed.connect(index, actions);
            self.plan_snapshot(now, index, actions);
        }
        self.send_next(now, actions);
    }

    fn end(&mut self, actions: &mut Vec<Action>) {
        self.phase = Phase::Closed;
        for (index, of) in self.instruments.iter_mut().enumerate() {
            of.followed.disconnect(index, actions);
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
        let applied = of.followed.publish(now, index, channel, bytes, actions);
        if channel == Channel::Depth {
            of.snapshot.stream_has_begun();
        }
        if applied.what == What::Snapshot && applied.before == BookState::Live {
            of.snapshot.deepened();
        }
        self.plan_snapshot(now, index, actions);
    }

    fn lose(&mut self, now: UnixNanos, index: usize, actions: &mut Vec<Action>) {
        let Some(of) = self.instruments.get_mut(index) else { return };
        of.followed.lose_record(index, actions);
        self.plan_snapshot(now, index, actions);
    }

    fn respecify(&mut self, now: UnixNanos, index: usize, spec: &InstrumentSpec, actions: &mut Vec<Action>) {
        let Some(of) = self.instruments.get_mut(index) else { return };
        of.followed.respecify(index, spec, actions);
        actions.push(Action::Note(Note::Resync { instrument: index, reason: ResyncReason::Refresh }));
        self.plan_snapshot(now, index, actions);
    }

    fn plan_snapshot(&mut self, now: UnixNanos, index: usize, actions: &mut Vec<Action>) {
        let of = &mut self.instruments[index];
        if let Some(purpose) = of.snapshot.poll(now, of.followed.feed.wants_snapshot()) {
            let levels = match purpose {
                SnapshotPurpose::Start | SnapshotPurpose::Resync => self.settings.snapshot_levels_first,
                SnapshotPurpose::Deepen => self.settings.snapshot_levels,
            };
            let request = Request {
                path: snapshot_path(&of.followed.feed.spec().symbol, levels),
                weight: depth_request_weight(levels),
            };
            actions.push(Action::Fetch { instrument: index, request, purpose });
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
