//! What clients ask for over their sockets, and the replies: one for every symbol.

use opus2_types::{UnixNanos, Venue};
use serde_json::{Map, Value, json};

use super::face::{BOOKS, Client, Kraken, ORDERS};
use super::message::TIME_DIGITS;
use crate::desk::Desk;
use crate::fault::FaultKind;
use crate::market::{Listing, World};
use crate::stream::{StreamId, StreamKind};
use crate::text::{scaled, time_text};

/// Most streams of a connection; the venue documents none.
const STREAMS_LIMIT: usize = 50_000;
const SECOND_NANOS: i64 = 1_000_000_000;

/// A request, and what all replies to it repeat.
struct Request {
    method: &'static str,
    params: Value,
    req_id: Option<Value>,
    time_in: UnixNanos,
}

impl Request {
    /// Ends a reply.
    fn finish(&self, mut reply: Map<String, Value>, now: UnixNanos) -> String {
        reply.insert("method".into(), self.method.into());
        reply.insert("time_in".into(), time_text(self.time_in, TIME_DIGITS).into());
        reply.insert("time_out".into(), time_text(now, TIME_DIGITS).into());
        if let Some(req_id) = &self.req_id {
            reply.insert("req_id".into(), req_id.clone());
        }
        Value::from(reply).to_string()
    }

    fn refuse(&self, error: &str, symbol: Option<&str>, now: UnixNanos) -> String {
        let mut reply = Map::new();
        reply.insert("success".into(), false.into());
        reply.insert("error".into(), error.into());
        if let Some(symbol) = symbol {
            reply.insert("symbol".into(), symbol.into());
        }
        self.finish(reply, now)
    }

    fn accept(&self, result: Value, now: UnixNanos) -> String {
        let mut reply = Map::new();
        reply.insert("success".into(), true.into());
        reply.insert("result".into(), result);
        self.finish(reply, now)
    }
}

impl Kraken {
    /// Greets a new connection with the state of the engine.
    pub(crate) fn connected(&mut self, desk: &mut Desk, connection: u64) {
        self.clients.insert(connection, Client::default());
        // Beyond what an i64 holds, as the venue's are.
        let connection_id = 13_834_774_380_200_032_777_u64.wrapping_add(connection);
        let status = format!(
            r#"{{"channel":"status","type":"update","data":[{{"version":"2.0.9","system":"online","api_version":"v2","connection_id":{connection_id}}}]}}"#
        );
        desk.notice(connection, status);
    }

    pub(crate) fn disconnected(&mut self, connection: u64) {
        self.clients.remove(&connection);
    }

