//! What clients of both feeds ask for over their sockets, and the replies.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::advanced::write_envelope;
use super::auth::verify;
use super::face::Coinbase;
use crate::desk::Desk;
use crate::market::World;
use crate::stream::{StreamId, StreamKind};

/// Channels of the Exchange feed by every name they have, and the name that replies use.
const CHANNELS: [(&str, StreamKind, &str); 8] = [
    ("level2_batch", StreamKind::Level2Batch, "level2_50"),
    ("level2_50", StreamKind::Level2Batch, "level2_50"),
    ("level2", StreamKind::Level2, "level2"),
    ("full", StreamKind::Full, "full"),
    ("level3", StreamKind::Level3, "level3"),
    ("matches", StreamKind::Matches, "matches"),
    ("ticker", StreamKind::Ticker, "ticker"),
    ("heartbeat", StreamKind::Heartbeat, "heartbeat"),
];

/// Channels of the Advanced Trade feed.
const ADVANCED_CHANNELS: [(&str, StreamKind); 3] = [
    ("level2", StreamKind::AdvancedLevel2),
    ("market_trades", StreamKind::AdvancedTrades),
    ("ticker", StreamKind::AdvancedTicker),
];

/// Most streams of a connection; the venue documents none.
const STREAMS_LIMIT: usize = 50_000;

/// An error message and its reason.
struct Refused {
    message: &'static str,
    reason: String,
}

