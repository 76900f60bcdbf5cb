//! Sessions step by step, and one property: whatever goes wrong, a book is right or flagged, and recovers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use opus2_types::{FeedKind, Level, Side, SpecOrigin, Venue};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use opus2_types::BookState;

use super::*;
use crate::session::Session as _;

const MS: i64 = 1_000_000;
const SETTINGS: SessionSettings = SessionSettings {
    snapshot_levels_first: 1000,
    snapshot_levels: 1000,
    age_nanos_max: 3_600_000 * MS,
    silence_nanos_max: 45_000 * MS,
};

fn spec(symbol: &str) -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Binance,
        symbol: symbol.into(),
        base: symbol.into(),
        quote: "USDT".into(),
        price_scale: 2,
        qty_scale: 0,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    }
}

fn session(symbols: &[&str]) -> Session {
    Session::new(SETTINGS, symbols.iter().map(|symbol| spec(symbol)).collect()).unwrap()
}

fn depth(symbol: &str, first: u64, last: u64, bids: &str) -> String {
    let stream = symbol.to_ascii_lowercase();
    format!(
        r#"{{"stream":"{stream}@depth@100ms","data":{{"e":"depthUpdate","E":1700000000000,"s":"{symbol}","U":{first},"u":{last},"b":[{bids}],"a":[]}}}}"#
    )
}

fn snapshot(last: u64) -> String {
    format!(r#"{{"lastUpdateId":{last},"bids":[["99","1"]],"asks":[["101","1"]]}}"#)
}

/// Actions as words: what a person would say of them.
fn words(actions: &[Action]) -> String {
    let mut text = String::new();
    for action in actions {
        let separator = if text.is_empty() { "" } else { ", " };
        let word = match action {
            Action::PublishSpec { instrument, number } => format!("spec {instrument}#{number}"),
            Action::Publish { instrument, channel, number } => format!("{channel} {instrument}#{number}"),
            Action::DeadLetter(letter) => format!("dead {}", letter.as_str()),
            Action::Send(message) => format!("send {message}"),
            Action::Fetch { instrument, purpose, .. } => format!("fetch {instrument} {purpose:?}"),
            Action::FetchToken(_) => "token".to_owned(),
            Action::Close(reason) => format!("close {}", reason.as_str()),
            Action::Note(Note::State { instrument, from, to }) => {
                format!("{instrument}:{}>{}", from.as_str(), to.as_str())
            }
            Action::Note(Note::Resync { instrument, reason }) => {
                format!("resync {instrument} {}", reason.as_str())
            }
            Action::Note(Note::Rejected { instrument, reject }) => {
                format!("bad {instrument} {}", reject.as_str())
            }
            Action::Note(Note::Quarantined { instrument, .. }) => format!("quarantined {instrument}"),
            Action::Note(Note::VenueError { code, message }) => format!("error {code} {message}"),
        };
        write!(text, "{separator}{word}").unwrap();
    }
    text
}

/// One input a line: its time in ms, the input, and what the session answers.
#[track_caller]
fn check(symbols: &[&str], steps: &[(i64, Input<'_>, &str)]) {
    let mut session = session(symbols);
    for (at_ms, input, expect) in steps {
        let mut actions = Vec::new();
        session.handle(UnixNanos(at_ms * MS), *input, &mut actions);
        assert_eq!(words(&actions), *expect, "at {at_ms} ms: {input:?}");
    }
}

#[test]
fn specifications_come_first_and_the_first_delta_asks_for_the_snapshot() {
    let delta = depth("BUSDT", 5, 6, "");
    check(
        &["AUSDT", "BUSDT"],
        &[
            (0, Input::Frame(b"{}"), ""),
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, spec 1#1, 1:empty>syncing"),
            (10, Input::Timer, ""),
            (20, Input::Frame(delta.as_bytes()), "depth 1#2, fetch 1 Start"),
            (
                30,
                Input::SnapshotBody { instrument: 1, body: snapshot(6).as_bytes() },
                "snapshot 1#3, 1:syncing>live",
            ),
            (1999, Input::Timer, ""),
            (2000, Input::Timer, "fetch 0 Start"),
            (
                2010,
                Input::SnapshotBody { instrument: 0, body: snapshot(1).as_bytes() },
                "snapshot 0#2, 0:syncing>live",
            ),
            (2020, Input::Disconnected, "0:live>empty, 1:live>empty"),
            (2030, Input::Timer, ""),
        ],
    );
}

#[test]
fn a_gap_costs_its_own_instrument_one_snapshot() {
    let (a5, b5, a7) = (depth("AUSDT", 5, 5, ""), depth("BUSDT", 5, 5, ""), depth("AUSDT", 7, 7, ""));
    check(
        &["AUSDT", "BUSDT"],
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, spec 1#1, 1:empty>syncing"),
            (1, Input::Frame(a5.as_bytes()), "depth 0#2, fetch 0 Start"),
            (1, Input::Frame(b5.as_bytes()), "depth 1#2, fetch 1 Start"),
            (
                2,
                Input::SnapshotBody { instrument: 0, body: snapshot(5).as_bytes() },
                "snapshot 0#3, 0:syncing>live",
            ),
            (
                2,
                Input::SnapshotBody { instrument: 1, body: snapshot(5).as_bytes() },
                "snapshot 1#3, 1:syncing>live",
            ),
            (40_000, Input::Frame(a7.as_bytes()), "depth 0#4, resync 0 gap, 0:live>gap, fetch 0 Resync"),
            (40_001, Input::SnapshotFailed { instrument: 0 }, ""),
            (40_251, Input::Timer, "fetch 0 Resync"),
            (
                40_252,
                Input::SnapshotBody { instrument: 0, body: snapshot(7).as_bytes() },
                "snapshot 0#5, 0:gap>live",
            ),
        ],
    );
}

#[test]
fn what_was_lost_behind_us_is_asked_for_again() {
    let delta = depth("AUSDT", 5, 5, "");
    check(
        &["AUSDT"],
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing"),
            (1, Input::Frame(delta.as_bytes()), "depth 0#2, fetch 0 Start"),
            (
                2,
                Input::SnapshotBody { instrument: 0, body: snapshot(5).as_bytes() },
                "snapshot 0#3, 0:syncing>live",
            ),
            (40_000, Input::Lost { instrument: 0 }, "spec 0#4, resync 0 lost, 0:live>gap, fetch 0 Resync"),
            (40_000, Input::Lost { instrument: 9 }, ""),
            (40_000, Input::SnapshotFailed { instrument: 9 }, ""),
        ],
    );
}

#[test]
fn messages_of_nobody_are_put_aside_and_bad_ones_of_an_instrument_are_published() {
    let stranger = depth("ZUSDT", 1, 1, "");
    let cut = &depth("AUSDT", 5, 5, "")[..60];
    let trade = r#"{"stream":"ausdt@trade","data":{"e":"trade","E":1700000000000,"s":"AUSDT","t":1,"p":"-1","q":"1","T":1700000000000,"m":true}}"#;
    let kline = r#"{"stream":"ausdt@kline_1m","data":{}}"#;
    check(
        &["AUSDT"],
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing"),
            (1, Input::Frame(stranger.as_bytes()), "dead unknown_symbol"),
            (1, Input::Frame(b"\xff\xfe"), "dead not_utf8"),
            (1, Input::Frame(b"[1,2"), "dead bad_json"),
            (1, Input::Frame(b"{\"x\":1}"), "dead missing_field"),
            (1, Input::Frame(trade.as_bytes()), "trade 0#2, bad 0 non_positive_price"),
            (1, Input::Frame(kline.as_bytes()), "other 0#3"),
            (1, Input::Frame(cut.as_bytes()), "depth 0#4, bad 0 bad_json, fetch 0 Start"),
        ],
    );
}