    /// Answers a client's message.
    pub(crate) fn control(&mut self, world: &World, desk: &mut Desk, connection: u64, text: &str) {
        let now = desk.wall.now();
        if let Some(client) = self.clients.get_mut(&connection) {
            client.silent_beats = 0;
        }
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            desk.notice(connection, r#"{"error":"Malformed request","success":false}"#);
            return;
        };
        let method = match message["method"].as_str() {
            Some("subscribe") => "subscribe",
            Some("unsubscribe") => "unsubscribe",
            Some("ping") => "ping",
            _ => {
                desk.notice(connection, r#"{"error":"Unsupported method","success":false}"#);
                return;
            }
        };
        let params = message["params"].clone();
        let request = Request { method, params, req_id: message.get("req_id").cloned(), time_in: now };
        if method == "ping" {
            let pong = Request { method: "pong", ..request };
            desk.notice(connection, pong.finish(Map::new(), now));
            return;
        }
        if request.params["channel"] == "instrument" {
            self.subscribe_instruments(world, desk, connection, &request);
            return;
        }
        let symbols = request.params["symbol"].as_array().cloned().unwrap_or_default();
        let kind = match kind_of(&request.params) {
            Ok(kind) if !symbols.is_empty() => kind,
            Ok(_) => {
                desk.notice(connection, request.refuse("No symbol(s) given", None, now));
                return;
            }
            Err(error) => {
                desk.notice(connection, request.refuse(error, None, now));
                return;
            }
        };
        for symbol in symbols.iter().filter_map(Value::as_str) {
            self.change(world, desk, connection, (&request, kind, symbol));
        }
    }

    /// Subscribes or unsubscribes one symbol, and answers for it.
    fn change(
        &mut self,
        world: &World,
        desk: &mut Desk,
        connection: u64,
        (request, kind, symbol): (&Request, StreamKind, &str),
    ) {
        let now = desk.wall.now();
        let Some(instrument) = self.instrument(symbol) else {
            let error = format!("Currency pair not supported {symbol}");
            desk.notice(connection, request.refuse(&error, Some(symbol), now));
            return;
        };
        let stream = StreamId { instrument, kind };
        if request.method == "unsubscribe" {
            let had = desk.hub.streams(connection).any(|had| had == stream);
            desk.hub.unsubscribe(connection, &[format!("{}:{symbol}", kind.name())]);
            let reply = if had {
                request.accept(result(&request.params, symbol), now)
            } else {
                request.refuse("Subscription Not Found", Some(symbol), now)
            };
            desk.notice(connection, reply);
            return;
        }
        if let Some(error) = self.refusal(desk, connection, stream, &request.params) {
            desk.notice(connection, request.refuse(error, Some(symbol), now));
            return;
        }
        let names = vec![(format!("{}:{symbol}", kind.name()), Some(stream))];
        if !desk.hub.subscribe(connection, names, STREAMS_LIMIT) {
            desk.notice(connection, request.refuse("Exceeded subscriptions", Some(symbol), now));
            return;
        }
        if let Some(client) = self.clients.get_mut(&connection) {
            client.has_subscribed = true;
        }
        desk.notice(connection, request.accept(result(&request.params, symbol), now));
        // Trades are shown on request only, books and tickers unless declined.
        let default = kind != StreamKind::KrakenTrade;
        let wants_snapshot = request.params.get("snapshot").and_then(Value::as_bool).unwrap_or(default);
        self.greet(world, desk, connection, (stream, wants_snapshot));
    }

    /// Why a subscription is refused, if it is.
    fn refusal(
        &mut self,
        desk: &mut Desk,
        connection: u64,
        stream: StreamId,
        params: &Value,
    ) -> Option<&'static str> {
        let is_same = |had: StreamId| {
            had.instrument == stream.instrument && channel_of(had.kind) == channel_of(stream.kind)
        };
        if desk.hub.streams(connection).any(is_same) {
            return Some("Already subscribed");
        }
        let now = desk.wall.now();
        if stream.kind.has_checksum() {
            match desk.faults.request(Venue::Kraken, Some(stream.instrument), true, now) {
                None => {}
                Some(FaultKind::RefuseSnapshot) => return Some("EService:Unavailable"),
                Some(_) => return Some("Exceeded msg rate"),
            }
        }
        let (_, _, cost) = ORDERS.iter().find(|(kind, _, _)| *kind == stream.kind)?;
        let client = self.clients.get_mut(&connection)?;
        let token = params["token"].as_str().unwrap_or_default();
        // Once used, a token is good for the life of the connection.
        client.is_authenticated |= self.tokens.is_valid(token, now);
        if !client.is_authenticated || token.is_empty() {
            return Some("EGeneral:Permission denied");
        }
        let count = desk.hub.streams(connection).filter(|had| channel_of(had.kind) == "level3").count();
        if count >= self.rules.level3_symbols_limit {
            return Some("Exceeded symbols per connection");
        }
        let (since, used) = &mut client.level3_cost;
        if now.since(*since) >= SECOND_NANOS {
            (*since, *used) = (now, 0);
        }
        if *used + cost > self.rules.level3_cost_per_sec {
            return Some("Exceeded msg rate");
        }
        *used += cost;
        None
    }

