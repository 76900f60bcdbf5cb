//! One WebSocket connection: reads frames, stamps them, does what the session says, until one of them ends it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use opus2_types::{BookState, Channel, UnixNanos, Venue};
use opus2_venue::session::{
    Action, CloseReason, DeadLetter, Input, Note, Request, Session, SnapshotPurpose, TIMER_NANOS,
};
use opus2_venue::{Feed, binance};
use opus2_wire::raw::RawRecord;
use opus2_wire::spec::encode_spec;
use opus2_wire::view::dead_letter::{self, excerpt, write_dead_letter};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::clock::{Clock, Stamp};
use crate::config::ConnectionSettings;
use crate::metrics::{Loss, Metrics};
use crate::publisher::{Losses, PublishError, Publisher, Route};
use crate::snapshots::{SnapshotAnswer, SnapshotRequest};

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The session ended it.
    Session(CloseReason),
    /// The venue closed it.
    ClosedByVenue,
    /// The network, or TLS, broke it.
    Io,
    /// The venue broke the WebSocket protocol.
    Protocol,
    /// A message larger than `connection.message_bytes_limit`.
    MessageTooLarge,
    /// A text frame that is not UTF-8: the protocol demands the end of the connection.
    NotUtf8,
    /// Too much was on its way to the broker for `kafka.full_secs_max`.
    Backpressure,
    /// It did not come about.
    ConnectFailed,
    /// We are stopping.
    Stopped,
}

impl End {
    /// Every name [`as_str`](Self::as_str) gives but that of [`End::Stopped`], which is no reconnect.
    pub const NAMES: [&'static str; 12] = [
        "server_shutdown",
        "age",
        "silent",
        "refused",
        "connection_gap",
        "closed_by_venue",
        "io",
        "protocol",
        "message_too_large",
        "not_utf8",
        "backpressure",
        "connect_failed",
    ];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session(reason) => reason.as_str(),
            Self::ClosedByVenue => "closed_by_venue",
            Self::Io => "io",
            Self::Protocol => "protocol",
            Self::MessageTooLarge => "message_too_large",
            Self::NotUtf8 => "not_utf8",
            Self::Backpressure => "backpressure",
            Self::ConnectFailed => "connect_failed",
            Self::Stopped => "stopped",
        }
    }

    /// True when nothing is wrong and the next connection should follow without waiting.
    #[must_use]
    pub const fn is_orderly(self) -> bool {
        matches!(self, Self::Session(reason) if reason.is_orderly())
    }

    fn of_error(error: &WsError) -> Self {
        match error {
            WsError::ConnectionClosed | WsError::AlreadyClosed => Self::ClosedByVenue,
            WsError::Capacity(_) => Self::MessageTooLarge,
            WsError::Utf8(_) => Self::NotUtf8,
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Io,
            WsError::Protocol(_) | WsError::AttackAttempt => Self::Protocol,
            _ => Self::Io,
        }
    }
}

/// What all connections of a process share.
#[derive(Debug)]
pub struct Shared {
    /// The venue.
    pub venue: Venue,
    /// Where its streams are.
    pub ws_url: String,
    /// The topic of its raw records.
    pub topic: &'static str,
    /// Levels a side of a snapshot.
    pub snapshot_levels: u16,
    /// How to hold connections.
    pub settings: ConnectionSettings,
    /// How long to wait for room on the way to the broker.
    pub full_max: Duration,
    /// The clocks.
    pub clock: Arc<Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The way to the broker.
    pub publisher: Arc<Publisher>,
    /// The way to snapshots.
    pub snapshots: mpsc::Sender<SnapshotRequest>,
}

/// What is known of a connection after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub end: End,
    /// For how long it had been bringing data.
    pub healthy: Duration,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects, follows the instruments, and comes back when the connection has ended, for whatever reason.
