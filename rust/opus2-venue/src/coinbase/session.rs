//! One connection to Coinbase, without I/O: Exchange or Advanced Trade.

mod frames;

use std::collections::{HashMap, VecDeque};

use opus2_types::{BookState, FeedKind, InstrumentSpec, UnixNanos};

use super::account::Account;
use super::subscribe::{
    BookChannel, PATH, PRODUCTS_PER_REQUEST_MAX, REQUEST_NANOS_MIN, Request, Topic,
    instruments_per_connection_max, order_snapshot_path,
};
use crate::Feed;
use crate::followed::Followed;
use crate::resubscription::{Loss, Plan, QUARANTINE_NANOS, Step};
use crate::session::{self, Action, CloseReason, Input, Note, ResyncReason};
use crate::snapshot_plan::SnapshotPlan;

/// What a [`Session`] goes by. Times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// Close the connection when it has been up for so long. The venue itself sets no limit.
    pub age_nanos_max: i64,
    /// Close the connection when nothing was heard for so long. With heartbeats subscribed something comes every second.
    pub silence_nanos_max: i64,
}

/// How long a heartbeat may be missing, of an instrument at Exchange and of the connection at Advanced Trade.
pub const HEARTBEAT_NANOS_MAX: i64 = 5_000_000_000;

/// How long the first one may take: it comes after the snapshots.
pub const FIRST_HEARTBEAT_NANOS_MAX: i64 = 30_000_000_000;

/// Why a session cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// More than the venue, or sense, allows on one connection.
    #[error("{count} instruments; a connection by {feed} follows at most {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// By which feed.
        feed: FeedKind,
        /// How many there may be.
        limit: usize,
    },
    /// An instrument that is followed by another feed than the connection's.
    #[error("{symbol} is followed by {feed}; this connection follows {expected}")]
    Feed {
        /// The instrument.
        symbol: String,
        /// Its feed.
        feed: FeedKind,
        /// The connection's.
        expected: FeedKind,
    },
    /// A channel that the venue refuses without an account.
    #[error("this channel needs an account; set a key, or take level2_batch or Advanced Trade")]
    NoAccount,
}

struct Instrument {
    followed: Followed,
    /// Of books that come by subscribing.
    plan: Plan,
    /// Of books that come over REST.
    snapshot: SnapshotPlan,
    /// The last sign of life, or when the first may be waited for; `None` until subscribed.
    heartbeat_due: Option<UnixNanos>,
    /// The venue does not know it: nothing more is asked for it on this connection.
    is_refused: bool,
}

/// One connection and the instruments it follows.
///
/// | input | what a session does |
/// | --- | --- |
/// | `Connected` | publishes every instrument's specification, begins to subscribe |
/// | `Frame` of instruments | publishes it for each, follows their books |
/// | a lost book | Exchange by orders: asks for a REST book. Otherwise: leaves the channel and subscribes anew, after a pause that grows; four in a row quarantine the instrument for an hour. The others are left alone |
/// | a hole in the numbers of an Advanced Trade connection | closes, and publishes nothing after it |
/// | error frame | one that names an instrument of ours quarantines it; any other closes |
/// | `Frame` of nobody | dead letter |
/// | `Timer` | sends and asks what is due; a heartbeat that is missing costs its instrument the book (Exchange) or all the connection (Advanced Trade); closes what is silent or old |
///
/// A loss that only the passing of time shows is told to the readers of the raw topic by a record number that is left
/// out. In steady state a frame costs no heap memory.
pub struct Session {
    settings: SessionSettings,
    channel: BookChannel,
    account: Option<Account>,
    instruments: Vec<Instrument>,
    /// Symbol to index. Looked up, never iterated.
    by_symbol: HashMap<String, usize>,
    /// The instruments that the frame at hand touches.
    touched: Vec<usize>,
    to_send: VecDeque<Request>,
    send_at: UnixNanos,
    phase: Phase,
    heard_at: UnixNanos,
    /// Of the connection, at Advanced Trade.
    heartbeat_due: UnixNanos,
    next_sequence: Option<u64>,
    first_frame_at: Option<UnixNanos>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Open { since: UnixNanos },
    Closed,
}

