//! The venue's side of the engine: what it publishes, and what it remembers of its pairs and connections.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;

use opus2_types::{Level, Price, Qty, SeqRange, Side, UnixNanos};

use super::auth::Tokens;
use super::message::{
    Figures, OrderEntry, Trade, book_checksum, orders_checksum, write_book, write_orders, write_ticker,
    write_trades,
};
use super::rules::KrakenRules;
use super::scope::{Scope, Sight};
use crate::desk::Desk;
use crate::engine::BEAT;
use crate::fault::Twist;
use crate::hub::{CloseReason, Directive};
use crate::market::{Change, Ladder, OrderEvent, OrderEventKind, Step, World};
use crate::stream::{StreamId, StreamKind};

/// Depths of `book`.
pub(crate) const BOOKS: [(StreamKind, usize); 5] = [
    (StreamKind::Book10, 10),
    (StreamKind::Book25, 25),
    (StreamKind::Book100, 100),
    (StreamKind::Book500, 500),
    (StreamKind::Book1000, 1000),
];
/// Depths of `level3`, and what a subscription costs.
pub(crate) const ORDERS: [(StreamKind, usize, u32); 3] =
    [(StreamKind::Orders10, 10, 5), (StreamKind::Orders100, 100, 25), (StreamKind::Orders1000, 1000, 100)];
/// Trades remembered for REST; the first message of `trade` has the latest [`TRADES_SHOWN`].
const RECENT_LIMIT: usize = 100;
const TRADES_SHOWN: usize = 50;
/// How far beyond the spread a level or order is that a fault invents, in price units.
const CROSSED_BY: i64 = 5;
/// What a fault does to a checksum.
const CHECKSUM_TWIST: u32 = 0x5a5a_5a5a;

/// What the venue knows of a pair besides its book.
#[derive(Debug)]
pub(crate) struct Pair {
    /// What clients of each depth see, bids and asks; kept while there are any. Books, then orders.
    scopes: BTreeMap<StreamKind, [Scope; 2]>,
    /// The latest trades, newest last.
    pub(crate) recent: VecDeque<Trade>,
    pub(crate) figures: Figures,
}

/// What the venue remembers of a connection.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// Beats since it said something.
    pub(crate) silent_beats: u64,
    /// Beats since something was sent to it.
    quiet_beats: u64,
    pub(crate) has_subscribed: bool,
    /// Whether it has shown a token.
    pub(crate) is_authenticated: bool,
    /// What its `level3` subscriptions cost in this second, and when that began.
    pub(crate) level3_cost: (UnixNanos, u32),
}

/// Simulated Kraken, without its sockets.
#[derive(Debug)]
pub(crate) struct Kraken {
    pub(crate) first: usize,
    pub(crate) pairs: Vec<Pair>,
    by_symbol: HashMap<String, usize>,
    pub(crate) clients: BTreeMap<u64, Client>,
    pub(crate) tokens: Tokens,
    pub(crate) rules: KrakenRules,
}

/// What one step is to a pair: where, and when by the clock on the wall.
#[derive(Clone, Copy)]
struct Scene<'a> {
    ladder: &'a Ladder,
    instrument: usize,
    time: UnixNanos,
    sequence: SeqRange,
}

impl Kraken {
    /// For these instruments of the world.
    pub(crate) fn new(world: &World, instruments: Range<usize>, rules: &KrakenRules) -> Self {
        let by_symbol =
            instruments.clone().map(|instrument| (world.listing(instrument).symbol.clone(), instrument));
        Self {
            first: instruments.start,
            by_symbol: by_symbol.collect(),
            pairs: instruments.map(|instrument| Pair::new(world, instrument)).collect(),
            clients: BTreeMap::new(),
            tokens: Tokens::default(),
            rules: rules.clone(),
        }
    }

    /// The instrument of a pair.
    pub(crate) fn instrument(&self, symbol: &str) -> Option<usize> {
        self.by_symbol.get(symbol).copied()
    }

    pub(crate) fn pair(&self, instrument: usize) -> &Pair {
        &self.pairs[instrument - self.first]
    }

