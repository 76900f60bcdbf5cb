//! The venue's HTTP side: `/api/v3/…`, and the WebSocket upgrades.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{any, get};
use serde_json::json;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::exchange_info;
use super::frame::{Form, TimeUnit, write_levels};
use super::rules::Verdict;
use super::socket::{Opening, serve_socket};
use crate::clock::wall_now;
use crate::engine::Command;
use crate::market::Book;
use crate::server::Shared;

/// Levels per side of a depth answer: without `limit`, and at most.
const DEPTH_LEVELS: (usize, usize) = (100, 5000);
const EXCHANGE_INFO_WEIGHT: u32 = 20;

/// The parameters of an address, in order. What cannot be decoded is no parameter.
type Params = Query<Vec<(String, String)>>;
type App = State<Arc<Shared>>;
type Peer = ConnectInfo<SocketAddr>;

/// The venue's routes.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v3/ping", get(ping))
        .route("/api/v3/time", get(time))
        .route("/api/v3/exchangeInfo", get(exchange_info))
        .route("/api/v3/depth", get(depth))
        .route("/stream", any(open_combined))
        .route("/ws", any(open_raw))
        .route("/ws/{*streams}", any(open_raw_streams))
}

/// The venue's error codes that a market-data client can meet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    TooMuchWeight { limit: u32 },
    BannedUntil { millis: i64 },
    MissingParameter(&'static str),
    IllegalCharacters { parameter: &'static str, range: &'static str },
    BadCombination,
    UnknownSymbol,
}

impl Refusal {
    fn body(&self) -> String {
        let (code, msg) = match self {
            Self::TooMuchWeight { limit } => (
                -1003,
                format!(
                    "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. \
                     Please use WebSocket Streams for live updates to avoid polling the API."
                ),
            ),
            Self::BannedUntil { millis } => (
                -1003,
                format!(
                    "Way too much request weight used; IP banned until {millis}. \
                     Please use WebSocket Streams for live updates to avoid bans."
                ),
            ),
            Self::MissingParameter(name) => {
                (-1102, format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."))
            }
            Self::IllegalCharacters { parameter, range } => (
                -1100,
                format!("Illegal characters found in parameter '{parameter}'; legal range is '{range}'."),
            ),
            Self::BadCombination => (-1128, "Combination of optional parameters invalid.".to_owned()),
            Self::UnknownSymbol => (-1121, "Invalid symbol.".to_owned()),
        };
        json!({ "code": code, "msg": msg }).to_string()
    }
}

/// A charged request: every answer says how much weight is used.
struct Charged {
    used: u32,
}

impl Charged {
    /// Charges the peer, or answers 429 or 418.
    fn charge(app: &Shared, peer: SocketAddr, weight: u32) -> Result<Self, Box<Response>> {
        let limit = app.config.rules.weight_limit;
        let verdict = app.gate().charge(peer.ip(), weight, limit, wall_now());
        let (used, status, retry_after_secs, refusal) = match verdict {
            Verdict::Allowed { used } => return Ok(Self { used }),
            Verdict::Limited { used, retry_after_secs } => {
                (used, StatusCode::TOO_MANY_REQUESTS, retry_after_secs, Refusal::TooMuchWeight { limit })
            }
            Verdict::Banned { used, retry_after_secs, until } => {
                let millis = until.as_millis();
                (used, StatusCode::IM_A_TEAPOT, retry_after_secs, Refusal::BannedUntil { millis })
            }
        };
        tracing::warn!(%peer, status = status.as_u16(), used, "request over the weight limit");
        let mut response = Self { used }.answer(status, refusal.body());
        response.headers_mut().insert(header::RETRY_AFTER, retry_after_secs.into());
        Err(Box::new(response))
    }

    fn ok(&self, body: String) -> Response {
        self.answer(StatusCode::OK, body)
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        self.answer(StatusCode::BAD_REQUEST, refusal.body())
    }