fn refused(reason: impl Into<String>) -> Refused {
    Refused { message: "Failed to subscribe", reason: reason.into() }
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The name under which a connection's subscription is counted.
fn stream_name(kind: StreamKind, symbol: &str) -> String {
    format!("{}:{symbol}", kind.name())
}

impl Coinbase {
    /// Answers a message on the Exchange feed.
    pub(crate) fn control_exchange(&mut self, world: &World, desk: &mut Desk, connection: u64, text: &str) {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            desk.notice(connection, r#"{"type":"error","message":"Malformed JSON"}"#);
            return;
        };
        let done = match message["type"].as_str() {
            Some("subscribe") => self.subscribe(world, desk, connection, &message),
            Some("unsubscribe") => self.unsubscribe(desk, connection, &message),
            _ => Err(Refused {
                message: "Type has to be either subscribe or unsubscribe",
                reason: String::new(),
            }),
        };
        if let Err(Refused { message, reason }) = done {
            tracing::debug!(connection, message, reason, "subscription refused");
            let error = json!({ "type": "error", "message": message, "reason": reason });
            desk.notice(connection, error.to_string());
        }
    }

    /// The streams a message names: channels with products of their own, or the message's.
    fn wanted(&self, message: &Value) -> Result<Vec<(StreamKind, Vec<usize>)>, Refused> {
        let products = strings(message.get("product_ids"));
        let channels = message.get("channels").and_then(Value::as_array);
        let channels = channels.filter(|channels| !channels.is_empty());
        let mut wanted = Vec::new();
        for channel in channels.ok_or_else(|| refused("no channels provided"))? {
            let (name, own) = match channel {
                Value::String(name) => (name.as_str(), None),
                other => (other["name"].as_str().unwrap_or_default(), other.get("product_ids")),
            };
            let known = CHANNELS.iter().find(|(known, _, _)| *known == name);
            let (_, kind, _) = known.ok_or_else(|| refused(format!("{name} is not a valid channel")))?;
            let names = if own.is_some() { strings(own) } else { products.clone() };
            let mut instruments = Vec::new();
            for name in names {
                let known = self.instrument(name);
                instruments.push(known.ok_or_else(|| refused(format!("{name} is not a valid product")))?);
            }
            wanted.push((*kind, instruments));
        }
        Ok(wanted)
    }

    fn subscribe(
        &mut self,
        world: &World,
        desk: &mut Desk,
        connection: u64,
        message: &Value,
    ) -> Result<(), Refused> {
        let wanted = self.wanted(message)?;
        if wanted.iter().any(|(_, instruments)| instruments.is_empty()) {
            return Err(refused("no product ids provided"));
        }
        let needs_key = |kind| matches!(kind, StreamKind::Level2 | StreamKind::Level3 | StreamKind::Full);
        match verify(message, &self.rules, desk.wall.now()) {
            Some(false) => return Err(Refused { message: "Authentication Failed", reason: "{}".into() }),
            None if wanted.iter().any(|(kind, _)| needs_key(*kind)) => {
                return Err(refused(
                    "level2, level3, and full channels now require authentication. \
                     https://docs.cloud.coinbase.com/exchange/docs/websocket-auth",
                ));
            }
            Some(true) | None => {}
        }
        let symbols = desk.symbols.clone();
        let new: Vec<StreamId> = wanted
            .into_iter()
            .flat_map(|(kind, instruments)| {
                instruments.into_iter().map(move |instrument| StreamId { instrument, kind })
            })
            .filter(|stream| !desk.hub.streams(connection).any(|had| had == *stream))
            .collect();
        let names = new
            .iter()
            .map(|stream| (stream_name(stream.kind, &symbols[stream.instrument].name), Some(*stream)))
            .collect();
        if !desk.hub.subscribe(connection, names, STREAMS_LIMIT) {
            return Err(refused("too many subscriptions"));
        }
        if let Some(client) = self.clients.get_mut(&connection) {
            client.has_subscribed = true;
        }
        reply_subscriptions(desk, connection);
        let mut greeted_schema = false;
        for stream in new {
            // The schema is the same for every product.
            if stream.kind != StreamKind::Level3 || !std::mem::replace(&mut greeted_schema, true) {
                self.greet(world, desk, connection, stream);
            }
        }
        Ok(())
    }

    fn unsubscribe(&mut self, desk: &mut Desk, connection: u64, message: &Value) -> Result<(), Refused> {
        let symbols = desk.symbols.clone();
        let wanted = self.wanted(message)?;
        let mut names = Vec::new();
        for stream in desk.hub.streams(connection) {
            // A channel without products is left as a whole.
            let is_wanted = wanted.iter().any(|(kind, instruments)| {
                *kind == stream.kind && (instruments.is_empty() || instruments.contains(&stream.instrument))
            });
            if is_wanted {
                names.push(stream_name(stream.kind, &symbols[stream.instrument].name));
            }
        }
        desk.hub.unsubscribe(connection, &names);
        reply_subscriptions(desk, connection);
        Ok(())
    }

    /// Answers a message on the Advanced Trade feed.
    pub(crate) fn control_advanced(&mut self, world: &World, desk: &mut Desk, connection: u64, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let (kind, channel) = (message["type"].as_str(), message["channel"].as_str());
        let is_subscribe = kind == Some("subscribe");
        let error = match (kind, channel) {
            (Some("subscribe" | "unsubscribe"), Some("heartbeats")) => {
                self.set_heartbeats(connection, is_subscribe);
                None
            }
            (Some("subscribe" | "unsubscribe"), Some(name)) => {
                match ADVANCED_CHANNELS.iter().find(|(known, _)| *known == name) {
                    None => Some("channel is not supported".to_owned()),
                    Some((_, kind)) => {
                        self.change_advanced(world, desk, (connection, is_subscribe), *kind, &message)
                    }
                }
            }
            _ => Some("message is not a subscribe or unsubscribe request with a channel".to_owned()),
        };
        if let Some(error) = error {
            desk.notice(connection, json!({ "type": "error", "message": error }).to_string());
        }
        if matches!((kind, channel), (Some("subscribe" | "unsubscribe"), Some("heartbeats"))) {
            self.reply_advanced(desk, connection);
        }
    }

    fn set_heartbeats(&mut self, connection: u64, is_wanted: bool) {
        if let Some(client) = self.clients.get_mut(&connection) {
            client.has_subscribed |= is_wanted;
            client.heartbeats = is_wanted.then(|| client.heartbeats.unwrap_or_default());
        }
    }

    /// Subscribes or unsubscribes products; the error message when something is refused. What fits is accepted.
    fn change_advanced(
        &mut self,
        world: &World,
        desk: &mut Desk,
        (connection, is_subscribe): (u64, bool),
        kind: StreamKind,
        message: &Value,
    ) -> Option<String> {
        let mut error = None;
        let mut streams = Vec::new();
        for name in strings(message.get("product_ids")) {
            // A USDC product is another name for the dollar product, whose id its messages carry.
            let alias = name.strip_suffix("-USDC").map(|base| format!("{base}-USD"));
            let known = self.instrument(name).or_else(|| self.instrument(alias.as_deref()?));
            match known {
                Some(instrument) => streams.push(StreamId { instrument, kind }),
                None => error = Some(format!("invalid product_id {name}")),
            }
        }
        let symbols = desk.symbols.clone();
        let name = |stream: &StreamId| stream_name(kind, &symbols[stream.instrument].name);
        if !is_subscribe {
            desk.hub.unsubscribe(connection, &streams.iter().map(name).collect::<Vec<_>>());
            self.reply_advanced(desk, connection);
            return error;
        }
        let had: Vec<StreamId> = desk.hub.streams(connection).filter(|stream| stream.kind == kind).collect();
        streams.retain(|stream| !had.contains(stream));
        if kind == StreamKind::AdvancedLevel2 {
            let room = self.rules.advanced_products_limit.saturating_sub(had.len());
            if streams.len() > room {
                streams.truncate(room);
                error = Some("too many L2 streams requested in a single session".to_owned());
            }
        }
        let names = streams.iter().map(|stream| (name(stream), Some(*stream))).collect();
        desk.hub.subscribe(connection, names, STREAMS_LIMIT);
        if let Some(client) = self.clients.get_mut(&connection) {
            client.has_subscribed |= !streams.is_empty();
        }
        for stream in streams {
            self.greet(world, desk, connection, stream);
        }
        self.reply_advanced(desk, connection);
        error
    }

    /// The complete list of an Advanced Trade connection's subscriptions.
    fn reply_advanced(&self, desk: &mut Desk, connection: u64) {
        let mut list: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let symbols = desk.symbols.clone();
        for stream in desk.hub.streams(connection) {
            if let Some((name, _)) = ADVANCED_CHANNELS.iter().find(|(_, kind)| *kind == stream.kind) {
                list.entry(name).or_default().push(&symbols[stream.instrument].name);
            }
        }
        if self.clients.get(&connection).is_some_and(|client| client.heartbeats.is_some()) {
            list.insert("heartbeats", vec!["heartbeats"]);
        }
        let mut text = String::new();
        write_envelope(&mut text, "subscriptions", desk.wall.now());
        text.push_str(&json!({ "subscriptions": list }).to_string());
        text.push_str("]}");
        desk.notice(connection, text);
    }
}

/// The complete list of an Exchange connection's subscriptions.
fn reply_subscriptions(desk: &mut Desk, connection: u64) {
    let mut list: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let symbols = desk.symbols.clone();
    for stream in desk.hub.streams(connection) {
        if let Some((_, _, name)) = CHANNELS.iter().find(|(_, kind, _)| *kind == stream.kind) {
            list.entry(name).or_default().push(&symbols[stream.instrument].name);
        }
    }
    let channels: Vec<Value> = list
        .into_iter()
        .map(|(name, product_ids)| json!({ "name": name, "product_ids": product_ids }))
        .collect();
    desk.notice(connection, json!({ "type": "subscriptions", "channels": channels }).to_string());
}
