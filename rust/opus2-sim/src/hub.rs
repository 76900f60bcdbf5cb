//! Who is connected, what they subscribed to, and the bounded queue to each of them.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use opus2_types::{UnixNanos, Venue};

use crate::dialect::Dialect;
use crate::fault::{Fate, Faults, Frame, Twist};
use crate::stats::{ClosedCounts, ConnectionStats};
use crate::stream::{StreamId, StreamKind};

/// Closed connections whose counts are kept in full; older ones only in the sums.
const CLOSED_KEPT_LIMIT: usize = 100;

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CloseReason {
    /// The client closed it properly.
    Client,
    /// The client went away, or broke the WebSocket protocol.
    Lost,
    /// More messages in a second than allowed.
    TooManyMessages,
    /// It did not subscribe in time.
    NoSubscription,
    /// It had no subscription and said nothing for a long time.
    Idle,
    /// A ping was not answered in time.
    PongTimeout,
    /// The reader was too slow and its queue full.
    SlowReader,
    /// It reached its lifetime.
    Lifetime,
    /// A `server_shutdown` fault.
    ServerShutdown,
    /// A `disconnect` fault.
    Fault,
    /// The simulator stopped; everything queued was sent before.
    Stopped,
}

/// What the writer of a connection is given.
#[derive(Debug)]
pub(crate) enum Outbound {
    /// A frame of a stream.
    Market { text: Utf8Bytes, counts: Arc<StreamCounts> },
    /// A reply or notice.
    Notice(Utf8Bytes),
    /// Write nothing for a time.
    Stall(Duration),
    /// Write little for a time, then end as a slow reader.
    Slow(Duration),
    /// Close properly, after everything before.
    Close,
}

impl Outbound {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Market { text, .. } | Self::Notice(text) => text.len(),
            Self::Stall(_) | Self::Slow(_) | Self::Close => 0,
        }
    }
}

/// What the engine tells the reader of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Directive {
    /// Go on.
    Open,
    /// Close properly at this time.
    CloseAt(tokio::time::Instant, CloseReason),
    /// End now, without a close frame.
    Cut(CloseReason),
}

/// Frames of one stream on one connection.
#[derive(Debug)]
pub(crate) struct StreamCounts {
    sent: AtomicU64,
    /// The same stream on all connections.
    total: Arc<AtomicU64>,
}

impl StreamCounts {
    /// Notes a frame that was written out.
    pub(crate) fn count_sent(&self) {
        self.sent.fetch_add(1, Relaxed);
        self.total.fetch_add(1, Relaxed);
    }
}

/// What both ends of a connection count.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    pub(crate) queued_frames: AtomicUsize,
    pub(crate) queued_bytes: AtomicUsize,
    pub(crate) notices_sent: AtomicU64,
    pub(crate) pings_sent: AtomicU64,
    pub(crate) pongs_received: AtomicU64,
    pub(crate) messages_received: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
}

/// A new connection's ends of its channels.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) id: u64,
    pub(crate) queue: mpsc::Receiver<Outbound>,
    pub(crate) directive: watch::Receiver<Directive>,
    pub(crate) counts: Arc<ConnectionCounts>,
}

#[derive(Debug)]
struct Subscription {
    /// `None` for a stream that does not exist.
    stream: Option<StreamId>,
    counts: Arc<StreamCounts>,
}

#[derive(Debug)]
struct Connection {
    peer: SocketAddr,
    dialect: Dialect,
    subscriptions: BTreeMap<String, Subscription>,
    queue: mpsc::Sender<Outbound>,
    directive: watch::Sender<Directive>,
    counts: Arc<ConnectionCounts>,
    /// Counts of streams it has unsubscribed from.
    past: BTreeMap<String, Arc<StreamCounts>>,
    /// Messages that a fault has put behind the next one of their stream.
    held: BTreeMap<StreamId, Outbound>,
    /// Something was queued since the last look at it.
    is_fresh: bool,
}

#[derive(Debug)]
struct Subscriber {
    connection: u64,
    counts: Arc<StreamCounts>,
}

/// Limits of a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLimits {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
}

/// All connections. Owned by the engine; nothing in it is locked, and nothing in it waits.
#[derive(Debug)]
pub(crate) struct Hub {
    limits: QueueLimits,
    next_id: u64,
    connections: BTreeMap<u64, Connection>,
    /// By [`StreamId::index`].
    subscribers: Vec<Vec<Subscriber>>,
    /// Frames sent, by [`StreamId::index`].
    totals: Vec<Arc<AtomicU64>>,
    closed: VecDeque<ConnectionStats>,
    closed_counts: ClosedCounts,
    slow: Vec<u64>,
}

