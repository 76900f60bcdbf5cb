//! One connection to Kraken v2, without I/O: books of levels on the public host, books of orders on `ws-l3`.

mod frames;

use std::collections::{HashMap, VecDeque};

use opus2_types::{BookState, FeedKind, InstrumentSpec, UnixNanos};

use super::account::{Account, read_token};

use super::subscribe::{
    INSTRUMENTS_PER_CONNECTION_MAX, ORDERS_COST_PER_SEC_MAX, OpenRequests, PATH, REQUEST_NANOS_MIN, Request,
    Topic, subscription_cost, symbols_per_request,
};
use crate::Feed;
use crate::followed::Followed;
use crate::resubscription::{Plan, Step};
use crate::session::{self, Action, CloseReason, Input, Note, ResyncReason};

/// What a [`Session`] goes by. Times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// Close the connection when it has been up for so long. The venue itself sets no limit.
    pub age_nanos_max: i64,
    /// Send a ping when nothing was heard for so long; once something is subscribed, close when nothing comes within
    /// [`PONG_NANOS_MAX`] of it. With something subscribed the venue is never silent for more than about a second.
    pub silence_nanos_max: i64,
    /// Subscribe to each book anew after so long, one after the other: the checksum covers the ten best levels alone, so
    /// a change lost below them could stay unseen. `None` for never.
    pub refresh_nanos: Option<i64>,
}

/// How long the answer to a ping may take.
pub const PONG_NANOS_MAX: i64 = 5_000_000_000;
/// How long the first acknowledgement of a connection may take.
pub const FIRST_ACK_NANOS_MAX: i64 = 30_000_000_000;
/// How long the list of pairs is waited for before books are subscribed to without it.
pub const PAIRS_NANOS_MAX: i64 = 5_000_000_000;
/// How old a token may be when it is used; the venue says 15 minutes.
pub const TOKEN_NANOS_MAX: i64 = 600_000_000_000;
/// The pause after a token request that failed.
pub const TOKEN_PAUSE_NANOS: i64 = 5_000_000_000;
/// How many token requests in a row may fail.
pub const TOKEN_FAILURES_MAX: u32 = 3;
/// The pause before a refused subscription to trades or quotes is tried again.
pub const EXTRA_PAUSE_NANOS: i64 = 8_000_000_000;
/// How often it is tried.
pub const EXTRA_TRIES_MAX: u32 = 5;

/// Why a session cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// More than [`INSTRUMENTS_PER_CONNECTION_MAX`].
    #[error("{count} instruments; one connection follows at most {INSTRUMENTS_PER_CONNECTION_MAX}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// Feeds that one connection cannot follow together.
    #[error("{symbol} is followed by {feed}; a connection follows {expected}")]
    Feed {
        /// The instrument.
        symbol: String,
        /// Its feed.
        feed: FeedKind,
        /// What it should be.
        expected: &'static str,
    },
}

struct Instrument {
    followed: Followed,
    plan: Plan,
    refresh_at: Option<UnixNanos>,
}

/// One connection and the instruments it follows.
///
/// | input | what a session does |
/// | --- | --- |
/// | `Connected` | publishes every instrument's specification; asks for the list of pairs, or for a token |
/// | list of pairs | announces instruments whose precision is another one; then subscribes to all books |
/// | `Frame` of an instrument | publishes it, follows its book; a lost book is subscribed to anew, the others are left alone |
/// | refusal of a subscription | as a lost book; four in a row quarantine the instrument for an hour |
/// | `Frame` of nobody | dead letter |
/// | `Timer` | sends what is due, pings a silent venue, closes what is dead or old |
///
/// An update that is lost to a resubscription which brings no snapshot is shown to the readers of the raw topic by a
/// record number that is left out. In steady state a frame costs no heap memory.
pub struct Session {
    settings: SessionSettings,
    account: Option<Account>,
    feed: FeedKind,
    instruments: Vec<Instrument>,
    /// Symbol to index. Looked up, never iterated.
    by_symbol: HashMap<String, usize>,
    to_send: VecDeque<Request>,
    send_at: UnixNanos,
    open: OpenRequests,
    token: Token,
    nonce: u64,
    extras: Vec<Extra>,
    phase: Phase,
    has_begun: bool,
    heard_at: UnixNanos,
    pinged_at: Option<UnixNanos>,
    has_ack: bool,
    first_frame_at: Option<UnixNanos>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Open { since: UnixNanos },
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// None yet, after so many failures; ask from then on.
    None {
        failures: u32,
        ask_at: UnixNanos,
    },
    Asked {
        failures: u32,
    },
    Here {
        text: String,
        since: UnixNanos,
    },
}

