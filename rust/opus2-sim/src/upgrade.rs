//! From an HTTP request to a WebSocket connection.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::dialect::Dialect;
use crate::server::Shared;
use crate::socket::{Opening, SocketRules, serve_socket};

/// Answers a WebSocket upgrade, and hands the connection to a task of its own. `None`: the request is no upgrade.
pub(crate) fn upgrade(
    app: &Arc<Shared>,
    opening: Opening,
    rules: SocketRules,
    mut request: Request,
) -> Option<Response> {
    let accept = accept_key(request.headers())?;
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(serve_socket(upgrade, opening, rules, app.commands.clone()));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Some(response)
}

/// A connection whose address says nothing but the venue.
pub(crate) const fn plain(peer: SocketAddr, dialect: Dialect) -> Opening {
    Opening { peer, dialect, streams: Vec::new() }
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
