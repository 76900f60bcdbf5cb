//! The venue's HTTP side: `/0/public/…`, `/0/private/GetWebSocketsToken`, and the WebSocket upgrade. Errors are HTTP 200.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{any, get, post};
use opus2_types::{Level, Side, Venue};
use serde_json::{Map, Value, json};

use super::message::Trade;
use super::names::{alternative, altname, asset, key};
use crate::clock::wall_now;
use crate::dialect::Dialect;
use crate::fault::FaultKind;
use crate::limits::Limited;
use crate::market::Listing;
use crate::server::{Shared, json_response, stopping};
use crate::socket::SocketRules;
use crate::text::scaled;
use crate::upgrade::{plain, upgrade};

type App = State<Arc<Shared>>;
type Peer = ConnectInfo<SocketAddr>;
type Params = Query<Vec<(String, String)>>;

/// Levels a side of `Depth`: without `count`, and at most.
const DEPTH_LEVELS: (usize, usize) = (100, 500);
pub(crate) const TOKEN_PATH: &str = "/0/private/GetWebSocketsToken";
const SECOND_NANOS: i64 = 1_000_000_000;

/// The venue's routes. All its feeds are at `/v2`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v2", any(open))
        .route("/0/public/Time", get(time))
        .route("/0/public/SystemStatus", get(system_status))
        .route("/0/public/AssetPairs", get(asset_pairs))
        .route("/0/public/Ticker", get(ticker))
        .route("/0/public/Depth", get(depth))
        .route("/0/public/Trades", get(trades))
        .route(TOKEN_PATH, post(token))
}

fn fail(error: &str) -> Response {
    json_response(StatusCode::OK, json!({ "error": [error] }).to_string())
}

fn succeed(result: &Value) -> Response {
    json_response(StatusCode::OK, json!({ "error": [], "result": result }).to_string())
}

/// An answer instead of the wanted one: too many requests, or a fault.
async fn turned_away(
    app: &Shared,
    peer: SocketAddr,
    instrument: Option<usize>,
    is_snapshot: bool,
) -> Option<Response> {
    if !app.buckets().take(Limited::KrakenRest, peer.ip(), app.config.kraken.requests, wall_now()) {
        return Some(fail("EGeneral:Too many requests"));
    }
    match app.request_fault(Venue::Kraken, instrument, is_snapshot).await? {
        FaultKind::RefuseSnapshot => Some(fail("EService:Unavailable")),
        _ => Some(fail("EGeneral:Too many requests")),
    }
}

fn param<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn kraken(app: &Shared) -> impl Iterator<Item = (usize, &Listing)> {
    app.listings.iter().enumerate().filter(|(_, listing)| listing.venue == Venue::Kraken)
}

/// The instrument of a pair, by any of its names.
fn find(app: &Shared, name: &str) -> Option<usize> {
    kraken(app)
        .find(|(_, listing)| {
            let Listing { base, quote, symbol, .. } = listing;
            name == symbol
                || name == key(base, quote)
                || name == altname(base, quote)
                || name == wsname(listing)
        })
        .map(|(instrument, _)| instrument)
}

fn wsname(listing: &Listing) -> String {
    format!("{}/{}", alternative(&listing.base), alternative(&listing.quote))
}

/// The instruments that `pair` names, or all.
fn wanted(app: &Shared, params: &[(String, String)]) -> Option<Vec<usize>> {
    match param(params, "pair") {
        None => Some(kraken(app).map(|(instrument, _)| instrument).collect()),
        Some(names) => names.split(',').map(|name| find(app, name)).collect(),
    }
}

async fn time(State(app): App, ConnectInfo(peer): Peer) -> Response {
    if let Some(answer) = turned_away(&app, peer, None, false).await {
        return answer;
    }
    succeed(&json!({ "unixtime": wall_now().0.div_euclid(SECOND_NANOS) }))
}