/// A refused subscription to trades or quotes, to be tried again.
struct Extra {
    topic: Topic,
    instrument: usize,
    at: UnixNanos,
    tries: u32,
}

impl Session {
    /// A session for books of levels, trades and quotes, before its connection is up.
    ///
    /// # Errors
    /// More instruments than one connection can follow, or feeds that are not [`FeedKind::KrakenBook`] of one depth.
    pub fn new(settings: SessionSettings, specs: Vec<InstrumentSpec>) -> Result<Self, SessionError> {
        Self::build(settings, None, specs)
    }

    /// A session for books of orders, before its connection to `ws-l3` is up.
    ///
    /// # Errors
    /// More instruments than one connection can follow, or feeds that are not [`FeedKind::KrakenOrders`] of one depth.
    pub fn with_account(
        settings: SessionSettings,
        account: Account,
        specs: Vec<InstrumentSpec>,
    ) -> Result<Self, SessionError> {
        Self::build(settings, Some(account), specs)
    }

    fn build(
        settings: SessionSettings,
        account: Option<Account>,
        specs: Vec<InstrumentSpec>,
    ) -> Result<Self, SessionError> {
        if specs.len() > INSTRUMENTS_PER_CONNECTION_MAX {
            return Err(SessionError::TooMany { count: specs.len() });
        }
        let feed = specs.first().map_or(FeedKind::KrakenBook { depth: 10 }, |spec| spec.feed);
        let is_right = |feed| match feed {
            FeedKind::KrakenBook { .. } => account.is_none(),
            FeedKind::KrakenOrders { .. } => account.is_some(),
            _ => false,
        };
        if let Some(spec) = specs.iter().find(|spec| spec.feed != feed || !is_right(spec.feed)) {
            let expected = match account {
                None => "kraken_book of one depth",
                Some(_) => "kraken_orders of one depth",
            };
            return Err(SessionError::Feed { symbol: spec.symbol.clone(), feed: spec.feed, expected });
        }
        let by_symbol = specs.iter().enumerate().map(|(index, spec)| (spec.symbol.clone(), index)).collect();
        let instruments = specs
            .into_iter()
            .map(|spec| Instrument { followed: Followed::new(spec), plan: Plan::default(), refresh_at: None })
            .collect();
        Ok(Self {
            settings,
            account,
            feed,
            instruments,
            by_symbol,
            to_send: VecDeque::new(),
            send_at: UnixNanos::MIN,
            open: OpenRequests::default(),
            token: Token::None { failures: 0, ask_at: UnixNanos::MIN },
            nonce: 0,
            extras: Vec::new(),
            phase: Phase::Connecting,
            has_begun: false,
            heard_at: UnixNanos::MIN,
            pinged_at: None,
            has_ack: false,
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
            (Phase::Open { .. }, Input::Alive) => self.hear(now),
            (Phase::Open { .. }, Input::Frame(frame)) => self.take_frame(now, frame, actions),
            (Phase::Open { .. }, Input::Lost { instrument }) => {
                if let Some(of) = self.instruments.get_mut(instrument) {
                    of.followed.lose_record(instrument, actions);
                    self.lose(now, instrument, actions);
                }
            }
            (Phase::Open { .. }, Input::Respecified { instrument, spec }) => {
                self.respecify(now, instrument, spec, actions);
            }
            (Phase::Open { .. }, Input::TokenBody(body)) => self.take_token(now, read_token(body), actions),
            (Phase::Open { .. }, Input::TokenFailed) => {
                self.take_token(now, Err("no answer to the token request".to_owned()), actions);
            }
            // No snapshot of this venue comes over REST.
            (
                Phase::Open { .. },
                Input::SnapshotBody { .. } | Input::SnapshotFailed { .. } | Input::Connected,
            )
            | (Phase::Connecting | Phase::Closed, _) => {}
        }
    }
}

impl Session {
    fn open(&mut self, now: UnixNanos, actions: &mut Vec<Action>) {
        self.phase = Phase::Open { since: now };
        self.heard_at = now;
        for (index, of) in self.instruments.iter_mut().enumerate() {
            of.followed.connect(index, actions);
        }
        if self.account.is_some() {
            // The host for orders has no list of pairs.
            self.begin(now);
        } else {
            self.to_send.push_back(Request {
                topic: Topic::Pairs,
                is_subscribe: true,
                instruments: Vec::new(),
            });
        }
        self.send_next(now, actions);
    }

