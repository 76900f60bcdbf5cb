//! The venue's side of the engine: what it publishes, and what it remembers of its products and connections.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::ops::Range;

use opus2_types::{Level, Price, Qty, SeqRange, Side, UnixNanos};

use super::advanced;
use super::message::{
    FullEvent, LEVEL3_SCHEMA, Match, Place, TIME_DIGITS, full_events, write_full, write_l2update,
    write_level3, write_levels, write_match,
};
use super::rules::CoinbaseRules;
use super::ticker::{DayFigures, write_ticker};
use crate::desk::Desk;
use crate::engine::{BEAT, BEATS_PER_SEC};
use crate::fault::Twist;
use crate::hub::{CloseReason, Directive};
use crate::market::{SimTime, Step, World};
use crate::stream::{StreamId, StreamKind};
use crate::text::{push, write_time};

/// The intervals of what is sent together: changed levels of the Exchange feed, trades of the Advanced Trade feed.
const INTERVALS: [u64; 2] = [50 * SimTime::MILLISECOND, 250 * SimTime::MILLISECOND];
/// Trades remembered for REST and for the first message of `market_trades`.
const RECENT_LIMIT: usize = 100;
/// How far beyond the spread a level or order is that a fault invents, in price units.
const CROSSED_BY: i64 = 5;

/// What the venue knows of a product besides its book.
#[derive(Debug)]
pub(crate) struct Product {
    /// Number of the latest message of `full`.
    pub(crate) sequence: u64,
    /// The latest trades, newest last.
    pub(crate) recent: VecDeque<Match>,
    pub(crate) day: DayFigures,
    /// Levels that changed since the last batch, and when the newest did.
    bids: BTreeSet<Reverse<Price>>,
    asks: BTreeSet<Price>,
    newest: UnixNanos,
    /// Trades since the last message of `market_trades`.
    trades: Vec<Match>,
}

/// What the venue remembers of a connection.
#[derive(Debug, Default)]
pub(crate) struct Client {
    is_advanced: bool,
    /// Beats since it connected.
    age_beats: u64,
    /// Beats since something was sent to it.
    quiet_beats: u64,
    pub(crate) has_subscribed: bool,
    /// Whether its Advanced Trade connection wants heartbeats, and how many it got.
    pub(crate) heartbeats: Option<u64>,
}

/// Simulated Coinbase, Exchange and Advanced Trade, without its sockets.
#[derive(Debug)]
pub(crate) struct Coinbase {
    pub(crate) first: usize,
    pub(crate) products: Vec<Product>,
    by_symbol: HashMap<String, usize>,
    /// Ends of intervals: time, product, index into [`INTERVALS`].
    ends: BinaryHeap<Reverse<(SimTime, usize, usize)>>,
    pub(crate) clients: BTreeMap<u64, Client>,
    pub(crate) rules: CoinbaseRules,
    events: Vec<FullEvent>,
    changes: Vec<(Side, Level)>,
}

