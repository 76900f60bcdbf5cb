//! The venue's HTTP side: `/api/v3/…`, and the WebSocket upgrades.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{any, get};
use opus2_types::{Side, Venue};
use serde_json::{Value, json};

use super::exchange_info;
use super::frame::{Form, TimeUnit, write_levels};
use super::rules::Verdict;
use crate::clock::wall_now;
use crate::dialect::Dialect;
use crate::fault::FaultKind;
use crate::market::{Book, Listing};
use crate::server::{Shared, json_response, stopping};
use crate::socket::{Opening, SocketRules};
use crate::text::{Symbol, scaled};
use crate::upgrade::upgrade;

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
        .route("/api/v3/ticker/24hr", get(ticker_24hr))
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

/// How long a fault sends a client away, in seconds.
const FAULT_RETRY_AFTER_SECS: i64 = 1;

impl Charged {
    /// Charges the peer, or answers 429, 418, or what a fault wants.
    async fn admit(
        app: &Shared,
        peer: SocketAddr,
        weight: u32,
        (instrument, is_snapshot): (Option<usize>, bool),
    ) -> Result<Self, Box<Response>> {
        let charged = Self::charge(app, peer, weight)?;
        let limit = app.config.rules.weight_limit;
        let (status, refusal) = match app.request_fault(Venue::Binance, instrument, is_snapshot).await {
            None => return Ok(charged),
            Some(FaultKind::RefuseSnapshot) => {
                let body = json!({ "code": -1001, "msg": "Internal error; unable to process your request. Please try again." });
                return Err(Box::new(charged.answer(StatusCode::SERVICE_UNAVAILABLE, body.to_string())));
            }
            Some(FaultKind::Banned) => {
                let millis = wall_now().as_millis() + FAULT_RETRY_AFTER_SECS * 1000;
                (StatusCode::IM_A_TEAPOT, Refusal::BannedUntil { millis })
            }
            Some(_) => (StatusCode::TOO_MANY_REQUESTS, Refusal::TooMuchWeight { limit }),
        };
        let mut response = charged.answer(status, refusal.body());
        response.headers_mut().insert(header::RETRY_AFTER, FAULT_RETRY_AFTER_SECS.into());
        Err(Box::new(response))
    }

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

async fn ping(State(app): App, ConnectInfo(peer): Peer) -> Response {
    match Charged::admit(&app, peer, 1, (None, false)).await {
        Ok(charged) => charged.ok("{}".into()),
        Err(refused) => *refused,
    }
}

async fn time(State(app): App, ConnectInfo(peer): Peer, headers: HeaderMap) -> Response {
    match Charged::admit(&app, peer, 1, (None, false)).await {
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
    let charged = match Charged::admit(&app, peer, EXCHANGE_INFO_WEIGHT, (None, false)).await {
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
    let find_one = |symbol: &str| app.binance(symbol).ok_or(Refusal::UnknownSymbol);
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
            let is_here = |index: &usize| app.listings[*index].venue == Venue::Binance;
            Ok((0..app.listings.len()).filter(|index| is_wanted && is_here(index)).collect())
        }
    }
}

/// Requests of `24hr` for so many symbols weigh so much; beyond, and for all, [`TICKER_WEIGHT_MAX`].
const TICKER_WEIGHTS: [(usize, u32); 2] = [(20, 2), (100, 40)];
const TICKER_WEIGHT_MAX: u32 = 80;

/// Figures of the past day: `symbol`, `symbols` or all, `type=MINI` for fewer of them.
async fn ticker_24hr(State(app): App, ConnectInfo(peer): Peer, Query(params): Params) -> Response {
    let wanted = wanted_instruments(&app, &params);
    let is_all = find(&params, "symbol").is_none() && find(&params, "symbols").is_none();
    let count = if is_all { usize::MAX } else { wanted.as_ref().map_or(1, Vec::len) };
    let weight = TICKER_WEIGHTS.iter().find(|(most, _)| count <= *most);
    let weight = weight.map_or(TICKER_WEIGHT_MAX, |(_, weight)| *weight);
    let charged = match Charged::admit(&app, peer, weight, (None, false)).await {
        Ok(charged) => charged,
        Err(refused) => return *refused,
    };
    let instruments = match wanted {
        Ok(instruments) => instruments,
        Err(refusal) => return charged.refuse(&refusal),
    };
    let asked = instruments.clone();
    let looked = app.look(move |engine| {
        let best = |instrument: usize| {
            let ladder = engine.floor.world.ladder(instrument);
            [Side::Bid, Side::Ask].map(|side| ladder.best(side).unwrap_or_default())
        };
        asked
            .iter()
            .map(|instrument| (best(*instrument), engine.floor.ids(*instrument).1))
            .collect::<Vec<_>>()
    });
    let Some(now) = looked.await else { return stopping() };
    let is_mini = find(&params, "type") == Some("MINI");
    let millis = wall_now().as_millis();
    let mut tickers: Vec<Value> = instruments
        .iter()
        .zip(now)
        .map(|(instrument, (best, last_id))| {
            ticker(&app.listings[*instrument], best, last_id, (millis, is_mini))
        })
        .collect();
    let is_one = find(&params, "symbol").is_some();
    match tickers.pop_if(|_| is_one) {
        Some(only) => charged.ok(only.to_string()),
        None => charged.ok(Value::from(tickers).to_string()),
    }
}

/// The day is invented: nothing moved, and the volume is in the order of activity.
fn ticker(
    listing: &Listing,
    [bid, ask]: [opus2_types::Level; 2],
    last_id: u64,
    (now_millis, is_mini): (i64, bool),
) -> Value {
    let price = |units: i64| eight_decimals(units, listing.price_scale);
    let volume = listing.day_volume();
    let quote_units = i128::from(volume) * i128::from(bid.price.0);
    let quote_scale = u32::from(listing.price_scale + listing.qty_scale);
    let quote_volume = quote_units / 10_i128.pow(quote_scale.saturating_sub(8));
    let quote_volume = i64::try_from(quote_volume).unwrap_or(i64::MAX);
    let mut fields = json!({
        "symbol": listing.symbol,
        "openPrice": price(bid.price.0),
        "highPrice": price(ask.price.0),
        "lowPrice": price(bid.price.0),
        "lastPrice": price(bid.price.0),
        "volume": eight_decimals(volume, listing.qty_scale),
        "quoteVolume": scaled(quote_volume, u8::try_from(quote_scale.min(8)).unwrap_or(8)),
        "openTime": now_millis - 86_400_000,
        "closeTime": now_millis,
        "firstId": last_id.saturating_sub(100_000),
        "lastId": last_id,
        "count": 100_001,
    });
    if !is_mini && let Some(fields) = fields.as_object_mut() {
        let more = [
            ("priceChange", "0.00000000".to_owned()),
            ("priceChangePercent", "0.000".to_owned()),
            ("weightedAvgPrice", price(bid.price.0)),
            ("prevClosePrice", price(bid.price.0)),
            ("lastQty", eight_decimals(1, listing.qty_scale)),
            ("bidPrice", price(bid.price.0)),
            ("bidQty", eight_decimals(bid.qty.0, listing.qty_scale)),
            ("askPrice", price(ask.price.0)),
            ("askQty", eight_decimals(ask.qty.0, listing.qty_scale)),
        ];
        fields.extend(more.map(|(name, value)| (name.to_owned(), Value::from(value))));
    }
    fields
}

/// An amount with the venue's eight decimals.
fn eight_decimals(units: i64, scale: u8) -> String {
    let mut text = String::new();
    super::frame::write_fixed(&mut text, units, scale);
    text
}

async fn depth(State(app): App, ConnectInfo(peer): Peer, Query(params): Params) -> Response {
    let limit = depth_limit(find(&params, "limit"));
    let weight = limit.as_ref().map_or(1, |limit| depth_weight(*limit));
    let instrument = find(&params, "symbol").and_then(|symbol| app.binance(symbol));
    let charged = match Charged::admit(&app, peer, weight, (instrument, true)).await {
        Ok(charged) => charged,
        Err(refused) => return *refused,
    };
    let wanted = find(&params, "symbol")
        .filter(|symbol| !symbol.is_empty())
        .ok_or(Refusal::MissingParameter("symbol"));
    let wanted = wanted.and_then(|_| instrument.ok_or(Refusal::UnknownSymbol));
    let (instrument, limit) = match (wanted, limit) {
        (Ok(instrument), Ok(limit)) => (instrument, limit),
        (Err(refusal), _) | (_, Err(refusal)) => return charged.refuse(&refusal),
    };
    let Some(book) = app.look(move |engine| engine.snapshot(instrument, limit)).await else {
        return stopping();
    };
    tokio::time::sleep(app.config.rules.rest_latency).await;
    charged.ok(depth_body(&app.symbols[instrument], &book))
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

/// The body of a depth answer.
pub(crate) fn depth_body(symbol: &Symbol, book: &Book) -> String {
    let mut body = format!(r#"{{"lastUpdateId":{},"bids":"#, book.update_id);
    write_levels(&mut body, &book.bids, symbol);
    body.push_str(r#","asks":"#);
    write_levels(&mut body, &book.asks, symbol);
    body.push('}');
    body
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

/// The stream names of an address.
pub(crate) fn split_streams(streams: &str) -> Vec<String> {
    streams.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Answers a WebSocket upgrade whose address names streams.
fn open(
    app: &Arc<Shared>,
    peer: SocketAddr,
    params: &[(String, String)],
    streams: Vec<String>,
    is_combined: bool,
    request: Request,
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
    let socket = SocketRules {
        ping: Some((rules.ping_interval, rules.pong_timeout)),
        lifetime: Some((rules.connection_lifetime, rules.shutdown_notice)),
        client_messages_per_sec: rules.client_messages_per_sec,
    };
    let opening = Opening { peer, dialect: Dialect::Binance(Form { unit, is_combined }), streams };
    upgrade(app, opening, socket, request).unwrap_or_else(|| refuse("not a WebSocket upgrade of version 13"))
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