    /// `instrument` has no symbols; its snapshot is the list of all pairs. Nothing is listed or delisted afterwards.
    fn subscribe_instruments(&mut self, world: &World, desk: &mut Desk, connection: u64, request: &Request) {
        let now = desk.wall.now();
        let wants_snapshot = request.params.get("snapshot").and_then(Value::as_bool).unwrap_or(true);
        let result = json!({ "channel": "instrument", "snapshot": wants_snapshot, "warnings": [] });
        desk.notice(connection, request.accept(result, now));
        if request.method == "unsubscribe" {
            return;
        }
        if let Some(client) = self.clients.get_mut(&connection) {
            client.has_subscribed = true;
        }
        if wants_snapshot {
            let listings = (self.first..self.first + self.pairs.len()).map(|index| world.listing(index));
            desk.notice(connection, instruments_text(listings));
        }
    }
}

/// The stream that the parameters describe, whatever the symbol.
fn kind_of(params: &Value) -> Result<StreamKind, &'static str> {
    let depth = params.get("depth").map_or(Some(10), Value::as_u64);
    let depth = depth.and_then(|depth| usize::try_from(depth).ok());
    match params["channel"].as_str() {
        Some("book") => {
            let known = BOOKS.iter().find(|(_, known)| Some(*known) == depth);
            known.map(|(kind, _)| *kind).ok_or("Subscription depth not supported")
        }
        Some("level3") => {
            let known = ORDERS.iter().find(|(_, known, _)| Some(*known) == depth);
            known.map(|(kind, _, _)| *kind).ok_or("Subscription depth not supported")
        }
        Some("trade") => Ok(StreamKind::KrakenTrade),
        Some("ticker") => match params["event_trigger"].as_str() {
            None | Some("trades") => Ok(StreamKind::TickerTrades),
            Some("bbo") => Ok(StreamKind::TickerBbo),
            Some(_) => Err("Event trigger not supported"),
        },
        _ => Err("Channel not supported"),
    }
}

/// The name of a stream's channel.
fn channel_of(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::KrakenTrade => "trade",
        StreamKind::TickerBbo | StreamKind::TickerTrades => "ticker",
        StreamKind::Orders10 | StreamKind::Orders100 | StreamKind::Orders1000 => "level3",
        _ => "book",
    }
}

/// What an acknowledgement repeats: the parameters, for one symbol.
fn result(params: &Value, symbol: &str) -> Value {
    let mut result = params.clone();
    if let Some(fields) = result.as_object_mut() {
        fields.insert("symbol".into(), symbol.into());
        fields.remove("token");
        if fields["channel"] == "book" || fields["channel"] == "level3" {
            fields.entry("depth").or_insert(10.into());
            fields.entry("snapshot").or_insert(true.into());
        }
        fields.insert("warnings".into(), json!([]));
    }
    result
}

/// All pairs and their assets. Numbers are written as the venue does: increments with an exponent when they are small.
fn instruments_text<'a>(listings: impl Iterator<Item = &'a Listing>) -> String {
    let mut assets = std::collections::BTreeSet::new();
    let mut pairs = Vec::new();
    for listing in listings {
        assets.insert(listing.base.as_str());
        assets.insert(listing.quote.as_str());
        let Listing { symbol, base, quote, price_scale, qty_scale, .. } = listing;
        let (price_increment, qty_increment) = (increment(*price_scale), increment(*qty_scale));
        let cost_min = scaled(listing.notional_min, 8);
        pairs.push(format!(
            r#"{{"symbol":"{symbol}","base":"{base}","quote":"{quote}","status":"online","qty_precision":{qty_scale},"qty_increment":{qty_increment},"qty_min":{qty_increment},"price_precision":{price_scale},"price_increment":{price_increment},"tick_size":{price_increment},"cost_precision":8,"cost_min":"{cost_min}","marginable":false,"has_index":true}}"#
        ));
    }
    let assets: Vec<String> = assets
        .into_iter()
        .map(|asset| {
            format!(
                r#"{{"id":"{asset}","status":"enabled","precision":10,"precision_display":5,"borrowable":false,"collateral_value":0.0}}"#
            )
        })
        .collect();
    format!(
        r#"{{"channel":"instrument","type":"snapshot","data":{{"assets":[{}],"pairs":[{}]}}}}"#,
        assets.join(","),
        pairs.join(",")
    )
}

/// 10^-scale: `0.1`, `1e-08`.
fn increment(scale: u8) -> String {
    if scale >= 5 { format!("1e-{scale:02}") } else { scaled(1, scale) }
}