    /// Subscribes to everything.
    fn begin(&mut self, now: UnixNanos) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let topics: &[Topic] = match self.account {
            None => &[Topic::Book, Topic::Trades, Topic::Quotes],
            Some(_) => &[Topic::Book],
        };
        let all: Vec<usize> = (0..self.instruments.len()).collect();
        for some in all.chunks(symbols_per_request(self.feed)) {
            for topic in topics {
                let request = Request { topic: *topic, is_subscribe: true, instruments: some.to_vec() };
                self.to_send.push_back(request);
            }
        }
        if let Some(period) = self.settings.refresh_nanos {
            let count = i64::try_from(self.instruments.len()).unwrap_or(i64::MAX);
            for (index, of) in (1..).zip(&mut self.instruments) {
                of.refresh_at = Some(now.plus(period.saturating_add(period / count * index)));
            }
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

    fn hear(&mut self, now: UnixNanos) {
        self.heard_at = now;
        self.pinged_at = None;
    }

    fn tick(&mut self, now: UnixNanos, since: UnixNanos, actions: &mut Vec<Action>) {
        if now.since(since) >= self.settings.age_nanos_max {
            return self.close(CloseReason::Age, actions);
        }
        let is_dead = match self.pinged_at {
            // Without a subscription the venue is silent: there is nothing to conclude from it.
            _ if !self.has_ack => now.since(since) >= FIRST_ACK_NANOS_MAX,
            Some(pinged_at) => now.since(pinged_at) >= PONG_NANOS_MAX,
            None => false,
        };
        if is_dead {
            return self.close(CloseReason::Silent, actions);
        }
        if now.since(self.heard_at) >= self.settings.silence_nanos_max && self.pinged_at.is_none() {
            self.pinged_at = Some(now);
            let id = self.open.next_id();
            actions.push(Action::Send(format!(r#"{{"method":"ping","req_id":{id}}}"#)));
        }
        if now.since(since) >= PAIRS_NANOS_MAX {
            self.begin(now);
        }
        for index in 0..self.instruments.len() {
            self.follow_plan(now, index, actions);
        }
        self.retry_extras(now);
        self.send_next(now, actions);
    }

    /// What time makes due for one instrument.
    fn follow_plan(&mut self, now: UnixNanos, index: usize, actions: &mut Vec<Action>) {
        let of = &mut self.instruments[index];
        if of.refresh_at.is_some_and(|at| now >= at) && of.plan.is_on() {
            of.refresh_at = self.settings.refresh_nanos.map(|period| now.plus(period));
            of.plan.refresh(now);
            let reason = ResyncReason::Refresh;
            actions.push(Action::Note(Note::Resync { instrument: index, reason }));
        }
        match of.plan.poll(now) {
            Some(step @ (Step::Unsubscribe | Step::Subscribe)) => self.queue_book(index, step),
            Some(Step::GiveUp) => {
                if of.followed.feed.state() == BookState::Gap {
                    // Whoever reads the records knows already.
                    actions.push(Action::Note(Note::Resync { instrument: index, reason: ResyncReason::Gap }));
                } else {
                    of.followed.give_up(index, ResyncReason::Gap, actions);
                }
                self.lose(now, index, actions);
            }
            None => {}
        }
    }

    fn queue_book(&mut self, index: usize, step: Step) {
        let is_subscribe = step == Step::Subscribe;
        self.to_send.push_back(Request { topic: Topic::Book, is_subscribe, instruments: vec![index] });
    }

    fn retry_extras(&mut self, now: UnixNanos) {
        for extra in self.extras.iter_mut().filter(|extra| extra.at <= now) {
            extra.at = UnixNanos(i64::MAX);
            let request =
                Request { topic: extra.topic, is_subscribe: true, instruments: vec![extra.instrument] };
            self.to_send.push_back(request);
        }
    }

    fn send_next(&mut self, now: UnixNanos, actions: &mut Vec<Action>) {
        let Some(request) = self.to_send.front() else { return };
        if now < self.send_at {
            return;
        }
        let needs_token = self.account.is_some() && request.topic == Topic::Book;
        if needs_token && !self.has_token(now, actions) {
            return;
        }
        let Some(request) = self.to_send.pop_front() else { return };
        let token = match &self.token {
            Token::Here { text, .. } if needs_token => Some(text.as_str()),
            _ => None,
        };
        let symbols: Vec<&str> = request
            .instruments
            .iter()
            .map(|index| self.instruments[*index].followed.feed.spec().symbol.as_str())
            .collect();
        let id = self.open.next_id();
        actions.push(Action::Send(request.text(id, self.feed, &symbols, token)));
        let mut pause = REQUEST_NANOS_MIN;
        if request.topic == Topic::Book {
            for index in &request.instruments {
                let plan = &mut self.instruments[*index].plan;
                if request.is_subscribe {
                    plan.sent_subscribe(now);
                    // The budget is the venue's per second: whoever has spent it waits.
                    pause += i64::from(subscription_cost(self.feed)) * 1_000_000_000
                        / i64::from(ORDERS_COST_PER_SEC_MAX);
                } else {
                    plan.sent_unsubscribe(now);
                }
            }
        }
        self.send_at = now.plus(pause);
        self.open.sent(id, request);
    }

    /// True when there is a token of use; else one is asked for.
    fn has_token(&mut self, now: UnixNanos, actions: &mut Vec<Action>) -> bool {
        let failures = match self.token {
            Token::Here { since, .. } if now.since(since) < TOKEN_NANOS_MAX => return true,
            Token::Here { .. } => 0,
            Token::Asked { .. } => return false,
            Token::None { ask_at, .. } if now < ask_at => return false,
            Token::None { failures, .. } => failures,
        };
        if let Some(account) = &self.account {
            // Time rises over all connections of a key; twice within a nanosecond it does not.
            self.nonce = u64::try_from(now.0).unwrap_or_default().max(self.nonce + 1);
            actions.push(Action::FetchToken(account.token_request(self.nonce)));
            self.token = Token::Asked { failures };
        }
        false
    }

    fn take_token(&mut self, now: UnixNanos, token: Result<String, String>, actions: &mut Vec<Action>) {
        let Token::Asked { failures } = self.token else { return };
        match token {
            Ok(text) => self.token = Token::Here { text, since: now },
            Err(message) => {
                actions.push(Action::Note(Note::VenueError { code: 0, message }));
                if failures + 1 >= TOKEN_FAILURES_MAX {
                    return self.close(CloseReason::Refused, actions);
                }
                self.token = Token::None { failures: failures + 1, ask_at: now.plus(TOKEN_PAUSE_NANOS) };
            }
        }
        self.send_next(now, actions);
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