impl Coinbase {
    /// For these instruments of the world.
    pub(crate) fn new(world: &World, instruments: Range<usize>, rules: &CoinbaseRules) -> Self {
        let by_symbol =
            instruments.clone().map(|instrument| (world.listing(instrument).symbol.clone(), instrument));
        Self {
            first: instruments.start,
            by_symbol: by_symbol.collect(),
            products: instruments.map(|instrument| Product::new(world, instrument)).collect(),
            ends: BinaryHeap::new(),
            clients: BTreeMap::new(),
            rules: rules.clone(),
            events: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// The instrument of a product.
    pub(crate) fn instrument(&self, product: &str) -> Option<usize> {
        self.by_symbol.get(product).copied()
    }

    pub(crate) fn product(&self, instrument: usize) -> &Product {
        &self.products[instrument - self.first]
    }

    /// Number of the latest message of `full`.
    pub(crate) fn sequence(&self, instrument: usize) -> u64 {
        self.product(instrument).sequence
    }

    /// When the next interval ends.
    pub(crate) fn next_at(&self) -> SimTime {
        self.ends.peek().map_or(SimTime(u64::MAX), |Reverse((at, _, _))| *at)
    }

    pub(crate) fn connected(&mut self, connection: u64, is_advanced: bool) {
        self.clients.insert(connection, Client { is_advanced, ..Client::default() });
    }

    pub(crate) fn disconnected(&mut self, connection: u64) {
        self.clients.remove(&connection);
    }

    /// Publishes what one order did. How many messages of `matches` it was.
    pub(crate) fn on_step(&mut self, world: &World, step: &Step<'_>, desk: &mut Desk) -> usize {
        if step.effects.changes.is_empty() {
            return 0;
        }
        let instrument = step.instrument;
        let time = desk.wall_at(step.at);
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let effects = step.effects;
        let first_trade_id = step.last_trade_id + 1 - effects.fills.len() as u64;
        full_events(&effects.orders, effects.taker.as_ref(), first_trade_id, &mut events);
        self.publish_orders(world, (instrument, time), &mut events, desk);
        self.events = events;
        self.publish_levels(world, step, time, desk);
        let product = &mut self.products[instrument - self.first];
        if product.is_batch_empty() {
            self.ends.push(Reverse((end_of(step.at, instrument, 0), instrument, 0)));
        }
        for change in &effects.changes {
            match change.side {
                Side::Bid => product.bids.insert(Reverse(change.level.price)),
                Side::Ask => product.asks.insert(change.level.price),
            };
        }
        product.newest = time;
        if !effects.fills.is_empty() {
            if product.trades.len() == effects.fills.len() {
                self.ends.push(Reverse((end_of(step.at, instrument, 1), instrument, 1)));
            }
            self.publish_ticker(world, instrument, desk);
        }
        effects.fills.len()
    }

    /// Numbers the events and sends them on `full`, `level3` and `matches`.
    fn publish_orders(
        &mut self,
        world: &World,
        (instrument, time): (usize, UnixNanos),
        events: &mut [FullEvent],
        desk: &mut Desk,
    ) {
        let symbols = desk.symbols.clone();
        let place = Place { symbol: &symbols[instrument], instrument, time };
        let product = &mut self.products[instrument - self.first];
        for event in events {
            product.sequence += 1;
            let sequence = product.sequence;
            if let FullEvent::Match(matched) = event {
                (matched.sequence, matched.time) = (sequence, time);
                product.note_trade(*matched);
                let trade = Some(SeqRange { first: matched.trade_id, last: matched.trade_id });
                desk.publish(StreamId { instrument, kind: StreamKind::Matches }, trade, &mut |text, _, _| {
                    write_match(text, "match", matched, place);
                });
            }
            let range = Some(SeqRange { first: sequence, last: sequence });
            desk.publish(StreamId { instrument, kind: StreamKind::Full }, range, &mut |text, _, twist| {
                write_full(text, &twisted(world, instrument, *event, twist), sequence, place);
            });
            desk.publish(StreamId { instrument, kind: StreamKind::Level3 }, range, &mut |text, _, twist| {
                write_level3(text, &twisted(world, instrument, *event, twist), sequence, place);
            });
        }
    }

    /// Sends changed levels at once to who wants them so.
    fn publish_levels(&self, world: &World, step: &Step<'_>, time: UnixNanos, desk: &mut Desk) {
        let instrument = step.instrument;
        let symbols = desk.symbols.clone();
        let place = Place { symbol: &symbols[instrument], instrument, time };
        let sequence = self.sequence(instrument);
        let range = Some(SeqRange { first: sequence, last: sequence });
        let changes = || step.effects.changes.iter().map(|change| (change.side, change.level));
        desk.publish(StreamId { instrument, kind: StreamKind::Level2 }, range, &mut |text, _, twist| {
            let mut changes: Vec<_> = changes().collect();
            cross(world, instrument, twist, &mut changes);
            write_l2update(text, &changes, place);
        });
        let kind = StreamKind::AdvancedLevel2;
        desk.publish(StreamId { instrument, kind }, range, &mut |text, _, twist| {
            let mut changes: Vec<_> = changes().collect();
            cross(world, instrument, twist, &mut changes);
            advanced::write_l2(text, "update", &changes, place);
        });
    }

    fn publish_ticker(&self, world: &World, instrument: usize, desk: &mut Desk) {
        let symbols = desk.symbols.clone();
        let product = self.product(instrument);
        let Some(last) = product.recent.back() else { return };
        let trade = Some(SeqRange { first: last.trade_id, last: last.trade_id });
        let best = [Side::Bid, Side::Ask].map(|side| world.ladder(instrument).best(side));
        let symbol = &symbols[instrument];
        desk.publish(StreamId { instrument, kind: StreamKind::Ticker }, trade, &mut |text, _, _| {
            write_ticker(text, last, &product.day, best, symbol);
        });
        let kind = StreamKind::AdvancedTicker;
        desk.publish(StreamId { instrument, kind }, trade, &mut |text, _, _| {
            advanced::write_ticker(text, last, &product.day, best, symbol);
        });
    }

    /// Ends the next interval. Whose message it is, if it counts for the rate.
    pub(crate) fn on_time(&mut self, world: &World, desk: &mut Desk) -> Option<usize> {
        let Reverse((_, instrument, which)) = self.ends.pop()?;
        if which == 0 {
            self.publish_batch(world, instrument, desk).then_some(instrument)
        } else {
            self.publish_trades(instrument, desk);
            None
        }
    }

    /// Publishes everything that waits for the end of its interval.
    pub(crate) fn publish_waiting(&mut self, world: &World, _now: SimTime, desk: &mut Desk) {
        for instrument in self.first..self.first + self.products.len() {
            self.publish_batch(world, instrument, desk);
            self.publish_trades(instrument, desk);
        }
        self.ends.clear();
    }

    /// Whether there was anything to publish.
    fn publish_batch(&mut self, world: &World, instrument: usize, desk: &mut Desk) -> bool {
        let product = &mut self.products[instrument - self.first];
        if product.is_batch_empty() {
            return false;
        }
        let symbols = desk.symbols.clone();
        let place = Place { symbol: &symbols[instrument], instrument, time: product.newest };
        let range = Some(SeqRange { first: product.sequence, last: product.sequence });
        let level = |side, price| (side, Level { price, qty: world.qty(instrument, side, price) });
        let changes = &mut self.changes;
        changes.clear();
        changes.extend(product.bids.iter().map(|Reverse(price)| level(Side::Bid, *price)));
        changes.extend(product.asks.iter().map(|price| level(Side::Ask, *price)));
        product.bids.clear();
        product.asks.clear();
        desk.publish(StreamId { instrument, kind: StreamKind::Level2Batch }, range, &mut |text, _, twist| {
            let mut changes = changes.clone();
            cross(world, instrument, twist, &mut changes);
            write_l2update(text, &changes, place);
        });
        true
    }

    fn publish_trades(&mut self, instrument: usize, desk: &mut Desk) {
        let symbols = desk.symbols.clone();
        let now = desk.wall.now();
        let product = &mut self.products[instrument - self.first];
        let (Some(first), Some(last)) = (product.trades.first(), product.trades.last()) else { return };
        let range = Some(SeqRange { first: first.trade_id, last: last.trade_id });
        let trades = &product.trades;
        let kind = StreamKind::AdvancedTrades;
        desk.publish(StreamId { instrument, kind }, range, &mut |text, _, _| {
            advanced::write_trades(text, "update", trades.iter(), &symbols[instrument], now);
        });
        product.trades.clear();
    }

    /// The first message of a stream on a connection: the book, the trade before, the schema.
    pub(crate) fn greet(&mut self, world: &World, desk: &mut Desk, connection: u64, stream: StreamId) {
        let StreamId { instrument, kind } = stream;
        let symbols = desk.symbols.clone();
        let now = desk.wall.now();
        let place = Place { symbol: &symbols[instrument], instrument, time: now };
        let sequence = self.sequence(instrument);
        let range = SeqRange { first: sequence, last: sequence };
        let recent = &self.product(instrument).recent;
        match kind {
            StreamKind::Level2 | StreamKind::Level2Batch => {
                desk.send_snapshot(connection, stream, range, &mut |text, _, _| {
                    write_snapshot(text, world, place);
                });
            }
            StreamKind::AdvancedLevel2 => {
                let levels = |side| world.ladder(instrument).iter(side).map(move |level| (side, level));
                let changes: Vec<_> = levels(Side::Bid).chain(levels(Side::Ask)).collect();
                desk.send_snapshot(connection, stream, range, &mut |text, _, _| {
                    advanced::write_l2(text, "snapshot", &changes, place);
                });
            }
            StreamKind::AdvancedTrades => {
                desk.publish_to(connection, stream, None, &mut |text, _, _| {
                    advanced::write_trades(text, "snapshot", recent.iter().rev(), place.symbol, now);
                });
            }
            StreamKind::Matches => {
                let Some(last) = recent.back() else { return };
                desk.publish_to(connection, stream, Some(range), &mut |text, _, _| {
                    write_match(text, "last_match", last, place);
                });
            }
            StreamKind::Level3 => desk.notice(connection, LEVEL3_SCHEMA),
            _ => {}
        }
    }

    /// Heartbeats, and connections that did not subscribe in time or have nothing to hear.
    pub(crate) fn beat(&mut self, desk: &mut Desk, beats: u64, rules: &CoinbaseRules) {
        let phase = usize::try_from(beats % BEATS_PER_SEC).unwrap_or_default();
        for instrument in (self.first + phase..self.first + self.products.len()).step_by(10) {
            self.publish_heartbeat(desk, instrument);
        }
        for (connection, client) in &mut self.clients {
            client.age_beats += 1;
            client.quiet_beats = if desk.hub.was_quiet(*connection) { client.quiet_beats + 1 } else { 0 };
            let is_late = !client.has_subscribed && in_beats(rules.subscribe_within) < client.age_beats;
            let is_idle = client.is_advanced && in_beats(rules.advanced_idle) < client.quiet_beats;
            if is_late || is_idle {
                let reason = if is_late { CloseReason::NoSubscription } else { CloseReason::Idle };
                desk.hub.direct(*connection, Directive::CloseAt(tokio::time::Instant::now(), reason));
            }
            if let Some(count) = &mut client.heartbeats
                && (client.age_beats % BEATS_PER_SEC) == 0
            {
                *count += 1;
                let text = advanced::heartbeat_text(desk.wall.now(), *count);
                desk.notice(*connection, text);
            }
        }
    }

    fn publish_heartbeat(&self, desk: &mut Desk, instrument: usize) {
        if !desk.listens(instrument, StreamKind::Heartbeat) {
            return;
        }
        let product = self.product(instrument);
        let (symbols, now) = (desk.symbols.clone(), desk.wall.now());
        let (name, sequence) = (&symbols[instrument].name, product.sequence);
        let last_trade_id = product.recent.back().map_or(0, |last| last.trade_id);
        let stream = StreamId { instrument, kind: StreamKind::Heartbeat };
        desk.publish(stream, Some(SeqRange { first: sequence, last: sequence }), &mut |text, _, _| {
            push(text, format_args!("{{\"type\":\"heartbeat\",\"last_trade_id\":{last_trade_id}"));
            push(text, format_args!(",\"product_id\":\"{name}\",\"sequence\":{sequence},\"time\":\""));
            write_time(text, now, TIME_DIGITS);
            text.push_str("\"}");
        });
    }
}

impl Product {
    fn new(world: &World, instrument: usize) -> Self {
        let (update_id, trade_id) = world.ids(instrument);
        let best = world.ladder(instrument).best(Side::Bid).unwrap_or_default();
        // A trade from before the simulation: there is always a last one.
        let before = Match {
            trade_id,
            sequence: update_id * 2,
            maker: update_id,
            taker: update_id + 1,
            price: best.price,
            qty: Qty(1),
            maker_side: Side::Bid,
            time: UnixNanos(world.opened_at()),
        };
        Self {
            sequence: update_id * 2,
            recent: [before].into(),
            day: DayFigures::new(world.listing(instrument), best.price),
            bids: BTreeSet::new(),
            asks: BTreeSet::new(),
            newest: UnixNanos(0),
            trades: Vec::new(),
        }
    }

    fn is_batch_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }

    fn note_trade(&mut self, matched: Match) {
        if self.recent.len() >= RECENT_LIMIT {
            self.recent.pop_front();
        }
        self.recent.push_back(matched);
        self.trades.push(matched);
        self.day.note(matched.price, matched.qty);
    }
}

fn in_beats(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis() / BEAT.as_millis()).unwrap_or(u64::MAX)
}

