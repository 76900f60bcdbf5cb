//! The venue's HTTP side: `/products…`, `/api/v3/brokerage/market/…`, and the WebSocket upgrades.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get};
use opus2_types::{Level, Side, Venue};
use serde_json::{Value, json};

use super::message::{TIME_DIGITS, side_name, write_levels, write_order_id};
use crate::clock::wall_now;
use crate::dialect::Dialect;
use crate::engine::Engine;
use crate::fault::FaultKind;
use crate::limits::{Allowance, Limited};
use crate::market::Listing;
use crate::server::{Shared, json_response, stopping};
use crate::socket::SocketRules;
use crate::text::{push, scaled, time_text};
use crate::upgrade::{plain, upgrade};

type App = State<Arc<Shared>>;
type Peer = ConnectInfo<SocketAddr>;
type Params = Query<Vec<(String, String)>>;

/// Levels of `product_book` without `limit`.
const ADVANCED_BOOK_LEVELS: usize = 500;

/// The venue's routes. The Exchange feed is at `/`, as at the venue; the Advanced Trade feed, which is at the root of
/// another host there, at `/advanced`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", any(open_exchange))
        .route("/advanced", any(open_advanced))
        .route("/time", get(time))
        .route("/products", get(products))
        .route("/products/volume-summary", get(volume_summary))
        .route("/products/{id}", get(product))
        .route("/products/{id}/book", get(book))
        .route("/products/{id}/trades", get(trades))
        .route("/products/{id}/stats", get(stats))
        .route("/api/v3/brokerage/market/products", get(advanced_products))
        .route("/api/v3/brokerage/market/product_book", get(advanced_book))
}

fn refuse(status: StatusCode, message: &str) -> Response {
    json_response(status, json!({ "message": message }).to_string())
}

/// An answer instead of the wanted one: too many requests, or a fault.
async fn turned_away(
    app: &Shared,
    peer: SocketAddr,
    limited: Limited,
    (instrument, is_snapshot): (Option<usize>, bool),
) -> Option<Response> {
    let too_many = || {
        let message =
            json!({ "errors": [{ "id": "rate_limit_exceeded", "message": "Rate limit exceeded" }] });
        match limited {
            Limited::AdvancedRest => json_response(StatusCode::TOO_MANY_REQUESTS, message.to_string()),
            _ => refuse(StatusCode::TOO_MANY_REQUESTS, "Public rate limit exceeded"),
        }
    };
    if !app.buckets().take(limited, peer.ip(), app.config.coinbase.requests, wall_now()) {
        return Some(too_many());
    }
    match app.request_fault(Venue::Coinbase, instrument, is_snapshot).await? {
        FaultKind::RefuseSnapshot => {
            Some(refuse(StatusCode::SERVICE_UNAVAILABLE, "Service temporarily unavailable"))
        }
        _ => Some(too_many()),
    }
}