impl Hub {
    pub(crate) fn new(streams_count: usize, limits: QueueLimits) -> Self {
        Self {
            limits,
            next_id: 1,
            connections: BTreeMap::new(),
            subscribers: (0..streams_count).map(|_| Vec::new()).collect(),
            totals: (0..streams_count).map(|_| Arc::default()).collect(),
            closed: VecDeque::new(),
            closed_counts: ClosedCounts::default(),
            slow: Vec::new(),
        }
    }

    pub(crate) fn connect(&mut self, peer: SocketAddr, dialect: Dialect) -> Registration {
        let (queue, queue_out) = mpsc::channel(self.limits.frames);
        let (directive, directive_out) = watch::channel(Directive::Open);
        let counts = Arc::<ConnectionCounts>::default();
        let id = self.next_id;
        self.next_id += 1;
        let registration =
            Registration { id, queue: queue_out, directive: directive_out, counts: counts.clone() };
        let connection = Connection {
            peer,
            dialect,
            subscriptions: BTreeMap::new(),
            queue,
            directive,
            counts,
            past: BTreeMap::new(),
            held: BTreeMap::new(),
            is_fresh: false,
        };
        self.connections.insert(id, connection);
        registration
    }

    /// Forgets a connection that has ended; its counts are kept.
    pub(crate) fn disconnected(&mut self, id: u64, reason: CloseReason) {
        let Some(connection) = self.remove_from_streams(id) else { return };
        let stats = connection.to_stats(id, Some(reason));
        self.closed_counts.count(reason, &stats);
        self.closed.push_back(stats);
        if self.closed.len() > CLOSED_KEPT_LIMIT {
            self.closed.pop_front();
        }
    }