#[test]
fn the_venue_and_the_clock_end_a_connection() {
    let opened = (0, Input::Connected, "spec 0#1, 0:empty>syncing");
    let ended = |word: &str| format!("0:syncing>empty, {word}");
    for notice in [
        r#"{"e":"serverShutdown","E":1770123456789}"#,
        r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#,
    ] {
        check(
            &["AUSDT"],
            &[
                opened,
                (9, Input::Frame(notice.as_bytes()), &ended("close server_shutdown")),
                (9, Input::Frame(notice.as_bytes()), ""),
            ],
        );
    }
    for error in
        [r#"{"code":2,"msg":"Invalid request"}"#, r#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#]
    {
        let expect = format!("error 2 Invalid request, {}", ended("close refused"));
        check(&["AUSDT"], &[opened, (9, Input::Frame(error.as_bytes()), &expect)]);
    }
    check(
        &["AUSDT"],
        &[
            opened,
            (1, Input::Frame(br#"{"result":null,"id":1}"#), ""),
            (44_000, Input::Alive, ""),
            (88_999, Input::Timer, "fetch 0 Start"),
            (89_000, Input::Timer, &ended("close silent")),
        ],
    );
    let mut session = session(&["AUSDT"]);
    let mut actions = Vec::new();
    session.handle(UnixNanos(0), Input::Connected, &mut actions);
    session.handle(UnixNanos(SETTINGS.age_nanos_max - MS), Input::Alive, &mut actions);
    actions.clear();
    session.handle(UnixNanos(SETTINGS.age_nanos_max), Input::Timer, &mut actions);
    assert_eq!(words(&actions), ended("close age"));
}

#[test]
fn subscribe_messages_are_paced() {
    let symbols: Vec<String> = (0..300).map(|index| format!("COIN{index}USDT")).collect();
    let mut session = Session::new(SETTINGS, symbols.iter().map(|symbol| spec(symbol)).collect()).unwrap();
    let mut sent_ms = Vec::new();
    for ms in (0..10_000).step_by(50) {
        let mut actions = Vec::new();
        session.handle(
            UnixNanos(ms * MS),
            if ms == 0 { Input::Connected } else { Input::Timer },
            &mut actions,
        );
        sent_ms.extend(actions.iter().filter(|action| matches!(action, Action::Send(_))).map(|_| ms));
    }
    assert!(sent_ms.len() > 3, "{sent_ms:?}");
    for window in sent_ms.windows(4) {
        assert!(window[3] - window[0] >= 1000, "{sent_ms:?}");
    }
}

/// A venue with one instrument's true book at every update number. Every update also writes its own number as the
/// quantity at `MARKER`, so that any copy of the book says which update it is at.
struct Venue1 {
    symbol: &'static str,
    books: Vec<BTreeMap<(bool, i64), i64>>,
}

const MARKER: i64 = 1;

impl Venue1 {
    fn new(symbol: &'static str) -> Self {
        let mut venue = Self { symbol, books: vec![BTreeMap::new()] };
        venue.update(&[(99, 1), (101, 1)]);
        venue
    }

    fn last(&self) -> u64 {
        self.books.len() as u64 - 1
    }

    /// Changes levels, one update number each; prices below 100 are bids. Gives the delta's text.
    fn update(&mut self, changes: &[(i64, i64)]) -> String {
        let first = self.last() + 1;
        let mut touched: BTreeMap<(bool, i64), i64> = BTreeMap::new();
        for (price, qty) in changes {
            let mut book = self.books[self.books.len() - 1].clone();
            let number = i64::try_from(self.last() + 1).unwrap();
            for (key, qty) in [((true, MARKER), number), ((*price < 100, *price), *qty)] {
                touched.insert(key, qty);
                if qty == 0 {
                    book.remove(&key)
                } else {
                    book.insert(key, qty)
                };
            }
            self.books.push(book);
        }
        let side = |is_bid| {
            let levels = touched.iter().filter(|((bid, _), _)| *bid == is_bid);
            levels.map(|((_, price), qty)| format!(r#"["{price}","{qty}"]"#)).collect::<Vec<_>>().join(",")
        };
        let text = depth(self.symbol, first, self.last(), &side(true));
        text.replace(r#""a":[]"#, &format!(r#""a":[{}]"#, side(false)))
    }

    fn snapshot(&self, at: u64) -> String {
        let book = &self.books[usize::try_from(at).unwrap()];
        let side = |is_bid: bool| {
            let mut levels: Vec<_> = book.iter().filter(|((bid, _), _)| *bid == is_bid).collect();
            if is_bid {
                levels.reverse();
            }
            levels
                .iter()
                .map(|((_, price), qty)| format!(r#"["{price}","{qty}"]"#))
                .collect::<Vec<_>>()
                .join(",")
        };
        format!(r#"{{"lastUpdateId":{at},"bids":[{}],"asks":[{}]}}"#, side(true), side(false))
    }

    /// Compares a book that is said to be live with the truth; gives the number it is at.
    fn compare(&self, feed: &Feed) -> Result<u64, TestCaseError> {
        let levels = |side| feed.book().side(side).levels().collect::<Vec<Level>>();
        let mut copy = BTreeMap::new();
        for (is_bid, side) in [(true, Side::Bid), (false, Side::Ask)] {
            copy.extend(levels(side).iter().map(|level| ((is_bid, level.price.0 / 100), level.qty.0)));
        }
        let at = copy.get(&(true, MARKER)).copied().unwrap_or(0);
        prop_assert_eq!(&copy, &self.books[usize::try_from(at).unwrap()], "{} at {}", self.symbol, at);
        Ok(u64::try_from(at).unwrap())
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// The venue of this instrument changes these levels; then its delta is delivered, lost, sent twice, kept back to
    /// come after the next one, cut short, or replaced by noise.
    Update(usize, Vec<(i64, i64)>, Fault),
    /// The oldest open request for a snapshot is answered.
    Answer(Reply),
    /// A record did not reach the broker.
    Lost(usize),
    Wait(i64),
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    Lost,
    Twice,
    KeptBack,
    Cut,
}

#[derive(Debug, Clone, Copy)]
enum Reply {
    Now,
    /// As it was so many updates ago: a cache in between.
    Old(u64),
    Failed,
    Noise,
}

fn any_step() -> impl Strategy<Value = Step> {
    let change = (prop_oneof![95..100i64, 100..105i64], 0..5i64);
    let fault = prop_oneof![
        6 => Just(Fault::None), 1 => Just(Fault::Lost), 1 => Just(Fault::Twice),
        1 => Just(Fault::KeptBack), 1 => Just(Fault::Cut)
    ];
    let reply = prop_oneof![4 => Just(Reply::Now), 2 => (1..6u64).prop_map(Reply::Old), 1 => Just(Reply::Failed), 1 => Just(Reply::Noise)];
    prop_oneof![
        12 => (0..2usize, prop::collection::vec(change, 1..4), fault).prop_map(|(i, c, f)| Step::Update(i, c, f)),
        4 => reply.prop_map(Step::Answer),
        1 => (0..2usize).prop_map(Step::Lost),
        4 => (1..3000i64).prop_map(Step::Wait),
    ]
}

/// A session between two venues and a host that does what it is told.
struct World {
    venues: [Venue1; 2],
    session: Session,
    now_ms: i64,
    kept_back: [Option<String>; 2],
    open: VecDeque<(usize, bool)>,
    deepens: [u32; 2],
    numbers: [u64; 2],
    seen_at: [u64; 2],
}

impl World {
    fn new() -> Self {
        Self {
            venues: [Venue1::new("AUSDT"), Venue1::new("BUSDT")],
            session: Session::new(
                SessionSettings { snapshot_levels_first: 100, ..SETTINGS },
                vec![spec("AUSDT"), spec("BUSDT")],
            )
            .unwrap(),
            now_ms: 0,
            kept_back: [None, None],
            open: VecDeque::new(),
            deepens: [0; 2],
            numbers: [0; 2],
            seen_at: [0; 2],
        }
    }

    /// Gives one input and checks every promise that must hold after any input.
    fn give(&mut self, input: Input<'_>) -> TestCaseResult {
        let mut actions = Vec::new();
        self.session.handle(UnixNanos(self.now_ms * MS), input, &mut actions);
        let mut published = 0;
        for action in actions {
            match action {
                Action::PublishSpec { instrument, number } | Action::Publish { instrument, number, .. } => {
                    published += 1;
                    self.numbers[instrument] += 1;
                    prop_assert_eq!(number, self.numbers[instrument], "numbers have no holes");
                }
                Action::Fetch { instrument, purpose, .. } => {
                    let request = (instrument, purpose == SnapshotPurpose::Deepen);
                    self.open.push_back(request);
                    let open = self.open.iter().filter(|(other, _)| *other == instrument).count();
                    prop_assert!(open <= 2, "one request of a kind at a time");
                    self.deepens[instrument] += u32::from(request.1);
                }
                Action::Note(Note::Resync { instrument, .. }) => self.seen_at[instrument] = 0,
                Action::Close(reason) => prop_assert!(false, "closed: {reason:?}"),
                _ => {}
            }
        }
        match input {
            Input::Frame(_) | Input::SnapshotBody { .. } => {
                prop_assert_eq!(published, 1, "everything is published");
            }
            _ => {}
        }
        for (index, venue) in self.venues.iter().enumerate() {
            let feed = self.session.feed(index).unwrap();
            if feed.state() == BookState::Live {
                let at = venue.compare(feed)?;
                prop_assert!(at >= self.seen_at[index], "a book never goes back");
                self.seen_at[index] = at;
            }
        }
        Ok(())
    }

    fn update(&mut self, index: usize, changes: &[(i64, i64)], fault: Fault) -> TestCaseResult {
        let text = self.venues[index].update(changes);
        match fault {
            Fault::None => self.give(Input::Frame(text.as_bytes()))?,
            Fault::Lost => {}
            Fault::Twice => {
                self.give(Input::Frame(text.as_bytes()))?;
                self.give(Input::Frame(text.as_bytes()))?;
            }
            Fault::KeptBack => {
                let earlier = self.kept_back[index].replace(text);
                return earlier.map_or(Ok(()), |text| self.give(Input::Frame(text.as_bytes())));
            }
            Fault::Cut => self.give(Input::Frame(&text.as_bytes()[..text.len() - 3]))?,
        }
        let kept_back = self.kept_back[index].take();
        kept_back.map_or(Ok(()), |text| self.give(Input::Frame(text.as_bytes())))
    }

    fn answer(&mut self, reply: Reply) -> TestCaseResult {
        let Some((instrument, _)) = self.open.pop_front() else { return Ok(()) };
        let venue = &self.venues[instrument];
        let body = match reply {
            Reply::Now => venue.snapshot(venue.last()),
            Reply::Old(ago) => venue.snapshot(venue.last().saturating_sub(ago).max(1)),
            Reply::Failed => return self.give(Input::SnapshotFailed { instrument }),
            Reply::Noise => "<html>busy</html>".into(),
        };
        self.give(Input::SnapshotBody { instrument, body: body.as_bytes() })
    }

    fn step(&mut self, step: &Step) -> TestCaseResult {
        match step {
            Step::Update(index, changes, fault) => self.update(*index, changes, *fault),
            Step::Answer(reply) => self.answer(*reply),
            Step::Lost(instrument) => self.give(Input::Lost { instrument: *instrument }),
            Step::Wait(ms) => {
                self.now_ms += ms;
                self.give(Input::Alive)?;
                self.give(Input::Timer)
            }
        }
    }
}

#[test]
fn a_deeper_snapshot_replaces_a_book_in_step_without_losing_it() {
    let mut feed = Feed::new(spec("AUSDT"));
    feed.connected();
    let mut apply = |channel, text: String| {
        let applied = feed.apply(channel, text.as_bytes(), UnixNanos(1));
        let bids: Vec<String> = feed
            .book()
            .side(Side::Bid)
            .levels()
            .map(|level| format!("{}x{}", level.price.0 / 100, level.qty.0))
            .collect();
        let restored = Feed::from_state(feed.to_state()).unwrap();
        assert_eq!(restored.to_state(), feed.to_state());
        format!("{:?} {}: {}", applied.what, applied.seq.last, bids.join(" "))
    };
    let deep = |last: u64| {
        format!(r#"{{"lastUpdateId":{last},"bids":[["99","1"],["97","7"],["96","6"]],"asks":[["101","1"]]}}"#)
    };
    assert_eq!(apply(Channel::Depth, depth("AUSDT", 10, 10, "")), "Kept 10: ");
    assert_eq!(apply(Channel::Snapshot, snapshot(10)), "Snapshot 10: 99x1");
    assert_eq!(apply(Channel::Depth, depth("AUSDT", 11, 12, r#"["98","8"]"#)), "Book 12: 99x1 98x8");
    assert_eq!(apply(Channel::Depth, depth("AUSDT", 13, 13, r#"["96","0"]"#)), "Book 13: 99x1 98x8");
    // Older than the ring reaches, then as old as it reaches, in the middle of a delta, and the book's own.
    assert_eq!(apply(Channel::Snapshot, deep(9)), "Covered 9: 99x1 98x8");
    assert_eq!(apply(Channel::Snapshot, deep(10)), "Snapshot 13: 99x1 98x8 97x7");
    assert_eq!(apply(Channel::Snapshot, deep(11)), "Snapshot 13: 99x1 98x8 97x7");
    assert_eq!(apply(Channel::Snapshot, deep(13)), "Snapshot 13: 99x1 97x7 96x6");
    assert_eq!(apply(Channel::Depth, depth("AUSDT", 14, 14, r#"["97","0"]"#)), "Book 14: 99x1 96x6");
    assert_eq!(apply(Channel::Depth, depth("AUSDT", 16, 16, "")), "Kept 16: ");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever is lost, repeated, late, cut short or answered badly: a book said to be live is the venue's book at some
    /// update number, and never goes back; and once the world behaves, every book is live again and up to date.
    #[test]
    fn a_book_is_right_or_flagged_and_recovers(steps in prop::collection::vec(any_step(), 1..80)) {
        let mut world = World::new();
        world.give(Input::Connected)?;
        for step in &steps {
            world.step(step)?;
        }
        // 75 s without faults: longer than an instrument is parked.
        for round in 0..750 {
            world.now_ms += 100;
            world.give(Input::Timer)?;
            world.answer(Reply::Now)?;
            for index in 0..2 {
                world.update(index, &[(95 + round % 5, 1 + round % 3)], Fault::None)?;
            }
        }
        for (index, venue) in world.venues.iter().enumerate() {
            let feed = world.session.feed(index).unwrap();
            prop_assert_eq!(feed.state(), BookState::Live);
            prop_assert_eq!(venue.compare(feed)?, venue.last());
            prop_assert!(world.deepens[index] > 0, "a good book becomes deep");
        }
    }
}
