//! One connection: its sockets' frames, stamped and in order, to the session, until something ends it.
//!
//! A connection has one name on the topic and one [`Session`], and one or more sockets ([`Legs`]). Where the venue
//! numbers its messages, the sockets are merged by their numbers ([`Merge`]): a second one may run all the time, an old
//! one is replaced while it still speaks, and neither the session nor the topic notices. Elsewhere a connection is one
//! socket and ends with it. What the session wants done is in `actions.rs`.

mod actions;
mod legs;

use std::sync::Arc;
use std::time::Duration;

use opus2_types::{BookState, Channel, UnixNanos};
use opus2_venue::merge::{Merge, MergeCounts, Verdict};
use opus2_venue::session::{Action, Input, Session, TIMER_NANOS};
use opus2_venue::{Feed, Reject};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::access::{Access, Answer, stopped};
use crate::backoff::Backoff;
use crate::clock::Stamp;
use crate::end::End;
use crate::exchange;
use crate::leg::{Leg, Legs, Socket, connect};
use crate::members::{Change, Members};
use crate::publisher::Losses;

/// What is known of a connection after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Why.
    pub(crate) end: End,
    /// For how long it had been bringing data.
    pub(crate) healthy: Duration,
}

/// Connects, follows the instruments, and comes back when the connection has ended, for whatever reason.
///
/// `conn` is the connection's name, never used before.
pub(crate) async fn follow(
    shared: &Arc<Access>,
    members: &mut Members,
    conn: &str,
    changes: &mut mpsc::Receiver<Change>,
    stop: &watch::Receiver<bool>,
) -> Ended {
    let failed = |end| Ended { end, healthy: Duration::ZERO };
    let mut stop = stop.clone();
    let specs = members.specs();
    let session = match exchange::session(shared, specs.clone()) {
        Ok(session) => session,
        Err(reason) => {
            tracing::error!(venue = %shared.config.venue, reason, "no session");
            return failed(End::ConnectFailed);
        }
    };
    let connecting = connect(&shared.config.ws_url, session.path(), &shared.settings);
    let socket = tokio::select! {
        socket = connecting => socket,
        () = stopped(&mut stop) => Err(End::Stopped),
    };
    let socket = match socket {
        Ok(socket) => socket,
        Err(end) => return failed(end),
    };
    tracing::info!(conn, instruments = specs.len(), "connected");
    shared.metrics.connections_open.inc();
    // An instrument has two requests open at most, a connection one for its token.
    let (reply, answers) = mpsc::channel(members.len() * 2 + 1);
    let merge = exchange::numbering(shared.config.feed)
        .map(|numbering| Merge::new(numbering, specs.iter().map(|spec| spec.symbol.as_str())));
    let mut connection = Connection {
        shared,
        conn,
        session,
        legs: Legs::default(),
        merge,
        openings: JoinSet::new(),
        open_at: UnixNanos::MIN,
        leg_backoff: Backoff::new(shared.settings.backoff),
        counted: MergeCounts::default(),
        reply,
        losses: Arc::new(Losses::new(members.len(), Arc::clone(&shared.metrics))),
        now: shared.clock.now().recv_ts,
        data_at: shared.clock.now().recv_ts,
        actions: Vec::new(),
        unasked: Vec::new(),
        letters: 0,
        sampled: 0,
        ticks: 0,
        stale_count: 0,
        live_count: 0,
        has_synced: false,
        has_proved_venue: false,
        members,
        stop,
    };
    let ended = connection.run(socket, answers, changes).await;
    shared.metrics.connections_open.dec();
    ended
}

/// One in so many messages is asked how long it was under way.
const LATENCY_SAMPLE: u32 = 16;
/// Instruments are looked over once in so many ticks: about once a second.
const TICKS_A_LOOK: u32 = 20;

struct Connection<'a> {
    shared: &'a Arc<Access>,
    members: &'a mut Members,
    conn: &'a str,
    session: Box<dyn Session>,
    legs: Legs,
    /// `None` where messages have no numbers.
    merge: Option<Merge>,
    /// A further socket on its way, at most one.
    openings: JoinSet<Result<Socket, End>>,
    /// Not before then.
    open_at: UnixNanos,
    leg_backoff: Backoff,
    /// The merge's counts that are in the metrics already.
    counted: MergeCounts,
    reply: mpsc::Sender<Answer>,
    losses: Arc<Losses>,
    /// The time of the newest input. Snapshots are stamped elsewhere and may come late; a session's time never goes back.
    now: UnixNanos,
    /// When a message of an instrument was published last.
    data_at: UnixNanos,
    actions: Vec<Action>,
    /// Instruments whose snapshot could not even be asked for.
    unasked: Vec<usize>,
    letters: u64,
    sampled: u32,
    ticks: u32,
    stale_count: i64,
    live_count: usize,
    has_synced: bool,
    has_proved_venue: bool,
    stop: watch::Receiver<bool>,
}

