//! The venue's side of the engine: what it publishes, and what its clients ask for over their sockets.

use opus2_types::{Level, Price, Qty, SeqRange, Side};
use serde_json::Value;

use super::control::{self, Call, Request};
use super::frame::{self, Form, Stamp};
use super::publisher::{Body, Publication, Publisher};
use super::stream::StreamNames;
use crate::desk::Desk;
use crate::dialect::Dialect;
use crate::fault::Twist;
use crate::market::{SimTime, Step, World};

/// How far beyond the spread a level is that a fault invents, in price units.
const CROSSED_BY: i64 = 5;

/// Simulated Binance, without its sockets.
#[derive(Debug)]
pub(crate) struct Binance {
    publisher: Publisher,
    names: StreamNames,
    connection_streams_limit: usize,
}

impl Binance {
    /// For the first `count` instruments of the world.
    pub(crate) fn new(world: &World, count: usize, connection_streams_limit: usize) -> Self {
        let symbols = (0..count).map(|instrument| world.listing(instrument).symbol.as_str());
        Self {
            names: StreamNames::new(symbols),
            publisher: Publisher::new(world, count),
            connection_streams_limit,
        }
    }

    pub(crate) fn next_at(&self) -> SimTime {
        self.publisher.next_at()
    }

    pub(crate) fn on_step(&mut self, world: &World, step: &Step<'_>, desk: &mut Desk) -> usize {
        let names = &self.names;
        self.publisher.on_step(step, &mut |publication| publish(world, desk, names, publication))
    }

    /// Ends the next interval. Whose message it is, if it counts for the rate.
    pub(crate) fn on_time(&mut self, world: &World, desk: &mut Desk) -> Option<usize> {
        let names = &self.names;
        self.publisher.end_interval(world, &mut |publication| publish(world, desk, names, publication))
    }

    pub(crate) fn publish_waiting(&mut self, world: &World, now: SimTime, desk: &mut Desk) {
        let names = &self.names;
        let publish = &mut |publication: &Publication<'_>| publish(world, desk, names, publication);
        self.publisher.publish_waiting(world, now, publish);
    }

    /// Subscribes a new connection to what its address asks for. The number of streams was checked before the upgrade.
    pub(crate) fn connected(&self, desk: &mut Desk, connection: u64, streams: &[String]) {
        self.subscribe(desk, connection, streams, usize::MAX);
    }

    fn subscribe(&self, desk: &mut Desk, connection: u64, names: &[String], limit: usize) -> bool {
        let streams = names.iter().map(|name| (name.clone(), self.names.find(name))).collect();
        desk.hub.subscribe(connection, streams, limit)
    }

    /// Tells a connection that it will be closed.
    pub(crate) fn announce_shutdown(desk: &mut Desk, connection: u64) {
        let sent = desk.wall.now();
        let Some(Dialect::Binance(form)) = desk.hub.dialect_mut(connection) else { return };
        let notice = frame::server_shutdown(sent, *form);
        desk.notice(connection, notice);
    }

    /// Answers a client's message.
    pub(crate) fn control(&self, desk: &mut Desk, connection: u64, text: &str) {
        let reply = match control::parse_call(text) {
            Ok(call) => self.call(desk, connection, call),
            Err(refusal) => {
                tracing::debug!(connection, ?refusal, "request refused");
                refusal.to_text()
            }
        };
        desk.notice(connection, reply);
    }

    fn call(&self, desk: &mut Desk, connection: u64, call: Call) -> String {
        let result = match call.request {
            Request::Subscribe(names) => {
                if !self.subscribe(desk, connection, &names, self.connection_streams_limit) {
                    return control::too_many_subscriptions_text(&call.id);
                }
                Value::Null
            }
            Request::Unsubscribe(names) => {
                desk.hub.unsubscribe(connection, &names);
                Value::Null
            }
            Request::ListSubscriptions => desk.hub.subscriptions(connection).into(),
            Request::SetCombined(is_combined) => {
                if let Some(Dialect::Binance(form)) = desk.hub.dialect_mut(connection) {
                    form.is_combined = is_combined;
                }
                Value::Null
            }
            Request::GetCombined => match desk.hub.dialect_mut(connection) {
                Some(Dialect::Binance(form)) => form.is_combined.into(),
                _ => false.into(),
            },
        };
        control::result_text(&result, &call.id)
    }
}

/// Sends a publication to everybody who listens. `E` is read here, just before the frame is queued.
fn publish(world: &World, desk: &mut Desk, names: &StreamNames, publication: &Publication<'_>) {
    let stamp = Stamp { matched: desk.wall_at(publication.at), sent: desk.wall.now() };
    let symbols = desk.symbols.clone();
    let symbol = &symbols[publication.stream.instrument];
    let sequence = match publication.body {
        Body::Depth { first, last, .. } => SeqRange { first, last },
        Body::Trade { id, .. } => SeqRange { first: id, last: id },
        Body::BookTicker { update_id, .. } => SeqRange { first: update_id, last: update_id },
    };
    desk.publish(publication.stream, Some(sequence), &mut |text, variant, twist| {
        let form = Form::from_index(variant);
        match (publication.body, twist) {
            (Body::Depth { first, last, bids, asks }, Twist::Crossed) => {
                let bids = crossed(world, publication.stream.instrument, bids);
                let body = Body::Depth { first, last, bids: &bids, asks };
                frame::write_frame(text, &Publication { body, ..*publication }, symbol, names, stamp, form);
            }
            _ => frame::write_frame(text, publication, symbol, names, stamp, form),
        }
    });
}

/// The bids of a batch with one more, above the best ask.
fn crossed(world: &World, instrument: usize, bids: &[Level]) -> Vec<Level> {
    let best = world.ladder(instrument).best(Side::Ask).map_or(0, |ask| ask.price.0);
    let mut bids = bids.to_vec();
    bids.insert(0, Level { price: Price(best + CROSSED_BY), qty: Qty(1) });
    bids
}
