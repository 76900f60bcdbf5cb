//! The order-by-order feed: whatever goes wrong, the book is the venue's or says that it is not, and comes back; and what
//! it says of the orders that trades fill.

use std::fmt::Write as _;

use opus2_book::L3Book;
use opus2_types::{
    BookState, Channel, FeedKind, InstrumentSpec, Order, OrderId, Price, Qty, Side, SpecOrigin, UnixNanos,
    Venue,
};
use proptest::prelude::*;

use crate::{Feed, What};

fn spec() -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Coinbase,
        symbol: "A-USD".into(),
        base: "A".into(),
        quote: "USD".into(),
        price_scale: 0,
        qty_scale: 0,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::CoinbaseFull,
    }
}

fn uuid(id: OrderId) -> String {
    format!("00000000-0000-0000-0000-{:012x}", id.0)
}

/// The venue: its book, and the messages that tell of every change.
struct Exchange {
    book: L3Book,
    sequence: u64,
    orders_count: u64,
}

/// What the venue does next.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Open(bool, i64, i64),
    Cancel(u64),
    Execute(u64, i64),
    Change(u64, Option<i64>, i64),
    /// A market order, or one that was never to rest.
    Pass,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (any::<bool>(), 1i64..6, 1i64..9).prop_map(|(is_bid, away, qty)| Deed::Open(is_bid, away, qty)),
        3 => any::<u64>().prop_map(Deed::Cancel),
        2 => (any::<u64>(), 1i64..9).prop_map(|(which, qty)| Deed::Execute(which, qty)),
        2 => (any::<u64>(), prop::option::of(1i64..6), 1i64..9).prop_map(|(which, away, qty)| Deed::Change(which, away, qty)),
        1 => Just(Deed::Pass),
    ]
}

impl Exchange {
    fn pick(&self, which: u64) -> Option<(Side, Order)> {
        let all: Vec<Order> = self.book.orders(Side::Bid).chain(self.book.orders(Side::Ask)).collect();
        let order = all.get(usize::try_from(which).unwrap_or(0) % all.len().max(1))?;
        self.book.order(order.id)
    }

    fn price(side: Side, away: i64) -> i64 {
        if side == Side::Bid { 100 - away } else { 100 + away }
    }

