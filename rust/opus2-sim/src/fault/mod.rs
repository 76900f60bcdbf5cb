//! Things that go wrong on purpose, and a log of each of them.
//!
//! ```text
//! plan   what goes wrong how often, read from text; seeded
//! log    one entry per fault: what, where, when, which numbers, and whether an update was lost
//! ```
//!
//! A fault of a message happens to one delivery: of two connections that listen to the same stream, only one sees it.

mod log;
mod plan;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use opus2_types::{SeqRange, UnixNanos, Venue};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use self::log::LogEntry;
pub(crate) use self::log::{FaultLog, FaultLogPage};
pub use self::plan::{FaultPlan, FaultRule, PlanError};
use crate::stream::{StreamGroup, StreamId, StreamKind};
use crate::text::Symbol;

/// Faults waiting for their message.
const ARMED_LIMIT: usize = 1000;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// A message is never sent.
    Drop,
    /// A message is sent twice.
    Duplicate,
    /// A message is sent after the next one of its stream.
    Reorder,
    /// A message is cut in the middle: not JSON any more.
    Truncate,
    /// A message is replaced by noise of the same length.
    Garbage,
    /// A message of a book has a level or an order too many, on the wrong side of the spread.
    CrossedBook,
    /// A message of a Kraken book has another checksum than its book.
    WrongChecksum,
    /// An instrument's messages are not sent for a time, while the connection and its heartbeats go on; requested
    /// without an instrument: the connection sends nothing at all, but stays open.
    Freeze,
    /// A connection writes nothing for a time; its queue grows and is sent afterwards.
    Stall,
    /// A connection is treated as one that reads too slowly: it gets little for a time, then is cut off.
    SlowReader,
    /// A connection ends without a close frame.
    Disconnect,
    /// A connection is closed properly, at Binance after a `serverShutdown` notice.
    ServerShutdown,
    /// A request for a book is answered with an error of the server.
    RefuseSnapshot,
    /// A request is answered as one too many: 429, or Kraken's error text.
    TooManyRequests,
    /// A request is answered as from a banned address: 418 at Binance, 429 at Coinbase, Kraken's error text.
    Banned,
}

use FaultKind as Kind;

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Kind::Drop,
        Kind::Duplicate,
        Kind::Reorder,
        Kind::Truncate,
        Kind::Garbage,
        Kind::CrossedBook,
        Kind::WrongChecksum,
        Kind::Freeze,
        Kind::Stall,
        Kind::SlowReader,
        Kind::Disconnect,
        Kind::ServerShutdown,
        Kind::RefuseSnapshot,
        Kind::TooManyRequests,
        Kind::Banned,
    ];

    /// Whether it happens to messages, one by one.
    pub(crate) const fn is_for_messages(self) -> bool {
        matches!(
            self,
            Kind::Drop
                | Kind::Duplicate
                | Kind::Reorder
                | Kind::Truncate
                | Kind::Garbage
                | Kind::CrossedBook
                | Kind::WrongChecksum
                | Kind::Freeze
        )
    }

    /// Whether it happens to requests over HTTP.
    pub(crate) const fn is_for_requests(self) -> bool {
        matches!(self, Kind::RefuseSnapshot | Kind::TooManyRequests | Kind::Banned)
    }

    /// Whether a client that notices nothing misses an update.
    pub(crate) const fn loses(self) -> bool {
        matches!(
            self,
            Kind::Drop
                | Kind::Truncate
                | Kind::Garbage
                | Kind::Freeze
                | Kind::SlowReader
                | Kind::Disconnect
                | Kind::ServerShutdown
        )
    }

    /// Whether a client that notices nothing believes something untrue.
    pub(crate) const fn falsifies(self) -> bool {
        matches!(self, Kind::CrossedBook | Kind::WrongChecksum)
    }

    fn fits(self, stream: StreamKind) -> bool {
        match self {
            Kind::CrossedBook => stream.group() == StreamGroup::Book,
            Kind::WrongChecksum => stream.has_checksum(),
            _ => self.is_for_messages(),
        }
    }
}