async fn time(State(app): App, ConnectInfo(peer): Peer) -> Response {
    if let Some(answer) = turned_away(&app, peer, Limited::ExchangeRest, (None, false)).await {
        return answer;
    }
    let now = wall_now();
    let epoch = scaled(now.as_millis(), 3);
    json_response(StatusCode::OK, format!(r#"{{"iso":"{}","epoch":{epoch}}}"#, time_text(now, 3)))
}

fn product_json(listing: &Listing) -> Value {
    json!({
        "id": listing.symbol,
        "base_currency": listing.base,
        "quote_currency": listing.quote,
        "quote_increment": scaled(1, listing.price_scale),
        "base_increment": scaled(1, listing.qty_scale),
        "display_name": listing.symbol,
        "min_market_funds": scaled(listing.notional_min, 8),
        "margin_enabled": false,
        "post_only": false,
        "limit_only": false,
        "cancel_only": false,
        "status": "online",
        "status_message": "",
        "trading_disabled": false,
        "fx_stablecoin": false,
        "max_slippage_percentage": "0.02000000",
        "auction_mode": false,
        "high_bid_limit_percentage": "",
    })
}

fn coinbase(app: &Shared) -> impl Iterator<Item = &Listing> {
    app.listings.iter().filter(|listing| listing.venue == Venue::Coinbase)
}

async fn products(State(app): App, ConnectInfo(peer): Peer) -> Response {
    if let Some(answer) = turned_away(&app, peer, Limited::ExchangeRest, (None, false)).await {
        return answer;
    }
    let products: Vec<Value> = coinbase(&app).map(product_json).collect();
    json_response(StatusCode::OK, Value::from(products).to_string())
}

async fn volume_summary(State(app): App, ConnectInfo(peer): Peer) -> Response {
    if let Some(answer) = turned_away(&app, peer, Limited::ExchangeRest, (None, false)).await {
        return answer;
    }
    let summary: Vec<Value> = coinbase(&app)
        .map(|listing| {
            let volume = listing.day_volume();
            json!({
                "id": listing.symbol,
                "base_currency": listing.base,
                "quote_currency": listing.quote,
                "display_name": listing.symbol.replace('-', "/"),
                "market_types": ["spot"],
                "spot_volume_24hour": scaled(volume, listing.qty_scale),
                "spot_volume_30day": scaled(volume.saturating_mul(30), listing.qty_scale),
            })
        })
        .collect();
    json_response(StatusCode::OK, Value::from(summary).to_string())
}

/// The product of an address, unless the request is turned away.
async fn find(app: &Shared, peer: SocketAddr, id: &str, is_snapshot: bool) -> Result<usize, Box<Response>> {
    let instrument =
        app.instrument(id).filter(|instrument| app.listings[*instrument].venue == Venue::Coinbase);
    if let Some(answer) = turned_away(app, peer, Limited::ExchangeRest, (instrument, is_snapshot)).await {
        return Err(Box::new(answer));
    }
    instrument.ok_or_else(|| Box::new(refuse(StatusCode::NOT_FOUND, "NotFound")))
}

async fn product(State(app): App, ConnectInfo(peer): Peer, Path(id): Path<String>) -> Response {
    match find(&app, peer, &id, false).await {
        Ok(instrument) => json_response(StatusCode::OK, product_json(&app.listings[instrument]).to_string()),
        Err(answer) => *answer,
    }
}

async fn stats(State(app): App, ConnectInfo(peer): Peer, Path(id): Path<String>) -> Response {
    let instrument = match find(&app, peer, &id, false).await {
        Ok(instrument) => instrument,
        Err(answer) => return *answer,
    };
    let looked = app.look(move |engine| {
        let product = engine.floor.coinbase.product(instrument);
        (product.day, product.recent.back().copied())
    });
    let Some((day, last)) = looked.await else { return stopping() };
    let Listing { price_scale, qty_scale, .. } = app.listings[instrument];
    let body = json!({
        "open": scaled(day.open.0, price_scale),
        "high": scaled(day.high.0, price_scale),
        "low": scaled(day.low.0, price_scale),
        "last": scaled(last.map_or(day.open.0, |last| last.price.0), price_scale),
        "volume": scaled(day.volume, qty_scale),
        "volume_30day": scaled(day.volume.saturating_mul(30), qty_scale),
    });
    json_response(StatusCode::OK, body.to_string())
}

async fn book(
    State(app): App,
    ConnectInfo(peer): Peer,
    Path(id): Path<String>,
    Query(params): Params,
) -> Response {
    let instrument = match find(&app, peer, &id, true).await {
        Ok(instrument) => instrument,
        Err(answer) => return *answer,
    };
    let level = params.iter().find(|(name, _)| name == "level").map_or("1", |(_, level)| level.as_str());
    let level: u8 = match level {
        "1" => 1,
        "2" => 2,
        "3" => 3,
        _ => return refuse(StatusCode::BAD_REQUEST, "Invalid level"),
    };
    let Some(body) = app.look(move |engine| book_text(engine, instrument, level)).await else {
        return stopping();
    };
    tokio::time::sleep(app.config.rules.rest_latency).await;
    json_response(StatusCode::OK, body)
}

/// A book as of the latest message of `full`: the best, every level with its number of orders, or every order in the
/// order of its queue.
pub(crate) fn book_text(engine: &mut Engine, instrument: usize, level: u8) -> String {
    let time = time_text(engine.desk.wall.now(), TIME_DIGITS);
    engine.desk.snapshots[instrument] += 1;
    let symbol = &engine.desk.symbols[instrument];
    let ladder = engine.floor.world.ladder(instrument);
    let sequence = engine.floor.coinbase.sequence(instrument);
    let mut text = String::new();
    for (side, name) in [(Side::Bid, "{\"bids\":"), (Side::Ask, ",\"asks\":")] {
        text.push_str(name);
        if level == 3 {
            let orders =
                ladder.iter(side).flat_map(|level| ladder.queue(side, level.price)).collect::<Vec<_>>();
            let mut ids = orders.iter().map(|order| order.id);
            let levels = orders.iter().map(|order| Level { price: order.price, qty: order.qty });
            write_levels(&mut text, levels, symbol, |text, _| {
                text.push_str(",\"");
                write_order_id(text, instrument, ids.next().unwrap_or_default());
                text.push('"');
            });
        } else {
            let limit = if level == 1 { 1 } else { usize::MAX };
            write_levels(&mut text, ladder.iter(side).take(limit), symbol, |text, level| {
                push(text, format_args!(",{}", ladder.queue_len(side, level.price)));
            });
        }
    }
    push(
        &mut text,
        format_args!(
            ",\"sequence\":{sequence},\"auction_mode\":false,\"auction\":null,\"time\":\"{time}\"}}"
        ),
    );
    text
}

async fn trades(
    State(app): App,
    ConnectInfo(peer): Peer,
    Path(id): Path<String>,
    Query(params): Params,
) -> Response {
    let instrument = match find(&app, peer, &id, false).await {
        Ok(instrument) => instrument,
        Err(answer) => return *answer,
    };
    let number =
        |name: &str| params.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok());
    let (limit, after): (Option<u64>, Option<u64>) = (number("limit"), number("after"));
    let looked = app.look(move |engine| {
        engine.floor.coinbase.product(instrument).recent.iter().rev().copied().collect::<Vec<_>>()
    });
    let Some(recent) = looked.await else { return stopping() };
    let limit = usize::try_from(limit.unwrap_or(1000)).unwrap_or(usize::MAX);
    let Listing { price_scale, qty_scale, .. } = app.listings[instrument];
    let shown: Vec<_> =
        recent.iter().filter(|one| after.is_none_or(|after| one.trade_id < after)).take(limit).collect();
    let body: Vec<Value> = shown
        .iter()
        .map(|one| {
            json!({
                "trade_id": one.trade_id,
                "side": side_name(one.maker_side),
                "size": scaled(one.qty.0, qty_scale),
                "price": scaled(one.price.0, price_scale),
                "time": time_text(one.time, TIME_DIGITS),
            })
        })
        .collect();
    let mut response = json_response(StatusCode::OK, Value::from(body).to_string());
    if let (Some(newest), Some(oldest)) = (shown.first(), shown.last()) {
        response.headers_mut().insert("cb-before", newest.trade_id.into());
        response.headers_mut().insert("cb-after", oldest.trade_id.into());
    }
    response
}

/// A product as Advanced Trade lists it, or its USDC twin, which is another name for it.
fn advanced_product(listing: &Listing, is_twin: bool) -> Value {
    let id = if is_twin { format!("{}-USDC", listing.base) } else { listing.symbol.clone() };
    let twin = (listing.quote == "USD").then(|| format!("{}-USDC", listing.base));
    json!({
        "product_id": id,
        "price": "",
        "volume_24h": scaled(listing.day_volume(), listing.qty_scale),
        "base_increment": scaled(1, listing.qty_scale),
        "quote_increment": scaled(1, listing.price_scale),
        "price_increment": scaled(1, listing.price_scale),
        "base_min_size": scaled(1, listing.qty_scale),
        "base_max_size": "100000000",
        "quote_min_size": scaled(listing.notional_min, 8),
        "quote_max_size": "150000000",
        "base_currency_id": listing.base,
        "quote_currency_id": if is_twin { "USDC" } else { &listing.quote },
        "base_name": listing.base,
        "quote_name": listing.quote,
        "status": "online",
        "trading_disabled": false,
        "is_disabled": false,
        "cancel_only": false,
        "limit_only": false,
        "post_only": false,
        "view_only": false,
        "auction_mode": false,
        "new": false,
        "product_type": "SPOT",
        "product_venue": "CBE",
        "alias": if is_twin { &listing.symbol } else { "" },
        "alias_to": if is_twin { Vec::new() } else { Vec::from_iter(twin) },
    })
}

async fn advanced_products(State(app): App, ConnectInfo(peer): Peer) -> Response {
    if let Some(answer) = turned_away(&app, peer, Limited::AdvancedRest, (None, false)).await {
        return answer;
    }
    let own = coinbase(&app).map(|listing| advanced_product(listing, false));
    let twins = coinbase(&app)
        .filter(|listing| listing.quote == "USD")
        .map(|listing| advanced_product(listing, true));
    let products: Vec<Value> = own.chain(twins).collect();
    let body = json!({ "num_products": products.len(), "products": products });
    json_response(StatusCode::OK, body.to_string())
}

async fn advanced_book(State(app): App, ConnectInfo(peer): Peer, Query(params): Params) -> Response {
    let param = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let id = param("product_id").unwrap_or_default();
    let instrument =
        app.instrument(id).filter(|instrument| app.listings[*instrument].venue == Venue::Coinbase);
    if let Some(answer) = turned_away(&app, peer, Limited::AdvancedRest, (instrument, true)).await {
        return answer;
    }
    let Some(instrument) = instrument else {
        let body = json!({ "error": "NOT_FOUND", "message": format!("product {id} not found") });
        return json_response(StatusCode::NOT_FOUND, body.to_string());
    };
    let limit = param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(ADVANCED_BOOK_LEVELS);
    let Some(book) = app.look(move |engine| engine.snapshot(instrument, limit)).await else {
        return stopping();
    };
    tokio::time::sleep(app.config.rules.rest_latency).await;
    let Listing { price_scale, qty_scale, .. } = app.listings[instrument];
    let side = |levels: &[Level]| -> Vec<Value> {
        let level = |level: &Level| json!({ "price": scaled(level.price.0, price_scale), "size": scaled(level.qty.0, qty_scale) });
        levels.iter().map(level).collect()
    };
    let time = time_text(wall_now(), TIME_DIGITS);
    let body = json!({ "pricebook": { "product_id": id, "bids": side(&book.bids), "asks": side(&book.asks), "time": time } });
    json_response(StatusCode::OK, body.to_string())
}

async fn open_exchange(State(app): App, ConnectInfo(peer): Peer, request: Request) -> Response {
    let per_sec = app.config.coinbase.client_messages_per_sec;
    open(&app, (peer, Limited::ExchangeConnects), Dialect::Exchange, per_sec, request)
}

async fn open_advanced(State(app): App, ConnectInfo(peer): Peer, request: Request) -> Response {
    let per_sec = app.config.coinbase.advanced_messages_per_sec;
    let dialect = Dialect::Advanced { next_sequence: 0 };
    open(&app, (peer, Limited::AdvancedConnects), dialect, per_sec, request)
}

fn open(
    app: &Arc<Shared>,
    (peer, limited): (SocketAddr, Limited),
    dialect: Dialect,
    client_messages_per_sec: usize,
    request: Request,
) -> Response {
    let connects: Allowance = app.config.coinbase.connects;
    if !app.buckets().take(limited, peer.ip(), connects, wall_now()) {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "Too many connections");
    }
    let rules = SocketRules { ping: None, lifetime: None, client_messages_per_sec };
    upgrade(app, plain(peer, dialect), rules, request)
        .unwrap_or_else(|| refuse(StatusCode::BAD_REQUEST, "Expected a WebSocket upgrade of version 13"))
}
