//! One WebSocket connection of a client, from the upgrade to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};

use crate::binance::rules::{Liveness, MessageBudget};
use crate::clock::wall_now;
use crate::dialect::Dialect;
use crate::engine::Command;
use crate::hub::{CloseReason, ConnectionCounts, Directive, Outbound, Registration, StreamCounts};

/// The longest frame a client may send: 1024 stream names fit many times.
const CLIENT_MESSAGE_BYTES_LIMIT: usize = 256 << 10;
/// What may wait inside the WebSocket layer on top of the queue: one batch of large frames.
const WRITE_BUFFER_BYTES_LIMIT: usize = 64 << 20;
/// Frames written between two flushes.
const BATCH_FRAMES: usize = 64;
/// Pings on their way to the writer.
const PINGS_LIMIT: usize = 4;
/// After a close frame the client has this long to answer it and to read what is on the way.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A slow reader's frames: one in this time.
const SLOW_READ_INTERVAL: Duration = Duration::from_millis(50);

/// What a connection asked for in its address.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) peer: SocketAddr,
    pub(crate) dialect: Dialect,
    pub(crate) streams: Vec<String>,
}

/// What a venue demands of its connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketRules {
    /// Time between two pings, and to answer one; `None`: it sends none.
    pub(crate) ping: Option<(Duration, Duration)>,
    /// Age at which a connection is announced to close and closed, and how long before that; `None`: any age.
    pub(crate) lifetime: Option<(Duration, Duration)>,
    /// Frames a client may send within a second.
    pub(crate) client_messages_per_sec: usize,
}

/// Serves a connection until it ends, and reports why.
pub(crate) async fn serve_socket(
    upgrade: OnUpgrade,
    opening: Opening,
    rules: SocketRules,
    commands: mpsc::Sender<Command>,
) {
    let upgraded = match upgrade.await {
        Ok(upgraded) => upgraded,
        Err(error) => {
            tracing::debug!(%error, "upgrade not completed");
            return;
        }
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(CLIENT_MESSAGE_BYTES_LIMIT))
        .max_frame_size(Some(CLIENT_MESSAGE_BYTES_LIMIT))
        .max_write_buffer_size(WRITE_BUFFER_BYTES_LIMIT);
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (reply, registration) = oneshot::channel();
    let Opening { peer, dialect, streams } = opening;
    let connect = Command::Connect { peer, dialect, streams, reply };
    if commands.send(connect).await.is_err() {
        return;
    }
    // No registration: the simulator is stopping.
    let Ok(registration) = registration.await else { return };
    let connection = registration.id;
    let reason = serve_registered(socket, registration, rules, &commands).await;
    // Nobody is there to be told when the engine is gone.
    drop(commands.send(Command::Disconnected { connection, reason }).await);
}

async fn serve_registered(
    socket: Socket,
    registration: Registration,
    rules: SocketRules,
    commands: &mpsc::Sender<Command>,
) -> CloseReason {
    let (mut sink, mut stream) = socket.split();
    let (pings, pings_out) = mpsc::channel(PINGS_LIMIT);
    let Registration { id, queue, directive, counts } = registration;
    let mut writer = Writer { sink: &mut sink, queue, pings: pings_out, counts: counts.clone() };
    let reader = Reader {
        connection: id,
        stream: &mut stream,
        directive,
        pings,
        commands,
        counts,
        rules,
        budget: MessageBudget::new(rules.client_messages_per_sec),
        liveness: Liveness::default(),
    };
    let reason = tokio::select! {
        reason = writer.run() => reason,
        reason = reader.run() => reason,
    };
    if let Some(frame) = close_frame(reason) {
        // A client that does not read any more does not get its close frame.
        drop(timeout(CLOSE_TIMEOUT, close(&mut sink, &mut stream, frame)).await);
    }
    reason
}