/// The body of `POST /sim/fault`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRequest {
    /// What goes wrong.
    pub kind: FaultKind,
    /// The venue; without it, any.
    #[serde(default, with = "plan::venue_name")]
    pub venue: Option<Venue>,
    /// The instrument; without it, any (messages), or every connection.
    pub symbol: Option<String>,
    /// The stream of the message; without it, any.
    pub stream: Option<StreamKind>,
    /// The kind of stream of the message; without it, any.
    pub group: Option<StreamGroup>,
    /// The connection, as in the statistics; without it, any.
    pub connection: Option<u64>,
    /// How many messages or requests; 1 without it.
    #[serde(default = "one")]
    pub count: u32,
    /// How long a freeze, a stall or a slow reader lasts, in milliseconds; 5000 without it.
    #[serde(default = "five_seconds")]
    pub millis: u64,
}

const fn one() -> u32 {
    1
}

const fn five_seconds() -> u64 {
    5000
}

/// Where a fault can happen. What is `None` is anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Target {
    pub(crate) venue: Option<Venue>,
    pub(crate) instrument: Option<usize>,
    pub(crate) stream: Option<StreamKind>,
    pub(crate) group: Option<StreamGroup>,
    pub(crate) connection: Option<u64>,
}

impl Target {
    fn fits(&self, stream: StreamId, connection: u64) -> bool {
        // A heartbeat is market data only for who asks for it by name.
        let is_wanted = match self.stream {
            Some(kind) => kind == stream.kind,
            None => stream.kind != StreamKind::Heartbeat,
        };
        is_wanted
            && self.instrument.is_none_or(|instrument| instrument == stream.instrument)
            && self.connection.is_none_or(|wanted| wanted == connection)
            && self.venue.is_none_or(|venue| venue == stream.kind.venue())
            && self.group.is_none_or(|group| group == stream.kind.group())
    }

    fn fits_request(&self, venue: Venue, instrument: Option<usize>) -> bool {
        self.venue.is_none_or(|wanted| wanted == venue)
            && (self.instrument.is_none() || self.instrument == instrument)
    }
}

/// A message, as far as faults and their log are concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) stream: StreamId,
    /// Whether it is a whole book: counted as a snapshot, as one over REST is, and not as a frame of the stream.
    pub(crate) is_snapshot: bool,
    /// The venue's numbers in it, where it has any.
    pub(crate) sequence: Option<SeqRange>,
}

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Twist {
    /// As it is.
    #[default]
    None,
    /// With a level or order that crosses the spread.
    Crossed,
    /// With a checksum that is not the book's.
    WrongChecksum,
}

impl Twist {
    pub(crate) const COUNT: usize = 3;
}

/// What happens to a message on its way to one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Sent(Twist),
    Lost,
    Twice,
    /// After the next of its stream.
    Later,
    Truncated,
    Noise,
}

#[derive(Debug)]
struct Armed {
    kind: FaultKind,
    target: Target,
    millis: u64,
    left: u32,
}

#[derive(Debug)]
struct Freeze {
    target: Target,
    until: UnixNanos,
    /// Whether its first message has been noted in the log.
    is_noted: bool,
    millis: u64,
}

/// Faults that wait for a message, faults that come by chance, and everything that has happened.
#[derive(Debug)]
pub(crate) struct Faults {
    armed: VecDeque<Armed>,
    rules: Vec<(FaultRule, Target)>,
    freezes: Vec<Freeze>,
    rng: ChaCha8Rng,
    happened: BTreeMap<FaultKind, u64>,
    pub(crate) log: FaultLog,
    symbols: Arc<[Symbol]>,
}

