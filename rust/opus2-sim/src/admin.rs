//! `/sim/…`: what no venue has. Truth and counts for tests, faults, and a pause.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Json, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use crate::binance::frame::write_levels;
use crate::binance::rest::{json_response, stopping};
use crate::engine::{Command, FaultDone};
use crate::fault::FaultRequest;
use crate::server::Shared;

type App = State<Arc<Shared>>;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sim/truth", get(truth))
        .route("/sim/stats", get(stats))
        .route("/sim/fault", post(fault))
        .route("/sim/pause", post(async |app: App| set_running(app, false).await))
        .route("/sim/resume", post(async |app: App| set_running(app, true).await))
}

#[derive(Deserialize)]
struct TruthQuery {
    symbol: String,
}

/// The whole book, every level, as it is now.
async fn truth(State(app): App, Query(query): Query<TruthQuery>) -> Response {
    let Some(instrument) = app.instrument(&query.symbol) else {
        return refuse(&format!("unknown symbol {:?}", query.symbol));
    };
    let (reply, truth) = oneshot::channel();
    let Some(truth) = app.ask(Command::Truth { instrument, reply }, truth).await else { return stopping() };
    let (book, symbol) = (truth.book, &app.symbols[instrument]);
    let mut body = format!(
        r#"{{"symbol":"{}","isPaused":{},"lastUpdateId":{},"lastTradeId":{},"bids":"#,
        symbol.name, truth.is_paused, book.update_id, book.trade_id
    );
    write_levels(&mut body, &book.bids, symbol);
    body.push_str(r#","asks":"#);
    write_levels(&mut body, &book.asks, symbol);
    body.push('}');
    json_response(StatusCode::OK, body)
}

async fn stats(State(app): App) -> Response {
    let (reply, stats) = oneshot::channel();
    let Some(stats) = app.ask(Command::Stats { reply }, stats).await else { return stopping() };
    match serde_json::to_string(&stats) {
        Ok(body) => json_response(StatusCode::OK, body),
        Err(error) => json_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({ "error": error.to_string() }).to_string(),
        ),
    }
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

async fn set_running(State(app): App, is_running: bool) -> Response {
    let (reply, done) = oneshot::channel();
    match app.ask(Command::SetRunning { is_running, reply }, done).await {
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