/// The close frame of a reason; `None` where the venue just ends the connection, or the client already has.
fn close_frame(reason: CloseReason) -> Option<CloseFrame> {
    let (code, text) = match reason {
        CloseReason::TooManyMessages => (CloseCode::Policy, "Too many requests"),
        CloseReason::PongTimeout => (CloseCode::Policy, "Pong timeout"),
        CloseReason::NoSubscription => (CloseCode::Policy, "No subscription within the time allowed"),
        CloseReason::Idle => (CloseCode::Normal, "Idle"),
        CloseReason::Lifetime | CloseReason::ServerShutdown | CloseReason::Stopped => (CloseCode::Away, ""),
        CloseReason::Client | CloseReason::Lost | CloseReason::SlowReader | CloseReason::Fault => {
            return None;
        }
    };
    Some(CloseFrame { code, reason: text.into() })
}

/// Sends the close frame and reads until the client has closed too: ending earlier would make the operating system
/// throw away what the client has not read yet.
async fn close(
    sink: &mut SplitSink<Socket, Message>,
    stream: &mut SplitStream<Socket>,
    frame: CloseFrame,
) -> Result<(), tungstenite::Error> {
    sink.send(Message::Close(Some(frame))).await?;
    while let Some(message) = stream.next().await {
        message?;
    }
    Ok(())
}

/// Moves frames from the queue to the socket, and counts those that left.
struct Writer<'a> {
    sink: &'a mut SplitSink<Socket, Message>,
    queue: mpsc::Receiver<Outbound>,
    pings: mpsc::Receiver<Bytes>,
    counts: Arc<ConnectionCounts>,
}

impl Writer<'_> {
    async fn run(&mut self) -> CloseReason {
        loop {
            let wrote = tokio::select! {
                biased;
                Some(payload) = self.pings.recv() => self.ping(payload).await,
                outbound = self.queue.recv() => match outbound {
                    Some(outbound) => self.write_batch(outbound).await,
                    // The engine is gone.
                    None => return CloseReason::Stopped,
                },
            };
            match wrote {
                Ok(None) => {}
                Ok(Some(reason)) => return reason,
                Err(_) => return CloseReason::Lost,
            }
        }
    }

    async fn ping(&mut self, payload: Bytes) -> Result<Option<CloseReason>, tungstenite::Error> {
        self.sink.send(Message::Ping(payload)).await?;
        self.counts.pings_sent.fetch_add(1, Relaxed);
        Ok(None)
    }

    /// Writes this and whatever else is waiting, flushes once, then counts.
    async fn write_batch(&mut self, first: Outbound) -> Result<Option<CloseReason>, tungstenite::Error> {
        let mut frames: Vec<Arc<StreamCounts>> = Vec::with_capacity(BATCH_FRAMES);
        let (mut notices, mut bytes) = (0, 0);
        let mut next = Some(first);
        let mut interruption = None;
        while let Some(outbound) = next.take() {
            bytes += outbound.bytes();
            match outbound {
                Outbound::Market { text, counts } => {
                    self.sink.feed(Message::Text(text)).await?;
                    frames.push(counts);
                }
                Outbound::Notice(text) => {
                    self.sink.feed(Message::Text(text)).await?;
                    notices += 1;
                }
                Outbound::Stall(_) | Outbound::Slow(_) | Outbound::Close => interruption = Some(outbound),
            }
            if interruption.is_none() && frames.len() + notices < BATCH_FRAMES {
                next = self.queue.try_recv().ok();
            }
        }
        self.sink.flush().await?;
        for counts in &frames {
            counts.count_sent();
        }
        let counts = &self.counts;
        counts.notices_sent.fetch_add(notices as u64, Relaxed);
        counts.bytes_sent.fetch_add(bytes as u64, Relaxed);
        counts.queued_bytes.fetch_sub(bytes, Relaxed);
        counts.queued_frames.fetch_sub(frames.len() + notices + usize::from(interruption.is_some()), Relaxed);
        match interruption {
            Some(Outbound::Close) => Ok(Some(CloseReason::Stopped)),
            Some(Outbound::Stall(duration)) => {
                sleep(duration).await;
                Ok(None)
            }
            Some(Outbound::Slow(duration)) => self.write_slowly(Instant::now() + duration).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Writes a frame now and then, until the venue loses its patience.
    async fn write_slowly(&mut self, until: Instant) -> Result<CloseReason, tungstenite::Error> {
        while Instant::now() < until {
            sleep(SLOW_READ_INTERVAL).await;
            let Ok(outbound) = self.queue.try_recv() else { continue };
            let bytes = outbound.bytes();
            if let Outbound::Market { text, counts } = outbound {
                self.sink.send(Message::Text(text)).await?;
                counts.count_sent();
            }
            self.counts.queued_bytes.fetch_sub(bytes, Relaxed);
            self.counts.queued_frames.fetch_sub(1, Relaxed);
        }
        Ok(CloseReason::SlowReader)
    }
}

/// Listens to the client, and keeps the venue's times: pings, pongs, lifetime.
struct Reader<'a> {
    connection: u64,
    stream: &'a mut SplitStream<Socket>,
    directive: tokio::sync::watch::Receiver<Directive>,
    pings: mpsc::Sender<Bytes>,
    commands: &'a mpsc::Sender<Command>,
    counts: Arc<ConnectionCounts>,
    rules: SocketRules,
    budget: MessageBudget,
    liveness: Liveness,
}

