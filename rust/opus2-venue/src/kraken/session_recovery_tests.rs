//! One property: whatever goes wrong on the way, a book is right or flagged, and recovers alone.

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::*;

/// The venue's side of one instrument: a book deeper than what is published of it.
struct Published {
    symbol: &'static str,
    book: L2Book,
    shown: L2Book,
    is_subscribed: bool,
}

impl Published {
    fn new(symbol: &'static str) -> Self {
        let mut book = L2Book::new();
        let bids: Vec<Level> = (0..15).map(|at| Level::new(1000 - at, 100 + at)).collect();
        let asks: Vec<Level> = (0..15).map(|at| Level::new(1001 + at, 100 + at)).collect();
        book.replace(&bids, &asks);
        Self { symbol, book, shown: L2Book::new(), is_subscribed: false }
    }

    fn best(&self, side: Side) -> Vec<Level> {
        self.book.side(side).levels().take(usize::from(DEPTH)).collect()
    }

    fn snapshot(&mut self) -> String {
        self.is_subscribed = true;
        let (bids, asks) = (self.best(Side::Bid), self.best(Side::Ask));
        self.shown.replace(&bids, &asks);
        message("snapshot", self.symbol, [&bids, &asks], &self.shown, 0)
    }

    /// A change of the book: the message about it, if it is seen. What falls out of the depth is not mentioned.
    fn change(&mut self, side: Side, level: Level, error: u32) -> Option<String> {
        let (before, opposite) = (self.best(side), self.book.side(side.opposite()).best());
        let crosses = opposite.is_some_and(|other| match side {
            Side::Bid => level.price >= other.price,
            Side::Ask => level.price <= other.price,
        });
        if crosses || (level.qty.0 == 0 && self.book.side(side).len() <= 1) {
            return None;
        }
        self.book.apply(side, level);
        let after = self.best(side);
        let mut changes: Vec<Level> = before
            .iter()
            .filter(|old| self.book.qty_at(side, old.price).0 == 0)
            .map(|old| Level::new(old.price.0, 0))
            .collect();
        changes.extend(after.iter().filter(|new| !before.contains(new)));
        if changes.is_empty() || !self.is_subscribed {
            return None;
        }
        let (bids, asks) = (self.best(Side::Bid), self.best(Side::Ask));
        self.shown.replace(&bids, &asks);
        let levels: [&[Level]; 2] = if side == Side::Bid { [&changes, &[]] } else { [&[], &changes] };
        Some(message("update", self.symbol, levels, &self.shown, error))
    }

    fn answer(&mut self, message: &Value, outbox: &mut Vec<String>) {
        let (channel, request) = (&message["params"]["channel"], message["req_id"].as_u64().unwrap());
        let named = message["params"]["symbol"].as_array();
        if channel != "book"
            || !named.is_some_and(|symbols| symbols.iter().any(|symbol| symbol == self.symbol))
        {
            return;
        }
        match message["method"].as_str() {
            Some("subscribe") if self.is_subscribed => outbox.push(refusal(self.symbol, request)),
            Some("subscribe") => {
                outbox.push(ack("subscribe", self.symbol, request));
                let snapshot = self.snapshot();
                outbox.push(snapshot);
            }
            _ => {
                self.is_subscribed = false;
                outbox.push(ack("unsubscribe", self.symbol, request));
            }
        }
    }
}

/// What happens to a message on its way.
#[derive(Debug, Clone, Copy)]
enum Way {
    Arrives,
    IsLost,
    IsCut,
    IsTwice,
    HasWrongChecksum,
}

/// A session between a venue and the faults of the way.
struct World {
    session: Session,
    venues: [Published; 2],
    outbox: Vec<String>,
    now: UnixNanos,
}

impl World {
    fn new() -> Self {
        let session = session_of(SETTINGS, &["A/USD", "B/USD"]);
        let venues = [Published::new("A/USD"), Published::new("B/USD")];
        let mut world = Self { session, venues, outbox: vec![PAIRS.to_owned()], now: UnixNanos(0) };
        world.input(Input::Connected);
        world
    }

    fn input(&mut self, input: Input<'_>) {
        let mut actions = Vec::new();
        self.session.handle(self.now, input, &mut actions);
        for action in actions {
            match action {
                Action::Send(text) => {
                    let message = serde_json::from_str(&text).unwrap();
                    for venue in &mut self.venues {
                        venue.answer(&message, &mut self.outbox);
                    }
                }
                Action::Close(reason) => panic!("closed: {reason:?}"),
                _ => {}
            }
        }
    }

    /// Time passes, and what the venue has said arrives.
    fn pass(&mut self, nanos: i64) {
        let until = self.now.plus(nanos);
        while self.now < until {
            self.now = self.now.plus(50 * MS);
            self.input(Input::Alive);
            self.input(Input::Timer);
            for text in std::mem::take(&mut self.outbox) {
                self.input(frame(&text));
            }
        }
    }

    /// A book that says that it is right has what the venue shows.
    fn check(&self, index: usize) -> TestCaseResult {
        let feed = self.session.feed(index).unwrap();
        if feed.state() == BookState::Live {
            prop_assert_eq!(feed.book(), &self.venues[index].shown);
        }
        Ok(())
    }
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        12 => Just(Way::Arrives),
        1 => Just(Way::IsLost),
        1 => Just(Way::IsCut),
        1 => Just(Way::IsTwice),
        1 => Just(Way::HasWrongChecksum),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_book_is_right_or_flagged_and_recovers_alone(
        steps in prop::collection::vec(
            (way(), 0usize..2, any::<bool>(), 980i64..1020, prop_oneof![Just(0i64), 1i64..500]),
            1..150,
        ),
    ) {
        let mut world = World::new();
        world.pass(2_000 * MS);
        for (way, index, is_bid, price, qty) in steps {
            // Faults happen to the first instrument alone.
            let way = if index == 0 { way } else { Way::Arrives };
            let side = if is_bid { Side::Bid } else { Side::Ask };
            let error = u32::from(matches!(way, Way::HasWrongChecksum));
            if let Some(text) = world.venues[index].change(side, Level::new(price, qty), error) {
                match way {
                    Way::IsLost => continue,
                    Way::IsCut => world.input(frame(&text[..text.len() / 2])),
                    Way::IsTwice => {
                        world.input(frame(&text));
                        world.input(frame(&text));
                    }
                    Way::Arrives | Way::HasWrongChecksum => world.input(frame(&text)),
                }
                world.check(index)?;
            }
            world.pass(100 * MS);
        }
        // Three resubscriptions in a row may have failed: then an hour passes.
        world.pass(QUARANTINE_NANOS / 100);
        world.now = world.now.plus(QUARANTINE_NANOS);
        world.input(Input::Alive);
        world.pass(10_000 * MS);
        // A message lost last of all shows at the next one.
        for (index, qty) in [(0, 777), (1, 777)] {
            let best = world.venues[index].book.side(Side::Bid).best().unwrap();
            let text = world.venues[index].change(Side::Bid, Level::new(best.price.0, qty), 0);
            world.input(frame(&text.unwrap()));
        }
        world.pass(10_000 * MS);
        for index in 0..2 {
            let feed = world.session.feed(index).unwrap();
            prop_assert_eq!(feed.state(), BookState::Live);
            prop_assert_eq!(feed.book(), &world.venues[index].shown);
        }
        prop_assert_eq!(world.session.feed(1).unwrap().counts().resyncs, 0);
        prop_assert_eq!(world.session.feed(1).unwrap().counts().checksums_bad, 0);
    }
}