async fn system_status(State(app): App, ConnectInfo(peer): Peer) -> Response {
    if let Some(answer) = turned_away(&app, peer, None, false).await {
        return answer;
    }
    let timestamp = crate::text::time_text(wall_now(), 3);
    succeed(&json!({ "status": "online", "timestamp": timestamp }))
}

async fn asset_pairs(State(app): App, ConnectInfo(peer): Peer, Query(params): Params) -> Response {
    if let Some(answer) = turned_away(&app, peer, None, false).await {
        return answer;
    }
    let Some(instruments) = wanted(&app, &params) else { return fail("EQuery:Unknown asset pair") };
    let mut pairs = Map::new();
    for listing in instruments.into_iter().map(|instrument| &app.listings[instrument]) {
        let Listing { base, quote, price_scale, qty_scale, notional_min, .. } = listing;
        let pair = json!({
            "altname": altname(base, quote),
            "wsname": wsname(listing),
            "aclass_base": "currency",
            "base": asset(base),
            "aclass_quote": "currency",
            "quote": asset(quote),
            "lot": "unit",
            "cost_decimals": 8,
            "pair_decimals": price_scale,
            "lot_decimals": qty_scale,
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, 0.4]],
            "fees_maker": [[0, 0.25]],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": scaled(1, *qty_scale),
            "costmin": scaled(*notional_min, 8),
            "tick_size": scaled(1, *price_scale),
            "status": "online",
            "execution_venue": "international",
        });
        pairs.insert(key(base, quote), pair);
    }
    succeed(&pairs.into())
}

async fn ticker(State(app): App, ConnectInfo(peer): Peer, Query(params): Params) -> Response {
    if let Some(answer) = turned_away(&app, peer, None, false).await {
        return answer;
    }
    let Some(instruments) = wanted(&app, &params) else { return fail("EQuery:Unknown asset pair") };
    let asked = instruments.clone();
    let looked = app.look(move |engine| {
        let one = |instrument: &usize| {
            let ladder = engine.floor.world.ladder(*instrument);
            let best = [Side::Ask, Side::Bid].map(|side| ladder.best(side).unwrap_or_default());
            (best, engine.floor.kraken.pair(*instrument).figures)
        };
        asked.iter().map(one).collect::<Vec<_>>()
    });
    let Some(now) = looked.await else { return stopping() };
    let mut tickers = Map::new();
    for (instrument, (best, figures)) in instruments.into_iter().zip(now) {
        let listing = &app.listings[instrument];
        let price = |units: i64| scaled(units, listing.price_scale);
        let qty = |units: i64| scaled(units, listing.qty_scale);
        let quote = |level: Level| {
            json!([price(level.price.0), qty(level.qty.0).split('.').next(), qty(level.qty.0)])
        };
        let ticker = json!({
            "a": quote(best[0]),
            "b": quote(best[1]),
            "c": [price(figures.last.0), qty(1)],
            "v": [qty(figures.volume), qty(figures.volume)],
            "p": [price(figures.last.0), price(figures.last.0)],
            "t": [1000, 1000],
            "l": [price(figures.low.0), price(figures.low.0)],
            "h": [price(figures.high.0), price(figures.high.0)],
            "o": price(figures.open.0),
        });
        tickers.insert(key(&listing.base, &listing.quote), ticker);
    }
    succeed(&tickers.into())
}

/// A price or a volume, and the whole seconds of a time.
fn row(level: &Level, listing: &Listing, seconds: i64) -> Value {
    json!([scaled(level.price.0, listing.price_scale), scaled(level.qty.0, listing.qty_scale), seconds])
}

