//! The one task that owns the market and everybody's subscriptions: plays the schedule, answers commands, never waits.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use opus2_types::UnixNanos;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::SimConfig;
use crate::binance::control::{self, Call, Request};
use crate::binance::frame::{self, Form, Stamp, Symbol};
use crate::binance::publisher::{Publication, Publisher};
use crate::binance::rules::VenueRules;
use crate::binance::stream::{StreamId, StreamKind, StreamNames};
use crate::clock::{SimClock, WallClock};
use crate::fault::{FaultKind, FaultRequest, Faults};
use crate::hub::{CloseReason, Directive, Hub, Outbound, QueueLimits, Registration};
use crate::market::{Book, SimTime, World, WorldConfig};
use crate::stats::{InstrumentStats, LagStats, SimStats};

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

/// What the tasks of connections and requests ask of the engine.
#[derive(Debug)]
pub(crate) enum Command {
    Connect { peer: SocketAddr, form: Form, streams: Vec<String>, reply: oneshot::Sender<Registration> },
    Control { connection: u64, text: String },
    AnnounceShutdown { connection: u64 },
    Disconnected { connection: u64, reason: CloseReason },
    Snapshot { instrument: usize, limit: usize, reply: oneshot::Sender<Book> },
    Truth { instrument: usize, reply: oneshot::Sender<Truth> },
    Stats { reply: oneshot::Sender<SimStats> },
    Fault { request: FaultRequest, reply: oneshot::Sender<Result<FaultDone, String>> },
    SetRunning { is_running: bool, reply: oneshot::Sender<SimTime> },
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
    publisher: Publisher,
    clock: SimClock,
    desk: Desk,
    config: SimConfig,
    steps: u64,
    lag: LagStats,
}

/// Everything a publication goes through on its way out.
#[derive(Debug)]
struct Desk {
    hub: Hub,
    faults: Faults,
    wall: WallClock,
    names: Arc<StreamNames>,
    symbols: Arc<[Symbol]>,
    /// By [`StreamId::index`].
    published: Vec<u64>,
    /// By instrument.
    snapshots: Vec<u64>,
}

impl Engine {
    pub(crate) fn new(config: &SimConfig) -> Self {
        let world = World::new(WorldConfig {
            seed: config.seed,
            instruments: config.instruments,
            messages_per_sec: config.messages_per_sec,
        });
        let symbols: Arc<[Symbol]> = (0..world.len())
            .map(|instrument| {
                let spec = &world.listing(instrument).spec;
                Symbol { name: spec.symbol.clone(), price_scale: spec.price_scale, qty_scale: spec.qty_scale }
            })
            .collect();
        let names = Arc::new(StreamNames::new(symbols.iter().map(|symbol| symbol.name.as_str())));
        let limits =
            QueueLimits { frames: config.rules.queue_frames_limit, bytes: config.rules.queue_bytes_limit };
        let desk = Desk {
            hub: Hub::new(names.len(), limits),
            faults: Faults::default(),
            wall: WallClock::default(),
            published: vec![0; names.len()],
            snapshots: vec![0; symbols.len()],
            names,
            symbols,
        };
        Self {
            publisher: Publisher::new(world),
            clock: SimClock::start(),
            desk,
            config: config.clone(),
            steps: 0,
            lag: LagStats::default(),
        }
    }

    /// The market, for describing its instruments before it runs.
    pub(crate) fn world(&self) -> &World {
        self.publisher.world()
    }

    /// Names and scales, by instrument.
    pub(crate) fn symbols(&self) -> Arc<[Symbol]> {
        self.desk.symbols.clone()
    }

