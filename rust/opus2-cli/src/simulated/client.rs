//! One connection of ours to the simulated venues: a session, what it waits for, and the records it publishes.

use std::collections::VecDeque;

use anyhow::Result;
use opus2_sim::embedded::{Door, Embedded, Received};
use opus2_types::{Channel, InstrumentSpec, UnixNanos, Venue};
use opus2_venue::session::{Action, Input, Note, Session, TIMER_NANOS};
use opus2_wire::raw::RawRecord;
use opus2_wire::spec::encode_spec;

use super::feeds::Plan;

const MILLI_NANOS: i64 = 1_000_000;
/// How long a REST answer takes.
const ANSWER_NANOS: i64 = 20 * MILLI_NANOS;
/// How long to wait before connecting again.
const RECONNECT_NANOS: i64 = 250 * MILLI_NANOS;

/// What a client tells of.
pub(crate) enum Told<'a> {
    /// What has come from the venue, before anybody has read it: told first.
    Heard(Heard<'a>),
    /// A raw record, as the broker would get it.
    Record(&'a RawRecord<'a>),
    /// The book of one instrument was lost.
    Resync { symbol: &'a str },
    /// The connection ended, and with it every book.
    Ended,
}

/// Something from a venue.
pub(crate) enum Heard<'a> {
    /// The connection is open.
    Opened,
    /// A frame.
    Frame(&'a [u8]),
    /// The answer to a request for a book.
    Book { path: &'a str, body: &'a [u8] },
}

/// What is on its way over REST.
enum Waiting {
    Snapshot { instrument: usize, path: String },
    Token { key: String, signature: String, form: String },
}

/// A connection and its instruments.
pub(crate) struct Client {
    plan: Plan,
    specs: Vec<InstrumentSpec>,
    markets: Vec<String>,
    door: Door,
    session: Box<dyn Session>,
    connection: Option<u64>,
    connect_at: UnixNanos,
    timer_at: UnixNanos,
    answers: VecDeque<(UnixNanos, Waiting)>,
    name: String,
    attempts: u32,
    index: usize,
    actions: Vec<Action>,
}

type Tell<'a> = &'a mut dyn FnMut(UnixNanos, Told<'_>) -> Result<()>;

impl Client {
    pub(crate) fn new(plan: Plan, index: usize, specs: Vec<InstrumentSpec>, now: UnixNanos) -> Result<Self> {
        let session = plan.session(&specs)?;
        Ok(Self {
            door: plan.door(session.path()),
            plan,
            markets: specs.iter().map(InstrumentSpec::market).collect(),
            specs,
            session,
            connection: None,
            connect_at: now,
            timer_at: now,
            answers: VecDeque::new(),
            name: String::new(),
            attempts: 0,
            index,
            actions: Vec::new(),
        })
    }

    /// What is followed, and how.
    pub(crate) const fn plan(&self) -> Plan {
        self.plan
    }

    pub(crate) fn symbols(&self) -> impl Iterator<Item = &str> {
        self.specs.iter().map(|spec| spec.symbol.as_str())
    }

    pub(crate) fn connection(&self) -> Option<u64> {
        self.connection
    }

    /// The session's own feeds, by symbol.
    pub(crate) fn feeds(&self) -> impl Iterator<Item = (&str, &opus2_venue::Feed)> {
        self.specs
            .iter()
            .enumerate()
            .filter_map(|(index, spec)| Some((spec.symbol.as_str(), self.session.feed(index)?)))
    }

    /// Does whatever is due.
    pub(crate) fn poll(&mut self, sim: &mut Embedded, tell: Tell<'_>) -> Result<()> {
        let now = sim.now();
        if self.connection.is_none() {
            if now < self.connect_at {
                return Ok(());
            }
            self.attempts += 1;
            self.name = format!("simulated-{}-{}", self.index, self.attempts);
            self.connection = Some(sim.connect(&self.door));
            tell(now, Told::Heard(Heard::Opened))?;
            self.give(sim, Input::Connected, &[], tell)?;
        }
        while let Some(connection) = self.connection {
            match sim.receive(connection) {
                Some(Received::Frame(text)) => {
                    let bytes = text.as_bytes();
                    tell(now, Told::Heard(Heard::Frame(bytes)))?;
                    self.give(sim, Input::Frame(bytes), bytes, tell)?;
                }
                Some(Received::Closed) => self.end(sim, tell)?,
                None => break,
            }
        }
        while self.connection.is_some() && self.answers.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, waiting)) = self.answers.pop_front() else { break };
            self.answer(sim, waiting, tell)?;
        }
        if self.connection.is_some() && self.timer_at <= now {
            self.timer_at = now.plus(TIMER_NANOS);
            self.give(sim, Input::Timer, &[], tell)?;
        }
        Ok(())
    }

    fn answer(&mut self, sim: &mut Embedded, waiting: Waiting, tell: Tell<'_>) -> Result<()> {
        match waiting {
            Waiting::Snapshot { instrument, path } => match sim.get(self.plan.venue(), &path) {
                Some(body) => {
                    let body = body.as_bytes();
                    tell(sim.now(), Told::Heard(Heard::Book { path: &path, body }))?;
                    self.give(sim, Input::SnapshotBody { instrument, body }, body, tell)
                }
                None => self.give(sim, Input::SnapshotFailed { instrument }, &[], tell),
            },
            Waiting::Token { key, signature, form } => match sim.token(&key, &signature, &form) {
                Some(body) => self.give(sim, Input::TokenBody(body.as_bytes()), &[], tell),
                None => self.give(sim, Input::TokenFailed, &[], tell),
            },
        }
    }

    /// The connection is gone: a new session begins after a pause.
    fn end(&mut self, sim: &mut Embedded, tell: Tell<'_>) -> Result<()> {
        if let Some(connection) = self.connection.take() {
            sim.close(connection);
        }
        self.session = self.plan.session(&self.specs)?;
        self.connect_at = sim.now().plus(RECONNECT_NANOS);
        self.answers.clear();
        tell(sim.now(), Told::Ended)
    }

    fn give(&mut self, sim: &mut Embedded, input: Input<'_>, bytes: &[u8], tell: Tell<'_>) -> Result<()> {
        let now = sim.now();
        let mut actions = std::mem::take(&mut self.actions);
        self.session.handle(now, input, &mut actions);
        let mut is_over = false;
        for action in actions.drain(..) {
            match action {
                Action::PublishSpec { instrument, number } => {
                    let text = encode_spec(&self.specs[instrument]);
                    self.publish(now, instrument, Channel::Instrument, number, text.as_bytes(), tell)?;
                }
                Action::Publish { instrument, channel, number } => {
                    self.publish(now, instrument, channel, number, bytes, tell)?;
                }
                Action::Send(text) => {
                    if let Some(connection) = self.connection {
                        sim.send(connection, text);
                    }
                }
                Action::Fetch { instrument, request, .. } => {
                    let waiting = Waiting::Snapshot { instrument, path: request.path };
                    self.answers.push_back((now.plus(ANSWER_NANOS), waiting));
                }
                Action::FetchToken(request) => {
                    let header = |name: &str| {
                        let of = request.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                        of.map_or_else(String::new, |(_, value)| value.clone())
                    };
                    let (key, signature) = (header("API-Key"), header("API-Sign"));
                    let waiting = Waiting::Token { key, signature, form: request.body };
                    self.answers.push_back((now.plus(ANSWER_NANOS), waiting));
                }
                Action::Close(_) => is_over = true,
                Action::Note(Note::Resync { instrument, .. }) => {
                    tell(now, Told::Resync { symbol: &self.specs[instrument].symbol })?;
                }
                Action::DeadLetter(_) | Action::Note(_) => {}
            }
        }
        self.actions = actions;
        if is_over { self.end(sim, tell) } else { Ok(()) }
    }

    fn publish(
        &self,
        now: UnixNanos,
        instrument: usize,
        channel: Channel,
        number: u64,
        value: &[u8],
        tell: Tell<'_>,
    ) -> Result<()> {
        let venue: Venue = self.plan.venue();
        let record = RawRecord {
            symbol: &self.specs[instrument].symbol,
            venue,
            channel,
            market: &self.markets[instrument],
            conn: &self.name,
            number,
            recv_ts: now,
            value,
        };
        tell(now, Told::Record(&record))
    }
}