    fn remove_from_streams(&mut self, id: u64) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        for subscription in connection.subscriptions.values() {
            if let Some(stream) = subscription.stream {
                self.subscribers[stream.index()].retain(|subscriber| subscriber.connection != id);
            }
        }
        Some(connection)
    }

    /// Adds streams to a connection; `false`, and no change, when there would be more than `limit`.
    pub(crate) fn subscribe(
        &mut self,
        id: u64,
        streams: Vec<(String, Option<StreamId>)>,
        limit: usize,
    ) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return true };
        let is_new = |name: &String| !connection.subscriptions.contains_key(name);
        let new: BTreeMap<String, Option<StreamId>> =
            streams.into_iter().filter(|(name, _)| is_new(name)).collect();
        if connection.subscriptions.len() + new.len() > limit {
            return false;
        }
        for (name, stream) in new {
            let counts = connection.past.remove(&name).unwrap_or_else(|| {
                let total = stream.map_or_else(Arc::default, |stream| self.totals[stream.index()].clone());
                Arc::new(StreamCounts { sent: AtomicU64::new(0), total })
            });
            if let Some(stream) = stream {
                self.subscribers[stream.index()].push(Subscriber { connection: id, counts: counts.clone() });
            }
            connection.subscriptions.insert(name, Subscription { stream, counts });
        }
        true
    }

    pub(crate) fn unsubscribe(&mut self, id: u64, names: &[String]) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        for name in names {
            let Some(subscription) = connection.subscriptions.remove(name) else { continue };
            if let Some(stream) = subscription.stream {
                self.subscribers[stream.index()].retain(|subscriber| subscriber.connection != id);
                connection.past.insert(name.clone(), subscription.counts);
            }
        }
    }

    /// Names of a connection's streams.
    pub(crate) fn subscriptions(&self, id: u64) -> Vec<&str> {
        let Some(connection) = self.connections.get(&id) else { return Vec::new() };
        connection.subscriptions.keys().map(String::as_str).collect()
    }

    /// The streams a connection listens to.
    pub(crate) fn streams(&self, id: u64) -> impl Iterator<Item = StreamId> {
        let subscriptions = self.connections.get(&id).into_iter().flat_map(|one| one.subscriptions.values());
        subscriptions.filter_map(|subscription| subscription.stream)
    }

    /// How a connection wants its text.
    pub(crate) fn dialect_mut(&mut self, id: u64) -> Option<&mut Dialect> {
        self.connections.get_mut(&id).map(|connection| &mut connection.dialect)
    }

    /// The venue that a connection speaks to.
    pub(crate) fn venue(&self, id: u64) -> Option<Venue> {
        self.connections.get(&id).map(|connection| connection.dialect.venue())
    }

    /// Whether somebody listens to a stream.
    pub(crate) fn has_subscribers(&self, stream: StreamId) -> bool {
        !self.subscribers[stream.index()].is_empty()
    }

    /// Queues a frame of a stream for everybody who listens, in the text each wants, as faults let it through.
    ///
    /// Never waits. A connection whose queue is full is cut, with everything in its queue.
    pub(crate) fn publish(
        &mut self,
        frame: &Frame,
        faults: &mut Faults,
        now: UnixNanos,
        text: &mut dyn FnMut(usize, Twist) -> Utf8Bytes,
    ) {
        for subscriber in &self.subscribers[frame.stream.index()] {
            let Some(connection) = self.connections.get_mut(&subscriber.connection) else { continue };
            let fate = faults.fate(subscriber.connection, frame, now);
            if !connection.deliver(frame, fate, &subscriber.counts, self.limits, text) {
                self.slow.push(subscriber.connection);
            }
        }
        self.cut_slow();
    }

    /// Queues a frame of a stream for one connection that listens to it, such as its first message.
    pub(crate) fn publish_to(
        &mut self,
        id: u64,
        frame: &Frame,
        faults: &mut Faults,
        now: UnixNanos,
        text: &mut dyn FnMut(usize, Twist) -> Utf8Bytes,
    ) {
        let subscribers = &self.subscribers[frame.stream.index()];
        let Some(subscriber) = subscribers.iter().find(|subscriber| subscriber.connection == id) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let fate = faults.fate(id, frame, now);
        if !connection.deliver(frame, fate, &subscriber.counts, self.limits, text) {
            self.slow.push(id);
        }
        self.cut_slow();
    }

    fn cut_slow(&mut self) {
        while let Some(id) = self.slow.pop() {
            tracing::warn!(connection = id, "slow reader disconnected");
            self.cut(id, CloseReason::SlowReader);
        }
    }

    /// Sends what a fault has held back until the next message of its stream: there may be none.
    pub(crate) fn release_held(&mut self) {
        for (id, connection) in &mut self.connections {
            for (_, held) in std::mem::take(&mut connection.held) {
                if !connection.offer(held, self.limits) {
                    self.slow.push(*id);
                }
            }
        }
        self.cut_slow();
    }

    /// Whether nothing was queued for a connection since the last call.
    pub(crate) fn was_quiet(&mut self, id: u64) -> bool {
        self.connections.get_mut(&id).is_some_and(|connection| !std::mem::take(&mut connection.is_fresh))
    }

    /// Queues something for one connection; a full queue cuts it.
    pub(crate) fn send(&mut self, id: u64, outbound: Outbound) {
        if let Some(connection) = self.connections.get_mut(&id) {
            let outbound = match outbound {
                Outbound::Notice(text) => Outbound::Notice(connection.dialect.finish(text)),
                other => other,
            };
            if !connection.offer(outbound, self.limits) {
                self.cut(id, CloseReason::SlowReader);
            }
        }
    }

    /// Ends a connection at once; its task reports back with [`Hub::disconnected`].
    pub(crate) fn cut(&mut self, id: u64, reason: CloseReason) {
        self.direct(id, Directive::Cut(reason));
        if let Some(connection) = self.connections.get_mut(&id) {
            for (name, subscription) in std::mem::take(&mut connection.subscriptions) {
                if let Some(stream) = subscription.stream {
                    self.subscribers[stream.index()].retain(|subscriber| subscriber.connection != id);
                    connection.past.insert(name, subscription.counts);
                }
            }
        }
    }

    /// Gives a connection's reader an instruction.
    pub(crate) fn direct(&mut self, id: u64, directive: Directive) {
        if let Some(connection) = self.connections.get(&id) {
            connection.directive.send_replace(directive);
        }
    }

    /// Ids of the connections that listen to an instrument; of all when there is none given.
    pub(crate) fn listeners(&self, instrument: Option<usize>) -> Vec<u64> {
        let listens = |connection: &Connection| match instrument {
            None => true,
            Some(instrument) => connection.subscriptions.values().any(|subscription| {
                subscription.stream.is_some_and(|stream| stream.instrument == instrument)
            }),
        };
        self.connections.iter().filter(|(_, connection)| listens(connection)).map(|(id, _)| *id).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Frames of a stream written to all connections.
    pub(crate) fn sent(&self, instrument: usize, kind: StreamKind) -> u64 {
        self.totals[StreamId { instrument, kind }.index()].load(Relaxed)
    }

    /// Open connections, then the latest closed ones.
    pub(crate) fn connection_stats(&self) -> Vec<ConnectionStats> {
        let open = self.connections.iter().map(|(id, connection)| connection.to_stats(*id, None));
        open.chain(self.closed.iter().cloned()).collect()
    }

    /// How many have ended, and why.
    pub(crate) const fn closed_counts(&self) -> &ClosedCounts {
        &self.closed_counts
    }

    /// How many have been accepted.
    pub(crate) const fn accepted(&self) -> u64 {
        self.next_id - 1
    }
}

