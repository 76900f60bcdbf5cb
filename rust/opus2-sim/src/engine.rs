//! The one task that owns the market and everybody's subscriptions: plays the schedule, answers commands, never waits.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use opus2_types::{UnixNanos, Venue};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, Instant, sleep_until, timeout};

use crate::clock::SimClock;
use crate::desk::Desk;
use crate::dialect::Dialect;
use crate::fault::{FaultKind, FaultLog, FaultLogPage, FaultRequest, Faults, Target};
use crate::floor::Floor;
use crate::hub::{CloseReason, Directive, Hub, Outbound, QueueLimits, Registration};
use crate::market::{Book, SimTime};
use crate::stats::{InstrumentStats, LagStats, SimStats, VenueStats};
use crate::stream::{StreamId, StreamKind};
use crate::text::Symbol;
use crate::{SimConfig, SimError};

/// Commands waiting for the engine; senders wait when there are more.
pub(crate) const COMMANDS_LIMIT: usize = 1024;
/// Steps played before commands are looked at again.
const STEPS_PER_TURN: usize = 256;
/// A step later than this counts as late. A timer alone is up to a millisecond late.
const LATE_NANOS: u64 = 5 * SimTime::MILLISECOND;
/// Behind by more than this, the schedule is given up and begins anew: the machine slept, or is far too slow.
const LAG_LIMIT_NANOS: u64 = 10 * SimTime::SECOND;
/// On stopping, connections have this long to take what is queued and to close.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Heartbeats, idle connections and faults of connections are looked after this often, also while the market is paused.
pub(crate) const BEAT: Duration = Duration::from_millis(100);
/// Beats in a second.
pub(crate) const BEATS_PER_SEC: u64 = 10;

/// What the tasks of connections and requests ask of the engine.
#[derive(Debug)]
pub(crate) enum Command {
    Connect {
        peer: SocketAddr,
        dialect: Dialect,
        streams: Vec<String>,
        reply: oneshot::Sender<Registration>,
    },
    Control {
        connection: u64,
        text: String,
    },
    AnnounceShutdown {
        connection: u64,
    },
    Disconnected {
        connection: u64,
        reason: CloseReason,
    },
    Ask(Question),
    Fault {
        request: FaultRequest,
        reply: oneshot::Sender<Result<FaultDone, String>>,
    },
    FaultLog {
        from: u64,
        reply: oneshot::Sender<FaultLogPage>,
    },
    RequestFault {
        venue: Venue,
        instrument: Option<usize>,
        is_snapshot: bool,
        reply: oneshot::Sender<Option<FaultKind>>,
    },
    Stats {
        reply: oneshot::Sender<SimStats>,
    },
    SetRunning {
        is_running: bool,
        has_heartbeats: bool,
        reply: oneshot::Sender<SimTime>,
    },
}

/// A question that is answered by a look at the floor.
pub(crate) struct Question(pub(crate) Box<dyn FnOnce(&mut Engine) + Send>);

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Question")
    }
}

/// A whole book, and how far the feed has told it.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) book: Book,
    pub(crate) is_paused: bool,
}

/// What a fault request did at once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FaultDone {
    /// It waits for its messages.
    Waiting,
    /// It happened to this many connections.
    Connections(usize),
}

/// Owns the simulation. Runs until it is stopped, then drains the connections and reports.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) floor: Floor,
    pub(crate) desk: Desk,
    clock: SimClock,
    config: SimConfig,
    steps: u64,
    lag: LagStats,
    beats: u64,
    /// Whether venues send heartbeats: not in a pause that was asked to be silent.
    has_heartbeats: bool,
}

impl Engine {
    /// Builds the market. `now` becomes the time of the orders that rest already.
    ///
    /// # Errors
    /// The fault log's file cannot be made, or a fault rule names an instrument that does not exist.
    pub(crate) fn new(config: &SimConfig, now: UnixNanos) -> Result<Self, SimError> {
        let floor = Floor::new(config, now);
        let world = &floor.world;
        let symbols: Arc<[Symbol]> = (0..world.len())
            .map(|instrument| {
                let listing = world.listing(instrument);
                let (price_scale, qty_scale) = (listing.price_scale, listing.qty_scale);
                Symbol { name: listing.symbol.clone(), price_scale, qty_scale }
            })
            .collect();
        let limits =
            QueueLimits { frames: config.rules.queue_frames_limit, bytes: config.rules.queue_bytes_limit };
        let hub = Hub::new(symbols.len() * StreamId::PER_INSTRUMENT, limits);
        let faults = new_faults(config, &symbols)?;
        Ok(Self {
            floor,
            desk: Desk::new(hub, faults, symbols),
            clock: SimClock::start(),
            config: config.clone(),
            steps: 0,
            lag: LagStats::default(),
            beats: 0,
            has_heartbeats: true,
        })
    }