    fn answer(&self, status: StatusCode, body: String) -> Response {
        let mut response = json_response(status, body);
        response.headers_mut().insert("x-mbx-used-weight", self.used.into());
        response.headers_mut().insert("x-mbx-used-weight-1m", self.used.into());
        response
    }
}

/// A JSON answer.
pub(crate) fn json_response(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn ping(State(app): App, ConnectInfo(peer): Peer) -> Response {
    match Charged::charge(&app, peer, 1) {
        Ok(charged) => charged.ok("{}".into()),
        Err(refused) => *refused,
    }
}

async fn time(State(app): App, ConnectInfo(peer): Peer, headers: HeaderMap) -> Response {
    match Charged::charge(&app, peer, 1) {
        Ok(charged) => charged.ok(json!({ "serverTime": server_time(&headers) }).to_string()),
        Err(refused) => *refused,
    }
}

/// The venue's clock, in the unit that the header `X-MBX-TIME-UNIT` asks for.
fn server_time(headers: &HeaderMap) -> i64 {
    let unit = headers.get("x-mbx-time-unit").and_then(|unit| TimeUnit::parse(unit.to_str().ok()?));
    unit.unwrap_or_default().count(wall_now())
}

async fn exchange_info(
    State(app): App,
    ConnectInfo(peer): Peer,
    Query(params): Params,
    headers: HeaderMap,
) -> Response {
    let charged = match Charged::charge(&app, peer, EXCHANGE_INFO_WEIGHT) {
        Ok(charged) => charged,
        Err(refused) => return *refused,
    };
    let instruments = match wanted_instruments(&app, &params) {
        Ok(instruments) => instruments,
        Err(refusal) => return charged.refuse(&refusal),
    };
    let with_permission_sets = find(&params, "showPermissionSets") != Some("false");
    let symbols: Vec<_> = instruments
        .into_iter()
        .map(|instrument| exchange_info::symbol(&app.listings[instrument], with_permission_sets))
        .collect();
    let limit = app.config.rules.weight_limit;
    charged.ok(exchange_info::head(server_time(&headers), limit, &symbols).to_string())
}

/// The instruments that `symbol`, `symbols`, `permissions` and `symbolStatus` leave. Everything trades, on spot and margin.
fn wanted_instruments(app: &Shared, params: &[(String, String)]) -> Result<Vec<usize>, Refusal> {
    let find_one = |symbol: &str| app.instrument(symbol).ok_or(Refusal::UnknownSymbol);
    match (find(params, "symbol"), find(params, "symbols")) {
        (Some(_), Some(_)) => Err(Refusal::BadCombination),
        (Some(_), None) | (None, Some(_)) if find(params, "permissions").is_some() => {
            Err(Refusal::BadCombination)
        }
        (Some(symbol), None) => Ok(vec![find_one(symbol)?]),
        (None, Some(symbols)) => {
            let range = r#"["symbol1","symbol2"]"#;
            let symbols: Vec<String> = serde_json::from_str(symbols)
                .map_err(|_| Refusal::IllegalCharacters { parameter: "symbols", range })?;
            symbols.iter().map(|symbol| find_one(symbol)).collect()
        }
        (None, None) => {
            let is_wanted = find(params, "symbolStatus").is_none_or(|status| status == "TRADING");
            Ok((0..app.listings.len()).filter(|_| is_wanted).collect())
        }
    }
}

async fn depth(State(app): App, ConnectInfo(peer): Peer, Query(params): Params) -> Response {
    let limit = depth_limit(find(&params, "limit"));
    let charged = match Charged::charge(&app, peer, limit.as_ref().map_or(1, |limit| depth_weight(*limit))) {
        Ok(charged) => charged,
        Err(refused) => return *refused,
    };
    let wanted = find(&params, "symbol")
        .filter(|symbol| !symbol.is_empty())
        .ok_or(Refusal::MissingParameter("symbol"));
    let wanted = wanted.and_then(|symbol| app.instrument(symbol).ok_or(Refusal::UnknownSymbol));
    let (instrument, limit) = match (wanted, limit) {
        (Ok(instrument), Ok(limit)) => (instrument, limit),
        (Err(refusal), _) | (_, Err(refusal)) => return charged.refuse(&refusal),
    };
    let (reply, book) = oneshot::channel();
    let Some(book) = app.ask(Command::Snapshot { instrument, limit, reply }, book).await else {
        return stopping();
    };
    tokio::time::sleep(app.config.rules.rest_latency).await;
    charged.ok(depth_body(&app, instrument, &book))
}

/// Levels per side; more than the venue serves is cut.
fn depth_limit(limit: Option<&str>) -> Result<usize, Refusal> {
    let Some(limit) = limit else { return Ok(DEPTH_LEVELS.0) };
    let refusal = Refusal::IllegalCharacters { parameter: "limit", range: "^[0-9]{1,20}$" };
    if limit.is_empty() || limit.len() > 20 || !limit.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refusal);
    }
    match limit.parse::<u128>() {
        Ok(0) | Err(_) => Err(refusal),
        Ok(limit) => Ok(usize::try_from(limit).unwrap_or(usize::MAX).min(DEPTH_LEVELS.1)),
    }
}