async fn depth(State(app): App, ConnectInfo(peer): Peer, Query(params): Params) -> Response {
    let instrument = param(&params, "pair").and_then(|pair| find(&app, pair));
    if let Some(answer) = turned_away(&app, peer, instrument, true).await {
        return answer;
    }
    let Some(instrument) = instrument else { return fail("EQuery:Unknown asset pair") };
    let count = param(&params, "count").and_then(|count| count.parse().ok());
    let count = count.unwrap_or(DEPTH_LEVELS.0).clamp(1, DEPTH_LEVELS.1);
    let Some(book) = app.look(move |engine| engine.snapshot(instrument, count)).await else {
        return stopping();
    };
    tokio::time::sleep(app.config.rules.rest_latency).await;
    let listing = &app.listings[instrument];
    let seconds = wall_now().0.div_euclid(SECOND_NANOS);
    let side = |levels: &[Level]| levels.iter().map(|level| row(level, listing, seconds)).collect::<Vec<_>>();
    let mut result = Map::new();
    let book = json!({ "asks": side(&book.asks), "bids": side(&book.bids) });
    result.insert(key(&listing.base, &listing.quote), book);
    succeed(&result.into())
}

async fn trades(State(app): App, ConnectInfo(peer): Peer, Query(params): Params) -> Response {
    let instrument = param(&params, "pair").and_then(|pair| find(&app, pair));
    if let Some(answer) = turned_away(&app, peer, instrument, false).await {
        return answer;
    }
    let Some(instrument) = instrument else { return fail("EQuery:Unknown asset pair") };
    let since: i64 = param(&params, "since").and_then(|since| since.parse().ok()).unwrap_or_default();
    let looked = app.look(move |engine| {
        let recent = &engine.floor.kraken.pair(instrument).recent;
        recent.iter().filter(|trade| trade.time.0 > since).copied().collect::<Vec<Trade>>()
    });
    let Some(recent) = looked.await else { return stopping() };
    let listing = &app.listings[instrument];
    let rows: Vec<Value> = recent.iter().map(|trade| trade_row(trade, listing)).collect();
    let last = recent.last().map_or(since, |trade| trade.time.0);
    let mut result = Map::new();
    result.insert(key(&listing.base, &listing.quote), rows.into());
    result.insert("last".into(), last.to_string().into());
    succeed(&result.into())
}

/// Price, volume, time in seconds, side of the taker, order type, nothing, number.
fn trade_row(trade: &Trade, listing: &Listing) -> Value {
    let seconds = std::time::Duration::from_nanos(trade.time.0.unsigned_abs()).as_secs_f64();
    json!([
        scaled(trade.price.0, listing.price_scale),
        scaled(trade.qty.0, listing.qty_scale),
        seconds,
        if trade.aggressor == opus2_types::Aggressor::Buy { "b" } else { "s" },
        if trade.is_market { "m" } else { "l" },
        "",
        trade.id,
    ])
}

async fn token(State(app): App, headers: HeaderMap, body: String) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (api_key, signature) = (header("api-key").to_owned(), header("api-sign").to_owned());
    let rules = app.config.kraken.clone();
    let expires = rules.token_lifetime.as_secs();
    let looked = app.look(move |engine| {
        let request = (TOKEN_PATH, api_key.as_str(), signature.as_str(), body.as_str());
        engine.floor.kraken.tokens.request(request, &rules, wall_now())
    });
    match looked.await {
        None => stopping(),
        Some(Err(error)) => fail(error),
        Some(Ok(token)) => succeed(&json!({ "token": token, "expires": expires })),
    }
}

async fn open(State(app): App, ConnectInfo(peer): Peer, request: Request) -> Response {
    let rules = &app.config.kraken;
    if !app.buckets().take(Limited::KrakenConnects, peer.ip(), rules.connects, wall_now()) {
        return json_response(StatusCode::TOO_MANY_REQUESTS, "{}".into());
    }
    let client_messages_per_sec = rules.client_messages_per_sec;
    let socket = SocketRules { ping: None, lifetime: None, client_messages_per_sec };
    upgrade(&app, plain(peer, Dialect::Kraken), socket, request)
        .unwrap_or_else(|| json_response(StatusCode::BAD_REQUEST, "{}".into()))
}