impl Connection {
    /// Sends a frame as its fate is; `false` when the queue is full.
    fn deliver(
        &mut self,
        frame: &Frame,
        fate: Fate,
        counts: &Arc<StreamCounts>,
        limits: QueueLimits,
        text: &mut dyn FnMut(usize, Twist) -> Utf8Bytes,
    ) -> bool {
        let twist = if let Fate::Sent(twist) = fate { twist } else { Twist::None };
        let text = self.dialect.finish(text(self.dialect.variant(), twist));
        let stream = frame.stream;
        let market = |text| {
            if frame.is_snapshot {
                Outbound::Notice(text)
            } else {
                Outbound::Market { text, counts: counts.clone() }
            }
        };
        let is_taken = match fate {
            Fate::Lost => return true,
            Fate::Later => {
                // Two in a row change places with each other.
                let before = self.held.insert(stream, market(text));
                return before.is_none_or(|before| self.offer(before, limits));
            }
            Fate::Sent(_) => self.offer(market(text), limits),
            Fate::Twice => self.offer(market(text.clone()), limits) && self.offer(market(text), limits),
            Fate::Truncated => self.offer(market(truncated(&text).into()), limits),
            Fate::Noise => self.offer(market(noise(&text).into()), limits),
        };
        let held = if self.held.is_empty() { None } else { self.held.remove(&stream) };
        is_taken && held.is_none_or(|held| self.offer(held, limits))
    }

    /// `false` when the queue is full, by frames or by bytes, or its reader is gone.
    fn offer(&mut self, outbound: Outbound, limits: QueueLimits) -> bool {
        let bytes = outbound.bytes();
        let queued = self.counts.queued_bytes.load(Relaxed);
        if queued > 0 && queued + bytes > limits.bytes {
            return false;
        }
        self.counts.queued_bytes.fetch_add(bytes, Relaxed);
        self.counts.queued_frames.fetch_add(1, Relaxed);
        self.is_fresh = true;
        self.queue.try_send(outbound).is_ok()
    }

    fn to_stats(&self, id: u64, closed: Option<CloseReason>) -> ConnectionStats {
        let current = self.subscriptions.iter().map(|(name, subscription)| (name, &subscription.counts));
        let sent_by_stream: BTreeMap<String, u64> = self
            .past
            .iter()
            .chain(current)
            .map(|(name, counts)| (name.clone(), counts.sent.load(Relaxed)))
            .collect();
        let counts = &self.counts;
        ConnectionStats {
            id,
            peer: self.peer.to_string(),
            closed,
            venue: self.dialect.venue().as_str(),
            streams: self.subscriptions.len(),
            sent: sent_by_stream.values().sum(),
            queued: counts.queued_frames.load(Relaxed),
            queued_bytes: counts.queued_bytes.load(Relaxed),
            notices_sent: counts.notices_sent.load(Relaxed),
            pings_sent: counts.pings_sent.load(Relaxed),
            pongs_received: counts.pongs_received.load(Relaxed),
            messages_received: counts.messages_received.load(Relaxed),
            bytes_sent: counts.bytes_sent.load(Relaxed),
            sent_by_stream,
        }
    }
}

/// The first half of a text: no JSON any more.
fn truncated(text: &str) -> String {
    let half = (text.len() / 2..=text.len()).find(|at| text.is_char_boundary(*at));
    text[..half.unwrap_or_default()].to_owned()
}

/// As many bytes that are no JSON, and nothing else either.
fn noise(text: &str) -> String {
    const ALPHABET: &[u8] = b"#%&*+=?^~|<>";
    let letter = |at: usize| char::from(ALPHABET[(at * 7 + text.len()) % ALPHABET.len()]);
    (0..text.len()).map(letter).collect()
}
