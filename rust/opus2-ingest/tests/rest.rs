//! The REST client against a server on loopback that answers what a venue may answer.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use opus2_ingest::clock::Clock;
use opus2_ingest::config::RestSettings;
use opus2_ingest::metrics::Metrics;
use opus2_ingest::rest::{RestClient, RestError};
use opus2_ingest::weight::Purpose;
use opus2_types::Venue;
use opus2_venue::listing::WeightLimit;
use tokio::net::TcpListener;

const SETTINGS: RestSettings =
    RestSettings { timeout: Duration::from_secs(1), body_bytes_limit: 1000, requests_limit: 1 };
const LIMIT: (WeightLimit, u32) = (WeightLimit { weight: 6000, interval_secs: 60 }, 80);

fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
    of.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

async fn client() -> (RestClient, Arc<Metrics>) {
    let router = Router::new()
        .route("/good", get(async || (headers(&[("x-mbx-used-weight-1m", "4700")]), r#"{"a": 1 }"#)))
        .route("/slow", get(async || std::future::pending::<()>().await))
        .route("/large", get(async || "x".repeat(1001)))
        .route(
            "/limit",
            get(async || (StatusCode::TOO_MANY_REQUESTS, headers(&[("retry-after", "7")]), "{}")),
        )
        .route("/ban", get(async || (StatusCode::IM_A_TEAPOT, "banned")))
        .route("/here", get(async || (StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS, "restricted location")))
        .route(
            "/symbol",
            get(async || (StatusCode::BAD_REQUEST, r#"{"code":-1121,"msg":"Invalid symbol."}"#)),
        )
        .route("/trouble", get(async || (StatusCode::BAD_GATEWAY, "y".repeat(100_000))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    let metrics = Arc::new(Metrics::new(Venue::Binance));
    let client =
        RestClient::new(base, SETTINGS, LIMIT, Arc::new(Clock::new()), Arc::clone(&metrics)).unwrap();
    (client, metrics)
}

#[tokio::test]
async fn the_body_is_untouched_and_the_venues_count_of_weight_is_taken() {
    let (client, metrics) = client().await;
    assert_eq!(client.get("/good").await.unwrap().body, br#"{"a": 1 }"#);
    assert_eq!(metrics.rest_weight_used.get(), 4700);
    // The budget is 80 % of 6000; a minute may have turned in between, which frees it.
    let wait = client.spend(250, Purpose::Start);
    assert!(wait.is_ok() || wait.unwrap_err() <= Duration::from_secs(61));
}

/// The path's error by its name in metrics, and whether asking again is useless.
#[track_caller]
fn check(error: &RestError, expect: &str, is_permanent: bool) {
    assert_eq!((error.as_str(), error.is_permanent()), (expect, is_permanent), "{error}");
}

#[tokio::test]
async fn every_answer_that_is_none_says_what_it_is() {
    for (path, expect, is_permanent) in [
        ("/slow", "unreachable", false),
        ("/large", "too_large", true),
        ("/limit", "rate_limited", false),
        ("/ban", "rate_limited", false),
        ("/here", "forbidden", true),
        ("/symbol", "refused", true),
        ("/trouble", "server_error", false),
        ("/nothing", "refused", true),
    ] {
        let (client, _) = client().await;
        check(&client.get(path).await.unwrap_err(), expect, is_permanent);
    }
}

#[tokio::test]
async fn a_broken_limit_stops_every_request_for_as_long_as_the_venue_says() {
    for (path, secs) in [("/limit", 7), ("/ban", 180)] {
        let (client, _) = client().await;
        assert_eq!(client.spend(1, Purpose::Start), Ok(()));
        client.get(path).await.unwrap_err();
        let wait = client.spend(1, Purpose::Start).unwrap_err();
        assert!(
            wait <= Duration::from_secs(secs) && wait > Duration::from_secs(secs - 5),
            "{path}: {wait:?}"
        );
    }
}

#[tokio::test]
async fn an_error_keeps_the_venues_words_but_not_all_of_them() {
    let (client, _) = client().await;
    assert_eq!(
        client.get("/symbol").await.unwrap_err().to_string(),
        r#"the venue refuses the request (HTTP 400): {"code":-1121,"msg":"Invalid symbol."}"#
    );
    let error = client.get("/trouble").await.unwrap_err().to_string();
    assert!(error.len() < 300, "{} bytes", error.len());
}

#[tokio::test]
async fn nobody_there_is_named_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let metrics = Arc::new(Metrics::new(Venue::Binance));
    let client = RestClient::new(base.clone(), SETTINGS, LIMIT, Arc::new(Clock::new()), metrics).unwrap();
    assert_eq!(client.get("/x").await.unwrap_err().to_string(), format!("no answer from {base}/x"));
}