impl Faults {
    pub(crate) fn new(
        seed: u64,
        rules: Vec<(FaultRule, Target)>,
        log: FaultLog,
        symbols: Arc<[Symbol]>,
    ) -> Self {
        Self {
            armed: VecDeque::new(),
            rules,
            freezes: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            happened: BTreeMap::new(),
            log,
            symbols,
        }
    }

    /// Arms a fault for messages or requests; `false` when too many are waiting.
    pub(crate) fn arm(&mut self, request: &FaultRequest, target: Target) -> bool {
        if self.armed.len() >= ARMED_LIMIT {
            return false;
        }
        let (kind, millis, left) = (request.kind, request.millis, request.count);
        self.armed.push_back(Armed { kind, target, millis, left });
        true
    }

    /// What happens to a message that is about to be sent to a connection. The oldest armed fault that fits is used up.
    pub(crate) fn fate(&mut self, connection: u64, frame: &Frame, now: UnixNanos) -> Fate {
        if self.armed.is_empty() && self.rules.is_empty() && self.freezes.is_empty() {
            return Fate::Sent(Twist::None);
        }
        if self.is_frozen(connection, frame, now) {
            return Fate::Lost;
        }
        let fault = self.take(connection, frame.stream).or_else(|| self.draw(connection, frame.stream));
        let Some((kind, millis)) = fault else { return Fate::Sent(Twist::None) };
        if kind == Kind::Freeze {
            let target = Target {
                instrument: Some(frame.stream.instrument),
                connection: Some(connection),
                ..Target::default()
            };
            self.freeze(target, millis, now);
            // Noted with its first message, which is this one.
            return if self.is_frozen(connection, frame, now) { Fate::Lost } else { Fate::Sent(Twist::None) };
        }
        self.note(kind, Some(frame), Some(connection), None, now);
        match kind {
            Kind::Drop => Fate::Lost,
            Kind::Duplicate => Fate::Twice,
            Kind::Reorder => Fate::Later,
            Kind::Truncate => Fate::Truncated,
            Kind::Garbage => Fate::Noise,
            Kind::CrossedBook => Fate::Sent(Twist::Crossed),
            Kind::WrongChecksum => Fate::Sent(Twist::WrongChecksum),
            _ => Fate::Sent(Twist::None),
        }
    }

    /// Whether a notice to this connection is withheld: it is frozen as a whole.
    pub(crate) fn is_silent(&self, connection: u64, now: UnixNanos) -> bool {
        self.freezes.iter().any(|freeze| {
            freeze.target.instrument.is_none()
                && freeze.target.connection == Some(connection)
                && now < freeze.until
        })
    }

