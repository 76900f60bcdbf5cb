//! `/metrics` for Prometheus, `/healthz` for supervisors.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use opus2_types::BookState;
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::metrics::{Metrics, ProcessMetrics, render};

/// What the endpoint tells of.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) process: Arc<ProcessMetrics>,
    pub(crate) venues: Arc<[Arc<Metrics>]>,
    pub(crate) clock: Arc<Clock>,
}

/// Serves until `stop` completes.
pub(crate) async fn serve(
    listener: TcpListener,
    served: Served,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(serve_metrics))
        .route("/healthz", get(serve_health))
        .with_state(served);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn serve_metrics(State(Served { process, venues, clock }): State<Served>) -> impl IntoResponse {
    process.clock_held.inc_by(clock.take_held_count());
    ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], render(&process, &venues))
}

/// 200 while at least one connection is up, 503 otherwise; the body says how many, how many books are live, and the
/// same of every venue.
async fn serve_health(State(Served { venues, .. }): State<Served>) -> impl IntoResponse {
    let one = |metrics: &Metrics| {
        let books: i64 = BookState::ALL.iter().map(|state| metrics.books_in(*state)).sum();
        [metrics.connections_open.get(), metrics.connections.get(), metrics.books_in(BookState::Live), books]
    };
    let text = |[open, connections, live, books]: [i64; 4]| {
        format!(
            r#""connections_open":{open},"connections":{connections},"books_live":{live},"books":{books}"#
        )
    };
    let total = venues
        .iter()
        .map(|metrics| one(metrics))
        .fold([0; 4], |total: [i64; 4], of| std::array::from_fn(|index| total[index] + of[index]));
    let of_venues: Vec<String> = venues
        .iter()
        .map(|metrics| {
            let health = metrics.health();
            format!(r#""{}":{{{},"health":{health:.1}}}"#, metrics.venue(), text(one(metrics)))
        })
        .collect();
    let status = if total[0] > 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = format!(r#"{{{},"venues":{{{}}}}}"#, text(total), of_venues.join(","));
    (status, [(header::CONTENT_TYPE, "application/json")], body)
}
