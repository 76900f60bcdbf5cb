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
use crate::metrics::Metrics;

#[derive(Clone)]
struct Served {
    metrics: Arc<Metrics>,
    clock: Arc<Clock>,
}

/// Serves until `stop` completes.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    clock: Arc<Clock>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(serve_metrics))
        .route("/healthz", get(serve_health))
        .with_state(Served { metrics, clock });
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn serve_metrics(State(Served { metrics, clock }): State<Served>) -> impl IntoResponse {
    metrics.clock_held.inc_by(clock.take_held_count());
    ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], metrics.render())
}

/// 200 while at least one connection is up, 503 otherwise; the body says how many, and how many books are live.
async fn serve_health(State(Served { metrics, .. }): State<Served>) -> impl IntoResponse {
    let open = metrics.connections_open.get();
    let status = if open > 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let books: i64 = BookState::ALL.iter().map(|state| metrics.books_in(*state)).sum();
    let body = format!(
        r#"{{"connections_open":{open},"connections":{},"books_live":{},"books":{books}}}"#,
        metrics.connections.get(),
        metrics.books_in(BookState::Live),
    );
    (status, [(header::CONTENT_TYPE, "application/json")], body)
}
