//! Snapshots for all connections of a venue, within one budget.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opus2_venue::session::{Request, SnapshotPurpose};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::access::Answer;
use crate::metrics::Metrics;
use crate::rest::{self, RestClient, RestError};
use crate::weight::Purpose;

/// One snapshot wanted.
#[derive(Debug)]
pub struct SnapshotRequest {
    /// Given back with the answer.
    pub instrument: usize,
    /// The instrument's place in the order of importance; lower goes first.
    pub rank: usize,
    /// What to ask for.
    pub request: Request,
    /// Why.
    pub purpose: SnapshotPurpose,
    /// Where the answer goes. Must have room for two answers of each instrument; when it is closed, nobody waits any
    /// more and the request is dropped without being sent.
    pub reply: mpsc::Sender<Answer>,
}

/// What came of it.
#[derive(Debug)]
pub struct SnapshotAnswer {
    /// From the request.
    pub instrument: usize,
    /// The body, or why there is none.
    pub result: Result<rest::Answer, RestError>,
}

/// Serves requests until their channel closes: those of starting instruments before those of lost books before those
/// that only make a book deeper; among them the most important instrument first; as fast as the weight budget allows,
/// `requests_limit` at a time.
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
        // Whoever is here already is weighed by importance, not by who came first.
        while waiting.len() < waiting_limit {
            match requests.try_recv() {
                Ok(request) => waiting.push(request),
                Err(_) => break,
            }
        }
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
        waiting.show(&metrics);
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

/// Requests by rank; of equal rank, in the order in which they came.
#[derive(Default)]
struct Waiting {
    starts: BTreeMap<(usize, u64), SnapshotRequest>,
    resyncs: BTreeMap<(usize, u64), SnapshotRequest>,
    deepens: BTreeMap<(usize, u64), SnapshotRequest>,
    pushed: u64,
}

enum Next {
    Send(SnapshotRequest),
    Wait(Duration),
    Nothing,
}

impl Waiting {
    fn len(&self) -> usize {
        self.starts.len() + self.resyncs.len() + self.deepens.len()
    }

    fn push(&mut self, request: SnapshotRequest) {
        self.pushed += 1;
        let key = (request.rank, self.pushed);
        let queue = match request.purpose {
            SnapshotPurpose::Start => &mut self.starts,
            SnapshotPurpose::Resync => &mut self.resyncs,
            SnapshotPurpose::Deepen => &mut self.deepens,
        };
        queue.insert(key, request);
    }

    fn next(&mut self, client: &RestClient) -> Next {
        let mut wait: Option<Duration> = None;
        for (queue, purpose) in [
            (&mut self.starts, Purpose::Start),
            (&mut self.resyncs, Purpose::Resync),
            (&mut self.deepens, Purpose::Deepen),
        ] {
            while queue.first_key_value().is_some_and(|(_, request)| request.reply.is_closed()) {
                queue.pop_first();
            }
            let Some((_, request)) = queue.first_key_value() else { continue };
            match client.spend(request.request.weight, purpose) {
                Ok(()) => return queue.pop_first().map_or(Next::Nothing, |(_, request)| Next::Send(request)),
                Err(pause) => wait = Some(wait.map_or(pause, |wait| wait.min(pause))),
            }
            // What is needed less does not take the weight for which something needed more is waiting.
            if purpose == Purpose::Start {
                break;
            }
        }
        wait.map_or(Next::Nothing, Next::Wait)
    }

    fn show(&self, metrics: &Metrics) {
        metrics.set_snapshots_waiting(SnapshotPurpose::Start, self.starts.len());
        metrics.set_snapshots_waiting(SnapshotPurpose::Resync, self.resyncs.len());
        metrics.set_snapshots_waiting(SnapshotPurpose::Deepen, self.deepens.len());
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
    let answer = SnapshotAnswer { instrument: request.instrument, result };
    drop(request.reply.try_send(Answer::Snapshot(answer)));
}

#[cfg(test)]
mod tests {
    use opus2_venue::binance::{depth_request_weight, snapshot_path};

    use std::sync::Mutex;

    use axum::Router;
    use axum::extract::{RawQuery, State};
    use axum::routing::get;
    use opus2_types::Venue;
    use opus2_venue::listing::WeightLimit;
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
        let requests: Vec<_> =
            requests.iter().map(|(symbol, purpose, awaited)| (*symbol, *purpose, *awaited, 0)).collect();
        order_by_rank(&requests).await
    }

    async fn order_by_rank(requests: &[(&str, SnapshotPurpose, bool, usize)]) -> String {
        let asked = Asked::default();
        let router = Router::new().route("/api/v3/depth", get(depth)).with_state(Arc::clone(&asked));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        let metrics = Arc::new(Metrics::new(Venue::Binance));
        let rest = RawConfig::default().validate().unwrap().rest;
        let limit = (WeightLimit { weight: 6000, interval_secs: 60 }, 80);
        let client =
            RestClient::new(base, rest, limit, Arc::new(Clock::new()), Arc::clone(&metrics)).unwrap();
        let (sender, receiver) = mpsc::channel(requests.len());
        let (reply, mut answers) = mpsc::channel(requests.len());
        for (instrument, (symbol, purpose, is_awaited, rank)) in requests.iter().enumerate() {
            let reply = if *is_awaited { reply.clone() } else { mpsc::channel(1).0 };
            let request = SnapshotRequest {
                instrument,
                rank: *rank,
                request: Request { path: snapshot_path(symbol, 100), weight: depth_request_weight(100) },
                purpose: *purpose,
                reply,
            };
            sender.try_send(request).unwrap();
        }
        let service = tokio::spawn(serve_snapshots(Arc::new(client), metrics, 1, requests.len(), receiver));
        for _ in requests.iter().filter(|(_, _, is_awaited, _)| *is_awaited) {
            let Some(Answer::Snapshot(answer)) = answers.recv().await else { panic!("no answer") };
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
        assert_eq!(order(&requests).await, "C D A B");
    }

    #[tokio::test]
    async fn the_most_important_instrument_goes_first() {
        let (start, resync) = (SnapshotPurpose::Start, SnapshotPurpose::Resync);
        let requests =
            [("A", start, true, 9), ("B", resync, true, 0), ("C", start, true, 2), ("D", start, true, 2)];
        assert_eq!(order_by_rank(&requests).await, "C D A B");
    }
}