    /// Does it, and gives the message that says so.
    fn act(&mut self, deed: Deed) -> String {
        self.sequence += 1;
        let rest = match deed {
            Deed::Open(is_bid, away, qty) => {
                let side = if is_bid { Side::Bid } else { Side::Ask };
                self.orders_count += 1;
                let (id, price) = (self.orders_count, Self::price(side, away));
                self.book.insert(side, Order::new(OrderId::from(id), price, qty)).unwrap();
                let (id, side) = (uuid(OrderId::from(id)), if is_bid { "buy" } else { "sell" });
                format!(
                    r#""type":"open","order_id":"{id}","price":"{price}","remaining_size":"{qty}","side":"{side}""#
                )
            }
            Deed::Cancel(which) => match self.pick(which) {
                Some((_, order)) => {
                    self.book.remove(order.id);
                    format!(r#""type":"done","order_id":"{}","reason":"canceled""#, uuid(order.id))
                }
                None => self.pass(),
            },
            Deed::Execute(which, qty) => match self.pick(which) {
                Some((side, order)) => {
                    let qty = qty.min(order.qty.0);
                    self.book.reduce(order.id, Qty(qty));
                    let (id, price) = (uuid(order.id), order.price.0);
                    let side = if side == Side::Bid { "buy" } else { "sell" };
                    format!(
                        r#""type":"match","trade_id":{},"maker_order_id":"{id}","size":"{qty}","price":"{price}","side":"{side}""#,
                        self.sequence
                    )
                }
                None => self.pass(),
            },
            Deed::Change(which, away, qty) => match self.pick(which) {
                Some((side, order)) => {
                    let price = away.map_or(order.price.0, |away| Self::price(side, away));
                    self.book.modify(order.id, Price(price), Qty(qty));
                    let id = uuid(order.id);
                    format!(r#""type":"change","order_id":"{id}","new_size":"{qty}","new_price":"{price}""#)
                }
                None => self.pass(),
            },
            Deed::Pass => self.pass(),
        };
        format!(
            r#"{{"product_id":"A-USD","sequence":{},"time":"2026-11-22T14:00:00Z",{rest}}}"#,
            self.sequence
        )
    }

    fn pass(&self) -> String {
        let id = uuid(OrderId::from(1 << 40 | self.sequence));
        format!(r#""type":"done","order_id":"{id}","reason":"filled""#)
    }

    fn snapshot(&self) -> String {
        let side = |side| {
            let mut text = String::new();
            for order in self.book.orders(side) {
                let separator = if text.is_empty() { "" } else { "," };
                let (price, qty, id) = (order.price.0, order.qty.0, uuid(order.id));
                write!(text, r#"{separator}["{price}","{qty}","{id}"]"#).unwrap();
            }
            text
        };
        let (bids, asks) = (side(Side::Bid), side(Side::Ask));
        format!(r#"{{"sequence":{},"bids":[{bids}],"asks":[{asks}]}}"#, self.sequence)
    }

    fn heartbeat(&self) -> String {
        let sequence = self.sequence;
        format!(
            r#"{{"type":"heartbeat","sequence":{sequence},"last_trade_id":0,"product_id":"A-USD","time":"2026-11-22T14:00:00Z"}}"#
        )
    }
}

/// What becomes of a message on its way.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Arrives,
    Lost,
    Doubled,
    /// Arrives after the next one.
    Late,
    Spoilt,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        40 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Doubled),
        1 => Just(Fate::Late),
        1 => Just(Fate::Spoilt),
    ]
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Message(Deed, Fate),
    /// The venue answers for the moment it was asked; the answer comes so many messages later.
    Ask,
    Answer,
    Heartbeat,
    SaveAndRestore,
    RecordLost,
    Reconnect,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        40 => (deed(), fate()).prop_map(|(deed, fate)| Step::Message(deed, fate)),
        4 => Just(Step::Ask),
        4 => Just(Step::Answer),
        2 => Just(Step::Heartbeat),
        1 => Just(Step::SaveAndRestore),
        1 => Just(Step::RecordLost),
        1 => Just(Step::Reconnect),
    ];
    prop::collection::vec(step, 0..250)
}

/// The books as they were after each number: what a live book must be equal to.
type History = Vec<(u64, Vec<Order>, Vec<Order>)>;

fn compare(feed: &Feed, history: &History, sequence: u64) -> Result<(), TestCaseError> {
    let (_, bids, asks) = history.iter().rev().find(|(at, _, _)| *at == sequence).expect("it was played");
    let orders = feed.orders().expect("it has orders");
    let all =
        |side| orders.queues(feed.book(), side).flat_map(opus2_book::OrderQueue::orders).collect::<Vec<_>>();
    prop_assert_eq!(&all(Side::Bid), bids);
    prop_assert_eq!(&all(Side::Ask), asks);
    for side in [Side::Bid, Side::Ask] {
        let sums = orders.queues(feed.book(), side).map(|queue| queue.level());
        prop_assert_eq!(sums.collect::<Vec<_>>(), feed.book().side(side).levels().collect::<Vec<_>>());
    }
    Ok(())
}

/// The feed's side of the line.
struct Line {
    feed: Feed,
    /// The number that the feed's book includes, while it is live.
    sequence: u64,
}

impl Line {
    fn take(&mut self, channel: Channel, text: &str) {
        let applied = self.feed.apply(channel, text.as_bytes(), UnixNanos(1));
        let is_live = matches!(applied.state, BookState::Live | BookState::Crossed);
        let has_moved =
            !matches!(applied.what, What::Covered | What::Rejected(_)) && channel != Channel::Other;
        if is_live && has_moved {
            self.sequence = applied.seq.last;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2_000 }))]

    #[test]
    fn a_book_of_orders_is_right_or_flagged_and_recovers(steps in steps()) {
        let mut exchange = Exchange { book: L3Book::new(), sequence: 10, orders_count: 0 };
        let mut line = Line { feed: Feed::new(spec()), sequence: 0 };
        line.feed.connected();
        let mut history: History = vec![(10, Vec::new(), Vec::new())];
        let (mut answer, mut late) = (None, None::<String>);
        for step in steps {
            match step {
                Step::Message(deed, fate) => {
                    let text = exchange.act(deed);
                    let book = |side| exchange.book.orders(side).collect();
                    history.push((exchange.sequence, book(Side::Bid), book(Side::Ask)));
                    let overdue = late.take();
                    match fate {
                        Fate::Arrives => line.take(Channel::Depth, &text),
                        Fate::Lost => {}
                        Fate::Doubled => {
                            line.take(Channel::Depth, &text);
                            line.take(Channel::Depth, &text);
                        }
                        Fate::Late => late = Some(text),
                        Fate::Spoilt => line.take(Channel::Depth, &text[..text.len() / 2]),
                    }
                    if let Some(overdue) = overdue {
                        line.take(Channel::Depth, &overdue);
                    }
                }
                Step::Ask => answer = Some(exchange.snapshot()),
                Step::Answer => {
                    if let Some(answer) = answer.take() {
                        line.take(Channel::Snapshot, &answer);
                    }
                }
                Step::Heartbeat => line.take(Channel::Other, &exchange.heartbeat()),
                Step::SaveAndRestore => {
                    line.feed = Feed::from_state(line.feed.to_state()).expect("it was saved by us");
                }
                Step::RecordLost => line.feed.lost(),
                Step::Reconnect => {
                    line.feed.disconnected();
                    line.feed.connected();
                }
            }
            if matches!(line.feed.state(), BookState::Live | BookState::Crossed) {
                compare(&line.feed, &history, line.sequence)?;
            }
        }
        // Two heartbeats show a loss at the end; then one snapshot of the moment is all it takes.
        line.take(Channel::Other, &exchange.heartbeat());
        line.take(Channel::Other, &exchange.heartbeat());
        line.take(Channel::Snapshot, &exchange.snapshot());
        prop_assert_eq!(line.feed.state(), BookState::Live);
        compare(&line.feed, &history, exchange.sequence)?;
    }
}