    /// Plays until `stop` becomes true or every sender of commands is gone; then sends what is left and closes properly.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut stop: watch::Receiver<bool>,
    ) -> SimStats {
        // Building the books took time that the schedule does not owe.
        self.clock.set(SimTime(0), true);
        let mut beat_at = Instant::now() + BEAT;
        loop {
            let due = self.clock.instant_of(self.floor.next_at());
            let due = due.map_or(beat_at, |due| due.min(beat_at));
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                command = commands.recv() => match command {
                    Some(command) => self.handle(command),
                    None => break,
                },
                () = sleep_until(due) => {}
            }
            if Instant::now() >= beat_at {
                self.beat();
                beat_at = (beat_at + BEAT).max(Instant::now());
            }
            self.play();
        }
        self.stop(&mut commands).await
    }

    async fn stop(mut self, commands: &mut mpsc::Receiver<Command>) -> SimStats {
        self.set_running(false);
        for connection in self.desk.hub.listeners(None) {
            self.desk.hub.send(connection, Outbound::Close);
        }
        let drained = timeout(DRAIN_TIMEOUT, async {
            while !self.desk.hub.is_empty() {
                match commands.recv().await {
                    // Too late: the reply is dropped, and with it the connection.
                    Some(Command::Connect { .. }) => {}
                    Some(command) => self.handle(command),
                    None => break,
                }
            }
        });
        if drained.await.is_err() {
            tracing::warn!(
                connections = self.desk.hub.listeners(None).len(),
                "connections did not close in time"
            );
        }
        self.desk.faults.log.flush();
        self.stats()
    }

    /// Plays every step that is due, up to a turn's worth.
    fn play(&mut self) {
        if !self.clock.is_running() {
            return;
        }
        let now = self.clock.now();
        let lag = now.since(self.floor.next_at());
        if lag > LAG_LIMIT_NANOS {
            tracing::warn!(lag_ns = lag, "schedule given up: too far behind");
            self.lag.schedule_resets += 1;
            self.clock.set(self.floor.next_at(), true);
            return;
        }
        self.desk.begin(now);
        for _ in 0..STEPS_PER_TURN {
            let at = self.floor.next_at();
            if at > now {
                break;
            }
            let lag = now.since(at);
            self.lag.lag_ns_max = self.lag.lag_ns_max.max(lag);
            self.lag.steps_late += u64::from(lag > LATE_NANOS);
            self.steps += 1;
            self.floor.step(&mut self.desk);
        }
    }

    /// Stops the clocks at these times: whoever plays the schedule moves them from event to event.
    pub(crate) fn stand_at(&mut self, at: SimTime, wall: UnixNanos) {
        self.clock.set(at, false);
        self.desk.wall.set(wall);
        self.desk.begin(at);
    }

    /// Plays the next step, whenever it is due.
    pub(crate) fn step(&mut self) {
        self.steps += 1;
        self.floor.step(&mut self.desk);
    }

    /// Publishes what waits for the end of an interval, and what a fault holds back.
    pub(crate) fn publish_waiting(&mut self) {
        let now = self.clock.now();
        self.desk.begin(now);
        self.floor.publish_waiting(now, &mut self.desk);
        self.desk.hub.release_held();
    }

    /// What goes by the clock on the wall: heartbeats, connections that say nothing, faults of connections.
    pub(crate) fn beat(&mut self) {
        self.beats += 1;
        let now = self.clock.now();
        self.desk.begin(now);
        let (desk, floor) = (&mut self.desk, &mut self.floor);
        if self.has_heartbeats {
            floor.coinbase.beat(desk, self.beats, &self.config.coinbase);
            floor.kraken.beat(desk, self.beats, &self.config.kraken);
        }
        for connection in self.desk.hub.listeners(None) {
            let Some(venue) = self.desk.hub.venue(connection) else { continue };
            if let Some((kind, millis)) = self.desk.faults.connection(venue, BEAT.as_secs_f64()) {
                self.disturb(connection, kind, millis);
            }
        }
        if self.beats.is_multiple_of(BEATS_PER_SEC) {
            self.desk.faults.log.flush();
        }
    }

    pub(crate) fn handle(&mut self, command: Command) {
        match command {
            Command::Connect { peer, dialect, streams, reply } => {
                self.connect(peer, dialect, &streams, reply);
            }
            Command::Control { connection, text } => {
                self.desk.begin(self.clock.now());
                self.floor.control(&mut self.desk, connection, &text);
            }
            Command::AnnounceShutdown { connection } => {
                self.announce_shutdown(connection, CloseReason::Lifetime);
            }
            Command::Disconnected { connection, reason } => {
                tracing::info!(connection, ?reason, "disconnected");
                self.floor.disconnected(connection);
                self.desk.hub.disconnected(connection, reason);
            }
            Command::Ask(question) => {
                self.desk.begin(self.clock.now());
                (question.0)(self);
            }
            Command::Fault { request, reply } => answer(reply, self.fault(&request)),
            Command::FaultLog { from, reply } => answer(reply, self.desk.faults.log.page(from)),
            Command::RequestFault { venue, instrument, is_snapshot, reply } => {
                let now = self.desk.wall.now();
                answer(reply, self.desk.faults.request(venue, instrument, is_snapshot, now));
            }
            Command::Stats { reply } => answer(reply, self.stats()),
            Command::SetRunning { is_running, has_heartbeats, reply } => {
                self.has_heartbeats = has_heartbeats;
                answer(reply, self.set_running(is_running));
            }
        }
    }

    fn connect(
        &mut self,
        peer: SocketAddr,
        dialect: Dialect,
        streams: &[String],
        reply: oneshot::Sender<Registration>,
    ) {
        let venue = dialect.venue();
        let is_advanced = matches!(dialect, Dialect::Advanced { .. });
        let registration = self.desk.hub.connect(peer, dialect);
        let connection = registration.id;
        tracing::info!(connection, %peer, %venue, streams = streams.len(), "connected");
        match venue {
            Venue::Coinbase => self.floor.coinbase.connected(connection, is_advanced),
            Venue::Kraken => self.floor.kraken.connected(&mut self.desk, connection),
            _ => self.floor.binance.connected(&mut self.desk, connection, streams),
        }
        if reply.send(registration).is_err() {
            self.floor.disconnected(connection);
            self.desk.hub.disconnected(connection, CloseReason::Lost);
        }
    }

    /// A copy of a book for a client, counted as a snapshot.
    pub(crate) fn snapshot(&mut self, instrument: usize, limit: usize) -> Book {
        self.desk.snapshots[instrument] += 1;
        self.floor.world.book(instrument, limit)
    }

    /// Every level of a book, now or as of an earlier number; `None` when that is too long ago.
    pub(crate) fn truth(&self, instrument: usize, sequence: Option<u64>) -> Option<Truth> {
        let mut book = self.floor.world.book(instrument, usize::MAX);
        book.update_id = self.floor.ids(instrument).0;
        let is_there =
            sequence.is_none_or(|sequence| self.desk.history.rewind(instrument, sequence, &mut book));
        is_there.then(|| Truth { book, is_paused: !self.clock.is_running() })
    }

    /// Stops or starts the market. On stopping, the feed catches up with the book, so that truth and feed can be compared.
    fn set_running(&mut self, is_running: bool) -> SimTime {
        let now = self.clock.now();
        if is_running == self.clock.is_running() {
            return now;
        }
        if !is_running {
            self.publish_waiting();
        }
        self.clock.set(now, is_running);
        tracing::info!(is_running, "market");
        now
    }

    fn announce_shutdown(&mut self, connection: u64, reason: CloseReason) {
        crate::binance::face::Binance::announce_shutdown(&mut self.desk, connection);
        let is_binance = self.desk.hub.venue(connection) == Some(Venue::Binance);
        let notice = if is_binance { self.config.rules.shutdown_notice } else { Duration::ZERO };
        self.desk.hub.direct(connection, Directive::CloseAt(Instant::now() + notice, reason));
    }

    pub(crate) fn fault(&mut self, request: &FaultRequest) -> Result<FaultDone, String> {
        let instrument = match &request.symbol {
            None => None,
            Some(symbol) => {
                Some(self.desk.instrument(symbol).ok_or_else(|| format!("unknown symbol {symbol:?}"))?)
            }
        };
        tracing::info!(kind = ?request.kind, symbol = ?request.symbol, count = request.count, "fault requested");
        if request.count == 0 {
            return Err("count is 0, but must be at least 1".into());
        }
        let (venue, stream, group) = (request.venue, request.stream, request.group);
        let target = Target { venue, instrument, stream, group, connection: request.connection };
        let is_whole_connection = request.kind == FaultKind::Freeze && instrument.is_none();
        if request.kind == FaultKind::Freeze && !is_whole_connection {
            let now = self.desk.wall.now();
            self.desk.faults.freeze(target, request.millis, now);
            return Ok(FaultDone::Waiting);
        }
        if !is_whole_connection && (request.kind.is_for_messages() || request.kind.is_for_requests()) {
            let is_armed = self.desk.faults.arm(request, target);
            return if is_armed { Ok(FaultDone::Waiting) } else { Err("too many faults are waiting".into()) };
        }
        let mut connections = self.desk.hub.listeners(instrument);
        connections.retain(|connection| {
            request.connection.is_none_or(|wanted| wanted == *connection)
                && (venue.is_none() || venue == self.desk.hub.venue(*connection))
        });
        for connection in &connections {
            self.disturb(*connection, request.kind, request.millis);
        }
        Ok(FaultDone::Connections(connections.len()))
    }

    /// Lets something go wrong with a connection, now.
    fn disturb(&mut self, connection: u64, kind: FaultKind, millis: u64) {
        let Some(venue) = self.desk.hub.venue(connection) else { return };
        let duration = Duration::from_millis(millis);
        let now = self.desk.wall.now();
        let lasts = match kind {
            FaultKind::Disconnect => {
                self.desk.hub.cut(connection, CloseReason::Fault);
                None
            }
            FaultKind::ServerShutdown => {
                self.announce_shutdown(connection, CloseReason::ServerShutdown);
                None
            }
            FaultKind::Freeze => {
                let target = Target { connection: Some(connection), ..Target::default() };
                self.desk.faults.freeze(target, millis, now);
                // Its log entry comes with the first message that is withheld.
                return;
            }
            FaultKind::SlowReader => {
                self.desk.hub.send(connection, Outbound::Slow(duration));
                Some(millis)
            }
            _ => {
                self.desk.hub.send(connection, Outbound::Stall(duration));
                Some(millis)
            }
        };
        self.desk.faults.note_connection(kind, (connection, venue), lasts, now);
    }

    fn stats(&self) -> SimStats {
        let desk = &self.desk;
        let instruments: Vec<_> =
            (0..desk.symbols.len()).map(|instrument| self.instrument_stats(instrument)).collect();
        let connections = desk.hub.connection_stats();
        let mut venues: BTreeMap<&'static str, VenueStats> = BTreeMap::new();
        for one in &instruments {
            let venue = venues.entry(one.venue).or_default();
            venue.instruments += 1;
            venue.published += one.published.values().sum::<u64>();
            venue.sent += one.sent.values().sum::<u64>();
            venue.snapshots += one.snapshots;
        }
        for connection in connections.iter().filter(|connection| connection.closed.is_none()) {
            venues.entry(connection.venue).or_default().connections += 1;
        }
        SimStats {
            seed: self.config.seed,
            rate_target: self.config.messages_per_sec,
            sim_seconds: Duration::from_nanos(self.clock.now().0).as_secs_f64(),
            is_paused: !self.clock.is_running(),
            steps: self.steps,
            published: desk.published.iter().sum(),
            sent: venues.values().map(|venue| venue.sent).sum(),
            snapshots: desk.snapshots.iter().sum(),
            lag: self.lag,
            venues,
            instruments,
            connections,
            connections_accepted: desk.hub.accepted(),
            connections_closed: desk.hub.closed_counts().clone(),
            faults: desk.faults.happened().clone(),
            faults_waiting: desk.faults.waiting(),
        }
    }

    fn instrument_stats(&self, instrument: usize) -> InstrumentStats {
        let desk = &self.desk;
        let venue = self.floor.world.listing(instrument).venue;
        let (last_update_id, last_trade_id) = self.floor.ids(instrument);
        let by_kind = |count: &dyn Fn(StreamKind) -> u64| -> BTreeMap<StreamKind, u64> {
            let kinds = StreamKind::ALL.into_iter().filter(|kind| kind.venue() == venue);
            let counts = kinds.map(|kind| (kind, count(kind)));
            counts.filter(|(_, count)| venue == Venue::Binance || *count > 0).collect()
        };
        InstrumentStats {
            venue: venue.as_str(),
            symbol: desk.symbols[instrument].name.clone(),
            last_update_id,
            last_trade_id,
            published: by_kind(&|kind| desk.published[StreamId { instrument, kind }.index()]),
            sent: by_kind(&|kind| desk.hub.sent(instrument, kind)),
            snapshots: desk.snapshots[instrument],
        }
    }
}

/// The faults of a configuration, with their log.
fn new_faults(config: &SimConfig, symbols: &Arc<[Symbol]>) -> Result<Faults, SimError> {
    let file = match &config.fault_log {
        None => None,
        Some(path) => {
            let made = std::fs::File::create(path);
            Some(made.map_err(|source| SimError::FaultLog { path: path.clone(), source })?)
        }
    };
    let mut rules = Vec::new();
    for rule in &config.faults.rules {
        let instrument = match &rule.symbol {
            None => None,
            Some(symbol) => {
                Some(symbols.iter().position(|known| known.name == *symbol).ok_or_else(|| {
                    SimError::Config {
                        field: "the symbol of a fault rule",
                        value: symbol.clone(),
                        expected: "a symbol of a simulated instrument",
                    }
                })?)
            }
        };
        rules.push((rule.clone(), rule.target(instrument)));
    }
    Ok(Faults::new(config.faults.seed, rules, FaultLog::new(file), symbols.clone()))
}

/// Replies to a command. Whoever asked may have given up; then nobody misses the answer.
pub(crate) fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    drop(reply.send(value));
}