impl Connection<'_> {
    async fn run(
        &mut self,
        socket: Socket,
        mut answers: mpsc::Receiver<Answer>,
        changes: &mut mpsc::Receiver<Change>,
    ) -> Ended {
        self.add_leg(socket);
        let end = match self.give(self.shared.clock.now(), Input::Connected, &[]).await {
            Ok(()) => match self.read(&mut answers, changes).await {
                Ok(never) => match never {},
                Err(end) => end,
            },
            Err(end) => end,
        };
        while !self.legs.is_empty() {
            self.drop_leg(0);
        }
        self.count_merge();
        self.shared.metrics.instruments_stale.sub(self.stale_count);
        let healthy_nanos = self.session.first_frame_at().map_or(0, |first| self.now.since(first));
        self.session.handle(self.now, Input::Disconnected, &mut self.actions);
        for action in std::mem::take(&mut self.actions) {
            if let Action::Note(note) = action {
                self.note(note);
            }
        }
        Ended { end, healthy: Duration::from_nanos(u64::try_from(healthy_nanos).unwrap_or(0)) }
    }

    /// Reads until something ends the connection.
    async fn read(
        &mut self,
        answers: &mut mpsc::Receiver<Answer>,
        changes: &mut mpsc::Receiver<Change>,
    ) -> Result<std::convert::Infallible, End> {
        let mut timer = tokio::time::interval(Duration::from_nanos(TIMER_NANOS.unsigned_abs()));
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // In this order, because a busy socket always has something.
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Err(End::Stopped),
                _ = timer.tick() => self.tick().await?,
                Some(answer) = answers.recv() => self.take_answer(answer).await?,
                Some(change) = changes.recv() => self.take_change(change).await?,
                Some(opened) = self.openings.join_next(), if !self.openings.is_empty() => {
                    self.take_opening(opened.unwrap_or(Err(End::ConnectFailed)));
                }
                (leg, message) = self.legs.next() => {
                    let stamp = self.shared.clock.now();
                    self.take_message(stamp, leg, message).await?;
                }
            }
        }
    }

    async fn tick(&mut self) -> Result<(), End> {
        let stamp = self.shared.clock.now();
        self.give(stamp, Input::Timer, &[]).await?;
        let mut lost = Vec::new();
        // While the broker takes nothing, a new snapshot would be lost as well: first it must take something again.
        if self.shared.publisher.is_delivering() {
            self.losses.take(|instrument| lost.push(instrument));
        }
        for instrument in lost {
            self.give(stamp, Input::Lost { instrument }, &[]).await?;
        }
        while let Some(instrument) = self.unasked.pop() {
            self.give(stamp, Input::SnapshotFailed { instrument }, &[]).await?;
        }
        self.tend_legs().await?;
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(TICKS_A_LOOK) {
            self.look_over();
            self.count_merge();
        }
        Ok(())
    }

    /// Counts the instruments of which nothing has been heard for too long.
    fn look_over(&mut self) {
        let silence_max = nanos(self.shared.config.liveness.instrument_silence_max);
        let begin = self.session.first_frame_at().unwrap_or(self.now);
        let is_stale = |index: usize| {
            let heard_at = self.session.feed(index).map_or(self.now, Feed::recv_ts).max(begin);
            !self.members.is_retired(index) && self.now.since(heard_at) >= silence_max
        };
        let count = (0..self.members.len()).filter(|index| is_stale(*index)).count();
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.shared.metrics.instruments_stale.add(count - self.stale_count);
        self.stale_count = count;
    }

    async fn take_answer(&mut self, answer: Answer) -> Result<(), End> {
        match answer {
            Answer::Snapshot(answer) => {
                let instrument = answer.instrument;
                match answer.result {
                    Ok(answer) => {
                        self.shared.metrics.received_bytes.inc_by(answer.body.len() as u64);
                        let body = answer.body.as_slice();
                        self.give(answer.stamp, Input::SnapshotBody { instrument, body }, body).await
                    }
                    Err(_) => {
                        self.give(self.shared.clock.now(), Input::SnapshotFailed { instrument }, &[]).await
                    }
                }
            }
            Answer::Token(Ok(answer)) => self.give(answer.stamp, Input::TokenBody(&answer.body), &[]).await,
            Answer::Token(Err(error)) => {
                tracing::error!(
                    conn = self.conn,
                    error = &error as &dyn std::error::Error,
                    "no token for this connection"
                );
                self.give(self.shared.clock.now(), Input::TokenFailed, &[]).await
            }
        }
    }

    async fn take_change(&mut self, change: Change) -> Result<(), End> {
        match change {
            Change::Retire { symbol } => {
                if let Some(index) = self.members.retire(&symbol) {
                    let state = self.session.feed(index).map_or(BookState::Empty, Feed::state);
                    self.live_count -= usize::from(state == BookState::Live);
                    self.shared.metrics.book_ended(state);
                }
                Ok(())
            }
            Change::Respecify(spec) => match self.members.respecify(&spec) {
                Some(instrument) => {
                    let stamp = self.shared.clock.now();
                    self.give(stamp, Input::Respecified { instrument, spec: &spec }, &[]).await
                }
                None => Ok(()),
            },
        }
    }

    async fn take_message(
        &mut self,
        stamp: Stamp,
        index: usize,
        message: Option<Result<Message, WsError>>,
    ) -> Result<(), End> {
        let Some(leg) = self.legs.get_mut(index) else { return Ok(()) };
        leg.heard_at = stamp.recv_ts;
        let bytes = match &message {
            Some(Ok(Message::Text(text))) => text.as_bytes(),
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                return self.give(stamp, Input::Alive, &[]).await;
            }
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) = frame
                    .as_ref()
                    .map_or((None, ""), |frame| (Some(u16::from(frame.code)), frame.reason.as_str()));
                tracing::warn!(conn = self.conn, code, reason, "venue closed the socket");
                return self.end_leg(index, End::ClosedByVenue).await;
            }
            Some(Err(error)) => {
                let end = End::of_error(error);
                tracing::warn!(conn = self.conn, error = error as &dyn std::error::Error, "socket failed");
                return self.end_leg(index, end).await;
            }
            None => return self.end_leg(index, End::ClosedByVenue).await,
        };
        self.shared.metrics.received_bytes.inc_by(bytes.len() as u64);
        leg.data_at = stamp.recv_ts;
        let place = leg.place;
        let Some(merge) = &mut self.merge else {
            return self.give(stamp, Input::Frame(bytes), bytes).await;
        };
        match merge.offer(stamp.recv_ts, place, bytes) {
            Verdict::Forward => self.give(stamp, Input::Frame(bytes), bytes).await?,
            Verdict::Duplicate | Verdict::Held => {}
            Verdict::Broken => self.put_broken_aside(bytes, stamp).await?,
            Verdict::Closing => self.replace_leg(index, End::Session(CLOSING)),
        }
        self.release(stamp).await
    }

    /// Passes on what the merge has held and holds no longer.
    async fn release(&mut self, stamp: Stamp) -> Result<(), End> {
        while let Some(bytes) = self.merge.as_mut().and_then(|merge| merge.next_due(stamp.recv_ts)) {
            self.give(stamp, Input::Frame(&bytes), &bytes).await?;
        }
        Ok(())
    }

    /// Gives one input to the session and does what it says. `bytes` are the input's own.
    async fn give(&mut self, stamp: Stamp, input: Input<'_>, bytes: &[u8]) -> Result<(), End> {
        self.now = self.now.max(stamp.recv_ts);
        let mut actions = std::mem::take(&mut self.actions);
        self.session.handle(self.now, input, &mut actions);
        if !self.has_proved_venue && self.session.first_frame_at().is_some() {
            self.has_proved_venue = true;
            self.shared.succeeded();
        }
        let mut result = Ok(());
        for action in actions.drain(..) {
            // After a failure the rest is not done, but it is still counted.
            match action {
                Action::Note(note) => self.note(note),
                action if result.is_ok() => result = self.act(action, bytes, stamp.instant).await,
                _ => {}
            }
        }
        self.actions = actions;
        result
    }

    /// How long the message that was just published had been under way, of one in a few.
    fn sample_latency(&mut self, instrument: usize, channel: Channel) {
        if !matches!(channel, Channel::Depth | Channel::Trade) {
            return;
        }
        self.sampled = self.sampled.wrapping_add(1);
        if !self.sampled.is_multiple_of(LATENCY_SAMPLE) {
            return;
        }
        if let Some(exch_ts) = self.session.feed(instrument).and_then(Feed::exch_ts) {
            self.shared.metrics.feed_latency.observe(self.now.since(exch_ts));
        }
    }
}

const CLOSING: opus2_venue::session::CloseReason = opus2_venue::session::CloseReason::ServerShutdown;

pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// What a message that was cut off is said to be.
const CUT_OFF: Reject = Reject::BadJson { at: 0 };

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