    /// Publishes what one order did. How many messages of `book`, `trade` and `ticker` (`bbo`) it was.
    pub(crate) fn on_step(&mut self, world: &World, step: &Step<'_>, desk: &mut Desk) -> usize {
        if step.effects.changes.is_empty() {
            return 0;
        }
        let instrument = step.instrument;
        let scene = Scene {
            ladder: world.ladder(instrument),
            instrument,
            time: desk.wall_at(step.at),
            sequence: SeqRange { first: step.update_id, last: step.update_id },
        };
        let pair = &mut self.pairs[instrument - self.first];
        if !pair.scopes.is_empty() {
            pair.scopes.retain(|kind, _| desk.listens(instrument, *kind));
            pair.publish_books(scene, &step.effects.changes, desk);
            pair.publish_orders(scene, &step.effects.changes, &step.effects.orders, desk);
        }
        let has_traded = !step.effects.fills.is_empty();
        if has_traded {
            pair.publish_trades(scene, step, desk);
            pair.publish_ticker(scene, StreamKind::TickerTrades, desk);
        }
        if step.new_best.is_some() {
            pair.publish_ticker(scene, StreamKind::TickerBbo, desk);
        }
        1 + usize::from(has_traded) + usize::from(step.new_best.is_some())
    }

    /// The first message of a stream on a connection, as far as the client wants it. From now on its depth is followed.
    pub(crate) fn greet(
        &mut self,
        world: &World,
        desk: &mut Desk,
        connection: u64,
        (stream, wants_snapshot): (StreamId, bool),
    ) {
        let StreamId { instrument, kind } = stream;
        let now = desk.wall.now();
        let (update_id, _) = world.ids(instrument);
        let sequence = SeqRange { first: update_id, last: update_id };
        let scene = Scene { ladder: world.ladder(instrument), instrument, time: now, sequence };
        let pair = &mut self.pairs[instrument - self.first];
        if let Some(depth) = depth_of(kind) {
            let scope = |side| Scope::new(scene.ladder, side, depth);
            pair.scopes.entry(kind).or_insert_with(|| [scope(Side::Bid), scope(Side::Ask)]);
        }
        if !wants_snapshot {
            return;
        }
        let symbols = desk.symbols.clone();
        let symbol = &symbols[instrument];
        match kind {
            StreamKind::KrakenTrade => {
                let shown = pair.recent.len().saturating_sub(TRADES_SHOWN);
                let recent = pair.recent.iter().skip(shown);
                desk.publish_to(connection, stream, None, &mut |text, _, _| {
                    write_trades(text, true, recent.clone(), symbol);
                });
            }
            StreamKind::TickerTrades | StreamKind::TickerBbo => {
                let best = best(scene.ladder);
                desk.publish_to(connection, stream, Some(sequence), &mut |text, _, _| {
                    write_ticker(text, true, best, &pair.figures, (symbol, now));
                });
            }
            _ => publish_snapshot(desk, connection, stream, scene),
        }
    }

    /// Heartbeats, and connections that say nothing and want nothing.
    pub(crate) fn beat(&mut self, desk: &mut Desk, _beats: u64, rules: &KrakenRules) {
        for (connection, client) in &mut self.clients {
            client.silent_beats += 1;
            client.quiet_beats = if desk.hub.was_quiet(*connection) { client.quiet_beats + 1 } else { 0 };
            if client.has_subscribed && client.quiet_beats >= in_beats(rules.heartbeat_after).max(1) {
                desk.notice(*connection, r#"{"channel":"heartbeat"}"#);
            }
            if !client.has_subscribed && client.silent_beats > in_beats(rules.idle_timeout) {
                let now = tokio::time::Instant::now();
                desk.hub.direct(*connection, Directive::CloseAt(now, CloseReason::Idle));
            }
        }
    }
}

/// How many levels a stream covers.
pub(crate) fn depth_of(kind: StreamKind) -> Option<usize> {
    let book = BOOKS.iter().find(|(known, _)| *known == kind).map(|(_, depth)| *depth);
    book.or_else(|| ORDERS.iter().find(|(known, _, _)| *known == kind).map(|(_, depth, _)| *depth))
}

const fn is_orders(kind: StreamKind) -> bool {
    matches!(kind, StreamKind::Orders10 | StreamKind::Orders100 | StreamKind::Orders1000)
}

fn best(ladder: &Ladder) -> [Level; 2] {
    [Side::Bid, Side::Ask].map(|side| ladder.best(side).unwrap_or_default())
}

fn in_beats(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis() / BEAT.as_millis()).unwrap_or(u64::MAX)
}

