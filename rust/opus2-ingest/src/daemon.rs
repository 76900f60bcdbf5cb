//! The daemon from start to stop: broker, instrument list, shards, and what they came to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opus2_types::InstrumentSpec;
use opus2_venue::binance::{EXCHANGE_INFO_PATH, EXCHANGE_INFO_WEIGHT, parse_exchange_info};
use opus2_venue::listing::{ListedInstrument, Listing};
use opus2_wire::topic;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::backoff::{AttemptQuota, Backoff};
use crate::clock::Clock;
use crate::config::Config;
use crate::connection::Shared;
use crate::endpoint;
use crate::error::IngestError;
use crate::metrics::Metrics;
use crate::publisher::{Publisher, Route};
use crate::rest::{Answer, RestClient};
use crate::shard::{ATTEMPTS_WINDOW, Shard};
use crate::snapshots::serve_snapshots;
use crate::summary::Summary;
use crate::topics::prepare_topics;
use crate::weight::Purpose;

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
    let metrics = Arc::new(Metrics::new(config.venue));
    let (stop_sender, stop) = watch::channel(false);
    let stop_endpoint = {
        let mut stop = stop.clone();
        async move { crate::connection::stopped(&mut stop).await }
    };
    let endpoint =
        tokio::spawn(endpoint::serve(listener, Arc::clone(&metrics), Arc::clone(&clock), stop_endpoint));
    let daemon = Daemon { config, clock, metrics };
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
    metrics: Arc<Metrics>,
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
                Err(source) => Err(IngestError::TaskDied { task: "a connection or the snapshot service", source }),
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
        let raw_topic = topic::raw_l2(config.venue);
        let partitions = prepare_topics(&config.publish, &[raw_topic, topic::DEAD_LETTERS]).await?[0];
        let publisher = Arc::new(Publisher::new(&config.publish, Arc::clone(&self.metrics))?);
        let url = config.rest_url.clone();
        let rest =
            RestClient::new(url.clone(), config.rest, Arc::clone(&self.clock), Arc::clone(&self.metrics))
                .map_err(|source| IngestError::InstrumentList { url, source })?;
        let rest = Arc::new(rest);
        let info = self.fetch_instruments(&rest).await?;
        if let Some(limit) = info.request_weight {
            rest.set_weight_limit(limit.weight, limit.interval_secs);
        }
        let specs = select(&config.instruments, info)?;
        tracing::info!(instruments = specs.len(), topic = raw_topic, partitions, "starting");
        self.metrics.books_begin(specs.len());

        let mut tasks = JoinSet::new();
        // Every instrument has one request open at most; twice that covers requests of connections that have ended.
        let requests_limit = specs.len() * 2;
        let (snapshots, requests) = mpsc::channel(requests_limit);
        tasks.spawn(serve_snapshots(
            rest,
            Arc::clone(&self.metrics),
            config.rest.requests_limit,
            requests_limit,
            requests,
        ));
        let shared = Arc::new(Shared {
            venue: config.venue,
            ws_url: config.ws_url.clone(),
            topic: raw_topic,
            snapshot_levels: config.snapshot_levels,
            settings: config.connection,
            full_max: config.publish.full_max,
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
            publisher: Arc::clone(&publisher),
            snapshots,
        });
        self.spawn_shards(specs, partitions, &shared, &stop, &mut tasks);
        Ok(Started { publisher, tasks })
    }

    fn spawn_shards(
        &self,
        specs: Vec<InstrumentSpec>,
        partitions: u32,
        shared: &Arc<Shared>,
        stop: &watch::Receiver<bool>,
        tasks: &mut JoinSet<()>,
    ) {
        let quota = AttemptQuota::new(self.config.connection.attempts_limit, ATTEMPTS_WINDOW);
        let quota = Arc::new(Mutex::new(quota));
        let started = self.clock.now().recv_ts;
        let mut routes = specs.into_iter().map(|spec| Route::new(spec, partitions)).peekable();
        for index in 0.. {
            if routes.peek().is_none() {
                break;
            }
            let next = Shard {
                index,
                routes: routes.by_ref().take(self.config.instruments_per_connection).collect(),
                shared: Arc::clone(shared),
                started,
                quota: Arc::clone(&quota),
            };
            self.metrics.connections.inc();
            tasks.spawn(next.run(stop.clone()));
        }
    }

    /// Asks for the list until it comes, but not for ever.
    async fn fetch_instruments(&self, rest: &RestClient) -> Result<Listing, IngestError> {
        let began = Instant::now();
        let mut backoff = Backoff::new(self.config.connection.backoff);
        let url = || format!("{}{EXCHANGE_INFO_PATH}", self.config.rest_url);
        loop {
            while let Err(pause) = rest.spend(EXCHANGE_INFO_WEIGHT, Purpose::Start) {
                tokio::time::sleep(pause).await;
            }
            match rest.get(EXCHANGE_INFO_PATH).await {
                Ok(Answer { body, .. }) => {
                    return parse_exchange_info(&body)
                        .map_err(|source| IngestError::InstrumentListUnreadable { url: url(), source });
                }
                Err(source) if source.is_permanent() || began.elapsed() >= self.config.rest.startup_max => {
                    return Err(IngestError::InstrumentList { url: url(), source });
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(url = url(), error, "no list of instruments yet");
                }
            }
            let pause = backoff.after(Duration::ZERO, false, rand::random());
            tokio::time::sleep(pause).await;
        }
    }
}