///
/// `conn` is the connection's name, never used before; `age_max` when to replace it.
pub(crate) async fn follow(
    shared: &Shared,
    routes: &[Route],
    conn: &str,
    age_max: Duration,
    stop: &mut watch::Receiver<bool>,
) -> Ended {
    let settings = binance::SessionSettings {
        snapshot_levels_first: shared.snapshot_levels,
        snapshot_levels: shared.snapshot_levels,
        age_nanos_max: nanos(age_max),
        silence_nanos_max: nanos(shared.settings.silence_max),
    };
    let specs = routes.iter().map(|route| route.spec.clone()).collect();
    // The configuration allows no more instruments than a session can follow.
    let session = binance::Session::new(settings, specs).expect("instruments_per_connection is checked");
    let socket = match connect(shared, session.path(), stop).await {
        Ok(socket) => socket,
        Err(end) => return Ended { end, healthy: Duration::ZERO },
    };
    tracing::info!(conn, instruments = routes.len(), "connected");
    shared.metrics.connections_open.inc();
    let (reply, answers) = mpsc::channel(routes.len().max(1));
    let mut connection = Connection {
        shared,
        routes,
        conn,
        session: Box::new(session),
        socket,
        reply,
        losses: Arc::new(Losses::new(routes.len())),
        now: shared.clock.now().recv_ts,
        actions: Vec::new(),
        unasked: Vec::new(),
        letters: 0,
        live_count: 0,
        has_synced: false,
    };
    let ended = connection.run(answers, stop).await;
    shared.metrics.connections_open.dec();
    ended
}

async fn connect(shared: &Shared, path: &str, stop: &mut watch::Receiver<bool>) -> Result<Socket, End> {
    let limit = Some(shared.settings.message_bytes_limit);
    let config = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
    let url = format!("{}{path}", shared.ws_url);
    let attempt = connect_async_with_config(url, Some(config), true);
    let result = tokio::select! {
        result = tokio::time::timeout(shared.settings.connect_max, attempt) => result,
        () = stopped(stop) => return Err(End::Stopped),
    };
    match result {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(url = shared.ws_url, error, "cannot connect");
            Err(End::ConnectFailed)
        }
        Err(_) => {
            let secs = shared.settings.connect_max.as_secs();
            tracing::warn!(url = shared.ws_url, secs, "cannot connect in time");
            Err(End::ConnectFailed)
        }
    }
}

/// Waits until stopping has been asked for.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone asks for the same.
    drop(stop.wait_for(|stop| *stop).await);
}

struct Connection<'a> {
    shared: &'a Shared,
    routes: &'a [Route],
    conn: &'a str,
    session: Box<dyn Session>,
    socket: Socket,
    reply: mpsc::Sender<SnapshotAnswer>,
    losses: Arc<Losses>,
    /// The time of the newest input. Snapshots are stamped elsewhere and may come late; a session's time never goes back.
    now: UnixNanos,
    actions: Vec<Action>,
    /// Instruments whose snapshot could not even be asked for.
    unasked: Vec<usize>,
    letters: u64,
    live_count: usize,
    has_synced: bool,
}

