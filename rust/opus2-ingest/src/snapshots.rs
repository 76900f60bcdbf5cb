//! Depth snapshots for all connections, within one budget.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use opus2_venue::binance::{SnapshotPurpose, depth_request_weight, snapshot_path};
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
    /// The venue's symbol.
    pub symbol: String,
    /// Levels a side.
    pub levels: u16,
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
            SnapshotPurpose::Resync => self.resyncs.push_back(request),
        }
    }

    fn next(&mut self, client: &RestClient) -> Next {
        let mut wait: Option<Duration> = None;
        for (queue, purpose) in [(&mut self.starts, Purpose::Start), (&mut self.resyncs, Purpose::Resync)] {
            while queue.front().is_some_and(|request| request.reply.is_closed()) {
                queue.pop_front();
            }
            let Some(request) = queue.front() else { continue };
            match client.spend(depth_request_weight(request.levels), purpose) {
                Ok(()) => return queue.pop_front().map_or(Next::Nothing, Next::Send),
                Err(pause) => wait = Some(wait.map_or(pause, |wait| wait.min(pause))),
            }
        }
        wait.map_or(Next::Nothing, Next::Wait)
    }
}

async fn answer(client: Arc<RestClient>, metrics: Arc<Metrics>, request: SnapshotRequest) {
    let result = client.get(&snapshot_path(&request.symbol, request.levels)).await;
    match &result {
        Ok(answer) => {
            metrics.snapshots.add_one("ok");
            tracing::debug!(instrument = request.symbol, bytes = answer.body.len(), "snapshot");
        }
        Err(error) => {
            metrics.snapshots.add_one(error.as_str());
            tracing::warn!(
                instrument = request.symbol,
                error = error as &dyn std::error::Error,
                "no snapshot"
            );
        }
    }
    // A connection that has ended does not want it any more.
    drop(request.reply.try_send(SnapshotAnswer { instrument: request.instrument, result }));
}