const fn depth_weight(limit: usize) -> u32 {
    match limit {
        0..=100 => 5,
        101..=500 => 25,
        501..=1000 => 50,
        _ => 250,
    }
}

fn depth_body(app: &Shared, instrument: usize, book: &Book) -> String {
    let symbol = &app.symbols[instrument];
    let mut body = format!(r#"{{"lastUpdateId":{},"bids":"#, book.update_id);
    write_levels(&mut body, &book.bids, symbol);
    body.push_str(r#","asks":"#);
    write_levels(&mut body, &book.asks, symbol);
    body.push('}');
    body
}

/// The answer when the engine is gone.
pub(crate) fn stopping() -> Response {
    let body = json!({ "code": -1016, "msg": "This service is no longer available." }).to_string();
    json_response(StatusCode::SERVICE_UNAVAILABLE, body)
}

fn find<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

async fn open_combined(
    State(app): App,
    ConnectInfo(peer): Peer,
    Query(params): Params,
    request: Request,
) -> Response {
    let streams = find(&params, "streams").map(split_streams).unwrap_or_default();
    open(&app, peer, &params, streams, true, request)
}

async fn open_raw(
    State(app): App,
    ConnectInfo(peer): Peer,
    Query(params): Params,
    request: Request,
) -> Response {
    open(&app, peer, &params, Vec::new(), false, request)
}

async fn open_raw_streams(
    State(app): App,
    ConnectInfo(peer): Peer,
    Path(streams): Path<String>,
    Query(params): Params,
    request: Request,
) -> Response {
    open(&app, peer, &params, split_streams(&streams), false, request)
}

fn split_streams(streams: &str) -> Vec<String> {
    streams.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Answers a WebSocket upgrade, and hands the connection to a task of its own.
fn open(
    app: &Arc<Shared>,
    peer: SocketAddr,
    params: &[(String, String)],
    streams: Vec<String>,
    is_combined: bool,
    mut request: Request,
) -> Response {
    let rules = &app.config.rules;
    if let Err(retry_after_secs) = app.gate().connect(peer.ip(), rules.connects_limit, wall_now()) {
        let body = json!({ "code": -1034, "msg": "Too many connection attempts from IP" }).to_string();
        let mut response = json_response(StatusCode::TOO_MANY_REQUESTS, body);
        response.headers_mut().insert(header::RETRY_AFTER, retry_after_secs.into());
        return response;
    }
    let refuse =
        |msg: &str| json_response(StatusCode::BAD_REQUEST, json!({ "code": -1100, "msg": msg }).to_string());
    let unit = match find(params, "timeUnit") {
        None => TimeUnit::default(),
        Some(unit) => match TimeUnit::parse(unit) {
            Some(unit) => unit,
            None => return refuse("timeUnit is neither MILLISECOND nor MICROSECOND"),
        },
    };
    if streams.len() > rules.connection_streams_limit {
        return refuse("too many streams for one connection");
    }
    let Some(accept) = accept_key(request.headers()) else {
        return refuse("not a WebSocket upgrade of version 13");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let opening = Opening { peer, form: Form { unit, is_combined }, streams };
    tokio::spawn(serve_socket(upgrade, opening, Arc::new(rules.clone()), app.commands.clone()));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// The answer to the client's key, if the request is a WebSocket upgrade.
fn accept_key(headers: &HeaderMap) -> Option<header::HeaderValue> {
    let says = |name: header::HeaderName, word: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    let is_upgrade = says(header::CONNECTION, "upgrade") && says(header::UPGRADE, "websocket");
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    if !is_upgrade || !says(header::SEC_WEBSOCKET_VERSION, "13") {
        return None;
    }
    header::HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_limits_are_checked_cut_and_weighed() {
        for (limit, expect) in [
            (None, Some((100, 5))),
            (Some("1"), Some((1, 5))),
            (Some("500"), Some((500, 25))),
            (Some("501"), Some((501, 50))),
            (Some("1001"), Some((1001, 250))),
            (Some("99999"), Some((5000, 250))),
            (Some("0"), None),
            (Some("-1"), None),
            (Some("ten"), None),
            (Some(""), None),
        ] {
            let got = depth_limit(limit).ok().map(|limit| (limit, depth_weight(limit)));
            assert_eq!(got, expect, "{limit:?}");
        }
    }
}