impl Reader<'_> {
    async fn run(mut self) -> CloseReason {
        let start = Instant::now();
        let mut ping_at = self.rules.ping.map(|(interval, _)| start + interval);
        let mut announce_at = self.rules.lifetime.map(|(age, notice)| start + age.saturating_sub(notice));
        let mut close_at = None;
        loop {
            let pong_timeout = self.rules.ping.map_or(Duration::MAX, |(_, timeout)| timeout);
            let pong_due = self.liveness.waiting_since().map(|since| since + pong_timeout);
            tokio::select! {
                message = self.stream.next() => {
                    if let Err(reason) = self.receive(message).await {
                        return reason;
                    }
                }
                changed = self.directive.changed() => {
                    let directive = *self.directive.borrow_and_update();
                    match directive {
                        Directive::Cut(reason) => return reason,
                        Directive::CloseAt(at, reason) => close_at = Some((at, reason)),
                        Directive::Open => {}
                    }
                    if changed.is_err() {
                        return CloseReason::Stopped;
                    }
                }
                () = until(ping_at), if ping_at.is_some() => {
                    let at = ping_at.unwrap_or(start);
                    self.send_ping(at);
                    ping_at = self.rules.ping.map(|(interval, _)| at + interval);
                }
                () = until(pong_due), if pong_due.is_some() => return CloseReason::PongTimeout,
                () = until(announce_at), if announce_at.is_some() => {
                    announce_at = None;
                    drop(self.commands.send(Command::AnnounceShutdown { connection: self.connection }).await);
                }
                () = until(close_at.map(|(at, _)| at)), if close_at.is_some() => {
                    return close_at.map_or(CloseReason::Lifetime, |(_, reason)| reason);
                }
            }
        }
    }

    /// The payload of a ping is the time, as the venue's is. A writer that is stuck does not get it; then the missing
    /// pong ends the connection.
    fn send_ping(&mut self, now: Instant) {
        let payload = wall_now().as_millis().to_string();
        drop(self.pings.try_send(Bytes::from(payload.clone())));
        self.liveness.ping_sent(payload, now);
    }

    async fn receive(
        &mut self,
        message: Option<Result<Message, tungstenite::Error>>,
    ) -> Result<(), CloseReason> {
        let Some(Ok(message)) = message else { return Err(CloseReason::Lost) };
        if matches!(message, Message::Close(_)) {
            return Err(CloseReason::Client);
        }
        self.counts.messages_received.fetch_add(1, Relaxed);
        if !self.budget.allows(Instant::now()) {
            return Err(CloseReason::TooManyMessages);
        }
        let text = match message {
            Message::Text(text) => text.to_string(),
            Message::Binary(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Message::Pong(payload) => {
                if self.liveness.pong_received(&payload) {
                    self.counts.pongs_received.fetch_add(1, Relaxed);
                }
                return Ok(());
            }
            // The WebSocket layer answers pings by itself.
            Message::Ping(_) | Message::Close(_) | Message::Frame(_) => return Ok(()),
        };
        let command = Command::Control { connection: self.connection, text };
        self.commands.send(command).await.map_err(|_| CloseReason::Stopped)
    }
}

/// Waits for an instant that is there; the caller's guard keeps the other case away.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