impl Connection<'_> {
    async fn run(
        &mut self,
        mut answers: mpsc::Receiver<SnapshotAnswer>,
        stop: &mut watch::Receiver<bool>,
    ) -> Ended {
        let end = match self.give(self.shared.clock.now(), Input::Connected, &[], stop).await {
            Ok(()) => self.read(&mut answers, stop).await,
            Err(end) => end,
        };
        // A close frame is good manners; the venue does not wait for it and neither do we.
        drop(tokio::time::timeout(CLOSE_MAX, self.socket.close(None)).await);
        let healthy_nanos = self.session.first_frame_at().map_or(0, |first| self.now.since(first));
        self.session.handle(self.now, Input::Disconnected, &mut self.actions);
        for action in std::mem::take(&mut self.actions) {
            if let Action::Note(note) = action {
                self.note(note);
            }
        }
        Ended { end, healthy: Duration::from_nanos(u64::try_from(healthy_nanos).unwrap_or(0)) }
    }

    async fn read(
        &mut self,
        answers: &mut mpsc::Receiver<SnapshotAnswer>,
        stop: &mut watch::Receiver<bool>,
    ) -> End {
        let mut timer = tokio::time::interval(Duration::from_nanos(TIMER_NANOS.unsigned_abs()));
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // In this order, because a busy socket always has something.
            let result = tokio::select! {
                biased;
                () = stopped(stop) => Err(End::Stopped),
                _ = timer.tick() => self.tick(stop).await,
                Some(answer) = answers.recv() => self.take_answer(answer, stop).await,
                message = self.socket.next() => {
                    let stamp = self.shared.clock.now();
                    self.take_message(stamp, message, stop).await
                }
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    async fn tick(&mut self, stop: &mut watch::Receiver<bool>) -> Result<(), End> {
        let stamp = self.shared.clock.now();
        self.give(stamp, Input::Timer, &[], stop).await?;
        let mut lost = Vec::new();
        // While the broker takes nothing, a new snapshot would be lost as well: first it must take something again.
        if self.shared.publisher.is_delivering() {
            self.losses.take(|instrument| lost.push(instrument));
        }
        for instrument in lost {
            self.give(stamp, Input::Lost { instrument }, &[], stop).await?;
        }
        while let Some(instrument) = self.unasked.pop() {
            self.give(stamp, Input::SnapshotFailed { instrument }, &[], stop).await?;
        }
        Ok(())
    }

    async fn take_answer(
        &mut self,
        answer: SnapshotAnswer,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), End> {
        let instrument = answer.instrument;
        match answer.result {
            Ok(answer) => {
                self.shared.metrics.received_bytes.inc_by(answer.body.len() as u64);
                let body = answer.body.as_slice();
                self.give(answer.stamp, Input::SnapshotBody { instrument, body }, body, stop).await
            }
            Err(_) => {
                self.give(self.shared.clock.now(), Input::SnapshotFailed { instrument }, &[], stop).await
            }
        }
    }

    async fn take_message(
        &mut self,
        stamp: Stamp,
        message: Option<Result<Message, WsError>>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), End> {
        let bytes = match &message {
            Some(Ok(Message::Text(text))) => text.as_bytes(),
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                return self.give(stamp, Input::Alive, &[], stop).await;
            }
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) = frame
                    .as_ref()
                    .map_or((None, ""), |frame| (Some(u16::from(frame.code)), frame.reason.as_str()));
                tracing::warn!(conn = self.conn, code, reason, "venue closed the connection");
                return Err(End::ClosedByVenue);
            }
            Some(Err(error)) => {
                let cause: &dyn std::error::Error = error;
                tracing::warn!(conn = self.conn, error = cause, "connection failed");
                return Err(End::of_error(error));
            }
            None => return Err(End::ClosedByVenue),
        };
        self.shared.metrics.received_bytes.inc_by(bytes.len() as u64);
        self.give(stamp, Input::Frame(bytes), bytes, stop).await
    }

    /// Gives one input to the session and does what it says. `bytes` are the input's own.
    async fn give(
        &mut self,
        stamp: Stamp,
        input: Input<'_>,
        bytes: &[u8],
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), End> {
        self.now = self.now.max(stamp.recv_ts);
        let mut actions = std::mem::take(&mut self.actions);
        self.session.handle(self.now, input, &mut actions);
        let mut result = Ok(());
        for action in actions.drain(..) {
            // After a failure the rest is not done, but it is still counted.
            match action {
                Action::Note(note) => self.note(note),
                action if result.is_ok() => result = self.act(action, bytes, stamp.instant, stop).await,
                _ => {}
            }
        }
        self.actions = actions;
        result
    }

    async fn act(
        &mut self,
        action: Action,
        bytes: &[u8],
        read_at: Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), End> {
        match action {
            Action::PublishSpec { instrument, number } => {
                let spec = self.session.feed(instrument).map_or(&self.routes[instrument].spec, Feed::spec);
                let text = encode_spec(spec);
                self.publish(instrument, Channel::Instrument, number, text.as_bytes(), read_at, stop).await
            }
            Action::Publish { instrument, channel, number } => {
                self.shared.metrics.frames_received.add_one(channel);
                self.publish(instrument, channel, number, bytes, read_at, stop).await
            }
            Action::DeadLetter(letter) => self.put_aside(letter, bytes, read_at, stop).await,
            Action::Send(text) => {
                let sending = self.socket.send(Message::text(text));
                match tokio::time::timeout(self.shared.settings.connect_max, sending).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(End::of_error(&error)),
                    Err(_) => Err(End::Io),
                }
            }
            Action::Fetch { instrument, request, purpose } => {
                self.ask(instrument, request, purpose);
                Ok(())
            }
            // Only sessions of accounts ask for one, and this daemon makes none.
            Action::FetchToken(_) => Err(End::Session(CloseReason::Refused)),
            Action::Close(reason) => Err(End::Session(reason)),
            Action::Note(note) => {
                self.note(note);
                Ok(())
            }
        }
    }

    async fn publish(
        &self,
        instrument: usize,
        channel: Channel,
        number: u64,
        value: &[u8],
        read_at: Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), End> {
        let route = &self.routes[instrument];
        let record = RawRecord {
            symbol: &route.spec.symbol,
            venue: self.shared.venue,
            channel,
            market: &route.market,
            conn: self.conn,
            number,
            recv_ts: self.now,
            value,
        };
        let of = (&self.losses, instrument);
        let attempt = || self.shared.publisher.try_publish(self.shared.topic, route, &record, read_at, of);
        match self.when_there_is_room(attempt, &route.key, stop).await? {
            Ok(()) => {}
            // The number is now missing on the topic: the book downstream resyncs, and so does ours.
            Err(loss) => {
                self.losses.mark(instrument);
                self.shared.metrics.lose(loss, &route.key);
            }
        }
        Ok(())
    }

    async fn put_aside(
        &mut self,
        letter: DeadLetter,
        bytes: &[u8],
        read_at: Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), End> {
        self.letters += 1;
        let id = format!("{}::{}:letter-{}", self.shared.venue, self.conn, self.letters);
        self.shared.metrics.put_aside(letter.as_str(), &id);
        let error = match letter {
            DeadLetter::Unreadable(reject) => reject.to_string(),
            DeadLetter::UnknownSymbol => "a message of an instrument that was not asked for".into(),
        };
        let mut text = Vec::new();
        let view = dead_letter::DeadLetter {
            id: &id,
            kind: "dead_letter",
            step: "follow",
            reason: letter.as_str(),
            error: &error,
            channel: None,
            recv_ts: Some(self.now.0),
            bytes: bytes.len(),
            excerpt: &excerpt(bytes),
        };
        if let Err(error) = write_dead_letter(&view, &mut text) {
            tracing::error!(error = %error, "dead letter cannot be written");
            return Ok(());
        }
        let key = self.shared.venue.as_str();
        let attempt = || self.shared.publisher.try_publish_dead_letter(key, &text, read_at);
        if let Err(loss) = self.when_there_is_room(attempt, key, stop).await? {
            self.shared.metrics.lose(loss, &id);
        }
        Ok(())
    }

    /// Tries until there is room on the way to the broker. While it waits, the socket is not read: the venue's own
    /// buffers fill, and what does not fit there is lost with the connection, which is given up after `full_max`.
    async fn when_there_is_room(
        &self,
        mut attempt: impl FnMut() -> Result<(), PublishError>,
        what: &str,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Result<(), Loss>, End> {
        match attempt() {
            Ok(()) => return Ok(Ok(())),
            Err(PublishError::Lost(loss)) => return Ok(Err(loss)),
            Err(PublishError::Full) => {}
        }
        self.shared.metrics.queue_full.inc();
        let deadline = tokio::time::sleep(self.shared.full_max);
        tokio::pin!(deadline);
        let end = loop {
            tokio::select! {
                () = self.shared.publisher.room() => match attempt() {
                    Ok(()) => return Ok(Ok(())),
                    Err(PublishError::Lost(loss)) => return Ok(Err(loss)),
                    Err(PublishError::Full) => tokio::time::sleep(FULL_PAUSE).await,
                },
                () = &mut deadline => break End::Backpressure,
                () = stopped(stop) => break End::Stopped,
            }
        };
        self.shared.metrics.lose(Loss::Backpressure, what);
        Err(end)
    }

    fn ask(&mut self, instrument: usize, request: Request, purpose: SnapshotPurpose) {
        let request = SnapshotRequest { instrument, request, purpose, reply: self.reply.clone() };
        if self.shared.snapshots.try_send(request).is_err() {
            self.unasked.push(instrument);
        }
    }

    /// Counts and logs.
    fn note(&mut self, note: Note) {
        let metrics = &self.shared.metrics;
        match note {
            Note::State { instrument, from, to } => {
                metrics.book_moved(from, to);
                self.live_count += usize::from(to == BookState::Live);
                self.live_count -= usize::from(from == BookState::Live);
                let key = &self.routes[instrument].key;
                tracing::debug!(instrument = key, from = from.as_str(), to = to.as_str(), "book");
                if self.live_count == self.routes.len() && !std::mem::replace(&mut self.has_synced, true) {
                    tracing::info!(conn = self.conn, instruments = self.routes.len(), "synced");
                }
            }
            Note::Resync { instrument, reason } => {
                metrics.resync(reason, &self.routes[instrument].key);
            }
            Note::Rejected { instrument, reject } => metrics.reject(reject, &self.routes[instrument].key),
            Note::Quarantined { instrument, retry_nanos } => {
                let retry_secs = retry_nanos / 1_000_000_000;
                tracing::warn!(instrument = self.routes[instrument].key, retry_secs, "quarantined");
            }
            Note::VenueError { code, message } => metrics.venue_error(code, &message, self.conn),
        }
    }
}

const CLOSE_MAX: Duration = Duration::from_millis(500);
const FULL_PAUSE: Duration = Duration::from_millis(5);

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