    /// Withholds what fits the target for a time.
    pub(crate) fn freeze(&mut self, target: Target, millis: u64, now: UnixNanos) {
        let nanos = i64::try_from(millis.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
        self.freezes.push(Freeze { target, until: now.plus(nanos), is_noted: false, millis });
    }

    fn is_frozen(&mut self, connection: u64, frame: &Frame, now: UnixNanos) -> bool {
        self.freezes.retain(|freeze| now < freeze.until);
        let fits = |freeze: &Freeze| freeze.target.fits(frame.stream, connection);
        let Some(index) = self.freezes.iter().position(fits) else { return false };
        let freeze = &mut self.freezes[index];
        if !std::mem::replace(&mut freeze.is_noted, true) {
            let millis = freeze.millis;
            self.note(Kind::Freeze, Some(frame), Some(connection), Some(millis), now);
        }
        true
    }

    fn take(&mut self, connection: u64, stream: StreamId) -> Option<(FaultKind, u64)> {
        let fits = |armed: &Armed| armed.kind.fits(stream.kind) && armed.target.fits(stream, connection);
        self.armed.iter().position(fits).map(|index| self.use_up(index))
    }

    fn use_up(&mut self, index: usize) -> (FaultKind, u64) {
        let armed = &mut self.armed[index];
        let used = (armed.kind, armed.millis);
        armed.left -= 1;
        if armed.left == 0 {
            self.armed.remove(index);
        }
        used
    }

    fn draw(&mut self, connection: u64, stream: StreamId) -> Option<(FaultKind, u64)> {
        let rng = &mut self.rng;
        let hit = self.rules.iter().find(|(rule, target)| {
            rule.kind.fits(stream.kind) && target.fits(stream, connection) && rng.random_bool(rule.rate)
        });
        hit.map(|(rule, _)| (rule.kind, rule.millis))
    }

    /// What happens to a request, if anything.
    pub(crate) fn request(
        &mut self,
        venue: Venue,
        instrument: Option<usize>,
        is_snapshot: bool,
        now: UnixNanos,
    ) -> Option<FaultKind> {
        let fits = |kind: FaultKind, target: &Target| {
            kind.is_for_requests()
                && (is_snapshot || kind != Kind::RefuseSnapshot)
                && target.fits_request(venue, instrument)
        };
        let armed = self.armed.iter().position(|armed| fits(armed.kind, &armed.target));
        let rng = &mut self.rng;
        let kind = if let Some(index) = armed {
            self.use_up(index).0
        } else {
            let is_hit =
                |rule: &&(FaultRule, Target)| fits(rule.0.kind, &rule.1) && rng.random_bool(rule.0.rate);
            self.rules.iter().find(is_hit)?.0.kind
        };
        let entry = LogEntry {
            venue: Some(venue),
            symbol: instrument.map(|instrument| self.symbols[instrument].name.clone()),
            ..LogEntry::new(kind, now)
        };
        self.count(entry);
        Some(kind)
    }

    /// What happens to a connection within the next `seconds`, if anything, and for how long.
    pub(crate) fn connection(&mut self, venue: Venue, seconds: f64) -> Option<(FaultKind, u64)> {
        let rng = &mut self.rng;
        let hit = self.rules.iter().find(|(rule, target)| {
            !rule.kind.is_for_messages()
                && !rule.kind.is_for_requests()
                && target.venue.is_none_or(|wanted| wanted == venue)
                && rng.random_bool((rule.rate * seconds).min(1.0))
        });
        hit.map(|(rule, _)| (rule.kind, rule.millis))
    }

    /// Notes a fault of a message or of a connection.
    pub(crate) fn note(
        &mut self,
        kind: FaultKind,
        frame: Option<&Frame>,
        connection: Option<u64>,
        millis: Option<u64>,
        now: UnixNanos,
    ) {
        let stream = frame.map(|frame| frame.stream);
        let entry = LogEntry {
            venue: stream.map(|stream| stream.kind.venue()),
            symbol: stream.map(|stream| self.symbols[stream.instrument].name.clone()),
            stream: stream.map(|stream| stream.kind),
            sequence: frame.and_then(|frame| frame.sequence).map(|range| [range.first, range.last]),
            connection,
            millis,
            ..LogEntry::new(kind, now)
        };
        self.count(entry);
    }

    /// Notes a fault of a connection that speaks to a venue.
    pub(crate) fn note_connection(
        &mut self,
        kind: FaultKind,
        (connection, venue): (u64, Venue),
        millis: Option<u64>,
        now: UnixNanos,
    ) {
        let entry =
            LogEntry { venue: Some(venue), connection: Some(connection), millis, ..LogEntry::new(kind, now) };
        self.count(entry);
    }

    fn count(&mut self, entry: LogEntry) {
        *self.happened.entry(entry.kind).or_default() += 1;
        tracing::debug!(kind = ?entry.kind, symbol = ?entry.symbol, stream = ?entry.stream, "fault");
        self.log.push(entry);
    }

    /// How many have happened, by kind.
    pub(crate) const fn happened(&self) -> &BTreeMap<FaultKind, u64> {
        &self.happened
    }

    /// How many are waiting.
    pub(crate) fn waiting(&self) -> usize {
        self.armed.len()
    }
}

#[cfg(test)]
mod tests;