/// The end of the interval that `now` is in; every product has a phase of its own.
fn end_of(now: SimTime, instrument: usize, which: usize) -> SimTime {
    now.next_on_grid(INTERVALS[which], (instrument as u64).wrapping_mul(37 * SimTime::MILLISECOND))
}

/// Adds a bid beyond the best ask when a fault wants one.
fn cross(world: &World, instrument: usize, twist: Twist, changes: &mut Vec<(Side, Level)>) {
    if twist == Twist::Crossed {
        let best = world.ladder(instrument).best(Side::Ask).map_or(0, |ask| ask.price.0);
        changes.push((Side::Bid, Level { price: Price(best + CROSSED_BY), qty: Qty(1) }));
    }
}

/// Replaces an event by an order beyond the best ask when a fault wants one.
fn twisted(world: &World, instrument: usize, event: FullEvent, twist: Twist) -> FullEvent {
    if twist != Twist::Crossed {
        return event;
    }
    let best = world.ladder(instrument).best(Side::Ask).map_or(0, |ask| ask.price.0);
    FullEvent::Open { id: 1, side: Side::Bid, price: Price(best + CROSSED_BY), qty: Qty(1) }
}

/// The whole book: `snapshot`.
fn write_snapshot(text: &mut String, world: &World, place: Place<'_>) {
    let Place { symbol, instrument, time } = place;
    push(text, format_args!("{{\"type\":\"snapshot\",\"product_id\":\"{}\",\"asks\":", symbol.name));
    write_levels(text, world.ladder(instrument).iter(Side::Ask), symbol, |_, _| {});
    text.push_str(",\"bids\":");
    write_levels(text, world.ladder(instrument).iter(Side::Bid), symbol, |_, _| {});
    text.push_str(",\"time\":\"");
    write_time(text, time, TIME_DIGITS);
    text.push_str("\"}");
}