    /// Plays until `stop` becomes true or every sender of commands is gone; then sends what is left and closes properly.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut stop: watch::Receiver<bool>,
    ) -> SimStats {
        // Building the books took time that the schedule does not owe.
        self.clock.set(SimTime(0), true);
        loop {
            let due = self.clock.instant_of(self.publisher.next_at());
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                command = commands.recv() => match command {
                    Some(command) => self.handle(command),
                    None => break,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
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
        self.stats()
    }

    /// Plays every step that is due, up to a turn's worth.
    fn play(&mut self) {
        if !self.clock.is_running() {
            return;
        }
        let now = self.clock.now();
        let lag = now.since(self.publisher.next_at());
        if lag > LAG_LIMIT_NANOS {
            tracing::warn!(lag_ns = lag, "schedule given up: too far behind");
            self.lag.schedule_resets += 1;
            self.clock.set(self.publisher.next_at(), true);
            return;
        }
        let wall = self.desk.wall.now();
        for _ in 0..STEPS_PER_TURN {
            let at = self.publisher.next_at();
            if at > now {
                break;
            }
            let lag = now.since(at);
            self.lag.lag_ns_max = self.lag.lag_ns_max.max(lag);
            self.lag.steps_late += u64::from(lag > LATE_NANOS);
            self.steps += 1;
            let desk = &mut self.desk;
            self.publisher
                .step(&mut |publication| desk.publish(publication, matched_at(wall, now, publication.at)));
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Connect { peer, form, streams, reply } => self.connect(peer, form, &streams, reply),
            Command::Control { connection, text } => self.desk.control(connection, &text, &self.config.rules),
            Command::AnnounceShutdown { connection } => {
                self.announce_shutdown(connection, CloseReason::Lifetime);
            }
            Command::Disconnected { connection, reason } => {
                tracing::info!(connection, ?reason, "disconnected");
                self.desk.hub.disconnected(connection, reason);
            }
            Command::Snapshot { instrument, limit, reply } => {
                self.desk.snapshots[instrument] += 1;
                answer(reply, self.publisher.world().book(instrument, limit));
            }
            Command::Truth { instrument, reply } => {
                let book = self.publisher.world().book(instrument, usize::MAX);
                answer(reply, Truth { book, is_paused: !self.clock.is_running() });
            }
            Command::Stats { reply } => answer(reply, self.stats()),
            Command::Fault { request, reply } => answer(reply, self.fault(&request)),
            Command::SetRunning { is_running, reply } => answer(reply, self.set_running(is_running)),
        }
    }

    fn connect(
        &mut self,
        peer: SocketAddr,
        form: Form,
        streams: &[String],
        reply: oneshot::Sender<Registration>,
    ) {
        let registration = self.desk.hub.connect(peer, form);
        let connection = registration.id;
        tracing::info!(connection, %peer, streams = streams.len(), "connected");
        // The number of streams in an address was checked before the upgrade.
        self.desk.hub.subscribe(connection, self.desk.find(streams), usize::MAX);
        if reply.send(registration).is_err() {
            self.desk.hub.disconnected(connection, CloseReason::Lost);
        }
    }

    /// Stops or starts the market. On stopping, the feed catches up with the book, so that truth and feed can be compared.
    fn set_running(&mut self, is_running: bool) -> SimTime {
        let now = self.clock.now();
        if is_running == self.clock.is_running() {
            return now;
        }
        if !is_running {
            let wall = self.desk.wall.now();
            let desk = &mut self.desk;
            self.publisher.publish_waiting(now, &mut |publication| desk.publish(publication, wall));
        }
        self.clock.set(now, is_running);
        tracing::info!(is_running, "market");
        now
    }

    fn announce_shutdown(&mut self, connection: u64, reason: CloseReason) {
        let sent = self.desk.wall.now();
        let Some(form) = self.desk.hub.form_mut(connection).copied() else { return };
        let notice = frame::server_shutdown(sent, form);
        self.desk.hub.send(connection, Outbound::Notice(notice.into()));
        let close_at = Instant::now() + self.config.rules.shutdown_notice;
        self.desk.hub.direct(connection, Directive::CloseAt(close_at, reason));
    }

    fn fault(&mut self, request: &FaultRequest) -> Result<FaultDone, String> {
        let instrument = match &request.symbol {
            None => None,
            Some(symbol) => {
                Some(self.desk.instrument(symbol).ok_or_else(|| format!("unknown symbol {symbol:?}"))?)
            }
        };
        tracing::info!(kind = ?request.kind, symbol = ?request.symbol, count = request.count, "fault requested");
        if request.kind.is_for_messages() {
            if request.count == 0 {
                return Err("count is 0, but must be at least 1".into());
            }
            let is_armed = self.desk.faults.arm(request, instrument);
            return if is_armed { Ok(FaultDone::Waiting) } else { Err("too many faults are waiting".into()) };
        }
        let connections = self.desk.hub.listeners(instrument);
        for connection in &connections {
            match request.kind {
                FaultKind::Disconnect => self.desk.hub.cut(*connection, CloseReason::Fault),
                FaultKind::ServerShutdown => self.announce_shutdown(*connection, CloseReason::ServerShutdown),
                _ => self.desk.hub.send(*connection, Outbound::Stall(Duration::from_millis(request.millis))),
            }
        }
        self.desk.faults.count(request.kind, connections.len() as u64);
        Ok(FaultDone::Connections(connections.len()))
    }

    fn stats(&self) -> SimStats {
        let desk = &self.desk;
        let instruments: Vec<_> =
            (0..desk.symbols.len()).map(|instrument| self.instrument_stats(instrument)).collect();
        SimStats {
            seed: self.config.seed,
            rate_target: self.config.messages_per_sec,
            sim_seconds: Duration::from_nanos(self.clock.now().0).as_secs_f64(),
            is_paused: !self.clock.is_running(),
            steps: self.steps,
            published: desk.published.iter().sum(),
            sent: instruments.iter().flat_map(|instrument| instrument.sent.values()).sum(),
            snapshots: desk.snapshots.iter().sum(),
            lag: self.lag,
            instruments,
            connections: desk.hub.connection_stats(),
            connections_accepted: desk.hub.accepted(),
            connections_closed: desk.hub.closed_counts().clone(),
            faults: desk.faults.happened().clone(),
            faults_waiting: desk.faults.waiting(),
        }
    }

    fn instrument_stats(&self, instrument: usize) -> InstrumentStats {
        let desk = &self.desk;
        let book = self.publisher.world().book(instrument, 0);
        let by_kind = |count: &dyn Fn(StreamKind) -> u64| -> BTreeMap<StreamKind, u64> {
            StreamKind::ALL.into_iter().map(|kind| (kind, count(kind))).collect()
        };
        InstrumentStats {
            symbol: desk.symbols[instrument].name.clone(),
            last_update_id: book.update_id,
            last_trade_id: book.trade_id,
            published: by_kind(&|kind| desk.published[StreamId { instrument, kind }.index()]),
            sent: by_kind(&|kind| desk.hub.sent(instrument, kind)),
            snapshots: desk.snapshots[instrument],
        }
    }
}

impl Desk {
    fn instrument(&self, symbol: &str) -> Option<usize> {
        self.symbols.iter().position(|known| known.name == symbol)
    }

    fn find(&self, names: &[String]) -> Vec<(String, Option<StreamId>)> {
        names.iter().map(|name| (name.clone(), self.names.find(name))).collect()
    }

    /// Sends a publication to everybody who listens. `E` is read here, just before the frame is queued.
    fn publish(&mut self, publication: &Publication<'_>, matched: UnixNanos) {
        let stream = publication.stream;
        self.published[stream.index()] += 1;
        if !self.hub.has_subscribers(stream) {
            return;
        }
        let fault = self.faults.take(stream);
        if let Some(kind) = fault {
            tracing::info!(?kind, stream = self.names.name(stream), "fault");
        }
        let times = match fault {
            Some(FaultKind::Drop) => 0,
            Some(FaultKind::Duplicate) => 2,
            _ => 1,
        };
        let stamp = Stamp { matched, sent: self.wall.now() };
        let (symbol, names) = (&self.symbols[stream.instrument], &self.names);
        // Each form is written at most once, however many connections want it.
        let mut written: [Option<Utf8Bytes>; 4] = [const { None }; 4];
        let mut text = |form: Form| {
            let slot = &mut written[form.index()];
            slot.get_or_insert_with(|| {
                let mut text = String::with_capacity(256);
                frame::write_frame(&mut text, publication, symbol, names, stamp, form);
                if fault == Some(FaultKind::Garbage) {
                    let half = (text.len() / 2..=text.len()).find(|at| text.is_char_boundary(*at));
                    text.truncate(half.unwrap_or_default());
                }
                text.into()
            })
            .clone()
        };
        for _ in 0..times {
            self.hub.publish(stream, &mut text);
        }
    }

    fn control(&mut self, connection: u64, text: &str, rules: &VenueRules) {
        let reply = match control::parse_call(text) {
            Ok(call) => self.call(connection, call, rules),
            Err(refusal) => {
                tracing::debug!(connection, ?refusal, "request refused");
                refusal.to_text()
            }
        };
        self.hub.send(connection, Outbound::Notice(reply.into()));
    }

    fn call(&mut self, connection: u64, call: Call, rules: &VenueRules) -> String {
        let result = match call.request {
            Request::Subscribe(names) => {
                let limit = rules.connection_streams_limit;
                if !self.hub.subscribe(connection, self.find(&names), limit) {
                    return control::too_many_subscriptions_text(&call.id);
                }
                Value::Null
            }
            Request::Unsubscribe(names) => {
                self.hub.unsubscribe(connection, &names);
                Value::Null
            }
            Request::ListSubscriptions => self.hub.subscriptions(connection).into(),
            Request::SetCombined(is_combined) => {
                if let Some(form) = self.hub.form_mut(connection) {
                    form.is_combined = is_combined;
                }
                Value::Null
            }
            Request::GetCombined => self.hub.form_mut(connection).is_some_and(|form| form.is_combined).into(),
        };
        control::result_text(&result, &call.id)
    }
}

/// The wall time of a simulated instant, given one pair of both.
fn matched_at(wall: UnixNanos, now: SimTime, at: SimTime) -> UnixNanos {
    wall.plus(-i64::try_from(now.since(at)).unwrap_or(i64::MAX))
}

/// Replies to a command. Whoever asked may have given up; then nobody misses the answer.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    drop(reply.send(value));
}