fn crossed_level(ladder: &Ladder) -> Level {
    let [_, ask] = best(ladder);
    Level { price: Price(ask.price.0 + CROSSED_BY), qty: Qty(1) }
}

/// A checksum, or what a fault makes of it.
const fn told(checksum: u32, twist: Twist) -> u32 {
    if matches!(twist, Twist::WrongChecksum) { checksum ^ CHECKSUM_TWIST } else { checksum }
}

/// A book as a whole, by level or by order.
fn publish_snapshot(desk: &mut Desk, connection: u64, stream: StreamId, scene: Scene<'_>) {
    let Scene { ladder, instrument, time, sequence } = scene;
    let symbols = desk.symbols.clone();
    let symbol = &symbols[instrument];
    let depth = depth_of(stream.kind).unwrap_or_default();
    if is_orders(stream.kind) {
        let side = |side| -> Vec<OrderEntry> {
            ladder.iter(side).take(depth).flat_map(|level| entries(ladder, side, level.price, None)).collect()
        };
        let (bids, asks) = (side(Side::Bid), side(Side::Ask));
        let checksum = orders_checksum(ladder);
        desk.send_snapshot(connection, stream, sequence, &mut |text, _, twist| {
            write_orders(text, true, [&bids, &asks], told(checksum, twist), (symbol, instrument, time));
        });
        return;
    }
    let (bids, asks) = (ladder.levels(Side::Bid, depth), ladder.levels(Side::Ask, depth));
    let checksum = book_checksum(ladder);
    desk.send_snapshot(connection, stream, sequence, &mut |text, _, twist| {
        write_book(text, true, [&bids, &asks], told(checksum, twist), (symbol, time));
    });
}

/// Every order of a level.
fn entries(
    ladder: &Ladder,
    side: Side,
    price: Price,
    event: Option<&'static str>,
) -> impl Iterator<Item = OrderEntry> {
    ladder.queue(side, price).map(move |order| OrderEntry {
        event,
        id: order.id,
        price: order.price,
        qty: order.qty,
        stamp: order.stamp,
    })
}

impl Pair {
    fn new(world: &World, instrument: usize) -> Self {
        let price = world.ladder(instrument).best(Side::Bid).unwrap_or_default().price;
        let volume = world.listing(instrument).day_volume();
        let figures = Figures { last: price, low: price, high: price, open: price, volume };
        Self { scopes: BTreeMap::new(), recent: VecDeque::new(), figures }
    }

    fn publish_books(&mut self, scene: Scene<'_>, changes: &[Change], desk: &mut Desk) {
        let Scene { ladder, instrument, time, sequence } = scene;
        let symbols = desk.symbols.clone();
        let mut checksum = None;
        for (kind, scopes) in self.scopes.iter_mut().filter(|(kind, _)| !is_orders(**kind)) {
            let [bids, asks] = scopes;
            let bids = level_news(bids, Side::Bid, ladder, changes);
            let asks = level_news(asks, Side::Ask, ladder, changes);
            if bids.is_empty() && asks.is_empty() {
                continue;
            }
            let checksum = *checksum.get_or_insert_with(|| book_checksum(ladder));
            let stream = StreamId { instrument, kind: *kind };
            desk.publish(stream, Some(sequence), &mut |text, _, twist| {
                let mut bids = bids.clone();
                if twist == Twist::Crossed {
                    bids.push(crossed_level(ladder));
                }
                let checksum = told(checksum, twist);
                write_book(text, false, [&bids, &asks], checksum, (&symbols[instrument], time));
            });
        }
    }

    fn publish_orders(
        &mut self,
        scene: Scene<'_>,
        changes: &[Change],
        events: &[OrderEvent],
        desk: &mut Desk,
    ) {
        let Scene { ladder, instrument, time, sequence } = scene;
        let symbols = desk.symbols.clone();
        let mut checksum = None;
        for (kind, scopes) in self.scopes.iter_mut().filter(|(kind, _)| is_orders(**kind)) {
            let [bids, asks] = scopes;
            let bids = order_news(bids, Side::Bid, ladder, (changes, events));
            let asks = order_news(asks, Side::Ask, ladder, (changes, events));
            if bids.is_empty() && asks.is_empty() {
                continue;
            }
            let checksum = *checksum.get_or_insert_with(|| orders_checksum(ladder));
            let stream = StreamId { instrument, kind: *kind };
            desk.publish(stream, Some(sequence), &mut |text, _, twist| {
                let mut bids = bids.clone();
                if twist == Twist::Crossed {
                    let Level { price, qty } = crossed_level(ladder);
                    bids.push(OrderEntry { event: Some("add"), id: 1, price, qty, stamp: time.0 });
                }
                let place = (&symbols[instrument], instrument, time);
                write_orders(text, false, [&bids, &asks], told(checksum, twist), place);
            });
        }
    }

