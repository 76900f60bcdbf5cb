//! The daemon from start to stop: broker, metrics, one roster a venue, and what they came to.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opus2_types::UnixNanos;
use opus2_wire::topic;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::access::{Access, stopped};
use crate::backoff::AttemptQuota;
use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::{Config, VenueConfig};
use crate::endpoint::{self, Served};
use crate::error::IngestError;
use crate::exchange;
use crate::health::watch_health;
use crate::metrics::{Metrics, ProcessMetrics};
use crate::publisher::Publisher;
use crate::rest::RestClient;
use crate::roster::Roster;
use crate::snapshots::serve_snapshots;
use crate::summary::Summary;
use crate::topics::prepare_topics;

/// Opens the port of the metrics endpoint.
///
/// # Errors
/// The port is taken or not ours.
pub async fn listen(config: &Config) -> Result<TcpListener, IngestError> {
    let address = config.metrics_listen;
    TcpListener::bind(address).await.map_err(|source| IngestError::Listen { address, source })
}

/// Runs the daemon until `shutdown` completes, then stops in order: no more reading, everything on its way delivered
/// within `kafka.flush_secs_max`.
///
/// # Errors
/// What keeps it from starting, or a broker client that has failed for good.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, IngestError> {
    let clock = Arc::new(Clock::new());
    let process = Arc::new(ProcessMetrics::default());
    let metrics: Vec<Arc<Metrics>> =
        config.venues.iter().map(|venue| Arc::new(Metrics::new(venue.venue))).collect();
    let (stop_sender, stop) = watch::channel(false);
    let stop_endpoint = {
        let mut stop = stop.clone();
        async move { stopped(&mut stop).await }
    };
    let served =
        Served { process: Arc::clone(&process), venues: metrics.clone().into(), clock: Arc::clone(&clock) };
    let endpoint = tokio::spawn(endpoint::serve(listener, served, stop_endpoint));
    let daemon = Daemon { config, clock, process, metrics };
    let result = daemon.start_and_hold(shutdown, &stop_sender, stop).await;
    stop_sender.send_replace(true);
    match tokio::time::timeout(ENDPOINT_STOP_MAX, endpoint).await {
        Ok(Ok(Err(error))) => tracing::error!(error = %error, "metrics endpoint failed"),
        Ok(Err(error)) => tracing::error!(error = %error, "metrics endpoint died"),
        // A scraper that holds its connection open must not keep us from stopping.
        Ok(Ok(Ok(()))) | Err(_) => {}
    }
    result.map(|()| Summary::of(&daemon.metrics))
}

const ENDPOINT_STOP_MAX: Duration = Duration::from_secs(1);
/// Connections end at once when asked to; this is for one that hangs.
const SHARDS_STOP_MAX: Duration = Duration::from_secs(5);

struct Daemon {
    config: Config,
    clock: Arc<Clock>,
    process: Arc<ProcessMetrics>,
    /// In the order of `config.venues`.
    metrics: Vec<Arc<Metrics>>,
}

impl Daemon {
    async fn start_and_hold(
        &self,
        shutdown: impl Future<Output = ()>,
        stop_sender: &watch::Sender<bool>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), IngestError> {
        tokio::pin!(shutdown);
        let started = tokio::select! {
            started = self.start(stop) => started?,
            () = &mut shutdown => return Ok(()),
        };
        let Started { publisher, mut tasks } = started;
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            reason = publisher.fatal() => Err(IngestError::BrokerFatal { reason }),
            Some(died) = tasks.join_next() => match died {
                Err(source) => Err(IngestError::TaskDied { task: "a venue's connections or its snapshot service", source }),
                Ok(()) => Ok(()),
            },
        };
        tracing::info!("stopping");
        stop_sender.send_replace(true);
        let joined =
            tokio::time::timeout(SHARDS_STOP_MAX, async { while tasks.join_next().await.is_some() {} });
        if joined.await.is_err() {
            tracing::error!("a connection did not stop in time");
            tasks.abort_all();
        }
        let flush_max = self.config.publish.flush_max;
        let flushed = tokio::task::spawn_blocking(move || publisher.close(flush_max)).await;
        match flushed {
            Ok(true) => tracing::info!("stopped"),
            Ok(false) => tracing::error!(secs = flush_max.as_secs(), "records were given up when stopping"),
            Err(source) => return Err(IngestError::TaskDied { task: "flush", source }),
        }
        outcome
    }

    async fn start(&self, stop: watch::Receiver<bool>) -> Result<Started, IngestError> {
        let config = &self.config;
        let mut topics: Vec<&'static str> =
            config.venues.iter().map(|venue| topic::raw(venue.feed.kind())).collect();
        topics.push(topic::DEAD_LETTERS);
        let partitions = prepare_topics(&config.publish, &topics).await?;
        let publisher = Arc::new(Publisher::new(&config.publish, Arc::clone(&self.process))?);
        let started = self.clock.now().recv_ts;
        let next_shard = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for (index, venue) in config.venues.iter().enumerate() {
            let (topic, partitions) = (topics[index], partitions[index]);
            let parts =
                Parts { publisher: &publisher, metrics: &self.metrics[index], topic, partitions, started };
            self.start_venue(venue, &parts, &next_shard, &stop, &mut tasks)?;
        }
        Ok(Started { publisher, tasks })
    }

    fn start_venue(
        &self,
        venue: &VenueConfig,
        parts: &Parts<'_>,
        next_shard: &Arc<AtomicUsize>,
        stop: &watch::Receiver<bool>,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), IngestError> {
        let (clock, metrics) = (Arc::clone(&self.clock), Arc::clone(parts.metrics));
        let weight = (exchange::request_limit(venue.venue), venue.weight_percent);
        let rest = RestClient::new(venue.rest_url.clone(), self.config.rest, weight, clock, metrics)
            .map_err(|source| IngestError::RestClient { url: venue.rest_url.clone(), source })?;
        let rest = Arc::new(rest);
        // Every instrument has two requests open at most; twice that covers those of connections that have ended.
        let requests_limit = venue.selection.limit() * 4;
        let (snapshots, requests) = mpsc::channel(requests_limit);
        tasks.spawn(serve_snapshots(
            Arc::clone(&rest),
            Arc::clone(parts.metrics),
            self.config.rest.requests_limit,
            requests_limit,
            requests,
        ));
        let settings = self.config.connection;
        let shared = Arc::new(Access {
            config: venue.clone(),
            settings,
            full_max: self.config.publish.full_max,
            topic: parts.topic,
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(parts.metrics),
            publisher: Arc::clone(parts.publisher),
            rest,
            snapshots,
            breaker: Breaker::new(settings.breaker_failures, settings.breaker_open),
            quota: Mutex::new(AttemptQuota::new(venue.attempts_limit, venue.attempts_window)),
        });
        tasks.spawn(watch_health(Arc::clone(&shared), stop.clone()));
        let roster =
            Roster::new(shared, parts.partitions, parts.started, Arc::clone(next_shard), stop.clone());
        tasks.spawn(roster.run());
        Ok(())
    }
}

/// What a venue is started with.
struct Parts<'a> {
    publisher: &'a Arc<Publisher>,
    metrics: &'a Arc<Metrics>,
    topic: &'static str,
    partitions: u32,
    started: UnixNanos,
}

struct Started {
    publisher: Arc<Publisher>,
    tasks: JoinSet<()>,
}
