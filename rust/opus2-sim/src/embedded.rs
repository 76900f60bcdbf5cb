//! The simulated venues without sockets and without a clock of their own: for tests that play hours in seconds.
//!
//! The same market, the same faces of the venues, the same faults and the same queues as behind [`serve`](crate::serve).
//! Only what carries bytes is missing: a client is handed the frames that would have been written to its socket, and time
//! passes when it is told to. So a run is a function of its settings alone.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use opus2_types::{Level, UnixNanos, Venue};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::binance::frame::{Form, TimeUnit};
use crate::binance::rest::{depth_body, split_streams};
use crate::coinbase::rest::book_text;
use crate::dialect::Dialect;
use crate::engine::{BEATS_PER_SEC, Command, Engine};
use crate::fault::{FaultKind, FaultRequest, LogEntry};
use crate::hub::{CloseReason, Directive, Outbound, Registration};
use crate::kraken::rest::TOKEN_PATH;
use crate::market::SimTime;
use crate::{SimConfig, SimError, TruthLine};

/// Whom a client connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// Binance, by path and query: `/stream?streams=…&timeUnit=MICROSECOND`.
    Binance(String),
    /// Coinbase Exchange.
    Exchange,
    /// Coinbase Advanced Trade.
    Advanced,
    /// Kraken v2, of either host.
    Kraken,
}

/// What has come on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text frame.
    Frame(Utf8Bytes),
    /// The end of the connection. Nothing comes after it.
    Closed,
}

/// A whole book: bids, asks, best first.
pub type TrueBook = (Vec<Level>, Vec<Level>);

/// The simulation, and everybody connected to it.
#[derive(Debug)]
pub struct Embedded {
    engine: Engine,
    config: SimConfig,
    /// The wall time of simulated zero.
    start: UnixNanos,
    now: SimTime,
    beat_at: SimTime,
    connections: BTreeMap<u64, Registration>,
}

impl Embedded {
    /// Builds the market. `start` is the wall time at which it begins.
    ///
    /// # Errors
    /// As [`serve`](crate::serve).
    pub fn new(config: &SimConfig, start: UnixNanos) -> Result<Self, SimError> {
        config.validate()?;
        let mut engine = Engine::new(config, start)?;
        engine.stand_at(SimTime(0), start);
        let beat_at = SimTime(0).plus(BEAT_NANOS);
        Ok(Self {
            engine,
            config: config.clone(),
            start,
            now: SimTime(0),
            beat_at,
            connections: BTreeMap::new(),
        })
    }