    fn publish_trades(&mut self, scene: Scene<'_>, step: &Step<'_>, desk: &mut Desk) {
        let fills = &step.effects.fills;
        let first = step.last_trade_id + 1 - fills.len() as u64;
        let is_market = step.effects.taker.is_some_and(|taker| taker.id.is_multiple_of(2));
        for (id, fill) in (first..).zip(fills) {
            let (price, qty, aggressor) = (fill.price, fill.qty, fill.aggressor);
            if self.recent.len() >= RECENT_LIMIT {
                self.recent.pop_front();
            }
            self.recent.push_back(Trade { id, price, qty, aggressor, is_market, time: scene.time });
            let figures = &mut self.figures;
            figures.last = price;
            figures.low = figures.low.min(price);
            figures.high = figures.high.max(price);
            figures.volume = figures.volume.saturating_add(qty.0);
        }
        let symbols = desk.symbols.clone();
        let symbol = &symbols[scene.instrument];
        let new = self.recent.iter().skip(self.recent.len().saturating_sub(fills.len()));
        let sequence = SeqRange { first, last: step.last_trade_id };
        let stream = StreamId { instrument: scene.instrument, kind: StreamKind::KrakenTrade };
        desk.publish(stream, Some(sequence), &mut |text, _, _| {
            write_trades(text, false, new.clone(), symbol);
        });
    }

    fn publish_ticker(&self, scene: Scene<'_>, kind: StreamKind, desk: &mut Desk) {
        let Scene { ladder, instrument, time, sequence } = scene;
        let symbols = desk.symbols.clone();
        desk.publish(StreamId { instrument, kind }, Some(sequence), &mut |text, _, _| {
            write_ticker(text, false, best(ladder), &self.figures, (&symbols[instrument], time));
        });
    }
}

/// What a client of this depth is told of the levels of a side.
fn level_news(scope: &mut Scope, side: Side, ladder: &Ladder, changes: &[Change]) -> Vec<Level> {
    let mut entered = Vec::new();
    let sight = scope.advance(ladder, changes, &mut entered);
    let is_told = |change: &&Change| {
        let price = change.level.price;
        change.side == side && if change.level.qty.0 == 0 { sight.had(price) } else { sight.keeps(price) }
    };
    let mut news: Vec<Level> = changes.iter().filter(is_told).map(|change| change.level).collect();
    news.extend(entered);
    news
}

/// What a client of this depth is told of the orders of a side.
fn order_news(
    scope: &mut Scope,
    side: Side,
    ladder: &Ladder,
    (changes, events): (&[Change], &[OrderEvent]),
) -> Vec<OrderEntry> {
    let mut entered = Vec::new();
    let sight = scope.advance(ladder, changes, &mut entered);
    let mut news = Vec::new();
    for event in events.iter().filter(|event| event.side == side) {
        tell_order(&mut news, event, sight);
    }
    for level in entered {
        news.extend(entries(ladder, side, level.price, Some("add")));
    }
    news
}

fn tell_order(news: &mut Vec<OrderEntry>, event: &OrderEvent, sight: Sight) {
    let mut tell = |name, Level { price, qty }: Level| {
        let is_told = if name == "delete" { sight.had(price) } else { sight.keeps(price) };
        if is_told {
            news.push(OrderEntry { event: Some(name), id: event.id, price, qty, stamp: event.stamp });
        }
    };
    match event.kind {
        OrderEventKind::Added { at } => tell("add", at),
        OrderEventKind::Reduced { at, .. } => tell("modify", at),
        OrderEventKind::Filled { at, .. } if at.qty.0 > 0 => tell("modify", at),
        OrderEventKind::Filled { at, traded } => tell("delete", Level { price: at.price, qty: traded }),
        OrderEventKind::Canceled { at } => tell("delete", at),
        OrderEventKind::Moved { from, to } => {
            tell("delete", from);
            tell("add", to);
        }
    }
}
