//! `/sim/…`: what no venue has. Truth and counts for tests, faults, and a pause.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Json, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use opus2_types::{Side, UnixNanos, Venue};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use crate::binance::frame::write_levels;
use crate::coinbase::message::write_order_id as write_coinbase_id;
use crate::engine::{Command, Engine, FaultDone};
use crate::fault::FaultRequest;
use crate::kraken::message::write_order_id as write_kraken_id;
use crate::market::Ladder;
use crate::server::{Shared, json_response, stopping};
use crate::text::{Symbol, push, scaled, write_scaled};

type App = State<Arc<Shared>>;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sim/truth", get(truth))
        .route("/sim/stats", get(stats))
        .route("/sim/fault", post(fault))
        .route("/sim/faults", get(faults))
        .route("/sim/venues", get(venues))
        .route("/sim/pause", post(pause))
        .route("/sim/resume", post(async |app: App| set_running(app, true, true).await))
}

#[derive(Deserialize)]
struct TruthQuery {
    symbol: String,
    /// Show the book as of this number, not as it is now.
    sequence: Option<u64>,
    /// Show every order too.
    #[serde(default)]
    orders: bool,
}

/// The whole book, every level, as it is now or was at a number; with `orders=true` every order as it is now.
async fn truth(State(app): App, Query(query): Query<TruthQuery>) -> Response {
    let Some(instrument) = app.instrument(&query.symbol) else {
        return refuse(&format!("unknown symbol {:?}", query.symbol));
    };
    if query.orders && query.sequence.is_some() {
        return refuse("orders are known as they are now only; leave out sequence");
    }
    let looked = app.look(move |engine| {
        let orders = query.orders.then(|| orders_text(engine, instrument));
        (engine.truth(instrument, query.sequence), engine.floor.ids(instrument).1, orders)
    });
    let Some((truth, trade_id, orders)) = looked.await else { return stopping() };
    let Some(truth) = truth else {
        return refuse("that is too long ago: the latest million changes of all instruments are kept");
    };
    let (book, symbol) = (truth.book, &app.symbols[instrument]);
    let venue = app.listings[instrument].venue;
    let mut body = format!(
        r#"{{"venue":"{venue}","symbol":"{}","isPaused":{},"lastUpdateId":{},"lastTradeId":{trade_id},"bids":"#,
        symbol.name, truth.is_paused, book.update_id
    );
    write_levels(&mut body, &book.bids, symbol);
    body.push_str(r#","asks":"#);
    write_levels(&mut body, &book.asks, symbol);
    if let Some(orders) = orders {
        body.push_str(&orders);
    }
    body.push('}');
    json_response(StatusCode::OK, body)
}

/// `,"orders":{"bids":[[price,qty,id,stamp],…],"asks":…}`, best level first, then in the order in which they trade. Ids as
/// the venue shows them (Binance shows none: the model's numbers), `stamp` in nanoseconds.
fn orders_text(engine: &Engine, instrument: usize) -> String {
    let symbol = &engine.desk.symbols[instrument];
    let venue = engine.floor.world.listing(instrument).venue;
    let ladder = engine.floor.world.ladder(instrument);
    let mut text = String::from(r#","orders":{"bids":["#);
    write_orders(&mut text, ladder, Side::Bid, symbol, (venue, instrument));
    text.push_str(r#"],"asks":["#);
    write_orders(&mut text, ladder, Side::Ask, symbol, (venue, instrument));
    text.push_str("]}");
    text
}

fn write_orders(
    text: &mut String,
    ladder: &Ladder,
    side: Side,
    symbol: &Symbol,
    (venue, instrument): (Venue, usize),
) {
    let orders = ladder.iter(side).flat_map(|level| ladder.queue(side, level.price));
    for (index, order) in orders.enumerate() {
        text.push_str(if index == 0 { "[\"" } else { ",[\"" });
        write_scaled(text, order.price.0, symbol.price_scale);
        text.push_str("\",\"");
        write_scaled(text, order.qty.0, symbol.qty_scale);
        text.push_str("\",\"");
        match venue {
            Venue::Coinbase => write_coinbase_id(text, instrument, order.id),
            Venue::Kraken => write_kraken_id(text, instrument, order.id),
            _ => push(text, format_args!("{}", order.id)),
        }
        push(text, format_args!("\",{}]", UnixNanos(order.stamp).0));
    }
}

#[derive(Deserialize)]
struct StatsQuery {
    /// Only this venue's instruments and connections.
    venue: Option<String>,
    /// Leave out instruments and connections.
    #[serde(default)]
    summary: bool,
}

async fn stats(State(app): App, Query(query): Query<StatsQuery>) -> Response {
    let (reply, stats) = oneshot::channel();
    let Some(mut stats) = app.ask(Command::Stats { reply }, stats).await else { return stopping() };
    if let Some(venue) = &query.venue {
        stats.instruments.retain(|one| one.venue == venue);
        stats.connections.retain(|one| one.venue == venue);
        stats.venues.retain(|name, _| name == venue);
    }
    if query.summary {
        stats.instruments.clear();
        stats.connections.clear();
    }
    match serde_json::to_string(&stats) {
        Ok(body) => json_response(StatusCode::OK, body),
        Err(error) => json_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({ "error": error.to_string() }).to_string(),
        ),
    }
}

#[derive(Deserialize)]
struct FaultsQuery {
    /// Entries with this number and later.
    #[serde(default)]
    from: u64,
}

/// The fault log, a line each, ten thousand at most.
async fn faults(State(app): App, Query(query): Query<FaultsQuery>) -> Response {
    let (reply, page) = oneshot::channel();
    match app.ask(Command::FaultLog { from: query.from, reply }, page).await {
        None => stopping(),
        Some(page) => json_response(StatusCode::OK, page.lines),
    }
}

/// Which venues there are, with the symbols they list and where they are, relative to this address.
async fn venues(State(app): App) -> Response {
    let venue = |venue: Venue| {
        let (rest, ws): (&str, &[&str]) = match venue {
            Venue::Coinbase => ("/", &["/", "/advanced"]),
            Venue::Kraken => ("/0", &["/v2"]),
            _ => ("/api/v3", &["/stream", "/ws"]),
        };
        let listed = app.listings.iter().filter(|listing| listing.venue == venue);
        let instruments: Vec<_> = listed
            .map(|listing| {
                json!({
                    "symbol": listing.symbol, "base": listing.base, "quote": listing.quote,
                    "tick": scaled(1, listing.price_scale), "lot": scaled(1, listing.qty_scale),
                })
            })
            .collect();
        json!({ "venue": venue.as_str(), "restPath": rest, "wsPaths": ws, "instruments": instruments })
    };
    let venues: Vec<_> = app.config.instruments_by_venue().into_iter().map(|(one, _)| venue(one)).collect();
    json_response(StatusCode::OK, json!(venues).to_string())
}

async fn fault(State(app): App, request: Result<Json<FaultRequest>, JsonRejection>) -> Response {
    let request = match request {
        Ok(Json(request)) => request,
        Err(rejection) => return refuse(&rejection.body_text()),
    };
    let (reply, done) = oneshot::channel();
    match app.ask(Command::Fault { request, reply }, done).await {
        None => stopping(),
        Some(Err(error)) => refuse(&error),
        Some(Ok(FaultDone::Waiting)) => json_response(StatusCode::OK, json!({ "waiting": true }).to_string()),
        Some(Ok(FaultDone::Connections(count))) => {
            json_response(StatusCode::OK, json!({ "waiting": false, "connections": count }).to_string())
        }
    }
}

#[derive(Deserialize)]
struct PauseQuery {
    /// Whether heartbeats go on. A client will miss them after some seconds.
    #[serde(default = "yes")]
    heartbeats: bool,
}

const fn yes() -> bool {
    true
}

async fn pause(app: App, Query(query): Query<PauseQuery>) -> Response {
    set_running(app, false, query.heartbeats).await
}

async fn set_running(State(app): App, is_running: bool, has_heartbeats: bool) -> Response {
    let (reply, done) = oneshot::channel();
    match app.ask(Command::SetRunning { is_running, has_heartbeats, reply }, done).await {
        None => stopping(),
        Some(at) => {
            let body = json!({ "isPaused": !is_running, "simNanos": at.0 }).to_string();
            json_response(StatusCode::OK, body)
        }
    }
}

fn refuse(error: &str) -> Response {
    json_response(StatusCode::BAD_REQUEST, json!({ "error": error }).to_string())
}
