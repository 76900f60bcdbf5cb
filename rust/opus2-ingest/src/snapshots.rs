//! Depth snapshots for all connections, within one budget.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use opus2_venue::session::{Request, SnapshotPurpose};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::metrics::Metrics;
use crate::rest::{Answer, RestClient, RestError};
use crate::weight::Purpose;

/// One snapshot wanted.
#[derive(Debug)]
pub struct SnapshotRequest {
    /// Given back with the answer.
    pub instrument: usize,
    /// What to ask for.
    pub request: Request,
    /// Why.
    pub purpose: SnapshotPurpose,
    /// Where the answer goes. Must have room for one answer of each instrument; when it is closed, nobody waits any more
    /// and the request is dropped without being sent.
    pub reply: mpsc::Sender<SnapshotAnswer>,
}

/// What came of it.
#[derive(Debug)]
pub struct SnapshotAnswer {
    /// From the request.
    pub instrument: usize,
    /// The body, or why there is none.
    pub result: Result<Answer, RestError>,
}

/// Serves requests until their channel closes: first-come, those of starting instruments before those of lost books, as
/// fast as the weight budget allows, `requests_limit` at a time.
pub async fn serve_snapshots(
    client: Arc<RestClient>,
    metrics: Arc<Metrics>,
    requests_limit: usize,
    waiting_limit: usize,
    mut requests: mpsc::Receiver<SnapshotRequest>,
) {
    let mut waiting = Waiting::default();
    let mut open = JoinSet::new();
    loop {
        let mut wake = None;
        while open.len() < requests_limit {
            match waiting.next(&client) {
                Next::Send(request) => {
                    open.spawn(answer(Arc::clone(&client), Arc::clone(&metrics), request));
                }
                Next::Wait(pause) => {
                    wake = Some(pause);
                    break;
                }
                Next::Nothing => break,
            }
        }
        tokio::select! {
            request = requests.recv(), if waiting.len() < waiting_limit => match request {
                Some(request) => waiting.push(request),
                None => return,
            },
            Some(ended) = open.join_next(), if !open.is_empty() => {
                if let Err(error) = ended
                    && let Ok(panic) = error.try_into_panic()
                {
                    // Somebody waits for an answer that will not come: better to stop than to follow a book blindly.
                    std::panic::resume_unwind(panic);
                }
            }
            () = tokio::time::sleep(wake.unwrap_or_default()), if wake.is_some() => {}
        }
    }
}

#[derive(Default)]
struct Waiting {
    starts: VecDeque<SnapshotRequest>,
    resyncs: VecDeque<SnapshotRequest>,
}

enum Next {
    Send(SnapshotRequest),
    Wait(Duration),
    Nothing,
}

impl Waiting {
    fn len(&self) -> usize {
        self.starts.len() + self.resyncs.len()
    }

    fn push(&mut self, request: SnapshotRequest) {
        match request.purpose {
            SnapshotPurpose::Start => self.starts.push_back(request),
            SnapshotPurpose::Resync | SnapshotPurpose::Deepen => self.resyncs.push_back(request),
        }
    }

    fn next(&mut self, client: &RestClient) -> Next {
        let mut wait: Option<Duration> = None;
        for (queue, purpose) in [(&mut self.starts, Purpose::Start), (&mut self.resyncs, Purpose::Resync)] {
            while queue.front().is_some_and(|request| request.reply.is_closed()) {
                queue.pop_front();
            }
            let Some(request) = queue.front() else { continue };
            match client.spend(request.request.weight, purpose) {
                Ok(()) => return queue.pop_front().map_or(Next::Nothing, Next::Send),
                Err(pause) => wait = Some(wait.map_or(pause, |wait| wait.min(pause))),
            }
        }
        wait.map_or(Next::Nothing, Next::Wait)
    }
}

async fn answer(client: Arc<RestClient>, metrics: Arc<Metrics>, request: SnapshotRequest) {
    let result = client.get(&request.request.path).await;
    match &result {
        Ok(answer) => {
            metrics.snapshots.add_one("ok");
            tracing::debug!(path = request.request.path, bytes = answer.body.len(), "snapshot");
        }
        Err(error) => {
            metrics.snapshots.add_one(error.as_str());
            tracing::warn!(
                path = request.request.path,
                error = error as &dyn std::error::Error,
                "no snapshot"
            );
        }
    }
    // A connection that has ended does not want it any more.
    drop(request.reply.try_send(SnapshotAnswer { instrument: request.instrument, result }));
}

#[cfg(test)]
mod tests {
    use opus2_venue::binance::{depth_request_weight, snapshot_path};

    use std::sync::Mutex;

    use axum::Router;
    use axum::extract::{RawQuery, State};
    use axum::routing::get;
    use opus2_types::Venue;
    use tokio::net::TcpListener;

    use super::*;
    use crate::clock::Clock;
    use crate::config::RawConfig;

    type Asked = Arc<Mutex<Vec<String>>>;

    async fn depth(State(asked): State<Asked>, RawQuery(query): RawQuery) -> &'static str {
        asked.lock().unwrap().push(query.unwrap());
        "{}"
    }

    /// Puts in all requests (symbol, purpose, whether somebody waits) before the service starts; gives the symbols in the
    /// order in which the venue was asked for them.
    async fn order(requests: &[(&str, SnapshotPurpose, bool)]) -> String {
        let asked = Asked::default();
        let router = Router::new().route("/api/v3/depth", get(depth)).with_state(Arc::clone(&asked));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        let metrics = Arc::new(Metrics::new(Venue::Binance));
        let rest = RawConfig::default().validate().unwrap().rest;
        let client = RestClient::new(base, rest, Arc::new(Clock::new()), Arc::clone(&metrics)).unwrap();
        let (sender, receiver) = mpsc::channel(requests.len());
        let (reply, mut answers) = mpsc::channel(requests.len());
        for (instrument, (symbol, purpose, is_awaited)) in requests.iter().enumerate() {
            let reply = if *is_awaited { reply.clone() } else { mpsc::channel(1).0 };
            let request = SnapshotRequest {
                instrument,
                request: Request { path: snapshot_path(symbol, 100), weight: depth_request_weight(100) },
                purpose: *purpose,
                reply,
            };
            sender.try_send(request).unwrap();
        }
        let service = tokio::spawn(serve_snapshots(Arc::new(client), metrics, 1, requests.len(), receiver));
        for _ in requests.iter().filter(|(.., is_awaited)| *is_awaited) {
            let answer = answers.recv().await.unwrap();
            assert_eq!(answer.result.unwrap().body, b"{}");
        }
        drop(sender);
        service.await.unwrap();
        let asked = asked.lock().unwrap();
        let symbols = asked.iter().map(|query| query.split(['=', '&']).nth(1).unwrap().to_owned());
        symbols.collect::<Vec<_>>().join(" ")
    }

    #[tokio::test]
    async fn nobody_is_asked_for_what_nobody_awaits() {
        let start = SnapshotPurpose::Start;
        assert_eq!(order(&[("A", start, true), ("B", start, false), ("C", start, true)]).await, "A C");
    }

    #[tokio::test]
    async fn starting_instruments_go_before_lost_books() {
        let (start, resync) = (SnapshotPurpose::Start, SnapshotPurpose::Resync);
        let requests = [("A", resync, true), ("B", resync, true), ("C", start, true), ("D", start, true)];
        // The first is on its way before the others are seen.
        assert_eq!(order(&requests).await, "A C D B");
    }
}