/// The orders that trades filled, with what they showed, of a script in which one word is one message: `s` a snapshot as of
/// number 10 with order 1, a bid of 10 at 99, and order 2, an ask of 5 at 101; `m1x4` a match of 4 of order 1; `o1x3` order
/// 1 opens as a bid of 3 at 99; `c` a bid opens at 102; `=` the last message again; `-` one is lost; `lost` and `save`
/// what they say.
fn makers(script: &str) -> String {
    let mut feed = Feed::new(spec());
    feed.connected();
    let (mut sequence, mut last, mut told) = (10, String::new(), Vec::new());
    for word in script.split_whitespace() {
        let (head, rest) = word.split_at(1);
        let id_and_size = || {
            let (id, size) = rest.split_once('x').unwrap();
            (uuid(OrderId::from(id.parse::<u64>().unwrap())), size)
        };
        let fields = match (head, word) {
            (_, "lost") => {
                feed.lost();
                continue;
            }
            (_, "save") => {
                feed = Feed::from_state(feed.to_state()).unwrap();
                continue;
            }
            ("-", _) => {
                sequence += 1;
                continue;
            }
            ("s", _) => {
                let [one, two] = [1u64, 2].map(|id| uuid(OrderId::from(id)));
                let text =
                    format!(r#"{{"sequence":10,"bids":[["99","10","{one}"]],"asks":[["101","5","{two}"]]}}"#);
                feed.apply(Channel::Snapshot, text.as_bytes(), UnixNanos(1));
                continue;
            }
            ("=", _) => None,
            ("m", _) => {
                let (id, size) = id_and_size();
                Some(format!(
                    r#""type":"match","trade_id":{sequence},"maker_order_id":"{id}","size":"{size}","price":"99","side":"buy""#
                ))
            }
            ("o", _) => {
                let (id, size) = id_and_size();
                Some(format!(
                    r#""type":"open","order_id":"{id}","price":"99","remaining_size":"{size}","side":"buy""#
                ))
            }
            _ => {
                let id = uuid(OrderId(77));
                Some(format!(
                    r#""type":"open","order_id":"{id}","price":"102","remaining_size":"1","side":"buy""#
                ))
            }
        };
        if let Some(fields) = fields {
            sequence += 1;
            last = format!(
                r#"{{"product_id":"A-USD","sequence":{sequence},"time":"2026-11-22T14:00:00Z",{fields}}}"#
            );
        }
        feed.apply(Channel::Depth, last.as_bytes(), UnixNanos(1));
        told.extend(feed.trades().iter().map(|trade| match trade.event.maker {
            Some(maker) => format!("{}:{}", maker.order.0, maker.shown.0),
            None => "none".to_owned(),
        }));
    }
    told.join(" ")
}

#[test]
fn a_trade_names_the_order_it_fills_and_what_that_showed() {
    for (script, expect) in [
        ("s m1x4 m1x6", "1:10 1:6"),
        ("s m1x10 o1x10 m1x2", "1:10 1:10"),
        ("s m1x4 save m1x1", "1:10 1:6"),
        ("s m1x4 = m1x1", "1:10 1:6"),
        ("m1x4 s m1x1", "none 1:6"),
        ("s m9x4 m1x1", "none none"),
        ("s m1x11 m1x1", "none none"),
        ("s - m1x4", "none"),
        ("s lost m1x4", "none"),
        ("s c m1x4", "none"),
    ] {
        assert_eq!(makers(script), expect, "{script}");
    }
}