struct Started {
    publisher: Arc<Publisher>,
    tasks: JoinSet<()>,
}

/// The specifications of the instruments asked for that are trading, in the order asked for. The others are logged.
fn select(wanted: &[String], info: Listing) -> Result<Vec<InstrumentSpec>, IngestError> {
    let refused: HashMap<String, String> =
        info.refused.into_iter().map(|refused| (refused.symbol, refused.reason.to_string())).collect();
    let mut listed: HashMap<String, ListedInstrument> =
        info.instruments.into_iter().map(|listed| (listed.spec.symbol.clone(), listed)).collect();
    let mut specs = Vec::new();
    let mut reasons = Vec::new();
    for symbol in wanted {
        let reason = match listed.remove(symbol) {
            Some(listed) if listed.is_trading() => {
                specs.push(listed.spec);
                continue;
            }
            Some(listed) => format!("status {}, spot {}", listed.status, listed.is_spot),
            None => match refused.get(symbol) {
                Some(reason) => reason.clone(),
                None => "not in the venue's list".to_owned(),
            },
        };
        tracing::error!(symbol, reason, "instrument left out");
        reasons.push(format!("{symbol}: {reason}"));
    }
    if specs.is_empty() { Err(IngestError::NoInstruments { reasons }) } else { Ok(specs) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_can_be_spawned() {
        fn check<F: Future + Send>(_: impl Fn(Config, TcpListener) -> F) {}
        check(|config, listener| run(config, listener, std::future::pending()));
    }

    #[test]
    fn instruments_are_selected_in_the_order_asked_for_and_the_others_named() {
        let entry = |symbol: &str, status: &str| {
            format!(
                r#"{{"symbol":"{symbol}","status":"{status}","baseAsset":"A","baseAssetPrecision":8,"quoteAsset":"B","quoteAssetPrecision":8}}"#
            )
        };
        let body = format!(
            r#"{{"symbols":[{},{},{}]}}"#,
            entry("AB", "TRADING"),
            entry("CD", "BREAK"),
            entry("EF", "TRADING")
        );
        let check = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|symbol| (*symbol).to_owned()).collect();
            let specs = select(&wanted, parse_exchange_info(body.as_bytes()).unwrap());
            specs.map(|specs| specs.into_iter().map(|spec| spec.symbol).collect::<Vec<_>>())
        };
        assert_eq!(check(&["EF", "XY", "AB", "CD"]).unwrap(), ["EF", "AB"]);
        assert_eq!(
            check(&["CD", "XY"]).unwrap_err().to_string(),
            "none of the instruments in venue.instruments is trading at the venue: CD: status BREAK, spot true; \
             XY: not in the venue's list"
        );
    }
}