impl Session {
    /// A session for these instruments, before its connection is up: to the Exchange host, or to the Advanced Trade host
    /// for [`BookChannel::Advanced`].
    ///
    /// # Errors
    /// More instruments than one connection can follow, an instrument of another feed, or a channel that needs an account.
    pub fn new(
        settings: SessionSettings,
        channel: BookChannel,
        account: Option<Account>,
        specs: Vec<InstrumentSpec>,
    ) -> Result<Self, SessionError> {
        let feed = channel.feed();
        let limit = instruments_per_connection_max(feed).unwrap_or(0);
        if specs.len() > limit {
            return Err(SessionError::TooMany { count: specs.len(), feed, limit });
        }
        if channel.needs_account() && account.is_none() {
            return Err(SessionError::NoAccount);
        }
        if let Some(spec) = specs.iter().find(|spec| spec.feed != feed) {
            let symbol = spec.symbol.clone();
            return Err(SessionError::Feed { symbol, feed: spec.feed, expected: feed });
        }
        let by_symbol = specs.iter().enumerate().map(|(index, spec)| (spec.symbol.clone(), index)).collect();
        let instrument = |spec| Instrument {
            followed: Followed::new(spec),
            plan: Plan::default(),
            snapshot: SnapshotPlan::new(false),
            heartbeat_due: None,
            is_refused: false,
        };
        Ok(Self {
            settings,
            channel,
            account,
            instruments: specs.into_iter().map(instrument).collect(),
            by_symbol,
            touched: Vec::new(),
            to_send: VecDeque::new(),
            send_at: UnixNanos::MIN,
            phase: Phase::Connecting,
            heard_at: UnixNanos::MIN,
            heartbeat_due: UnixNanos::MIN,
            next_sequence: None,
            first_frame_at: None,
        })
    }
}

impl session::Session for Session {
    fn path(&self) -> &str {
        PATH
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
                self.take_body(now, instrument, body, actions);
            }
            (Phase::Open { .. }, Input::SnapshotFailed { instrument }) => {
                if let Some(of) = self.instruments.get_mut(instrument) {
                    of.snapshot.answered(now);
                    self.plan_snapshot(now, instrument, actions);
                }
            }
            (Phase::Open { .. }, Input::Lost { instrument }) => {
                if let Some(of) = self.instruments.get_mut(instrument) {
                    of.followed.lose_record(instrument, actions);
                    self.lose(now, instrument, actions);
                }
            }
            (Phase::Open { .. }, Input::Respecified { instrument, spec }) => {
                self.respecify(now, instrument, spec, actions);
            }
            (Phase::Connecting | Phase::Closed, _)
            | (Phase::Open { .. }, Input::Connected | Input::TokenBody(_) | Input::TokenFailed) => {}
        }
    }
}

impl Session {
    const fn is_advanced(&self) -> bool {
        matches!(self.channel, BookChannel::Advanced)
    }

    const fn has_orders(&self) -> bool {
        self.channel.feed().is_order_by_order()
    }

    fn open(&mut self, now: UnixNanos, actions: &mut Vec<Action>) {
        self.phase = Phase::Open { since: now };
        self.heard_at = now;
        self.heartbeat_due = now.plus(FIRST_HEARTBEAT_NANOS_MAX);
        for (index, of) in self.instruments.iter_mut().enumerate() {
            of.followed.connect(index, actions);
        }
        if self.is_advanced() {
            // First: without it the venue closes quiet channels.
            let request = Request { topic: Topic::Heartbeats, is_subscribe: true, instruments: Vec::new() };
            self.to_send.push_back(request);
        }
        let all: Vec<usize> = (0..self.instruments.len()).collect();
        self.ask_for(&all);
        self.send_next(now, actions);
    }

    /// Subscribes to everything of these instruments.
    fn ask_for(&mut self, instruments: &[usize]) {
        let topics: &[Topic] =
            if self.is_advanced() { &[Topic::Books, Topic::Trades] } else { &[Topic::All] };
        for topic in topics {
            for some in instruments.chunks(PRODUCTS_PER_REQUEST_MAX) {
                let request = Request { topic: *topic, is_subscribe: true, instruments: some.to_vec() };
                self.to_send.push_back(request);
            }
        }
    }

    fn age_left(&self, now: UnixNanos) -> i64 {
        match self.phase {
            Phase::Open { since } => self.settings.age_nanos_max.saturating_sub(now.since(since)),
            _ => 0,
        }
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
        let is_silent = now.since(self.heard_at) >= self.settings.silence_nanos_max
            || self.is_advanced() && now >= self.heartbeat_due;
        if is_silent {
            return self.close(CloseReason::Silent, actions);
        }
        if now.since(since) >= self.settings.age_nanos_max {
            return self.close(CloseReason::Age, actions);
        }
        for index in 0..self.instruments.len() {
            if self.instruments[index].is_refused {
                continue;
            }
            self.check_heartbeat(now, index, actions);
            if self.has_orders() {
                self.plan_snapshot(now, index, actions);
            } else {
                self.follow_plan(now, index, actions);
            }
        }
        self.send_next(now, actions);
    }