    /// The wall time.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        self.wall(self.now)
    }

    fn wall(&self, at: SimTime) -> UnixNanos {
        self.start.plus(i64::try_from(at.0).unwrap_or(i64::MAX))
    }

    /// When something will happen by itself.
    #[must_use]
    pub fn next_at(&self) -> UnixNanos {
        self.wall(self.engine.floor.next_at().min(self.beat_at))
    }

    /// Lets time pass, and everything happen that is due by then.
    pub fn advance(&mut self, until: UnixNanos) {
        let until = SimTime(u64::try_from(until.since(self.start)).unwrap_or(0));
        loop {
            let market_at = self.engine.floor.next_at();
            let at = market_at.min(self.beat_at);
            if at > until {
                break;
            }
            self.stand_at(at);
            if self.beat_at <= market_at {
                self.beat_at = self.beat_at.plus(BEAT_NANOS);
                self.engine.beat();
            } else {
                self.engine.step();
            }
        }
        self.stand_at(until.max(self.now));
    }

    fn stand_at(&mut self, at: SimTime) {
        self.now = at;
        let wall = self.wall(at);
        self.engine.stand_at(at, wall);
    }

    /// Lets the feeds catch up with the books, as a pause does: what waits for the end of an interval is sent now.
    pub fn settle(&mut self) {
        self.engine.publish_waiting();
    }

    /// Connects a client; gives the connection's number.
    ///
    /// # Panics
    /// Never: the engine answers at once.
    pub fn connect(&mut self, door: &Door) -> u64 {
        let (dialect, streams) = match door {
            Door::Binance(path) => {
                let query = path.split_once('?').map_or("", |(_, query)| query);
                let parameter =
                    |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
                let unit = parameter("timeUnit").and_then(TimeUnit::parse).unwrap_or_default();
                let streams = parameter("streams").map(split_streams).unwrap_or_default();
                (Dialect::Binance(Form { unit, is_combined: path.starts_with("/stream") }), streams)
            }
            Door::Exchange => (Dialect::Exchange, Vec::new()),
            Door::Advanced => (Dialect::Advanced { next_sequence: 0 }, Vec::new()),
            Door::Kraken => (Dialect::Kraken, Vec::new()),
        };
        let (reply, mut registration) = oneshot::channel();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        self.engine.handle(Command::Connect { peer, dialect, streams, reply });
        let registration = registration.try_recv().expect("the engine answers at once");
        let id = registration.id;
        self.connections.insert(id, registration);
        id
    }

    /// The next thing on a connection, if anything has come.
    pub fn receive(&mut self, connection: u64) -> Option<Received> {
        let registration = self.connections.get_mut(&connection)?;
        let reason = match *registration.directive.borrow() {
            Directive::Open => None,
            Directive::Cut(reason) => Some(reason),
            // A client is told and may read on, but a proper close follows.
            Directive::CloseAt(_, reason) => Some(reason).filter(|_| registration.queue.is_empty()),
        };
        if let Some(reason) = reason {
            self.disconnect(connection, reason);
            return Some(Received::Closed);
        }
        loop {
            let registration = self.connections.get_mut(&connection)?;
            let outbound = registration.queue.try_recv().ok()?;
            let bytes = outbound.bytes();
            let counts = &registration.counts;
            counts.queued_frames.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            counts.queued_bytes.fetch_sub(bytes, std::sync::atomic::Ordering::Relaxed);
            match outbound {
                Outbound::Market { text, counts } => {
                    counts.count_sent();
                    return Some(Received::Frame(text));
                }
                Outbound::Notice(text) => return Some(Received::Frame(text)),
                Outbound::Close => {
                    self.disconnect(connection, CloseReason::Stopped);
                    return Some(Received::Closed);
                }
                // A queue is read as fast as its client likes: nothing here is slow.
                Outbound::Stall(_) | Outbound::Slow(_) => {}
            }
        }
    }

    /// The client sends a text frame.
    pub fn send(&mut self, connection: u64, text: String) {
        self.engine.handle(Command::Control { connection, text });
    }

    /// The client ends the connection.
    pub fn close(&mut self, connection: u64) {
        self.disconnect(connection, CloseReason::Client);
    }

    fn disconnect(&mut self, connection: u64, reason: CloseReason) {
        if self.connections.remove(&connection).is_some() {
            self.engine.handle(Command::Disconnected { connection, reason });
        }
    }

    /// A book over REST: the body that `path` (Binance `/api/v3/depth?…`, Coinbase `/products/…/book?level=3`) answers with,
    /// or `None` where a fault refuses it or there is no such book.
    pub fn get(&mut self, venue: Venue, path: &str) -> Option<String> {
        let (address, query) = path.split_once('?').unwrap_or((path, ""));
        let parameter =
            |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let symbol = match venue {
            Venue::Binance => parameter("symbol")?.to_owned(),
            _ => address.strip_prefix("/products/")?.strip_suffix("/book")?.to_owned(),
        };
        let instrument = self.engine.desk.instrument(&symbol)?;
        if self.engine.desk.faults.request(venue, Some(instrument), true, self.now()).is_some() {
            return None;
        }
        if venue == Venue::Binance {
            let limit = parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100);
            let book = self.engine.snapshot(instrument, limit);
            return Some(depth_body(&self.engine.desk.symbols[instrument], &book));
        }
        let level = parameter("level").and_then(|level| level.parse().ok()).unwrap_or(1);
        Some(book_text(&mut self.engine, instrument, level))
    }

    /// Kraken's token for a signed request, as the body of its answer; `None` when the signature is refused.
    pub fn token(&mut self, key: &str, signature: &str, form: &str) -> Option<String> {
        let request = (TOKEN_PATH, key, signature, form);
        let token = self.engine.floor.kraken.tokens.request(request, &self.config.kraken, self.now()).ok()?;
        Some(serde_json::json!({"error": [], "result": {"token": token, "expires": 900}}).to_string())
    }

    /// Every level of a book as it is now, or as of a number that its venue gives; `None` for an unknown symbol, or for a
    /// number that is too long ago or in the middle of what one order did.
    #[must_use]
    pub fn truth(&self, symbol: &str, sequence: Option<u64>) -> Option<TrueBook> {
        let instrument = self.engine.desk.instrument(symbol)?;
        if sequence.is_some_and(|sequence| !self.engine.desk.history.has(instrument, sequence)) {
            return None;
        }
        let book = self.engine.truth(instrument, sequence)?.book;
        Some((book.bids, book.asks))
    }

    /// Takes what was written down of a laboratory market since it was last taken: its settings first. Nothing of the usual
    /// market.
    pub fn take_truth(&mut self) -> Vec<TruthLine> {
        self.engine.floor.world.take_truth()
    }

    /// The end: what is still going on in a laboratory market is written down as open. Gives how many lines nobody took in
    /// time.
    pub fn finish_truth(&mut self) -> u64 {
        let now = self.now();
        let world = &mut self.engine.floor.world;
        world.finish_truth(now.0);
        world.truth_dropped()
    }

    /// The symbols of a venue's instruments.
    pub fn symbols(&self, venue: Venue) -> impl Iterator<Item = &str> {
        let world = &self.engine.floor.world;
        (0..world.len())
            .filter(move |instrument| world.listing(*instrument).venue == venue)
            .map(|instrument| self.engine.desk.symbols[instrument].name.as_str())
    }

    /// Decimal places of an instrument's prices and quantities, as its frames print them.
    #[must_use]
    pub fn scales(&self, symbol: &str) -> Option<(u8, u8)> {
        let instrument = self.engine.desk.instrument(symbol)?;
        let symbol = &self.engine.desk.symbols[instrument];
        Some((symbol.price_scale, symbol.qty_scale))
    }

    /// Asks for a fault, as `POST /sim/fault` does.
    ///
    /// # Errors
    /// An unknown symbol, or too many faults waiting.
    pub fn fault(&mut self, request: &FaultRequest) -> Result<(), String> {
        self.engine.fault(request).map(|_| ())
    }

    /// How many faults have happened, by kind.
    #[must_use]
    pub const fn faults(&self) -> &BTreeMap<FaultKind, u64> {
        self.engine.desk.faults.happened()
    }

    /// How many faults wait for their message.
    #[must_use]
    pub fn faults_waiting(&self) -> usize {
        self.engine.desk.faults.waiting()
    }

    /// The log's entries from a number on, and the number after the last.
    #[must_use]
    pub fn fault_log(&self, from: u64) -> (Vec<LogEntry>, u64) {
        self.engine.desk.faults.log.since(from)
    }
}

/// [`BEAT`](crate::engine::BEAT) on the simulated clock.
const BEAT_NANOS: u64 = SimTime::SECOND / BEATS_PER_SEC;