    /// An instrument whose heartbeat stays away while the connection lives may have lost more than that.
    fn check_heartbeat(&mut self, now: UnixNanos, index: usize, actions: &mut Vec<Action>) {
        let of = &mut self.instruments[index];
        if of.heartbeat_due.is_none_or(|due| now < due) {
            return;
        }
        of.heartbeat_due = Some(now.plus(FIRST_HEARTBEAT_NANOS_MAX));
        if matches!(of.followed.feed.state(), BookState::Live | BookState::Crossed) {
            self.lose_silently(now, index, ResyncReason::Heartbeat, actions);
        }
    }

    /// A loss that no record shows: a record number is left out, so that whoever reads the records knows as well.
    fn lose_silently(
        &mut self,
        now: UnixNanos,
        index: usize,
        reason: ResyncReason,
        actions: &mut Vec<Action>,
    ) {
        self.instruments[index].followed.give_up(index, reason, actions);
        self.lose(now, index, actions);
    }

    /// The book is lost: a new one is to come.
    fn lose(&mut self, now: UnixNanos, index: usize, actions: &mut Vec<Action>) {
        if self.has_orders() {
            return self.plan_snapshot(now, index, actions);
        }
        if self.instruments[index].plan.lost(now) == Loss::Quarantined {
            let note = Note::Quarantined { instrument: index, retry_nanos: QUARANTINE_NANOS };
            actions.push(Action::Note(note));
        }
    }

    /// What time makes due for a book that comes by subscribing.
    fn follow_plan(&mut self, now: UnixNanos, index: usize, actions: &mut Vec<Action>) {
        let of = &mut self.instruments[index];
        match of.plan.poll(now) {
            Some(step @ (Step::Unsubscribe | Step::Subscribe)) => self.queue_book(index, step),
            // Nothing came after subscribing: there is no book to lose but the plan goes on as if there were.
            Some(Step::GiveUp) => {
                let note = Note::Resync { instrument: index, reason: ResyncReason::Gap };
                actions.push(Action::Note(note));
                self.lose(now, index, actions);
            }
            None => {}
        }
    }

    fn queue_book(&mut self, index: usize, step: Step) {
        let is_subscribe = step == Step::Subscribe;
        self.to_send.push_back(Request { topic: Topic::Books, is_subscribe, instruments: vec![index] });
    }

    fn send_next(&mut self, now: UnixNanos, actions: &mut Vec<Action>) {
        if now < self.send_at {
            return;
        }
        let Some(request) = self.to_send.pop_front() else { return };
        self.send_at = now.plus(REQUEST_NANOS_MIN);
        for index in &request.instruments {
            let of = &mut self.instruments[*index];
            match (request.topic, request.is_subscribe) {
                (Topic::All | Topic::Books, true) => of.plan.sent_subscribe(now),
                (Topic::Books, false) => of.plan.sent_unsubscribe(now),
                _ => {}
            }
            if request.topic == Topic::All {
                of.heartbeat_due = Some(now.plus(FIRST_HEARTBEAT_NANOS_MAX));
            }
        }
        let symbol = |index: &usize| self.instruments[*index].followed.feed.spec().symbol.as_str();
        let symbols: Vec<&str> = request.instruments.iter().map(symbol).collect();
        let text = request.text(self.channel, &symbols, self.account.as_ref(), now);
        actions.push(Action::Send(text));
    }

    /// Asks for the REST book of an instrument that is followed order by order, when it needs one.
    fn plan_snapshot(&mut self, now: UnixNanos, index: usize, actions: &mut Vec<Action>) {
        if !self.has_orders() {
            return;
        }
        let of = &mut self.instruments[index];
        if let Some(purpose) = of.snapshot.poll(now, of.followed.feed.wants_snapshot()) {
            let path = order_snapshot_path(&of.followed.feed.spec().symbol);
            let request = session::Request { path, weight: 1 };
            actions.push(Action::Fetch { instrument: index, request, purpose });
        }
    }

    /// The instrument counts otherwise from now on: its book begins anew.
    fn respecify(&mut self, now: UnixNanos, index: usize, spec: &InstrumentSpec, actions: &mut Vec<Action>) {
        let Some(of) = self.instruments.get_mut(index) else { return };
        of.followed.respecify(index, spec, actions);
        actions.push(Action::Note(Note::Resync { instrument: index, reason: ResyncReason::Refresh }));
        of.plan.refresh(now);
        if self.channel == BookChannel::Orders {
            // The new feed does not know what the arrays' fields mean: the next connection begins by saying so.
            return self.close(CloseReason::Age, actions);
        }
        self.plan_snapshot(now, index, actions);
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
